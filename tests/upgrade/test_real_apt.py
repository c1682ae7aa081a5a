"""Packages are updated by the real apt and dpkg, from an archive in a throw-away copy of the node image."""

import json
import shlex
from pathlib import Path

import pytest

from scs_rack.upgrade import parts, probe

ARCHIVE = """
set -eu
mkdir -p /archive/less/DEBIAN /archive/less/usr/share/less-new /archive/less/etc; cd /archive
printf '%s\\n' 'Package: less' 'Version: 99:1' 'Architecture: amd64' 'Maintainer: a <a@b>' 'Description: newer' \
  >less/DEBIAN/control
echo new >less/usr/share/less-new/file; echo theirs >less/etc/less.conf; echo /etc/less.conf >less/DEBIAN/conffiles
dpkg-deb --build --root-owner-group less less.deb >/dev/null
{ dpkg-deb --field less.deb; echo "Filename: ./less.deb"; echo "Size: $(stat -c %s less.deb)"
  echo "SHA256: $(sha256sum less.deb | cut -d' ' -f1)"; } >Packages
echo 'deb [trusted=yes] file:/archive ./' >/etc/apt/sources.list
apt-get --quiet --quiet update
echo ours >/etc/less.conf
"""


@pytest.mark.root
def test_an_update_is_seen_installed_and_not_seen_again(node):
    look = shlex.join(["python3", "-c", Path(probe.__file__).read_text(encoding="utf-8"), "all"])
    install = shlex.join(["bash", "-c", parts.INSTALL, "x", "less=99:1"])
    said = node(
        f"{ARCHIVE}\n{look}\n{install} >/dev/null 2>&1\n{look}\ncat /usr/share/less-new/file /etc/less.conf"
    ).stdout
    first, second, *files = said.splitlines()
    (update,) = json.loads(first)["updates"]
    assert (update["name"], update["new"], update["security"]) == ("less", "99:1", False)
    assert json.loads(second)["updates"] == []
    assert files == ["new", "ours"], "settings files stay as they are"

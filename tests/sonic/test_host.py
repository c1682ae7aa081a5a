"""What CONFIG_DB has no table for: accounts, keys, default communities, FRR's own file."""

import json
import shutil
import subprocess
from contextlib import nullcontext
from pathlib import Path
from types import SimpleNamespace

import pytest

from scs_rack.cli import switch_accounts
from scs_rack.cli.main import main
from scs_rack.paths import cache_root
from scs_rack.report.files import rendered
from scs_rack.sonic.accounts import bring, foresee
from scs_rack.sonic.generate import frr_file
from scs_rack.sonic.host import accounts, host_script
from scs_rack.sonic.transport import SwitchRefused

from .options import KEY, RELEASES, everything
from .racks import shipped

IMAGES = cache_root() / "images"
"""Node images of this machine; tests themselves have a cache of their own."""


def test_a_rack_that_states_no_users_has_no_script():
    assert host_script(shipped("lab"), "leaf1") is None
    assert accounts(shipped("lab").switches["leaf1"]) is None


def test_render_writes_what_belongs_beside_config_db():
    files = rendered(everything("202411"))
    assert files["switches/leaf1/frr.conf"] == frr_file(everything("202411"), "leaf1")
    assert KEY in files["switches/leaf1/host.sh"]
    assert "switches/leaf1/frr.conf" not in rendered(everything("202505"))
    assert not any(name.endswith("host.sh") for name in rendered(shipped("lab")))


FAKES = {
    "getent": 'case $1 in passwd) grep "^$2:" "$ROOT/passwd";; group) grep -qx "$2" "$ROOT/groups";; esac',
    "id": 'case $1 in -nG) cat "$ROOT/in/$2" | tr "\\n" " ";; -gn) echo "$2";; esac',
    "useradd": 'eval name=\\${$#}; echo "$name:x:1:1::$ROOT/home/$name:/bin/bash" >> "$ROOT/passwd"; '
    'mkdir -p "$ROOT/home/$name"; echo "$name" > "$ROOT/in/$name"',
    "userdel": 'eval name=\\${$#}; sed -i "/^$name:/d" "$ROOT/passwd"; rm -rf "$ROOT/home/$name"',
    "usermod": 'echo "$3" >> "$ROOT/in/$4"',
    "gpasswd": 'sed -i "/^$3\\$/d" "$ROOT/in/$2"',
    "install": 'eval last=\\${$#}; if [ "$1" = -d ]; then mkdir -p "$last"; else cp "$7" "$last"; fi',
}


@pytest.fixture
def switch(tmp_path):
    """Runs a script with its paths and the tools of accounts turned into a folder."""
    for name in ("bin", "in", "home", "sonic"):
        (tmp_path / name).mkdir()
    (tmp_path / "passwd").write_text("admin:x:0:0::/home/admin:/bin/bash\n", encoding="utf-8")
    (tmp_path / "groups").write_text("sudo\ndocker\nusers\n", encoding="utf-8")
    for name, text in FAKES.items():
        tool = tmp_path / "bin" / name
        tool.write_text(f"#!/bin/sh\n{text}\n", encoding="utf-8")
        tool.chmod(0o755)

    def run(script, *words):
        text = script.replace("/etc/sonic", str(tmp_path / "sonic"))
        done = subprocess.run(
            ["/bin/sh", "-s", *words], input=text, text=True, capture_output=True, check=True,
            env={"ROOT": str(tmp_path), "PATH": f"{tmp_path}/bin:/usr/bin:/bin"},
        )  # fmt: skip
        return done.stdout.splitlines()

    run.root = tmp_path
    return run


def test_accounts_are_made_kept_and_removed(switch):
    script = host_script(everything("202505"), "leaf1")
    said = switch(script)
    assert "made account anna" in said
    assert "put anna into group sudo" in said
    assert "set keys of bob" in said
    assert (switch.root / "home/anna/.ssh/authorized_keys").read_text(encoding="utf-8") == f"{KEY}\n"
    assert "sudo" not in (switch.root / "in/bob").read_text(encoding="utf-8")
    assert switch(script) == []  # a second run changes nothing
    bob = script.index("\naccount bob")
    without = script[:bob] + script[script.index("\nKEYS\n", bob) + 6 :].replace(" anna bob ", " anna ")
    assert switch(without) == ["removed account bob"]
    assert "admin:" in (switch.root / "passwd").read_text(encoding="utf-8")
    assert switch(without) == []


def folder(root):
    return {path: path.read_bytes() for path in root.rglob("*") if path.is_file()}


def test_a_check_says_the_same_and_changes_nothing(switch):
    script = host_script(everything("202505"), "leaf1")
    (switch.root / "sonic/snmp.yml").write_text("snmp_rocommunity: public\n", encoding="utf-8")
    before = folder(switch.root)
    foreseen = switch(script, "check")
    assert folder(switch.root) == before
    assert foreseen[0] == "made account anna"
    assert set(foreseen) <= set(switch(script))  # of an account that is still to be made it says no more
    assert switch(script, "check") == []
    after = folder(switch.root)
    said = switch(script.replace(KEY, f"{KEY} other").replace(" anna bob ", " anna "), "check")
    assert said == ["set keys of anna", "set keys of bob", "removed account bob"]
    assert folder(switch.root) == after


def test_an_admin_who_became_an_operator_loses_the_groups(switch):
    script = host_script(everything("202505"), "leaf1")
    switch(script)
    assert "took anna out of the groups of admins" in switch(
        script.replace("account anna sudo,docker,redis,adm", "account anna users")
    )
    assert "docker" not in (switch.root / "in/anna").read_text(encoding="utf-8")


class Reached:
    """A switch that runs what it is given in the folder of the fixture."""

    def __init__(self, run, name="leaf1"):
        self.name, self.run = name, run
        self.ctx = SimpleNamespace(design=everything("202505"))

    def locked(self):
        return nullcontext()

    def ask(self, command, *, stdin, timeout):
        words = command.split()
        assert words[:4] == ["sudo", "-n", "sh", "-s"]
        return "\n".join(self.run(stdin, *words[4:]))


def test_accounts_are_brought_and_looked_at_again(switch):
    assert foresee(Reached(switch))[0] == "made account anna"
    assert "made account anna" in bring(Reached(switch))
    assert foresee(Reached(switch)) == []
    assert bring(Reached(switch)) == []


def test_a_switch_that_forgets_accounts_is_told_of():
    with pytest.raises(SwitchRefused, match="was set and is not so: set keys of anna"):
        bring(Reached(lambda _script: ["set keys of anna"]))


def test_the_command_tells_what_it_changed(switch, monkeypatch, capsys):
    ctx = SimpleNamespace(design=everything("202505"))
    monkeypatch.setattr(switch_accounts, "devices", lambda _args: ctx)
    monkeypatch.setattr(switch_accounts, "switches", lambda _ctx: [Reached(switch)])
    monkeypatch.setattr(
        "scs_rack.sonic.accounts.on_all", lambda all_of_them, work: {one.name: work(one) for one in all_of_them}
    )
    assert main(["switch", "accounts", "-r", "inventory/example"]) == 0
    assert "leaf1: made account anna" in capsys.readouterr().out
    assert main(["switch", "accounts", "-r", "inventory/example", "--json"]) == 0
    assert json.loads(capsys.readouterr().out) == {"leaf1": {"changed": []}}


def test_default_communities_go(switch):
    file = switch.root / "sonic/snmp.yml"
    file.write_text(
        "snmp_rocommunity: public\nsnmp_location: x\nsnmp_rocommunities:\n- a\n- b\nlast: [1]\n", encoding="utf-8"
    )
    assert any("removed communities" in line for line in switch(host_script(everything("202505"), "leaf1")))
    assert file.read_text(encoding="utf-8") == "snmp_location: x\nlast: [1]\n"


def vtysh():
    """Command that runs vtysh: of this machine, else of a node image that lies in the cache."""
    if found := shutil.which("vtysh"):
        return [found]
    for root in sorted(IMAGES.glob("*/root")):
        loader = next(iter(root.glob("usr/lib64/ld-linux-*.so.*")), None) or next(
            iter(root.glob("usr/lib/ld-linux-*.so.*")), None
        )
        program = root / "usr/bin/vtysh"
        if loader and program.exists():
            libraries = [
                root / "usr/lib/x86_64-linux-gnu",
                root / "usr/lib/x86_64-linux-gnu/frr",
                root / "usr/lib/aarch64-linux-gnu",
            ]
            return [str(loader), "--library-path", ":".join(map(str, libraries)), str(program)]
    pytest.skip("needs FRR's vtysh: install the package frr, or build the node image")


def objections(text: str, folder: Path) -> str:
    file = folder / "frr.conf"
    file.write_text(text, encoding="utf-8")
    done = subprocess.run([*vtysh(), "-C", "-f", str(file)], capture_output=True, text=True, check=False)
    return f"{done.stdout}{done.stderr}" if done.returncode else ""


def test_a_file_of_frr_keeps_what_sonic_needs_in_it():
    for name in ("leaf1", "oob1"):
        lines = frr_file(everything("202411"), name).splitlines()
        assert {"fpm address 127.0.0.1", "no fpm use-next-hop-groups", "no zebra nexthop kernel enable"} <= set(lines)
    assert "ip route 0.0.0.0/0 10.20.0.1 Vlan10" in lines


def test_frr_takes_what_is_generated(tmp_path):
    from scs_rack.sonic.frr import frr_conf
    from scs_rack.sonic.generate import all_tables

    assert "bogus" in objections("router bgp 1\n bogus\n", tmp_path)
    for name in ("leaf1", "leaf3", "spine1", "oob1"):
        assert objections(frr_file(everything("202411"), name), tmp_path) == ""
    for release in RELEASES[1:]:
        assert objections(frr_conf(all_tables(everything(release), "leaf3")), tmp_path) == ""

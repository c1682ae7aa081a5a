"""The site of inventory/site with three lab racks, each behind a link to its manager that can be cut.

Managers of labs are namespaces without a root folder of their own, so OpenSSH comes from the node image: it runs in an
overlay of it, in the manager's namespace, and hands each session to this machine's own files by chroot(8).
"""

import contextlib
import json
import os
import shlex
import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path

import yaml

from scs_rack.engine import runs
from scs_rack.lab import identity, netns
from scs_rack.lab.layout import MANAGER, Lab
from scs_rack.sites import begun

REPOSITORY = Path(__file__).parents[2]
OURS = "sitetest"
"""Namespace of the site's machine."""
RACKS = ("steast", "stwest", "stnorth")
COMMAND = Path(sys.executable).parent / "scs-rack"

_SSHD = """HostKey /{key}
UsePAM no
PasswordAuthentication no
KbdInteractiveAuthentication no
UseDNS no
PidFile none
SetEnv SCS_RACK_STATE={state}
ForceCommand exec chroot /host /usr/bin/env PATH=/usr/sbin:/usr/bin:/sbin:/bin sh -c "$SSH_ORIGINAL_COMMAND"
"""
_ENTER = """
set -e
mount -t overlay overlay -o "lowerdir=$1,upperdir=$2/upper,workdir=$2/work" "$2/root"
mount --rbind / "$2/root/host"
for name in proc dev; do mount --rbind /$name "$2/root/$name"; done
mount -t tmpfs tmpfs "$2/root/run"
mkdir -p "$2/root/run/sshd"
exec chroot "$2/root" /usr/sbin/sshd -D -e
"""


class Trial:
    """The site, and what tests do with it."""

    def __init__(self, top: Path, state: Path) -> None:
        self.top, self.state = top, state
        self.keys: dict[str, str] = {}

    # -- the racks ------------------------------------------------------------------------------------------------

    def write(self, **changes) -> None:
        """Write the site file; `changes` are for single managers, by rack."""
        racks = {}
        for number, rack in enumerate(RACKS):
            manager = {
                "address": f"10.199.{number}.2",
                "host_key": self.keys[rack],
                "identity": "key",
                "folder": str(self.top / "there" / rack),
                "command": str(COMMAND),
            }
            racks[rack] = {"path": rack, "manager": manager | changes.get(rack, {})}
        content = {"name": "sitetest", "link_patience_s": 4, "racks": racks}
        (self.top / "site.yml").write_text(yaml.safe_dump(content, sort_keys=False))

    def lab(self, rack: str, verb: str, *words: str) -> None:
        folder = self.top / "there" / rack
        command = [sys.executable, "-m", "scs_rack", "lab", verb, "-r", str(folder), *words]
        done = subprocess.run(command, capture_output=True, text=True, check=False, cwd=REPOSITORY, timeout=180)
        assert done.returncode == 0, done.stdout + done.stderr

    # -- links ----------------------------------------------------------------------------------------------------

    def listen(self, number: int, rack: str, public: str) -> subprocess.Popen:
        """A link to a rack's manager, and SSH at its end; returns the daemon."""
        there, here = Lab(rack).namespace(MANAGER), f"to{number}"
        netns.ip("-n", OURS, "link", "add", here, "type", "veth", "peer", "name", "site0", "netns", there)
        netns.ip("-n", OURS, lines=[f"address add 10.199.{number}.1/30 dev {here}", f"link set {here} up"])
        netns.ip("-n", there, lines=[f"address add 10.199.{number}.2/30 dev site0", "link set site0 up"])
        folder = self.state / "ssh" / rack
        for name in ("upper", "work", "root"):
            (folder / name).mkdir(parents=True)
        upper = folder / "upper"
        (upper / "host").mkdir()
        (upper / "etc/ssh").mkdir(parents=True)
        self.keys[rack] = identity.host_key(upper)
        identity.authorize(upper, public)
        identity.write(upper, "etc/ssh/sshd_config", _SSHD.format(key=identity.HOST_KEY, state=self.state))
        with (folder / "log").open("wb") as log:
            inside = ["nsenter", f"--net={netns.path(there)}", "unshare", "--mount", "--propagation", "slave"]
            return subprocess.Popen(
                [*inside, "sh", "-c", _ENTER, "sh", Lab(rack).image.resolve(), folder], stdout=log, stderr=log
            )

    def link(self, rack: str, state: str) -> None:
        """Plug the link to a rack's manager (`up`), or unplug it (`down`)."""
        netns.ip("-n", OURS, "link", "set", f"to{RACKS.index(rack)}", state)

    # -- the site -------------------------------------------------------------------------------------------------

    def begin(self, *words: str, out=subprocess.PIPE) -> subprocess.Popen:
        """Begin a command for the site, on the site's machine."""
        command = [sys.executable, "-u", "-m", "scs_rack", "-s", str(self.top), *words]
        inside = ["nsenter", f"--net={netns.path(OURS)}"]
        return subprocess.Popen(
            [*inside, *command], stdout=out, stderr=subprocess.STDOUT, text=True, cwd=REPOSITORY, start_new_session=True
        )

    def call(self, *words: str, code: int = 0) -> str:
        """Carry a command out for the site; returns what it printed."""
        process = self.begin(*words)
        said, _ = process.communicate(timeout=240)
        assert process.returncode == code, f"{shlex.join(words)}: {process.returncode}\n{said}"
        return said

    def runs(self, rack: str) -> list[runs.RunRecord]:
        """Runs of a rack, the oldest first."""
        found = [runs.record(folder) for folder in runs.folders(self.state / rack)]
        return [run for run in found if run and run.purpose == "up"]

    def begun(self, rack: str) -> begun.Begun:
        """What was begun last for the site."""
        found = begun.read(self.state / rack)
        assert found is not None
        return found


def until(condition, seconds=60.0):
    """Wait for a condition; returns whether it came true."""
    end = time.monotonic() + seconds
    while not condition():
        if time.monotonic() > end:
            return False
        time.sleep(0.1)
    return True


def racks_of(said: str) -> dict[str, dict]:
    """What `--json` says of each rack; progress may stand before it."""
    return json.loads(said[said.index("\n{\n") if "\n{\n" in said else said.index("{") :])["racks"]


@contextlib.contextmanager
def running(top: Path):
    """The site with its racks up and their managers reachable; all gone afterwards."""
    state = Path("/var/tmp/scs-rack-sitetest")  # on a disk, where overlays can be: /tmp may be a tmpfs
    shutil.rmtree(state, ignore_errors=True)
    before = os.environ.get("SCS_RACK_STATE")
    os.environ["SCS_RACK_STATE"] = str(state)
    trial = Trial(top, state)
    for rack, like in zip(RACKS, ("east", "west", "north"), strict=True):
        text = (REPOSITORY / f"inventory/site/{like}/rack.yml").read_text()
        for folder in (top / rack, top / "there" / rack):  # here, and on its manager
            folder.mkdir(parents=True)
            (folder / "rack.yml").write_text(text.replace(f"name: {like}\n", f"name: {rack}\n", 1))
    subprocess.run(["ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-f", top / "key"], check=True)
    daemons = []
    netns.delete(OURS)
    netns.create(OURS)
    try:
        for number, rack in enumerate(RACKS):
            trial.lab(rack, "up")
            daemons.append(trial.listen(number, rack, (top / "key.pub").read_text()))
        trial.write()
        yield trial
    finally:
        for rack in RACKS:
            left = begun.read(state / rack)
            if left and left.alive:
                os.kill(left.child, signal.SIGKILL)
            trial.lab(rack, "down", "--now")
        for daemon in daemons:
            daemon.kill()
            daemon.wait()
        netns.delete(OURS)
        shutil.rmtree(state)
        if before is None:
            del os.environ["SCS_RACK_STATE"]
        else:
            os.environ["SCS_RACK_STATE"] = before

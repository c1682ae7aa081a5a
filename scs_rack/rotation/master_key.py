"""Barbican's master key: each controller decrypts by the old and the new one until all projects' keys are wrapped anew.

Barbican encrypts by the first of its master keys and decrypts by all of them (Fernet, with `MultiFernet` of the package
cryptography).
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from scs_rack.engine.stage import Context
from scs_rack.results import Result
from scs_rack.rotation.kinds import CLOUD, Kind, Vault
from scs_rack.rotation.nodes import told

KEY_FILE = "/etc/barbican/barbican.conf.d/master-key.conf"
"""As role barbican writes it: one line `kek = KEY` for each key."""
PORT = 9311
"""Where Barbican's API listens on 127.0.0.1."""

EDIT = r"""
import json, os, shutil, subprocess, sys, time, urllib.request
one = json.load(sys.stdin)
def written(lines):
    fresh, is_now = one["file"] + ".new", os.stat(one["file"])
    shutil.copy2(one["file"], fresh)
    os.chown(fresh, is_now.st_uid, is_now.st_gid)
    with open(fresh, "w") as file:
        file.writelines(lines)
    os.replace(fresh, one["file"])
with open(one["file"]) as file:
    before = file.readlines()
after = [line for line in before if line.strip() != "kek = " + one.get("remove", "")]
if "add" in one and not any(line.strip() == "kek = " + one["add"] for line in after):
    after.append("kek = " + one["add"] + "\n")
def restarted():
    subprocess.run(["systemctl", "restart", "barbican-api"], check=True, capture_output=True)
    for attempt in range(60):
        try:
            with urllib.request.urlopen("http://127.0.0.1:%d/healthcheck" % one["port"], timeout=10) as answer:
                return answer.status == 200
        except OSError:
            time.sleep(1)
    return False
def wrapped():
    command = ["runuser", "-u", "barbican", "--", "barbican-manage", "simple_crypto", "rewrap_pkek"]
    done = subprocess.run(command, capture_output=True, text=True)
    # the tool goes on after a key that it can't unwrap, and ends with 0 all the same
    if done.returncode == 0 and "Error occurred" not in done.stdout:
        return ""
    return ((done.stderr or done.stdout).strip() or "rewrap_pkek failed").splitlines()[-1]
why = ""
if one.get("rewrap"):
    # once with both keys, and once with the new one alone: that fails where something is left of the old one
    why = wrapped()
    if not why and after != before:
        written(after)
        why = wrapped()
        if why:
            written(before)
elif after != before:
    written(after)
if not why and not (restarted() if after != before or one.get("rewrap") else True):
    why = "Barbican does not come up again; its journal says why"
print(json.dumps(why))
"""
"""Runs on a controller: puts a key at the end of the list, or takes one away; an empty text says that all went well."""


@dataclass(frozen=True)
class MasterKey(Kind):
    """`barbican_kek`. Moving: role barbican writes the new key first, the old one after it."""

    playbooks: tuple[str, ...] = (CLOUD,)
    written: bool = False  # beside the new one, until all is wrapped anew

    def accept(self, ctx: Context, stored: Vault, names: Sequence[str]) -> Iterable[Result]:
        """Every controller can decrypt by the new key, before one encrypts by it."""
        for name in names:
            yield from self._each(ctx, {"add": stored[f"{name}_next"]}, f"{name}: the new one decrypts")

    def retire(self, ctx: Context, stored: Vault, names: Sequence[str]) -> Iterable[Result]:
        """Projects' keys are wrapped anew, then no controller knows the old key any more."""
        for name in names:
            old = {"remove": stored[f"{name}_old"]}
            first = ctx.design.groups["barbican"][0]
            why = told(ctx, first, EDIT, {"file": KEY_FILE, "port": PORT, "rewrap": True, **old}, timeout=600)
            yield Result(first, "keys of projects are wrapped anew", changed=True, error=why or None)
            if not why:
                yield from self._each(ctx, old, f"{name}: the old one is forgotten")

    def _each(self, ctx: Context, change: dict[str, str], words: str) -> Iterable[Result]:
        for host in ctx.design.groups["barbican"]:
            why = told(ctx, host, EDIT, {"file": KEY_FILE, "port": PORT, **change}, timeout=300)
            yield Result(host, words, changed=True, error=why or None)
            if why:
                return

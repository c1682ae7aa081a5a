"""RabbitMQ: the services' user has a twin of another password; the cluster's cookie is changed in the running nodes."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from scs_rack.engine.stage import Context
from scs_rack.results import Result
from scs_rack.rotation import states
from scs_rack.rotation.kinds import CLOUD, PLATFORM, Kind, Vault
from scs_rack.rotation.nodes import told

USER = "openstack"

ADD = r"""
import json, subprocess, sys
one = json.load(sys.stdin)
def ctl(*words, say=None, check=True):
    done = subprocess.run(["rabbitmqctl", "--quiet", *words], input=say, capture_output=True, text=True)
    if check and done.returncode:
        sys.exit((done.stderr or done.stdout).strip().splitlines()[-1])
    return done
there = {line.split("\t")[0] for line in ctl("list_users", "--no-table-headers").stdout.splitlines()}
ctl("change_password" if one["user"] in there else "add_user", one["user"], say=one["password"] + "\n")
ctl("set_permissions", "-p", "/", one["user"], ".*", ".*", ".*")
good = ctl("authenticate_user", one["user"], say=one["password"] + "\n", check=False).returncode == 0
print(json.dumps("" if good else "the broker refuses the new password"))
"""

REMOVE = r"""
import json, subprocess, sys, time
one = json.load(sys.stdin)
def ctl(*words, say=None, check=True):
    done = subprocess.run(["rabbitmqctl", "--quiet", *words], input=say, capture_output=True, text=True)
    if check and done.returncode:
        sys.exit((done.stderr or done.stdout).strip().splitlines()[-1])
    return done
def users():
    return {line.split("\t")[0] for line in ctl("list_users", "--no-table-headers").stdout.splitlines()}
deadline = time.monotonic() + 60
while True:
    said = ctl("list_connections", "--no-table-headers", "user", "peer_host").stdout
    rows = [line.split("\t") for line in said.splitlines()]
    left = sorted({row[1] for row in rows if row[0] == one["old"]})
    if not left or time.monotonic() > deadline:
        break
    time.sleep(2)
if left:
    print(json.dumps("still used from " + ", ".join(left)))
else:
    if one["old"] in users():
        ctl("delete_user", one["old"])
    good = ctl("authenticate_user", one["user"], say=one["password"] + "\n", check=False).returncode == 0
    gone = one["old"] not in users()
    why = "" if gone else "the old user is still there"
    print(json.dumps(why if good else "the new password is refused"))
"""

COOKIE = r"""
import json, os, pathlib, pwd, subprocess, sys
one = json.load(sys.stdin)
path = pathlib.Path("/var/lib/rabbitmq/.erlang.cookie")
def ctl(*words):
    return subprocess.run(["rabbitmqctl", "--quiet", *words], capture_output=True, text=True)
if path.read_text() != one["cookie"]:
    # the running node first, told by the old cookie; its sessions with the others stay, only new ones ask for a cookie
    program = "{ok, [C]} = file:consult(\"/run/scs-rack-cookie\"), erlang:set_cookie(C)."
    held = pathlib.Path("/run/scs-rack-cookie")
    owner = pwd.getpwnam("rabbitmq")
    handle = os.open(held, os.O_CREAT | os.O_WRONLY | os.O_TRUNC, 0o600)
    os.fchown(handle, owner.pw_uid, owner.pw_gid)
    os.write(handle, ("'" + one["cookie"] + "'.\n").encode())
    os.close(handle)
    try:
        done = ctl("eval", program)
    finally:
        held.unlink()
    # a call over a session that the new cookie cut may not answer: what counts is what is observed below
    stat = path.stat()
    fresh = path.with_name(".erlang.cookie.new")
    handle = os.open(fresh, os.O_CREAT | os.O_WRONLY | os.O_TRUNC, 0o400)
    os.fchown(handle, stat.st_uid, stat.st_gid)
    os.write(handle, one["cookie"].encode())
    os.close(handle)
    os.replace(fresh, path)
done = ctl("await_online_nodes", str(one["members"]), "--timeout", "30")
print(json.dumps("" if done.returncode == 0 else (done.stderr or done.stdout).strip().splitlines()[-1]))
"""


@dataclass(frozen=True)
class Broker(Kind):
    """The secret `rabbitmq_password`."""

    playbooks: tuple[str, ...] = (PLATFORM, CLOUD)

    def account(self, name: str) -> str | None:  # noqa: ARG002 (there is one)
        """The user's own name."""
        return USER

    def accept(self, ctx: Context, stored: Vault, names: Sequence[str]) -> Iterable[Result]:
        """The twin is there, with all rights."""
        (name,) = names
        user = states.twin(stored, name, USER)
        why = told(ctx, ctx.design.groups["controller"][0], ADD, {"user": user, "password": stored[f"{name}_next"]})
        return [Result("rabbitmq", f"user {user} takes the new password", changed=True, error=why or None)]

    def retire(self, ctx: Context, stored: Vault, names: Sequence[str]) -> Iterable[Result]:
        """The twin is gone, once nobody is connected as it."""
        (name,) = names
        old, user = states.twin(stored, name, USER), states.used(stored, name, USER)
        data = {"old": old, "user": user, "password": stored[name]}
        why = told(ctx, ctx.design.groups["controller"][0], REMOVE, data)
        return [Result("rabbitmq", f"nobody uses {old}, and it is removed", changed=True, error=why or None)]


@dataclass(frozen=True)
class Cookie(Kind):
    """The secret `rabbitmq_cookie`: members of the cluster, and its tools, prove themselves by it."""

    playbooks: tuple[str, ...] = (PLATFORM,)

    def moved(self, ctx: Context, stored: Vault, names: Sequence[str]) -> Iterable[Result]:
        """Told to the running members, whose sessions stay: one that restarts later finds the same everywhere."""
        (name,) = names
        controllers = ctx.design.groups["controller"]
        for host in controllers:
            why = told(ctx, host, COOKIE, {"cookie": stored[name], "members": len(controllers)})
            yield Result(host, "RabbitMQ knows the new cookie only", changed=True, error=why or None)

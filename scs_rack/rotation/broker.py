"""RabbitMQ: the services' user has a twin of another password; the cluster's cookie is changed in the running nodes."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

from scs_rack.engine.stage import Context
from scs_rack.results import Result
from scs_rack.rotation import states
from scs_rack.rotation.kinds import CLOUD, PLATFORM, Kind, Vault
from scs_rack.rotation.nodes import told

USER = "openstack"

_TOOLS = r"""
import base64, hashlib, json, os, pathlib, pwd, subprocess, sys, time
CA = "/usr/local/share/ca-certificates/scs-rack.crt"
one = json.load(sys.stdin)
def ctl(*words, check=True, cookie=None):
    environment = os.environ | ({"RABBITMQ_ERLANG_COOKIE": cookie} if cookie else {})
    done = subprocess.run(
        ["rabbitmqctl", "--quiet", *words], stdin=subprocess.DEVNULL, capture_output=True, text=True, timeout=90,
        env=environment,
    )
    if check and done.returncode:
        sys.exit((done.stderr or done.stdout).strip().splitlines()[-1])
    return done
def private(path, text):
    owner = pwd.getpwnam(one.get("owner", "rabbitmq"))
    handle = os.open(path, os.O_CREAT | os.O_WRONLY | os.O_TRUNC, 0o600)
    os.fchown(handle, owner.pw_uid, owner.pw_gid)
    os.write(handle, text.encode())
    os.close(handle)
def opens(user, password):
    # TLS verified as clients do
    import amqp
    options = {"ca_certs": CA, "server_hostname": one["address"], "cert_reqs": 2}
    connection = amqp.Connection(
        one["address"] + ":5671", userid=user, password=password, ssl=options, connect_timeout=10, login_method="PLAIN"
    )
    try:
        connection.connect()
    except amqp.exceptions.AccessRefused:
        return False
    connection.close()
    return True
def users():
    return {line.split("\t")[0] for line in ctl("list_users", "--no-table-headers").stdout.splitlines()}
"""

ADD = (
    _TOOLS
    + r"""
# by a file: the tool takes passwords from its command line, or from a terminal
salt = os.urandom(4)
digest = base64.b64encode(salt + hashlib.sha256(salt + one["password"].encode()).digest()).decode()
user = {"name": one["user"], "password_hash": digest, "hashing_algorithm": "rabbit_password_hashing_sha256", "tags": []}
rights = {"user": one["user"], "vhost": "/", "configure": ".*", "write": ".*", "read": ".*"}
held = "/run/scs-rack-user.json"
private(held, json.dumps({"users": [user], "permissions": [rights]}))
try:
    ctl("import_definitions", held)
finally:
    os.unlink(held)
print(json.dumps("" if opens(one["user"], one["password"]) else "the broker refuses the new password"))
"""
)

REMOVE = (
    _TOOLS
    + r"""
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
elif not opens(one["user"], one["password"]):
    print(json.dumps("the new password is refused"))
else:
    if one["old"] in users():
        ctl("delete_user", one["old"])
    print(json.dumps("the old user still logs in" if opens(one["old"], one["old_password"]) else ""))
"""
)

COOKIE = (
    _TOOLS
    + r"""
path = pathlib.Path(one.get("path", "/var/lib/rabbitmq/.erlang.cookie"))
held = one.get("held", "/run/scs-rack-cookie")
# the running node first; its sessions with the others stay, only new ones ask for a cookie. What it knows is asked of
# it: the file may be new already, by a run that died, or by `scs-rack up`
if ctl("eval", "ok.", check=False, cookie=one["cookie"]).returncode:
    program = "{ok, [C]} = file:consult(\"" + held + "\"), erlang:set_cookie(C)."
    private(held, "'" + one["cookie"] + "'.\n")
    try:
        # the call's own session may be cut by it: what counts is what is observed below
        ctl("eval", program, check=False, cookie=one["old"])
    finally:
        os.unlink(held)
if path.read_text() != one["cookie"]:
    stat = path.stat()
    fresh = path.with_name(".erlang.cookie.new")
    handle = os.open(fresh, os.O_CREAT | os.O_WRONLY | os.O_TRUNC, 0o400)
    os.fchown(handle, stat.st_uid, stat.st_gid)
    os.write(handle, one["cookie"].encode())
    os.close(handle)
    os.replace(fresh, path)
done = ctl("await_online_nodes", str(one["members"]), "--timeout", "30", check=False)
print(json.dumps("" if done.returncode == 0 else (done.stderr or done.stdout).strip().splitlines()[-1]))
"""
)


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
        why = _first(ctx, ADD, {"user": user, "password": stored[f"{name}_next"]})
        return [Result("rabbitmq", f"user {user} takes the new password", changed=True, error=why or None)]

    def retire(self, ctx: Context, stored: Vault, names: Sequence[str]) -> Iterable[Result]:
        """The twin is gone, once nobody is connected as it."""
        (name,) = names
        old, user = states.twin(stored, name, USER), states.used(stored, name, USER)
        data = {"old": old, "old_password": stored[f"{name}_old"], "user": user, "password": stored[name]}
        why = _first(ctx, REMOVE, data)
        return [Result("rabbitmq", f"nobody uses {old}, and it is removed", changed=True, error=why or None)]


@dataclass(frozen=True)
class Cookie(Kind):
    """The secret `rabbitmq_cookie`: members of the cluster, and its tools, prove themselves by it."""

    playbooks: tuple[str, ...] = (PLATFORM,)
    written: bool = False

    def moved(self, ctx: Context, stored: Vault, names: Sequence[str]) -> Iterable[Result]:
        """Told to the running members, whose sessions stay: one that restarts later finds the same everywhere."""
        (name,) = names
        controllers = ctx.design.groups["controller"]
        for host in controllers:
            data = {"cookie": stored[name], "old": stored[f"{name}_old"], "members": len(controllers)}
            why = told(ctx, host, COOKIE, data, timeout=300)
            yield Result(host, "RabbitMQ knows the new cookie only", changed=True, error=why or None)


def _first(ctx: Context, program: str, data: Mapping[str, object]) -> str:
    """Ask the first controller's broker; why not, or nothing."""
    host = ctx.design.groups["controller"][0]
    return str(told(ctx, host, program, {**data, "address": str(ctx.design.nodes[host].loopback4)}, timeout=300))

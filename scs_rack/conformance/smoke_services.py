"""Steps of the smoke test for services that a rack file may leave out, as a customer uses them.

A secret is stored and read back; a volume is encrypted with a key of Barbican's, and a guest writes and reads it; a
load balancer of OVN's hands requests from outside to both guests, and none to one that its monitor found dead.
"""

import secrets
import urllib.error
import urllib.request
from typing import TYPE_CHECKING, Any

from scs_rack.conformance import smoke_zone
from scs_rack.conformance.smoke_names import PREFIX
from scs_rack.errors import StageFailed

if TYPE_CHECKING:
    from scs_rack.conformance.smoke import Smoke

Cloud = Any
"""An `openstack.connection.Connection` of the test user."""
PORT = 8080
"""TCP port on which each guest tells its name."""
WAIT = 60.0
"""Seconds that a load balancer has to be made, and again until it hands on requests."""
REQUESTS = 40
"""Requests after which both guests must have answered: that one of two stays silent by chance is one in 2^39."""
SERVE = f"httpd -p {PORT} -h /run/www"
"""How a guest serves."""
MONITOR = {"type": "TCP", "delay": 3, "timeout": 2, "max_retries": 1, "max_retries_down": 2}
"""How often (s) members are asked, for how long (s), and after how many answers they count as well or ill."""
MONITORED = 90.0
"""Seconds for a load balancer to notice that a member died or is back."""


def offers(cloud: Cloud, kind: str) -> bool:
    """Whether the catalog has a service of this type (service-types.openstack.org)."""
    return any(entry["type"] == kind for entry in cloud.session.auth.get_access(cloud.session).service_catalog.catalog)


def secret(cloud: Cloud) -> None:
    """Store a secret in Barbican, read it back, and see that it is gone after it was deleted.

    Raises:
        StageFailed: what is read is not what was stored, or it is still there.
    """
    stored = secrets.token_hex(16)
    made = cloud.key_manager.create_secret(
        name=PREFIX,
        payload=stored,
        payload_content_type="text/plain",
        secret_type="opaque",  # noqa: S106
    )
    where = made.secret_ref
    read = cloud.session.get(f"{where}/payload", headers={"Accept": "text/plain"}).text
    if read != stored:
        raise StageFailed("what Barbican gives back is not what it was given")
    cloud.session.delete(where)
    status = cloud.session.get(where, raise_exc=False).status_code
    if status != 404:
        raise StageFailed(f"a deleted secret still answers, with status {status}")


def serve(token: str) -> str:
    """Lines of a guest's user data that let it tell its name over HTTP."""
    return f'mkdir -p /run/www && echo "{token} $(hostname)" > /run/www/index.html && {SERVE}\n'


def load_balancer(smoke: "Smoke") -> None:
    """Make a load balancer with both guests behind it, and ask it from outside until both have answered.

    Raises:
        StageFailed: it does not become active in time, or a guest never answers.
    """
    cloud = smoke.cloud
    subnet = next(cloud.network.subnets(network_id=smoke.network.id, ip_version=4))
    members = [
        {"name": server.name, "address": _address(cloud, server), "protocol_port": PORT, "subnet_id": subnet.id}
        for server in smoke.servers
    ]
    pool = {"name": PREFIX, "protocol": "TCP", "lb_algorithm": "SOURCE_IP_PORT", "members": members}
    listener = {"name": PREFIX, "protocol": "TCP", "protocol_port": 80, "default_pool": pool}
    made = cloud.load_balancer.create_load_balancer(name=PREFIX, vip_subnet_id=subnet.id, listeners=[listener])
    smoke.wait("the load balancer active", WAIT, lambda: _active(cloud, made.id))
    external = next(network for network in cloud.network.networks(is_router_external=True) if network.is_default)
    floating = cloud.network.create_ip(
        floating_network_id=external.id, port_id=made.vip_port_id, description=PREFIX
    ).floating_ip_address
    smoke.wait(f"an answer from {floating}", WAIT, lambda: _ask(floating) in _names(smoke))
    _answer(floating, _names(smoke))
    smoke.balanced = floating


def health_monitor(smoke: "Smoke") -> None:
    """Let the load balancer watch its members: one whose service ends gets no requests until it is back.

    Raises:
        StageFailed: the dead member is not noticed, or still asked, or not taken in again.
    """
    lb = smoke.cloud.load_balancer
    balancer = next(iter(lb.load_balancers(name=PREFIX)))
    pool = next(iter(lb.pools(loadbalancer_id=balancer.id)))
    lb.create_health_monitor(name=PREFIX, pool_id=pool.id, **MONITOR)
    smoke.wait("the health monitor active", WAIT, lambda: _active(smoke.cloud, balancer.id))

    def states() -> dict[str, str]:
        return {member.name: member.operating_status for member in lb.members(pool.id)}

    first, second = (server.name for server in smoke.servers)
    smoke.wait("both members ONLINE", MONITORED, lambda: states() == {first: "ONLINE", second: "ONLINE"})
    smoke.in_guest("killall httpd")
    smoke.wait(f"{first} in ERROR after its service ended", MONITORED, lambda: states().get(first) == "ERROR")
    _answer(smoke.balanced, {f"{smoke.token} {second}"})
    smoke.in_guest(SERVE)
    smoke.wait(f"{first} ONLINE again", MONITORED, lambda: states() == {first: "ONLINE", second: "ONLINE"})
    _answer(smoke.balanced, _names(smoke))


def _names(smoke: "Smoke") -> set[str]:
    """What the guests answer."""
    return {f"{smoke.token} {server.name}" for server in smoke.servers}


def _answer(address: str, wanted: set[str]) -> None:
    """Ask many times; all that is wanted must come, and nothing else."""
    seen = {_ask(address) for _ in range(REQUESTS)}
    if seen != wanted:
        said = ", ".join(sorted(str(answer) for answer in seen))
        raise StageFailed(f"of {REQUESTS} requests all should have brought {sorted(wanted)}; there came: {said}")


def _address(cloud: Cloud, server: Any) -> str:
    port = next(iter(cloud.network.ports(device_id=server.id)))
    return next(str(one["ip_address"]) for one in port.fixed_ips if ":" not in one["ip_address"])


def _active(cloud: Cloud, ident: str) -> bool:
    found = cloud.load_balancer.get_load_balancer(ident)
    if found.provisioning_status == "ERROR":
        raise StageFailed("the load balancer is in ERROR; the journal of octavia-api says why")
    pools = [pool["id"] for pool in found.pools or ()]
    members = [member for pool in pools for member in cloud.load_balancer.members(pool)]
    return bool(
        found.provisioning_status == "ACTIVE"
        and members
        and all(member.provisioning_status == "ACTIVE" for member in members)
    )


def _ask(address: str) -> str | None:
    """What one new connection to the load balancer brings; None when nobody answers."""
    try:
        with urllib.request.urlopen(f"http://{address}/", timeout=3) as answer:
            return str(answer.read(200).decode(errors="replace").strip())
    except (urllib.error.URLError, OSError):
        return None


def clean(cloud: Cloud, wait: float) -> None:
    """Remove load balancers and secrets of the smoke test.

    Keys of encrypted volumes go with their volumes.

    Raises:
        StageFailed: a load balancer is still there after `wait` seconds.
    """
    if offers(cloud, "load-balancer"):
        found = list(cloud.load_balancer.load_balancers(name=PREFIX))
        for one in found:
            cloud.load_balancer.delete_load_balancer(one, cascade=True)
        for one in found:
            cloud.load_balancer.wait_for_delete(one, interval=1, wait=wait)
    if offers(cloud, "key-manager"):
        for one in cloud.key_manager.secrets(name=PREFIX):
            cloud.session.delete(one.secret_ref)
    if offers(cloud, "dns"):
        smoke_zone.clean(cloud)

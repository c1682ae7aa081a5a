"""Our own smoke test: what a customer does on the first day, done by a user that has only the role member.

Two guests on different hosts, booted from volumes; metadata, console, floating IP, ping, SSH, traffic between the
hosts, and a volume that is attached, written, read back and detached. Everything is removed afterwards.
"""

import ipaddress
import secrets
import subprocess
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from functools import partial
from typing import Any, TypedDict

from scs_rack.conformance import smoke_services, smoke_zone
from scs_rack.conformance.guest_ssh import GuestShell, KeyPair, host_key, new_keypair
from scs_rack.conformance.smoke_clean import clean
from scs_rack.conformance.smoke_names import PREFIX
from scs_rack.design import Design
from scs_rack.errors import Interrupted, StageFailed
from scs_rack.resources.volume_types import ENCRYPTED

FLAVOR = "SCS-1L-1"
IMAGE = "scs-rack guest"
INGRESS = (
    ("IPv4", "icmp", None),
    ("IPv6", "ipv6-icmp", None),
    ("IPv4", "tcp", 22),
    ("IPv4", "tcp", smoke_services.PORT),
)
"""What guests let in: version of IP, protocol, port."""
GUESTS = 2
BOOT_TIMEOUT = 300.0
"""Seconds until a guest is ACTIVE, and again until it has said that it is ready."""
HUNG = 120.0
"""Seconds after which an emulated guest that has not said so is started anew, once; others take 20 to 40."""
OUTSIDE = 90.0
"""Seconds until routers outside know a new prefix; what got lost on the way is announced again after 40."""
TAIL = 300
"""Characters of a console that are told when a guest does not come up."""

Cloud = Any
"""An `openstack.connection.Connection` of the test user."""


@dataclass
class Step:
    """One step of the test."""

    name: str
    seconds: float = 0.0
    error: str | None = None
    warning: str | None = None
    """What went well only at a second try."""


@dataclass
class SmokeReport:
    """What the smoke test observed."""

    steps: list[Step] = field(default_factory=list)

    @property
    def passed(self) -> bool:
        """True if every step was done, the cleanup too."""
        return bool(self.steps) and not any(step.error for step in self.steps)


Pause = Callable[[float], bool]
"""Waits some seconds; True when the operator wants to stop."""


def _sleep(seconds: float) -> bool:
    time.sleep(seconds)
    return False


def beyond6(design: Design) -> str | None:
    """The provider's router that a guest shall reach over IPv6; None where nobody is told of guests' prefixes."""
    routes = design.guests.routes
    ipv6 = design.rack.networks[routes.network].ipv6 if routes else None
    return str(ipv6.gateway) if routes and ipv6 and design.rack.networks[routes.network].default else None


class Outside(TypedDict):
    """What lies beyond the cloud's networks, as `Smoke` takes it."""

    beyond6: str | None
    name_server: str


def outside(design: Design) -> Outside:
    """What a guest or a customer shall reach besides the API."""
    return {"beyond6": beyond6(design), "name_server": str(design.api.vip4)}


class Smoke:
    """One run of the smoke test."""

    def __init__(
        self,
        cloud: Cloud,
        on_step: Callable[[Step], None] = lambda _step: None,
        pause: Pause = _sleep,
        *,
        emulated: bool = False,
        beyond6: str | None = None,
        name_server: str | None = None,
        prefix: str = PREFIX,
    ) -> None:
        self.cloud = cloud
        self.prefix = prefix
        self.name_server = name_server
        self.beyond6 = beyond6
        self.emulated = emulated
        self._warning: str | None = None
        self.pause = pause
        self.report = SmokeReport()
        self.on_step = on_step
        self.token = secrets.token_hex(8)
        self.key: KeyPair = new_keypair()
        self.network: Any = None
        self.group: Any = None
        self.servers: list[Any] = []
        self.address = ""
        self.balanced = ""
        self.host_key = ""

    def _attempt(self, name: str, do: Callable[[], object]) -> bool:
        """Do a step and record its time, and its failure if it fails: whatever it is, it belongs in the report."""
        step = Step(name)
        start = time.monotonic()
        try:
            do()
        except Exception as error:  # noqa: BLE001
            step.error = f"{type(error).__name__}: {error}"[:500]
        step.seconds = round(time.monotonic() - start, 2)
        step.warning, self._warning = self._warning, None
        self.report.steps.append(step)
        self.on_step(step)
        return step.error is None

    def run(self) -> SmokeReport:
        """Run all steps; stops at the first that fails, and cleans up in any case."""
        steps = {
            "remove leftovers": lambda: clean(self.cloud, self.prefix),
            "network, router, security group": self.make_network,
            "two guests boot from volumes on different hosts": self._boot,
            "console shows the marker of the user data": self._console,
            "floating IP": self._floating_ip,
            "ping the floating IP": self._ping,
            "ssh to the guest": lambda: self._ssh("true"),
            "traffic between guests on different hosts": self._between,
            "the same over IPv6, with addresses from the default pool": self._between6,
            **({"the provider's router answers over IPv6": self._beyond6} if self.beyond6 else {}),
            "a guest finds the other one by its name": self._names,
            "volume attached, written, read back, detached": self._volume,
        }
        if smoke_services.offers(self.cloud, "load-balancer"):
            steps["load balancer with both guests behind it"] = partial(smoke_services.load_balancer, self)
            steps["its monitor takes a dead guest out, and in again"] = partial(smoke_services.health_monitor, self)
        if smoke_services.offers(self.cloud, "key-manager"):
            steps["secret stored, read back, deleted"] = partial(smoke_services.secret, self.cloud)
            steps["encrypted volume attached, written, read back, detached"] = partial(self._volume, ENCRYPTED)
        if self.name_server and smoke_services.offers(self.cloud, "dns"):
            steps["a zone is active and served"] = partial(smoke_zone.zone, self, self.name_server)
        all(self._attempt(name, do) for name, do in steps.items())
        self._attempt("cleanup", lambda: clean(self.cloud, self.prefix))
        return self.report

    def wait(self, what: str, seconds: float, ask: Callable[[], Any], every: float = 1.0) -> Any:
        """Ask until the answer is true; returns it.

        Raises:
            Interrupted: the operator wants to stop.
            StageFailed: not within the time.
        """
        end = time.monotonic() + seconds
        while not (answer := ask()):
            if time.monotonic() > end:
                raise StageFailed(f"{what}: not seen within {seconds:.0f} s")
            if self.pause(every):
                raise Interrupted(f"{what}: stopped by the operator")
        return answer

    def make_network(self) -> None:
        """A network with a router to the outside, and a group that lets pings and what the steps ask for in.

        Raises:
            StageFailed: there is no default external network.
        """
        net = self.cloud.network
        external = [network for network in net.networks(is_router_external=True) if network.is_default]
        if not external:
            raise StageFailed("the test user sees no default external network")
        self.network = net.create_network(name=self.prefix)
        router = net.create_router(name=self.prefix, external_gateway_info={"network_id": external[0].id})
        for subnet in ({"ip_version": 4}, {"ip_version": 6, "ipv6_ra_mode": "slaac", "ipv6_address_mode": "slaac"}):
            made = net.create_subnet(
                name=self.prefix, network_id=self.network.id, use_default_subnet_pool=True, **subnet
            )
            net.add_interface_to_router(router, subnet_id=made.id)
        self.group = net.create_security_group(name=self.prefix)
        for ethertype, protocol, port in INGRESS:
            net.create_security_group_rule(
                security_group_id=self.group.id,
                direction="ingress",
                ethertype=ethertype,
                protocol=protocol,
                port_range_min=port,
                port_range_max=port,
            )
        self.cloud.compute.create_keypair(name=self.prefix, public_key=self.key.public)

    def _boot(self) -> None:
        compute = self.cloud.compute
        image = self.cloud.image.find_image(IMAGE, ignore_missing=False)
        flavor = compute.find_flavor(FLAVOR, ignore_missing=False)
        apart = compute.create_server_group(name=self.prefix, policy="anti-affinity")
        script = f"#!/bin/sh\necho {self.token}\n{smoke_services.serve(self.token)}"
        # one request for both: two of them at the same time may choose the same host, be refused there, and do so again
        compute.create_server(
            name=self.prefix,
            min_count=GUESTS,
            max_count=GUESTS,
            flavor_id=flavor.id,
            networks=[{"uuid": self.network.id}],
            security_groups=[{"name": self.group.name}],
            key_name=self.prefix,
            scheduler_hints={"group": apart.id},
            user_data=_base64(script),
            block_device_mapping_v2=[root_volume(image)],
        )
        mine = [server for server in compute.servers() if server.name.startswith(self.prefix)]
        self.servers = sorted(mine, key=lambda server: str(server.name))
        if len(self.servers) != GUESTS:
            raise StageFailed(f"{GUESTS} guests were asked for, and there are {len(self.servers)}")
        self.servers = [
            self.wait(f"server {server.name} ACTIVE", BOOT_TIMEOUT, partial(self._active, server))
            for server in self.servers
        ]
        hosts = {server.host_id for server in self.servers}
        if len(hosts) != len(self.servers):
            raise StageFailed("both guests run on the same host, although their server group forbids it")

    def _active(self, server: Any) -> Any:
        seen = self.cloud.compute.get_server(server.id)
        if seen.status == "ERROR":
            raise StageFailed(f"server {seen.name} is in ERROR: {(seen.fault or {}).get('message', 'no reason given')}")
        return seen if seen.status == "ACTIVE" else None

    def _console_of(self, server: Any) -> str:
        return str(self.cloud.compute.get_server_console_output(server, length=500).get("output") or "")

    def _console(self) -> None:
        for server in self.servers:
            text = self._ready(server, HUNG) if self.emulated else self._ready(server, BOOT_TIMEOUT)
            if text is None and self.emulated:
                text = self._started_anew(server)
            if text is None:
                said = self._console_of(server)[-TAIL:]
                raise StageFailed(f"no marker on the console of {server.name} in time; it ends with: {said!r}")
            if server is self.servers[0]:
                self.host_key = host_key(text) or ""
        if not self.host_key:
            raise StageFailed("the guest's host key was not on its console")

    def _ready(self, server: Any, seconds: float, before: str = "") -> str | None:
        """The console of a guest that has run its user data and is ready; None if it is not so in time."""
        from openstack.exceptions import NotFoundException

        def ready() -> str | None:
            try:
                text = self._console_of(server)
            except NotFoundException:  # between the old machine and the new one of a reset, the hypervisor has none
                return None
            return text if self.token in before + text and "scs-guest: ready" in text else None

        try:
            return str(self.wait(f"marker on the console of {server.name}", seconds, ready, every=2))
        except StageFailed:
            return None

    def _started_anew(self, server: Any) -> str | None:
        """Reset a guest that says nothing, as was seen once under emulation; what it said before tells why."""
        before = self._console_of(server)
        self._warning = f"{server.name} hung, was reset, and said before: {before[-TAIL:]!r}"
        self.cloud.compute.reboot_server(server, "HARD")
        return self._ready(server, BOOT_TIMEOUT, before)

    def _floating_ip(self) -> None:
        net = self.cloud.network
        port = next(iter(net.ports(device_id=self.servers[0].id)))
        external = next(network for network in net.networks(is_router_external=True) if network.is_default)
        floating = net.create_ip(floating_network_id=external.id, port_id=port.id, description=self.prefix)
        self.address = floating.floating_ip_address

    def _ping(self) -> None:
        ping = ["ping", "-n", "-c", "1", "-W", "2", self.address]
        self.wait(
            f"answer to a ping of {self.address}",
            60,
            lambda: subprocess.run(ping, capture_output=True, check=False).returncode == 0,
        )

    def _ssh(self, command: str) -> str:
        with GuestShell(self.address, self.key, self.host_key) as shell:
            return shell.run(command)

    def in_guest(self, command: str) -> str:
        """Run a command in the first guest, through its floating address."""
        return self._ssh(command)

    def _between(self) -> None:
        other = self._address(4)
        self._ssh(f"ping -c 3 -W 5 {other}")
        self._ssh(f"ping -c 2 -W 5 -s 1300 {other}")

    def _between6(self) -> None:
        own = "ip -6 addr show scope global | grep -v tentative | grep inet6"
        self.wait("an IPv6 address in the guest", 30, lambda: self._ssh(f"{own} || true").strip())
        self._ssh(f"ping -6 -c 2 -W 5 {self._address(6)}")

    def _beyond6(self) -> None:
        """The answer comes only if that router has learnt where the guest's prefix is."""
        ping = f"ping -6 -c 1 -W 2 {self.beyond6} >/dev/null && echo answered || true"
        self.wait(f"an answer of {self.beyond6} to the guest", OUTSIDE, lambda: "answered" in self._ssh(ping))

    def _address(self, version: int) -> str:
        """Address of the second guest."""
        port = next(iter(self.cloud.network.ports(device_id=self.servers[1].id)))
        addresses = [str(one["ip_address"]) for one in port.fixed_ips]
        return next(one for one in addresses if ipaddress.ip_address(one).version == version)

    def _names(self) -> None:
        port = next(iter(self.cloud.network.ports(device_id=self.servers[1].id)))
        name, address = port.dns_assignment[0]["fqdn"], port.dns_assignment[0]["ip_address"]
        answer = self._ssh(f"nslookup {name}")
        if address not in answer.split():
            raise StageFailed(f"the guest's resolver does not say that {name} is {address}: {answer[-200:]}")

    def _volume(self, kind: str | None = None) -> None:
        storage = self.cloud.block_storage
        server = self.servers[0]
        volume = storage.create_volume(name=self.prefix, size=1, volume_type=kind)
        if kind and not storage.get_volume(volume.id).is_encrypted:
            raise StageFailed(f"a volume of the type {kind} is not encrypted")
        storage.wait_for_status(volume, "available", failures=["error"], wait=120)
        with GuestShell(self.address, self.key, self.host_key) as shell:
            before = set(shell.run("ls /sys/block").split())
            attachment = self.cloud.compute.create_volume_attachment(server, volume_id=volume.id)
            device = self.wait(
                "the volume in the guest", 60, lambda: set(shell.run("ls /sys/block").split()) - before
            ).pop()
            shell.run("dd if=/dev/urandom of=/root/data bs=64k count=64")
            shell.run(f"dd if=/root/data of=/dev/{device} bs=64k && sync")
            shell.run("echo 3 > /proc/sys/vm/drop_caches")
            sums = shell.run(
                f"sha256sum < /root/data; dd if=/dev/{device} bs=64k count=64 2>/dev/null | sha256sum"
            ).split()
            if sums[0] != sums[2]:
                raise StageFailed("what was read from the volume is not what was written")
        # the guest sees the disk a moment before Nova has told Cinder
        storage.wait_for_status(storage.get_volume(volume.id), "in-use", failures=["error"], wait=60)
        self.cloud.compute.delete_volume_attachment(server, attachment)
        storage.wait_for_status(storage.get_volume(volume.id), "available", failures=["error"], wait=120)


def root_volume(image: Any) -> dict[str, Any]:
    """The disk that a guest boots from: a volume that is made from an image, and goes with the guest."""
    return {
        "boot_index": 0,
        "uuid": image.id,
        "source_type": "image",
        "destination_type": "volume",
        "volume_size": max(1, image.min_disk),
        "delete_on_termination": True,
    }


def _base64(text: str) -> str:
    import base64

    return base64.b64encode(text.encode()).decode()

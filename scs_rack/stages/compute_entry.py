"""A new hypervisor of a cloud in service takes customers' guests once a guest was booted on it and answered a ping.

Nova registers new hypervisors as disabled (`enable_new_services`), and places nothing on one that is disabled, not even
by name (`compute_status_filter`). So for the trial it is enabled inside a host aggregate that only the administrator's
project may use (`AggregateMultiTenancyIsolation`). Who is in that aggregate has not passed its trial yet, whoever dies.
"""

import subprocess
import time
from collections.abc import Iterable, Iterator, Mapping
from functools import partial
from typing import Any

from scs_rack.conformance.smoke import BOOT_TIMEOUT, FLAVOR, HUNG, IMAGE, Smoke, root_volume
from scs_rack.conformance.smoke_clean import clean
from scs_rack.engine import settled
from scs_rack.engine.stage import Context
from scs_rack.errors import Interrupted, StageFailed
from scs_rack.paths import guest_accel
from scs_rack.results import Finding, Result

NAME = "scs-rack-entry"
"""Of the aggregate, and of all that a trial makes."""
NEW = "New compute service disabled due to config option."
"""Nova's words for a hypervisor that has just registered (`service_create`)."""
FAILED = "scs-rack: its trial failed"
PAUSE = 2.0
UP = 120.0
"""Seconds that nova-compute has to be up, and again until the scheduler takes it."""

Cloud = Any
"""An `openstack.connection.Connection` of the administrator (the SDK ships no types)."""


def closed(cloud: Cloud) -> dict[str, Any]:
    """Services nova-compute that customers' guests are kept away from until they pass a trial, by node."""
    inside = {host for one in cloud.compute.aggregates() if one.name == NAME for host in one.hosts or ()}
    return {
        one.host.split(".", 1)[0]: one
        for one in cloud.compute.services(binary="nova-compute")
        if one.host in inside or (one.status == "disabled" and str(one.disabled_reason).startswith((NEW, FAILED)))
    }


def findings(cloud: Cloud, nodes: Iterable[str]) -> list[Finding]:
    """Hypervisors that have not passed their trial."""
    hint = "`scs-rack up` boots a guest there, and opens it when that answers"
    wanted = "open to customers' guests"
    return [
        Finding("hypervisor-closed", "error", node, wanted, str(one.disabled_reason or "its trial was not ended"), hint)
        for node, one in closed(cloud).items()
        if node in nodes
    ]


def enter(ctx: Context, cloud: Cloud) -> Iterator[Result]:
    """Try the new hypervisors and open those that pass; in a cloud that nobody uses yet, open them at once.

    Raises:
        Interrupted: the operator wants to stop.
    """
    found = {node: one for node, one in closed(cloud).items() if ctx.selected(node)}
    if not found:
        return
    why = _why_untried(ctx, cloud)
    if why:
        for node, one in found.items():
            _leave(cloud, one.host)
            cloud.compute.enable_service(one.id)
            yield Result(node, f"enable nova-compute: {why}", changed=True)
        return
    aggregate = _aggregate(cloud)
    for one in found.values():
        if one.host not in (aggregate.hosts or ()):
            _put_in(ctx, cloud, aggregate, one.host)
        cloud.compute.enable_service(one.id)
    faults = Trial(ctx, cloud).run({node: one.host for node, one in found.items()})
    for node, one in found.items():
        words = "a guest was booted there and answered a ping: nova-compute is open to customers"
        if fault := faults.get(node):
            cloud.compute.disable_service(one.id, disabled_reason=FAILED)
            yield Result(node, "a guest is booted there and answers a ping", error=f"it stays closed: {fault}")
        else:
            _leave(cloud, one.host)
            yield Result(node, words, changed=True)


def _why_untried(ctx: Context, cloud: Cloud) -> str:
    """Why nothing has to be tried; empty where customers are there."""
    if not settled.read(ctx.state_dir):
        return "the cloud is new"
    there = (
        cloud.image.find_image(IMAGE),
        cloud.compute.find_flavor(FLAVOR),
        any(one.is_default for one in cloud.network.networks(is_router_external=True)),
    )
    return "" if all(there) else "nothing is offered to customers yet"


def _aggregate(cloud: Cloud) -> Any:
    """The aggregate, with its mark before a host is in it."""
    found = next((one for one in cloud.compute.aggregates() if one.name == NAME), None)
    made = found or cloud.compute.create_aggregate(name=NAME)
    cloud.compute.set_aggregate_metadata(made, filter_tenant_id=cloud.current_project_id)
    return made


def _put_in(ctx: Context, cloud: Cloud, aggregate: Any, host: str) -> None:
    """Put a host into the aggregate; Nova finds it some seconds after it registered, with its first hypervisor.

    Raises:
        StageFailed: not in time.
        Interrupted: the operator wants to stop.
    """
    from openstack.exceptions import NotFoundException  # only here: importing it takes 0.3 s

    deadline = time.monotonic() + UP
    while True:
        try:
            cloud.compute.add_host_to_aggregate(aggregate, host)
        except NotFoundException as error:
            if time.monotonic() > deadline:
                words = f"Nova knows of no hypervisor on {host}: {error.details or error}"
                raise StageFailed(words, f"`journalctl -u nova-compute` on {host} says why") from error
            if ctx.stop.wait(PAUSE):
                raise Interrupted("a new hypervisor is awaited: stopped by the operator") from error
        else:
            return


def _leave(cloud: Cloud, host: str) -> None:
    """Take a host out; the last one takes the aggregate along."""
    for one in cloud.compute.aggregates():
        if one.name == NAME:
            left = [name for name in one.hosts or () if name != host]
            if host in (one.hosts or ()):
                cloud.compute.remove_host_from_aggregate(one, host)
            if not left:
                cloud.compute.delete_aggregate(one)


class Trial:
    """Guests on new hypervisors, one on each, all at once."""

    def __init__(self, ctx: Context, cloud: Cloud) -> None:
        self._ctx, self._cloud = ctx, cloud
        self._emulated = ctx.design.rack.lab is not None and guest_accel(ctx.state_dir) == "tcg"
        self._smoke = Smoke(cloud, pause=ctx.stop.wait, emulated=self._emulated, prefix=NAME)

    def run(self, hosts: Mapping[str, str]) -> dict[str, str]:
        """Boot and ping; returns what went wrong, by node, and leaves nothing behind.

        Args:
            hosts: names that Nova has for nodes.
        """
        clean(self._cloud, NAME)
        faults: dict[str, str] = {}
        try:
            self._smoke.make_network()
            guests = {node: self._tried(faults, node, partial(self._boot, node, host)) for node, host in hosts.items()}
            for node, guest in guests.items():
                if guest is not None:
                    self._tried(faults, node, partial(self._answers, guest))
        except Interrupted:
            raise
        except Exception as error:  # noqa: BLE001 (whatever an SDK raises: they stay closed)
            faults |= {node: _words(error) for node in hosts}
        finally:
            clean(self._cloud, NAME)
        return faults

    def _tried(self, faults: dict[str, str], node: str, do: Any) -> Any:
        try:
            return do()
        except Interrupted:
            raise
        except Exception as error:  # noqa: BLE001
            faults[node] = _words(error)
            return None

    def _boot(self, node: str, host: str) -> Any:
        """A guest on this very host; the scheduler may need a moment until it takes it."""
        compute = self._cloud.compute
        up = partial(self._is_up, host)
        self._smoke.wait(f"nova-compute of {node}", UP, up, every=2)
        image = self._cloud.image.find_image(IMAGE, ignore_missing=False)
        flavor = compute.find_flavor(FLAVOR, ignore_missing=False)

        def booted() -> Any:
            made = compute.create_server(
                name=f"{NAME}-{node}",
                flavor_id=flavor.id,
                networks=[{"uuid": self._smoke.network.id}],
                security_groups=[{"name": self._smoke.group.name}],
                availability_zone=f"nova:{host}",
                block_device_mapping_v2=[root_volume(image)],
            )
            seen = self._smoke.wait(f"guest on {node}", BOOT_TIMEOUT, partial(self._settled, made))
            if seen.status == "ACTIVE":
                return seen
            why = str((seen.fault or {}).get("message") or "no reason given")
            compute.delete_server(made)
            compute.wait_for_delete(made, wait=60)
            if "No valid host" not in why:
                raise StageFailed(f"the guest is in ERROR: {why}")
            return None

        guest = self._smoke.wait(f"a place for a guest on {node}", UP, booted, every=5)
        if guest.compute_host != host:
            raise StageFailed(f"the guest runs on {guest.compute_host}")
        return guest

    def _is_up(self, host: str) -> bool:
        return any(
            one.host == host and one.state == "up" for one in self._cloud.compute.services(binary="nova-compute")
        )

    def _settled(self, made: Any) -> Any:
        seen = self._cloud.compute.get_server(made.id)
        return seen if seen.status in {"ACTIVE", "ERROR"} else None

    def _answers(self, guest: Any) -> None:
        """It answers from outside; one that hung while it booted under emulation is started anew, once."""
        net = self._cloud.network
        port = next(iter(net.ports(device_id=guest.id)))
        external = next(network for network in net.networks(is_router_external=True) if network.is_default)
        floating = net.create_ip(floating_network_id=external.id, port_id=port.id, description=NAME)
        address = str(floating.floating_ip_address)
        ping = ["ping", "-n", "-c", "1", "-W", "2", address]

        def answered() -> bool:
            return subprocess.run(ping, capture_output=True, check=False).returncode == 0

        what = f"answer of the guest at {address} to a ping"
        try:
            self._smoke.wait(what, HUNG if self._emulated else BOOT_TIMEOUT, answered)
        except StageFailed:
            if not self._emulated:
                raise
            self._cloud.compute.reboot_server(guest, "HARD")
            self._smoke.wait(what, BOOT_TIMEOUT, answered)


def _words(error: Exception) -> str:
    return " ".join(f"{error}".split())[:300] or type(error).__name__

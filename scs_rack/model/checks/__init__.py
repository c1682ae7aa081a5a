"""The cross checks of a rack file: one function a check, all in one list.

A check gets the draft and yields problems. It must cope with a draft that lacks what could not be read, and it puts
a problem of something absent at the entry that lacks it.
"""

from collections.abc import Callable, Iterator

from scs_rack.model.checks import (
    cables,
    cabling,
    cloud,
    devices,
    flavors,
    images,
    layer2,
    networks,
    networks6,
    numbers,
    power,
    provision,
    switch_ports,
    switching,
    tls,
    units,
)
from scs_rack.model.draft import Draft
from scs_rack.model.fault import Fault, Problem
from scs_rack.model.source import Source

Check = Callable[[Draft], Iterator[Problem]]

CHECKS: tuple[Check, ...] = (
    devices.device_name,
    devices.server_model,
    devices.switch_model,
    devices.breakout,
    devices.mac,
    devices.management_nic,
    devices.users,
    provision.boot_ways,
    provision.secure_boot,
    provision.root_disks,
    provision.boot_address,
    units.unit_above_rack,
    units.unit_overlap,
    networks.oob_network,
    networks.external_network,
    networks.network_overlap,
    networks.vlan,
    networks.gateway,
    networks.allocation,
    networks.loopback_pools,
    networks6.external6_purpose,
    networks6.external6_prefix,
    networks6.external6_addresses,
    networks6.guest_routers,
    numbers.address_pool,
    numbers.address_outside,
    numbers.address_twice,
    numbers.asn_pool,
    numbers.asn_twice,
    numbers.api_address,
    numbers.api_keepalived,
    cables.cable_device,
    cables.cable_port,
    cables.port_used_twice,
    cables.cable_ends,
    cables.cable_speed,
    cabling.bmc_cable,
    cabling.management_cable,
    cabling.two_leaves,
    cabling.fabric,
    cabling.external_ports,
    cabling.manager_cable,
    cabling.oob_reach,
    switch_ports.switch_port,
    switch_ports.switch_port_use,
    switch_ports.switch_port_ends,
    switch_ports.lag_port,
    switch_ports.lag_speed,
    switch_ports.lag_settings,
    switch_ports.lag_cables,
    layer2.segment_vlan,
    layer2.segment_vni,
    layer2.segment_vrf,
    layer2.switch_vlan,
    layer2.pair_switches,
    layer2.pair_multihoming,
    layer2.pair_address,
    layer2.shared_lag,
    switching.switch_release,
    switching.switch_mtu,
    switching.switch_users,
    switching.roce_classes,
    cloud.control_nodes,
    cloud.replicas,
    cloud.failure_domain,
    cloud.storage_disks,
    cloud.roles,
    cloud.services,
    cloud.guest_pools,
    tls.tls_choice,
    tls.acme,
    flavors.flavor_name,
    flavors.flavor_promise,
    flavors.flavor_standard,
    flavors.flavor_hosts,
    flavors.cpu_choice,
    images.image_checksum,
    images.image_file,
    images.image_generic,
    power.feeds,
    power.feed_capacity,
    power.feed_loss,
    power.rack_budget,
    power.inrush_limit,
    power.inrush,
    power.shelves,
)
"""All checks, in the order of a reader's questions."""


def check_name(check: Check) -> str:
    """Kebab-case name of a check."""
    return check.__name__.replace("_", "-")


def _follows(problem: Problem, draft: Draft) -> bool:
    """True when a problem may only follow from something that could not be read and is reported already."""
    path = problem.path
    return any(gone[: len(path)] == path or path[: len(gone)] == gone for gone in draft.lost)


def run_checks(draft: Draft, source: Source) -> list[Fault]:
    """All faults that the cross checks find."""
    return [
        source.fault(check_name(check), problem)
        for check in CHECKS
        for problem in check(draft)
        if not _follows(problem, draft)
    ]

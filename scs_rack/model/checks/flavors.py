"""Checks of flavors: names hold what they promise, and hosts can give what flavors ask for."""

from collections.abc import Iterator

from scs_rack.model.draft import Draft
from scs_rack.model.fault import Path, Problem
from scs_rack.model.flavor_name import BadName, FlavorName, is_scs, parse
from scs_rack.model.flavors import Flavor, cpus_of

OWN = ("cloud", "flavors", "own")


def _flavors(draft: Draft) -> Iterator[tuple[Path, str, Flavor]]:
    for name, flavor in (draft.cloud.flavors.own if draft.cloud else {}).items():
        yield (*OWN, name), name, flavor


def _read(name: str) -> FlavorName | None:
    try:
        return parse(name) if is_scs(name) else None
    except BadName:
        return None


def flavor_name(draft: Draft) -> Iterator[Problem]:
    """A name that begins with `SCS-` follows scs-0100; any other says its size beside it."""
    for path, name, flavor in _flavors(draft):
        if is_scs(name):
            try:
                parse(name)
            except BadName as error:
                message, _, hint = str(error).partition("; ")
                yield Problem(path, message, hint, "")
        elif flavor.vcpus is None or flavor.memory_mib is None:
            hint = "the name says nothing about it; or use a name of scs-0100, e.g. SCS-4V-16"
            yield Problem(path, "vcpus and memory_mib are not stated", hint, "")


def flavor_promise(draft: Draft) -> Iterator[Problem]:
    """A flavor has at least what its SCS name says."""
    for path, name, flavor in _flavors(draft):
        promised = _read(name)
        if promised is None:
            continue
        disk = promised.disk.size if promised.disk else None
        for key, stated, least in (
            ("vcpus", flavor.vcpus, promised.vcpus),
            ("memory_mib", flavor.memory_mib, promised.memory_mib),
            ("disk_gb", flavor.disk_gb, disk),
        ):
            if stated is not None and least is not None and stated < least:
                yield Problem((*path, key), f"less than the {least} that {name} promises", "leave it out, or rename it")
        if promised.disk and promised.disk.size is None and not flavor.disk_gb:
            hint = "Nova gives a guest the disk that its flavor has: state disk_gb"
            yield Problem(path, f"{name} comes with a disk whose size nobody says", hint, "")
        if promised.disk and promised.disk.count > 1 and promised.hypervisor != "bms":
            hint = "Nova gives a virtual guest one disk"
            yield Problem(path, f"{name} promises {promised.disk.count} disks", hint, "")
        pins = {"C": ("cores",), "T": ("threads", "cores")}.get(promised.cpu_type)
        if pins and flavor.pinning not in (None, *pins):
            hint = "V promises shared vCPUs, L crowded ones"
            yield Problem((*path, "pinning"), f"{name} promises {' or '.join(pins)} of its own", hint)


def flavor_standard(draft: Draft) -> Iterator[Problem]:
    """A flavor of scs-0103 is not redefined."""
    from scs_rack.model.standard_flavors import MANDATORY, RECOMMENDED

    fixed = {*MANDATORY, *(RECOMMENDED if draft.cloud and draft.cloud.flavors.recommended else ())}
    for path, name, _ in _flavors(draft):
        if name in fixed:
            yield Problem(path, f"{name} is a flavor of scs-0103, which is there already", "remove it here", "")


def flavor_hosts(draft: Draft) -> Iterator[Problem]:
    """Flavors with pinning or huge pages have hosts that set CPUs and pages aside."""
    compute = draft.cloud.compute if draft.cloud else None
    for path, name, flavor in _flavors(draft):
        promised = _read(name)
        pinned = flavor.pinning not in (None, "none") or bool(promised and promised.cpu_type in "CT")
        if compute and pinned and not compute.dedicated_cpus:
            hint = "state which CPUs of each compute host are for such flavors, e.g. 2-15"
            yield Problem(path, "CPUs of its own, and cloud.compute.dedicated_cpus is not stated", hint, "")
        if compute and flavor.huge_pages == "2M" and not compute.huge_pages_2m:
            hint = "state how many of them each compute host sets aside"
            yield Problem((*path, "huge_pages"), "no host has such pages: cloud.compute.huge_pages_2m is 0", hint)


def cpu_choice(draft: Draft) -> Iterator[Problem]:
    """CPUs for guests: models belong to the mode `custom`, dedicated and shared CPUs are apart, hosts have them."""
    compute = draft.cloud.compute if draft.cloud else None
    if compute is None:
        return
    here = ("cloud", "compute")
    if (compute.cpu_mode == "custom") != bool(compute.cpu_models):
        hint = "`cpu_mode: custom` and `cpu_models: [Nehalem]` belong together"
        yield Problem((*here, "cpu_mode"), "CPU models and the mode custom need each other", hint, compute.cpu_mode)
    dedicated = cpus_of(compute.dedicated_cpus) if compute.dedicated_cpus else set()
    shared = cpus_of(compute.shared_cpus) if compute.shared_cpus else set()
    if dedicated and not shared:
        hint = "state which CPUs are for guests without pinning, e.g. 2-7"
        yield Problem((*here, "dedicated_cpus"), "shared_cpus is not stated: other guests would have no CPU", hint)
    if both := dedicated & shared:
        message = "CPUs are dedicated and shared"
        yield Problem((*here, "dedicated_cpus"), message, "give each CPU one use", ", ".join(map(str, sorted(both))))
    for name, server in draft.active.items():
        model = draft.model(name)
        if "compute" in server.roles and model and (most := max(dedicated | shared, default=0)) >= model.cpus:
            message = f"{name} has CPUs 0 to {model.cpus - 1} only"
            yield Problem((*here, "dedicated_cpus" if most in dedicated else "shared_cpus"), message)

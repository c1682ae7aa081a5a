"""`scs-rack flavor`: what an SCS name promises, and the name of what you have (scs-0100-v3)."""

import argparse
import json
import sys
from dataclasses import asdict
from typing import Any

from scs_rack.cli.common import Commands, add_command, add_noun, json_option
from scs_rack.errors import UsageError
from scs_rack.model.flavor_name import CPUS, DISKS, HYPERVISORS, BadName, FlavorName, parse

_VENDORS = {"i": "Intel", "z": "AMD", "a": "ARM", "r": "RISC-V"}
_CPUS = {"C": "cores of its own", "T": "threads of its own", "V": "shared vCPUs", "L": "crowded vCPUs"}
_DISKS = {"n": "network storage", "h": "local HDD", "s": "local SSD", "p": "local NVMe", "": "any storage"}


def register(commands: Commands) -> None:
    """Add `flavor parse` and `flavor name`."""
    verbs = add_noun(commands, "flavor", "names of flavors by the SCS standard scs-0100")
    reader = add_command(
        verbs,
        "parse",
        read,
        "tell what names promise; exit code 2 if one does not follow the standard",
        ("scs-rack flavor parse SCS-2V-4-20s", "scs-rack flavor parse --json SCS-16T-64-200s_GNa-72-24_ib SCS-1L-1"),
    )
    reader.add_argument("names", metavar="NAME", nargs="+", help="name of a flavor")
    json_option(reader)
    writer = add_command(
        verbs,
        "name",
        write,
        "tell the name of what you have",
        (
            "scs-rack flavor name --vcpus 2 --cpu V --ram 4 --disk 20s",
            "scs-rack flavor name --vcpus 16 --cpu T --ram 64 --disk 3x200p --arch z3h --gpu GNa-14-6h --ib",
        ),
    )
    writer.add_argument("--vcpus", required=True, metavar="N", help="virtual CPUs")
    writer.add_argument("--cpu", required=True, choices=tuple(CPUS), help="what they are: " + _table(_CPUS))
    writer.add_argument("--ram", required=True, metavar="GIB", help="memory in GiB, in halves")
    writer.add_argument("--disk", metavar="[Mx]GB[KIND]", help="disk in GB, with its kind: " + _table(DISKS))
    writer.add_argument("--hypervisor", choices=HYPERVISORS, help="if it is not KVM")
    writer.add_argument("--nested", action="store_true", help="guests may run guests")
    writer.add_argument("--arch", metavar="CPU", help="vendor (i, z, a, r), generation, h for high frequency: z3h")
    writer.add_argument("--gpu", metavar="GPU", help="G or g, vendor, generation, units, memory: GNa-14-6h")
    writer.add_argument("--ib", action="store_true", help="it has InfiniBand")
    writer.add_argument("--insecure", action="store_true", help="late or no protection against faults of CPUs")
    writer.add_argument("--no-ecc", action="store_true", help="memory without error correction")
    writer.add_argument("--overcommit", action="store_true", help="memory is promised more than once")
    json_option(writer)


def read(args: argparse.Namespace) -> int:
    """Print what each name promises."""
    found: dict[str, Any] = {}
    wrong = 0
    for name in args.names:
        try:
            flavor = parse(name)
        except BadName as error:
            wrong += 1
            message, _, hint = str(error).partition("; ")
            print(f"error: {message}\n  hint: {hint}", file=sys.stderr)
            continue
        found[name] = _data(flavor)
        if not args.json:
            print(f"{flavor}: {words(flavor)}")
    if args.json:
        print(json.dumps(found, indent=2))
    return UsageError.exit_code if wrong else 0


def write(args: argparse.Namespace) -> int:
    """Print the name, and what Nova is told."""
    name = f"SCS-{args.vcpus}{args.cpu}{'i' * args.insecure}-{args.ram}{'u' * args.no_ecc}{'o' * args.overcommit}"
    name += f"-{args.disk}" if args.disk else ""
    for part in (args.hypervisor, "hwv" * args.nested, args.arch, args.gpu, "ib" * args.ib):
        name += f"_{part}" if part else ""
    try:
        flavor = parse(name)
    except BadName as error:
        message, _, hint = str(error).partition("; ")
        raise UsageError(message, hint) from error
    print(json.dumps(_data(flavor), indent=2) if args.json else str(flavor))
    return 0


def words(flavor: FlavorName) -> str:
    """What a flavor has, in a line for people."""
    cpus = f"{flavor.vcpus} {_CPUS[flavor.cpu_type]}{' (weakly protected)' if flavor.insecure else ''}"
    kind = [word for word, said in (("no ECC", flavor.no_ecc), ("overcommitted", flavor.overcommitted)) if said]
    parts = [cpus, f"{flavor.ram.normalize():f} GiB{' (' + ', '.join(kind) + ')' if kind else ''}"]
    if disk := flavor.disk:
        size = f"{disk.size} GB" if disk.size else "as large as the image wants"
        parts.append(f"{f'{disk.count} x ' if disk.count > 1 else ''}{size} of {_DISKS[disk.kind]}")
    else:
        parts.append("boots from a volume")
    if flavor.hypervisor:
        parts.append(f"hypervisor {flavor.hypervisor}")
    if flavor.nested:
        parts.append("guests in the guest")
    if cpu := flavor.cpu:
        parts.append(
            f"{_VENDORS[cpu.vendor]} generation {cpu.generation or 'not said'}{' high frequency' * bool(cpu.fast)}"
        )
    if gpu := flavor.gpu:
        size = f", {gpu.units} units" if gpu.units else ""
        size += f", {gpu.memory} GiB" if gpu.memory else ""
        parts.append(f"{'whole' if gpu.whole else 'virtual'} GPU {gpu.vendor}{gpu.generation}{size}")
    if flavor.infiniband:
        parts.append("InfiniBand")
    return ", ".join(parts)


def _data(flavor: FlavorName) -> dict[str, Any]:
    data = asdict(flavor) | {"ram": float(flavor.ram)}
    return {"name": str(flavor), "promises": data, "memory_mib": flavor.memory_mib, "extra_specs": flavor.extra_specs}


def _table(meanings: dict[str, str]) -> str:
    return ", ".join(f"{letter} {meaning}" for letter, meaning in meanings.items())

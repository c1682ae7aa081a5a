"""Identity and parts of the host."""

from typing import Any

from scs_rack.bmc.facts import Board, Cpu, Disk, Firmware, Identity, Inventory, Macs, Memory, Nic
from scs_rack.bmc.redfish.read import absent, health, items, link, links, mac, number, text, whole
from scs_rack.bmc.redfish.tree import Json, Tree

_LINK = {"LinkUp": "up", "LinkDown": "down", "NoLink": "down", "Up": "up", "Down": "down"}


async def identity(tree: Tree) -> Identity:
    """Properties of the system, and the firmware version of its manager."""
    system = await tree.system()
    manager = await tree.optional(await tree.manager_path()) if _managed(system) else {}
    serial = text(system, "SerialNumber")
    if await tree.has("serial-in-sku"):
        serial = text(system, "SKU") or serial
    return Identity(
        manufacturer=text(system, "Manufacturer"),
        model=text(system, "Model"),
        serial=serial,
        uuid=text(system, "UUID").lower(),
        bmc_firmware=text(manager, "FirmwareVersion"),
        bios_firmware=text(system, "BiosVersion"),
        asset_tag=text(system, "AssetTag"),
    )


async def macs(tree: Tree) -> Macs:
    """EthernetInterfaces of the system and of its managers."""
    system = await tree.system()
    nics = {name: mac(body) async for name, body in _ports(tree, link(system, "EthernetInterfaces"))}
    if not any(nics.values()):
        nics |= {nic.name: nic.mac for nic in await _adapters(tree)}
    own: list[str] = []
    for path in links(system, "Links", "ManagedBy") or links(system, "Links", "Managers"):
        interfaces = link(await tree.optional(path), "EthernetInterfaces")
        own += [mac(body) async for _, body in _ports(tree, interfaces)]
    known = {name: one for name, one in nics.items() if one}
    told = known or bool(link(system, "EthernetInterfaces"))
    return Macs(bmc=tuple(one for one in own if one), nics=known if told else None)


async def inventory(tree: Tree) -> Inventory:
    """All parts that the service lists."""
    system = await tree.system()
    return Inventory(
        identity=await identity(tree),
        cpus=tuple([_cpu(body) async for _, body in tree.members(link(system, "Processors")) if not absent(body)]),
        memory=tuple([_memory(body) async for _, body in tree.members(link(system, "Memory")) if not absent(body)]),
        disks=await _disks(tree, system),
        nics=await _nics(tree, system),
        boards=await _boards(tree),
    )


async def firmware(tree: Tree) -> tuple[Firmware, ...]:
    """UpdateService.FirmwareInventory."""
    service = await tree.optional(link(await tree.root(), "UpdateService"))
    found = []
    async for path, body in tree.members(link(service, "FirmwareInventory")):
        updateable = body.get("Updateable")
        name = text(body, "Name") or text(body, "Id")
        found.append(Firmware(name, text(body, "Version"), path, updateable if isinstance(updateable, bool) else None))
    return tuple(found)


def _managed(system: Json) -> bool:
    return bool(links(system, "Links", "ManagedBy") or links(system, "Links", "Managers"))


async def _ports(tree: Tree, collection: str) -> Any:
    async for path, body in tree.members(collection):
        yield text(body, "Id") or path.rsplit("/", 1)[-1], body


def _cpu(body: Json) -> Cpu:
    return Cpu(
        name=text(body, "Socket") or text(body, "Id"),
        model=text(body, "Model"),
        kind=(text(body, "ProcessorType") or "cpu").lower(),
        cores=whole(body, "TotalCores"),
        threads=whole(body, "TotalThreads"),
        health=health(body),
    )


def _memory(body: Json) -> Memory:
    return Memory(
        name=text(body, "DeviceLocator") or text(body, "Id"),
        mib=whole(body, "CapacityMiB"),
        kind=text(body, "MemoryDeviceType"),
        speed_mhz=whole(body, "OperatingSpeedMhz"),
        serial=text(body, "SerialNumber"),
        health=health(body),
    )


async def _disks(tree: Tree, system: Json) -> tuple[Disk, ...]:
    """Drives of Storage; devices of SimpleStorage where there is none."""
    found: list[Disk] = []
    seen: set[str] = set()
    async for _, controller in tree.members(link(system, "Storage")):
        for path in links(controller, "Drives"):
            if path not in seen and (body := await tree.optional(path)) and not absent(body):
                found.append(_disk(body))
            seen.add(path)
    if found:
        return tuple(found)
    async for _, controller in tree.members(link(system, "SimpleStorage")):
        found += [
            Disk(text(body, "Name"), text(body, "Model"), bytes=whole(body, "CapacityBytes"))
            for body in items(controller, "Devices")
            if not absent(body)
        ]
    return tuple(found)


def _disk(body: Json) -> Disk:
    kind = text(body, "MediaType").lower()
    return Disk(
        name=text(body, "Name") or text(body, "Id"),
        model=text(body, "Model"),
        serial=text(body, "SerialNumber"),
        bytes=whole(body, "CapacityBytes"),
        kind="nvme" if text(body, "Protocol").upper() == "NVME" else kind,
        firmware=text(body, "Revision") or text(body, "FirmwareVersion"),
        health=health(body),
    )


async def _nics(tree: Tree, system: Json) -> tuple[Nic, ...]:
    found = []
    async for name, body in _ports(tree, link(system, "EthernetInterfaces")):
        speed = number(body, "SpeedMbps")
        found.append(Nic(name, mac(body), _LINK.get(text(body, "LinkStatus"), ""), round(speed) if speed else None))
    return tuple(found) if any(nic.mac for nic in found) else (*found, *await _adapters(tree))


async def _adapters(tree: Tree) -> list[Nic]:
    """Ports of the chassis' network adapters, for services that list no EthernetInterfaces."""
    found = []
    for chassis in await tree.chassis():
        async for _, adapter in tree.members(link(chassis, "NetworkAdapters")):
            async for name, body in _ports(tree, link(adapter, "NetworkDeviceFunctions")):
                address = mac(body.get("Ethernet"))
                if address:
                    found.append(Nic(name, address))
    return found


async def _boards(tree: Tree) -> tuple[Board, ...]:
    """Chassis and their power supplies."""
    found = []
    for chassis in await tree.chassis():
        found.append(_board(chassis))
        supplies = [body async for _, body in tree.members(await _supplies(tree, chassis))]
        if not supplies:
            supplies = items(await tree.optional(link(chassis, "Power")), "PowerSupplies")
        found += [_board(body) for body in supplies if not absent(body)]
    return tuple(found)


async def _supplies(tree: Tree, chassis: Json) -> str:
    return link(await tree.optional(link(chassis, "PowerSubsystem")), "PowerSupplies")


def _board(body: Json) -> Board:
    return Board(
        name=text(body, "Name") or text(body, "Id"),
        manufacturer=text(body, "Manufacturer"),
        model=text(body, "Model"),
        serial=text(body, "SerialNumber"),
        part=text(body, "PartNumber"),
    )

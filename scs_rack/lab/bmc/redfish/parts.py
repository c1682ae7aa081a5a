"""What the server is made of: processors, memory, disks, network ports."""

from scs_rack.lab.bmc.redfish.routes import (
    CHASSIS,
    SYSTEM,
    Answer,
    Call,
    Resource,
    collection,
    get,
    head,
    health,
    link,
    links,
)  # fmt: skip

PROCESSORS = f"{SYSTEM}/Processors"
MEMORY = f"{SYSTEM}/Memory"
STORAGE = f"{SYSTEM}/Storage"
CONTROLLERS = f"{STORAGE}/1/Controllers"
DRIVES = f"{STORAGE}/1/Drives"
NICS = f"{SYSTEM}/EthernetInterfaces"
DIMM_GIB = 32


def _state(call: Call) -> Resource:
    return health("Enabled" if call.on else "StandbyOffline")


@get(PROCESSORS)
def processors(_call: Call) -> Resource:
    """All sockets: one."""
    return collection(PROCESSORS, "Processor", "Processors", [f"{PROCESSORS}/CPU1"])


@get(f"{PROCESSORS}/CPU1")
def processor(call: Call) -> Resource:
    """The processor."""
    threads = call.machine.config.cpus
    return head(f"{PROCESSORS}/CPU1", "Processor", "CPU1") | {
        "Socket": "CPU1",
        "ProcessorType": "CPU",
        "ProcessorArchitecture": "x86",
        "InstructionSet": "x86-64",
        "Manufacturer": "scs-rack lab",
        "Model": "virtual processor",
        "TotalCores": max(1, threads // 2),
        "TotalThreads": threads,
        "MaxSpeedMHz": 3000,
        "SerialNumber": f"{call.machine.config.serial}-C1",
        "Status": _state(call),
    }


def _dimms(call: Call) -> list[int]:
    """Capacity of each module in GiB."""
    left, found = call.machine.config.memory_gib, []
    while left > 0:
        found.append(min(left, DIMM_GIB))
        left -= DIMM_GIB
    return found


@get(MEMORY)
def memory(call: Call) -> Resource:
    """All modules."""
    members = [f"{MEMORY}/DIMM{number}" for number in range(1, len(_dimms(call)) + 1)]
    return collection(MEMORY, "Memory", "Memory", members)


@get(f"{MEMORY}/{{}}")
def module(call: Call) -> Answer:
    """One module."""
    modules = _dimms(call)
    number = call.ids[0].removeprefix("DIMM")
    if not number.isdecimal() or not 1 <= int(number) <= len(modules):
        return None
    return head(call.path, "Memory", call.ids[0]) | {
        "MemoryType": "DRAM",
        "MemoryDeviceType": "DDR4",
        "CapacityMiB": modules[int(number) - 1] * 1024,
        "DataWidthBits": 64,
        "BusWidthBits": 72,
        "OperatingSpeedMhz": 3200,
        "ErrorCorrection": "MultiBitECC",
        "Location": {"PartLocation": {"ServiceLabel": call.ids[0], "LocationType": "Slot"}},
        "Manufacturer": "scs-rack lab",
        "PartNumber": f"VDIMM{modules[int(number) - 1]}",
        "SerialNumber": f"{call.machine.config.serial}-M{number}",
        "Status": _state(call),
    }


@get(STORAGE)
def storage_all(_call: Call) -> Resource:
    """All storage: one subsystem."""
    return collection(STORAGE, "Storage", "Storage", [f"{STORAGE}/1"])


@get(f"{STORAGE}/1")
def storage(call: Call) -> Resource:
    """The disks and what they hang on."""
    drives = links([f"{DRIVES}/{name}" for name in call.machine.config.disks])
    return head(f"{STORAGE}/1", "Storage", "Disks") | {
        "Controllers": link(CONTROLLERS),
        "Drives": drives,
        "Drives@odata.count": len(drives),
        "Status": _state(call),
    }


@get(CONTROLLERS)
def controllers(_call: Call) -> Resource:
    """All controllers: one."""
    return collection(CONTROLLERS, "StorageController", "Storage controllers", [f"{CONTROLLERS}/1"])


@get(f"{CONTROLLERS}/1")
def controller(call: Call) -> Resource:
    """The controller."""
    return head(f"{CONTROLLERS}/1", "StorageController", "Controller 1") | {
        "Manufacturer": "scs-rack lab",
        "Model": "virtual HBA",
        "FirmwareVersion": "1.0",
        "SupportedControllerProtocols": ["PCIe"],
        "SupportedDeviceProtocols": ["NVMe", "SATA"],
        "Status": _state(call),
    }


@get(f"{DRIVES}/{{}}")
def drive(call: Call) -> Answer:
    """One disk."""
    name = call.ids[0]
    disk = call.machine.config.disks.get(name)
    if disk is None:
        return None
    return (
        head(call.path, "Drive", name)
        | {
            "Manufacturer": "scs-rack lab",
            "Model": f"virtual {disk.kind}",
            "SerialNumber": f"{call.machine.config.serial}-{name}",
            "CapacityBytes": disk.size_gb * 10**9,
            "BlockSizeBytes": 512,
            "MediaType": "HDD" if disk.kind == "hdd" else "SSD",
            "Protocol": "NVMe" if disk.kind == "nvme" else "SATA",
            "FailurePredicted": False,
            "Status": _state(call),
            "Links": {"Chassis": link(CHASSIS)},
        }
        | ({} if disk.kind == "hdd" else {"PredictedMediaLifeLeftPercent": 97})
    )


@get(NICS)
def nics(call: Call) -> Resource:
    """Network ports of the server."""
    members = [f"{NICS}/{name}" for name in call.machine.config.nics]
    return collection(NICS, "EthernetInterface", "NICs of the server", members)


@get(f"{NICS}/{{}}")
def nic(call: Call) -> Answer:
    """One port."""
    mac = call.machine.config.nics.get(call.ids[0])
    if mac is None:
        return None
    return head(call.path, "EthernetInterface", call.ids[0]) | {
        "MACAddress": mac.upper(),
        "PermanentMACAddress": mac.upper(),
        "InterfaceEnabled": True,
        "LinkStatus": "LinkUp" if call.on else "NoLink",
        "Status": _state(call),
        "Links": {"Chassis": link(CHASSIS)},
    }

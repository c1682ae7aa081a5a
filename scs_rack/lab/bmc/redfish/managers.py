"""The BMC itself: its clock, its port, its services, its restart."""

from datetime import UTC, datetime

from scs_rack.lab.bmc.redfish.messages import Choice, Items, check, error, errors, info, rewritten, success
from scs_rack.lab.bmc.redfish.routes import (
    CHASSIS,
    MANAGER,
    ROOT,
    SYSTEM,
    Answer,
    Call,
    Resource,
    action,
    collection,
    get,
    head,
    health,
    link,
    links,
    patch,
    post,
)  # fmt: skip

ALL = f"{ROOT}/Managers"
NETWORK = f"{MANAGER}/NetworkProtocol"
PORTS = f"{MANAGER}/EthernetInterfaces"
RESET_TYPES = ("ForceRestart", "GracefulRestart")


@get(ALL, kind="any")
def managers(_call: Call) -> Resource:
    """All managers: one."""
    return collection(ALL, "Manager", "Managers", [MANAGER])


@get(MANAGER, kind="any")
def manager(call: Call) -> Resource:
    """The BMC."""
    machine = call.machine
    minutes = machine.clock.utc_offset
    sign = "-" if minutes < 0 else "+"
    server = machine.config.kind == "server"
    resource = head(MANAGER, "Manager", "Virtual BMC") | {
        "ManagerType": "BMC" if server else "RackManager",
        "Manufacturer": "scs-rack lab",
        "Model": "virtual BMC",
        "FirmwareVersion": machine.firmware["BMC"].version,
        "UUID": str(machine.uuid),
        "ServiceEntryPointUUID": str(machine.uuid),
        "DateTime": machine.clock.stamp(),
        "DateTimeLocalOffset": f"{sign}{abs(minutes) // 60:02d}:{abs(minutes) % 60:02d}",
        "PowerState": "On",
        "Status": health(),
        "EthernetInterfaces": link(PORTS),
        "NetworkProtocol": link(NETWORK),
        "Links": {
            "ManagerForServers": links([SYSTEM] if server else []),
            "ManagerForChassis": links([CHASSIS]),
            "ManagerInChassis": link(CHASSIS),
        },
        "Actions": action(MANAGER, "Manager.Reset", **{
            "@Redfish.ActionInfo": f"{MANAGER}/ResetActionInfo",
            "ResetType@Redfish.AllowableValues": list(RESET_TYPES),
        }),
    }  # fmt: skip
    if server:
        resource |= {
            "VirtualMedia": link(f"{MANAGER}/VirtualMedia"),
            "LogServices": link(f"{MANAGER}/LogServices"),
            "SerialConsole": {
                "ServiceEnabled": machine.ipmi_enabled,
                "MaxConcurrentSessions": 1,
                "ConnectTypesSupported": ["IPMI"],
            },
            "CommandShell": {"ServiceEnabled": False, "MaxConcurrentSessions": 0, "ConnectTypesSupported": []},
        }
    return resource


@get(f"{MANAGER}/ResetActionInfo", kind="any")
def reset_info(_call: Call) -> Resource:
    """What Reset takes."""
    return head(f"{MANAGER}/ResetActionInfo", "ActionInfo", "Reset") | {
        "Parameters": [
            {"Name": "ResetType", "Required": False, "DataType": "String", "AllowableValues": list(RESET_TYPES)}
        ]
    }


@patch(MANAGER, kind="any", level=4)
def set_manager(call: Call) -> Answer:
    """Set the clock."""
    found = check(call.body, {"DateTime": str, "DateTimeLocalOffset": str}, manager(call))
    moment = None
    if not found and "DateTime" in call.body:
        try:
            moment = datetime.fromisoformat(call.body["DateTime"])
        except ValueError:
            text = "DateTime is no date and time."
            found.append(info("PropertyValueFormatError", text, call.body["DateTime"], "DateTime"))
    minutes = _minutes(call.body.get("DateTimeLocalOffset", "+00:00"))
    if minutes is None:
        found.append(info("PropertyValueFormatError", "DateTimeLocalOffset is like +01:00.", "", "DateTimeLocalOffset"))
    if found:
        return errors(400, found)
    if not call.machine.lies:
        if moment:
            call.machine.clock.set((moment if moment.tzinfo else moment.replace(tzinfo=UTC)).timestamp())
        if "DateTimeLocalOffset" in call.body:
            call.machine.clock.utc_offset = minutes or 0
    return manager(call)


def _minutes(text: str) -> int | None:
    sign, digits = text[:1], text[1:].split(":")
    if sign not in "+-" or len(digits) != 2 or not all(one.isdecimal() for one in digits):
        return None
    return (int(digits[0]) * 60 + int(digits[1])) * (-1 if sign == "-" else 1)


@post(f"{MANAGER}/Actions/Manager.Reset", kind="any", level=4)
def reset(call: Call) -> Answer:
    """Restart the BMC; the server runs on."""
    found = check(call.body, {"ResetType": Choice(RESET_TYPES)}, {})
    if found:
        return errors(400, found)
    call.server.after_answer(call.machine.restart_bmc)
    return success()


@get(PORTS, kind="any")
def ports(_call: Call) -> Resource:
    """Ports of the BMC: one."""
    return collection(PORTS, "EthernetInterface", "Ports of the BMC", [f"{PORTS}/1"])


@get(f"{PORTS}/1", kind="any")
def port(call: Call) -> Resource:
    """The BMC's own port."""
    config = call.machine.config
    mask = (0xFFFFFFFF << (32 - config.prefixlen)) & 0xFFFFFFFF
    return head(f"{PORTS}/1", "EthernetInterface", "BMC port") | {
        "MACAddress": config.mac.upper(),
        "PermanentMACAddress": config.mac.upper(),
        "InterfaceEnabled": True,
        "LinkStatus": "LinkUp",
        "SpeedMbps": 1000,
        "AutoNeg": True,
        "FullDuplex": True,
        "HostName": f"{config.server}-bmc",
        "FQDN": f"{config.server}-bmc",
        "NameServers": [],
        "DHCPv4": {"DHCPEnabled": False},
        "DHCPv6": {"OperatingMode": "Disabled"},
        "IPv4Addresses": [
            {
                "Address": str(config.address),
                "SubnetMask": ".".join(str(mask >> shift & 255) for shift in (24, 16, 8, 0)),
                "AddressOrigin": "Static",
                "Gateway": "0.0.0.0",
            }
        ],
        "IPv6Addresses": [],
        "Status": health(),
    }


@get(NETWORK, kind="any")
def network(call: Call) -> Resource:
    """Services on the network."""
    machine = call.machine
    return head(NETWORK, "ManagerNetworkProtocol", "Network services") | {
        "HostName": f"{machine.config.server}-bmc",
        "FQDN": f"{machine.config.server}-bmc",
        "Status": health(),
        "HTTPS": {"ProtocolEnabled": True, "Port": 443, "Certificates": link(f"{NETWORK}/HTTPS/Certificates")},
        "HTTP": {"ProtocolEnabled": False, "Port": 80},
        "SSH": {"ProtocolEnabled": False, "Port": 22},
        "IPMI": {"ProtocolEnabled": _ipmi(call), "Port": 623},
        "SNMP": {"ProtocolEnabled": False, "Port": 161},
        "SSDP": {"ProtocolEnabled": False, "Port": 1900},
        "Telnet": {"ProtocolEnabled": False, "Port": 23},
        "NTP": {"ProtocolEnabled": machine.clock.ntp, "Port": 123, "NTPServers": list(machine.clock.servers)},
    }


def _ipmi(call: Call) -> bool:
    config = call.machine.config
    return call.machine.ipmi_enabled and config.kind == "server" and (config.both or config.protocol == "ipmi")


@patch(NETWORK, kind="any", level=4)
def set_network(call: Call) -> Answer:
    """Open and close services; those that are not there can only stay closed."""
    shut = {"ProtocolEnabled": Choice((False,))}
    spec = {
        "IPMI": {"ProtocolEnabled": Choice((True, False))},
        "NTP": {"ProtocolEnabled": Choice((True, False)), "NTPServers": Items((str, dict, type(None)))},
        "HTTP": shut,
        "SSH": shut,
        "SNMP": shut,
        "SSDP": shut,
        "Telnet": shut,
    }
    found = check(call.body, spec, network(call))
    if found:
        return errors(400, found)
    wanted = call.body.get("IPMI", {}).get("ProtocolEnabled")
    if wanted and not (call.machine.config.both or call.machine.config.protocol == "ipmi"):
        return error(400, "PropertyNotWritable", "This BMC has no IPMI.", "IPMI/ProtocolEnabled")
    if wanted is not None:
        call.machine.set_ipmi(enabled=wanted)
    if not call.machine.lies:
        ntp, clock = call.body.get("NTP", {}), call.machine.clock
        clock.ntp = ntp.get("ProtocolEnabled", clock.ntp)
        clock.servers = rewritten(clock.servers, ntp.get("NTPServers", clock.servers))
    return network(call)

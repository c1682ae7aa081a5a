"""`show version`, `platform`, `system-health`, `ztp`, `runningconfiguration` and other words of the switch on itself.

Texts: sonic-utilities 202505 (show/main.py, show/platform.py, show/system_health.py), sonic-ztp (ztp-engine status).
"""

import json
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

from scs_rack.lab.switch.device import configdb, state, table
from scs_rack.lab.switch.device import images as image
from scs_rack.lab.switch.device import release as releases
from scs_rack.lab.switch.device.cmdtree import Argument, Exit, Group, Option
from scs_rack.lab.switch.device.config_files import STARTUP
from scs_rack.lab.switch.device.show_neighbours import vtysh

VERBOSE = Option(("--verbose",), "Enable verbose output")
EEPROM = Path("/etc/labswitch/eeprom.json")
ZTP_STATUS = Path("/var/lib/ztp/status.json")
CODES = {
    "Product Name": 0x21, "Part Number": 0x22, "Serial Number": 0x23, "Base MAC Address": 0x24,
    "Platform Name": 0x28, "ONIE Version": 0x29, "MAC Addresses": 0x2A, "Vendor Name": 0x2D,
}  # fmt: skip
"""Codes of ONIE's TLVs."""
SERVICES = {
    "bgp": "frr.service",
    "lldp": "lldpd.service",
    "database": "redis-server.service",
    "swss": "labswitchd.service",
}
"""Containers of SONiC, with the unit that does their work here."""


def register(show: Group) -> None:
    """Add the commands."""
    show.command("version", VERBOSE)(version)
    show.command("uptime", VERBOSE)(uptime)
    show.command("clock", VERBOSE)(clock)
    show.command("boot")(boot)
    show.command("services")(services)
    show.command("users", VERBOSE)(users)
    show.command("reboot-cause")(reboot_cause)
    show.command("logging", Option(("-l", "--lines"), "", "TEXT"), VERBOSE)(logging)
    platform = show.group("platform", "Show platform-specific hardware info")
    platform.command("summary", Option(("--json",), "Output in JSON format"))(platform_summary)
    platform.command("syseeprom", VERBOSE)(syseeprom)
    health = show.group("system-health", "Show system-health information")
    health.command("summary")(health_summary)
    health.command("detail")(health_summary)
    health.command("sysready-status")(sysready)
    show.command("ztp", Argument("action", "[status]", required=False, choices=("status",)), VERBOSE)(ztp)
    feature = show.group("feature", "Show feature status")
    feature.command("status", Argument("feature_name", "[FEATURE_NAME]", required=False))(feature_status)
    running = show.group("runningconfiguration", "Show current running configuration information")
    running.command("all", VERBOSE)(running_all)
    running.command("bgp", VERBOSE)(running_bgp)
    for name, prefix in (("interfaces", ("INTERFACE",)), ("ports", ("PORT",)), ("acl", ("ACL_RULE",))):
        _running_part(running, name, prefix)
    for name, prefix in (("ntp", ("NTP_SERVER",)), ("syslog", ("SYSLOG_SERVER",))):
        _running_part(running, name, prefix)
    startup = show.group("startupconfiguration", "Show startup configuration information")
    startup.command("bgp", VERBOSE)(startup_bgp)
    management = show.group("management_interface", "Show management interface parameters")
    management.command("address")(management_address)


def _run(*words: str) -> str:
    return subprocess.run(words, capture_output=True, text=True, check=False).stdout.strip()


def _eeprom() -> dict[str, str]:
    try:
        found: dict[str, str] = json.loads(EEPROM.read_text(encoding="utf-8"))
    except (FileNotFoundError, ValueError):
        return {}
    return found


def _hardware() -> dict[str, str]:
    row = configdb.read(configdb.connect()).get("DEVICE_METADATA", {}).get("localhost", {})
    eeprom = _eeprom()
    return {
        "Platform": str(row.get("platform") or eeprom.get("Platform Name", "N/A")),
        "HwSKU": str(row.get("hwsku") or eeprom.get("Part Number", "N/A")),
        "ASIC": "scs-rack-lab",
        "ASIC Count": "1",
        "Serial Number": eeprom.get("Serial Number", "N/A"),
        "Model Number": eeprom.get("Part Number", "N/A"),
        "Hardware Revision": "N/A",
    }


def version(*, verbose: bool) -> None:
    """Show version information"""  # noqa: D415 (the text of `--help`)
    del verbose
    built = releases.build_version()
    print(f"\nSONiC Software Version: SONiC.{built}")
    print("SONiC OS Version: 13")
    print(f"Distribution: Debian {_run('cat', '/etc/debian_version')}")
    print(f"Kernel: {_run('uname', '-r')}")
    print("Build commit: lab")
    print("Build date: lab")
    print("Built by: scs-rack\n")
    for name, value in _hardware().items():
        print(f"{name}: {value}")
    print(f"Uptime: {_run('uptime')}")
    print(f"Date: {time.strftime('%a %d %b %Y %X')}")
    print("\nDocker images:")
    print(table.simple(("REPOSITORY", "TAG", "IMAGE ID", "SIZE"), []))


def uptime(*, verbose: bool) -> None:
    """Show system uptime"""  # noqa: D415
    del verbose
    print(_run("uptime", "-p"))


def clock(*, verbose: bool) -> None:
    """Show date and time"""  # noqa: D415
    del verbose
    print(_run("date"))


def boot() -> None:
    """Show boot configuration"""  # noqa: D415
    image.print_list()


def services() -> None:
    """Show all daemon services"""  # noqa: D415
    for name, unit in SERVICES.items():
        if _run("systemctl", "is-active", unit) == "active":
            print(f"{name}\tdocker\n---------------------------")
            print(_run("systemctl", "show", unit, "--property=MainPID,ActiveState"))


def users(*, verbose: bool) -> None:
    """Show users"""  # noqa: D415
    del verbose
    print(_run("who"))


def reboot_cause() -> None:
    """Show cause of most recent reboot"""  # noqa: D415
    try:
        print(Path("/host/reboot-cause/reboot-cause.txt").read_text(encoding="utf-8").strip())
    except FileNotFoundError:
        print("Unknown")


def logging(*, lines: str | None, verbose: bool) -> None:
    """Show system log"""  # noqa: D415
    del verbose
    sys.stdout.flush()
    words = ["sudo", "journalctl", "--no-pager", *(["-n", lines] if lines else [])]
    raise Exit(subprocess.run(words, check=False).returncode)


def platform_summary(*, json: bool) -> None:
    """Show hardware platform information"""  # noqa: D415
    found = _hardware()
    if json:
        names = {"Platform": "platform", "HwSKU": "hwsku", "ASIC": "asic_type", "ASIC Count": "asic_count",
                 "Serial Number": "serial", "Model Number": "model", "Hardware Revision": "revision"}  # fmt: skip
        print(_json({names[name]: value for name, value in found.items()}))
        return
    for name, value in found.items():
        print(f"{name}: {value}")


def _json(value: Any) -> str:
    return json.dumps(value)


def syseeprom(*, verbose: bool) -> None:
    """Show system EEPROM information"""  # noqa: D415
    del verbose
    rows = []
    for name, value in _eeprom().items():
        length = {"Base MAC Address": 6, "MAC Addresses": 2}.get(name, len(value))
        rows.append((name, CODES[name], length, value))
    rows.sort(key=lambda row: row[1])
    print("TlvInfo Header:")
    print("   Id String:    TlvInfo")
    print("   Version:      1")
    print(f"   Total Length: {sum(row[2] + 2 for row in rows)}")
    print("TLV Name             Code Len Value")
    print("-------------------- ---- --- -----")
    for name, code, length, value in rows:
        print(f"{name:<20} 0x{code:02X} {length:>3} {value}")
    print("\n(checksum valid)")


def _sick() -> list[str]:
    return [f"Container '{name}' is not running" for name, unit in SERVICES.items()
            if _run("systemctl", "is-active", unit) != "active"]  # fmt: skip


def health_summary() -> None:
    """Show system-health summary information"""  # noqa: D415
    sick = _sick()
    print("System status summary\n")
    print(f"  System status LED  {'red' if sick else 'green'}")
    print("  Services:")
    print(f"    Status: {'Not OK' if sick else 'OK'}")
    if sick:
        print(f"    Not Running: {', '.join(sick)}")
    print("  Hardware:")
    print("    Status: OK")


def sysready() -> None:
    """Show system-health system ready status"""  # noqa: D415
    if state.starting():
        print("System is not ready - one or more services are not up\n")
    else:
        print("System is ready\n")
    rows = []
    for name, unit in SERVICES.items():
        status = "OK" if _run("systemctl", "is-active", unit) == "active" else "Down"
        rows.append((name, status, "Up" if status == "OK" else "Down", "-"))
    print(table.simple(("Service-Name", "Service-Status", "App-Ready-Status", "Down-Reason"), rows))


def ztp(*, action: str | None, verbose: bool) -> None:
    """Show Zero Touch Provisioning status"""  # noqa: D415
    del action, verbose
    try:
        found = json.loads(ZTP_STATUS.read_text(encoding="utf-8"))
    except (FileNotFoundError, ValueError):
        found = {}
    running = _run("systemctl", "is-active", "ztp.service") in ("active", "activating")
    print(f"ZTP Admin Mode : {found.get('admin', True)}")
    print(f"ZTP Service    : {'Processing' if running else 'Inactive'}")
    print(f"ZTP Status     : {found.get('status', 'Not Started')}\n")
    if "source" in found:
        print(f"ZTP Source     : {found['source']}")
        print(f"Runtime        : {found.get('runtime', '')}")
        print(f"Timestamp      : {found.get('timestamp', '')}\n")
    print("ZTP Service is active" if running else "ZTP Service is not running")
    for name, row in sorted(found.get("sections", {}).items()):
        why = f" ({row['error']})" if row.get("error") else ""
        print(f"\n{name}: {row.get('status')}{why}")


def feature_status(*, feature_name: str | None) -> None:
    """Show feature state"""  # noqa: D415
    stated = configdb.read(configdb.connect()).get("FEATURE", {})
    known = {name: {"state": "always_enabled" if name == "database" else "enabled"} for name in SERVICES}
    rows = []
    for name, row in sorted({**known, **stated}.items()):
        if feature_name in (None, name):
            rows.append((name, row.get("state"), row.get("auto_restart", "enabled"), "local"))
    if not rows:
        print(f"Can not find feature {feature_name}")
        raise Exit(1)
    print(table.simple(("Feature", "State", "AutoRestart", "SetOwner"), rows))


def running_all(*, verbose: bool) -> None:
    """Show full running configuration"""  # noqa: D415
    del verbose
    print(configdb.dump(configdb.read(configdb.connect())), end="")


def running_bgp(*, verbose: bool) -> None:
    """Show BGP running configuration"""  # noqa: D415
    del verbose
    vtysh("show running-config bgpd")


def _running_part(running: Group, name: str, prefixes: tuple[str, ...]) -> None:
    @running.command(name, VERBOSE)
    def part(*, verbose: bool) -> None:
        del verbose
        tables = configdb.read(configdb.connect())
        chosen = {table_name: tables[table_name] for table_name in prefixes if table_name in tables}
        only = chosen.get(prefixes[0], {})
        print(json.dumps(only, indent=4, sort_keys=True))


def startup_bgp(*, verbose: bool) -> None:
    """Show BGP startup configuration"""  # noqa: D415
    del verbose
    try:
        tables = configdb.load_file(STARTUP)
    except (OSError, ValueError) as error:
        print(f"{STARTUP}: {error}", file=sys.stderr)
        raise Exit(1) from None
    print(json.dumps({name: rows for name, rows in tables.items() if name.startswith("BGP_")}, indent=4))


def management_address() -> None:
    """Show IP address configured for management interface"""  # noqa: D415
    for key, row in configdb.read(configdb.connect()).get("MGMT_INTERFACE", {}).items():
        print(f"Management IP address = {key.partition('|')[2]}")
        if "gwaddr" in row:
            print(f"Management Network Default Gateway = {row['gwaddr']}")

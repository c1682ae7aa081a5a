"""Zero touch provisioning: a switch without configuration asks DHCP what it shall be.

Sections of the ztp.json run in the order of their names; what has succeeded is not run again after a reboot. Plugins:
`configdb-json`, `firmware`, and `plugin` with a script. What else SONiC has (snmp, graphservice, connectivity-check,
download) fails and says so. Source: sonic-ztp, doc/sonic-ztp.md.
"""

import json
import os
import subprocess
import sys
import time
import urllib.error
import urllib.request
from pathlib import Path
from typing import Any, NoReturn

from scs_rack.lab.switch.device import configdb, dhcp, images
from scs_rack.lab.switch.device import release as releases
from scs_rack.lab.switch.device.config_files import STARTUP

FOLDER = Path("/var/lib/ztp")
STATUS = FOLDER / "status.json"
LOCAL = FOLDER / "ztp.json"
EEPROM = Path("/etc/labswitch/eeprom.json")
PAUSE = 3.0
"""Seconds between two rounds of asking."""
_NOT_OFFERED = ("snmp", "graphservice", "connectivity-check", "download")


class SectionFailed(Exception):
    """A section could not be done."""


def _eeprom() -> dict[str, str]:
    found: dict[str, str] = json.loads(EEPROM.read_text(encoding="utf-8"))
    return found


def load_status() -> dict[str, Any]:
    """What has been done so far."""
    try:
        found: dict[str, Any] = json.loads(STATUS.read_text(encoding="utf-8"))
    except (FileNotFoundError, ValueError):
        return {"admin": True, "status": "Not Started", "sections": {}}
    return found


def _save(status: dict[str, Any]) -> None:
    FOLDER.mkdir(parents=True, exist_ok=True)
    status["timestamp"] = time.strftime("%Y-%m-%d %H:%M:%S UTC", time.gmtime())
    began = status.setdefault("began", time.time())
    minutes, seconds = divmod(int(time.time() - began), 60)
    status["runtime"] = f"{minutes:02}m {seconds:02}s"
    temporary = STATUS.with_suffix(".new")
    temporary.write_text(json.dumps(status), encoding="utf-8")
    temporary.replace(STATUS)


def fetch(url: str, target: Path) -> Path:
    """Get a file from a web server, with the headers by which a server can tell switches apart.

    Raises:
        SectionFailed: it can't be had.
    """
    if not url.startswith(("http://", "https://")):
        raise SectionFailed(f"the lab switch fetches by http and https only: {url}")
    eeprom = _eeprom()
    headers = {
        "User-Agent": "SONiC-ZTP/0.1",
        "PRODUCT-NAME": eeprom.get("Product Name", ""),
        "SERIAL-NUMBER": eeprom.get("Serial Number", ""),
        "BASE-MAC-ADDRESS": eeprom.get("Base MAC Address", ""),
        "SONiC-VERSION": f"SONiC.{releases.build_version()}",
    }
    try:
        request = urllib.request.Request(url, headers=headers)  # noqa: S310 (checked above)
        with urllib.request.urlopen(request, timeout=30) as answer:  # noqa: S310 (as above)
            target.write_bytes(answer.read())
    except (OSError, urllib.error.URLError) as error:
        raise SectionFailed(f"{url}: {error}") from None
    return target


def identifier(what: Any) -> str:
    """What a dynamic URL is told apart by.

    Raises:
        SectionFailed: SONiC knows such an identifier, or none, and the lab switch does not.
    """
    eeprom, version = _eeprom(), releases.build_version()
    known = {
        "hostname": os.uname().nodename,
        "hostname-fqdn": os.uname().nodename,
        "serial-number": eeprom.get("Serial Number", ""),
        "product-name": eeprom.get("Product Name", ""),
        "sonic-version": f"SONiC.{version}",
    }
    if not isinstance(what, str) or what not in known:
        raise SectionFailed(f"identifier {what!r} is not offered; there are {', '.join(known)}")
    return known[what]


def url_in(section: dict[str, Any]) -> str:
    """URL of a section: stated, or put together.

    Raises:
        SectionFailed: it has none.
    """
    stated = section.get("url")
    if stated:
        return str(stated["source"] if isinstance(stated, dict) else stated)
    dynamic = section.get("dynamic-url")
    if dynamic:
        parts = dynamic.get("source", dynamic)
        return f"{parts.get('prefix', '')}{identifier(parts.get('identifier'))}{parts.get('suffix', '')}"
    raise SectionFailed("it has neither url nor dynamic-url")


def _run(*words: str) -> None:
    done = subprocess.run(words, capture_output=True, text=True, check=False)
    if done.returncode:
        raise SectionFailed(f"`{' '.join(words)}` failed: {(done.stderr or done.stdout).strip()[-300:]}")


def configdb_json(section: dict[str, Any]) -> None:
    """Fetch a configuration and load it; the address that DHCP gave goes with that."""
    path = fetch(url_in(section), FOLDER / "config_db.json")
    try:
        json.loads(path.read_text(encoding="utf-8"))
    except ValueError as error:
        raise SectionFailed(f"the configuration is no JSON: {error}") from None
    if section.get("clear-config", True):
        _run("config", "reload", "-y", "-f", str(path))
    else:
        _run("config", "load", "-y", str(path))
    if section.get("save-config", False):
        _run("config", "save", "-y")


def firmware(section: dict[str, Any]) -> bool:
    """Install or remove images; True if the switch must start anew for it."""
    if "remove" in section:
        _run("sonic-installer", "remove", "-y", str(section["remove"].get("version", "")))
    what = section.get("install")
    if what is None:
        return False
    before = images.current()
    path = fetch(url_in(what), FOLDER / "image")
    version = images.version_in(path)
    if version is None:
        raise SectionFailed("what was fetched is no SONiC image")
    image = images.PREFIX + version
    if image == before:
        return False
    _run("sonic-installer", "install", "-y", str(path))
    path.unlink()
    if what.get("set-next-boot"):
        _run("sonic-installer", "set-default", before)
        _run("sonic-installer", "set-next-boot", image)
    elif not what.get("set-default", True):
        _run("sonic-installer", "set-default", before)
        return False
    return not what.get("skip-reboot", False)


def custom(name: str, section: dict[str, Any]) -> int:
    """Run a script that the section names; returns its exit code."""
    plugin = section["plugin"]
    if isinstance(plugin, str) or "name" in plugin:
        raise SectionFailed("the lab switch has no plugin of that name")
    path = fetch(url_in(plugin), FOLDER / f"{name}.plugin")
    path.chmod(0o700)
    data = FOLDER / f"{name}.json"
    data.write_text(json.dumps({name: section}), encoding="utf-8")
    arguments = [] if plugin.get("ignore-section-data") else [str(data)]
    arguments = [str(plugin["args"]), *arguments] if "args" in plugin else arguments
    done = subprocess.run([str(path), *arguments], capture_output=True, text=True, check=False)
    print(done.stdout + done.stderr, flush=True)
    return done.returncode


def do_section(name: str, section: dict[str, Any]) -> tuple[str, str, bool]:
    """Do one section; returns its status, why it failed, and whether to start anew."""
    kind = name.split("-", 1)[1] if name[:1].isdigit() and "-" in name else name
    reboot = False
    try:
        if "plugin" in section:
            code = custom(name, section)
            if code and code == section.get("suspend-exit-code"):
                return "SUSPEND", "", False
            if code:
                raise SectionFailed(f"Plugin failed, exit code ({code})")
        elif kind == "configdb-json":
            configdb_json(section)
        elif kind == "firmware":
            reboot = firmware(section)
        else:
            offered = "the lab switch does not offer" if kind in _NOT_OFFERED else "there is no"
            raise SectionFailed(f"{offered} plugin {kind}")
    except SectionFailed as error:
        return "FAILED", str(error), bool(section.get("reboot-on-failure"))
    return "SUCCESS", "", reboot or bool(section.get("reboot-on-success"))


def _reboot(status: dict[str, Any]) -> NoReturn:
    _save(status)
    os.sync()
    subprocess.run(["systemctl", "reboot", "--no-wall"], check=False)
    time.sleep(60)
    raise SystemExit(0)


def process(status: dict[str, Any], document: dict[str, Any]) -> None:
    """Do all sections that are not done yet, in order."""
    sections = {name: part for name, part in document.get("ztp", {}).items() if isinstance(part, dict)}
    done: dict[str, Any] = status["sections"]
    while True:
        suspended = False
        for name in sorted(sections):
            if done.get(name, {}).get("status") in ("SUCCESS", "FAILED", "DISABLED"):
                continue
            section = sections[name]
            done[name] = {"status": "IN-PROGRESS"}
            _save(status)
            result, why, reboot = do_section(name, section)
            print(f"{name}: {result} {why}".strip(), flush=True)
            done[name] = {"status": result, "error": why, "ignore": bool(section.get("ignore-result"))}
            suspended = suspended or result == "SUSPEND"
            _save(status)
            if reboot:
                _reboot(status)
            if result == "FAILED" and section.get("halt-on-failure"):
                suspended = False
                break
        if not suspended:
            break
        time.sleep(PAUSE)
    failed = any(one["status"] == "FAILED" and not one.get("ignore") for one in done.values())
    status["status"] = "FAILED" if failed else "SUCCESS"
    _save(status)


def _interfaces() -> list[str]:
    """Where to ask: eth0; on a switch without a cable there, every front panel port."""
    names = sorted(path.name for path in Path("/sys/class/net").iterdir())
    return ["eth0"] if "eth0" in names else [name for name in names if name.startswith("Ethernet")]


def discover() -> tuple[str, dhcp.Lease]:
    """Ask until somebody says where the ztp.json is; the interface then has the address that was given."""
    while True:
        for interface in _interfaces():
            subprocess.run(["ip", "link", "set", interface, "up"], check=False)
            if Path(f"/sys/class/net/{interface}/operstate").read_text(encoding="ascii").strip() != "up":
                continue
            try:
                found = dhcp.ask(interface, "sonic")
            except OSError as error:
                print(f"{interface}: {error}", flush=True)
                continue
            if found and (found.bootfile or found.script):
                subprocess.run(["ip", "address", "replace", str(found.address), "dev", interface], check=False)
                if found.gateway:
                    subprocess.run(["ip", "route", "replace", "default", "via", str(found.gateway)], check=False)
                return interface, found
        time.sleep(PAUSE)


def run() -> None:
    """Provision this switch."""
    FOLDER.mkdir(parents=True, exist_ok=True)
    status = load_status()
    if not status.get("admin", True):
        return
    status["status"] = "IN-PROGRESS"
    _save(status)
    while True:
        interface, found = discover()
        status["source"] = f"dhcp-opt{'67' if found.bootfile else '239'} ({interface})"
        try:
            if found.bootfile:
                document = json.loads(fetch(found.bootfile, LOCAL).read_text(encoding="utf-8"))
            else:
                document = {"ztp": {"provisioning-script": {"plugin": {"url": found.script}}}}
            break
        except (SectionFailed, ValueError) as error:
            print(f"ztp.json: {error}", flush=True)
            time.sleep(PAUSE)
    process(status, document)
    if not STARTUP.exists():  # nothing was saved: the next boot asks again
        print("no configuration was saved", flush=True)
    if f"{interface}|{found.address}" not in configdb.read(configdb.connect()).get("MGMT_INTERFACE", {}):
        subprocess.run(["ip", "address", "del", str(found.address), "dev", interface], check=False, capture_output=True)


def command() -> NoReturn:
    """`ztp status|run|enable|disable`."""
    verb = sys.argv[1] if len(sys.argv) > 1 else ""
    if verb == "status":
        os.execvp("show", ["show", "ztp", "status"])  # noqa: S606 (no shell is meant)
    if verb not in ("run", "enable", "disable"):
        print("usage: ztp [-h] {status,enable,disable,run} ...", file=sys.stderr)
        raise SystemExit(2)
    if os.geteuid() != 0:
        print("Error: root privileges are required for this operation.", file=sys.stderr)
        raise SystemExit(1)
    status = load_status()
    if verb == "run":
        STARTUP.unlink(missing_ok=True)
        STATUS.unlink(missing_ok=True)
        raise SystemExit(subprocess.run(["systemctl", "restart", "--no-block", "ztp.service"], check=False).returncode)
    status["admin"] = verb == "enable"
    _save(status)
    raise SystemExit(
        subprocess.run(["systemctl", "start" if verb == "enable" else "stop", "ztp.service"], check=False).returncode
    )


if __name__ == "__main__":
    run()

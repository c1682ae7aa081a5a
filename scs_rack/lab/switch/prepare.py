"""Turn a node's root filesystem into a lab switch, before it boots.

The switch has what a SONiC switch shows to the outside: CONFIG_DB in Redis, the user `admin` with SSH key and sudo,
FRR, lldpd and the commands `config`, `show`, `sonic-cfggen` and `docker exec`. It boots with its day-0 configuration.
"""

import hashlib
import json
import os
import shutil
from pathlib import Path

from scs_rack import paths
from scs_rack.design import Design
from scs_rack.errors import UsageError
from scs_rack.lab.switch import carried
from scs_rack.model.portmap import PortMap, load_portmap
from scs_rack.sonic.generate import day0
from scs_rack.sonic.rows import Tables

ON_SWITCH = "usr/lib/python3/dist-packages/scs_rack"
COMMANDS = {
    "config": ("config_cli", "main"),
    "show": ("show_cli", "main"),
    "sonic-cfggen": ("shims", "cfggen"),
    "sonic-db-cli": ("shims", "db_cli"),
    "docker": ("shims", "docker"),
    "sonic-installer": ("images", "main"),
    "reboot": ("images", "reboot"),
    "ztp": ("ztp", "command"),
}
"""Commands of the switch: module and function."""
MODELS = "usr/local/lib/yang-models"
"""Models of all releases, a folder each."""
VERSION_FILE = "etc/sonic/sonic_version.yml"
STARTUP = "etc/sonic/config_db.json"
PLATFORM = "etc/labswitch/platform.json"
FACTORY = "etc/labswitch/factory.json"
WIPED = "etc/labswitch/wiped"
"""There on a switch that was made as delivered: it gets no day-0 configuration."""
VERSION = """build_version: '{version}'
debian_version: '13'
kernel_version: '{kernel}'
asic_type: scs-rack-lab
commit_id: 'lab'
branch: '{release}'
release: '{release}'
build_date: lab
build_number: 0
built_by: scs-rack
"""
UNITS = ("redis-server.service", "frr.service", "lldpd.service", "ssh.service", "labswitchd.service", "ztp.service")
ADMIN_UID = 1000
"""Uid of `admin` on SONiC."""

TARGET = """[Unit]
Description=SONiC lab switch
Requires=basic.target
Conflicts=rescue.service rescue.target
After=basic.target rescue.service rescue.target
AllowIsolate=yes
"""

DAEMON = """[Unit]
Description=Keeps kernel, FRR and lldpd as CONFIG_DB says
After=redis-server.service
Requires=redis-server.service

[Service]
ExecStart=/usr/bin/python3 -m scs_rack.lab.switch.device.daemon
Restart=on-failure
RestartSec=1
"""

ZTP = """[Unit]
Description=Zero touch provisioning
After=labswitchd.service
ConditionPathExists=!/etc/sonic/config_db.json

[Service]
ExecStart=/usr/bin/python3 -m scs_rack.lab.switch.device.ztp
"""

FRR_DROP_IN = """[Unit]
After=redis-server.service
StartLimitIntervalSec=0

[Service]
ExecStartPre=/usr/bin/python3 -m scs_rack.lab.switch.device.routing
Restart=on-failure
RestartSec=1
"""

REDIS = """bind 127.0.0.1
port 6379
unixsocket /var/run/redis/redis.sock
unixsocketperm 770
databases 32
save ""
appendonly no
notify-keyspace-events AKE
daemonize no
dir /var/lib/redis
"""

REDIS_UNIT = """[Unit]
Description=Databases of SONiC
After=basic.target

[Service]
ExecStart=/usr/bin/redis-server /etc/redis/redis.conf
User=redis
Group=redis
RuntimeDirectory=redis
RuntimeDirectoryMode=2755
StateDirectory=redis
Restart=always
"""
"""The image's own unit waits for the network, which on a switch waits for its configuration, and has a sandbox that
costs time at boot."""

ZEBRA = 'zebra_options="  -A 127.0.0.1 -s 90000000"'
VTYSH = """#!/bin/sh
# on SONiC it goes into the container, where one is root
[ "$(id -u)" = 0 ] && exec /usr/bin/vtysh "$@"
exec sudo -n /usr/bin/vtysh "$@"
"""
EMPTY_FRR = "frr defaults traditional\nservice integrated-vtysh-config\n"
FRR_DAEMONS = f"""bgpd=yes
bfdd=yes
vtysh_enable=yes
{ZEBRA}
mgmtd_options="  -A 127.0.0.1"
bgpd_options="   -A 127.0.0.1"
staticd_options="-A 127.0.0.1"
bfdd_options="   -A 127.0.0.1"
"""

SSHD = """# logins by key only; PAM would start a login session for each command
UsePAM no
PasswordAuthentication no
KbdInteractiveAuthentication no
UseDNS no
"""


def _write(root: Path, name: str, text: str, mode: int = 0o644) -> Path:
    path = root / name
    path.parent.mkdir(parents=True, exist_ok=True)
    path.unlink(missing_ok=True)  # never through a link out of the root
    path.write_text(text, encoding="utf-8")
    path.chmod(mode)
    return path


def _program(root: Path) -> None:
    """Our own code on the switch, and its commands."""
    for folder in carried.packages():
        _write(root, f"{ON_SWITCH}/{folder}/__init__.py", "")
    for source in carried.files():
        shutil.copyfile(source, root / ON_SWITCH / source.relative_to(carried.PACKAGE))
    for command, (module, function) in COMMANDS.items():
        text = f"#!/usr/bin/python3\nfrom scs_rack.lab.switch.device.{module} import {function}\n\n{function}()\n"
        _write(root, f"usr/local/bin/{command}", text, 0o755)

    _write(root, "usr/local/bin/vtysh", VTYSH, 0o755)


def _units(root: Path) -> None:
    """Boot into a target of its own: nothing of the image starts but what a switch has."""
    etc = "etc/systemd/system"
    _write(root, f"{etc}/labswitch.target", TARGET)
    _write(root, f"{etc}/labswitchd.service", DAEMON)
    _write(root, f"{etc}/ztp.service", ZTP)
    _write(root, f"{etc}/redis-server.service", REDIS_UNIT)
    _write(root, f"{etc}/frr.service.d/lab.conf", FRR_DROP_IN)
    _write(root, f"{etc}/bgp.service", "").unlink()
    (root / etc / "bgp.service").symlink_to("/usr/lib/systemd/system/frr.service")
    wants = root / etc / "labswitch.target.wants"
    wants.mkdir(exist_ok=True)
    links = {root / etc / "default.target": f"/{etc}/labswitch.target"}
    for unit in UNITS:
        home = f"/{etc}" if (root / etc / unit).exists() else "/usr/lib/systemd/system"
        links[wants / unit] = f"{home}/{unit}"
    for path, target in links.items():
        path.unlink(missing_ok=True)
        path.symlink_to(target)
    for folder in ("etc", "var"):  # nothing to rebuild at the first boot (systemd-update-done.service)
        _write(root, f"{folder}/.updated", "")
    for folder in ("default", "sockets", "sysinit", "timers"):  # what the image's packages hook into the early boot
        for link in sorted((root / etc / f"{folder}.target.wants").glob("*")):
            link.unlink()


def _admin(root: Path, key: str | None) -> None:
    """The user of a SONiC switch: `admin`, with sudo without password; without a key its logins stay as they are."""
    for name, line in {
        "etc/passwd": f"admin:x:{ADMIN_UID}:{ADMIN_UID}::/home/admin:/bin/bash",
        "etc/group": f"admin:x:{ADMIN_UID}:",
        "etc/shadow": "admin:*:20000:0:99999:7:::",
    }.items():
        path = root / name
        kept = [old for old in path.read_text(encoding="utf-8").splitlines() if not old.startswith("admin:")]
        path.write_text("\n".join([*kept, line]) + "\n", encoding="utf-8")
    groups = root / "etc/group"
    lines = groups.read_text(encoding="utf-8").splitlines()  # as on SONiC, whoever may log in may read CONFIG_DB
    lines = [line.rpartition(":")[0] + ":admin" if line.startswith("redis:") else line for line in lines]
    groups.write_text("\n".join(lines) + "\n", encoding="utf-8")
    _write(root, "etc/sudoers.d/admin", "admin ALL=(ALL:ALL) NOPASSWD: ALL\n", 0o440)
    home = root / "home/admin"
    home.mkdir(parents=True, exist_ok=True)
    modes = {home: 0o755}
    if key is not None:
        keys = _write(root, "home/admin/.ssh/authorized_keys", key.strip() + "\n", 0o600)
        modes |= {keys.parent: 0o700, keys: 0o600}
    for path, mode in modes.items():
        shutil.chown(path, ADMIN_UID, ADMIN_UID)
        path.chmod(mode)


def _models(release: str) -> dict[str, Path]:
    """Folders with SONiC's YANG models by release, as far as there are any.

    They are looked for in $SCS_RACK_YANG_MODELS, in the cache, and in a folder `shared` beside the checkout.
    """
    stated = os.environ.get("SCS_RACK_YANG_MODELS")
    beside = Path(__file__).resolve().parents[4] / "shared/data/sonic-yang"
    found: dict[str, Path] = {}
    for top in [Path(stated).expanduser()] if stated else [beside, paths.cache_root() / "yang-models"]:
        found |= {path.parent.name: path.parent for path in top.glob("*/sonic-port.yang")}
        if (top / "sonic-port.yang").exists():
            found[release] = top
    return found


def _give_models(root: Path, release: str) -> None:
    """Each image brings its own models; which are in use is seen to at boot."""
    target = root / MODELS
    if target.exists():
        return
    for name, folder in _models(release).items():
        if len(name) <= len("202505") and (name.isdigit() or name == "master"):
            (target / name).mkdir(parents=True)
            for path in folder.glob("*.yang"):
                shutil.copyfile(path, target / name / path.name)


def _factory(tables: Tables) -> Tables:
    """What a switch runs that has no configuration: its ports, up, and no address."""
    localhost = tables["DEVICE_METADATA"]["localhost"]
    kept: dict[str, object] = {key: localhost[key] for key in ("hwsku", "platform", "mac") if key in localhost}
    return {
        "DEVICE_METADATA": {"localhost": {**kept, "hostname": "sonic"}},
        "PORT": {name: {**row, "admin_status": "up"} for name, row in tables["PORT"].items()},
    }


def wipe(root: Path) -> None:
    """Make a switch as delivered: no configuration, no login but the host key it made itself."""
    for name in (STARTUP, "home/admin/.ssh/authorized_keys", "etc/labswitch/faults.json"):
        (root / name).unlink(missing_ok=True)
    for folder in ("etc/sonic/checkpoints", "var/lib/ztp"):
        shutil.rmtree(root / folder, ignore_errors=True)
    (root / "etc/frr/frr.conf").write_text(EMPTY_FRR, encoding="utf-8")
    _write(root, WIPED, "")


def _modes(model: PortMap) -> dict[str, dict[str, dict[str, dict[str, str]]]]:
    """Rows of PORT that each way to split a port makes: parent → mode → child → fields."""
    found = {}
    for port in model.ports.values():
        ways = {model.breakout_cfg({port.name: mode})[port.name]: port.split(mode) for mode in reversed(port.modes)}
        ways[model.breakout_cfg({})[port.name]] = (port,)
        found[port.name] = {
            mode: {
                child.name: {
                    "lanes": ",".join(map(str, child.lanes)),
                    "alias": child.alias,
                    "index": str(child.index),
                    "speed": str(child.speed),
                    "subport": str(child.subport),
                }
                for child in children
            }
            for mode, children in ways.items()
        }
    return found


def _eeprom(design: Design, name: str, mac: str) -> dict[str, str]:
    """What the system EEPROM of this chassis says."""
    model = load_portmap(design.switches[name].model)
    serial = hashlib.sha256(f"{design.rack.name}/{name}/{mac}".encode()).hexdigest()[:12].upper()
    return {
        "Product Name": model.sku,
        "Part Number": model.sku,
        "Serial Number": f"LAB{serial}",
        "Base MAC Address": mac.upper(),
        "MAC Addresses": str(len(model.ports) + 1),
        "Platform Name": model.platform,
        "Vendor Name": model.vendor,
        "ONIE Version": "lab",
    }


def prepare(
    design: Design,
    name: str,
    root: Path,
    *,
    public_key: str | None = None,
    mac: str | None = None,
) -> None:
    """Write into a root filesystem what makes it the lab's switch of that name.

    A configuration that was saved on the switch stays; a new switch gets its day-0 configuration.

    Args:
        design: the rack's design.
        name: the switch.
        root: mounted root filesystem (an overlay of the node image) that is not running.
        public_key: SSH key of scs-rack; the one in the rack's state folder when not given.
        mac: MAC address of the chassis; the one of the design when not given.

    Raises:
        UsageError: there is no SSH key, or the image lacks what a switch needs.
    """
    if public_key is None:
        path = paths.state_dir(design.rack.name) / "ssh/id_ed25519.pub"
        if not path.exists():
            raise UsageError(f"no SSH key at {path}", "`scs-rack lab up` makes it")
        public_key = path.read_text(encoding="utf-8")
    for needed in ("usr/bin/redis-server", "usr/lib/frr/frrinit.sh", "usr/sbin/lldpd", "usr/sbin/sshd"):
        if not (root / needed).exists():
            raise UsageError(f"the node image lacks /{needed}", "build the image again: scs-rack image build")
    _program(root)
    _units(root)
    _admin(root, None if (root / WIPED).exists() else public_key)
    chassis_mac = mac or design.switches[name].mac
    _write(root, "etc/labswitch/eeprom.json", json.dumps(_eeprom(design, name, chassis_mac)) + "\n")
    model = load_portmap(design.switches[name].model)
    (root / PLATFORM).unlink(missing_ok=True)
    if model.platform_json:
        _write(root, PLATFORM, json.dumps(_modes(model)) + "\n")
    release = design.switches[name].release
    _give_models(root, release)
    if not (root / VERSION_FILE).exists():  # else it runs what was installed on it
        version = VERSION.format(version=f"{release}.0-lab", release=release, kernel=os.uname().release)
        _write(root, VERSION_FILE, version)
    _write(root, "etc/hostname", f"{name}\n")
    _write(root, "etc/hosts", f"127.0.0.1 localhost {name}\n::1 localhost\n")
    _write(root, "etc/ssh/sshd_config.d/lab-switch.conf", SSHD)
    _write(root, "etc/redis/redis.conf", REDIS)
    _write(root, "etc/default/lldpd", "DAEMON_ARGS='-I Ethernet*,eth*'\n")
    daemons = root / "etc/frr/daemons"
    owner = daemons.stat()
    # in split mode frr.conf speaks of the way to the switch chip, which zebra knows as a module
    split = design.switches[name].release < "202505"
    options = ZEBRA.removesuffix('"') + ' -M dplane_fpm_nl"' if split else ZEBRA
    daemons.write_text(FRR_DAEMONS.replace(ZEBRA, options), encoding="utf-8")
    tables = day0(design, name)
    tables["DEVICE_METADATA"]["localhost"]["mac"] = chassis_mac
    _write(root, FACTORY, json.dumps(_factory(tables), indent=4, sort_keys=True) + "\n")
    if (root / STARTUP).exists() or (root / WIPED).exists():
        return  # a switch that was off keeps what was saved on it
    _write(root, STARTUP, json.dumps(tables, indent=4, sort_keys=True) + "\n")
    frr = _write(root, "etc/frr/frr.conf", EMPTY_FRR, 0o640)
    shutil.chown(frr, owner.st_uid, owner.st_gid)

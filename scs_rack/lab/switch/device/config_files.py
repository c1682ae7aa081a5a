"""`config load`, `save` and `reload`: whole files.

Texts, options, order and exit codes: sonic-utilities 202505, config/main.py and utilities_common/flock.py.
"""

import fcntl
import os
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from scs_rack.lab.switch.device import configdb, rules, settings, state, trouble
from scs_rack.lab.switch.device import release as releases
from scs_rack.lab.switch.device.cmdtree import Aborted, Argument, Exit, Group, Option, confirm
from scs_rack.lab.switch.device.resp import Redis
from scs_rack.sonic.checks import load_tables

STARTUP = Path("/etc/sonic/config_db.json")
INIT = Path("/etc/sonic/init_cfg.json")
LOCK = Path("/etc/sonic/reload.lock")
CFGGEN = "/usr/local/bin/sonic-cfggen"
UNITS = ("labswitchd.service", "frr.service")
"""What `sonic.target` is on a lab switch."""

YES = Option(("-y", "--yes"))
FILE = Argument("filename", "[FILENAME]", required=False)


def register(config: Group) -> None:
    """Add the commands."""
    config.command("load", YES, FILE)(load)
    config.command("save", YES, FILE)(save)
    config.command(
        "reload",
        YES,
        Option(("-l", "--load-sysinfo"), "load system default information (mac, portmap etc) first."),
        Option(("-n", "--no_service_restart"), "Do not restart docker services"),
        Option(("-f", "--force"), "Force config reload without system checks"),
        Option(("-t", "--file_format"), "specify the file format", "TEXT", ("config_yang", "config_db"), "config_db"),
        Option(("-b", "--bypass-lock"), "Do reload without acquiring lock"),
        FILE,
    )(reload)


def one_file(filename: str | None) -> str:
    """The file that a command works on; several (of multi-ASIC switches) are too many."""
    if filename is None:
        return str(STARTUP)
    if "," in filename:
        print("Input 1 config file(s) separated by comma for multiple files ")
        raise Exit(0)
    return filename


def load(*, filename: str | None, yes: bool) -> None:
    """Import a previous saved config DB dump file.

    <filename> : Names of configuration file(s) to load, separated by comma with no spaces in between
    """
    shown = "the default config file(s)" if filename is None else f"the file(s) {filename}"
    confirm(f"Load config from {shown} ?", yes=yes)
    path = one_file(filename)
    if not Path(path).exists():
        print(f"The config_db file {path} doesn't exist")
        return
    print(f"Running command: {CFGGEN} -j {path} --write-to-db")
    configdb.merge(configdb.connect(), _read(path))


def _read(path: str) -> configdb.Tables:
    """Tables of a file; what is no JSON ends the command as it ends sonic-cfggen's caller."""
    try:
        return load_tables(Path(path).read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        print(f"{path}: {error}", file=sys.stderr)
        raise Exit(1) from None


def save(*, filename: str | None, yes: bool) -> None:
    """Export current config DB to a file on disk.

    <filename> : Names of configuration file(s) to save, separated by comma with no spaces in between
    """
    confirm("Existing files will be overwritten, continue?", yes=yes)
    path = Path(one_file(filename))
    print(f"Running command: {CFGGEN} -d --print-data > {path}")
    write_file(path, configdb.dump(configdb.read(configdb.connect())))


def write_file(path: Path, text: str) -> None:
    """Write a file, all or nothing, and have it on the disk."""
    temporary = path.with_name(f"{path.name}.{os.getpid()}")
    try:
        with temporary.open("w", encoding="utf-8") as file:
            file.write(text)
            file.flush()
            os.fsync(file.fileno())
        temporary.replace(path)
    except OSError as error:
        print(f"{path}: {error.strerror}", file=sys.stderr)
        raise Exit(1) from None


@contextmanager
def locked(*, bypass: bool) -> Iterator[None]:
    """Hold the lock of the whole system, or leave with 1 when another reload has it."""
    if bypass:
        print(f"Bypass lock on {LOCK}")
        yield
        return
    LOCK.parent.mkdir(parents=True, exist_ok=True)
    with LOCK.open("a+", encoding="ascii") as file:
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            print(f"Failed to acquire lock on {LOCK}")
            raise Exit(1) from None
        print(f"Acquired lock on {LOCK}", flush=True)
        file.truncate(0)
        file.write(f"reload, pid {os.getpid()}\n")
        file.flush()
        try:
            yield
        finally:
            print(f"Released lock on {LOCK}", flush=True)
            file.truncate(0)


def reload(
    *,
    filename: str | None,
    yes: bool,
    load_sysinfo: bool,
    no_service_restart: bool,
    force: bool,
    file_format: str,
    bypass_lock: bool,
) -> None:
    """Clear current configuration and import a previous saved config DB dump file.

    <filename> : Names of configuration file(s) to load, separated by comma with no spaces in between
    """
    with locked(bypass=bypass_lock):
        _reload(filename, yes=yes, restart=not no_service_restart, force=force, file_format=file_format)
    del load_sysinfo  # MAC and ports of a lab switch are in its configuration already


def _reload(filename: str | None, *, yes: bool, restart: bool, force: bool, file_format: str) -> None:
    if restart and not force:
        if state.starting():
            print("System is not up. Retry later or use -f to avoid system checks")
            raise Exit(1)
        if not state.swss_ready():
            print("SwSS container is not ready. Retry later or use -f to avoid system checks")
            raise Exit(1)
    shown = "the default config file(s)" if filename is None else f"the file(s) {filename}"
    confirm(f"Clear current config and reload config in {file_format} format from {shown} ?", yes=yes)
    if file_format != "config_db":
        print("the lab switch does not offer `config reload -t config_yang`", file=sys.stderr)
        raise Exit(2)
    path = one_file(filename)
    release = releases.number()
    if releases.reload_validates(release, filename) and not (filename is None and force):
        _must_be_valid(path)
    if restart:
        print("Stopping SONiC target ...", flush=True)
        subprocess.run(["systemctl", "stop", *UNITS], check=False)
        state.data_plane_down()
        slow = settings.faults().get("slow-reload") or {}
        time.sleep(float(slow.get("seconds", settings.seconds("reload_seconds"))))
    if not Path(path).exists():
        print(f"The config file {path} doesn't exist")
    else:
        trouble.arm()
        _load_into_db(path, release)
    if restart:
        print("Restarting SONiC target ...", flush=True)
        subprocess.run(["systemctl", "start", "--no-block", *UNITS], check=False)
        print("Reloading Monit configuration ...")


def _load_into_db(path: str, release: int) -> None:
    """Flush, load, migrate. A file that is no JSON is found here only: then CONFIG_DB is empty (sonic 21918)."""
    tables = _read(path)
    files = [str(INIT), path] if INIT.is_file() else [path]
    client = configdb.connect()
    client.call("FLUSHDB")
    print(f"Running command: {CFGGEN} {' '.join(f'-j {one}' for one in files)} --write-to-db", flush=True)
    if INIT.is_file():
        configdb.merge(client, _read(str(INIT)))
    configdb.merge(client, tables)
    print("Running command: /usr/local/bin/db_migrator.py -o migrate", flush=True)
    migrate(client, release)


def migrate(client: Redis, release: int) -> None:
    """What db_migrator does to the version string, on each reload and boot."""
    seen = client.call("HGET", "VERSIONS|DATABASE", "VERSION")
    client.call("HSET", "VERSIONS|DATABASE", "VERSION", releases.migrated(seen, release))


def _must_be_valid(path: str) -> None:
    try:
        tables = load_tables(Path(path).read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        print(f"{type(error).__name__}\n{error}")
        raise Aborted from None
    found = rules.faults(tables)
    if found:
        print(f"{path} fails YANG validation! Error: {'; '.join(found)}")
        raise Aborted
    missing = rules.without_model(tables)
    if missing:
        print(f"Config tables are missing yang models: dict_keys({missing})")
        raise Aborted

"""Another image for a switch that can go back to the one it runs.

The previous image stays installed and stays the default; the new one is started once. Only when the switch is seen to
be as before it becomes the default. So a switch that hangs in its new image comes back with the previous one when its
power is cycled, and one that comes up wrong is restarted into the previous one.
`sonic-installer`: sonic-utilities 202505, Command-Reference.md.
"""

import hashlib
import secrets
import time
from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path

from scs_rack.sonic.apply import SAVED, Check, RolledBack, Said
from scs_rack.sonic.generate import all_tables
from scs_rack.sonic.plan import Plan, read
from scs_rack.sonic.rows import Tables
from scs_rack.sonic.tables import compare, summary
from scs_rack.sonic.transport import Switch, SwitchRefused, SwitchUnreachable
from scs_rack.sonic.watch import checker

INSTALL_TIMEOUT = 1800.0
BOOT_TIMEOUT = 900.0
"""Seconds for a switch to boot an image for the first time: it migrates its configuration, and may flash firmware."""
BOOT_ID = "/proc/sys/kernel/random/boot_id"
MIGRATED = frozenset({"VERSIONS", "FEATURE"})
"""Tables that a new release writes itself."""
LIST = "sudo sonic-installer list"


@dataclass(frozen=True)
class Images:
    """Images of a switch, as `sonic-installer list` tells them."""

    current: str
    next: str
    available: tuple[str, ...]


@dataclass(frozen=True)
class Source:
    """Where an image comes from."""

    text: str
    file: Path | None
    """The file here; None when the switch fetches it from a URL."""


def parse_images(text: str) -> Images:
    """Read what `sonic-installer list` prints.

    Raises:
        ValueError: it is something else.
    """
    found = {"Current": "", "Next": ""}
    available: list[str] | None = None
    for line in text.splitlines():
        name, colon, value = line.partition(":")
        if available is not None and line.strip():
            available.append(line.strip())
        elif colon and name in found:
            found[name] = value.strip()
        elif colon and name == "Available":
            available = []
    if not found["Current"] or not available:
        raise ValueError(f"no list of images: {text[:80]!r}")
    return Images(found["Current"], found["Next"], tuple(available))


def images(switch: Switch) -> Images:
    """Images of a switch.

    Raises:
        SwitchUnreachable, SwitchRefused: it can't be asked.
    """
    text = switch.ask(LIST)
    try:
        return parse_images(text)
    except ValueError as error:
        raise SwitchRefused(f"{switch.name}: {error}") from error


def restart_plan(switch: Switch) -> Plan:
    """A plan that changes nothing but takes the switch out for a while.

    Raises:
        SwitchRefused: what it runs is not what it saved: a restart would lose that.
        SwitchUnreachable: it can't be asked.
    """
    running = read(switch)
    saved: Tables = switch.ask_json(f"sudo cat {SAVED}")
    if unsaved := [change for change in compare(saved, running) if change.table not in MIGRATED]:
        raise SwitchRefused(
            f"{switch.name}: it runs what it has not saved ({summary(unsaved)}), and would lose that",
            "`scs-rack switch apply` and save it, or `config save` there",
        )
    ports = all_tables(switch.ctx.design, switch.name).get("BGP_NEIGHBOR", {})
    return Plan(
        switch.name, running, running, neighbours=frozenset(key.rpartition("|")[2] for key in ports), stuck="new image"
    )


def _installed(switch: Switch, source: Source, said: Said) -> str:
    """Install an image beside the one that runs; returns its name.

    Raises:
        SwitchRefused: it could not be, or the previous one was lost.
    """
    before = images(switch)
    place = source.text
    if source.file:
        place = _copied(switch, source.file, said)
    said(switch.name, "installing")
    reply = switch.run(f"sudo sonic-installer install -y {place}", timeout=INSTALL_TIMEOUT)
    if source.file:
        switch.run(f"rm -f {place}")
    if reply.code:
        raise SwitchRefused(f"{switch.name}: the image was not installed: {reply.why}")
    after = images(switch)
    if before.current not in after.available:
        raise SwitchRefused(
            f"{switch.name}: installing took the previous image {before.current} away: it is not restarted",
            "install the previous image again, so that there is a way back",
        )
    return after.next


def _copied(switch: Switch, file: Path, said: Said) -> str:
    place = f"/home/admin/scs-rack-{secrets.token_hex(4)}.bin"
    told = [0]

    def moved(done: int, whole: int) -> None:
        percent = 100 * done // max(whole, 1)
        if percent >= told[0] + 10:
            told[0] = percent
            said(switch.name, f"copied {percent} %")

    try:
        switch.put(file, place, moved)
        with file.open("rb") as data:
            digest = hashlib.file_digest(data, "sha256").hexdigest()
        if switch.ask(f"sha256sum {place}", timeout=300).split()[0] != digest:
            raise SwitchRefused(f"{switch.name}: {file.name} did not arrive as it was sent")
    except BaseException:
        switch.run(f"rm -f {place}")
        raise
    return place


def _restarted(switch: Switch, seconds: float) -> None:
    """Restart a switch, and wait until it takes a connection and has loaded its configuration.

    Raises:
        SwitchUnreachable: it does not come back.
    """
    before = switch.ask(f"cat {BOOT_ID}")
    switch.run("sudo systemd-run --quiet --collect --on-active=1 --timer-property=AccuracySec=100ms reboot")
    switch.hang_up()
    deadline = time.monotonic() + seconds
    while True:
        line = switch.renewed()
        try:
            if line.run(f"cat {BOOT_ID}", timeout=15).out != before and read(line):
                return
        except (SwitchUnreachable, SwitchRefused):
            pass
        finally:
            line.hang_up()
        if time.monotonic() > deadline:
            raise SwitchUnreachable(f"{switch.name}: it does not come back within {seconds:.0f} s")
        time.sleep(1.0)


def upgrade(
    switch: Switch,
    wanted: Plan,
    source: Source,
    *,
    said: Said = lambda _name, _what: None,
    boot_seconds: float = BOOT_TIMEOUT,
    make_check: Callable[[Switch, Plan], Check] = checker,
) -> str:
    """Install an image, start it, and go back to the previous one unless all is as before; returns its name.

    Args:
        switch: the switch.
        wanted: what `restart_plan` said.
        source: the image.
        said: told each step.
        boot_seconds: how long a restart may take.
        make_check: looks at the switch before, and returns what looks at it after.

    Raises:
        SwitchBusy: another process is changing it.
        SwitchRefused: the image could not be installed; nothing was restarted.
        RolledBack: it runs the previous image again.
        SwitchUnreachable: it does not come back; a power cycle starts the previous image.
    """
    with switch.locked():
        previous = images(switch).current
        new = _installed(switch, source, said)
        if new == previous:
            return new
        check = make_check(switch, replace(wanted, patience=boot_seconds))
        switch.ask(f"sudo sonic-installer set-default {previous}")
        switch.ask(f"sudo sonic-installer set-next-boot {new}")
        if (found := images(switch)).next != new or previous not in found.available:
            raise SwitchRefused(f"{switch.name}: {new} is not what it would start next: it is not restarted")
        said(switch.name, f"restarting into {new}")
        try:
            _restarted(switch, boot_seconds)
        except SwitchUnreachable as error:
            raise SwitchUnreachable(error.message, f"cut its power once: it starts {previous} then") from error
    with switch.locked():
        said(switch.name, "looking")
        problem = _problem(switch, wanted, new, check)
        if not problem:
            switch.ask(f"sudo sonic-installer set-default {new}")
            if images(switch).next == new:
                return new
            problem = f"{new} could not be made the default"
        said(switch.name, f"going back to {previous}")
        switch.ask(f"sudo sonic-installer set-default {previous}")
        if images(switch).current != previous:
            _restarted(switch, boot_seconds)
        left = _problem(switch, wanted, previous, check)
        raise RolledBack(
            f"{switch.name}: {problem}; {f'going back failed: {left}' if left else f'{previous} runs again'}"
        )


def _problem(switch: Switch, wanted: Plan, new: str, check: Check) -> str | None:
    """What is not as it should be after a restart into an image; None when all is well."""
    current = images(switch).current
    if current != new:
        return f"it started {current} in place of {new}"
    left = [change for change in compare(wanted.running, read(switch)) if change.table not in MIGRATED]
    if any(change.after is None for change in left):
        lost = next(change for change in left if change.after is None)
        return f"its configuration lost {lost.table}|{lost.key}"
    faults = [finding for finding in check(switch) if finding.severity == "error"]
    if faults:
        return f"{faults[0].where}: expected {faults[0].expected}, seen {faults[0].seen}"
    return None

"""The `Bmc` interface over Redfish: each subject has a module of its own, this one ties them together."""

import contextlib
import datetime as dt
from collections.abc import AsyncIterator, Callable, Mapping
from contextlib import AbstractAsyncContextManager
from pathlib import Path

from scs_rack.bmc.facts import (
    Bios,
    BootOverride,
    EventLog,
    Firmware,
    Identity,
    Inventory,
    Macs,
    MediaSlot,
    NetworkService,
    Power,
    PowerDraw,
    PowerLimit,
    Role,
    SecureBoot,
    Sensor,
    Task,
    User,
)
from scs_rack.bmc.redfish import (
    bios,
    boot,
    console,
    energy,
    events,
    manager,
    media,
    parts,
    power,
    sensors,
    update,
    users,
)
from scs_rack.bmc.redfish.session import Session
from scs_rack.bmc.redfish.transport import Service
from scs_rack.bmc.redfish.tree import Tree
from scs_rack.bmc.types import Bmc, Console


@contextlib.asynccontextmanager
async def logged_in(service: Service) -> AsyncIterator["RedfishBmc"]:
    """Log in by a session that is deleted at the end; by Basic authentication where there is no session service."""
    async with Session(service) as session:
        yield RedfishBmc(session)


class RedfishBmc(Bmc):
    """A BMC that speaks Redfish, logged in."""

    protocol = "redfish"

    def __init__(self, session: Session) -> None:
        self.target = session.service.target
        self.tree = Tree(session)
        """Its resources, for what this interface has no method for."""

    async def power_state(self) -> Power:
        """PowerState of the system; what is on its way counts as not yet there."""
        return await power.state(self.tree)

    async def power_on(self) -> None:
        """Reset type On."""
        await power.reset(self.tree, "On", "ForceOn")

    async def power_off(self, *, hard: bool) -> None:
        """Reset type ForceOff or GracefulShutdown."""
        await power.reset(self.tree, *(("ForceOff",) if hard else ("GracefulShutdown", "PushPowerButton")))

    async def reset(self) -> None:
        """Reset type ForceRestart."""
        await power.reset(self.tree, "ForceRestart")

    async def cycle(self) -> None:
        """Reset type PowerCycle; not every BMC has it."""
        await power.reset(self.tree, "PowerCycle", "FullPowerCycle")

    async def nmi(self) -> None:
        """Reset type Nmi."""
        await power.reset(self.tree, "Nmi")

    async def last_reset(self) -> str | None:
        """LastResetTime."""
        return await power.last_reset(self.tree)

    async def boot_override(self) -> BootOverride:
        """Boot of the system, or of its settings."""
        return await boot.read(self.tree)

    async def set_boot(self, wanted: BootOverride) -> None:
        """See `boot.write`."""
        await boot.write(self.tree, wanted)

    async def identity(self) -> Identity:
        """See `parts.identity`."""
        return await parts.identity(self.tree)

    async def macs(self) -> Macs:
        """See `parts.macs`."""
        return await parts.macs(self.tree)

    async def inventory(self) -> Inventory:
        """See `parts.inventory`."""
        return await parts.inventory(self.tree)

    async def sensors(self) -> tuple[Sensor, ...]:
        """See `sensors.read`."""
        return await sensors.read(self.tree)

    async def events(self) -> EventLog:
        """See `events.read`."""
        return await events.read(self.tree)

    async def clear_events(self) -> None:
        """LogService.ClearLog."""
        await events.clear(self.tree)

    async def clock(self) -> dt.datetime | None:
        """Manager.DateTime."""
        return await events.clock(self.tree)

    async def identify(self) -> bool | None:
        """LocationIndicatorActive or IndicatorLED."""
        return await events.light(self.tree)

    async def set_identify(self, *, on: bool) -> None:
        """The same."""
        await events.set_light(self.tree, on=on)

    async def power_draw(self) -> PowerDraw:
        """See `energy.draw`."""
        return await energy.draw(self.tree)

    async def power_limit(self) -> PowerLimit:
        """See `energy.limit`."""
        return await energy.limit(self.tree)

    async def set_power_limit(self, watts: int | None) -> None:
        """See `energy.set_limit`."""
        await energy.set_limit(self.tree, watts)

    async def media(self) -> tuple[MediaSlot, ...]:
        """VirtualMedia of the system or the manager."""
        return await media.slots(self.tree)

    async def insert_media(self, image: str, slot: str = "") -> str:
        """See `media.insert`."""
        return await media.insert(self.tree, image, slot)

    async def eject_media(self, slot: str = "") -> None:
        """See `media.eject`."""
        await media.eject(self.tree, slot)

    async def bios(self) -> Bios:
        """See `bios.read`."""
        return await bios.read(self.tree)

    async def set_bios(self, attributes: Mapping[str, str | int | bool]) -> None:
        """See `bios.write`."""
        await bios.write(self.tree, attributes)

    async def secure_boot(self) -> SecureBoot:
        """SecureBoot of the system."""
        return await bios.secure(self.tree)

    async def set_secure_boot(self, *, on: bool) -> None:
        """The same."""
        await bios.set_secure(self.tree, on=on)

    async def firmware(self) -> tuple[Firmware, ...]:
        """UpdateService.FirmwareInventory."""
        return await parts.firmware(self.tree)

    async def update_firmware(
        self, image: Path | str, target: str = "", report: Callable[[Task], None] = lambda _: None
    ) -> Task:
        """See `update.update`."""
        return await update.update(self.tree, image, target, report)

    async def users(self) -> tuple[User, ...]:
        """AccountService.Accounts."""
        return await users.read(self.tree)

    async def add_user(self, name: str, password: str, role: Role) -> None:
        """See `users.add`."""
        await users.add(self.tree, name, password, role)

    async def set_user(self, name: str, *, role: Role | None = None, enabled: bool | None = None) -> None:
        """See `users.set_user`."""
        await users.set_user(self.tree, name, role, enabled=enabled)

    async def set_password(self, name: str, password: str) -> None:
        """Patch the password; a session of ours that ends by it is not made anew."""
        if name == self.target.user:
            self.tree.session.renewable = False
        await users.change(self.tree, name, {"Password": password})

    async def remove_user(self, name: str) -> None:
        """See `users.remove`."""
        await users.remove(self.tree, name)

    async def network_services(self) -> tuple[NetworkService, ...]:
        """Manager.NetworkProtocol."""
        return await manager.services(self.tree)

    async def set_network_service(self, name: str, *, enabled: bool) -> None:
        """Manager.NetworkProtocol."""
        await manager.set_service(self.tree, name, enabled=enabled)

    async def set_clock(self, now: dt.datetime) -> None:
        """Manager.DateTime."""
        await manager.set_clock(self.tree, now)

    async def reset_bmc(self) -> None:
        """Manager.Reset."""
        await manager.restart(self.tree)

    def console(self) -> AbstractAsyncContextManager[Console]:
        """None: says where the BMC offers one."""
        return self._console()

    @contextlib.asynccontextmanager
    async def _console(self) -> AsyncIterator[Console]:
        await console.refuse(self.tree)
        yield

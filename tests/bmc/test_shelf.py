"""A power shelf is read over Redfish PowerEquipment."""

from dataclasses import replace
from pathlib import Path

from scs_rack.bmc import Fleet
from scs_rack.energy.readings import of_servers, of_shelves

from .emulators import QUICK, emulated


async def test_a_shelf_tells_watts_and_energy(tls_files: tuple[Path, Path]) -> None:
    async with (
        emulated("redfish", cert=tls_files[0], key=tls_files[1], kind="shelf", server="shelf1", power_w=18000) as it,
        Fleet.open(tls_files[0], QUICK) as fleet,
    ):
        (found,) = [one async for one in of_shelves(fleet, [it.target])]
    assert (found.device, found.kind, found.source, found.error) == ("shelf1", "shelf", "PowerEquipment", "")
    assert found.watts is not None
    assert found.energy_kwh is not None


async def test_a_server_is_no_shelf_and_a_wrong_password_is_told(tls_files: tuple[Path, Path]) -> None:
    async with (
        emulated("redfish", cert=tls_files[0], key=tls_files[1]) as it,
        Fleet.open(tls_files[0], QUICK) as fleet,
    ):
        (found,) = [one async for one in of_shelves(fleet, [it.target])]
        (other,) = [one async for one in of_servers(fleet, [replace(it.target, password="wrong")])]
    assert "no power shelf" in found.error
    assert other.watts is None
    assert other.error

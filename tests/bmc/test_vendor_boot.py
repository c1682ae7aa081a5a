"""The boot override as a dialogue: each vendor's way ends in one that is read back, or in words why not."""

from pathlib import Path
from typing import Any

import pytest
from aiohttp import web

from scs_rack.bmc import BootOverride, settings
from scs_rack.bmc.errors import NotSupported, Refused

from .emulators import QUICK
from .vendors import SYSTEM, Shape, called, refuse

Files = tuple[Path, Path]
PXE = BootOverride("pxe", mode="uefi")
MODE = "BootSourceOverrideMode"


def no_mode(_shape: Shape, method: str, path: str, body: Any) -> web.Response | None:
    """HPE iLO: a mode that is echoed is refused."""
    return refuse(400) if method == "PATCH" and path == SYSTEM and MODE in body.get("Boot", {}) else None


def whole_only(_shape: Shape, _method: str, path: str, body: Any) -> web.Response | None:
    """Supermicro: what is not repeated falls back."""
    if path == SYSTEM and set(body["Boot"]) != {"BootSourceOverrideEnabled", "BootSourceOverrideTarget", MODE}:
        return web.Response(status=204)  # yes, and nothing done
    return None


def elsewhere(_shape: Shape, _method: str, path: str, _body: Any) -> web.Response | None:
    """AMI: says where to go instead."""
    return refuse(400, "OperationSupportedInFutureStateURI") if path == SYSTEM else None


def once_only(_shape: Shape, _method: str, path: str, body: Any) -> web.Response | None:
    """Lenovo: Continuous is refused."""
    return refuse(400) if path == SYSTEM and body["Boot"].get("BootSourceOverrideEnabled") == "Continuous" else None


def no_repeats(shape: Shape, _method: str, path: str, body: Any) -> web.Response | None:
    """Some refuse a value that is there already."""
    same = path == SYSTEM and body["Boot"].get("BootSourceOverrideEnabled") == shape.boot["BootSourceOverrideEnabled"]
    return refuse(400) if same else None


@pytest.mark.parametrize("vendor", ["HPE", "Contoso"])  # with the quirk at once, without it by trying
async def test_a_mode_that_is_refused_is_left_out(tls_files: Files, vendor: str) -> None:
    shape = Shape(vendor, no_mode)
    async with called(shape, tls_files) as bmc:
        result = await settings.boot(bmc, PXE, QUICK)
    assert (result.changed, result.error) == (True, None)
    assert shape.boot["BootSourceOverrideTarget"] == "Pxe"
    assert len(shape.changes) == (1 if vendor == "HPE" else 2)


async def test_all_properties_go_where_one_that_is_missing_falls_back(tls_files: Files) -> None:
    shape = Shape("Supermicro", whole_only)
    async with called(shape, tls_files) as bmc:
        assert (
            await settings.boot(bmc, BootOverride("pxe"), QUICK)
        ).error is None  # no mode wanted: the one shown goes
        assert shape.boot["BootSourceOverrideTarget"] == "Pxe"


@pytest.mark.parametrize("vendor", ["AMI", "Contoso"])
async def test_the_settings_resource_is_used_where_the_system_refuses(tls_files: Files, vendor: str) -> None:
    shape = Shape(vendor, elsewhere).settings(f"{SYSTEM}/SD")
    async with called(shape, tls_files) as bmc:
        result = await settings.boot(bmc, PXE, QUICK)
    assert (result.changed, result.error) == (True, None)
    assert shape.tree[f"{SYSTEM}/SD"]["Boot"]["BootSourceOverrideTarget"] == "Pxe"
    assert shape.boot["BootSourceOverrideTarget"] == "None"
    assert shape.changes[0][1] == (f"{SYSTEM}/SD" if vendor == "AMI" else SYSTEM)


async def test_a_settings_resource_without_boot_is_left_alone(tls_files: Files) -> None:
    shape = Shape("NVIDIA").settings(f"{SYSTEM}/Settings").set(f"{SYSTEM}/Settings", {"Id": "Settings"})
    async with called(shape, tls_files) as bmc:
        assert (await settings.boot(bmc, PXE, QUICK)).error is None
    assert [path for _, path, _ in shape.changes] == [SYSTEM]


async def test_what_can_only_be_once_is_once_and_says_so(tls_files: Files) -> None:
    shape = Shape("Lenovo", once_only)
    async with called(shape, tls_files) as bmc:
        result = await settings.boot(bmc, BootOverride("disk", persistent=True, mode="uefi"), QUICK)
    assert (result.changed, result.error) == (True, None)
    assert [finding.type for finding in result.findings] == ["boot-not-as-often"]
    assert shape.boot["BootSourceOverrideEnabled"] == "Once"


async def test_a_value_that_is_there_already_is_left_out(tls_files: Files) -> None:
    shape = Shape("Contoso", no_repeats)
    shape.boot["BootSourceOverrideEnabled"] = "Once"
    async with called(shape, tls_files) as bmc:
        assert (await settings.boot(bmc, PXE, QUICK)).error is None
    assert shape.changes[-1][2] == {"Boot": {"BootSourceOverrideTarget": "Pxe"}}


async def test_no_mode_goes_where_none_is_shown(tls_files: Files) -> None:
    shape = Shape("OpenBMC", boot={"BootSourceOverrideEnabled": "Disabled", "BootSourceOverrideTarget": "None"})
    async with called(shape, tls_files) as bmc:
        assert (await settings.boot(bmc, PXE, QUICK)).error is None
    assert MODE not in shape.changes[0][2]["Boot"]


async def test_a_device_that_is_not_allowed_is_refused_by_us(tls_files: Files) -> None:
    shape = Shape()
    async with called(shape, tls_files) as bmc:
        with pytest.raises(NotSupported) as refused:
            await bmc.set_boot(BootOverride("http", mode="uefi"))
    assert "pxe" in refused.value.hint.lower()
    assert shape.changes == []


async def test_the_address_of_http_boot_goes_to_a_bios_attribute_where_the_standard_place_is_missing(
    tls_files: Files,
) -> None:
    shape = Shape("Dell Inc.").set(f"{SYSTEM}/Bios", {"Attributes": {"HttpDev1Uri": ""}})
    shape.tree[SYSTEM]["Bios"] = {"@odata.id": f"{SYSTEM}/Bios"}
    shape.boot["BootSourceOverrideTarget@Redfish.AllowableValues"].append("UefiHttp")
    try:
        async with called(shape, tls_files) as bmc:
            await bmc.set_boot(BootOverride("http", mode="uefi", uri="http://192.0.2.1/x.efi"))
    finally:
        shape.boot["BootSourceOverrideTarget@Redfish.AllowableValues"].remove("UefiHttp")
    assert shape.tree[f"{SYSTEM}/Bios"]["Attributes"]["HttpDev1Uri"] == "http://192.0.2.1/x.efi"
    assert shape.boot["BootSourceOverrideTarget"] == "UefiHttp"


async def test_the_rack_file_states_quirks_too(tls_files: Files) -> None:
    shape = Shape("Contoso", no_mode)
    async with called(shape, tls_files, quirks=frozenset({"boot-mode-readonly"})) as bmc:
        await bmc.set_boot(PXE)
    assert len(shape.changes) == 1


async def test_a_yes_that_changes_nothing_is_told(tls_files: Files) -> None:
    shape = Shape("Contoso", lambda *_: web.Response(status=204))
    async with called(shape, tls_files) as bmc:
        result = await settings.boot(bmc, PXE, QUICK)
    assert [finding.type for finding in result.findings] == ["bmc-lied"]
    assert result.changed is False


async def test_a_refusal_is_told_as_it_was_first_said(tls_files: Files) -> None:
    shape = Shape("Contoso", lambda *_: refuse(400, "ActionNotSupported"))
    async with called(shape, tls_files) as bmc:
        with pytest.raises(Refused, match="ActionNotSupported"):
            await settings.boot(bmc, PXE, QUICK)

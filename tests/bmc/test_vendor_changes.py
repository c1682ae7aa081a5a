"""Changes in the ways of vendors: ETags, virtual media, account slots, tasks, firmware."""

from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from aiohttp import web

from scs_rack.bmc import Bmc, accounts, settings
from scs_rack.bmc.errors import Refused
from scs_rack.bmc.redfish import tasks

from .emulators import QUICK
from .vendors import SYSTEM, Shape, called, refuse

Files = tuple[Path, Path]
DRIVES = "/redfish/v1/Managers/1/VirtualMedia"
CD = f"{DRIVES}/CD1"
IMAGE = "http://192.0.2.1/rescue.iso"
ACCOUNTS = "/redfish/v1/AccountService/Accounts"


# ETags: what a service accepts of If-Match, in sushy's order


class Tagged(Shape):
    """A system with an ETag, and a service that takes some values of If-Match only."""

    def __init__(self, tag: str, accepts: set[str]) -> None:
        super().__init__()
        self.tag, self.accepts = tag, accepts
        self.sent: list[str] = []

    async def answer(self, request: web.Request) -> web.StreamResponse:
        if request.method == "PATCH":
            self.sent.append(request.headers.get("If-Match", ""))
            if self.sent[-1] not in self.accepts:
                return web.Response(status=428 if not self.sent[-1] else 412)
        made = await super().answer(request)
        if request.method == "GET" and request.path == SYSTEM and self.tag:
            made.headers["ETag"] = self.tag
        return made


@pytest.mark.parametrize(
    ("tag", "accepts", "sent"),
    [
        ('"a"', {'"a"'}, ['"a"']),
        ('W/"a"', {'"a"'}, ['W/"a"', '"a"']),
        ('W/"a"', {""}, ['W/"a"', '"a"', ""]),
        ("", {""}, [""]),
        ("", {"*"}, ["", "*"]),
    ],
)
async def test_if_match_in_order(tls_files: Files, tag: str, accepts: set[str], sent: list[str]) -> None:
    shape = Tagged(tag, accepts)
    async with called(shape, tls_files) as bmc:
        await bmc.boot_once("pxe")
    assert shape.sent == sent
    assert shape.boot["BootSourceOverrideTarget"] == "Pxe"


@pytest.mark.parametrize(("quirk", "tag", "sent"), [("no-if-match", '"a"', [""]), ("if-match-always", "", ["*"])])
async def test_quirks_of_if_match(tls_files: Files, quirk: str, tag: str, sent: list[str]) -> None:
    shape = Tagged(tag, set(sent))
    async with called(shape, tls_files, quirks=frozenset({quirk})) as bmc:
        await bmc.boot_once("pxe")
    assert shape.sent == sent


async def test_etags_that_are_never_right_are_given_up(tls_files: Files) -> None:
    shape = Tagged('"a"', set())
    async with called(shape, tls_files) as bmc:
        with pytest.raises(Refused):
            await bmc.boot_once("none")
    assert len(shape.sent) < 20


# Virtual media


def drive(shape: Shape, *, actions: bool = True) -> Shape:
    body: dict[str, Any] = {"Id": "CD1", "MediaTypes": ["CD", "DVD"], "Image": None, "Inserted": False}
    if actions:
        body["Actions"] = {
            f"#VirtualMedia.{name}": {"target": f"{CD}/Actions/{name}"} for name in ("InsertMedia", "EjectMedia")
        }
    return shape.set(DRIVES, {"Members": [{"@odata.id": CD}]}).set(CD, body)


def inserts(*names: str, whole: bool = False) -> Any:
    """A rule: InsertMedia takes these properties only, or wants all of them (`whole`)."""

    def rule(shape: Shape, _method: str, path: str, body: Any) -> web.Response | None:
        if path.endswith("EjectMedia"):
            if body != {}:
                return refuse(400)
            shape.tree[CD] |= {"Image": None, "Inserted": False}
            return web.Response(status=204)
        if not path.endswith("InsertMedia"):
            return None
        if shape.tree[CD]["Inserted"] or (set(body) - set(names)) or (whole and set(names) - set(body)):
            return refuse(400)
        shape.tree[CD] |= {"Image": body["Image"], "Inserted": True}
        return web.Response(status=204)

    return rule


@pytest.mark.parametrize(
    ("vendor", "quirks", "rule"),
    [
        ("Contoso", (), inserts("Image", "Inserted", "WriteProtected")),
        ("Supermicro", (), inserts("Image")),
        ("Contoso", (), inserts("Image")),  # found out by trying
        ("Nokia", (), inserts("Image", "TransferProtocolType", "TransferMethod", "Inserted", "WriteProtected")),
        ("Contoso", ("media-transfer-type",), inserts("Image", "TransferProtocolType", "TransferMethod", whole=True)),
    ],
)
async def test_an_image_goes_in_and_out(tls_files: Files, vendor: str, quirks: tuple[str, ...], rule: Any) -> None:
    shape = drive(Shape(vendor, rule))
    async with called(shape, tls_files, quirks=frozenset(quirks)) as bmc:
        assert (await settings.insert_media(bmc, IMAGE, QUICK)).changed is True
        assert (await settings.insert_media(bmc, IMAGE, QUICK)).changed is False
        other = await settings.insert_media(bmc, f"{IMAGE}.2", QUICK)  # the old one is ejected first
        assert (other.changed, other.error) == (True, None)
        assert (await settings.eject_media(bmc, QUICK)).changed is True
        assert (await settings.eject_media(bmc, QUICK)).changed is False
    assert shape.tree[CD]["Image"] is None


async def test_a_drive_without_actions_is_patched_by_quirk_only(tls_files: Files) -> None:
    shape = drive(Shape("Lenovo"), actions=False)
    async with called(shape, tls_files) as bmc:
        assert (await settings.insert_media(bmc, IMAGE, QUICK)).changed is True
        assert (await settings.eject_media(bmc, QUICK)).changed is True
    closed = drive(Shape("OpenBMC"), actions=False)  # for its web page only
    async with called(closed, tls_files) as bmc:
        assert [slot.usable for slot in await bmc.media()] == [False]
        with pytest.raises(Refused, match="no virtual drive"):
            await settings.insert_media(bmc, IMAGE, QUICK)
    assert closed.changes == []


# Accounts


async def test_accounts_in_slots(tls_files: Files) -> None:
    shape = Shape("Dell Inc.").set("/redfish/v1/AccountService", {"Accounts": {"@odata.id": ACCOUNTS}})
    shape.set(ACCOUNTS, {"Members": [{"@odata.id": f"{ACCOUNTS}/{n}"} for n in (1, 2, 3)]})
    for number, name in ((1, ""), (2, "root"), (3, "")):
        role = "Administrator" if name else "None"
        shape.set(f"{ACCOUNTS}/{number}", {"Id": str(number), "UserName": name, "RoleId": role, "Enabled": bool(name)})
    async with called(shape, tls_files) as bmc:
        assert [user.name for user in await bmc.users()] == ["root"]
        assert (await accounts.add_user(bmc, "watcher", "secret", "readonly", QUICK)).error is None
        assert shape.tree[f"{ACCOUNTS}/3"]["UserName"] == "watcher"
        assert (await accounts.remove_user(bmc, "watcher", QUICK)).error is None
        assert shape.tree[f"{ACCOUNTS}/3"]["UserName"] == ""
        with pytest.raises(Refused, match="logs in with"):
            await accounts.remove_user(bmc, "admin", QUICK)


# Tasks and firmware

TASK = "/redfish/v1/TaskService/Tasks/7"
UPDATE = "/redfish/v1/UpdateService"


class Updating(Shape):
    """Takes an image and works on it for some looks; ends as it is told."""

    def __init__(self, *looks: tuple[int, Any]) -> None:
        super().__init__()
        self.looks = list(looks)
        inventory = f"{UPDATE}/FirmwareInventory"
        self.set(UPDATE, {"HttpPushUri": f"{UPDATE}/push", "FirmwareInventory": {"@odata.id": inventory}})
        self.set(inventory, {"Members": [{"@odata.id": f"{inventory}/BMC"}]})
        self.firmware = {"Id": "BMC", "Name": "BMC", "Version": "1.0"}
        self.set(f"{inventory}/BMC", self.firmware)

    async def answer(self, request: web.Request) -> web.StreamResponse:
        if request.path == f"{UPDATE}/push":
            assert await request.read() == b"image"
            return web.json_response({}, status=202, headers={"Location": TASK})
        if request.path == TASK:
            status, body = self.looks.pop(0)
            if body and body.get("TaskState") == "Completed":
                self.firmware["Version"] = "1.1"
            return web.json_response(body, status=status)
        return await super().answer(request)


@pytest.fixture
def image(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """An image, and a client that looks often."""
    monkeypatch.setattr(tasks, "_FIRST_LOOK", 0.01)
    found = tmp_path / "bmc.bin"
    found.write_bytes(b"image")
    return found


RUNNING = (202, {"Id": "7", "TaskState": "Running", "PercentComplete": 40})


@pytest.mark.parametrize(
    ("looks", "error", "changed"),
    [
        ([RUNNING, (200, {"Id": "7", "TaskState": "Completed", "TaskStatus": "OK"})], "", "BMC: 1.0 -> 1.1"),
        ([RUNNING, (503, {}), (200, {"Id": "7", "TaskState": "Completed"})], "", "BMC: 1.0 -> 1.1"),
        ([RUNNING, (404, {})], "", ""),  # forgotten: the versions tell
        ([RUNNING, (200, {})], "", ""),  # the monitor gives the answer of the request
        (
            [RUNNING, (200, {"Id": "7", "TaskState": "Exception", "Messages": [{"Message": "bad image"}]})],
            "bad image",
            "",
        ),
        ([(200, {"Id": "7", "TaskState": "Completed", "TaskStatus": "Critical"})], "failed", ""),
    ],
)
async def test_a_task_is_followed_to_its_end(
    tls_files: Files, image: Path, looks: Any, error: str, changed: str
) -> None:
    heard: list[int | None] = []

    async def update(bmc: Bmc) -> Any:
        return await settings.update_firmware(bmc, image, QUICK, report=lambda task: heard.append(task.percent))

    async with called(Updating(*looks), tls_files) as bmc:
        if error:
            with pytest.raises(Refused, match=error):
                await update(bmc)
            return
        result = await update(bmc)
    assert result.diff == changed
    assert [finding.type for finding in result.findings] == ([] if changed else ["version-as-before"])


async def test_a_task_that_never_ends_is_left(tls_files: Files, image: Path) -> None:
    shape = Updating(*[RUNNING] * 100)
    async with called(shape, tls_files) as bmc:
        bmc.tree.limits = replace(QUICK, task=0.2)  # type: ignore[attr-defined]
        with pytest.raises(Exception, match="runs for more than"):
            await bmc.update_firmware(image)


async def test_a_service_without_a_way_for_files_says_so(tls_files: Files, image: Path) -> None:
    async with called(Shape().set(UPDATE, {"Id": "UpdateService"}), tls_files) as bmc:
        with pytest.raises(Refused, match="no firmware from a file"):
            await bmc.update_firmware(image)
        with pytest.raises(Refused, match="fetches no firmware"):
            await bmc.update_firmware("http://192.0.2.1/bmc.bin")

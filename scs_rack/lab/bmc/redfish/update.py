"""UpdateService: versions, and images that are fetched or pushed and installed by a task that takes its time."""

import asyncio
import hashlib
from collections.abc import Awaitable, Callable
from email import message_from_bytes
from email.message import Message
from urllib.parse import urlsplit

import aiohttp

from scs_rack.lab.bmc.redfish.jobs import Job, JobFailed
from scs_rack.lab.bmc.redfish.messages import Choice, Items, check, error, errors, needed
from scs_rack.lab.bmc.redfish.routes import (
    ROOT,
    SYSTEM,
    Answer,
    Call,
    Reply,
    Resource,
    action,
    collection,
    get,
    head,
    health,
    link,
    links,
    post,
)  # fmt: skip
from scs_rack.lab.bmc.redfish.tasks import accepted
from scs_rack.lab.bmc.settings import Firmware

SERVICE = f"{ROOT}/UpdateService"
INVENTORY = f"{SERVICE}/FirmwareInventory"
PUSH = f"{SERVICE}/update"
MULTIPART = f"{SERVICE}/update-multipart"
STEP_SECONDS = 0.2
"""Time of each of the ten steps of an installation."""
LIMIT = 32 * 1024 * 1024
REFUSED = b"BAD"
"""An image that begins so fails its verification, for tests."""


@get(SERVICE, kind="any")
def service(_call: Call) -> Resource:
    """The service."""
    return head(SERVICE, "UpdateService", "Update Service") | {
        "ServiceEnabled": True,
        "HttpPushUri": PUSH,
        "MultipartHttpPushUri": MULTIPART,
        "MaxImageSizeBytes": LIMIT,
        "FirmwareInventory": link(INVENTORY),
        "Status": health(),
        "Actions": action(SERVICE, "UpdateService.SimpleUpdate", **{
            "TransferProtocol@Redfish.AllowableValues": ["HTTP", "HTTPS"],
            "@Redfish.ActionInfo": f"{SERVICE}/SimpleUpdateActionInfo",
        }),
    }  # fmt: skip


@get(f"{SERVICE}/SimpleUpdateActionInfo", kind="any")
def simple_info(_call: Call) -> Resource:
    """What SimpleUpdate takes."""
    return head(f"{SERVICE}/SimpleUpdateActionInfo", "ActionInfo", "SimpleUpdate") | {
        "Parameters": [
            {"Name": "ImageURI", "Required": True, "DataType": "String"},
            {"Name": "TransferProtocol", "Required": False, "DataType": "String", "AllowableValues": ["HTTP", "HTTPS"]},
            {"Name": "Targets", "Required": False, "DataType": "StringArray"},
        ]
    }


def _known(call: Call) -> dict[str, Firmware]:
    server = call.machine.config.kind == "server"
    return {name: one for name, one in call.machine.firmware.items() if server or name != "BIOS"}


@get(INVENTORY, kind="any")
def inventory(call: Call) -> Resource:
    """Everything that has a version."""
    return collection(INVENTORY, "SoftwareInventory", "Firmware", [f"{INVENTORY}/{name}" for name in _known(call)])


@get(f"{INVENTORY}/{{}}", kind="any")
def firmware(call: Call) -> Answer:
    """One version."""
    one = _known(call).get(call.ids[0])
    if one is None:
        return None
    related = {"BIOS": [SYSTEM], "BMC": [f"{ROOT}/Managers/1"]}.get(call.ids[0], [f"{ROOT}/Chassis/1"])
    return head(call.path, "SoftwareInventory", one.name) | {
        "Version": one.version,
        "LowestSupportedVersion": "1.0",
        "ReleaseDate": one.released,
        "Manufacturer": "scs-rack lab",
        "SoftwareId": f"scs-rack-{call.ids[0].lower()}",
        "Updateable": True,
        "Status": health(),
        "RelatedItem": links(related),
        "RelatedItem@odata.count": len(related),
    }


@post(f"{SERVICE}/Actions/UpdateService.SimpleUpdate", kind="any", level=4)
def simple(call: Call) -> Answer:
    """Fetch an image and install it."""
    spec = {
        "ImageURI": str, "TransferProtocol": Choice(("HTTP", "HTTPS")), "Targets": Items(str), "Username": str,
        "Password": str, "ForceUpdate": Choice((True, False)),
    }  # fmt: skip
    found = needed(call.body, "ImageURI") or check(call.body, spec, {})
    if found:
        return errors(400, found)
    url = call.body["ImageURI"]
    if "://" not in url:
        url = f"{call.body.get('TransferProtocol', 'HTTP').lower()}://{url}"
    if urlsplit(url).scheme not in ("http", "https"):
        return error(400, "ActionParameterNotSupported", "ImageURI can't be fetched.", "ImageURI")

    async def image(job: Job) -> bytes:
        job.messages.append({"text": f"Fetching {url}", "severity": "OK"})
        return await _fetch(url)

    return _begin(call, url, call.body.get("Targets", []), image)


@post(PUSH, kind="any", level=4)
def push(call: Call) -> Answer:
    """Take an image that is the body."""
    return _pushed(call, call.raw, "image", [])


@post(MULTIPART, kind="any", level=4)
def multipart(call: Call) -> Answer:
    """Take an image and its parameters (DSP0266, 13.5: UpdateParameters and UpdateFile)."""
    import json

    head_line = f"Content-Type: {call.headers.get('Content-Type', '')}\r\n\r\n".encode()
    parsed = message_from_bytes(head_line + call.raw)
    parts = [one for one in parsed.walk() if isinstance(one, Message) and not one.is_multipart()]
    by_name = {str(one.get_param("name", header="content-disposition")): one for one in parts}
    if "UpdateFile" not in by_name:
        return error(400, "PropertyMissing", "UpdateFile is missing.", "UpdateFile")
    targets: list[str] = []
    if "UpdateParameters" in by_name:
        try:
            stated = json.loads(_content(by_name["UpdateParameters"]))
            targets = [str(one) for one in stated.get("Targets", [])]
        except (ValueError, AttributeError, TypeError):
            return error(400, "MalformedJSON", "UpdateParameters is no JSON object.")
    file = by_name["UpdateFile"]
    return _pushed(call, _content(file), str(file.get_filename() or "image"), targets)


def _content(part: Message) -> bytes:
    payload = part.get_payload(decode=True)
    return payload if isinstance(payload, bytes) else b""


def _pushed(call: Call, content: bytes, name: str, targets: list[str]) -> Answer:
    if not content:
        return error(400, "PropertyMissing", "There is no image.", "UpdateFile")

    async def image(_job: Job) -> bytes:
        return content

    return _begin(call, name, targets, image)


def _begin(call: Call, name: str, targets: list[str], image: Callable[[Job], Awaitable[bytes]]) -> Reply:
    known = _known(call)
    wanted = [one.rstrip("/").rsplit("/", 1)[-1] for one in targets] or ["BMC"]
    if targets in ([SYSTEM], [f"{SYSTEM}/"]):
        wanted = ["BIOS"]
    if any(one not in known for one in wanted):
        return error(400, "ActionParameterNotSupported", "There is no such target.", "Targets")
    if any(not one.over for one in call.server.jobs.all.values()):
        return error(503, "ServiceTemporarilyUnavailable", "An update is running.", "10", headers={"Retry-After": "10"})
    lies = call.machine.lies

    async def work(job: Job) -> None:
        content = await image(job)
        job.percent = 10
        if not content or content.startswith(REFUSED):
            raise JobFailed("The image does not verify")
        digest = hashlib.sha256(content).hexdigest()[:16]
        job.messages.append({"text": f"Image of {len(content)} bytes, SHA-256 {digest}…", "severity": "OK"})
        for step in range(2, 11):
            await asyncio.sleep(STEP_SECONDS)
            job.percent = step * 10 - 1
        for one in wanted:
            if not lies:
                known[one].take(known[one].following(urlsplit(name).path or name))
            text = "comes into force with the next start" if known[one].needs_reset else "is in force"
            job.messages.append({"text": f"{one}: the new version {text}", "severity": "OK"})

    return accepted(call.server.jobs.begin(f"Update from {name[-80:]}", call.machine.clock.stamp, work))


async def _fetch(url: str) -> bytes:
    limit = aiohttp.ClientTimeout(total=60)
    try:
        async with aiohttp.ClientSession(timeout=limit) as client, client.get(url, ssl=False) as answer:
            if answer.status != 200:
                raise JobFailed(f"{url} answers {answer.status}")
            content = await answer.content.read(LIMIT + 1)
            while len(content) <= LIMIT and not answer.content.at_eof():
                content += await answer.content.read(LIMIT + 1)
    except (aiohttp.ClientError, TimeoutError, OSError, ValueError) as fault:
        raise JobFailed(f"{url} can't be fetched: {type(fault).__name__}") from fault
    if len(content) > LIMIT:
        raise JobFailed("The image is too long")
    return content

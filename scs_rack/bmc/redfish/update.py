"""Firmware update: pushed as a form, pushed as it is, or fetched by the BMC (UpdateService)."""

import asyncio
import json
from collections.abc import Callable
from pathlib import Path

from scs_rack.bmc.errors import NotSupported, Refused
from scs_rack.bmc.facts import Task
from scs_rack.bmc.redfish import tasks
from scs_rack.bmc.redfish.http import Form
from scs_rack.bmc.redfish.read import at, flag, link, text
from scs_rack.bmc.redfish.transport import Reply
from scs_rack.bmc.redfish.tree import Json, Tree

_PUSH = 1800.0
"""Seconds that a BMC may need to take an image."""


async def update(tree: Tree, image: Path | str, target: str, report: Callable[[Task], None]) -> Task:
    """Give the BMC an image and follow its task.

    Raises:
        NotSupported: it takes no firmware in this way. Refused: it refused the image, or the task failed.
    """
    service = await tree.optional(link(await tree.root(), "UpdateService"))
    if not service or flag(service, "ServiceEnabled") is False:
        raise NotSupported(f"{tree.where}: it has no update service, or it is switched off")
    if isinstance(image, str):
        reply = await _fetched(tree, service, image, target)
    else:
        reply = await _pushed(tree, service, image, target)
    return await tasks.follow(tree, reply, report)


async def _fetched(tree: Tree, service: Json, image: str, target: str) -> Reply:
    action = text(service, "Actions", "#UpdateService.SimpleUpdate", "target")
    if not action:
        raise NotSupported(f"{tree.where}: it fetches no firmware by itself", "give a file instead of a URL")
    body: Json = {"ImageURI": image, **({"Targets": [target]} if target else {})}
    return await tree.post(action, body, limit=_PUSH)


async def _pushed(tree: Tree, service: Json, image: Path, target: str) -> Reply:
    """A form where the service has an address for it, else the bare bytes."""
    try:
        content = await asyncio.to_thread(image.read_bytes)
    except OSError as error:
        raise Refused(f"{image}: {error.strerror}", "the image must be a readable file") from error
    form_to, raw_to = at(service, "MultipartHttpPushUri"), at(service, "HttpPushUri")
    if isinstance(form_to, str) and form_to:
        parameters = json.dumps({"Targets": [target] if target else []}).encode()
        asked = ("UpdateParameters", "", "application/json", parameters)
        form = Form((asked, ("UpdateFile", image.name, "application/octet-stream", content)))
        return await tree.session.request("POST", form_to, limit=_PUSH, data=form)
    if isinstance(raw_to, str) and raw_to:
        if target:
            await tree.patch(link(await tree.root(), "UpdateService"), {"HttpPushUriTargets": [target]})
        headers = {"Content-Type": "application/octet-stream"}
        return await tree.session.request("POST", raw_to, headers=headers, limit=_PUSH, data=content)
    raise NotSupported(f"{tree.where}: it takes no firmware from a file", "give the URL of an image instead")

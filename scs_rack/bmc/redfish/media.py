"""Virtual media: drives whose image the BMC fetches by itself."""

from urllib.parse import urlsplit

from scs_rack.bmc.errors import AnswerLost, Busy, NotSupported, Refused
from scs_rack.bmc.facts import MediaSlot
from scs_rack.bmc.redfish.read import at, flag, link, text, words
from scs_rack.bmc.redfish.tree import Json, Tree

_KINDS = {"CD": "cd", "DVD": "dvd", "USBStick": "usb", "Floppy": "floppy"}


async def slots(tree: Tree) -> tuple[MediaSlot, ...]:
    """All drives."""
    by_patch = await tree.has("media-by-patch")
    return tuple([_slot(body, by_patch=by_patch) for _, body in await _drives(tree)])


async def insert(tree: Tree, image: str, slot: str) -> str:
    """Insert an image; what is in the drive is ejected first."""
    by_patch = await tree.has("media-by-patch")
    path, body = await _choose(tree, slot, by_patch=by_patch)
    if _slot(body, by_patch=by_patch).inserted:
        await _eject(tree, path, body)
    target = _action(body, "InsertMedia")
    if not target:
        await tree.first_that_works([(path, {"Image": image, "Inserted": True}), (path, {"Image": image})])
        return text(body, "Id")
    whole: Json = {"Image": image, "Inserted": True, "WriteProtected": True}
    bare: Json = {"Image": image}
    protocol: Json = {"TransferProtocolType": urlsplit(image).scheme.upper(), "TransferMethod": "Stream"}
    tries = [whole, bare, {**bare, **protocol}]
    if await tree.has("media-image-only"):
        tries = [bare]
    elif await tree.has("media-transfer-type"):
        tries = [{**whole, **protocol}, {**bare, **protocol}]
    await _post_first(tree, target, tries)
    return text(body, "Id")


async def eject(tree: Tree, slot: str) -> None:
    """Eject from one drive, or from all that hold something."""
    by_patch = await tree.has("media-by-patch")
    drives = [await _choose(tree, slot, by_patch=by_patch)] if slot else await _drives(tree)
    for path, body in drives:
        one = _slot(body, by_patch=by_patch)
        if one.inserted and one.usable:
            await _eject(tree, path, body)


async def _eject(tree: Tree, path: str, body: Json) -> None:
    target = _action(body, "EjectMedia")
    if target:
        await tree.post(target)  # an empty object: HPE wants it
    else:
        await tree.first_that_works([(path, {"Image": None, "Inserted": False}), (path, {"Image": None})])


async def _post_first(tree: Tree, target: str, bodies: list[Json]) -> None:
    for body in bodies:
        try:
            await tree.post(target, body)
        except (Busy, AnswerLost):
            raise
        except Refused:
            if body is bodies[-1]:
                raise
        else:
            return


async def _drives(tree: Tree) -> list[tuple[str, Json]]:
    """Drives of the system, or of the BMC where the system has none."""
    found = [one async for one in tree.members(link(await tree.links(), "VirtualMedia"))]
    return found or [one async for one in tree.members(link(await tree.manager(), "VirtualMedia"))]


async def _choose(tree: Tree, slot: str, *, by_patch: bool) -> tuple[str, Json]:
    drives = await _drives(tree)
    known = {text(body, "Id"): (path, body) for path, body in drives}
    if slot:
        if slot not in known:
            raise NotSupported(f"{tree.where}: no virtual drive {slot}", f"it has {', '.join(known) or 'none'}")
        return known[slot]
    usable = [(p, b) for p, b in drives if _slot(b, by_patch=by_patch).usable]
    discs = [(p, b) for p, b in usable if {"cd", "dvd"} & set(_slot(b, by_patch=by_patch).kinds)]
    free = [(p, b) for p, b in discs if not _slot(b, by_patch=by_patch).inserted]
    chosen = next(iter([*free, *discs, *usable]), None)
    if chosen is None:
        raise NotSupported(f"{tree.where}: it has no virtual drive that a program may use")
    return chosen


def _slot(body: Json, *, by_patch: bool) -> MediaSlot:
    image = text(body, "Image")
    inserted = flag(body, "Inserted")
    return MediaSlot(
        name=text(body, "Id"),
        kinds=tuple(_KINDS.get(kind, kind.lower()) for kind in words(body, "MediaTypes")),
        image=image,
        inserted=bool(image) if inserted is None else inserted,
        usable=by_patch or bool(_action(body, "InsertMedia")),
    )


def _action(body: Json, name: str) -> str:
    target = at(body, "Actions", f"#VirtualMedia.{name}", "target")
    return target if isinstance(target, str) else ""

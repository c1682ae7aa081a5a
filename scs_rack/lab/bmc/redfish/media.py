"""Virtual drives, shown below the manager and below the system."""

from scs_rack.lab.bmc.redfish.messages import Choice, Spec, check, error, errors, missing, needed, success
from scs_rack.lab.bmc.redfish.routes import (
    MANAGER,
    SYSTEM,
    Answer,
    Call,
    Reply,
    Resource,
    action,
    collection,
    get,
    head,
    patch,
    post,
)  # fmt: skip

_SCHEMES = {"http": "HTTP", "https": "HTTPS", "nfs": "NFS", "cifs": "CIFS"}
_PARAMETERS: Spec = {
    "Image": str,
    "Inserted": Choice((True, False)),
    "WriteProtected": Choice((True, False)),
    "MediaType": str,
    "UserName": str,
    "Password": str,
    "TransferMethod": Choice(("Stream", "Upload")),
    "TransferProtocolType": Choice(tuple(_SCHEMES.values())),
}


def _slots(call: Call) -> str:
    return call.path[: call.path.index("/VirtualMedia") + len("/VirtualMedia")]


@get(f"{SYSTEM}/VirtualMedia")
@get(f"{MANAGER}/VirtualMedia")
def slots(call: Call) -> Resource:
    """All drives."""
    path = _slots(call)
    return collection(path, "VirtualMedia", "Virtual media", [f"{path}/{name}" for name in call.machine.media])


@get(f"{SYSTEM}/VirtualMedia/{{}}")
@get(f"{MANAGER}/VirtualMedia/{{}}")
def slot(call: Call) -> Answer:
    """One drive."""
    name = call.ids[0]
    media = call.machine.media.get(name)
    if media is None:
        return None
    path = f"{_slots(call)}/{name}"
    return head(path, "VirtualMedia", f"Virtual {name}") | {
        "MediaTypes": list(media.kinds),
        "ConnectedVia": media.by,
        "Image": media.image,
        "ImageName": media.image.rsplit("/", 1)[-1] if media.image else None,
        "Inserted": media.image is not None,
        "WriteProtected": media.write_protected,
        "TransferMethod": "Stream" if media.image else None,
        "TransferProtocolType": _SCHEMES.get(media.image.partition("://")[0]) if media.image else None,
        "UserName": media.user,
        "Password": None,
        "Actions": action(
            path, "VirtualMedia.InsertMedia",
            **{"TransferProtocolType@Redfish.AllowableValues": list(_SCHEMES.values())},
        ) | action(path, "VirtualMedia.EjectMedia"),
    }  # fmt: skip


@post(f"{SYSTEM}/VirtualMedia/{{}}/Actions/VirtualMedia.InsertMedia")
@post(f"{MANAGER}/VirtualMedia/{{}}/Actions/VirtualMedia.InsertMedia")
def insert(call: Call) -> Answer:
    """Put an image in."""
    found = needed(call.body, "Image") or check(call.body, _PARAMETERS, {})
    if found:
        return errors(400, found)
    return _insert(call) or success()


def _insert(call: Call) -> Reply | None:
    media, image = call.machine.media.get(call.ids[0]), call.body["Image"]
    if media is None:
        return missing(call.path)
    if image.partition("://")[0] not in _SCHEMES or not image.partition("://")[2]:
        return error(400, "PropertyValueFormatError", "Image is no URL that this BMC can fetch.", image, "Image")
    if media.image is not None:
        return error(409, "ResourceInUse", "There is an image in this drive: eject it first.")
    if not call.machine.lies:
        protected = call.body.get("WriteProtected", True)
        media.insert(image, write_protected=protected, user=call.body.get("UserName"))
        call.machine.save()
    return None


@post(f"{SYSTEM}/VirtualMedia/{{}}/Actions/VirtualMedia.EjectMedia")
@post(f"{MANAGER}/VirtualMedia/{{}}/Actions/VirtualMedia.EjectMedia")
def eject(call: Call) -> Answer:
    """Take it out; taking out nothing is no error."""
    media = call.machine.media.get(call.ids[0])
    if media is None:
        return missing(call.path)
    if not call.machine.lies:
        media.eject()
        call.machine.save()
    return success()


@patch(f"{SYSTEM}/VirtualMedia/{{}}")
@patch(f"{MANAGER}/VirtualMedia/{{}}")
def set_slot(call: Call) -> Answer:
    """Insert and eject as BMCs without actions do it: by writing Image and Inserted."""
    now = slot(call)
    if not isinstance(now, dict):
        return missing(call.path)
    found = check({k: v for k, v in call.body.items() if not (k == "Image" and v is None)}, _PARAMETERS, now)
    if found:
        return errors(400, found)
    if call.body.get("Image", "") is None or call.body.get("Inserted") is False:
        eject(call)
    elif "Image" in call.body:
        refused = _insert(call)
        if refused:
            return refused
    elif call.body.get("Inserted") and not now["Inserted"]:
        return error(400, "PropertyMissing", "Image is missing.", "Image")
    return slot(call)

"""Where BMCs depart from the standard: each departure has a name, says what we do, and where it was reported.

A BMC gets the quirks that its own words tell (vendor of its service root) and those that the rack file's model states
(`server_models.<name>.bmc_quirks`). What shows itself in a resource (an action that is missing, a property that is not
there) needs no quirk: drivers look at it.
"""

from dataclasses import dataclass
from typing import Any, get_args

from scs_rack.bmc.redfish.read import at, text
from scs_rack.model.quirks import Quirk


@dataclass(frozen=True)
class Departure:
    """One quirk."""

    does: str
    """What the BMC does, and what we do about it."""
    evidence: str
    """Thread or source that reports it."""


QUIRKS: dict[Quirk, Departure] = {
    "boot-full-request": Departure(
        "forgets Enabled or Mode that is not repeated: all three properties go with each change of the boot override",
        "OpenStack story 2008547 (Supermicro); ironic's list for AMI and ASRock Rack; "
        "https://github.com/ansible-collections/community.general/issues/11542",
    ),
    "boot-mode-readonly": Departure(
        "refuses a request that has BootSourceOverrideMode: it is left out",
        "https://github.com/ansible-collections/community.general/issues/3509 (HPE iLO)",
    ),
    "boot-once-only": Departure(
        "takes Once and Disabled only: a persistent override is armed for one boot, and a finding says so",
        "sushy's release notes (Lenovo)",
    ),
    "boot-in-settings": Departure(
        "takes the boot override at the resource of @Redfish.Settings, not at the system",
        "https://github.com/DMTF/Redfish-Tacklebox/issues/144 (AMI); same for ASRock Rack, Nokia, NVIDIA, iDRAC10",
    ),
    "boot-cd-is-usbcd": Departure(
        "boots its virtual CD by the target UsbCd; Cd is tried where UsbCd is not allowed",
        "sushy: boot from virtual media on Supermicro; the ARS-111GL wants Cd",
    ),
    "http-uri-in-bios": Departure(
        "has no HttpBootUri: the address goes to a BIOS attribute (Dell HttpDev1Uri, HPE UrlBootFile)",
        "https://github.com/bmc-toolbox/bmclib/pull/463",
    ),
    "media-by-patch": Departure(
        "has no InsertMedia action: Image and Inserted are patched",
        "sushy (Lenovo XCC); the tree of an SR670 V2 lists 20 drives without actions",
    ),
    "media-image-only": Departure(
        "refuses Inserted and WriteProtected, and an image over another: only Image is sent, after an eject",
        "https://github.com/ansible-collections/community.general/issues/6969 (Supermicro)",
    ),
    "media-transfer-type": Departure(
        "wants TransferProtocolType with each image",
        "sushy's samples of a Nokia server",
    ),
    "no-if-match": Departure(
        "answers 412 to If-Match, even with the ETag it has just given: none is sent",
        "https://github.com/ansible-collections/community.general/issues/11261",
    ),
    "if-match-always": Departure(
        "answers 412 or 428 without If-Match: `*` is sent where there is no ETag",
        "https://github.com/ansible/ansible/issues/60031 (Lenovo, Huawei)",
    ),
    "close-connections": Departure(
        "drops connections that idle without saying so: each request asks for its own",
        "sushy sends `Connection: close` for this reason; stated in the rack file only",
    ),
    "serial-in-sku": Departure(
        "has the service tag that people know the server by in SKU, and a board's number in SerialNumber",
        "sushy's samples of Dell iDRAC",
    ),
    "users-in-slots": Departure(
        "has a fixed number of account slots: an empty one is filled by PATCH, and emptied again",
        "https://github.com/ansible-collections/community.general (redfish_utils on Dell iDRAC)",
    ),
    "slow-bios": Departure(
        "holds a change of BIOS attributes for more than a minute: it is waited for",
        "ironic's option redfish.read_timeout",
    ),
}
assert set(QUIRKS) == set(get_args(Quirk))

_VENDORS: dict[str, tuple[Quirk, ...]] = {
    "hpe": ("boot-mode-readonly", "http-uri-in-bios"),
    "supermicro": ("boot-full-request", "boot-cd-is-usbcd", "media-image-only"),
    "lenovo": ("boot-once-only", "media-by-patch", "if-match-always"),
    "ami": ("boot-full-request", "boot-in-settings"),
    "asrockrack": ("boot-full-request", "boot-in-settings"),
    "nokia": ("boot-in-settings", "media-transfer-type"),
    "nvidia": ("boot-in-settings",),
    "dell": ("serial-in-sku", "http-uri-in-bios", "users-in-slots", "slow-bios"),
    "huawei": ("if-match-always",),
}
HTTP_URI_ATTRIBUTES = ("HttpDev1Uri", "UrlBootFile")
"""BIOS attributes that hold the address of UEFI HTTP boot (quirk http-uri-in-bios)."""

BUSY_MESSAGES = {
    "UnableToModifyDuringSystemPOST": "HPE iLO while the server is in POST",
    "InvalidOperationForSystemState": "HPE iLO 400 in a state that passes",
    "ResourceInUse": "DMTF base registry",
    "ResourceInStandby": "DMTF base registry",
    "ServiceTemporarilyUnavailable": "DMTF base registry",
    "ServiceInUnknownState": "DMTF base registry",
    "ServiceShuttingDown": "DMTF base registry",
    "SessionLimitExceeded": "DMTF base registry",
    "CreateLimitReachedForResource": "DMTF base registry, for sessions",
    "SYS518": "Dell iDRAC: data is not available yet",
    "SYS403": "Dell iDRAC 404 while a job is created",
}
"""Identifiers of messages that say: not now, and who sends them. The request may succeed a little later."""


def told(root: Any, system: Any = None) -> frozenset[str]:
    """Quirks that go with the vendor that a service root (and a system) names."""
    vendor = text(root, "Vendor") or text(system, "Manufacturer")
    oem = at(root, "Oem")
    names = [vendor, text(root, "Product"), *(str(key) for key in (oem if isinstance(oem, dict) else {}))]
    plain = ["".join(c for c in name.lower() if c.isalnum()) for name in names]
    found = {quirk for key, quirks in _VENDORS.items() for quirk in quirks if any(p.startswith(key) for p in plain)}
    return frozenset(found)

"""Names of ways in which BMCs depart from what the standard says; `scs_rack.bmc.redfish.quirks` says what each does."""

from typing import Literal

Quirk = Literal[
    "boot-full-request",
    "boot-mode-readonly",
    "boot-once-only",
    "boot-in-settings",
    "boot-cd-is-usbcd",
    "http-uri-in-bios",
    "media-by-patch",
    "media-image-only",
    "media-transfer-type",
    "no-if-match",
    "if-match-always",
    "close-connections",
    "serial-in-sku",
    "users-in-slots",
    "slow-bios",
]
"""A departure of a BMC's Redfish service."""

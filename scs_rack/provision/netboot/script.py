"""What iPXE is told (ipxe.org/scripting)."""

from scs_rack.provision.artifact import CONSOLE
from scs_rack.provision.netboot.callers import HTTP_PORT, Caller, Place
from scs_rack.provision.netboot.dhcp import STRANGER

LISTEN = 35
"""Seconds that a server that is looked at listens for its neighbours: they tell themselves every 30."""


def stranger_script(place: Place) -> str:
    """Let a server that nobody stated say its MAC address, and come again."""
    return f"#!ipxe\nchain http://{place.address}:{HTTP_PORT}/{STRANGER}/look.ipxe?mac=${{netX/mac}}\n"


def kernel_words(place: Place, caller: Caller, now: int, *, own_address: bool = False) -> str:
    """What the ramdisk's kernel is told.

    Args:
        place: where the manager answers.
        caller: the server; its token stands here.
        now: seconds since 1970, for servers whose clock is wrong.
        own_address: it takes its address from here, and asks nobody by DHCP.
    """
    words = f"{CONSOLE} quiet panic=30 scs.url={place.https} scs.mac={caller.mac}"
    if caller.job == "inspect":
        words += f" scs.listen={LISTEN}"
    if own_address:
        words += f" scs.ip={caller.address}"
    return f"{words} scs.token={caller.token} scs.now={now}"


def grub_menu(place: Place) -> str:
    """What the signed GRUB reads first: it asks for its own menu, by its MAC address."""
    return f"configfile (http,{place.address}:{HTTP_PORT})/grub/$net_default_mac\n"


def grub_script(place: Place, caller: Caller, now: int) -> str:
    """As `boot_script`, for GRUB, which verifies the kernel's signature by shim."""
    if caller.finished:
        return "exit\n"
    at = f"(http,{place.address}:{HTTP_PORT})/{caller.path}"
    return f"linux {at}/vmlinuz {kernel_words(place, caller, now)}\ninitrd {at}/initrd {at}/trust\nboot\n"


def boot_script(place: Place, caller: Caller, now: int) -> str:
    """Boot the ramdisk; a server that is finished goes on to its disk.

    Args:
        place: where the manager answers.
        caller: the server; its token stands in the script.
        now: seconds since 1970, for servers whose clock is wrong.
    """
    if caller.finished:
        return "#!ipxe\nexit\n"
    words = f"initrd=initrd initrd=trust {kernel_words(place, caller, now)}"
    return (
        "#!ipxe\n"
        f"kernel {place.http(caller, 'vmlinuz')} {words}\n"
        f"initrd --name initrd {place.http(caller, 'initrd')}\n"
        f"initrd --name trust {place.http(caller, 'trust')}\n"
        "boot\n"
    )

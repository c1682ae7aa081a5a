"""What iPXE is told (ipxe.org/scripting)."""

from scs_rack.provision.artifact import CONSOLE
from scs_rack.provision.netboot.callers import HTTP_PORT, Caller, Place
from scs_rack.provision.netboot.dhcp import STRANGER

LISTEN = 35
"""Seconds that a server that is looked at listens for its neighbours: they tell themselves every 30."""


def stranger_script(place: Place) -> str:
    """Let a server that nobody stated say its MAC address, and come again."""
    return f"#!ipxe\nchain http://{place.address}:{HTTP_PORT}/{STRANGER}/look.ipxe?mac=${{netX/mac}}\n"


def boot_script(place: Place, caller: Caller, now: int) -> str:
    """Boot the ramdisk; a server that is finished goes on to its disk.

    Args:
        place: where the manager answers.
        caller: the server; its token stands in the script.
        now: seconds since 1970, for servers whose clock is wrong.
    """
    if caller.finished:
        return "#!ipxe\nexit\n"
    words = f"initrd=initrd initrd=trust {CONSOLE} quiet panic=30 scs.url={place.https} scs.mac={caller.mac}"
    if caller.job == "inspect":
        words += f" scs.listen={LISTEN}"
    return (
        "#!ipxe\n"
        f"kernel {place.http(caller, 'vmlinuz')} {words} scs.token={caller.token} scs.now={now}\n"
        f"initrd --name initrd {place.http(caller, 'initrd')}\n"
        f"initrd --name trust {place.http(caller, 'trust')}\n"
        "boot\n"
    )

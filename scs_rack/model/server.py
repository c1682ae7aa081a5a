"""Servers, their models, and their management controllers."""

import ipaddress
from typing import Literal

from pydantic import Field

from scs_rack.model.base import Asn, Fingerprint, HostName, Mac, NicName, Speed, Strict, Watt
from scs_rack.model.quirks import Quirk

Role = Literal["control", "network", "storage", "compute"]
"""What a server does for the cloud."""


BootWay = Literal["http", "pxe", "ipmi", "media"]
"""A way to boot the ramdisk."""


class Nic(Strict):
    """A network port of a server model; its key is the interface's name in the operating system."""

    speed: Speed
    """The speed that its cable runs at."""
    use: Literal["mgmt", "uplink", "external", "unused"] = "uplink"
    """`mgmt` goes to the out-of-band network, `uplink` to a leaf (routed), `external` to a leaf (provider VLANs)."""


class Disk(Strict):
    """A disk of a server model; its key is a name that stays (in the lab a file)."""

    size_gb: int = Field(gt=0)
    """Size in GB (10^9 bytes), as the vendor says it."""
    kind: Literal["nvme", "ssd", "hdd"] = "nvme"
    use: Literal["root", "osd", "key", "unused"]
    """`root` holds the operating system, `osd` belongs to Ceph, `key` holds the key of an encrypted root."""
    path: str | None = None
    """Stable path of the device (/dev/disk/by-path/…); not needed in the lab."""


class Bmc(Strict):
    """The management controller of a server."""

    protocol: Literal["redfish", "ipmi"] | None = None
    """Protocol to speak; the server model's when not stated."""
    mac: Mac | None = None
    """MAC address of its own port."""
    address: ipaddress.IPv4Address | None = None
    """Address in the out-of-band network; from its pool when not stated."""
    fallback: bool = True
    """Speak the other protocol where this one is silent or lacks a function. Never after a wrong password."""
    user: str = "admin"
    """Account that scs-rack logs in with; its password is a secret of the rack."""
    fingerprint: Fingerprint | None = None
    """SHA-256 fingerprint (hex) that the BMC's certificate is pinned by; verified by the rack's CA when not stated."""


class Baseline(Strict):
    """How BMC and firmware of a model should be; `scs-rack bmc audit` compares."""

    firmware: dict[str, str] = Field(default_factory=dict)
    """Lowest version of parts by their name (see `scs-rack bmc firmware`), e.g. `BMC: 2.14`."""
    bios: dict[str, str | int | bool] = Field(default_factory=dict)
    """BIOS attributes and their values."""
    users: list[str] = Field(default_factory=list)
    """Accounts that may exist beside the one that scs-rack uses."""


class Provision(Strict):
    """How servers of a model are installed from nothing; see docs/bare-metal.md."""

    firmware: Literal["bios", "uefi"] = "uefi"
    """How their firmware boots."""
    boot: list[BootWay] = Field(default_factory=list)
    """Ways to boot the ramdisk, in the order that they are tried; [http, pxe] with UEFI and [pxe] with BIOS when not
    stated. `ipmi` is PXE by the boot flags of IPMI, whatever protocol the BMC speaks otherwise; `media` is a medium of
    ours in a virtual drive of a Redfish BMC, which takes no DHCP."""
    secure_boot: bool = False
    """Its firmware starts signed boot loaders only (Secure Boot): it boots by `media`, with Debian's shim and GRUB."""
    disk: Literal["only", "smallest"] = "only"
    """Which of several disks that fit the root disk's size and kind is written: there must be one only, or the
    smallest."""
    mirror: bool = False
    """The two disks of use `root` mirror each other (RAID 1)."""
    encrypt: Literal["none", "keyfile"] = "none"
    """`keyfile`: the root is encrypted (LUKS 2), and its key lies on the disk of use `key`. It protects a root disk
    that leaves the house alone; the server does not start without the other."""
    image: Literal["node", "minimal"] = "node"
    """`node` holds every package of every role; `minimal` only what it takes to log in."""
    esp_mib: int = Field(default=512, ge=128, le=4096)
    """Size of the EFI system partition in MiB; kernel and boot loader lie there."""
    burn_in_s: int = Field(default=0, ge=0, le=86400)
    """Seconds for each part of a burn-in (CPU, memory, empty disks, network) that a server must pass before it is
    installed the first time; 0: none."""

    @property
    def ways(self) -> tuple[BootWay, ...]:
        """Ways to boot the ramdisk, in order."""
        if self.boot:
            return tuple(self.boot)
        if self.secure_boot:
            return ("media",)
        return ("http", "pxe") if self.firmware == "uefi" else ("pxe",)


class ServerModel(Strict):
    """What all servers of one model have in common."""

    vendor: str = "generic"
    """Who made it."""
    units: int = Field(default=1, ge=1, le=10)
    """Height in rack units."""
    cpus: int = Field(gt=0)
    """CPU threads."""
    memory_gib: int = Field(gt=0)
    """Memory in GiB."""
    power_w: Watt
    """Highest draw of the whole server in watts."""
    inrush_w: Watt | None = None
    """Highest draw in the seconds after it is switched on; `power_w` when not stated."""
    settle_s: float = Field(default=5.0, ge=0, le=600)
    """Seconds from switched on until its inrush is over; the next servers of a feed may have to wait for it."""
    bmc_protocol: Literal["redfish", "ipmi"] = "redfish"
    """Protocol that its BMC speaks best."""
    bmc_quirks: list[Quirk] = Field(default_factory=list)
    """Departures of its BMC's Redfish service, on top of those that the BMC's own words tell."""
    baseline: Baseline = Baseline()
    """How its BMC and firmware should be."""
    lab: Literal["machine", "namespace", "vm"] = "machine"
    """How a lab plays it: `machine` boots the node image; `namespace` is a network namespace with FRR, lldpd and SSH,
    which is enough for trials of the fabric; `vm` is a virtual machine with firmware and empty disks."""
    provision: Provision | None = None
    """How it is installed by scs-rack; when not stated, it must run the node image already."""
    nics: dict[NicName, Nic]
    """Network ports by the interface's name in the operating system."""
    disks: dict[str, Disk]
    """Disks by a name that stays."""


class Server(Strict):
    """One server of the rack."""

    model: str
    """One of `server_models`."""
    unit: int = Field(ge=1)
    """Lowest rack unit that it fills, counted from below."""
    state: Literal["active", "spare", "removed"] = "active"
    """`spare`: cabled and known, but powered off and not in service. `removed`: the same, and its switch ports are
    shut, but for its BMC's (`scs-rack node remove` writes it, `scs-rack node rejoin` takes it back)."""
    roles: list[Role] = Field(min_length=1)
    """What it does for the cloud."""
    failure_domain: HostName | None = None
    """What fails as a whole with it, such as a rack or a fire section; Ceph then keeps each copy in another one."""
    feeds: list[str] = Field(default_factory=list)
    """Power feeds that it is plugged into; they share its draw."""
    power_w: Watt | None = None
    """Highest draw in watts; the model's when not stated."""
    serial: str | None = None
    """Serial number, as on its label."""
    bmc: Bmc = Bmc()
    """Its management controller."""
    macs: dict[NicName, Mac] = Field(default_factory=dict)
    """MAC address of each NIC that is known, by the NIC's name."""
    nics: dict[NicName, Nic] = Field(default_factory=dict)
    """Network ports of this server that its model does not have, or has otherwise."""
    disks: dict[str, Disk] = Field(default_factory=dict)
    """Disks of this server that its model does not have, or has otherwise."""
    address: ipaddress.IPv4Address | None = None
    """Address of the management NIC; from the out-of-band pool when not stated."""
    loopback4: ipaddress.IPv4Address | None = None
    """Loopback; from the pool when not stated."""
    asn: Asn | None = None
    """Autonomous system number; from the pool when not stated."""

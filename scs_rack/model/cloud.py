"""Options of the cloud, its proof, and the node image."""

import ipaddress
from typing import Literal

from pydantic import Field

from scs_rack.model.base import DomainName, Strict
from scs_rack.model.flavors import ComputeOptions, FlavorOptions
from scs_rack.model.guests import GuestOptions
from scs_rack.model.images import CloudImage
from scs_rack.model.tls import TlsOptions

OptionalService = Literal["barbican", "octavia", "swift", "horizon", "designate"]
"""A service that a cloud can do without."""


class CephOptions(Strict):
    """Storage."""

    replicas: int = Field(default=3, ge=1, le=5)
    """Copies of each object, on as many hosts."""
    pgs_per_osd: int = Field(default=100, ge=10, le=200)
    """Placement groups that each OSD should bear; a pool gets its share of them."""
    pg_num: int | None = Field(default=None, ge=1, le=65536)
    """Placement groups of each pool that holds data, in place of those that follow from the number of OSDs."""
    bluestore_cache_mib: int = Field(default=3072, ge=16)
    """BlueStore cache of each OSD in MiB."""
    recovery_share: float = Field(default=0.05, gt=0, le=1)
    """Share of all copies that may be on the move at a time when new OSDs take their data; one placement group always
    may."""


class CloudOptions(Strict):
    """The OpenStack cloud."""

    api_address4: ipaddress.IPv4Address | None = None
    """Address of the API; the last of the loopback pool when not stated."""
    api_failover: Literal["anycast", "keepalived"] = "anycast"
    """How clients find a controller: all healthy ones announce the API's address by BGP, or one holds it (VRRP)
    in the out-of-band network; `api_address4` lies there then."""
    api_vrrp_id: int | None = Field(default=None, ge=1, le=255)
    """Virtual router of keepalived in that network; the last number of the address when not stated."""
    api_name: DomainName | None = None
    """DNS name of the API, when the operator's DNS has one; the address is used otherwise."""
    tls: TlsOptions = TlsOptions()
    """Certificates that the operator brings; the rack makes its own otherwise."""
    workers: int = Field(default=2, ge=1)
    """Worker processes of each API service on each controller."""
    osd_memory_mib: int = Field(default=4096, ge=896)
    """Memory target of each OSD in MiB."""
    mariadb_buffer_mib: int = Field(default=1024, ge=16)
    """InnoDB buffer pool in MiB."""
    services: list[OptionalService] = Field(default=["barbican", "octavia", "swift", "horizon"])
    """Services beside Keystone, Glance, Placement, Nova, Neutron and Cinder; what is left out is not set up at all."""
    guests: GuestOptions = GuestOptions()
    """Networks of customers."""
    compute: ComputeOptions = ComputeOptions()
    """What hosts give their guests."""
    flavors: FlavorOptions = FlavorOptions()
    """What customers may boot."""
    images: dict[str, CloudImage] = Field(default_factory=dict)
    """Images for customers, by name."""
    cpu_allocation_ratio: float = Field(default=4.0, gt=0)
    ram_allocation_ratio: float = Field(default=1.0, gt=0)
    ceph: CephOptions = CephOptions()


class ScsSuiteOptions(Strict):
    """The official SCS suite, run as an external program."""

    checkout: str | None = None
    """Folder with a checkout of SovereignCloudStack/standards; without it the suite is 'not run'."""
    python: str | None = None
    """Python interpreter that has the suite's requirements; the one of scs-rack when not stated."""
    version: str = "v5.1"
    """Version of the scope SCS-compatible IaaS that is judged."""
    timeout_s: int = Field(default=3600, ge=60)
    """Seconds after which the suite is ended."""


class TempestOptions(Strict):
    """Tempest, run as an external program by `scs-rack check --suite tempest`."""

    python: str | None = None
    """Python interpreter of an environment that has Tempest; the one that `--install` makes when not stated."""
    workers: int = Field(default=2, ge=1, le=16)
    """Tests at a time."""
    timeout_s: int = Field(default=14400, ge=60)
    """Seconds after which it is ended."""


class ConformanceOptions(Strict):
    """How the cloud is proved."""

    scs: ScsSuiteOptions = ScsSuiteOptions()
    tempest: TempestOptions = TempestOptions()


class ImageOptions(Strict):
    """The node image."""

    mirror: str | None = None
    """Debian mirror to build from; the host's own apt source, or the builder's default, when not stated."""
    kernel: Literal["generic", "cloud"] = "generic"
    """Kernel of servers that are installed from nothing: `cloud` has drivers of virtual machines only."""
    suite: Literal["trixie"] = "trixie"

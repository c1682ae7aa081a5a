"""What one virtual BMC is told, in a JSON or YAML file that only root may read."""

import ipaddress
from pathlib import Path
from typing import Literal

import yaml
from pydantic import Field, ValidationError

from scs_rack.errors import UsageError
from scs_rack.lab.bmc.faults import Fault
from scs_rack.model.base import Mac, Strict


class DiskConfig(Strict):
    """A disk that the BMC knows of."""

    size_gb: int = Field(gt=0)
    kind: Literal["nvme", "ssd", "hdd"] = "nvme"


class BmcConfig(Strict):
    """Configuration of one virtual BMC."""

    rack: str
    rack_dir: Path
    """Folder of the rack file."""
    server: str
    """Name of the server that this BMC controls."""
    address: ipaddress.IPv4Address
    prefixlen: int = Field(default=24, ge=1, le=32)
    kind: Literal["server", "shelf"] = "server"
    """What it manages: a server, or the rack's power shelf (Redfish only)."""
    protocol: Literal["redfish", "ipmi"]
    """The protocol whose port is told when it is ready."""
    both: bool = False
    """Serve the other protocol too, as real BMCs do."""
    user: str = Field(min_length=1, max_length=16)
    password: str = Field(min_length=1, max_length=20, repr=False)
    mac: Mac
    """MAC address of the BMC's own port."""
    nics: dict[str, Mac] = Field(default_factory=dict)
    """MAC addresses of the server's own NICs, by name."""
    vendor: str = "scs-rack lab"
    model: str = "generic"
    serial: str
    cpus: int = Field(default=2, gt=0)
    memory_gib: int = Field(default=8, gt=0)
    disks: dict[str, DiskConfig] = Field(default_factory=dict)
    power_w: float = Field(default=150, gt=0)
    """Highest draw of the server in watts; a shelf's capacity."""
    psus: int = Field(default=2, ge=1, le=6)
    """Power supplies."""
    cert: Path | None = None
    """Certificate chain (PEM) of the Redfish server."""
    key: Path | None = None
    expired_cert: Path | None = None
    """Certificate for the same key that has expired, for the fault; made without a CA when not stated."""
    state_dir: Path | None = None
    """Where the boot override outlives a restart of the BMC; in memory when not stated."""
    port: int | None = Field(default=None, ge=0, le=65535)
    """Port of tests; the protocol's own when not stated."""
    other_port: int | None = Field(default=None, ge=0, le=65535)
    """Port of the other protocol with `both`; its own when not stated."""
    power: Literal["lab", "fake"] = "lab"
    """`fake` switches nothing but a variable: for tests of protocols."""
    console: Path | None = None
    """Folder of a console, for tests of Serial over LAN without a node."""
    faults: list[Fault] = Field(default_factory=list)
    """Wrong behaviour on demand; read again whenever the file changes."""
    slow_seconds: float = Field(default=3.0, ge=0)


def load_config(path: Path) -> BmcConfig:
    """Read a configuration file.

    Raises:
        UsageError: it can't be read, or says something that is not understood.
    """
    try:
        return BmcConfig.model_validate(yaml.safe_load(path.read_text()))
    except (OSError, yaml.YAMLError) as error:
        raise UsageError(f"can't read the BMC configuration {path}: {error}") from error
    except ValidationError as error:
        faults = "; ".join(f"{'.'.join(map(str, e['loc']))}: {e['msg']}" for e in error.errors(include_input=False))
        raise UsageError(f"wrong BMC configuration {path}: {faults}") from error

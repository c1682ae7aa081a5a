"""What one virtual BMC is told, in a JSON or YAML file that only root may read."""

import ipaddress
from pathlib import Path
from typing import Literal

import yaml
from pydantic import Field, ValidationError

from scs_rack.errors import UsageError
from scs_rack.model.base import Mac, Strict

Fault = Literal["silent", "lies", "slow"]
"""`silent` answers nothing, `lies` says yes to power and boot commands and does nothing, `slow` waits first."""


class BmcConfig(Strict):
    """Configuration of one virtual BMC."""

    rack: str
    rack_dir: Path
    """Folder of the rack file."""
    server: str
    """Name of the server that this BMC controls."""
    address: ipaddress.IPv4Address
    prefixlen: int = Field(default=24, ge=1, le=32)
    protocol: Literal["redfish", "ipmi"]
    user: str = Field(min_length=1, max_length=16)
    password: str = Field(min_length=1, max_length=20, repr=False)
    mac: Mac
    """MAC address of the BMC's own port."""
    nics: dict[str, Mac] = Field(default_factory=dict)
    """MAC addresses of the server's own NICs, by name."""
    model: str = "generic"
    serial: str
    cert: Path | None = None
    """Certificate chain (PEM) of the Redfish server."""
    key: Path | None = None
    state_dir: Path | None = None
    """Where the boot override outlives a restart of the BMC; in memory when not stated."""
    port: int | None = Field(default=None, ge=0, le=65535)
    """Port of tests; the protocol's own when not stated."""
    power: Literal["lab", "fake"] = "lab"
    """`fake` switches nothing but a variable: for tests of protocols."""
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


class LiveFaults:
    """The faults that a configuration file asks for at this moment."""

    def __init__(self, config: BmcConfig, path: Path | None = None) -> None:
        self._path = path
        self._stamp: tuple[int, int] | None = None
        self.slow_seconds = config.slow_seconds
        self._faults: frozenset[str] = frozenset(config.faults)

    def __contains__(self, fault: str) -> bool:
        self._refresh()
        return fault in self._faults

    def set(self, *faults: Fault) -> None:
        """Set them directly (tests without a file)."""
        self._faults = frozenset(faults)

    def _refresh(self) -> None:
        if self._path is None:
            return
        try:
            status = self._path.stat()
            stamp = (status.st_mtime_ns, status.st_size)
            if stamp == self._stamp:
                return
            config = load_config(self._path)
        except (OSError, UsageError):
            return  # being rewritten: what was in force stays in force until the file is whole again
        self._stamp = stamp
        self._faults, self.slow_seconds = frozenset(config.faults), config.slow_seconds

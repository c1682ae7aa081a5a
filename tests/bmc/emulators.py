"""Virtual BMCs in this process, on loopback ports that the kernel chooses."""

import datetime as dt
import ipaddress
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

from scs_rack.bmc import Target, TimeLimits
from scs_rack.lab.bmc.config import BmcConfig
from scs_rack.lab.bmc.machine import Machine
from scs_rack.lab.bmc.power import FakePower
from scs_rack.lab.bmc.serve import serve

LOOPBACK = ipaddress.IPv4Address("127.0.0.1")
PASSWORD = "s3cret-Passw0rd"
NICS = {"mgmt0": "02:5c:05:00:01:01", "up0": "02:5c:05:00:01:02"}
QUICK = TimeLimits(
    answer=2.0,
    repeats=(0.3, 1.0),
    login=2.5,
    slow_answer=3.0,
    patience=(0.01, 0.05),
    power=2.0,
    shutdown=2.0,
    setting=0.5,
)


@dataclass
class Emulated:
    """One virtual BMC that runs."""

    machine: Machine
    power: FakePower
    target: Target


def config(protocol: str, **changes: Any) -> BmcConfig:
    stated = {
        "rack": "test",
        "rack_dir": "/nonexistent",
        "server": "node1",
        "address": "127.0.0.1",
        "protocol": protocol,
        "user": "admin",
        "password": PASSWORD,
        "mac": "02:5c:05:00:01:00",
        "nics": NICS,
        "model": "vnode",
        "serial": "SN-0001",
        "power": "fake",
        "port": 0,
    }
    return BmcConfig.model_validate(stated | changes)


@asynccontextmanager
async def emulated(protocol: str, *, on: bool = False, delay: float = 0.0, **changes: Any) -> AsyncIterator[Emulated]:
    """Run a virtual BMC and give it with the target to call it by."""
    stated = config(protocol, **changes)
    power = FakePower(on=on, delay=delay)
    machine = Machine(stated, power)
    async with serve(machine) as port:
        yield Emulated(machine, power, target(protocol, port, name=stated.server))
        await machine.settle()


def target(protocol: Any, port: int, **changes: Any) -> Target:
    stated: dict[str, Any] = {"name": "node1", "user": "admin", "password": PASSWORD, **changes}
    return Target(protocol=protocol, address=LOOPBACK, port=port, **stated)


def certificate(folder: Path, name: str = "127.0.0.1") -> tuple[Path, Path]:
    """A self-signed certificate for 127.0.0.1; returns the files of certificate and key."""
    key = ec.generate_private_key(ec.SECP256R1())
    title = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, name)])
    now = dt.datetime.now(dt.UTC)
    made = (
        x509.CertificateBuilder()
        .subject_name(title)
        .issuer_name(title)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - dt.timedelta(hours=1))
        .not_valid_after(now + dt.timedelta(days=1))
        .add_extension(x509.SubjectAlternativeName([x509.IPAddress(LOOPBACK)]), critical=False)
        .add_extension(x509.BasicConstraints(ca=True, path_length=0), critical=True)
        .sign(key, hashes.SHA256())
    )
    cert_file, key_file = folder / f"{name}.crt", folder / f"{name}.key"
    cert_file.write_bytes(made.public_bytes(serialization.Encoding.PEM))
    key_file.write_bytes(
        key.private_bytes(serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption())
    )
    return cert_file, key_file

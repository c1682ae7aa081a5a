"""What this machine must have before a rack can be reached: secrets, SSH key, CA and certificates."""

from collections.abc import Iterable
from pathlib import Path

from scs_rack import clouds, pki, pki_acme, pki_given, ssh, vault
from scs_rack.design import Design
from scs_rack.results import Change


def prepare(rack_dir: Path, state_dir: Path, design: Design) -> dict[str, str]:
    """Make what is missing of all of them; returns the secrets by name.

    Raises:
        RackFaulty: certificates or keys that the operator gave can't be used.
        UsageError: the vault can't be opened, or the operator has to store a BMC's password first.
    """
    given = pki_given.given(rack_dir, design)
    state_dir.mkdir(mode=0o700, parents=True, exist_ok=True)
    secrets = vault.ensure(rack_dir, design)
    ssh.ensure(state_dir)
    pki.ensure(state_dir, design, given)
    if design.rack.cloud.tls.acme:
        pki_acme.account_key(state_dir)
    clouds.ensure(state_dir, design, secrets)
    return secrets


def foresee(rack_dir: Path, state_dir: Path, design: Design) -> tuple[dict[str, str], list[Change]]:
    """What `prepare` would make, and the secrets there are with placeholders for the others; writes nothing."""
    given = pki_given.given(rack_dir, design)
    stored = vault.load(rack_dir)
    missing = vault.lacking(design, stored)
    certificates = pki.lacking(state_dir, design, given)
    wanted: Iterable[tuple[bool, str]] = (
        (bool(missing), f"generate {len(missing)} secrets: {', '.join(missing)}"),
        (not ssh.files(state_dir).key.is_file(), "make the rack's SSH key"),
        (not pki.files(state_dir).ca.is_file(), "make the rack's certificate authority"),
        (bool(certificates), f"issue {len(certificates)} certificates: {', '.join(certificates)}"),
    )
    changes = [Change("prepare", "manager", summary) for needed, summary in wanted if needed]
    return vault.placeholders(design, stored) | stored, changes

"""What this machine must have before a rack can be reached: secrets, SSH key, CA and the API's certificate."""

from pathlib import Path

from scs_rack import pki, ssh, vault
from scs_rack.design import Design


def prepare(rack_dir: Path, state_dir: Path, design: Design) -> dict[str, str]:
    """Make what is missing of all of them; returns the secrets by name.

    Raises:
        UsageError: the vault can't be opened, or the operator has to store a BMC's password first.
    """
    state_dir.mkdir(mode=0o700, parents=True, exist_ok=True)
    secrets = vault.ensure(rack_dir, design)
    ssh.ensure(state_dir)
    pki.ensure(state_dir, design)
    return secrets

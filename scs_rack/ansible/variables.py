"""The inventory as Ansible gets it: what the Design says, and what only this machine knows (secrets, keys, paths)."""

import os
from pathlib import Path
from typing import Any

from scs_rack import pki, pki_acme, vault
from scs_rack.design import make_design
from scs_rack.design.inventory import inventory
from scs_rack.engine import settled
from scs_rack.errors import UsageError
from scs_rack.model.load import load_rack
from scs_rack.paths import guest_accel
from scs_rack.paths import state_dir as state_of
from scs_rack.provision.guest import guest_image
from scs_rack.ssh import common_args, files


def full_inventory(rack_file: Path) -> tuple[dict[str, Any], list[str]]:
    """The inventory of a rack file with secrets and paths, and warnings for people.

    Secrets are left out, with a warning, when there are none yet or the vault can't be opened.
    """
    design = make_design(load_rack(rack_file))
    state_dir = state_of(design.rack.name)
    content = inventory(design)
    certificates = pki.files(state_dir)
    shared: dict[str, Any] = {
        "pki": {
            "ca_file": str(certificates.ca),
            "api_cert_file": str(certificates.api_cert),
            "api_key_file": str(certificates.api_key),
            "api_roots_file": str(certificates.roots) if certificates.roots.is_file() else "",
            "acme_thumbprint": pki_acme.thumbprint(state_dir) if design.rack.cloud.tls.acme else "",
        },
        "paths": {
            "rack_dir": str(rack_file.parent),
            "state_dir": str(state_dir),
            "guest_image": str(guest_image().path),
        },
        "ansible_ssh_private_key_file": str(files(state_dir).key),
        "ansible_ssh_common_args": common_args(state_dir),
    }
    if design.rack.lab:
        shared["guest_accel"] = guest_accel(state_dir)
    if "ANSIBLE_SSH_CONTROL_PATH_DIR" not in os.environ:
        # Ansible's own default is one folder for all racks: nodes of two labs have the same addresses, and a
        # connection that one rack left open would lead a playbook of the other to the wrong nodes
        shared["ansible_control_path_dir"] = str(state_dir / "ssh/cp")
    warnings = []
    secrets: dict[str, str] = {}
    try:
        secrets = vault.load(rack_file.parent)
        if os.environ.get(vault.PLANNING):
            secrets |= vault.placeholders(design, secrets)
        if not secrets:
            warnings.append(f"no secrets yet: `scs-rack secrets create -r {rack_file.parent}` generates them")
    except UsageError as error:
        warnings.append(f"variable `secrets` is not defined: {error.message} ({error.hint})")
    if secrets:
        shared["secrets"] = secrets
    content["all"]["vars"] |= shared
    guarded = settled.guarded(state_dir)
    for name in design.in_service:
        content["_meta"]["hostvars"][name]["settled"] = name in guarded
        cert, key = pki.node_files(state_dir, name)
        own = {"node_cert_file": str(cert), "node_key_file": str(key)}
        content["_meta"]["hostvars"][name]["pki"] = shared["pki"] | own
    return content, warnings

#!/usr/bin/python
"""Give libvirt the Ceph key that guests' disks are opened with."""

from __future__ import annotations

DOCUMENTATION = r"""
module: libvirt_secret
short_description: Give libvirt the Ceph key that guests' disks are opened with
description:
  - Reads the key from a keyring on the host itself and compares it with the secret that libvirt holds.
    The key is never on a command line, in a file of its own, or in Ansible's output.
  - Needs libvirt's Python bindings on the host, which Nova needs too.
  - In check mode on a host where libvirt or the keyring is not there yet, the secret counts as a change.
author: the scs-rack founders
options:
  uuid: {description: UUID of the secret., type: str, required: true}
  usage: {description: Its name in libvirt., type: str, required: true}
  keyring: {description: Keyring file of Ceph., type: path, required: true}
  entity: {description: Whose key to take from the keyring., type: str, required: true}
attributes:
  check_mode: {support: full, description: Says what would change.}
"""

EXAMPLES = r"""
- name: Give libvirt the key of guests' disks
  scs.rack.libvirt_secret:
    uuid: 5f5b5a3c-7a0c-4a38-9a3e-3f2f43b1f7e1
    usage: client.cinder secret
    keyring: /etc/ceph/ceph.client.cinder.keyring
    entity: client.cinder
"""

RETURN = r""" # """

import base64
import configparser
from pathlib import Path
from typing import Any
from xml.sax.saxutils import escape

from ansible.module_utils.basic import AnsibleModule

try:
    import libvirt
except ImportError:
    libvirt = None

URI = "qemu:///system"


class Failed(Exception):
    """The secret could not be set; says why."""


def key_of(text: str, entity: str) -> bytes:
    """The key of an entity in a keyring of Ceph (an ini file with indented settings).

    Raises:
        Failed: the keyring has no key for it.
    """
    parser = configparser.ConfigParser(interpolation=None)
    parser.read_string("\n".join(line.strip() for line in text.splitlines()))
    try:
        return base64.b64decode(parser[entity]["key"], validate=True)
    except (KeyError, ValueError) as error:
        raise Failed(f"the keyring has no key for {entity}") from error


def definition(uuid: str, usage: str) -> str:
    """XML of the secret (libvirt.org/formatsecret.html)."""
    return (
        f"<secret ephemeral='no' private='no'><uuid>{escape(uuid)}</uuid>"
        f"<usage type='ceph'><name>{escape(usage)}</name></usage></secret>"
    )


def find(connection: Any, uuid: str) -> Any:
    """The secret, or None."""
    try:
        return connection.secretLookupByUUIDString(uuid)
    except libvirt.libvirtError as error:
        if error.get_error_code() == libvirt.VIR_ERR_NO_SECRET:
            return None
        raise


def value_of(secret: Any) -> bytes | None:
    """What a secret holds, or None if it was never given a value."""
    try:
        return bytes(secret.value())
    except libvirt.libvirtError as error:
        if error.get_error_code() == libvirt.VIR_ERR_NO_SECRET:
            return None
        raise


def ensure(connection: Any, uuid: str, usage: str, key: bytes, *, check: bool) -> bool:
    """Define the secret and set its value; True if either was not so already."""
    secret = find(connection, uuid)
    if secret is not None and secret.usageID() == usage and value_of(secret) == key:
        return False
    if not check:
        if secret is not None and secret.usageID() != usage:
            secret.undefine()
        connection.secretDefineXML(definition(uuid, usage)).setValue(key)
    return True


def main() -> None:
    """Entry point."""
    module = AnsibleModule(
        argument_spec={
            "uuid": {"type": "str", "required": True},
            "usage": {"type": "str", "required": True},
            "keyring": {"type": "path", "required": True},
            "entity": {"type": "str", "required": True},
        },
        supports_check_mode=True,
    )
    if libvirt is None:
        module.fail_json(msg="libvirt's Python bindings are missing (Debian: python3-libvirt)")
    wanted = module.params
    keyring = Path(wanted["keyring"])
    if module.check_mode and not keyring.exists():
        module.exit_json(changed=True)
    libvirt.registerErrorHandler(lambda _context, _error: None, None)  # else it prints errors by itself
    try:
        key = key_of(keyring.read_text(encoding="ascii"), wanted["entity"])
        connection = libvirt.open(URI)
        changed = ensure(connection, wanted["uuid"], wanted["usage"], key, check=module.check_mode)
        connection.close()
    except libvirt.libvirtError as error:
        if module.check_mode and error.get_error_code() == libvirt.VIR_ERR_SYSTEM_ERROR:
            module.exit_json(changed=True)  # libvirt does not run yet
        module.fail_json(msg=f"libvirt: {error}")
    except (Failed, OSError) as error:
        module.fail_json(msg=f"{keyring}: {error}")
    module.exit_json(changed=changed)


if __name__ == "__main__":
    main()

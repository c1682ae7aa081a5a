"""What a switch is told to do by SONiC's zero touch provisioning (sonic-ztp, doc/sonic-ztp.md).

Sections run in the order of their names. The login comes before the configuration, since that gives up the address
that DHCP gave. An image is installed first: the switch starts anew with it, and ZTP goes on where it was.
"""

import json
import shlex
from typing import Any

from scs_rack.sonic.first_contact.contacts import Contact, Service

_LOGIN = """#!/bin/sh
# Lets scs-rack in by its SSH key, and tells it the host key to pin.
set -eu
home=$(getent passwd admin | cut -d: -f6)
keys=$home/.ssh/authorized_keys
key={key}
mkdir -p "$home/.ssh"
touch "$keys"
grep -qxF -- "$key" "$keys" || printf '%s\\n' "$key" >> "$keys"
chmod 700 "$home/.ssh"
chmod 600 "$keys"
chown -R admin: "$home/.ssh"
curl --silent --show-error --fail --max-time 30 --output /dev/null \\
  --data-binary @/etc/ssh/ssh_host_ed25519_key.pub {url}
"""


def ztp_json(service: Service, contact: Contact, *, image: bool, host: bool = False) -> str:
    """The ztp.json of a switch; with an image it is installed where another one runs.

    Args:
        service: where the switch gets its files.
        contact: the switch.
        image: there is an image to install.
        host: there is a script for what CONFIG_DB has no table for (accounts).
    """
    ztp: dict[str, Any] = {
        "02-login": {"plugin": {"url": {"source": service.url(contact, "login.sh")}}},
        "03-configdb-json": {"url": {"source": service.url(contact, "config_db.json")}, "save-config": True},
    }
    if host:
        ztp["02-host"] = {"plugin": {"url": {"source": service.url(contact, "host.sh")}}}
    if image:
        ztp["01-firmware"] = {"install": {"url": service.url(contact, "image"), "set-default": True}}
    return json.dumps({"ztp": dict(sorted(ztp.items()))}, indent=2) + "\n"


def login_script(service: Service, contact: Contact, public_key: str) -> str:
    """The plugin that lets us in; a public key is all that it holds of us."""
    return _LOGIN.format(key=shlex.quote(public_key.strip()), url=shlex.quote(service.url(contact, "hello")))

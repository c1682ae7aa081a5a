"""What a switch needs outside of CONFIG_DB: accounts with their public keys, and no default SNMP community.

No release from 202411 on has a table for the keys of users, so they are set by a script: ZTP runs it at first contact,
and it runs over SSH later, as often as one likes. It prints a line for each thing that it changes, and nothing when all
is as it shall be; called with the word `check` it prints these lines and changes nothing. Accounts it made once and
that are gone from the rack file are removed; all others are left alone. Accounts lie outside of /etc/sonic, so they
don't survive the installation of another image: run it again after that.
"""

import shlex
from collections.abc import Mapping
from dataclasses import dataclass

from scs_rack.design import Design, SwitchDesign

MADE = "/etc/sonic/scs-rack-accounts"
"""File on the switch with the names of accounts that scs-rack made, one a line."""
GROUPS = {"admin": "sudo,docker,redis,adm", "operator": "users"}
"""Groups by role; those that an image does not have are left out."""


@dataclass(frozen=True)
class Account:
    """Someone who may log in by key."""

    name: str
    role: str
    keys: tuple[str, ...]


def accounts(switch: SwitchDesign) -> tuple[Account, ...] | None:
    """Accounts that the rack file states for a switch; None where it states nothing about them."""
    users = switch.options.users
    if users is None:
        return None
    return tuple(Account(name, user.role, tuple(user.keys)) for name, user in users.items())


_HEAD = """#!/bin/sh
# What CONFIG_DB has no table for on {switch}. Made by scs-rack; run as root, any number of times.
# With the word `check` it says what it would change, and changes nothing.
set -eu
umask 077
check=${{1:-}}
act() {{ [ "$check" = check ] || "$@"; }}
"""

_ACCOUNTS = """
made={made}
now=$(mktemp)
trap 'rm -f "$now"' EXIT

remember() {{ grep -qsx "$1" "$made" || echo "$1" >> "$made"; }}

set_keys() {{  # NAME HOME
  install -d -m 700 -o "$1" -g "$(id -gn "$1")" "$2/.ssh"
  install -m 600 -o "$1" -g "$(id -gn "$1")" "$now" "$2/.ssh/authorized_keys.new"
  mv "$2/.ssh/authorized_keys.new" "$2/.ssh/authorized_keys"
}}

account() {{  # NAME GROUPS SHELL; public keys from standard input
  if ! getent passwd "$1" > /dev/null; then
    act useradd --create-home --shell "$3" "$1"
    echo "made account $1"
    act remember "$1"
    if [ "$check" = check ]; then cat > /dev/null; return; fi
  fi
  for group in $(echo "$2" | tr , ' '); do
    if getent group "$group" > /dev/null && ! id -nG "$1" | tr ' ' '\\n' | grep -qx "$group"; then
      act usermod --append --groups "$group" "$1"
      echo "put $1 into group $group"
    fi
  done
  if [ "$2" != "{admin}" ] && id -nG "$1" | tr ' ' '\\n' | grep -qxE 'sudo|docker|redis'; then
    for group in sudo docker redis; do
      if id -nG "$1" | tr ' ' '\\n' | grep -qx "$group"; then act gpasswd --delete "$1" "$group" > /dev/null; fi
    done
    echo "took $1 out of the groups of admins"
  fi
  home=$(getent passwd "$1" | cut -d: -f6)
  cat > "$now"
  if ! cmp -s "$now" "$home/.ssh/authorized_keys"; then
    act set_keys "$1" "$home"
    echo "set keys of $1"
  fi
}}
"""

_GONE = """
remove() {{ userdel --remove "$1" 2> /dev/null || userdel "$1"; }}

for name in $(cat "$made" 2> /dev/null); do
  case " {kept} " in
    *" $name "*) ;;
    *)
      if getent passwd "$name" > /dev/null; then
        act remove "$name"
        echo "removed account $name"
      fi
      act sed -i "/^$name\\$/d" "$made"
      ;;
  esac
done
"""

_SNMP = """
# The image's default community would come back at each start of the SNMP container.
file=/etc/sonic/snmp.yml
drop_communities() {
  awk '/^ *snmp_r[ow]communit(y|ies)/ {drop = 1; next} drop && /^ *-/ {next} {drop = 0; print}' "$file" > "$file.new"
  chmod 644 "$file.new"
  mv "$file.new" "$file"
}
if [ -e "$file" ] && grep -Eq '^ *snmp_(ro|rw)communit(y|ies)' "$file"; then
  act drop_communities
  echo "removed communities from $file"
fi
"""


def _accounts(wanted: tuple[Account, ...]) -> str:
    text = _ACCOUNTS.format(made=MADE, admin=GROUPS["admin"])
    for one in wanted:
        keys = "\n".join(one.keys)
        text += f"\naccount {shlex.quote(one.name)} {GROUPS[one.role]} /bin/bash <<'KEYS'\n{keys}\nKEYS\n"
    return text + _GONE.format(kept=" ".join(one.name for one in wanted))


def host_script(design: Design, switch_name: str) -> str | None:
    """Shell script that sets what CONFIG_DB has no table for; None where the rack file states nothing of it.

    It holds no secret. Run it as root, at first contact by ZTP or over SSH; exit code 0 means that all is as stated.
    """
    switch = design.switches[switch_name]
    wanted = accounts(switch)
    parts = [
        *([_accounts(wanted)] if wanted is not None else []),
        *([_SNMP] if switch.options.snmp is not None else []),
    ]
    return _HEAD.format(switch=switch_name) + "".join(parts) if parts else None


def files(design: Design, switch_name: str) -> Mapping[str, str]:
    """Files of a switch beside its CONFIG_DB, by name: `frr.conf` and `host.sh`, where it needs them."""
    from scs_rack.sonic.generate import frr_file

    found = {"frr.conf": frr_file(design, switch_name), "host.sh": host_script(design, switch_name)}
    return {name: text for name, text in found.items() if text is not None}

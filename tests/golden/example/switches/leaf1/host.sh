#!/bin/sh
# What CONFIG_DB has no table for on leaf1. Made by scs-rack; run as root, any number of times.
# With the word `check` it says what it would change, and changes nothing.
set -eu
umask 077
check=${1:-}
act() { [ "$check" = check ] || "$@"; }

made=/etc/sonic/scs-rack-accounts
now=$(mktemp)
trap 'rm -f "$now"' EXIT

remember() { grep -qsx "$1" "$made" || echo "$1" >> "$made"; }

set_keys() {  # NAME HOME
  install -d -m 700 -o "$1" -g "$(id -gn "$1")" "$2/.ssh"
  install -m 600 -o "$1" -g "$(id -gn "$1")" "$now" "$2/.ssh/authorized_keys.new"
  mv "$2/.ssh/authorized_keys.new" "$2/.ssh/authorized_keys"
}

account() {  # NAME GROUPS SHELL; public keys from standard input
  if ! getent passwd "$1" > /dev/null; then
    act useradd --create-home --shell "$3" "$1"
    echo "made account $1"
    act remember "$1"
    if [ "$check" = check ]; then cat > /dev/null; return; fi
  fi
  for group in $(echo "$2" | tr , ' '); do
    if getent group "$group" > /dev/null && ! id -nG "$1" | tr ' ' '\n' | grep -qx "$group"; then
      act usermod --append --groups "$group" "$1"
      echo "put $1 into group $group"
    fi
  done
  if [ "$2" != "sudo,docker,redis,adm" ] && id -nG "$1" | tr ' ' '\n' | grep -qxE 'sudo|docker|redis'; then
    for group in sudo docker redis; do
      if id -nG "$1" | tr ' ' '\n' | grep -qx "$group"; then act gpasswd --delete "$1" "$group" > /dev/null; fi
    done
    echo "took $1 out of the groups of admins"
  fi
  home=$(getent passwd "$1" | cut -d: -f6)
  cat > "$now"
  if ! cmp -s "$now" "$home/.ssh/authorized_keys"; then
    act set_keys "$1" "$home"
    echo "set keys of $1"
  fi
}

account anna sudo,docker,redis,adm /bin/bash <<'KEYS'
ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIFexampleexampleexampleexampleexampleexample anna@example.org
KEYS

remove() { userdel --remove "$1" 2> /dev/null || userdel "$1"; }

for name in $(cat "$made" 2> /dev/null); do
  case " anna " in
    *" $name "*) ;;
    *)
      if getent passwd "$name" > /dev/null; then
        act remove "$name"
        echo "removed account $name"
      fi
      act sed -i "/^$name\$/d" "$made"
      ;;
  esac
done

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

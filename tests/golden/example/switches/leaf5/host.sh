#!/bin/sh
# What CONFIG_DB has no table for on leaf5. Made by scs-rack; run as root, any number of times.
set -eu
umask 077

made=/etc/sonic/scs-rack-accounts
touch "$made"
now=$(mktemp)
trap 'rm -f "$now"' EXIT

account() {  # NAME GROUPS SHELL; public keys from standard input
  if ! getent passwd "$1" > /dev/null; then
    useradd --create-home --shell "$3" "$1"
    echo "made account $1"
    grep -qx "$1" "$made" || echo "$1" >> "$made"
  fi
  for group in $(echo "$2" | tr , ' '); do
    if getent group "$group" > /dev/null && ! id -nG "$1" | tr ' ' '\n' | grep -qx "$group"; then
      usermod --append --groups "$group" "$1"
      echo "put $1 into group $group"
    fi
  done
  if [ "$2" != "sudo,docker,redis,adm" ] && id -nG "$1" | tr ' ' '\n' | grep -qxE 'sudo|docker|redis'; then
    for group in sudo docker redis; do
      if id -nG "$1" | tr ' ' '\n' | grep -qx "$group"; then gpasswd --delete "$1" "$group" > /dev/null; fi
    done
    echo "took $1 out of the groups of admins"
  fi
  home=$(getent passwd "$1" | cut -d: -f6)
  cat > "$now"
  if ! cmp -s "$now" "$home/.ssh/authorized_keys"; then
    install -d -m 700 -o "$1" -g "$(id -gn "$1")" "$home/.ssh"
    install -m 600 -o "$1" -g "$(id -gn "$1")" "$now" "$home/.ssh/authorized_keys.new"
    mv "$home/.ssh/authorized_keys.new" "$home/.ssh/authorized_keys"
    echo "set keys of $1"
  fi
}

account anna sudo,docker,redis,adm /bin/bash <<'KEYS'
ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIFexampleexampleexampleexampleexampleexample anna@example.org
KEYS

for name in $(cat "$made"); do
  case " anna " in
    *" $name "*) ;;
    *)
      if getent passwd "$name" > /dev/null; then
        userdel --remove "$name" 2> /dev/null || userdel "$name"
        echo "removed account $name"
      fi
      sed -i "/^$name\$/d" "$made"
      ;;
  esac
done

# The image's default community would come back at each start of the SNMP container.
file=/etc/sonic/snmp.yml
if [ -e "$file" ] && grep -Eq '^ *snmp_(ro|rw)communit(y|ies)' "$file"; then
  awk '/^ *snmp_r[ow]communit(y|ies)/ {drop = 1; next} drop && /^ *-/ {next} {drop = 0; print}' "$file" > "$file.new"
  chmod 644 "$file.new"
  mv "$file.new" "$file"
  echo "removed communities from $file"
fi

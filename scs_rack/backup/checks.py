"""Programs that try a part of a backup on a machine that has its tools, and print what is in it.

Each works in a folder of its own, reads the part from standard input, listens on no network, and leaves nothing.
"""

import importlib.resources

_BEGIN = r"""
set -euo pipefail
renice --priority 15 $$ >/dev/null
cd "$(mktemp -d /var/tmp/scs-rack-scratch-XXXXXX)"; trap 'kill $(jobs -p) 2>/dev/null || :; rm -rf "$PWD"' EXIT
umask 077
tar --extract --gzip --no-same-owner
"""
OVN = (
    _BEGIN
    + r"""
for one in ovnnb_db:OVN_Northbound ovnsb_db:OVN_Southbound; do
  name=$(ovsdb-tool db-name "${one%:*}.db")
  [ "$name" = "${one#*:}" ] || { echo "${one%:*}.db holds $name" >&2; exit 1; }
done
ovsdb-server --no-chdir -vconsole:off -vsyslog:off -vfile:off --remote="punix:$PWD/s" --unixctl="$PWD/ctl" \
  ovnnb_db.db ovnsb_db.db </dev/null >/dev/null 2>&1 &
for _ in $(seq 100); do [ -S s ] && break; sleep 0.1; done
count() {
  question='["%s",{"op":"select","table":"%s","where":[],"columns":["_uuid"]}]'
  ovsdb-client --timeout=30 transact "unix:$PWD/s" "$(printf "$question" "$1" "$2")" |
    python3 -c 'import json, sys; print(len(json.load(sys.stdin)[0]["rows"]))'
}
switches=$(count OVN_Northbound Logical_Switch)
ports=$(count OVN_Northbound Logical_Switch_Port)
chassis=$(count OVN_Southbound Chassis)
[ -n "$switches" ] && [ -n "$ports" ] && [ -n "$chassis" ]
echo "{\"logical switches\": $switches, \"ports\": $ports, \"chassis\": $chassis}"
"""
)
"""A server of ovsdb is started with both databases, and asked."""
CEPH = (
    _BEGIN
    + r"""
for one in auth.keyring mon.keyring; do ceph-authtool --list "$one" >/dev/null; done
grep -q '^\[client.admin\]' auth.keyring || { echo "auth.keyring lacks client.admin" >&2; exit 1; }
mons=$(monmaptool --print monmap | grep -c ' mon\.')
osdmaptool --print osdmap >/dev/null 2>&1
python3 - "$mons" <<'X'
import json, re, sys
for name in ("config", "config-key", "osd"):
    json.load(open(f"{name}.json"))
keys = len(re.findall(r"^\[", open("auth.keyring").read(), re.M))
print(json.dumps({"monitors": int(sys.argv[1]), "keys": keys, "OSDs": len(json.load(open("osd.json"))["osds"])}))
X
"""
)
"""Keyrings and maps are read by Ceph's own tools."""
MON = (
    _BEGIN
    + r"""
ceph-mon --no-mon-config --name mon.scratch --mon-data "$PWD" --extract-monmap /dev/stdout 2>/dev/null > map.out
monmaptool --print map.out > map.txt
echo "{\"monitors\": $(grep -c ' mon\.' map.txt)}"
"""
)
"""The monitor's own program opens the store and takes the map of monitors out of it."""


def database() -> str:
    """The Python program that loads a dump into a server made for it."""
    return importlib.resources.files("scs_rack.backup").joinpath("scratch_database.py").read_text(encoding="utf-8")


def argv(part: str) -> list[str]:
    """The command that tries a part of this name."""
    if part == "databases":
        return ["python3", "-c", database()]
    return ["bash", "-c", {"ovn": OVN, "ceph": CEPH, "ceph-mon": MON}[part]]

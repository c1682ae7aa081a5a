"""Where each part of a backup comes from: a program that runs on a node and prints the part."""

from collections.abc import Callable
from dataclasses import dataclass

from scs_rack.design import Design

DATABASES = r"""
set -euo pipefail
ask() { mariadb --protocol=socket --batch --skip-column-names --execute "$1"; }
state=$(ask "SHOW STATUS LIKE 'wsrep_local_state_comment'" | cut -f2)
case $state in Synced|"") ;; *) echo "MariaDB is $state, not Synced" >&2; exit 1 ;; esac
names=$(ask "SELECT SCHEMA_NAME FROM information_schema.SCHEMATA
  WHERE SCHEMA_NAME NOT IN ('mysql', 'sys', 'information_schema', 'performance_schema') ORDER BY 1")
[ -n "$names" ] || { echo "MariaDB holds no database of the cloud" >&2; exit 1; }
nice -n 10 mariadb-dump --protocol=socket --single-transaction --quick --routines --events --triggers --hex-blob \
  --default-character-set=utf8mb4 --max-allowed-packet=64M --add-drop-database --databases $names | nice -n 10 gzip -1
"""
"""All databases of services as of one moment (InnoDB's snapshot), without holding anybody up. Accounts of MariaDB are
not among them: `scs-rack up` makes them from the vault."""
OVN = r"""
set -euo pipefail
cd "$(mktemp -d)"; trap 'rm -rf "$PWD"' EXIT
for one in ovnnb_db:OVN_Northbound ovnsb_db:OVN_Southbound; do
  ovsdb-client --no-leader-only --timeout=60 backup "unix:/run/ovn/${one%:*}.sock" "${one#*:}" > "${one%:*}.db"
done
tar --create --gzip --numeric-owner ovnnb_db.db ovnsb_db.db
"""
"""ovsdb-client(1), `backup`: a snapshot as a standalone database, also of a clustered one."""
CEPH = r"""
set -euo pipefail
cd "$(mktemp -d)"; trap 'rm -rf "$PWD"' EXIT
umask 077
ask() { timeout 60 ceph --connect-timeout 15 "$@"; }
ask auth export --out-file auth.keyring >/dev/null 2>&1
ask auth get mon. --out-file mon.keyring >/dev/null 2>&1
ask mon getmap --out-file monmap >/dev/null 2>&1
ask osd getmap --out-file osdmap >/dev/null 2>&1
ask osd getcrushmap --out-file crushmap >/dev/null 2>&1
ask config dump --format json > config.json
ask config-key dump --format json > config-key.json
ask osd dump --format json > osd.json
cp /etc/ceph/ceph.conf .
for one in auth.keyring mon.keyring monmap osdmap crushmap config.json config-key.json osd.json; do
  [ -s "$one" ] || { echo "Ceph gave no $one" >&2; exit 1; }
done
tar --create --gzip --numeric-owner *
"""
MON = r"""
set -euo pipefail
name=$1
unit=ceph-mon@$name
quorum=$(timeout 30 ceph --connect-timeout 15 quorum_status --format json)
python3 - "$name" "$quorum" >&2 <<'X'
import json, sys
name, said = sys.argv[1], json.loads(sys.argv[2])
names, total = said["quorum_names"], len(said["monmap"]["mons"])
if len(names) < total or total < 3:
    sys.exit(f"{len(names)} of {total} monitors in the quorum: none can be spared for a moment")
if said["quorum_leader_name"] == name:
    sys.exit(f"{name} leads the quorum")
X
# whatever becomes of us, the monitor comes back
systemd-run --quiet --collect --unit "scs-rack-mon-back-$$" --on-active=300 systemctl start "$unit"
trap 'systemctl start "$unit"; systemctl stop "scs-rack-mon-back-$$.timer" 2>/dev/null || :' EXIT
systemctl stop "$unit"
tar --create --gzip --numeric-owner --directory "/var/lib/ceph/mon/ceph-$name" .
"""
"""The store of one monitor of three, which stands still meanwhile: RocksDB can't be copied while it is written."""


@dataclass(frozen=True)
class Source:
    """A part that a node gives."""

    name: str
    words: str
    hosts: Callable[[Design], tuple[str, ...]]
    """Whom to ask, best first; the next one when one can't be asked."""
    program: str
    named: bool = False
    """True: the program is given the node's name."""

    def argv(self, host: str) -> list[str]:
        """The command that runs it on a node."""
        return ["bash", "-c", self.program, "scs-rack-backup", *([host] if self.named else [])]


def _controllers(design: Design) -> tuple[str, ...]:
    return tuple(reversed(design.groups["controller"]))  # the first one is written to


def _mons(design: Design) -> tuple[str, ...]:
    return tuple(reversed(design.groups["ceph_mon"]))


SOURCES = (
    Source("databases", "databases of all services", _controllers, DATABASES),
    Source("ovn", "OVN's databases", _controllers, OVN),
    Source("ceph", "keys, maps and settings of Ceph", _mons, CEPH),
    Source("ceph-mon", "the store of one of Ceph's monitors", _mons, MON, named=True),
)
MANAGER = "manager"
SWITCHES = "switches"
PARTS = (MANAGER, *(one.name for one in SOURCES), SWITCHES)
WORDS = {
    MANAGER: "rack file, vault, certificates, SSH key, runs",
    SWITCHES: "configurations of all switches",
    **{one.name: one.words for one in SOURCES},
}

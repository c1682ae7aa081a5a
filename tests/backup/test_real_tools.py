"""Programs of a backup with the tools that they call, in a throw-away copy of the node image."""

import json
import shlex

import pytest

from scs_rack.backup import checks, monitors, restore, sources


def bash(program, *words):
    return shlex.join(["bash", "-c", program, "x", *words])


MARIADB = """
set -euo pipefail
mkdir -p /run/mysqld; chown mysql /run/mysqld; rm -rf /var/lib/mysql; mkdir /var/lib/mysql; chown mysql /var/lib/mysql
mariadb-install-db --no-defaults --datadir=/var/lib/mysql --user=mysql --skip-test-db >/dev/null
serve() { mariadbd --no-defaults --datadir=/var/lib/mysql --user=mysql --socket=/run/mysqld/mysqld.sock \
  --skip-networking --innodb-buffer-pool-size=32M >/dev/null 2>&1 & }
serve
for _ in $(seq 300); do mariadb-admin ping >/dev/null 2>&1 && break; sleep 0.1; done
mariadb -e "CREATE DATABASE nova; CREATE TABLE nova.cells (id INT PRIMARY KEY, name VARCHAR(20) CHARACTER SET utf8mb4);
  INSERT INTO nova.cells VALUES (1, 'Zürich'), (2, 'x\\'y'); CREATE VIEW nova.v AS SELECT name FROM nova.cells;
  CREATE DATABASE keystone; CREATE TABLE keystone.user (id INT PRIMARY KEY, blob_ BLOB);
  INSERT INTO keystone.user VALUES (1, 0x00ff27)"
"""


@pytest.mark.root
def test_databases_are_dumped_loaded_elsewhere_and_brought_back(node):
    dump, load, scratch = bash(sources.DATABASES), bash(restore.LOAD), shlex.join(["python3", "-c", checks.database()])
    said = node(
        f"""{MARIADB}
{dump} > /tmp/dump
{scratch} < /tmp/dump
mariadb -e "DROP DATABASE nova; DELETE FROM keystone.user; CREATE TABLE keystone.later (id INT)"
{load} < /tmp/dump
mariadb -BNe "SELECT name FROM nova.v; SELECT hex(blob_) FROM keystone.user; SHOW TABLES FROM keystone"
ls /var/tmp
head -c 300 /tmp/dump | {scratch} && echo CUT_WAS_TAKEN || true
"""
    ).stdout.splitlines()
    assert json.loads(said[0]) == {"databases": {"keystone": 1, "nova": 1}}
    assert json.loads(said[1]) == {"keystone": 1, "nova": 1}
    assert said[2:] == ["Zürich", "x'y", "00FF27", "user"]


OVN = """
set -euo pipefail
mkdir -p /run/ovn /var/lib/ovn; cd /var/lib/ovn
ovsdb-tool create-cluster ovnnb_db.db /usr/share/ovn/ovn-nb.ovsschema unix:/run/ovn/nb.raft
ovsdb-tool create-cluster ovnsb_db.db /usr/share/ovn/ovn-sb.ovsschema unix:/run/ovn/sb.raft
for one in nb sb; do
  ovsdb-server --no-chdir -vconsole:off --remote=punix:/run/ovn/ovn${one}_db.sock --unixctl=/run/ovn/$one.ctl \
    ovn${one}_db.db </dev/null >/dev/null 2>&1 &
done
for _ in $(seq 100); do [ -S /run/ovn/ovnnb_db.sock ] && [ -S /run/ovn/ovnsb_db.sock ] && break; sleep 0.1; done
export OVN_NB_DB=unix:/run/ovn/ovnnb_db.sock
ovn-nbctl --timeout=30 ls-add one -- lsp-add one port
"""


@pytest.mark.root
def test_ovn_is_backed_up_from_a_cluster_tried_and_brought_back(node):
    said = node(
        f"""{OVN}
{bash(sources.OVN)} > /tmp/ovn
{bash(checks.OVN)} < /tmp/ovn
ovn-nbctl --timeout=30 ls-del one -- ls-add two
{bash(restore.OVN)} < /tmp/ovn
ovn-nbctl --timeout=30 --bare --columns=name list Logical_Switch
echo bad | {bash(checks.OVN)} 2>/dev/null && echo BAD_WAS_TAKEN || true
"""
    ).stdout.splitlines()
    assert json.loads(said[0]) == {"logical switches": 1, "ports": 1, "chassis": 0}
    assert said[1:] == ["done", "one"]


CEPH = """
set -euo pipefail
ip link set lo up
F=6f2f1f3e-5a3c-4f0e-9d7e-2b7f4f3d1c11
printf '[global]\\nfsid = %s\\nmon host = 127.0.0.1:3300\\n' $F > /etc/ceph/ceph.conf
ceph-authtool --create-keyring /tmp/k --gen-key -n mon. --cap mon 'allow *' >/dev/null
ADMIN=/etc/ceph/ceph.client.admin.keyring
ceph-authtool --create-keyring $ADMIN --gen-key -n client.admin --cap mon 'allow *' >/dev/null
ceph-authtool /tmp/k --import-keyring $ADMIN >/dev/null
monmaptool --create --addv node1 [v2:127.0.0.1:3300] --fsid $F /tmp/monmap >/dev/null
mkdir -p /var/lib/ceph/mon/ceph-node1
ceph-mon --mkfs -i node1 --monmap /tmp/monmap --keyring /tmp/k >/dev/null 2>&1
ceph-mon -i node1 >/dev/null 2>&1
for _ in $(seq 60); do timeout 5 ceph --connect-timeout 3 status >/dev/null 2>&1 && break; sleep 0.5; done
ceph auth get-or-create client.glance mon 'profile rbd' >/dev/null
"""


@pytest.mark.root
def test_keys_and_maps_of_a_real_monitor_are_taken_tried_and_brought_back(node):
    said = node(
        f"""{CEPH}
before=$(ceph auth get-key client.glance)
{bash(sources.CEPH)} > /tmp/ceph
{bash(checks.CEPH)} < /tmp/ceph
ceph auth del client.glance >/dev/null 2>&1
{bash(restore.KEYS)} < /tmp/ceph
[ "$(ceph auth get-key client.glance)" = "$before" ] && echo same
{bash(sources.MON, "node1")} > /tmp/mon || echo spared
kill $(pidof ceph-mon); while pidof ceph-mon >/dev/null; do sleep 0.1; done
tar --create --gzip --directory /var/lib/ceph/mon/ceph-node1 . > /tmp/mon
{bash(checks.MON)} < /tmp/mon
"""
    ).stdout.splitlines()
    first = json.loads(said[0])
    assert (first["monitors"], first["OSDs"]) == (1, 0)
    assert first["keys"] >= 2
    assert said[1:4] == ["done", "same", "spared"], "a lone monitor is not stopped for a copy"
    assert json.loads(said[4]) == {"monitors": 1}


OSD = """
set -euo pipefail
ip link set lo up
F=6f2f1f3e-5a3c-4f0e-9d7e-2b7f4f3d1c11
cat > /etc/ceph/ceph.conf <<X
[global]
fsid = $F
mon_host = [v2:127.0.0.1:3300]
ms_bind_msgr1 = false
mon_initial_members = node1
osd_pool_default_size = 1
osd_pool_default_min_size = 1
mon_allow_pool_size_one = true
osd_crush_chooseleaf_type = 0
[osd]
public_addr = 127.0.0.1
cluster_addr = 127.0.0.1
osd_memory_target = 939524096
bluestore_cache_autotune = false
bluestore_cache_size = 33554432
X
A=/etc/ceph/ceph.client.admin.keyring
ceph-authtool --create-keyring /tmp/k --gen-key -n mon. --cap mon 'allow *' >/dev/null
ceph-authtool --create-keyring $A --gen-key -n client.admin --cap mon 'allow *' --cap osd 'allow *' >/dev/null
ceph-authtool /tmp/k --import-keyring $A >/dev/null
monmaptool --create --addv node1 [v2:127.0.0.1:3300] --fsid $F /tmp/monmap >/dev/null
chown ceph /tmp/k /tmp/monmap
install -d -o ceph -g ceph /var/lib/ceph/mon/ceph-node1 /var/lib/ceph/osd/ceph-0 /run/ceph /var/log/ceph
await() { for _ in $(seq 100); do bash -c "$1" >/dev/null 2>&1 && return; sleep 0.3; done; echo "not: $1" >&2; exit 1; }
up_mon() {
  ceph-mon -i node1 --setuser ceph --setgroup ceph >/dev/null 2>&1
  await 'timeout 8 ceph --connect-timeout 5 quorum_status'
}
up_osd() {
  ceph-osd -i 0 --setuser ceph --setgroup ceph >/dev/null 2>&1
  await 'timeout 10 ceph osd stat | grep -q " 1 up"'
}
ceph-mon --mkfs -i node1 --monmap /tmp/monmap --keyring /tmp/k --setuser ceph --setgroup ceph >/dev/null 2>&1
touch /var/lib/ceph/mon/ceph-node1/done
up_mon
U=$(cat /proc/sys/kernel/random/uuid)
D=/var/lib/ceph/osd
truncate -s 4G $D/disk; ln -s $D/disk $D/ceph-0/block; chown ceph $D/disk
ceph osd new $U >/dev/null
ceph auth get-or-create osd.0 mon 'allow profile osd' osd 'allow *' -o $D/ceph-0/keyring >/dev/null
ceph-osd --mkfs -i 0 --osd-uuid $U --setuser ceph --setgroup ceph >/dev/null 2>&1
chown -R ceph:ceph /var/lib/ceph/osd/ceph-0
up_osd
ceph osd pool create volumes 8 8 >/dev/null 2>&1
ceph auth get-or-create client.glance mon 'profile rbd' >/dev/null
ceph config set osd osd_max_backfills 2
echo hello > /tmp/o; timeout 60 rados -p volumes put greeting /tmp/o
"""
FORGET = """
kill $(pidof ceph-osd); while pidof ceph-osd >/dev/null; do sleep 0.1; done
kill $(pidof ceph-mon); while pidof ceph-mon >/dev/null; do sleep 0.1; done
rm -rf /var/lib/ceph/mon/ceph-node1
sed -i 's/key = .*/key = AQBuZndpAAAAABAAxxxxxxxxxxxxxxxxxxxxxw==/' /etc/ceph/ceph.client.admin.keyring
tar --create --gzip --files-from /dev/null > /tmp/empty
"""


@pytest.mark.root
def test_monitors_are_made_anew_from_a_real_osd_and_data_is_there(node):
    said = node(
        f"""{OSD}
before=$(ceph auth get-key client.glance)
{bash(sources.CEPH)} > /tmp/ceph
echo later >/tmp/o; rados --pool volumes put later /tmp/o; ceph osd pool create second 8 8 >/dev/null 2>&1
{FORGET}
{bash(monitors.COLLECT)} < /tmp/empty
{shlex.join(["bash", "-c", monitors.GIVE])} > /tmp/store
{bash(monitors.UNPACK)} < /tmp/store
{bash(monitors.REBUILD, "node1")} < /tmp/ceph
{shlex.join(["bash", "-c", monitors.GIVE])} > /tmp/store
ls -d {monitors.FOLDER} 2>/dev/null || true
{bash(monitors.PLACE, "node1")} < /tmp/store
up_mon; up_osd
ceph osd pool ls
[ "$(ceph auth get-key client.glance)" = "$before" ] && echo same key
timeout 60 rados --pool volumes get greeting -
timeout 60 rados --pool volumes get later -
"""
    ).stdout.splitlines()
    assert said == ["1", "done", "done", "done", "volumes", "second", "same key", "hello", "later"]

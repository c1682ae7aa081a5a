#!/bin/bash
# Stage cloud: OVN, libvirt, and all services of the cloud.
. "${0%/*}/common.sh"
copy cloud $NODES

# Schemas need nothing but the databases.
on schemas "$CONTROLLER" <<<'schemas cloud' &
schemas=$!
each hypervisor $NODES <<'EOF' &
[[ -e /run/bench/cloud/secret.xml ]] || exit 0
systemctl enable --quiet $(units ENABLED libvirt)
start $(units UNITS libvirt)
virsh --quiet secret-define /run/bench/cloud/secret.xml
awk '$1 == "key" {printf "%s", $3}' /etc/ceph/ceph.client.cinder.keyring |
    virsh --quiet secret-set-value "$RBD_SECRET" --file /dev/stdin
EOF
hypervisors=$!
each ovn $NODES <<'EOF' &
[[ ! -e /run/bench/cloud/ovs ]] || xargs --delimiter='\n' ovs-vsctl --timeout=30 </run/bench/cloud/ovs
if [[ " $CONTROLLERS " == *" $NODE "* ]]; then
    own=LOOPBACK4_$NODE
    install -d /var/lib/ovn
    for database in nb:OVN_Northbound:6643 sb:OVN_Southbound:6644; do
        IFS=: read -r name schema port <<<"$database"
        file=/var/lib/ovn/ovn${name}_db.db
        if [[ $NODE == "$CONTROLLER" ]]; then
            ovsdb-tool "--election-timer=$OVN_ELECTION" create-cluster "$file" "/usr/share/ovn/ovn-$name.ovsschema" \
                "ssl:${!own}:$port"
        else
            ovsdb-tool join-cluster "$file" "$schema" "ssl:${!own}:$port" "ssl:$CONTROLLER4:$port"
        fi
    done
fi
systemctl enable --quiet $(units ENABLED ovn)
start $(units UNITS ovn)
complete() { # a member, with a leader, of a cluster of all controllers
    local said
    said=$(ovn-appctl --timeout=5 -t "/run/ovn/ovn$1_db.ctl" cluster/status "$2" 2>/dev/null) || return 1
    set -- $CONTROLLERS
    [[ $said == *'Status: cluster member'* && $said != *'Leader: unknown'* &&
        $(grep -c ' at ssl:' <<<"$said") == "$#" ]]
}
if [[ " $CONTROLLERS " == *" $NODE "* ]]; then
    patiently 60 complete nb OVN_Northbound
    patiently 60 complete sb OVN_Southbound
fi
if [[ $NODE == "$CONTROLLER" ]]; then
    ask() { ovn-nbctl --timeout=20 --no-leader-only --db=unix:/run/ovn/ovnnb_db.sock "$@"; }
    ask init
    ask set NB_Global . $OVN_OPTIONS
fi
EOF
ovn=$!
all_of "$schemas" "$hypervisors" "$ovn"

# One controller answers before the others and the hypervisors ask.
services() {
    on services "$CONTROLLER" <<'EOF'
systemctl enable --quiet $(units ENABLED cloud)
start $UNITS_first
EOF
    each services $NODES <<'EOF'
systemctl enable --quiet $(units ENABLED cloud)
start $(units UNITS cloud)
EOF
    # nova-compute says that it has started when it has registered
    on cells "$CONTROLLER" <<<'cd / && HOME=/ runuser -u nova -- nova-manage cell_v2 discover_hosts --by-service >/dev/null'
}
# the client of the APIs loads while the services start, and goes on when they run
services | "$PYTHON" "$here/await_cloud.py"
each tidy $NODES <<<'rm -rf /run/bench/cloud'

#!/bin/bash
# Stage cloud: Placement, Nova, Neutron with OVN, Glance and Cinder.
. "${0%/*}/common.sh"
here=${0%/*}
copy cloud $NODES

chassis() {
    each $COMPUTES <<'EOF'
export SYSTEMCTL_SKIP_SYSV=1
encap=LOOPBACK6_$NODE
set -- $EXTERNAL
ovs-vsctl --timeout=30 -- add-br br-ex -- set Bridge br-ex datapath_type=netdev \
    -- add-bond br-ex bond-ex "$@" -- set Port bond-ex bond_mode=active-backup bond_updelay=5000 \
    "other_config:bond-primary=$1" \
    -- set Open_vSwitch . "external_ids:system-id=$NODE" "external_ids:hostname=$NODE" \
    "external_ids:ovn-remote=\"tcp:$CONTROLLER4:6642\"" external_ids:ovn-remote-probe-interval=60000 \
    external_ids:ovn-encap-type=geneve "external_ids:ovn-encap-ip=\"${!encap}\"" \
    external_ids:ovn-bridge-datapath-type=netdev "external_ids:ovn-bridge-mappings=\"$BRIDGE_MAPPINGS\"" \
    external_ids:ovn-cms-options=enable-chassis-as-gw
systemctl daemon-reload
systemctl enable --quiet ovn-host virtlogd.socket libvirtd libvirt-guests nova-compute neutron-ovn-metadata-agent
systemctl start ovn-controller ovn-host virtlogd.socket
systemctl restart libvirtd
systemctl start libvirt-guests
virsh --quiet secret-define /dev/stdin <<XML
<secret ephemeral='no' private='no'><uuid>$SECRET_rbd_secret_uuid</uuid>
<usage type='ceph'><name>client.cinder secret</name></usage></secret>
XML
awk '$1 == "key" {printf "%s", $3}' /etc/ceph/ceph.client.cinder.keyring |
    virsh --quiet secret-set-value "$SECRET_rbd_secret_uuid" --file /dev/stdin
EOF
}

control() {
    on "$CONTROLLER" <<'EOF'
export SYSTEMCTL_SKIP_SYSV=1
systemctl daemon-reload
systemctl enable --quiet ovn-central placement-api nova-api nova-api-metadata nova-conductor nova-scheduler \
    nova-novncproxy neutron-api neutron-rpc-server neutron-periodic-workers neutron-ovn-maintenance-worker glance-api \
    cinder-api cinder-scheduler cinder-volume cinder-backup
jobs=()
mkdir -m 700 -p /run/bench
sync() {
    local log=/run/bench/$1.log
    { runuser -u "$1" -- "${@:2}" >"$log" 2>&1 || { tail "$log" && false; }; } &
    jobs+=($!)
}
sync nova /usr/local/lib/scs-rack/nova-schema
sync neutron neutron-db-manage --config-file /etc/neutron/neutron.conf \
    --config-file /etc/neutron/plugins/ml2/ml2_conf.ini upgrade heads
sync cinder cinder-manage db sync
sync glance glance-manage --config-file /etc/glance/glance-api.conf db_sync
sync placement placement-manage db sync
systemctl start ovn-ovsdb-server-nb ovn-ovsdb-server-sb ovn-northd ovn-central
until ovn-nbctl --timeout=5 set-connection "ptcp:6641:$CONTROLLER4" -- \
    set Connection "ptcp:6641:$CONTROLLER4" inactivity_probe=60000 2>/dev/null; do sleep 0.2; done
until ovn-sbctl --timeout=5 set-connection "ptcp:6642:$CONTROLLER4" -- \
    set Connection "ptcp:6642:$CONTROLLER4" inactivity_probe=60000 2>/dev/null; do sleep 0.2; done
for job in "${jobs[@]}"; do wait "$job"; done
systemctl restart placement-api nova-api nova-api-metadata nova-conductor nova-scheduler nova-novncproxy neutron-api \
    neutron-rpc-server neutron-periodic-workers neutron-ovn-maintenance-worker glance-api cinder-api \
    cinder-scheduler cinder-volume cinder-backup
EOF
}

chassis &
wires=$!
control
wait "$wires"
each $COMPUTES <<'EOF'
SYSTEMCTL_SKIP_SYSV=1 systemctl restart nova-compute neutron-ovn-metadata-agent
EOF
on "$CONTROLLER" <<'EOF'
count() { echo $#; }
for ((i = 0; ; i++)); do
    there=$(mariadb -N -e "SELECT count(*) FROM nova.services WHERE \`binary\` = 'nova-compute' AND deleted = 0")
    ((there >= $(count $COMPUTES))) && break
    ((i < 300))
    sleep 0.3
done
runuser -u nova -- nova-manage cell_v2 discover_hosts --by-service >/dev/null
EOF
"$PYTHON" "$here/await_cloud.py"

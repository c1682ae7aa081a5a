#!/bin/bash
# Stage ceph: monitors, managers, OSDs, pools, and keyrings of clients.
. "${0%/*}/common.sh"
copy ceph $NODES

# all keys are in the first store of the monitors, so none has to be asked for later
on "${MONS%% *}" <<'EOF' >"$BENCH/ceph-first.tar"
mkdir -m 700 -p /run/bench && cd /run/bench
rm -f keyring monmap
ceph-authtool --create-keyring keyring >/dev/null
entity() { ceph-authtool keyring --gen-key --name "$@" >/dev/null; }
entity mon. --cap mon 'allow *'
entity client.admin --cap mds 'allow *' --cap mgr 'allow *' --cap mon 'allow *' --cap osd 'allow *'
for name in $MGRS; do entity "mgr.$name" --cap mon 'allow profile mgr' --cap osd 'allow *' --cap mds 'allow *'; done
for osd in $OSDS; do
    entity "osd.${osd%%,*}" --cap mgr 'allow profile osd' --cap mon 'allow profile osd' --cap osd 'allow *'
done
entity client.glance --cap mgr 'profile rbd pool=images' --cap mon 'profile rbd' --cap osd 'profile rbd pool=images'
entity client.cinder --cap mgr 'profile rbd pool=volumes, profile rbd pool=vms' --cap mon 'profile rbd' \
    --cap osd 'profile rbd pool=volumes, profile rbd pool=vms, profile rbd-read-only pool=images'
entity client.cinder-backup --cap mgr 'profile rbd pool=backups' --cap mon 'profile rbd' \
    --cap osd 'profile rbd pool=backups'
monmaptool --create --fsid "$FSID" $(for mon in $MONS; do
    address=LOOPBACK4_$mon
    echo --addv "$mon" "[v2:${!address}:3300,v1:${!address}:6789]"
done) monmap >/dev/null
tar --create --file=- keyring monmap
EOF

# one store a monitor, all at once; then the daemons' folders, while the monitors find each other
jobs=()
for node in $NODES; do
    ssh -F "$BENCH/ssh_config" "$node" 'mkdir -m 700 -p /run/bench && tar --extract --directory=/run/bench' \
        <"$BENCH/ceph-first.tar" &
    jobs+=($!)
done
all_of "${jobs[@]}"
each $NODES <<'EOF'
cd /run/bench
chown -R ceph:ceph .
systemctl daemon-reload
keyring() { # entity, file, owner, mode: one entity of the first keyring as a file of its own
    install -o "${3%:*}" -g "${3#*:}" -m "$4" /dev/null "$2"
    printf '[%s]\n\tkey = %s\n' "$1" "$(ceph-authtool keyring --name "$1" --print-key)" >"$2"
}
keyring client.admin /etc/ceph/ceph.client.admin.keyring root:root 600
if [[ " $MONS " == *" $NODE "* ]]; then
    install -d -o ceph -g ceph -m 750 "/var/lib/ceph/mon/ceph-$NODE"
    ceph-mon --mkfs -i "$NODE" --monmap monmap --keyring keyring --setuser ceph --setgroup ceph
    systemctl enable --quiet --now "ceph-mon@$NODE" ceph-mon.target ceph.target
fi
if [[ " $MGRS " == *" $NODE "* ]]; then
    install -d -o ceph -g ceph -m 750 "/var/lib/ceph/mgr/ceph-$NODE"
    keyring "mgr.$NODE" "/var/lib/ceph/mgr/ceph-$NODE/keyring" ceph:ceph 600
    systemctl enable --quiet --now "ceph-mgr@$NODE" ceph-mgr.target
fi
if [[ " $CONTROLLER $COMPUTES " == *" $NODE "* ]]; then
    keyring client.cinder /etc/ceph/ceph.client.cinder.keyring cinder:nova 640
fi
if [[ $NODE == "$CONTROLLER" ]]; then
    keyring client.glance /etc/ceph/ceph.client.glance.keyring glance:glance 640
    keyring client.cinder-backup /etc/ceph/ceph.client.cinder-backup.keyring cinder:cinder 640
fi
EOF

# settings, numbers of OSDs, and pools at the same time
on "${MONS%% *}" <<'EOF'
cd /run/bench
printf '%s\n' "$CEPH_CONFIG" >config
ceph config assimilate-conf -i config >/dev/null &
jobs=($!)
for osd in $OSDS; do IFS=, read -r _ _ _ uuid <<<"$osd"; echo "osd new $uuid"; done | ceph >/dev/null &
jobs+=($!)
for pool in $POOLS; do
    IFS=, read -r name pg_num application <<<"$pool"
    echo "osd pool create $name $pg_num $pg_num replicated --size $REPLICAS --autoscale-mode off"
    [[ $application == rbd ]] || echo "osd pool application enable $name $application"
done | ceph >/dev/null &
jobs+=($!)
for job in "${jobs[@]}"; do wait "$job"; done
EOF
each $STORAGE <<'EOF'
cd /run/bench
for osd in $OSDS; do
    IFS=, read -r id node disk uuid <<<"$osd"
    [[ $node == "$NODE" ]] || continue
    folder=/var/lib/ceph/osd/ceph-$id
    install -d -o ceph -g ceph -m 750 "$folder"
    chown ceph:ceph "$disk"
    ln -s "$disk" "$folder/block"
    install -o ceph -g ceph -m 600 /dev/null "$folder/keyring"
    printf '[osd.%s]\n\tkey = %s\n' "$id" "$(ceph-authtool keyring --name "osd.$id" --print-key)" >"$folder/keyring"
    ceph-osd --mkfs -i "$id" --osd-uuid "$uuid" --setuser ceph --setgroup ceph
    systemctl enable --quiet --now "ceph-osd@$id" ceph-osd.target
done
rm -f keyring
EOF
on "${MONS%% *}" <<'EOF'
jobs=()
for pool in $POOLS; do # waits for the placement groups
    [[ $pool != *,rbd ]] || { rbd pool init "${pool%%,*}" & jobs+=($!); }
done
for job in "${jobs[@]}"; do wait "$job"; done
healthy='.health.status == "HEALTH_OK" and .mgrmap.available and .mgrmap.num_standbys >= $mgrs - 1
    and .osdmap.num_up_osds >= $osds and .osdmap.num_in_osds >= $osds and (.quorum_names | length) == $mons
    and .pgmap.num_pgs > 0
    and ([.pgmap.pgs_by_state[]? | select(.state_name | startswith("active+clean") | not)] == [])'
count() { echo $#; }
for ((i = 0; ; i++)); do
    ceph status --format json | jq --exit-status --argjson mgrs "$(count $MGRS)" --argjson osds "$(count $OSDS)" \
        --argjson mons "$(count $MONS)" "$healthy" >/dev/null && break
    ((i < 120))
    sleep 0.5
done
head -c 1M /dev/urandom >/run/bench/probe
rados -p volumes put bench-probe /run/bench/probe
rados -p volumes get bench-probe - | cmp - /run/bench/probe
rados -p volumes rm bench-probe
rm -rf /run/bench
EOF

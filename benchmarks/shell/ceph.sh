#!/bin/bash
# Stage ceph: monitors, managers, OSDs, pools, and keyrings of clients (these come with the files).
. "${0%/*}/common.sh"
copy ceph $NODES

# Stores of monitors and OSDs are made at the same time: neither needs the other. The first monitor's host gives OSDs
# their numbers as soon as there is a quorum.
each stores $NODES <<'EOF'
cd /run/bench/ceph
jobs=()
store() { # number, disk, UUID of an OSD of this node
    local folder=/var/lib/ceph/osd/ceph-$1
    install -d -o ceph -g ceph -m 750 "$folder"
    chown ceph:ceph "$2"
    ln -s "$2" "$folder/block"
    install -o ceph -g ceph -m 600 "osd.$1" "$folder/keyring"
    ceph-osd --mkfs -i "$1" --osd-uuid "$3" --no-mon-config --setuser ceph --setgroup ceph >"osd.$1.log" 2>&1 ||
        { tail -n 20 "osd.$1.log" >&2; return 1; }
}
for osd in $OSDS; do
    IFS=, read -r number host disk uuid <<<"$osd"
    [[ $host != "$NODE" ]] || { store "$number" "$disk" "$uuid" & jobs+=($!); }
done
if [[ " $MONS " == *" $NODE "* ]]; then
    addresses=()
    for mon in $MONS; do
        address=LOOPBACK4_$mon
        addresses+=(--addv "$mon" "[v2:${!address}:3300]")
    done
    monmaptool --create --fsid "$FSID" "${addresses[@]}" monmap >/dev/null
    install -d -o ceph -g ceph -m 750 "/var/lib/ceph/mon/ceph-$NODE"
    ceph-mon --mkfs -i "$NODE" --monmap monmap --keyring keyring --setuser ceph --setgroup ceph
    touch "/var/lib/ceph/mon/ceph-$NODE/done"
    systemctl enable --quiet "ceph-mon@$NODE" ceph-mon.target ceph.target
    start "ceph-mon@$NODE" ceph-mon.target ceph.target
fi
[[ $NODE != "${MONS%% *}" ]] || python3 cluster.py settings
all_of "${jobs[@]}"
EOF

# the pools' program loads while the daemons start
on pools "${MONS%% *}" <<'EOF' &
python3 /run/bench/ceph/cluster.py pools
EOF
pools=$!
each daemons $NODES <<'EOF'
daemons=()
if [[ " $MGRS " == *" $NODE "* ]]; then
    install -d -o ceph -g ceph -m 750 "/var/lib/ceph/mgr/ceph-$NODE"
    install -o ceph -g ceph -m 600 /run/bench/ceph/mgr "/var/lib/ceph/mgr/ceph-$NODE/keyring"
    daemons+=("ceph-mgr@$NODE" ceph-mgr.target ceph.target)
fi
for osd in $OSDS; do
    IFS=, read -r number host _ _ <<<"$osd"
    [[ $host != "$NODE" ]] || daemons+=("ceph-osd@$number" ceph-osd.target ceph.target)
done
((${#daemons[@]})) || exit 0
systemctl enable --quiet "${daemons[@]}"
start "${daemons[@]}"
EOF
all_of "$pools"
each tidy $NODES <<<'rm -rf /run/bench/ceph'

#!/bin/bash
# Stage base: names, kernel settings, masks, addresses and BGP on every node.
. "${0%/*}/common.sh"
copy base $NODES
each $NODES <<'EOF'
getent group scs-operators >/dev/null || groupadd --system scs-operators
ln -sfn /usr/share/zoneinfo/Etc/UTC /etc/localtime
update-ca-certificates >/dev/null 2>&1 &
mask=MASK_$NODE
systemctl mask --quiet --no-warn ${!mask}
systemctl stop ${!mask} 2>/dev/null || true # most of them are not there
systemctl daemon-reload
export SYSTEMCTL_SKIP_SYSV=1
systemctl enable --quiet lldpd openvswitch-switch scs-underlay frr
systemctl reload ssh
systemctl restart --no-block systemd-journald systemd-sysctl lldpd
systemctl restart ovs-vswitchd
systemctl start openvswitch-switch
systemctl start scs-underlay
systemctl restart frr
wait
# until BGP is there and all loopbacks answer
for ((i = 0; ; i++)); do
    up=$(vtysh -c 'show bgp summary json' 2>/dev/null |
        jq '[.[] | .peers? // {} | .[] | select(.state == "Established")] | length' || echo 0)
    ((up == SESSIONS)) && break
    ((i < 150))
    sleep 0.2
done
own4=LOOPBACK4_$NODE own6=LOOPBACK6_$NODE jobs=()
reach() {
    for _ in $(seq 20); do
        ping -c 1 -W 1 -q -I "$1" "$2" >/dev/null 2>&1 && return
        sleep 0.3
    done
    echo "$2 does not answer" >&2
    return 1
}
for target in $LOOPBACKS4; do reach "${!own4}" "$target" & jobs+=($!); done
for target in $LOOPBACKS6; do reach "${!own6}" "$target" & jobs+=($!); done
for job in "${jobs[@]}"; do wait "$job"; done
EOF

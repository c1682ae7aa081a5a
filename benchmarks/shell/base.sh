#!/bin/bash
# Stage base: names, kernel settings, masks, addresses and BGP on every node.
. "${0%/*}/common.sh"
copy base $NODES
each network $NODES <<'EOF'
getent group scs-operators >/dev/null || groupadd --system scs-operators
ln -sfn /usr/share/zoneinfo/Etc/UTC /etc/localtime
update-ca-certificates >/dev/null 2>&1 &
trust=$!
mask=MASK_$NODE
systemctl mask --quiet --no-warn ${!mask}
systemctl stop ${!mask} 2>/dev/null || true # most of them are not there
systemctl enable --quiet lldpd openvswitch-switch scs-underlay frr
systemctl reload ssh
systemctl restart --no-block systemd-journald systemd-sysctl lldpd
systemctl restart ovs-vswitchd
systemctl start openvswitch-switch
systemctl start scs-underlay
systemctl restart frr
wait "$trust"
# until BGP is there and all loopbacks answer
established() {
    local up
    up=$(vtysh -c 'show bgp summary json' 2>/dev/null |
        jq '[.[] | .peers? // {} | .[] | select(.state == "Established")] | length') && ((${up:-0} == SESSIONS))
}
patiently 60 established
own4=LOOPBACK4_$NODE own6=LOOPBACK6_$NODE jobs=()
answers() { ping -c 1 -W 1 -q -I "$1" "$2" >/dev/null 2>&1; }
for target in $LOOPBACKS4; do patiently 30 answers "${!own4}" "$target" & jobs+=($!); done
for target in $LOOPBACKS6; do patiently 30 answers "${!own6}" "$target" & jobs+=($!); done
all_of "${jobs[@]}"
EOF

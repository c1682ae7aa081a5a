#!/bin/sh
# Last step of the node image, run by mmdebstrap as `image.sh finish ROOT` with /proc, /sys and /dev mounted in ROOT.
set -eu

in_root() { LC_ALL=C.UTF-8 DEBIAN_FRONTEND=noninteractive chroot "$root" "$@"; }

# Postinst scripts that failed in the bare chroot (nova-common looks up its own host name) get a second chance.
configure_all() {
    cp "$root/etc/hosts" "$root/etc/hosts.build" 2>/dev/null || :
    echo "127.0.0.1 localhost $(hostname)" >"$root/etc/hosts"
    in_root dpkg --configure --pending
    rm -f "$root/etc/hosts.build"
    echo "127.0.0.1 localhost" >"$root/etc/hosts"
}

# Ceph 18.2 with Python 3.13: bcrypt can't be loaded in a second interpreter, and mgr_util loads it on import although
# only password_hash() needs it. Twelve mgr modules fail without this.
mend_ceph_mgr() {
    file=$root/usr/share/ceph/mgr/mgr_util.py
    grep -q '^import bcrypt$' "$file" || return 0
    sed -i -e '/^import bcrypt$/d' \
        -e 's/^\( *\)salt = bcrypt\.gensalt()/\1import bcrypt\n&/' \
        -e '/salt_password/!s/^\( *\)return bcrypt\.hashpw/\1import bcrypt\n&/' "$file"
}

# Modules that run as a user who may not write byte code.
compile_python() { in_root python3 -m compileall -q -j 1 /usr/share/ceph/mgr >/dev/null || :; }

# stevedore keeps entry points in a cache that it does not write atomically, in an order that differs from process to
# process: services of one user that start at once mix theirs, and miss drivers from then on. Without it each process
# reads them itself.
no_entry_point_cache() {
    for home in root var/lib/keystone var/lib/glance var/lib/placement var/lib/nova var/lib/neutron var/lib/cinder \
        var/lib/barbican var/lib/octavia var/lib/designate; do
        mkdir -p "$root/$home/.cache/python-entrypoints"
        : >"$root/$home/.cache/python-entrypoints/.disable"
        in_root chown --reference="/$home" -R "/$home/.cache"
    done
}

disable_units() {
    keep=$(grep -v '^#' "$here/units.txt")
    for unit in $(in_root systemctl list-unit-files --state=enabled --no-legend --no-pager | cut -d' ' -f1); do
        echo "$keep" | grep -qxF "$unit" || in_root systemctl --quiet disable "$unit" >/dev/null 2>&1
    done
    # Init scripts without a unit (neutron-periodic-workers and others) are enabled by these links alone.
    rm -f "$root"/etc/rc[0-6S].d/[SK]*
    in_root systemctl --quiet mask openipmi.service nvmf-autoconnect.service nvmefc-boot-connections.service \
        apt-daily.timer apt-daily-upgrade.timer 2>/dev/null
}

# What must differ between nodes, or is a secret, is made when a node is made.
forget() {
    cd "$root"
    : >etc/machine-id
    rm -f var/lib/dbus/machine-id etc/ssh/ssh_host_* etc/resolv.conf etc/hostname
    rm -f var/lib/rabbitmq/.erlang.cookie etc/iscsi/initiatorname.iscsi etc/openvswitch/system-id.conf
    rm -f etc/openvswitch/conf.db etc/chrony/chrony.keys etc/ssl/private/*.key var/lib/systemd/random-seed
    rm -rf etc/keystone/fernet-keys etc/keystone/credential-keys root/.ssh
    find var/lib -xdev \( -name '*.sqlite' -o -name '*.sqlite3' \) -delete
    find var/log -xdev -type f -delete
    find tmp var/tmp -mindepth 1 -delete
    : >etc/apt/sources.list
    rm -f etc/apt/sources.list.d/* etc/apt/apt.conf.d/99mmdebstrap
    echo 'APT::Install-Recommends "false";' >etc/apt/apt.conf.d/10scs-rack
}

# A stock kernel, with which the lab finds out whether KVM truly works on its host.
probe_kernel() {
    mkdir -p "$root/tmp/probe"
    in_root sh -c 'cd /tmp/probe && apt-get -qq download "$(apt-cache depends linux-image-cloud-amd64 |
        sed -n "s/^ *Depends: \(linux-image-[0-9].*\)/\1/p" | head -n 1)" && dpkg-deb -x ./*.deb .'
    mkdir -p "$root/.probe"
    cp "$root"/tmp/probe/boot/vmlinuz-* "$root/.probe/vmlinuz"
}

here=$(dirname "$0") step=$1 root=$2
case $step in
setup)
    # Downloads survive an interrupted build: the cache of the host is the cache of the new root.
    mkdir -p "$root/var/cache/apt/archives" "$APT_CACHE/partial"
    mount --bind "$APT_CACHE" "$root/var/cache/apt/archives"
    ;;
finish)
    configure_all
    mend_ceph_mgr
    compile_python
    no_entry_point_cache
    disable_units
    probe_kernel
    umount "$root/var/cache/apt/archives"
    forget
    ;;
esac

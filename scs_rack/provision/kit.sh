#!/bin/sh
# Last step of the boot kit, run by mmdebstrap as `kit.sh ROOT KERNEL TOOL…`: fetches what is carried but never installed
# (kernel, boot loaders, tools for burn-in), into /kit of the root, and empties what differs from build to build.
set -eu
root=$1 kernel=$2
shift 2

in_root() { LC_ALL=C.UTF-8 chroot "$root" "$@"; }

mkdir -p "$root/kit" "$root/tmp/kit"
versioned=$(in_root apt-cache depends --important "$kernel" | sed -n 's/^ *Depends: \(linux-image-[0-9].*\)/\1/p' |
    head -n 1)
in_root sh -c 'cd /tmp/kit && apt-get -qq download "$@"' sh \
    "$versioned" ipxe shim-signed shim-helpers-amd64-signed grub-efi-amd64-signed isolinux
for package in "$root"/tmp/kit/*.deb; do
    in_root dpkg-deb -x "/tmp/kit/${package##*/}" /kit
    in_root dpkg-deb -W --showformat='${Package} ${Version} ${Source}\n' "/tmp/kit/${package##*/}" \
        >>"$root/kit/packages.txt"
done
rm -rf "$root/tmp/kit"

# Tools with the libraries that they load, beside the root: they come with half of Ceph.
mkdir -p "$root/tmp/tools/partial" "$root/kit/tools/usr/bin" "$root/kit/tools/usr/lib"
in_root apt-get -qq -y --no-install-recommends -o Dir::Cache::archives=/tmp/tools --download-only install "$@" >/dev/null
for package in "$root"/tmp/tools/*.deb; do
    in_root dpkg-deb -x "/tmp/tools/${package##*/}" /tmp/tools/root
done
in_root sh -c 'export LD_LIBRARY_PATH=/tmp/tools/root/usr/lib/x86_64-linux-gnu:/tmp/tools/root/usr/lib/x86_64-linux-gnu/ceph
    for tool in "$@"; do
        cp "/tmp/tools/root/usr/bin/$tool" /kit/tools/usr/bin/
        ldd "/kit/tools/usr/bin/$tool" | grep "not found" && exit 1
        cp -L $(ldd "/kit/tools/usr/bin/$tool" | tr "\t " "\n\n" | grep "^/.*[.]so") /kit/tools/usr/lib/
    done' sh "$@"
# packages of which something was taken
for package in "$root"/tmp/tools/*.deb; do
    for file in $(in_root dpkg-deb -c "/tmp/tools/${package##*/}" | sed -n 's/^[-l].* \.\/usr\/\(bin\|lib\)\/\([^ ]*\).*/\2/p'); do
        [ -e "$root/kit/tools/usr/bin/${file##*/}" ] || [ -e "$root/kit/tools/usr/lib/${file##*/}" ] || continue
        in_root dpkg-deb -W --showformat='${Package} ${Version} ${Source}\n' "/tmp/tools/${package##*/}" \
            >>"$root/kit/packages.txt"
        in_root dpkg-deb --fsys-tarfile "/tmp/tools/${package##*/}" |
            in_root tar -x -C /kit --wildcards './usr/share/doc/*/copyright' 2>/dev/null || : # some only link to another's
        break
    done
done
rm -rf "$root/tmp/tools"

in_root depmod -b /kit/usr "$(ls "$root/kit/usr/lib/modules")"

cd "$root"
: >etc/machine-id
sed -i '/auto-generated on/d' etc/mdadm/mdadm.conf
rm -f var/lib/dbus/machine-id etc/ssh/ssh_host_* etc/resolv.conf etc/hostname var/lib/systemd/random-seed
rm -rf root/.ssh
find var/log -xdev -type f -delete
: >etc/apt/sources.list
rm -f etc/apt/sources.list.d/* etc/apt/apt.conf.d/99mmdebstrap var/cache/ldconfig/aux-cache

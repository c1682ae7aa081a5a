#!/bin/sh
# A server without firmware: `machine.sh FOLDER RAMDISK` in namespaces of its own (network, processes, mounts).
# FOLDER/nics: port, MAC address; FOLDER/disks: name, loop device; FOLDER/words: product_serial and others.
# It asks DHCP as PXE firmware and as iPXE, takes the boot script, and runs the ramdisk's agent on its disks.
# It can't switch off, load modules or set the clock of the machine that plays it (setpriv, see machines.py).
set -u
here=$1 ramdisk=$2
m=$here/m
mkdir -p "$here/ram" "$m"
mount -t tmpfs ram "$here/ram"
mkdir "$here/ram/upper" "$here/ram/work"
mount -t overlay -o "lowerdir=$ramdisk,upperdir=$here/ram/upper,workdir=$here/ram/work" machine "$m"
mount -t proc proc "$m/proc"
mount -t tmpfs sys "$m/sys"
mkdir "$m/sys/dev" "$m/sys/devices" # by which tools find the disk of a partition
mount --bind /sys/dev "$m/sys/dev"
mount --bind /sys/devices "$m/sys/devices"
mount -t tmpfs dev "$m/dev"
for node in null:1:3 zero:1:5 full:1:7 random:1:8 urandom:1:9; do
  IFS=: read -r name major minor << END
$node
END
  mknod -m 666 "$m/dev/$name" c "$major" "$minor"
done
ln -s /proc/self/fd "$m/dev/fd"
while read -r name mac; do
  mkdir -p "$m/sys/class/net/$name/device"
  echo "$mac" > "$m/sys/class/net/$name/address"
  echo 1 > "$m/sys/class/net/$name/carrier"
done < "$here/nics"
mkdir -p "$m/sys/class/dmi/id"
while read -r name value; do echo "$value" > "$m/sys/class/dmi/id/$name"; done < "$here/words"
while read -r name loop serial; do
  mkdir -p "$m/sys/block/$name/queue"
  cp "/sys/block/$loop/size" "$m/sys/block/$name/size"
  echo 0 > "$m/sys/block/$name/queue/rotational"
  echo 0 > "$m/sys/block/$name/removable"
  echo "$serial" > "$m/sys/block/$name/serial"
  IFS=: read -r major minor < "/sys/block/$loop/dev"
  mknod "$m/dev/$name" b "$major" "$minor"
  mknod "$m/dev/$loop" b "$major" "$minor"
  mkdir "$m/sys/block/$loop"
  cp "/sys/block/$loop/dev" "$m/sys/block/$loop/dev"
done < "$here/disks"

nodes() { # what kernel and udev would do: one node for each part of a disk
  while read -r name loop _; do
    partx -d "/dev/$loop" 2> /dev/null # for kernels that read no GPT
    partx -a "/dev/$loop" 2> /dev/null
    for node in "$m/dev/$name"[0-9]*; do
      [ ! -b "$node" ] || [ -e "/sys/block/$loop/${loop}p${node##*"$name"}" ] || rm -f "$node"
    done
    for part in "/sys/block/$loop/${loop}p"*; do
      [ -r "$part/dev" ] || continue
      node=$m/dev/$name${part##*p}
      IFS=: read -r major minor < "$part/dev" || continue
      [ "$(stat -c %Hr:%Lr "$node" 2> /dev/null)" = "$major:$minor" ] ||
        { rm -f "$node"; mknod "$node" b "$major" "$minor"; }
    done
  done < "$here/disks"
}
nodes
# sfdisk asks for it, and waits
mv "$m/usr/bin/sfdisk" "$m/usr/bin/sfdisk.bin"
cat > "$m/usr/bin/sfdisk" << 'SCRIPT'
#!/bin/busybox sh
/usr/bin/sfdisk.bin "$@"
code=$?
touch /ask
while [ -e /ask ]; do sleep 0.05; done
exit $code
SCRIPT
chmod +x "$m/usr/bin/sfdisk"
while sleep 0.05; do [ ! -e "$m/ask" ] || { nodes; rm "$m/ask"; }; done &

cat > "$m/pxe" << 'SCRIPT'
#!/bin/busybox sh
read -r nic mac < /nics
ip addr flush dev "$nic"
ip link set lo up
ip link set "$nic" up
cat > /bound << 'BOUND'
#!/bin/busybox sh
[ "$1" = bound ] || exit 0
ip addr add "$ip/$mask" dev "$interface"
echo "$siaddr ${boot_file:-${bootfile:-}}" > /run/boot
BOUND
chmod +x /bound
ask() { udhcpc -q -n -f -t 40 -T 1 -i "$nic" -s /bound "$@"; }
ask -x 0x5d:0000 || exit 1
read -r server file < /run/boot
tftp -g -l /run/loader -r "$file" "$server" && cmp /run/loader /loader || { echo "no boot loader: $server $file"; exit 1; }
ip addr flush dev "$nic"
ask -x 0x5d:0000 -x 0xaf:01 || exit 1
read -r server file < /run/boot
curl -sSf "$file" > /run/script || { echo "no boot script: $file"; exit 1; }
while grep -q '^chain' /run/script; do # as iPXE does, with its own settings put in
  next=$(sed -n "s/^chain //p" /run/script | sed "s/\${netX\/mac}/$mac/")
  curl -sSf "$next" > /run/script || { echo "no boot script: $next"; exit 1; }
done
cat /run/script
kernel=$(sed -n 's/^kernel \([^ ]*\) .*/\1/p' /run/script)
[ -n "$kernel" ] || exit 0 # goes on to its disk
curl -sSf "${kernel%/*}/trust" | cpio -i -d || exit 1
sed -n 's/^kernel [^ ]* //p' /run/script > /run/cmdline
mount -o bind /run/cmdline /proc/cmdline
ip addr flush dev "$nic"
exec /agent
SCRIPT
chmod +x "$m/pxe"
cp "$here/nics" "$m/nics"
cp "$here/loader" "$m/loader"
chroot "$m" /bin/busybox sh -c '/bin/busybox --install -s /bin; export PATH=/usr/bin:/bin; exec /pxe'
echo "agent ended"
grep -q -e 'not want this server' -e 'looked at; nothing' -e 'burn-in is over' "$here/console" && exit 0
exec sleep 3600 # a shell for whoever sits here, or the installed system

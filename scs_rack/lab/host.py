"""A plain host: FRR, lldpd and SSH in a network namespace, on an overlay of the node image; no operating system boots.

It costs tens of MB and starts in a second, so that a fabric with many hosts fits on a small machine.
"""

from pathlib import Path

from scs_rack.design import NodeDesign
from scs_rack.lab import frr, identity

INIT = "usr/local/sbin/scs-rack-host"
_ENTER = """
set -e
group=$1 root=$2 name=$3
mkdir -p "$group/payload/init.scope" "$group/payload/system"
echo 0 >"$group/payload/init.scope/cgroup.procs"
hostname "$name"
cd "$root"
mount -t proc proc proc
mount -t sysfs -o ro sysfs sys
mount -t tmpfs -o mode=755 tmpfs run
mount -t tmpfs -o mode=755 tmpfs dev
for node in null zero full random urandom tty; do touch dev/$node; mount --bind /dev/$node dev/$node; done
mkdir dev/pts dev/shm run/cgroup
mount -t devpts -o newinstance,ptmxmode=666,mode=620 devpts dev/pts
ln -s pts/ptmx dev/ptmx
mount --bind "$group/payload/system" run/cgroup
pivot_root . .
umount -l .
exec chroot . /{init}
"""

_INIT = """#!/bin/sh
# Process 1 of this host: starts what it offers, then only waits. Signal 38 is how a machine is asked to power off.
trap 'exit 0' 38 TERM
(
  echo 0 >/run/cgroup/cgroup.procs
  umount /run/cgroup
  for switch in net/ipv4/conf/all/rp_filter net/ipv4/conf/default/rp_filter; do echo 0 >/proc/sys/$switch; done
  echo 1 >/proc/sys/net/ipv4/fib_multipath_hash_policy
  echo 1 >/proc/sys/net/ipv6/fib_multipath_hash_policy
  ip -batch - <<'END'
{network}
END
  mkdir -p /run/sshd
  /usr/sbin/sshd
  install -d -o frr -g frr /run/frr
  for daemon in mgmtd zebra bgpd bfdd; do
    [ -x /usr/lib/frr/$daemon ] && /usr/lib/frr/$daemon -d -F datacenter -A 127.0.0.1
  done
  vtysh -b
  exec lldpd -I {ports}
)
while :; do wait; sleep 3600 & wait $!; done
"""

_SSHD = """# keys only, no login session for each command
HostKey /{key}
UsePAM no
PasswordAuthentication no
KbdInteractiveAuthentication no
UseDNS no
"""


def prepare(root: Path, node: NodeDesign, public_key: str) -> None:
    """Make a root folder the host of that name: its addresses, its way into the fabric, and who may log in."""
    identity.name(root, node.name, str(node.mgmt.ip))
    identity.authorize(root, public_key)
    identity.write(root, "etc/ssh/sshd_config.d/00-scs-rack-node.conf", _SSHD.format(key=identity.HOST_KEY))
    uplinks = [port.port for port in node.uplinks]
    every = [port for port in (node.mgmt_nic, *uplinks, *(port.port for port in node.external)) if port]
    frr.write(root, frr.Speaker(node.name, node.asn, node.loopback4, node.loopback6), uplinks, bfd=True)
    ports = ",".join(every)
    identity.announce(root, node.name, every)
    network = [f"address replace {node.loopback4}/32 dev lo", f"address replace {node.loopback6}/128 dev lo"]
    if node.mgmt_nic:
        network.append(f"address replace {node.mgmt} dev {node.mgmt_nic}")
    network += [f"link set {port} up" for port in every]
    identity.write(root, INIT, _INIT.format(network="\n".join(network), ports=ports), 0o755)


def command(name: str, root: Path, group: Path) -> list[str]:
    """Command that is the host as long as it runs; called in its network namespace.

    Args:
        name: of the host.
        root: its mounted root folder, made by `prepare`.
        group: the control group that it is started in.
    """
    enter = _ENTER.replace("{init}", INIT)
    return [
        "unshare", "--mount", "--propagation", "private", "--uts", "--ipc", "--pid", "--fork", "--kill-child",
        "sh", "-c", enter, "sh", str(group), str(root), name,
    ]  # fmt: skip

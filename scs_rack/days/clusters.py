"""The clusters of the control plane: who is a member, who is well, and how a dead member is removed.

etcd: `etcdctl -w json`. RabbitMQ: `rabbitmqctl --formatter json`. Galera: its status variables. OVN: ovsdb-server(1),
`cluster/status` and `cluster/kick`. Ceph: `quorum_status`, `mon remove`.
"""

import json
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any, Protocol

from scs_rack.days import ceph
from scs_rack.days.tools import Tools
from scs_rack.errors import StageFailed
from scs_rack.stages.ovn import DATABASES, Cluster, parse_cluster

LONG = 60.0
ETCD = ("--cacert", "/usr/local/share/ca-certificates/scs-rack.crt", "--cert", "/etc/etcd/node.crt")
ETCD_KEY = ("--key", "/etc/etcd/node.key")


@dataclass(frozen=True)
class Members:
    """Of a cluster."""

    known: frozenset[str]
    """Names of all members, as the cluster itself counts them."""
    well: frozenset[str]
    """Those that work."""

    def lives_without(self, node: str) -> bool:
        """True if those that are well are a majority without one of them."""
        return len(self.well - {node}) * 2 > len(self.known)


class Group(Protocol):
    """One of the clusters."""

    @property
    def name(self) -> str:
        """For people."""
        ...

    def members(self, tools: Tools, without: str) -> Members:
        """As the others than one see it."""
        ...

    def retire(self, tools: Tools, node: str) -> bool:
        """Remove a dead member; False if it was none. Read back."""
        ...


def others(tools: Tools, node: str) -> list[str]:
    """Controllers without one.

    Raises:
        StageFailed: there is no other.
    """
    found = [name for name in tools.ctx.design.groups["controller"] if name != node]
    if not found:
        raise StageFailed(f"{node} is the only controller", "a rack with one controller can't go on without it")
    return found


@dataclass(frozen=True)
class Etcd:
    """etcd."""

    name: str = "etcd"

    def members(self, tools: Tools, without: str) -> Members:
        """Members by their list, health by each one's own answer."""
        rows = self._rows(tools, without)
        urls = {url: self._named(tools, row) for row in rows for url in row.get("clientURLs") or []}
        endpoints = ",".join(sorted(urls)) or f"https://{self._address(tools, others(tools, without)[0])}:2379"
        answer = tools.ask(others(tools, without), self._argv(endpoints, "endpoint", "health"), LONG)
        try:
            seen = json.loads(answer.out or "[]")
        except ValueError:
            seen = []
        well = {urls[one["endpoint"]] for one in seen if one.get("health") and one["endpoint"] in urls}
        return Members(frozenset(self._named(tools, row) for row in rows), frozenset(well))

    def retire(self, tools: Tools, node: str) -> bool:
        """`member remove`."""
        mine = [row for row in self._rows(tools, node) if self._named(tools, row) == node]
        for row in mine:
            tools.told(others(tools, node), self._argv(self._own(tools, node), "member", "remove", f"{row['ID']:x}"))
        if any(self._named(tools, row) == node for row in self._rows(tools, node)):
            raise StageFailed(f"etcd has {node} as a member still")
        return bool(mine)

    def _rows(self, tools: Tools, without: str) -> list[dict[str, Any]]:
        said = tools.json(others(tools, without), self._argv(self._own(tools, without), "member", "list"), LONG)
        return list(said["members"])

    def _named(self, tools: Tools, row: dict[str, Any]) -> str:
        """Name of a member; one that has never started has none, but it has an address."""
        hosts = {self._address(tools, name): name for name in tools.ctx.design.groups["controller"]}
        for url in row.get("peerURLs") or []:
            host = str(url).removeprefix("https://").rpartition(":")[0]
            if host in hosts:
                return hosts[host]
        return str(row.get("name") or row["ID"])

    def _own(self, tools: Tools, without: str) -> str:
        return ",".join(f"https://{self._address(tools, name)}:2379" for name in others(tools, without))

    def _address(self, tools: Tools, node: str) -> str:
        return str(tools.ctx.design.nodes[node].loopback4)

    def _argv(self, endpoints: str, *words: str) -> list[str]:
        return ["etcdctl", "--endpoints", endpoints, *ETCD, *ETCD_KEY, "--command-timeout=20s", "-w", "json", *words]


@dataclass(frozen=True)
class Rabbit:
    """RabbitMQ."""

    name: str = "RabbitMQ"

    def members(self, tools: Tools, without: str) -> Members:
        """As one of the others says."""
        said = self._said(tools, without)
        known = {*said.get("disk_nodes", []), *said.get("ram_nodes", []), *said["running_nodes"]}
        return Members(_plain(known), _plain(said["running_nodes"]))

    def retire(self, tools: Tools, node: str) -> bool:
        """`forget_cluster_node`: queues lose their copies there too."""
        if node not in self.members(tools, node).known:
            return False
        if node in self.members(tools, node).well:
            raise StageFailed(f"RabbitMQ runs on {node}", f"only a member that is stopped can be forgotten; see {node}")
        tools.told(others(tools, node), ["rabbitmqctl", "-q", "forget_cluster_node", f"rabbit@{node}"], 120)
        if node in self.members(tools, node).known:
            raise StageFailed(f"RabbitMQ has {node} as a member still")
        return True

    def _said(self, tools: Tools, without: str) -> Any:
        argv = ["rabbitmqctl", "-q", "cluster_status", "--formatter", "json"]
        return tools.json(others(tools, without), argv, 90)


def _plain(names: Iterable[str]) -> frozenset[str]:
    return frozenset(name.partition("@")[2] for name in names)


@dataclass(frozen=True)
class Galera:
    """MariaDB."""

    name: str = "Galera"

    def members(self, tools: Tools, without: str) -> Members:
        """Each of the others by itself: those that are in the primary component, and hold all data."""
        controllers = tools.ctx.design.groups["controller"]
        names = "'wsrep_cluster_status', 'wsrep_local_state_comment'"
        ask = ["mariadb", "-N", "-B", "-e", f"SHOW GLOBAL STATUS WHERE Variable_name IN ({names})"]
        well = set()
        for name in controllers:
            answer = tools.runner.run(name, ask, 20) if name != without else None
            if answer is not None and answer.ok:
                seen = dict(line.split("\t", 1) for line in answer.out.splitlines() if "\t" in line)
                if seen == {"wsrep_cluster_status": "Primary", "wsrep_local_state_comment": "Synced"}:
                    well.add(name)
        return Members(frozenset(controllers), frozenset(well))

    def retire(self, tools: Tools, node: str) -> bool:
        """Nothing: a node that is gone is no member; a new one takes a copy of all data by itself."""
        del tools, node
        return False


@dataclass(frozen=True)
class Ovn:
    """One of OVN's databases."""

    short: str

    @property
    def name(self) -> str:
        """Its schema."""
        return DATABASES[self.short]

    def members(self, tools: Tools, without: str) -> Members:
        """Members by address; those are well that say so themselves."""
        seen = self._seen(tools, without)
        known = {name for name, cluster in seen.items() if cluster.member}
        hosts = {str(tools.ctx.design.nodes[name].loopback4): name for name in tools.ctx.design.groups["controller"]}
        known |= {hosts.get(address, address) for cluster in seen.values() for address in cluster.silent}
        well = {name for name, one in seen.items() if one.member and one.leader != "unknown"}
        return Members(frozenset(known), frozenset(well))

    def retire(self, tools: Tools, node: str) -> bool:
        """`cluster/kick`, at the leader."""
        if node not in self.members(tools, node).known:
            return False
        leader = next((name for name, one in self._seen(tools, node).items() if one.role == "leader"), None)
        if leader is None:
            raise StageFailed(f"{self.name} has no leader among {', '.join(others(tools, node))}", "wait for one")
        address = tools.ctx.design.nodes[node].loopback4
        tools.told([leader], self._argv("cluster/kick", f"ssl:{address}:{_PEER[self.short]}"))
        waited = 0
        while node in self.members(tools, node).known:
            if waited > 30 or tools.pause(1.0):
                raise StageFailed(f"{self.name} has {node} as a member still")
            waited += 1
        return True

    def _seen(self, tools: Tools, without: str) -> dict[str, Cluster]:
        found = {}
        for name in others(tools, without):
            answer = tools.runner.run(name, self._argv("cluster/status"), 20)
            cluster = parse_cluster(answer.out) if answer.ok else None
            if cluster is not None:
                found[name] = cluster
        return found

    def _argv(self, command: str, *words: str) -> list[str]:
        control = f"/run/ovn/ovn{self.short}_db.ctl"
        return ["ovn-appctl", "--timeout=10", "-t", control, command, self.name, *words]


_PEER = {"nb": 6643, "sb": 6644}
"""Ports that members of the databases speak at among themselves."""


@dataclass(frozen=True)
class Mon:
    """Ceph's monitors."""

    name: str = "Ceph's monitors"

    def members(self, tools: Tools, without: str) -> Members:
        """As the quorum says."""
        known, quorum = ceph.of(tools, without).quorum()
        return Members(frozenset(known), frozenset(quorum))

    def retire(self, tools: Tools, node: str) -> bool:
        """`mon remove`."""
        cluster = ceph.of(tools, node)
        known, quorum = cluster.quorum()
        if node not in known:
            return False
        if node in quorum:
            raise StageFailed(f"mon.{node} is in the quorum", "a monitor that works is not replaced")
        cluster.order("mon", "remove", node)
        if node in cluster.quorum()[0]:
            raise StageFailed(f"the monitors' map has {node} still")
        return True


GROUPS: tuple[Group, ...] = (Mon(), Etcd(), Galera(), Rabbit(), Ovn("nb"), Ovn("sb"))
"""In the order in which dead members are removed."""

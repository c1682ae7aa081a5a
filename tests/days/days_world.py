"""A rack in service that answers as its tools do (forms of Ceph 18, etcd 3.5, RabbitMQ 4, MariaDB 11, OVN 25, Nova's
API), changes when it is ordered to, and remembers what it was ordered.

Numbers and names are the lab's; node4 is in service here too, with storage and compute.
"""

import functools
import json
import uuid
from dataclasses import dataclass, field
from pathlib import Path

from played_cloud import Agent, Compute, Placing

from scs_rack import clouds
from scs_rack.days.nova import Nova
from scs_rack.days.rackfile import with_state
from scs_rack.days.tools import Tools
from scs_rack.design import make_design
from scs_rack.engine.stage import Context
from scs_rack.errors import Unreachable
from scs_rack.model.load import load_rack
from scs_rack.remote import SSH_FAILED, Answer
from scs_rack.results import Result

LAB = Path(__file__).resolve().parents[2] / "inventory/lab/rack.yml"
CONTROLLERS = ("node1", "node2", "node3")
OVN_STATUS = """{sid}
Name: OVN_Northbound
Cluster ID: 4b8e (4b8e9a34-0a7a-4d9b-9f0f-3d1f6b1c2a10)
Server ID: {sid} ({sid}7c1d-6a0a-4f53-8a5e-6f1c1a2b3c4d)
Address: ssl:{address}:{port}
Status: cluster member
Role: {role}
Term: 3
Leader: {leader}
Vote: {leader}

Election timer: 3000
Log: [2, 148]
Entries not yet committed: 0
Entries not yet applied: 0
Connections: ->0000 ->0000 <-c3d4 <-e5f6
Disconnections: 0
Servers:
{servers}
"""


def uuid_of(number):
    """UUID of the OSD on osd0 of a node, as the role makes it."""
    fsid = _design(LAB.parent, LAB.read_text()).fsid
    return str(uuid.uuid5(uuid.UUID(fsid), f"node{number + 1}/osd0"))


@dataclass
class World:
    """Everything that answers."""

    rack_dir: Path
    alive: set = field(default_factory=lambda: {"node1", "node2", "node3", "node4"})
    on: set = field(default_factory=lambda: {"node1", "node2", "node3", "node4"})
    deaf_bmcs: set = field(default_factory=set)
    ordered: list = field(default_factory=list)
    units: dict = field(default_factory=dict)
    osds: dict = field(default_factory=dict)
    noout: set = field(default_factory=set)
    buckets: list = field(default_factory=lambda: ["node1", "node2", "node3", "node4"])
    mons: list = field(default_factory=lambda: list(CONTROLLERS))
    etcd: list = field(default_factory=lambda: list(CONTROLLERS))
    rabbit: list = field(default_factory=lambda: list(CONTROLLERS))
    ovn: dict = field(default_factory=lambda: {"nb": list(CONTROLLERS), "sb": list(CONTROLLERS)})
    galera: dict = field(default_factory=lambda: dict.fromkeys(CONTROLLERS, "Synced"))
    gateways: dict = field(default_factory=lambda: {"cr-lrp-1": "node2", "cr-lrp-2": "node1"})
    options: dict = field(default_factory=lambda: dict.fromkeys(CONTROLLERS, "enable-chassis-as-gw"))
    chassis: set = field(default_factory=lambda: {"node1", "node2", "node3", "node4"})
    moving: int = 0
    """Looks until data has moved off OSDs that were taken out."""
    not_ok: dict = field(default_factory=dict)
    """What `ok-to-stop` adds to a bad verdict."""
    used: float = 0.2
    wiped: list = field(default_factory=list)
    labels: dict = field(default_factory=dict)
    """UUIDs of OSDs on disks, by host."""
    serials: dict = field(default_factory=dict)
    checks: dict = field(default_factory=dict)
    providers: dict = field(default_factory=dict)
    """Shares of guests, by provider and guest."""

    def __post_init__(self):
        for number, host in enumerate(self.buckets):
            self.osds[number] = {"host": host, "up": 1, "in": 1, "weight": 0.00729}
        self.compute = Compute(self)
        for number, host in enumerate(sorted(self.alive)):
            one = {"binary": "nova-compute", "status": "enabled", "state": "up", "forced_down": False}
            self.compute.services[f"s{number}"] = {"id": f"s{number}", "host": host, "disabled_reason": None, **one}
        self.network = self
        self.placement = Placing(self)
        self.labels = {host: [uuid_of(number)] for number, host in enumerate(self.buckets)}
        self.providers = {f"rp-{host}": {} for host in sorted(self.alive)}
        self.agents_kept = [Agent(host, "ovn-controller") for host in sorted(self.alive)]

    def guest(self, name, host, status="ACTIVE", **more):
        self.compute.guests[f"id-{name}"] = {"id": f"id-{name}", "name": name, "host": host, "status": status, **more}

    def die(self, node, off=True):
        """Lose a server."""
        self.alive.discard(node)
        if off:
            self.on.discard(node)
        for one in self.compute.services.values():
            if one["host"] == node:
                one["state"] = "down"
        for osd in self.osds.values():
            if osd["host"] == node:
                osd["up"] = 0
        for port, place in self.gateways.items():  # others see by BFD that it is gone, and take over
            self.gateways[port] = min(self.alive & set(CONTROLLERS)) if place == node else place

    # --- Neutron's agents (openstacksdk's proxy)
    def agents(self):
        return [agent for agent in self.agents_kept if agent.host in self.chassis]

    def delete_agent(self, agent):
        self.agents_kept.remove(agent)

    # --- BMCs
    def is_on(self, name):
        if name in self.deaf_bmcs:
            raise Unreachable(f"{name}: no answer")
        return name in self.on

    def switch(self, name, action):
        self.ordered.append(f"power {action} {name}")
        if action == "on":
            self.on.add(name)
            self.alive.add(name)
        else:
            self.on.discard(name)
            self.die(name)
        return Result(name, f"power {action}", changed=True)

    # --- nodes
    def run(self, host, argv, timeout=30.0):
        if host not in self.alive:
            return Answer(host, SSH_FAILED, "", f"ssh: connect to host {host} port 22: No route to host", 0.1)
        words = list(argv)
        tool = getattr(self, f"_{words[0].replace('-', '_')}")
        done = tool(host, words[1:])
        code, out = done if isinstance(done, tuple) else (0, done)
        both = words[0] == "etcdctl"  # tells the health of all, and by its exit code that one is ill
        return Answer(host, code, out if code in (0, 16) or both else "", "" if code == 0 else str(out), 0.1)

    def _true(self, host, words):
        return ""

    def _sh(self, host, words):
        text = words[1]
        if text.startswith("systemctl disable"):
            self.chassis.discard(host) if "ovn-controller" in text else None
            self.ordered.append(f"{host}: {text.split('2>')[0].strip()}")
            for unit in text.split():
                self.units[host, unit] = "inactive"
            return ""
        if "rm -rf" in text:
            self.labels[host] = []
            self.ordered.append(f"{host}: unprepare osd.{words[3]} {words[4]}")
            return ""
        if "fallocate" in text:
            self.wiped.append((host, words[-1]))
            return ""
        raise AssertionError(text)

    def _systemctl(self, host, words):
        if words[0] == "is-active":
            names = [word for word in words[1:] if not word.startswith("-")]
            states = [self.units.get((host, name), "active") for name in names]
            return (0 if set(states) == {"active"} else 3), "\n".join(states)
        self.ordered.append(f"{host}: systemctl {' '.join(words)}")
        for name in words[1:]:
            self.units[host, name] = "active" if words[0] == "start" else "inactive"
            if name.startswith("ceph-osd@") and words[0] != "start":
                self.osds[int(name.partition("@")[2])]["up"] = 0
        return ""

    def _lsblk(self, host, words):
        serial = self.serials.get((host, words[-1]))
        return json.dumps({"blockdevices": [{"serial": serial, "wwn": None, "model": "X"}]}) if serial else (32, "")

    def _ledctl(self, host, words):
        self.ordered.append(f"{host}: ledctl {words[0]}")
        return "" if self.serials else (127, "ledctl: not found")

    def _test(self, host, words):
        return ""

    def _virsh(self, host, words):
        return "\n".join(one["id"] for one in self.compute.guests.values() if one["host"] == host and one.get("awake"))

    # --- Ceph
    def _ceph(self, host, words):  # noqa: C901, PLR0912 (a list of commands)
        words = words[2 : words.index("--format")]
        if not self._majority(self.mons):
            return 1, "Error connecting to cluster: ObjectTimedOut"
        command = " ".join(words)
        answers = {
            "osd tree": self._tree,
            "osd dump": self._dump,
            "status": self._status,
            "quorum_status": self._quorum,
            "osd df": self._df,
        }
        if command in answers:
            return "\n" + json.dumps(answers[command]()) + "\n"
        ids = [int(word) for word in words if word.isdigit()]
        if command.startswith("osd ok-to-stop"):
            return self._ok_to_stop(ids)
        if command.startswith("osd safe-to-destroy"):
            return self._safe_to_destroy(ids)
        self.ordered.append(f"ceph {command}")
        if command.startswith("osd out"):
            for number in ids:
                self.osds[number]["in"] = 0
        elif command.startswith("osd set-group"):
            self.noout.add(words[-1])
        elif command.startswith("osd unset-group"):
            self.noout.discard(words[-1])
        elif command.startswith("osd purge"):
            if self.osds[ids[0]]["up"]:
                return 1, f"Error EBUSY: osd.{ids[0]} is not `down`."
            del self.osds[ids[0]]
        elif command.startswith("config rm"):
            assert words[-1] == "osd_crush_initial_weight"
            self.ordered.pop()  # it says yes to what is not there
        elif command.startswith("osd crush rm"):
            self.buckets.remove(words[-1])
        elif command.startswith("mon remove"):
            self.mons.remove(words[-1])
        else:
            raise AssertionError(command)
        return ""

    def _tree(self):
        nodes = [{"id": -1, "name": "default", "type": "root", "type_id": 11, "children": []}]
        for number, host in enumerate(self.buckets):
            children = [osd for osd, one in self.osds.items() if one["host"] == host]
            nodes.append({"id": -3 - number, "name": host, "type": "host", "type_id": 1, "children": children})
            for osd in children:
                one = self.osds[osd]
                status = {"status": "up" if one["up"] else "down", "reweight": float(one["in"]), "exists": 1}
                row = {"id": osd, "name": f"osd.{osd}", "type": "osd", "type_id": 0, "crush_weight": one["weight"]}
                nodes.append(row | status)
        return {"nodes": nodes, "stray": []}

    def _dump(self):
        rows = [
            {"osd": number, "uuid": uuid_of(number), "up": one["up"], "in": one["in"],
             "state": ["exists", "up"] if one["up"] else ["exists"]}
            for number, one in self.osds.items()
        ]  # fmt: skip
        return {
            "osds": rows,
            "pools": [{"pool": 1, "pool_name": ".mgr", "size": 3}, {"pool": 2, "pool_name": "vms", "size": 3}],
            "flags_set": ["purged_snapdirs", "recovery_deletes", "sortbitwise"],
            "crush_node_flags": {host: ["noout"] for host in sorted(self.noout)},
            "nearfull_ratio": 0.8500000238418579,
        }

    def _status(self):
        states = [{"state_name": "active+clean", "count": 97}]
        more = {}
        if self.moving:
            states.append({"state_name": "active+remapped+backfilling", "count": 12})
            more = {"misplaced_objects": 400, "misplaced_total": 1200, "misplaced_ratio": self.moving / 10}
        health = {"status": "HEALTH_WARN" if self.checks else "HEALTH_OK", "checks": self.checks}
        return {"pgmap": {"pgs_by_state": states, "num_pgs": 97, **more}, "health": health}

    def _quorum(self):
        names = [name for name in self.mons if name in self.alive]
        return {
            "quorum_names": names,
            "monmap": {"mons": [{"rank": n, "name": name} for n, name in enumerate(self.mons)]},
        }

    def _df(self):
        size = 7_812_500
        return {
            "nodes": [
                {
                    "id": number,
                    "kb": size,
                    "kb_used": int(size * self.used),
                    "reweight": one["in"],
                    "crush_weight": 0.01,
                }
                for number, one in self.osds.items()
            ]
        }

    def _ok_to_stop(self, ids):
        report = {"ok_to_stop": not self.not_ok, "osds": ids, "num_ok_pgs": 97, "num_not_ok_pgs": 0, **self.not_ok}
        return (16, json.dumps(report) + "\n") if self.not_ok else json.dumps(report) + "\n"

    def _safe_to_destroy(self, ids):
        held = [number for number in ids if self.osds[number]["in"]]
        if held or self.moving:
            self.moving = max(0, self.moving - 1)
            report = {"safe_to_destroy": [], "active": held, "missing_stats": [], "stored_pgs": [] if held else ids}
            return json.dumps(report) + "\n"
        return json.dumps({"safe_to_destroy": ids, "active": [], "missing_stats": [], "stored_pgs": []}) + "\n"

    def _ceph_bluestore_tool(self, host, words):
        found = self.labels.get(host, [])
        if not found:
            return 1, "unable to read label for /srv/disks/osd0: (2) No such file or directory"
        return json.dumps({words[-1]: {"osd_uuid": found[0], "size": 8000000000, "whoami": "3", "mkfs_done": "yes"}})

    # --- clusters
    def _majority(self, members):
        return len(self.alive & set(members)) * 2 > len(members)

    def _etcdctl(self, host, words):
        endpoints = words[1].split(",")
        command = words[words.index("json") + 1 :]
        known = {f"https://10.91.0.{name[-1]}:2379": name for name in CONTROLLERS}
        if command == ["endpoint", "health"]:
            rows = []
            for one in endpoints:
                good = known[one] in self.alive and self._majority(self.etcd)
                more = {} if good else {"error": "context deadline exceeded"}
                rows.append({"endpoint": one, "health": good, "took": "9.6ms", **more})
            return (0 if all(row["health"] for row in rows) else 1), json.dumps(rows)
        if not self._majority(self.etcd):
            return 1, '{"level":"warn","msg":"retrying of unary invoker failed"}\nError: context deadline exceeded'
        if command[:2] == ["member", "remove"]:
            number = int(command[2], 16) - 0xA1B2C3D4E5F60000
            self.etcd.remove(f"node{number}")
            self.ordered.append(f"etcd remove node{number}")
            return json.dumps({"header": {}, "members": []})
        rows = [
            {"ID": 0xA1B2C3D4E5F60000 + int(name[-1]), "name": name, "peerURLs": [f"https://10.91.0.{name[-1]}:2380"],
             "clientURLs": [f"https://10.91.0.{name[-1]}:2379"]}
            for name in self.etcd
        ]  # fmt: skip
        return json.dumps({"header": {"cluster_id": 1, "member_id": 2, "raft_term": 3}, "members": rows})

    def _rabbitmqctl(self, host, words):
        if "forget_cluster_node" in words:
            name = words[-1].removeprefix("rabbit@")
            if name in self.alive:
                return 70, f"Error:\nRabbitMQ on node rabbit@{name} must be stopped first"
            self.rabbit.remove(name)
            self.ordered.append(f"rabbitmq forget {name}")
            return ""
        running = [f"rabbit@{name}" for name in self.rabbit if name in self.alive]
        disks = [f"rabbit@{name}" for name in self.rabbit]
        rest = {"alarms": [], "partitions": {}, "ram_nodes": [], "cluster_name": "rabbit@node1", "versions": {}}
        return json.dumps({"running_nodes": running, "disk_nodes": disks, **rest})

    def _mariadb(self, host, words):
        state = self.galera[host]
        primary = "Primary" if state == "Synced" else "non-Primary"
        return f"wsrep_local_state_comment\t{state}\nwsrep_cluster_status\t{primary}\n"

    def _ovn_appctl(self, host, words):
        short = words[2].removeprefix("/run/ovn/ovn")[:2]
        members = self.ovn[short]
        living = [name for name in members if name in self.alive]
        leader = living[0] if len(living) * 2 > len(members) else None
        if words[3] == "cluster/kick":
            assert host == leader, "only the leader removes others"
            address = words[5].removeprefix("ssl:").rpartition(":")[0]
            members.remove(f"node{address[-1]}")
            self.ordered.append(f"ovn {short} kick node{address[-1]}")
            return "started removal\n"
        port = {"nb": 6643, "sb": 6644}[short]
        lines = [
            f"    a{name[-1]}b{name[-1]} (a{name[-1]}b{name[-1]} at ssl:10.91.0.{name[-1]}:{port})"
            + (" (self)" if name == host else " last msg 812 ms ago")
            for name in members
        ]
        told = "unknown" if leader is None else "self" if leader == host else f"a{leader[-1]}b{leader[-1]}"
        role = "leader" if leader == host else "follower"
        address = f"10.91.0.{host[-1]}"
        return OVN_STATUS.format(
            sid=f"a{host[-1]}b{host[-1]}", address=address, port=port, role=role, leader=told, servers="\n".join(lines)
        )

    # --- OVN's southbound database, Open vSwitch
    def _ovn_sbctl(self, host, words):
        text = " ".join(words)
        if "chassis-del" in text or "destroy Chassis_Private" in text:
            self.ordered.append(f"ovn {words[-2]} {words[-1]}")
            self.chassis.discard(words[-1])
            return ""
        if "list Chassis" in text:
            data = [
                [name, ["map", [["ovn-cms-options", self.options.get(name, "")], ["is-interconn", "false"]]]]
                for name in sorted(self.chassis)
            ]
            return json.dumps({"data": data, "headings": ["name", "other_config"]})
        if "Port_Binding" in text:
            data = [[port, ["uuid", f"uuid-{place}"]] for port, place in self.gateways.items()] + [
                ["cr-x", ["set", []]]
            ]
            return json.dumps({"data": data, "headings": ["logical_port", "chassis"]})
        name = words[-1].removeprefix("name=")
        row = ["uuid", f"uuid-{name}"] if "_uuid" in text else name
        return json.dumps({"data": [[row]] if name in self.chassis else [], "headings": ["x"]})

    def _ovs_vsctl(self, host, words):
        if "get" in words:
            return f'"{self.options.get(host, "")}"\n' if host in self.options else '""\n'
        self.options[host] = words[-1].partition("=")[2].strip('"')
        self.ordered.append(f"{host}: cms-options {self.options[host]!r}")
        if not self.options[host]:
            free = [name for name in sorted(self.chassis) if self.options.get(name) and name in self.alive]
            for port, place in self.gateways.items():
                self.gateways[port] = free[0] if place == host and free else place
        return ""


def rack(tmp_path, *, node4="active"):
    """A rack folder with node4 in service, and its state folder."""
    folder, state = tmp_path / "lab", tmp_path / "state"
    folder.mkdir()
    state.mkdir()
    (folder / "rack.yml").write_text(with_state(LAB.read_text(), "node4", node4))
    clouds.clouds_file(state).touch()
    return folder, state


@functools.cache
def _design(folder, text):
    return make_design(load_rack(folder))


def context(folder, state):
    """What stages are given."""
    return Context(_design(folder, (folder / "rack.yml").read_text()), folder, state, state, {})


def maker(world):
    """Makes tools that act on a world."""

    def make(ctx):
        tools = Tools(ctx, world, world)
        tools.pause = lambda _seconds: False
        tools.__dict__["connection"] = world
        tools.__dict__["nova"] = Nova(world.compute)
        return tools

    return make

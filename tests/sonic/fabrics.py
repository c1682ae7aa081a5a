"""Random racks of all sizes, switch models and releases, with options; each passes the checks of the rack file."""

import json
import tempfile
from itertools import pairwise
from pathlib import Path

from hypothesis import assume
from hypothesis import strategies as st

from scs_rack.design import Design, make_design
from scs_rack.model.load import load_rack
from scs_rack.model.portmap import load_portmap, portmap_names, speed_name

from .options import switchings

RELEASES = ("202411", "202505", "202511", "202605")
OOB_MODELS = ("lab-oob-24", "accton-as4630-54te")
LEAF_MODELS = tuple(name for name in portmap_names() if name not in OOB_MODELS)
SPINE_MODELS = tuple(name for name in LEAF_MODELS if not name.startswith("lab-"))


class Cabler:
    """Gives out free ports of switches."""

    def __init__(self, switches):
        self.free = {
            name: dict(load_portmap(one["model"]).with_breakouts(one.get("breakouts", {})))
            for name, one in switches.items()
        }
        self.cables = []

    def take(self, switch, speed=None, *, last=False):
        """A free port that can run at a speed."""
        fitting = [name for name, port in self.free[switch].items() if speed is None or speed in port.speeds]
        assume(fitting)  # else the switch is full
        name = fitting[-1 if last else 0]
        return f"{switch}:{name}", self.free[switch].pop(name)

    def plug(self, end, switch, speed):
        self.cables.append([end, self.take(switch, speed)[0]])

    def join(self, one, two):
        """A cable between two switches at the highest speed that both have free."""
        speeds = [{speed for port in self.free[name].values() for speed in port.speeds} for name in (one, two)]
        assume(speeds[0] & speeds[1])  # else there are too few fast ports for so many cables
        speed = max(speeds[0] & speeds[1])
        ends = [self.take(name, speed, last=True)[0] for name in (one, two)]
        self.cables.append(ends)
        return [end.partition(":")[2] for end in ends]

    def room(self, switch, ports):
        return len(self.free[switch]) > ports


def _speeds(model):
    return {speed for port in load_portmap(model).ports.values() for speed in port.speeds}


@st.composite
def _switches(draw):
    leaf_model = draw(st.sampled_from(LEAF_MODELS))
    spine_models = [name for name in SPINE_MODELS if max(_speeds(leaf_model)) in _speeds(name)]
    spines = draw(st.integers(0, 4)) if spine_models else 0
    models = {f"leaf{n}": leaf_model for n in range(1, (draw(st.integers(2, 6)) if spines else 2) + 1)}
    models |= {f"spine{n}": draw(st.sampled_from(spine_models)) for n in range(1, spines + 1)}
    models |= {f"oob{n}": draw(st.sampled_from(OOB_MODELS)) for n in range(1, draw(st.integers(1, 3)) + 1)}
    mixed = draw(st.booleans())
    release = draw(st.sampled_from(RELEASES))
    switches = {}
    for number, (name, model) in enumerate(models.items()):
        switches[name] = one = {
            "model": model,
            "role": name.rstrip("0123456789"),
            "unit": 12 + 2 * number,
            "feeds": ["A"],
            "release": draw(st.sampled_from(RELEASES)) if mixed else release,
            "breakouts": {},
        }
        ports = [port for port in load_portmap(model).ports.values() if port.breakouts]
        for port in ports[: draw(st.integers(0, 3))] if name.startswith("leaf") else []:
            one["breakouts"][port.name] = draw(st.sampled_from(port.modes))
    return switches


def _pair(cabler, switches, speed):
    """Make leaf1 and leaf2 a pair with two cables between them and one LAG that both have."""
    links = [cabler.join("leaf1", "leaf2") for _ in range(2)]
    shared = [cabler.take(name, speed)[0].partition(":")[2] for name in ("leaf1", "leaf2")]
    for position, name in enumerate(("leaf1", "leaf2")):
        switches[name]["lags"] = {
            "PortChannel99": {"ports": [link[position] for link in links]},
            "PortChannel1": {"ports": [shared[position]], "tagged": [100], "shared": True},
        }
    return {"switches": ["leaf1", "leaf2"], "peer_link": "PortChannel99", "vtep": "10.91.0.250"}


def _cable_servers(draw, cabler, leaves, oobs, speed):
    servers = {}
    for number in range(1, draw(st.integers(1, 8)) + 1):
        one, two = draw(st.permutations(leaves))[:2]
        if not (cabler.room(one, 6) and cabler.room(two, 6)):
            break
        roles = ["compute"] if number > 1 else ["control", "compute", "network", "storage"]
        servers[f"node{number}"] = {"model": "box", "unit": number, "roles": roles, "feeds": ["A"]}
        cabler.plug(f"node{number}:bmc", oobs[0], 1000)
        cabler.plug(f"node{number}:mgmt0", oobs[-1], 1000)
        for nic, leaf in (("up0", one), ("up1", two), ("ext0", one)):
            cabler.plug(f"node{number}:{nic}", leaf, speed)
    return servers


def _cable_switches(cabler, leaves, spines, oobs, speed):
    for switch in (*leaves, *spines):
        cabler.plug(f"{switch}:eth0", oobs[0], 1000)
    cabler.plug("manager:oob", oobs[0], 1000)
    for leaf, nic in zip(leaves, ("up0", "up1"), strict=False):
        cabler.plug(f"manager:{nic}", leaf, speed)
    for one, two in pairwise(oobs):
        cabler.join(one, two)


def _layer2(draw, pair):
    segments, vrfs = {"public": {"vlan": 100}, "other": {"vlan": 300}}, {}
    if draw(st.booleans()):
        segments["public"]["vni"] = 10100
        if draw(st.booleans()):
            vrfs = {"Vrfblue": {"vni": 50001, "vlan": 3001}}
            gateways = {"gateway4": "10.30.0.1/24", "gateway6": "fd00:30::1/64"}
            segments["other"] |= {"vni": 10300, "vrf": "Vrfblue", **gateways}
    return {"segments": segments, "vrfs": vrfs, **({"pairs": [pair]} if pair else {})}


def _box(speed):
    uses = {"mgmt0": ("1G", "mgmt"), "up0": (speed, "uplink"), "up1": (speed, "uplink"), "ext0": (speed, "external")}
    return {
        "cpus": 2,
        "memory_gib": 8,
        "power_w": 100,
        "disks": {"root": {"size_gb": 20, "use": "root"}, "data": {"size_gb": 20, "use": "osd"}},
        "nics": {nic: {"speed": one, "use": use} for nic, (one, use) in uses.items()},
    }


@st.composite
def racks(draw):
    """A rack file as data."""
    switches = draw(_switches())
    leaves, spines, oobs = ([name for name in switches if name.startswith(role)] for role in ("leaf", "spine", "oob"))
    cabler = Cabler(switches)
    plain = load_portmap(switches["leaf1"]["model"]).ports
    speed = list(plain.values())[len(plain) // 2].speed
    pair = _pair(cabler, switches, speed) if draw(st.booleans()) and len(plain) >= 32 else None
    for spine in spines:
        for leaf in leaves:
            cabler.join(leaf, spine)
    servers = _cable_servers(draw, cabler, leaves, oobs, speed)
    _cable_switches(cabler, leaves, spines, oobs, speed)
    oob = {"purpose": "oob", "vlan": draw(st.integers(2, 99)), "prefix": "10.90.0.0/23", "gateway": "10.90.1.254"}
    return {
        "name": "random",
        "pools": {"loopback4": "10.91.0.0/24", "loopback6": "fd5c:5::/64", "asn": "4210091001-4210091999"},
        "networks": {"oob": oob, "public": {"purpose": "external", "vlan": 100, "prefix": "10.92.0.0/24"}},
        "power": {"feeds": {"A": {"capacity_w": 999000}}},
        "server_models": {"box": _box(speed_name(speed))},
        "cloud": {"ceph": {"replicas": 1}},
        "manager": {"nics": {"oob": "mgmt", "up0": "uplink", "up1": "uplink"}},
        "switches": switches,
        "servers": servers,
        "cables": cabler.cables,
        "layer2": _layer2(draw, pair),
    }


@st.composite
def fabrics(draw) -> Design:
    """A design of a random rack with random options of its switches."""
    data = draw(racks())
    with tempfile.TemporaryDirectory() as folder:
        (Path(folder) / "rack.yml").write_text(json.dumps(data))
        rack = load_rack(folder)
    return make_design(rack.model_copy(update={"switching": draw(switchings())}))

"""Racks for tests: the ones that are shipped, and random ones."""

from pathlib import Path

from hypothesis import strategies as st

from scs_rack.design import Design, make_design
from scs_rack.model import Rack
from scs_rack.model.load import load_rack
from scs_rack.model.portmap import load_portmap

INVENTORY = Path(__file__).parents[2] / "inventory"
LEAF_MODELS = ("lab-leaf-16", "accton-as7326-56x", "accton-as5835-54x")
OOB_MODELS = ("lab-oob-24", "accton-as4630-54te")
SPINE_MODEL = "accton-as7726-32x"


def shipped(name: str) -> Design:
    """Design of a rack file in inventory/."""
    return make_design(load_rack(INVENTORY / name))


class _Cabler:
    """Takes the next free port of a switch for each cable."""

    def __init__(self, switches: dict) -> None:
        self.free = {
            name: list(load_portmap(one["model"]).with_breakouts(one.get("breakouts", {})))
            for name, one in switches.items()
        }
        self.cables: list[list[str]] = []

    def plug(self, end: str, switch: str, *, last: bool = False) -> None:
        self.cables.append([end, f"{switch}:{self.free[switch].pop(-1 if last else 0)}"])

    def join(self, one: str, two: str) -> None:
        self.plug(f"{one}:{self.free[one].pop()}", two, last=True)


_COMMON = {
    "name": "random",
    "pools": {"loopback4": "10.91.0.0/24", "loopback6": "fd5c:5::/64", "asn": "4210091001-4210091999"},
    "power": {"feeds": {"A": {"capacity_w": 99000}}},
    "server_models": {
        "box": {
            "cpus": 2, "memory_gib": 8, "power_w": 100, "disks": {"root": {"size_gb": 20, "use": "root"}},
            "nics": {
                "mgmt0": {"speed": "1G", "use": "mgmt"}, "up0": {"speed": "25G", "use": "uplink"},
                "up1": {"speed": "10G", "use": "uplink"}, "ext0": {"speed": "25G", "use": "external"},
            },
        }
    },
    "manager": {"nics": {"oob": "mgmt", "up0": "uplink", "up1": "uplink"}},
}  # fmt: skip


@st.composite
def _networks(draw: st.DrawFn) -> dict:
    networks = {"oob": {"purpose": "oob", "vlan": draw(st.integers(2, 99)), "prefix": "10.90.0.0/24"}}
    if draw(st.booleans()):
        networks["oob"]["gateway"] = "10.90.0.1"
    for number in range(draw(st.integers(0, 2))):
        networks[f"public{number}"] = {"purpose": "external", "vlan": 100 + number, "prefix": f"10.92.{number}.0/24"}
    return networks


@st.composite
def designs(draw: st.DrawFn) -> Design:
    """A valid rack: leaves, perhaps spines, out-of-band switches, servers with one or two external networks."""
    release = draw(st.sampled_from(["202411", "202505"]))
    leaf_model = draw(st.sampled_from(LEAF_MODELS))
    leaves = [f"leaf{n}" for n in range(1, draw(st.integers(2, 4)) + 1)]
    most_spines = 0 if leaf_model == "lab-leaf-16" else 2  # it has no port as fast as a spine's
    spines = [f"spine{n}" for n in range(1, draw(st.integers(0, most_spines)) + 1)]
    oobs = [f"oob{n}" for n in range(1, draw(st.integers(1, 2)) + 1)]
    models = dict.fromkeys(leaves, leaf_model) | dict.fromkeys(spines, SPINE_MODEL)
    models |= dict.fromkeys(oobs, draw(st.sampled_from(OOB_MODELS)))
    roles = {"leaf": "leaf", "spin": "spine", "oob1": "oob", "oob2": "oob"}
    switches = {
        name: {"model": model, "role": roles[name[:4]], "unit": 10 + number, "release": release}
        for number, (name, model) in enumerate(models.items())
    }
    if leaf_model != "lab-leaf-16" and draw(st.booleans()):
        port = next(port for port in load_portmap(leaf_model).ports.values() if port.breakouts)
        switches["leaf1"]["breakouts"] = {port.name: draw(st.sampled_from(port.modes))}
    cabler = _Cabler(switches)
    servers = {}
    for number in range(1, draw(st.integers(1, 5)) + 1):
        name, pair = f"node{number}", draw(st.permutations(leaves))[:2]
        servers[name] = {
            "model": "box", "unit": number, "roles": ["compute"] if number % 2 == 0 else ["control", "compute"],
            "state": draw(st.sampled_from(["active", "active", "spare"])) if number > 1 else "active",
        }  # fmt: skip
        cabler.plug(f"{name}:bmc", oobs[0])
        cabler.plug(f"{name}:mgmt0", oobs[-1])
        for nic, leaf in zip(("up0", "up1", "ext0"), (*pair, pair[0]), strict=True):
            cabler.plug(f"{name}:{nic}", leaf)
    for switch in (*leaves, *spines):
        cabler.plug(f"{switch}:eth0", oobs[0])
    cabler.plug("manager:oob", oobs[0])
    for leaf, nic in zip(leaves, ("up0", "up1"), strict=False):
        cabler.plug(f"manager:{nic}", leaf)
    for spine in spines:
        for leaf in leaves:
            cabler.join(leaf, spine)
    if len(oobs) == 2:
        cabler.join(*oobs)
    rack = {
        **_COMMON,
        "networks": draw(_networks()),
        "switches": switches,
        "servers": servers,
        "cables": cabler.cables,
        "cloud": {"api_address4": draw(st.sampled_from([None, "10.91.0.200", "192.0.2.7"]))},
    }
    return make_design(Rack.model_validate(rack))

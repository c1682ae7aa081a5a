"""Options of switches: one rack that states all of them, and strategies for random ones."""

from functools import cache
from pathlib import Path

import yaml
from hypothesis import strategies as st

from scs_rack.design import Design, make_design
from scs_rack.model import Rack
from scs_rack.model.layer2 import Layer2
from scs_rack.model.switching import Switching
from scs_rack.sonic.site import switch_ports

EXAMPLE = Path(__file__).parents[2] / "inventory/example/rack.yml"
KEY = "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIFexampleexampleexampleexampleexampleexample someone@example"
RELEASES = ("202411", "202505", "202511", "202605", "master")
ALL = f"""
switching:
  bfd: {{fabric: true, hosts: true}}
  management_vrf: true
  max_paths: 32
  out_of_band: {{dhcp_relay: [10.20.0.5, fd00::67]}}
  fence: {{allow: [10.60.0.0/22]}}
  ntp: {{servers: [10.20.0.10, fd00::123]}}
  syslog: {{servers: [10.20.0.11], severity: info}}
  dns: {{servers: [10.20.0.12, fd00::53]}}
  snmp: {{users: {{monitor: {{}}, writer: {{write: true}}}}, contact: noc@example.org}}
  tacacs: {{servers: [10.20.0.13, 10.20.0.14]}}
  banner: {{login: Authorized people only, motd: Be careful}}
  users: {{anna: {{keys: ["{KEY}"]}}, bob: {{role: operator, keys: ["{KEY}"]}}}}
  roce: {{buffers: {{pool: 10875072, pool_xoff: 4194112, size: 1248, xon: 2288, xoff: 85696}}}}
layer2:
  segments:
    provider: {{vlan: 100, vni: 10100}}
    storage: {{vlan: 300, vni: 10300, vrf: Vrfstorage, gateway4: 10.30.0.1/24, gateway6: "fd00:30::1/64"}}
    local: {{vlan: 301}}
  vrfs:
    Vrfstorage: {{vni: 50001, vlan: 3001}}
  pairs:
    - {{switches: [leaf3, leaf4], peer_link: PortChannel99, vtep: 10.21.0.250}}
"""


@cache
def everything(release: str, *, evpn: bool = False) -> Design:
    """The example rack with every option that a release has; leaf3 and leaf4 are a pair.

    Args:
        release: of all switches.
        evpn: the pair shares LAGs by EVPN instead of MC-LAG.
    """
    data = yaml.load(EXAMPLE.read_text(encoding="utf-8"), yaml.BaseLoader) | yaml.load(ALL, yaml.BaseLoader)
    for switch in data["switches"].values():
        switch["release"] = release
    if release >= "202511":
        data["switching"]["dns"]["search"] = ["example.org"]
        data["switching"]["out_of_band"]["spanning_tree"] = "true"
    for name in ("leaf3", "leaf4"):
        data["switches"][name]["lags"] = {
            "PortChannel1": {"ports": ["Ethernet20"], "tagged": ["300", "301"], "shared": "true", "fallback": "true"},
            "PortChannel99": {"ports": ["Ethernet21", "Ethernet22"]},
        }
    if evpn:
        data["layer2"]["pairs"][0] = {"switches": ["leaf3", "leaf4"], "multihoming": "evpn"}
    # a fabric link of two cables, and ports whose devices are not in the file
    data["cables"] += [["leaf1:Ethernet64", "spine1:Ethernet64"], ["leaf1:Ethernet68", "spine1:Ethernet68"]]
    data["switches"]["leaf1"]["lags"] = {"PortChannel7": {"ports": ["Ethernet64", "Ethernet68"]}}
    data["switches"]["spine1"]["lags"] = {"PortChannel3": {"ports": ["Ethernet64", "Ethernet68"]}}
    data["switches"]["leaf1"]["ports"] = {
        "Ethernet23": {"untagged": "300", "speed": "10G", "description": "old storage"},
        "Ethernet24": {"bgp": "fabric", "fec": "none", "autoneg": "true", "mtu": "9216"},
    }
    data["switches"]["leaf2"]["switching"] = {"bfd": {"fabric": "false"}, "ntp": {"servers": []}}
    return make_design(Rack.model_validate(data))


_ADDRESSES = st.lists(st.sampled_from(["192.0.2.1", "192.0.2.2", "2001:db8::1"]), unique=True, max_size=2)


def _maybe(value: st.SearchStrategy) -> st.SearchStrategy:
    return st.one_of(st.none(), value)


@st.composite
def switchings(draw: st.DrawFn) -> Switching:
    """Random options that every release has."""
    users = st.dictionaries(st.sampled_from(["monitor", "noc-1"]), st.fixed_dictionaries({"write": st.booleans()}))
    servers = st.fixed_dictionaries({"servers": _ADDRESSES})
    return Switching.model_validate(
        {
            "bfd": draw(st.fixed_dictionaries({"fabric": st.booleans(), "hosts": st.booleans()})),
            "mtu": draw(st.sampled_from([9000, 9100, 9216])),
            "max_paths": draw(st.integers(1, 256)),
            "management_vrf": draw(st.sampled_from([None, True, False])),
            "out_of_band": {"dhcp_relay": draw(_maybe(_ADDRESSES))},
            "fence": draw(_maybe(st.fixed_dictionaries({"data": st.booleans(), "bmcs": st.booleans()}))),
            "ntp": draw(_maybe(servers)),
            "syslog": draw(_maybe(servers)),
            "dns": draw(_maybe(servers)),
            "snmp": draw(_maybe(st.fixed_dictionaries({"users": users}))),
            "tacacs": draw(_maybe(servers)),
            "banner": draw(_maybe(st.just({"login": "hello"}))),
            "roce": draw(_maybe(st.fixed_dictionaries({"priority": st.integers(1, 5), "watchdog": st.booleans()}))),
        }
    )


@st.composite
def layer2s(draw: st.DrawFn, vlans: list[int]) -> Layer2:
    """Random segments over VLANs that the rack has."""
    segments = {}
    for vlan in vlans:
        routed = draw(st.booleans())
        segments[f"net{vlan}"] = {
            "vlan": vlan,
            "vni": 10_000 + vlan if routed or draw(st.booleans()) else None,
            "vrf": "Vrfa" if routed else None,
            "gateway4": f"10.200.{vlan % 250}.1/24" if routed else None,
        }
    vrfs = {"Vrfa": {"vni": 50_001, "vlan": 4001}} if any(one["vrf"] for one in segments.values()) else {}
    return Layer2.model_validate({"segments": segments, "vrfs": vrfs})


@st.composite
def spare_ports(draw: st.DrawFn, design: Design, switch: str) -> dict[str, dict]:
    """Random purposes of ports of a leaf that have no cable: `ports` and `lags` of its stanza."""
    own = design.switches[switch]
    free = [port for port in switch_ports(own) if port not in own.ports]
    chosen = draw(st.permutations(free))[:6] if len(free) > 6 else []
    vlans = [network.vlan for network in design.rack.networks.values() if network.purpose == "external"]
    purposes = [{"bgp": "fabric"}, {"bgp": "hosts", "description": "a border"}, {"enabled": True}, {"mtu": 9216}]
    purposes += [{"untagged": vlan, "autoneg": False} for vlan in vlans] + [{"tagged": vlans}] * bool(vlans)
    ports = {port: draw(st.sampled_from(purposes)) for port in chosen[:3]}
    lags = {}
    known = switch_ports(own)
    alike = [port for port in chosen[3:6] if known[port].speed == known[chosen[3]].speed]
    if chosen and vlans and draw(st.booleans()):
        lags[f"PortChannel{draw(st.integers(0, 9999))}"] = {
            "ports": alike,
            "tagged": vlans,
            "min_links": draw(st.integers(1, len(alike))),
            "fallback": draw(st.booleans()),
        }
    return {"ports": ports, "lags": lags}

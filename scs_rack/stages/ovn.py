"""Part of the gate of stage cloud: the clusters of OVN's databases, northd, and where routers leave the cloud."""

import json
import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any

from scs_rack.engine.stage import Context
from scs_rack.remote import run_many
from scs_rack.results import Finding

DATABASES = {"nb": "OVN_Northbound", "sb": "OVN_Southbound"}
QUIET = 30_000
"""Milliseconds without a word of a member after which it counts as away; a leader speaks several times in each."""
ASK = (
    'for db in nb:OVN_Northbound sb:OVN_Southbound; do echo "== ${db%%:*}"; '
    "ovn-appctl --timeout=10 -t /run/ovn/ovn${db%%:*}_db.ctl cluster/status ${db#*:} 2>&1; done; "
    "echo '== northd'; ovn-appctl --timeout=10 -t /run/ovn/ovn-northd.$(cat /run/ovn/ovn-northd.pid).ctl status 2>&1; "
    "echo '== gateways'; ovn-nbctl --timeout=10 --no-leader-only --format=json --columns=name list Gateway_Chassis 2>&1"
)
"""Runs on a controller. Gateways are named after router port and chassis by Neutron."""
SERVER = re.compile(r"^ +(?P<sid>\w+) \(\w+ at \w+:(?P<address>[\d.]+|\[[^]]+\]):\d+\)(?P<rest>.*)$", re.MULTILINE)
LAST = re.compile(r"last msg (\d+) ms ago")


@dataclass(frozen=True)
class Cluster:
    """A database's cluster as one of its servers sees it."""

    member: bool
    role: str
    leader: str
    """Short ID of the leader, `self`, or `unknown`."""
    silent: dict[str, int] = field(default_factory=dict)
    """Milliseconds since the last word of each other server, by address; -1 when there was none."""


def parse_cluster(text: str) -> Cluster | None:
    """What `cluster/status` printed (ovsdb-server(1)); None when it is no such thing."""
    rows = dict(re.findall(r"^([A-Z][A-Za-z ]*): (.*)$", text, re.MULTILINE))
    if "Role" not in rows:
        return None
    others = {}
    for found in SERVER.finditer(text):
        if "(self)" not in found["rest"]:
            last = LAST.search(found["rest"])
            others[found["address"].strip("[]")] = int(last[1]) if last else -1
    return Cluster(rows.get("Status") == "cluster member", rows["Role"], rows.get("Leader", "unknown"), others)


def sections(text: str) -> dict[str, str]:
    """Parts of what `ASK` printed, by their title."""
    parts = re.split(r"^== (\w+)\n", text, flags=re.MULTILINE)
    return dict(zip(parts[1::2], parts[2::2], strict=True))


def cluster_findings(database: str, seen: Mapping[str, Cluster | None], addresses: Mapping[str, str]) -> list[Finding]:
    """Judge one database's cluster.

    Args:
        database: its schema.
        seen: what each controller that was asked says of it.
        addresses: loopback of every controller.
    """
    findings = []
    for name, cluster in seen.items():
        where, hint = f"{name} {database}", f"on {name}: journalctl -u 'ovn-ovsdb-server-*'"
        if cluster is None or not cluster.member:
            what = "joining still" if cluster else "no answer"
            findings.append(Finding("ovn-not-member", "error", where, "a member of the cluster", what, hint))
            continue
        if cluster.leader == "unknown":
            findings.append(Finding("ovn-no-leader", "error", where, "a leader", "none", hint))
        others = {address for other, address in addresses.items() if other != name}
        if missing := sorted(others - set(cluster.silent)):
            words = f"{', '.join(missing)} not in the cluster"
            findings.append(Finding("ovn-member-missing", "error", where, "all controllers", words, hint))
        if strange := sorted(set(cluster.silent) - others):
            words = f"{', '.join(strange)} in the cluster"
            more = "`scs-rack up --from cloud` removes members that are no controllers"
            findings.append(Finding("ovn-member-unknown", "error", where, "controllers only", words, more))
        if cluster.role == "leader":
            findings += _away(where, cluster, addresses)
    leaders = [name for name, cluster in seen.items() if cluster and cluster.role == "leader"]
    if len(seen) == len(addresses) and len(leaders) != 1:
        said = ", ".join(leaders) or "none"
        findings.append(Finding("ovn-no-leader", "error", database, "one leader", said))
    return findings


def _away(where: str, cluster: Cluster, addresses: Mapping[str, str]) -> Iterable[Finding]:
    """Members that the leader has not heard for long."""
    names = {address: name for name, address in addresses.items()}
    for address, silence in cluster.silent.items():
        if address in names and not 0 <= silence < QUIET:
            words = "never heard" if silence < 0 else f"silent for {silence / 1000:.0f} s"
            hint = f"on {names[address]}: journalctl -u 'ovn-ovsdb-server-*'"
            yield Finding("ovn-member-away", "error", where, f"{names[address]} answers the leader", words, hint)


def northd_findings(states: Mapping[str, str], total: int) -> list[Finding]:
    """One northd is active, all others stand by.

    Args:
        states: what each controller's northd says of itself.
        total: number of controllers.
    """
    findings = [
        Finding("ovn-northd-down", "error", f"{name} ovn-northd", "active or standby", said or "no answer",
                f"on {name}: journalctl -u ovn-northd")
        for name, said in states.items()
        if said not in ("active", "standby")
    ]  # fmt: skip
    active = [name for name, said in states.items() if said == "active"]
    if not findings and len(states) == total and len(active) != 1:
        findings.append(
            Finding("ovn-northd-active", "error", "ovn-northd", "one active", ", ".join(active) or "none", "wait 20 s")
        )
    return findings


def gateway_findings(names: Iterable[str], chassis: Iterable[str]) -> list[Finding]:
    """Routers that leave the cloud by one node only, although there are others.

    Args:
        names: of rows in `Gateway_Chassis`: router port and chassis, joined by `_`.
        chassis: nodes that may be gateways.
    """
    able = sorted(set(chassis))
    places: dict[str, set[str]] = {}
    for name in names:
        for node in able:
            if name.endswith(f"_{node}"):
                places.setdefault(name.removesuffix(f"_{node}"), set()).add(node)
    return [
        Finding("ovn-gateway-single", "error", f"router port {port}", f"gateways on several of {', '.join(able)}",
                f"on {', '.join(sorted(nodes))} only", "`openstack network agent list` shows which gateways are alive")
        for port, nodes in sorted(places.items())
        if len(nodes) < min(2, len(able))
    ]  # fmt: skip


def ovn_cluster_findings(ctx: Context) -> list[Finding]:
    """Ask every controller for its view of OVN's databases, northd and gateways."""
    nodes = ctx.design.nodes
    addresses = {name: str(nodes[name].loopback4) for name in ctx.design.groups["controller"]}
    heard: dict[str, dict[str, str]] = {}
    findings = []
    for name, answer in run_many(ctx, [n for n in addresses if ctx.selected(n)], ["sh", "-c", ASK], timeout=60).items():
        if answer.unreachable:
            findings.append(Finding("controller-unreachable", "error", name, "answers over SSH", answer.why))
        else:
            heard[name] = sections(answer.out)
    for short, schema in DATABASES.items():
        clusters = {name: parse_cluster(said.get(short, "")) for name, said in heard.items()}
        findings += cluster_findings(schema, clusters, addresses)
    states = {name: _state(said.get("northd", "")) for name, said in heard.items()}
    findings += northd_findings(states, len(addresses))
    able = [name for name in ctx.design.groups["network"] if nodes[name].external]
    for said in list(heard.values())[:1]:
        findings += gateway_findings(_names(said.get("gateways", "")), able)
    return findings


def _state(text: str) -> str:
    """What northd says it is, or the end of what the tool said instead."""
    lines = text.strip().splitlines() or [""]
    return lines[-1].removeprefix("Status: ")


def _names(text: str) -> list[str]:
    """Names of rows that ovn-nbctl printed as JSON (RFC 7047, section 5.1); none when it printed an error."""
    try:
        table: Any = json.loads(text)
    except ValueError:
        return []
    return [str(row[0]) for row in table["data"]]

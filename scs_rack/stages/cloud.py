"""Stage `cloud`: Placement, Nova, Neutron with OVN, Glance and Cinder, and what the rack file asks for beside them."""

import json
import time
from collections.abc import Callable, Iterable, Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import Any, Literal
from urllib.parse import urlsplit

from scs_rack.clouds import clouds_file
from scs_rack.engine import settled
from scs_rack.engine.stage import Context
from scs_rack.errors import Interrupted
from scs_rack.remote import run_many, run_one
from scs_rack.resources.ensure import connect
from scs_rack.results import Change, Finding, Result
from scs_rack.stages import compute_entry
from scs_rack.stages.ansible_stage import AnsibleStage
from scs_rack.stages.extra_services import extra_questions
from scs_rack.stages.guest_hosts import cpu_findings, page_findings
from scs_rack.stages.ovn import ovn_cluster_findings
from scs_rack.wires import gate as wires

Cloud = Any
"""An `openstack.connection.Connection` with admin rights (the SDK ships no types)."""

PATIENCE = 150.0
"""Seconds that services have to come up after the last of them was started."""
PAUSE = 2.0
ANSWER = 60.0
"""Seconds that an API may take for an answer: its only worker may still be loading."""
TYPES = ("block-storage", "compute", "identity", "image", "network", "placement")
"""Service types that the catalog must have (service-types.openstack.org)."""
OPTIONAL = {"barbican": "key-manager", "octavia": "load-balancer", "swift": "object-store", "designate": "dns"}
"""Service types by the name that the rack file has for them."""
RESOURCES = ("VCPU", "MEMORY_MB", "DISK_GB")


@dataclass(frozen=True)
class Service:
    """A service or agent as Nova, Neutron or Cinder see it."""

    binary: str
    host: str
    state: str
    """`up` and `enabled` in one word, or what is wrong."""


def service_findings(seen: Iterable[Service], wanted: Iterable[tuple[str, str]]) -> list[Finding]:
    """Which of the wanted services are not up.

    Args:
        seen: what the API lists.
        wanted: binary and host; a host stands for each backend of it (`node1` for `node1@rbd`) too.
    """
    rows = list(seen)
    findings = []
    for binary, host in wanted:
        states = {row.host: row.state for row in rows if row.binary == binary and row.host.split("@")[0] == host}
        if set(states.values()) != {"up"}:
            words = ", ".join(f"{state} on {where}" for where, state in sorted(states.items())) or "not registered"
            hint = f"`journalctl -u {binary}` on {host} says why"
            findings.append(Finding("service-down", "error", f"{host} {binary}", "up", words, hint))
    return findings


def inventory_findings(inventories: Mapping[str, Mapping[str, int]], computes: Iterable[str]) -> list[Finding]:
    """Which compute nodes have nothing to offer in Placement.

    Args:
        inventories: amounts by resource class, by compute node.
        computes: names of compute nodes.
    """
    return [
        Finding(
            "inventory-missing",
            "error",
            f"{node} placement",
            ", ".join(RESOURCES),
            ", ".join(f"{kind} {amount}" for kind, amount in has.items()) or "nothing",
            f"`journalctl -u nova-compute` on {node} says why",
        )
        for node in computes
        if not all((has := inventories.get(node, {})).get(kind) for kind in RESOURCES)
    ]


def placement_findings(
    offered: Mapping[str, Mapping[str, int]], computes: Iterable[str], ctx: Context
) -> list[Finding]:
    """What compute nodes should offer in Placement, and do not."""
    names = list(computes)
    return inventory_findings(offered, names) + cpu_findings(ctx.design.rack.cloud.compute, offered, names)


def chassis_findings(seen: Iterable[str], wanted: Iterable[str]) -> list[Finding]:
    """Which nodes are no chassis in OVN's southbound database."""
    names = sorted(set(seen))
    hint = "`journalctl -u ovn-controller` on the node says why"
    return [
        Finding("chassis-missing", "error", node, "a chassis of OVN", f"chassis: {', '.join(names) or 'none'}", hint)
        for node in wanted
        if node not in names
    ]


def wire_findings(node: str, states: Mapping[str, str]) -> list[Finding]:
    """Judge a node's wires to the external networks: one that is up will do, but then no second one may fail.

    Args:
        node: its name.
        states: state of the link by NIC, as Open vSwitch sees it.
    """
    down = sorted(nic for nic, state in states.items() if state != "up")
    if not down:
        return []
    severity: Literal["error", "warning"] = "error" if len(down) == len(states) else "warning"
    seen = ", ".join(f"{nic} {states[nic]}" for nic in down)
    hint = "look at `ip link` on the node, then at `scs-rack cable verify`"
    return [Finding("external-link-down", severity, f"{node} {', '.join(down)}", "up", seen, hint)]


def rows(text: str) -> list[dict[str, Any]]:
    """Rows of a table that a tool of Open vSwitch or OVN printed as JSON (RFC 7047, section 5.1)."""
    table = json.loads(text)
    return [dict(zip(table["headings"], row, strict=True)) for row in table["data"]]


class CloudStage(AnsibleStage):
    """The cloud's services; the only stage that knows how they are deployed."""

    def __init__(self) -> None:
        super().__init__(
            name="cloud",
            needs=("ceph", "platform"),
            summary="Placement, Nova, Neutron with OVN, Glance, Cinder, and what the rack file asks for beside them",
            playbook="cloud.yml",
        )

    def plan(self, ctx: Context) -> Iterable[Change]:
        """What the playbook would change, and which hypervisors would be tried."""
        yield from super().plan(ctx)
        known = settled.read(ctx.state_dir)
        for node in ctx.design.groups["compute"] if known else ():
            if node not in known and ctx.selected(node):
                words = "boot a guest on it and ping that; only then open it to customers' guests"
                yield Change(self.name, node, words)

    def afterwards(self, ctx: Context) -> Iterable[Result]:
        """Try hypervisors that are new in a cloud in service."""
        cloud = connect(clouds_file(ctx.state_dir), "admin")
        self._await_nova(ctx, cloud)
        yield from compute_entry.enter(ctx, cloud)

    def _await_nova(self, ctx: Context, cloud: Cloud) -> None:
        """Wait until Nova's API answers: HAProxy may not have found it yet."""
        deadline = time.monotonic() + PATIENCE
        while True:
            try:
                nova_services(cloud)
            except failures():
                if time.monotonic() > deadline:
                    raise
            else:
                return
            if ctx.stop.wait(PAUSE):
                raise Interrupted("stopped while Nova's API was awaited")

    def gate(self, ctx: Context) -> Iterable[Finding]:
        """Ask every API over verified TLS, and the services for their own view, until all is well or time is up."""
        deadline = time.monotonic() + ctx.wait_for(PATIENCE)
        cloud = connect(clouds_file(ctx.state_dir), "admin")
        while True:
            findings = look(ctx, cloud)
            failed = any(finding.severity == "error" for finding in findings)
            if not failed or time.monotonic() > deadline or ctx.stop.wait(PAUSE):
                return findings if failed else findings + wires.look(ctx)


def look(ctx: Context, cloud: Cloud) -> list[Finding]:
    """One look at the whole cloud, all questions at once."""
    groups = ctx.design.groups
    computes = [node for node in groups["compute"] if ctx.selected(node)]
    chassis = [node for node in dict.fromkeys((*groups["network"], *groups["compute"])) if ctx.selected(node)]
    controllers = [node for node in groups["controller"] if ctx.selected(node)]

    def on_each(*binaries: str) -> list[tuple[str, str]]:
        return [(binary, node) for binary in binaries for node in controllers]

    agents = [("ovn-controller", node) for node in chassis]
    agents += [("neutron-ovn-metadata-agent", node) for node in computes]
    if ctx.design.guests.routes:
        agents += on_each("neutron-bgp-dragent")
    types = (*TYPES, *(OPTIONAL[name] for name in ctx.design.rack.cloud.services if name in OPTIONAL))
    hosts = [str(ctx.design.nodes[node].loopback4) for node in controllers]
    questions: dict[str, Callable[[], list[Finding]]] = {
        "compute": lambda: service_findings(
            nova_services(cloud),
            [*on_each("nova-conductor", "nova-scheduler"), *(("nova-compute", n) for n in computes)],
        ),
        "entry": lambda: compute_entry.findings(cloud, computes),
        "network": lambda: service_findings(neutron_agents(cloud), agents),
        "block-storage": lambda: service_findings(
            cinder_services(cloud), on_each("cinder-scheduler", "cinder-volume", "cinder-backup")
        ),
        "placement": lambda: placement_findings(inventories(cloud), computes, ctx),
        "huge-pages": lambda: page_findings(ctx, computes),
        "image": lambda: list_images(cloud),
        "catalog": lambda: catalog_findings(cloud, ctx.design.rack.region, types, hosts),
        "ovn": lambda: ovn_findings(ctx, chassis),
        "ovn-cluster": lambda: ovn_cluster_findings(ctx),
        "external": lambda: external_findings(ctx, chassis),
    }
    questions |= extra_questions(ctx, cloud)
    where = f"https://{ctx.design.api.host}"
    try:
        cloud.session.get_token()  # once, before all questions want one
    except failures() as error:
        return [_failed("identity", where, error)]

    def ask(name: str) -> list[Finding]:
        try:
            return questions[name]()
        except failures() as error:
            return [_failed(name, where, error)]

    with ThreadPoolExecutor(max_workers=len(questions)) as pool:
        return [finding for findings in pool.map(ask, questions) for finding in findings]


def failures() -> tuple[type[Exception], ...]:
    """What an API that is not up, not trusted, or broken makes the SDK raise."""
    from keystoneauth1.exceptions import ClientException
    from openstack.exceptions import SDKException

    return (ClientException, SDKException, OSError)


def _failed(name: str, where: str, error: Exception) -> Finding:
    words = " ".join(str(error).split())[:300] or type(error).__name__
    return Finding("api-failed", "error", f"{name} API at {where}", "an answer over verified TLS", words)


def nova_services(cloud: Cloud) -> list[Service]:
    """Nova's services; one that was disabled is not up."""
    return [
        Service(one.binary, one.host, one.state if one.status == "enabled" else one.status)
        for one in cloud.compute.services()
    ]


def neutron_agents(cloud: Cloud) -> list[Service]:
    """Neutron's agents."""
    return [Service(one.binary, one.host, "up" if one.is_alive else "dead") for one in cloud.network.agents()]


def cinder_services(cloud: Cloud) -> list[Service]:
    """Cinder's services."""
    return [
        Service(one.binary, one.host, one.state if one.status == "enabled" else one.status)
        for one in cloud.block_storage.services()
    ]


def inventories(cloud: Cloud) -> dict[str, dict[str, int]]:
    """Amounts by resource class, by host of nova-compute (providers are named as the hypervisor calls itself)."""
    from openstack.exceptions import raise_from_response

    # From microversion 2.88 on the answer has each host's uptime: Nova asks nova-compute for it, and is stuck for a
    # minute when that has registered, but does not listen to messages yet.
    answer = cloud.compute.get("/os-hypervisors/detail", microversion="2.87")
    raise_from_response(answer)
    hosts = {one["hypervisor_hostname"]: one["service"]["host"] for one in answer.json()["hypervisors"]}
    return {
        hosts.get(provider.name, provider.name): {
            one.resource_class: one.total for one in cloud.placement.resource_provider_inventories(provider)
        }
        for provider in cloud.placement.resource_providers()
    }


def list_images(cloud: Cloud) -> list[Finding]:
    """Ask Glance for its images; there need not be one."""
    next(iter(cloud.image.images(limit=1)), None)
    return []


def catalog_findings(cloud: Cloud, region: str, types: Iterable[str], hosts: Iterable[str]) -> list[Finding]:
    """Every service has an endpoint in the catalog, and answers there and on each controller over verified TLS.

    Args:
        cloud: who is asked.
        region: the region of the catalog that counts.
        types: service types that it must have.
        hosts: addresses of the controllers; each has all services at the ports of the catalog's endpoints.
    """
    catalog = cloud.session.auth.get_access(cloud.session).service_catalog.catalog
    urls: dict[str, set[str]] = {}
    for entry in catalog:
        for endpoint in entry["endpoints"]:
            if endpoint["region"] == region:
                urls.setdefault(entry["type"], set()).add(endpoint["url"])
    findings = [
        Finding("endpoint-missing", "error", f"catalog {kind}", f"an endpoint in region {region}", "none")
        for kind in types
        if kind not in urls
    ]
    parts = [urlsplit(url) for found in urls.values() for url in found]
    own = {f"https://{host}:{part.port}/" for part in parts for host in hosts if part.port}
    roots = sorted({f"{part.scheme}://{part.netloc}/" for part in parts} | own)
    with ThreadPoolExecutor(max_workers=min(len(roots), 16) or 1) as pool:
        return [*findings, *(found for found in pool.map(lambda root: _endpoint(cloud, root), roots) if found)]


def _endpoint(cloud: Cloud, root: str) -> Finding | None:
    """Ask an API for its versions, as everybody may."""
    if not root.startswith("https://"):
        return Finding("endpoint-plain-http", "error", root, "https", "http")
    try:
        answer = cloud.session.get(root, authenticated=False, raise_exc=False, timeout=ANSWER, redirect=False)
    except failures() as error:
        return _failed("endpoint", root, error)
    if answer.status_code >= 400:
        return Finding("endpoint-failed", "error", root, "its versions", f"status {answer.status_code}")
    return None


def ovn_findings(ctx: Context, nodes: Iterable[str]) -> list[Finding]:
    """Ask OVN's southbound database on a controller itself."""
    (controller,) = [node for node in ctx.design.groups["controller"] if ctx.selected(node)][:1] or [
        ctx.design.groups["controller"][0]
    ]
    command = ["ovn-sbctl", "--timeout=10", "--no-leader-only", "--format=json", "--columns=hostname"]
    command += ["list", "Chassis"]
    answer = run_one(ctx, controller, command)
    if not answer.ok:
        return [Finding("ovn-silent", "error", f"{controller} OVN southbound database", "an answer", answer.why)]
    return chassis_findings([str(row["hostname"]) for row in rows(answer.out)], nodes)


def external_findings(ctx: Context, nodes: Iterable[str]) -> list[Finding]:
    """Ask Open vSwitch of each node whether its wires to the external networks are up."""
    nics = {node: [port.port for port in ctx.design.nodes[node].external] for node in nodes}
    ask = ["ovs-vsctl", "--timeout=10", "--format=json", "--columns=name,link_state", "list", "Interface"]
    findings = []
    for node, answer in run_many(ctx, [node for node in nics if nics[node]], ask).items():
        if answer.ok:
            seen = {row["name"]: row["link_state"] for row in rows(answer.out)}
            findings += wire_findings(node, {nic: _state(seen, nic) for nic in nics[node]})
        else:
            findings.append(Finding("ovs-silent", "error", f"{node} Open vSwitch", "an answer", answer.why))
    return findings


def _state(seen: Mapping[str, Any], nic: str) -> str:
    """State of a link; Open vSwitch has an empty set of it for an interface that it can't open."""
    state = seen.get(nic, "not in Open vSwitch")
    return state if isinstance(state, str) else "unknown"

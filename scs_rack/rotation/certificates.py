"""The rack's certificates: what there is, what ends soon, and new ones brought to the services that serve them."""

import datetime as dt
import time
from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path

from cryptography import x509
from cryptography.hazmat.primitives import hashes

from scs_rack import pki, pki_acme
from scs_rack.design import Design
from scs_rack.engine.stage import Context, Stage
from scs_rack.errors import UsageError
from scs_rack.pki_given import Given, given
from scs_rack.results import Change, Finding, Result
from scs_rack.rotation.kinds import BASE, CLOUD, PLATFORM
from scs_rack.rotation.rolling import Roll, release, serving
from scs_rack.wires.listeners import Listener, observe

USES = {
    "ca": "signs all the others; every server and the manager trust it",
    "api": "HAProxy of all controllers, on the API's addresses",
    "node": "{node}: HAProxy on its loopback, MariaDB, RabbitMQ, etcd, OVN, libvirt, guests' consoles and migrations",
    "bmc": "the lab's virtual BMC of {node}",
}
SERVERS = {"controller": ("haproxy", "mariadbd", "beam.smp", "etcd", "ovsdb-server"), "compute": ("libvirtd",)}
"""Processes by the group of hosts where each serves the node's certificate (or the API's) on some socket."""
PATIENCE = 200.0
"""Seconds for services to serve a new certificate: RabbitMQ looks at its files every two minutes."""
PAUSE = 5.0


@dataclass(frozen=True)
class Certificate:
    """A certificate that the manager holds."""

    name: str
    """Of its files in the folder `ca` of the rack's state."""
    subject: str
    names: tuple[str, ...]
    ends: dt.datetime
    days_left: int
    sha256: str
    used_by: str


def held(state_dir: Path, now: dt.datetime | None = None) -> list[Certificate]:
    """All certificates of a rack, by name.

    Raises:
        UsageError: a file is no certificate.
    """
    found = []
    for path in sorted((state_dir / "ca").glob("*.crt")):
        try:
            one = x509.load_pem_x509_certificate(path.read_bytes())
        except ValueError as error:
            raise UsageError(f"{path} is no certificate", "move it away; it is issued anew") from error
        kind, _, node = path.stem.partition("-")
        left = one.not_valid_after_utc - (now or dt.datetime.now(dt.UTC))
        found.append(
            Certificate(
                path.stem,
                one.subject.rfc4514_string(),
                _names(one),
                one.not_valid_after_utc,
                left.days,
                one.fingerprint(hashes.SHA256()).hex(),
                USES.get(kind, "nothing that scs-rack knows").format(node=node),
            )
        )
    return found


def due(state_dir: Path, design: Design, within: int, own: Given | None = None) -> list[str]:
    """Certificates that are missing, don't fit, or have fewer days left than this.

    Args:
        state_dir: state of the rack.
        design: of the rack.
        within: days.
        own: what the operator gave.
    """
    found = {one.name for one in held(state_dir) if one.days_left < within} | set(pki.lacking(state_dir, design, own))
    if design.rack.cloud.tls.acme:
        found -= {pki.API}
        found |= {pki.API} if pki_acme.due(state_dir, design, within) else set()
    return [one.name for one in pki.requests(design) if one.name in found]


def checked(design: Design, names: Sequence[str]) -> None:
    """See that these can be renewed here.

    Raises:
        UsageError: names that are none of the API's and the servers'.
    """
    known = [one.name for one in pki.requests(design)]
    wrong = [name for name in names if name not in known]
    if "ca" in wrong:
        raise UsageError(
            "the CA can't be renewed while the cloud serves",
            "it lasts ten years; docs/tls.md says how to bring up a rack with a new one",
        )
    if wrong:
        raise UsageError(f"no certificate to renew: {', '.join(wrong)}", f"there are {', '.join(known)}")


def stale(ctx: Context, hosts: Iterable[str]) -> tuple[dict[str, list[Listener]], list[Finding]]:
    """Sockets of servers that serve a certificate which is not the one that the manager holds for them, by server."""
    listeners, unknown = observe(ctx, hosts)
    found: dict[str, list[Listener]] = {}
    for one in served(ctx.state_dir, listeners)[0]:
        found.setdefault(one.node, []).append(one)
    return found, unknown


def served(state_dir: Path, listeners: Iterable[Listener]) -> tuple[list[Listener], list[Listener]]:
    """Sockets with another certificate than the manager holds for their server, and those with that one."""
    held_now = {one.name: one.sha256 for one in held(state_dir)}
    old: list[Listener] = []
    new: list[Listener] = []
    for one in listeners:
        if one.sha256:
            own = {held_now.get("api"), held_now.get(f"node-{one.node}")}
            (new if one.sha256 in own else old).append(one)
    return old, new


def unseen(design: Design, host: str, new: Iterable[Listener]) -> list[Finding]:
    """Findings for processes of a server that were not seen to serve its certificate on any socket."""
    seen = {name for one in new if one.node == host for name in one.process.split(",")}
    wanted = {name for group, names in SERVERS.items() if host in design.groups[group] for name in names}
    return [
        Finding(
            "certificate-unseen",
            "error",
            f"{host} {name}",
            "its new certificate on some socket",
            "no TLS of it",
            f"`journalctl -b` on {host}: does it run?",
        )
        for name in sorted(wanted - seen)
    ]


def users(design: Design, names: Iterable[str]) -> list[str]:
    """Servers that serve any of these certificates: controllers first."""
    serving_any = [*design.groups["controller"], *design.groups["network"], *design.groups["compute"]]
    wanted = set(names)
    return [
        node
        for node in dict.fromkeys(serving_any)
        if f"node-{node}" in wanted or ("api" in wanted and node in design.groups["controller"])
    ]


def stages(design: Design, names: Sequence[str], hosts: Sequence[str]) -> list[Stage]:
    """The stages of a renewal.

    Args:
        design: of the rack.
        names: certificates to issue.
        hosts: servers to deliver to, in order.
    """
    found: list[Stage] = [Issue(tuple(names))]
    tls = design.rack.cloud.tls
    if pki.API in names and (tls.certificate or tls.acme):
        # whoever vouches for the new one is trusted everywhere before it is served anywhere
        found.append(Roll("trust", tuple(design.in_service), (BASE,), ("issue",), serves=False))
    for host in hosts:
        controller = host in design.groups["controller"]
        playbooks = (PLATFORM, CLOUD) if controller else (CLOUD,)
        found.append(Deliver(f"roll-{host}", (host,), playbooks, (found[-1].name,), serves=controller))
    return found


@dataclass
class Issue:
    """New certificates on the manager."""

    names: tuple[str, ...]
    name: str = "issue"
    needs: tuple[str, ...] = ()
    summary: str = "new certificates issued"

    def plan(self, ctx: Context) -> Iterable[Change]:
        """Which ones."""
        del ctx
        return [Change("issue", "manager", name) for name in self.names]

    def apply(self, ctx: Context) -> Iterable[Result]:
        """Issue them, have them signed by the ACME server, or take them from the operator's files."""
        yield from release(ctx)
        own = given(ctx.rack_dir, ctx.design)
        pki.renew(ctx.state_dir, ctx.design, self.names, own)
        for name in self.names:
            step = f"issue {name}"
            if name == pki.API and own.api:
                step = f"take {name} from {ctx.design.rack.cloud.tls.certificate}"
            elif name == pki.API and ctx.design.rack.cloud.tls.acme:
                step = f"get {name} from {ctx.design.rack.cloud.tls.acme.directory}"
                pki_acme.fetch(ctx.state_dir, ctx.design, own, ctx.rack_dir)
            yield Result("manager", step, changed=True)

    def gate(self, ctx: Context) -> Iterable[Finding]:
        """They fit, and don't end soon."""
        hint = "run it again"
        own = given(ctx.rack_dir, ctx.design)
        yield from (
            Finding("certificate-unfit", "error", name, "the names and usages of the rack file", "others", hint)
            for name in pki.lacking(ctx.state_dir, ctx.design, own)
        )
        yield from ending(ctx.state_dir, ctx.design, own)


def ending(state_dir: Path, design: Design, own: Given) -> list[Finding]:
    """Findings for certificates that end soon and that no renewal here mends."""
    by_hand = {"api": "put a new one into the file"} if own.api else {}
    by_hand["ca"] = "docs/tls.md says how a rack gets another authority"
    found = {one.name: one for one in held(state_dir)}
    return [
        Finding(
            "certificate-ending",
            "error",
            name,
            f"{pki.RENEW_DAYS} days left",
            f"{found[name].days_left} days, until {found[name].ends:%F}",
            f"{hint} (cloud.tls, {design.rack.name})",
        )
        for name, hint in by_hand.items()
        if name in found and found[name].days_left < pki.RENEW_DAYS
    ]


@dataclass
class Deliver(Roll):
    """A server configured anew, until it serves its new certificates on every socket."""

    def gate(self, ctx: Context) -> Iterable[Finding]:
        """Ask each TLS socket of the server for its certificate."""
        deadline = time.monotonic() + ctx.wait_for(PATIENCE)
        while True:
            listeners, unknown = observe(ctx, self.hosts)
            before, now = served(ctx.state_dir, listeners)
            unknown += [one for host in self.hosts for one in unseen(ctx.design, host, now)]
            if not (before or unknown) or time.monotonic() > deadline or ctx.stop.wait(PAUSE):
                break
        hint = "restart this service by hand; its role lacks a `watch` on the certificate"
        old = [
            Finding("certificate-old", "error", f"{one.where} ({one.process})", "its new certificate", one.sha256, hint)
            for one in before
        ]
        said = [
            Finding("certificate-served", "info", host, "its new certificate", _counted(now, host))
            for host in self.hosts
        ]
        return unknown + old + said + [one for host in self.hosts if self.serves for one in serving(ctx, host)]


def _counted(listeners: Iterable[Listener], host: str) -> str:
    count = Counter(one.process for one in listeners if one.node == host)
    return ", ".join(f"{process} on {number}" for process, number in sorted(count.items()))


def _names(certificate: x509.Certificate) -> tuple[str, ...]:
    try:
        stated = certificate.extensions.get_extension_for_class(x509.SubjectAlternativeName).value
    except x509.ExtensionNotFound:
        return ()
    return tuple(str(one.value) for one in stated)

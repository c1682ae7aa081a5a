"""Who listens on the nodes, and findings for each socket on which a wire's words could be read."""

import importlib.resources
import json
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from scs_rack.engine.stage import Context
from scs_rack.remote import run_many
from scs_rack.results import Finding

CA_FILE = "/usr/local/share/ca-certificates/scs-rack.crt"
"""The rack's CA on a node (role base)."""
ROOTS_FILE = "/usr/local/share/ca-certificates/scs-rack-api.crt"
"""Who vouches for the API there, when the rack's CA doesn't."""
ENCRYPTED = frozenset({"local", "tls", "ssh", "ceph", "vencrypt", "redirect", "closed"})
OPEN_BY_NATURE = {
    ("bgpd", 179): "BGP: routes of the fabric; sessions are accepted from the leaves' wires only",
    ("named", 53): "DNS: zones for everybody",
    ("named", 953): "orders of Designate to BIND: signed, about zones that are public",
    ("epmd,systemd", 4369): "Erlang's port mapper: tells at which port a node is; sessions between nodes are TLS",
    ("epmd", 4369): "the same",
}
"""Sockets that no TLS is for, by process and port, with the reason."""


@dataclass(frozen=True)
class Listener:
    """A listening TCP socket of a node."""

    node: str
    address: str
    port: int
    process: str
    kind: str
    """`local`, `tls`, `ssh`, `ceph`, `vencrypt`, `redirect` (HTTP that only names HTTPS), `closed` (before a word was
    said); or `plain`, `foreign` (a certificate of another CA), `silent` (waits for other words than TLS)."""
    why: str = ""
    sha256: str = ""
    """Fingerprint of the certificate that it serves."""
    version: str = ""
    """Of TLS, as agreed with a client that has the newest."""

    @property
    def where(self) -> str:
        """Node, address and port, for people."""
        return f"{self.node} {f'[{self.address}]' if ':' in self.address else self.address}:{self.port}"


def observe(ctx: Context, nodes: Iterable[str]) -> tuple[list[Listener], list[Finding]]:
    """Ask nodes for their sockets, all at once; what keeps us from knowing are findings."""
    hosts = list(nodes)
    program = importlib.resources.files("scs_rack.wires").joinpath("probe.py").read_text(encoding="utf-8")
    api = f"{ctx.design.api.vip4},{ctx.design.api.vip6}"
    argv: dict[str, Sequence[str]] = {
        host: ["python3", "-c", program, CA_FILE, str(ctx.design.nodes[host].loopback4), api, ROOTS_FILE]
        for host in hosts
    }
    found: list[Listener] = []
    findings: list[Finding] = []
    for host, answer in run_many(ctx, hosts, argv, timeout=90).items():
        if not answer.ok:
            findings.append(Finding("listeners-unknown", "error", host, "a list of its sockets", answer.why))
            continue
        said = json.loads(answer.out)
        found += [Listener(host, **one) for one in said["sockets"]]
        findings += [
            Finding(
                "plaintext-listener", "error", f"{host} {path}", "messenger 2 in secure mode", seen,
                "`scs-rack up --from ceph` writes ceph.conf; then restart this daemon",
            )
            for path, seen in sorted(said["weak"].items())
        ]  # fmt: skip
    return found, findings


def judge(listeners: Iterable[Listener]) -> list[Finding]:
    """Findings for sockets that others can reach and that don't encrypt, or not with the rack's CA."""
    return [
        Finding(
            "plaintext-listener", "error", f"{one.where} ({one.process or 'unknown process'})",
            "loopback only, or TLS with a certificate of the rack's CA", f"{one.kind}: {one.why or 'no TLS'}",
            "docs/tls.md names who listens where",
        )
        for one in listeners
        if one.kind not in ENCRYPTED and (one.process, one.port) not in OPEN_BY_NATURE
    ]  # fmt: skip

"""What the gate of stage `cloud` asks of services that a rack file may leave out: whether they do their job."""

import secrets
from collections.abc import Callable
from typing import Any

from scs_rack import pki
from scs_rack.engine.stage import Context
from scs_rack.results import Finding
from scs_rack.stages.dashboard import dashboard_findings
from scs_rack.stages.object_store import object_store_findings

Cloud = Any
"""An `openstack.connection.Connection` with admin rights (the SDK ships no types)."""
Question = Callable[[], list[Finding]]
NAME = "scs-rack-gate"
"""Name of what a gate makes and removes again."""


def extra_questions(ctx: Context, cloud: Cloud) -> dict[str, Question]:
    """Questions by the type of the service; none for a service that is left out."""
    every: dict[str, tuple[str, Question]] = {
        "barbican": ("key-manager", lambda: secret_findings(cloud)),
        "octavia": ("load-balancer", lambda: provider_findings(cloud)),
        "designate": ("dns", lambda: dns_findings(cloud, ctx.design.groups["designate"])),
        "radosgw": ("object-store", lambda: object_store_findings(ctx, cloud)),
        "horizon": ("dashboard", lambda: dashboard_findings(ctx, str(pki.files(ctx.state_dir).trust))),
    }
    return {kind: ask for name, (kind, ask) in every.items() if ctx.design.groups[name]}


def secret_findings(cloud: Cloud) -> list[Finding]:
    """Store a secret, read it back, remove it: Barbican's API, database and master key belong together."""
    stored = secrets.token_hex(16)
    made = cloud.key_manager.create_secret(
        name=NAME,
        payload=stored,
        payload_content_type="text/plain",
        secret_type="opaque",  # noqa: S106
    )
    try:
        answer = cloud.session.get(f"{made.secret_ref}/payload", headers={"Accept": "text/plain"}, raise_exc=False)
    finally:
        cloud.session.delete(made.secret_ref)
    if answer.status_code != 200 or answer.text != stored:
        hint = "was the master key changed? `scs-rack secrets list` names it, barbican_kek; the journal says more"
        seen = "another text" if answer.status_code == 200 else f"status {answer.status_code}"
        return [Finding("secret-lost", "error", "Barbican", "the secret that was stored", seen, hint)]
    return []


def provider_findings(cloud: Cloud) -> list[Finding]:
    """Octavia's own provider of load balancers is OVN, and it lists load balancers."""
    names = [provider.name for provider in cloud.load_balancer.providers()]
    next(iter(cloud.load_balancer.load_balancers(limit=1)), None)
    if "ovn" not in names:
        return [Finding("provider-missing", "error", "Octavia", "the provider ovn", ", ".join(names) or "none")]
    return []


def dns_findings(cloud: Cloud, hosts: tuple[str, ...]) -> list[Finding]:
    """Each part of Designate is up on each controller, as it tells itself."""
    rows = {(row.service_name, row.hostname): str(row.status) for row in cloud.dns.service_statuses()}
    return [
        Finding(
            "service-down",
            "error",
            f"{host} designate-{part}",
            "UP",
            rows.get((part, host), "not registered"),
            f"`journalctl -u designate-{part}` on {host} says why",
        )
        for host in hosts
        for part in ("central", "mdns", "producer", "worker")
        if rows.get((part, host)) != "UP"
    ]

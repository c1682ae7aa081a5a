"""Layer certificates: what ends soon, what does not fit the rack file, and what services serve in place of it."""

from scs_rack.drift.layers import Blind, Drift, Layer
from scs_rack.engine.stage import Context
from scs_rack.errors import ScsRackError
from scs_rack.pki import RENEW_DAYS
from scs_rack.rotation.certificates import due, held, stale

CA_DAYS = 365
"""The CA takes a maintenance window: it is told a year ahead."""


def look(ctx: Context) -> Layer:
    """Look at the manager's files, and at every TLS socket of the servers in service."""
    layer = Layer("certificates")
    try:
        there = {one.name: one for one in held(ctx.state_dir)}
        late = due(ctx.state_dir, ctx.design, RENEW_DAYS)
    except ScsRackError as error:
        layer.blind.append(Blind("manager", error.message))
        return layer
    for name in late:
        found = there.get(name)
        seen = "none" if found is None else f"{found.days_left} days left, for {', '.join(found.names)}"
        expected = f"{RENEW_DAYS} days and more, for the names of the rack file"
        hint = f"`scs-rack pki renew {name}`"
        layer.drifts.append(Drift("manager", f"certificate {name}", expected, seen, hint=hint))
    ca = there.get("ca")
    if ca is not None and ca.days_left < CA_DAYS:
        hint = "docs/tls.md says how to bring up a rack with a new CA"
        layer.drifts.append(
            Drift("manager", "certificate ca", f"{CA_DAYS} days and more", f"{ca.days_left}", hint=hint)
        )
    _served(ctx, layer)
    return layer


def _served(ctx: Context, layer: Layer) -> None:
    hosts = [name for name in ctx.design.in_service if ctx.selected(name)]
    found, unknown = stale(ctx, hosts)
    layer.blind += [Blind(one.where, one.seen) for one in unknown]
    for host, listeners in found.items():
        for one in listeners:
            expected = "the certificate that the manager holds"
            hint = f"`scs-rack pki renew node-{host}`"
            drift = Drift(host, f"served at {one.where} ({one.process})", expected, one.sha256[:16], hint=hint)
            layer.drifts.append(drift)

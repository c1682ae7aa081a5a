"""The gate of all wires: nothing listens in plaintext, and public endpoints hold Mozilla's intermediate profile."""

from scs_rack import pki
from scs_rack.engine.stage import Context
from scs_rack.results import Finding
from scs_rack.wires.listeners import OPEN_BY_NATURE, Listener, judge, observe
from scs_rack.wires.profile import Endpoint, scan

_OTHERS = {"redirect", "closed"}
METADATA_PORT = 8775
"""Nova's metadata: on the API's addresses too, but only for servers of the rack."""


def look(ctx: Context) -> list[Finding]:
    """Look at the sockets of all servers in service, and scan what listens on the API's addresses."""
    listeners, unknown = observe(ctx, [name for name in ctx.design.in_service if ctx.selected(name)])
    return unknown + judge(listeners) + scan(public(ctx, listeners), pki.files(ctx.state_dir).trust)


def public(ctx: Context, listeners: list[Listener]) -> list[Endpoint]:
    """Endpoints on the API's addresses that are open to everybody."""
    api = ctx.design.api
    own = {str(api.vip4), str(api.vip6)}
    seen = [one for one in listeners if (one.process, one.port) not in OPEN_BY_NATURE and one.kind not in _OTHERS]
    found = {(one.address, one.port) for one in seen if one.address in own}
    return [Endpoint(address, port, api.host) for address, port in sorted(found) if port != METADATA_PORT]

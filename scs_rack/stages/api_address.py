"""Part of the gate of stage platform: the API's addresses are announced by every controller, and answer."""

import http.client
import json
import socket
import ssl
import time
from collections.abc import Iterable, Mapping
from typing import Any

from scs_rack import pki
from scs_rack.design import Design
from scs_rack.engine.stage import Context
from scs_rack.errors import ScsRackError
from scs_rack.remote import Answer, run_many
from scs_rack.results import Finding
from scs_rack.sonic.site import speakers
from scs_rack.sonic.transport import Switch, on_all
from scs_rack.sonic.verify import host_ports, unreachable

PATIENCE = 30.0
"""Seconds that addresses have to appear after HAProxy was started."""
PAUSE = 1.0
PORT = 5000
"""Keystone's; the API without which no other can be used."""
UNITS = (
    "for unit in haproxy scs-rack-vip; do echo $unit $(systemctl is-active $unit), "
    "$(systemctl show --property=StatusText --value $unit)\\;; done"
)
ROUTES = "sudo vtysh -c 'show ip route {}/32 json' -c 'show ipv6 route {}/128 json'"


def address_findings(ctx: Context) -> list[Finding]:
    """Look at controllers, leaves and both addresses until all is well or time is up."""
    deadline = time.monotonic() + ctx.wait_for(PATIENCE)
    while True:
        findings = [*controller_findings(ctx), *leaf_findings(ctx), *answer_findings(ctx)]
        if not findings or time.monotonic() > deadline or ctx.stop.wait(PAUSE):
            return findings


def controller_findings(ctx: Context) -> list[Finding]:
    """Controllers that don't have the addresses, and why."""
    vips = f"{ctx.design.api.vip4}/32 {ctx.design.api.vip6}/128"
    ask = ["sh", "-c", f"/usr/local/sbin/scs-rack-vip check {vips} && exit; {UNITS}; exit 1"]
    names = [name for name in ctx.design.groups["controller"] if ctx.selected(name)]
    answers_of = run_many(ctx, names, ask)
    if ctx.design.api.vrrp_id is not None:
        return list(held_once(answers_of, complete=len(names) == len(ctx.design.groups["controller"])))
    return [finding for name, answer in answers_of.items() for finding in withheld(name, answer)]


def held_once(seen: Mapping[str, Answer], *, complete: bool) -> Iterable[Finding]:
    """Judge what controllers say of addresses that keepalived moves: one of them has both, and all could.

    Args:
        seen: what each said; its exit code tells whether both addresses are there.
        complete: all controllers were asked, so that the holder must be among them.
    """
    holders = [name for name, answer in seen.items() if answer.ok]
    where, wanted = ", ".join(seen), "the API's addresses on one controller"
    if len(holders) > 1:
        hint = "they don't hear each other: is protocol 112 let through between them in the out-of-band network?"
        yield Finding("api-address-twice", "error", where, wanted, f"on {', '.join(holders)}", hint)
    idle = {name: answer for name, answer in seen.items() if not answer.ok}
    down = {name: answer for name, answer in idle.items() if "scs-rack-vip active" not in answer.out}
    for name, answer in down.items():
        yield from withheld(name, answer)
    if complete and not holders and not down:
        hint = "journalctl -u scs-rack-vip -u haproxy on the controllers says what keepalived finds wrong"
        yield Finding("api-address-withheld", "error", where, wanted, "on none", hint)


def withheld(name: str, answer: Answer) -> Iterable[Finding]:
    """Judge what a controller says of its addresses."""
    if not answer.ok:
        said = " ".join(answer.out.split()).strip(";, ") or answer.why
        hint = f"on {name}: journalctl -u scs-rack-vip -u haproxy"
        yield Finding("api-address-withheld", "error", f"{name} lo", "the API's addresses", said, hint)


def expected_ways(ctx: Context, leaf: str) -> dict[str, str]:
    """Interfaces of a leaf by which it must know a way to the API, with the controller at the other end."""
    interfaces = speakers(ctx.design, leaf)
    return {
        interfaces.get(use.port, use.port): use.peer
        for use in host_ports(ctx.design, leaf)
        if use.peer in ctx.design.groups["controller"] and ctx.selected(use.peer)
    }


def ways(text: str, prefix: str) -> set[str]:
    """Interfaces that packets to a prefix leave by, from FRR's `show ip route PREFIX json`."""
    found: set[str] = set()
    for part in _json_parts(text):
        for route in part.get(prefix, []):
            if route.get("installed"):
                found |= {hop.get("interfaceName", "") for hop in route.get("nexthops", []) if hop.get("fib")}
    return found


def _json_parts(text: str) -> list[dict[str, Any]]:
    """Several JSON objects, one after the other."""
    decoder, parts, rest = json.JSONDecoder(), [], text.strip()
    while rest:
        part, end = decoder.raw_decode(rest)
        parts.append(part)
        rest = rest[end:].strip()
    return [part for part in parts if isinstance(part, dict)]


def leaf_findings(ctx: Context) -> list[Finding]:
    """Ask every leaf that controllers hang on how it would send a packet to the API."""
    wanted = {name: expected_ways(ctx, name) for name, one in ctx.design.switches.items() if one.role != "oob"}
    switches = [Switch(ctx, name) for name, found in wanted.items() if found]
    api = ctx.design.api
    command = ROUTES.format(api.vip4, api.vip6)
    findings: list[Finding] = []
    for name, said in on_all(switches, lambda switch: switch.ask(command)).items():
        if isinstance(said, ScsRackError):
            findings.append(unreachable(name, said))
        else:
            findings += missing_ways(ctx.design, name, said, wanted[name])
    return findings


def missing_ways(design: Design, leaf: str, said: str, wanted: Mapping[str, str]) -> Iterable[Finding]:
    """Judge a leaf's routes to both addresses; it need not use more ways at once than it may.

    With keepalived one controller announces the IPv6 address, which may hang on another leaf.
    """
    moved = design.api.vrrp_id is not None
    for prefix in (f"{design.api.vip6}/128",) if moved else (f"{design.api.vip4}/32", f"{design.api.vip6}/128"):
        try:
            seen = ways(said, prefix)
        except ValueError:
            yield Finding("switch-refused", "error", leaf, "routes of FRR as JSON", said.strip()[:200] or "nothing")
            return
        lacking = sorted(set(wanted) - seen)
        least = 1 if moved else min(len(wanted), design.switches[leaf].options.max_paths)
        if lacking and len(seen) < least:
            through = ", ".join(f"{interface} to {wanted[interface]}" for interface in lacking)
            yield Finding(
                "api-route-missing", "error", f"{leaf} {prefix}", f"ways by {through}", _listed(seen),
                f"on {wanted[lacking[0]]}: systemctl status scs-rack-vip; vtysh -c 'show bgp summary'",
            )  # fmt: skip


def _listed(interfaces: set[str]) -> str:
    return f"ways by {', '.join(sorted(interfaces))} only" if interfaces else "no route"


def answer_findings(ctx: Context) -> list[Finding]:
    """Ask at both addresses, as a customer would: TLS verified."""
    context = ssl.create_default_context(cafile=str(pki.files(ctx.state_dir).trust))
    api = ctx.design.api
    name = api.host if api.host != str(api.vip4) else None
    found = [answers(str(vip), PORT, context, name) for vip in (api.vip4, api.vip6)]
    return [finding for finding in found if finding]


def answers(host: str, port: int, context: ssl.SSLContext, name: str | None = None) -> Finding | None:
    """Ask one address; None if it answers. Its certificate is for the name, or for the address without one."""
    where = f"https://[{host}]:{port}" if ":" in host else f"https://{host}:{port}"
    connection = http.client.HTTPConnection(host, port, timeout=30)
    try:
        connection.connect()
        connection.sock = context.wrap_socket(connection.sock, server_hostname=name or host)
        connection.request("GET", "/v3", headers={"Host": name or (host if ":" not in host else f"[{host}]")})
        status = connection.getresponse().status
    except ssl.SSLError as error:
        return Finding("api-certificate", "error", where, "a certificate for it that clients trust", str(error))
    except (OSError, http.client.HTTPException) as error:
        if _no_ipv6(host):
            return Finding("api-untried", "warning", where, "answers", "this machine has no IPv6 address to ask from")
        seen = str(error) or type(error).__name__
        return Finding("api-unreachable", "error", where, "answers", seen, "is it announced, and HAProxy running?")
    finally:
        connection.close()
    if status >= http.client.BAD_REQUEST:
        return Finding("api-unreachable", "error", where, "an answer of Keystone", f"status {status}")
    return None


def _no_ipv6(host: str) -> bool:
    """True if the address is of IPv6 and this machine knows no way to any."""
    if ":" not in host:
        return False
    with socket.socket(socket.AF_INET6, socket.SOCK_DGRAM) as sock:
        try:
            sock.connect((host, 9))
        except OSError:
            return True
    return False

"""Part of the gate of stage `cloud`: somebody logs in to the dashboard, and every controller knows the session."""

from collections.abc import Mapping
from typing import Any

from scs_rack.engine.stage import Context
from scs_rack.results import Finding

LOGIN = "/auth/login/"
LOGOUT = "/auth/logout/"
PAGE = "/settings/"
"""A page of those who are logged in that asks no API."""
ANSWER = 120.0
"""Seconds that a page may take: the only worker may still load, as all others of a new cloud may."""

Session = Any
"""A `requests.Session`."""


def dashboard_findings(ctx: Context, ca_file: str) -> list[Finding]:
    """Log in as the administrator; nothing where the service is not wanted.

    Args:
        ctx: of the run.
        ca_file: certificate of the CA.

    Raises:
        OSError: the dashboard does not answer over verified TLS (all errors of requests are OSErrors).
    """
    import requests  # here: slow to import

    nodes = [node for node in ctx.design.groups.get("horizon", ()) if ctx.selected(node)]
    if not nodes:
        return []
    with requests.Session() as session:
        session.verify = ca_file
        session.trust_env = False  # else a variable of the environment replaces the CA, or a proxy is asked
        host = ctx.design.api.host
        form = {"username": "admin", "domain": "Default", "password": ctx.secrets["admin_password"]}
        found = log_in(session, host, form)
        if not found:
            addresses = {node: str(ctx.design.nodes[node].loopback4) for node in nodes}
            found = pages(session, host, addresses)
        session.get(f"https://{host}{LOGOUT}", timeout=ANSWER, allow_redirects=False)
        return found


def log_in(session: Session, host: str, form: Mapping[str, str]) -> list[Finding]:
    """Fill in and send the form of the login page."""
    url = f"https://{host}{LOGIN}"
    page = session.get(url, timeout=ANSWER)
    token = next((one for one in session.cookies if one.name == "csrftoken"), None)
    if page.status_code != 200 or token is None:
        return [_fault(url, "a login page", f"status {page.status_code}")]
    fields = {**form, "csrfmiddlewaretoken": str(token.value), "region": "default"}
    done = session.post(url, data=fields, headers={"Referer": url}, timeout=ANSWER, allow_redirects=False)
    cookie = next((one for one in session.cookies if one.name == "sessionid"), None)
    if done.status_code != 302 or cookie is None:
        return [_fault(url, "the administrator logged in", f"status {done.status_code}, no session")]
    plain = [one.name for one in (token, cookie) if not one.secure]
    found = [_fault(url, "cookies for TLS only", f"{name} for any connection") for name in plain]
    if "max-age" not in done.headers.get("Strict-Transport-Security", ""):
        found.append(_fault(url, "browsers are told to use TLS always (RFC 6797)", "they are not"))
    return found


def pages(session: Session, host: str, addresses: Mapping[str, str]) -> list[Finding]:
    """Ask each controller for a page that only those see who are logged in."""
    cookies = {one.name: str(one.value) for one in session.cookies}
    found = []
    for node, address in addresses.items():
        url = f"https://{address}{PAGE}"
        try:
            page = session.get(url, headers={"Host": host}, cookies=cookies, timeout=ANSWER, allow_redirects=False)
        except OSError as error:
            found.append(_fault(f"{node} dashboard", "an answer over verified TLS", str(error)[:300]))
            continue
        if page.status_code != 200:
            seen = f"status {page.status_code}, {page.headers.get('Location', 'no page')}"
            found.append(_fault(f"{node} dashboard", "knows the session", seen))
    return found


def _fault(where: str, expected: str, seen: str) -> Finding:
    return Finding(
        "dashboard-failed", "error", where, expected, seen, "`journalctl -u horizon` on the controllers says why"
    )

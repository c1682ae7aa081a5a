"""Stage `platform`: MariaDB, RabbitMQ, etcd, memcached, HAProxy and Keystone on all controllers."""

import http.client
import json
import socket
import ssl
from collections.abc import Iterable
from pathlib import Path
from typing import Any

from scs_rack import pki
from scs_rack.design import Design
from scs_rack.engine.stage import Context
from scs_rack.results import Finding, Result
from scs_rack.rotation.rolling import release
from scs_rack.stages.ansible_stage import AnsibleStage
from scs_rack.stages.api_address import address_findings
from scs_rack.stages.platform_members import member_findings

KEYSTONE_PORT = 5000


class PlatformStage(AnsibleStage):
    """What OpenStack's services stand on."""

    def __init__(self) -> None:
        super().__init__(
            name="platform",
            needs=("base",),
            summary="MariaDB, RabbitMQ, etcd, memcached, HAProxy with TLS, Keystone",
            playbook="platform.yml",
        )

    def afterwards(self, ctx: Context) -> Iterable[Result]:
        """Mend what a rotation that was killed may have left."""
        return release(ctx)

    def gate(self, ctx: Context) -> Iterable[Finding]:
        """Services and their clusters are whole on every controller; the API gives the administrator a token by TLS."""
        yield from member_findings(ctx)
        yield from address_findings(ctx)
        yield from api(ctx.design, pki.files(ctx.state_dir).trust, ctx.secrets["admin_password"])


def api(design: Design, ca: Path, password: str, port: int = KEYSTONE_PORT) -> Iterable[Finding]:
    """Log in as the administrator, as a customer would reach the API: TLS verified by the rack's CA.

    Args:
        design: region and address of the API.
        ca: certificate of the CA.
        password: of the user admin.
        port: of Keystone.
    """
    where = f"https://{design.api.host}:{port}"
    try:
        context = ssl.create_default_context(cafile=str(ca))
        status, answer = log_in(design.api.host, port, context, password)
    except ssl.SSLError as error:
        hint = "`scs-rack up --from platform` installs a certificate of the rack's CA"
        yield Finding("api-certificate", "error", where, f"a certificate that {ca} vouches for", str(error), hint)
        return
    except (OSError, http.client.HTTPException, ValueError) as error:
        hint = "is the API's address announced, and HAProxy running?"
        yield Finding("api-unreachable", "error", where, "answers", str(error) or type(error).__name__, hint)
        return
    if status != http.client.CREATED:
        seen = f"status {status}: {answer.get('error', {}).get('message', '')}".strip(": ")
        yield Finding("api-login", "error", where, "a token for the administrator", seen)
        return
    catalog = [endpoint for service in answer["token"]["catalog"] for endpoint in service["endpoints"]]
    plain = sorted({e["url"] for e in catalog if e["region"] == design.rack.region and not _is_https(e["url"])})
    if plain:
        yield Finding("api-plain-http", "error", where, "https for all endpoints", ", ".join(plain))
    if _speaks_plain_http(design.api.host, port):
        yield Finding("api-plain-http", "error", where, "refuses plain HTTP", "answers it")


def log_in(host: str, port: int, context: ssl.SSLContext, password: str) -> tuple[int, dict[str, Any]]:
    """Ask Keystone for a token in the project admin; the status and what it says (Identity API v3).

    Raises:
        OSError: no connection, or no verified TLS (`ssl.SSLError`).
        http.client.HTTPException: what answers does not speak HTTP.
        ValueError: the answer is no JSON.
    """
    domain = {"name": "Default"}
    user = {"name": "admin", "domain": domain, "password": password}
    body = {
        "auth": {
            "identity": {"methods": ["password"], "password": {"user": user}},
            "scope": {"project": {"name": "admin", "domain": domain}},
        }
    }
    connection = http.client.HTTPSConnection(host, port, timeout=60, context=context)
    try:
        connection.request("POST", "/v3/auth/tokens", json.dumps(body), {"Content-Type": "application/json"})
        response = connection.getresponse()
        text = response.read()
        if response.status >= http.client.INTERNAL_SERVER_ERROR:
            return response.status, {}
        answer = json.loads(text)
    finally:
        connection.close()
    if not isinstance(answer, dict):
        raise http.client.HTTPException(f"not an answer of Keystone: {answer!r}")
    return response.status, answer


def _is_https(url: str) -> bool:
    return url.startswith("https://")


def _speaks_plain_http(host: str, port: int) -> bool:
    try:
        with socket.create_connection((host, port), 5) as sock:
            sock.settimeout(5)
            sock.sendall(f"GET /v3 HTTP/1.1\r\nHost: {host}\r\nConnection: close\r\n\r\n".encode())
            return sock.recv(16).startswith(b"HTTP/")
    except OSError:
        return False

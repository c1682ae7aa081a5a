"""Part of the gate of stage `cloud`: object storage, written by Swift and read by S3 on every controller."""

import datetime as dt
import hashlib
import hmac
import os
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any
from urllib.parse import urlsplit

from scs_rack.engine.stage import Context
from scs_rack.results import Finding

Cloud = Any
"""An `openstack.connection.Connection` (the SDK ships no types)."""

PORT = 8080
SIZE = 4096
"""Bytes that are written and read back."""
EMPTY = hashlib.sha256(b"").hexdigest()


@dataclass(frozen=True)
class Key:
    """An access key of S3."""

    access: str
    secret: str
    region: str


def sign(url: str, key: Key, now: dt.datetime) -> dict[str, str]:
    """Headers of a GET without a body, signed as S3 wants it (AWS Signature Version 4).

    Args:
        url: without a query; its path needs no escapes.
        key: who asks.
        now: the time in UTC.
    """
    parts, stamp = urlsplit(url), now.strftime("%Y%m%dT%H%M%SZ")
    headers = {"host": parts.netloc, "x-amz-content-sha256": EMPTY, "x-amz-date": stamp}
    names = ";".join(headers)
    request = "\n".join(["GET", parts.path, "", *(f"{k}:{v}" for k, v in headers.items()), "", names, EMPTY])
    scope = f"{stamp[:8]}/{key.region}/s3/aws4_request"
    text = "\n".join(["AWS4-HMAC-SHA256", stamp, scope, hashlib.sha256(request.encode()).hexdigest()])
    derived = f"AWS4{key.secret}".encode()
    for part in (*scope.split("/"), text):
        derived = hmac.digest(derived, part.encode(), "sha256")
    words = f"Credential={key.access}/{scope},SignedHeaders={names},Signature={derived.hex()}"
    return {**headers, "authorization": f"AWS4-HMAC-SHA256 {words}"}


def object_store_findings(ctx: Context, cloud: Cloud) -> list[Finding]:
    """Write an object by Swift, read it by S3 from each controller, and remove it; nothing where there is no gateway.

    Raises:
        Exception: `failures()` of stage cloud; an API does not answer.
    """
    nodes = [node for node in ctx.design.groups.get("radosgw", ()) if ctx.selected(node)]
    if not nodes:
        return []
    hosts = {node: f"{ctx.design.nodes[node].loopback4}:{PORT}" for node in nodes}
    access = cloud.session.auth.get_access(cloud.session)
    credentials = f"/users/{access.user_id}/credentials/OS-EC2"
    made = cloud.identity.post(credentials, json={"tenant_id": access.project_id})
    if not made.ok:
        return [_fault("object-store-login", "Keystone", "an access key for S3", f"status {made.status_code}")]
    pair = made.json()["credential"]
    try:
        return round_trip(cloud, hosts, Key(pair["access"], pair["secret"], ctx.design.rack.region))
    finally:
        cloud.identity.delete(f"{credentials}/{pair['access']}")


def round_trip(cloud: Cloud, hosts: Mapping[str, str], key: Key) -> list[Finding]:
    """Write by Swift, read by S3.

    Args:
        cloud: whose Swift is written to, at the address of the API.
        hosts: address and port by controller.
        key: of the same project.
    """
    name, data = f"scs-rack-probe-{os.urandom(6).hex()}", os.urandom(SIZE)
    swift = cloud.object_store
    try:
        for path, body in ((f"/{name}", None), (f"/{name}/object", data)):
            if not (done := swift.put(path, data=body)).ok:
                return [_fault("object-store-failed", "Swift", "takes an object", f"status {done.status_code}")]
        return list(read_all(cloud, {node: f"https://{host}/{name}/object" for node, host in hosts.items()}, key, data))
    finally:
        for path in (f"/{name}/object", f"/{name}"):
            swift.delete(path)


def read_all(cloud: Cloud, urls: Mapping[str, str], key: Key, data: bytes) -> Iterable[Finding]:
    """Read the same object from each controller."""
    from keystoneauth1.exceptions import ClientException

    for node, url in urls.items():
        signed = sign(url, key, dt.datetime.now(dt.UTC))
        try:
            answer = cloud.session.get(url, headers=signed, authenticated=False, raise_exc=False, redirect=False)
        except ClientException as error:
            yield _fault("object-store-failed", f"{node} S3", "an answer over verified TLS", str(error)[:300])
            continue
        if answer.status_code != 200:
            seen = f"status {answer.status_code}: {answer.text[:200]}"
        elif answer.content != data:
            seen = "other bytes than were written"
        else:
            continue
        yield _fault("object-store-failed", f"{node} S3", "the object that was written by Swift", seen)


def _fault(kind: str, where: str, expected: str, seen: str) -> Finding:
    return Finding(kind, "error", where, expected, seen, "`journalctl -u radosgw` on the controllers says why")

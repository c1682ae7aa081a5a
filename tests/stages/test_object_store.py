"""The gate of object storage, against stand-ins for Keystone and the gateways."""

import datetime as dt
from types import SimpleNamespace
from typing import Any
from urllib.parse import urlsplit

import pytest
from botocore.auth import S3SigV4Auth
from botocore.awsrequest import AWSRequest
from botocore.credentials import Credentials
from keystoneauth1.exceptions import ConnectFailure

from scs_rack.stages.object_store import Key, object_store_findings, sign

HOSTS = {"node1": "10.91.0.1", "node2": "10.91.0.2"}


def answer(status: int, content: bytes = b"", **data: Any) -> SimpleNamespace:
    """A response as keystoneauth gives it."""
    return SimpleNamespace(
        status_code=status, ok=status < 400, content=content, text=content.decode("latin-1"), json=lambda: data
    )


class Cloud:
    """Swift and S3 over the same objects; a gateway of `broken` answers otherwise."""

    def __init__(self, broken: dict[str, SimpleNamespace] | None = None, put: int = 201, silent: str = "") -> None:
        self.objects: dict[str, bytes] = {}
        self.keys: set[str] = set()
        self.broken = broken or {}
        self.put_status = put
        self.silent = silent
        access = SimpleNamespace(user_id="u", project_id="p")
        self.session = SimpleNamespace(auth=SimpleNamespace(get_access=lambda _: access), get=self.read)
        self.identity = SimpleNamespace(post=self.make_key, delete=self.remove_key)
        self.object_store = SimpleNamespace(put=self.write, delete=lambda path: self.objects.pop(path, None))

    def make_key(self, path: str, json: dict[str, str]) -> SimpleNamespace:
        assert (path, json) == ("/users/u/credentials/OS-EC2", {"tenant_id": "p"})
        self.keys.add("a")
        return answer(201, credential={"access": "a", "secret": "s"})

    def remove_key(self, path: str) -> None:
        self.keys.remove(path.rpartition("/")[2])

    def write(self, path: str, data: bytes | None) -> SimpleNamespace:
        self.objects[path] = data or b""
        return answer(self.put_status)

    def read(self, url: str, headers: dict[str, str], **_: Any) -> SimpleNamespace:
        parts = urlsplit(url)
        assert headers["host"] == parts.netloc
        if parts.hostname == self.silent:
            raise ConnectFailure("refused")
        assert "Credential=a/" in headers["authorization"]
        return self.broken.get(parts.hostname or "", answer(200, self.objects[parts.path]))


def context(nodes: tuple[str, ...] = ("node1", "node2")) -> Any:
    """What the gate reads of a run's context."""
    design = SimpleNamespace(
        groups={"radosgw": nodes},
        nodes={name: SimpleNamespace(loopback4=address) for name, address in HOSTS.items()},
        rack=SimpleNamespace(region="lab"),
    )
    return SimpleNamespace(design=design, selected=lambda _: True)


def test_what_swift_wrote_is_read_from_each_gateway_and_removed() -> None:
    cloud = Cloud()
    assert object_store_findings(context(), cloud) == []
    assert (cloud.objects, cloud.keys) == ({}, set())


def test_without_gateways_nothing_is_asked() -> None:
    assert object_store_findings(context(()), None) == []


@pytest.mark.parametrize(
    ("wrong", "seen"),
    [(answer(403, b"no"), "status 403: no"), (answer(200, b"other"), "other bytes than were written")],
)
def test_a_gateway_that_answers_otherwise_is_named(wrong: SimpleNamespace, seen: str) -> None:
    cloud = Cloud({"10.91.0.2": wrong})
    (found,) = object_store_findings(context(), cloud)
    assert (found.type, found.where, found.seen) == ("object-store-failed", "node2 S3", seen)
    assert (cloud.objects, cloud.keys) == ({}, set())


def test_a_gateway_that_is_silent_is_named_and_the_others_are_asked() -> None:
    cloud = Cloud(silent="10.91.0.1")
    (found,) = object_store_findings(context(), cloud)
    assert (found.where, found.seen) == ("node1 S3", "refused")
    assert (cloud.objects, cloud.keys) == ({}, set())


def test_a_refused_object_leaves_no_key_behind() -> None:
    cloud = Cloud(put=507)
    (found,) = object_store_findings(context(), cloud)
    assert (found.where, found.seen) == ("Swift", "status 507")
    assert cloud.keys == set()


def test_signatures_are_those_of_another_implementation() -> None:
    url, now = "https://10.91.0.1:8080/bucket/object", dt.datetime(2026, 11, 23, 12, 0, 5, tzinfo=dt.UTC)
    mine = sign(url, Key("access", "secret", "lab"), now)
    request = AWSRequest(
        "GET", url, headers={"Host": "10.91.0.1:8080", "X-Amz-Content-SHA256": mine["x-amz-content-sha256"]}
    )
    request.context["timestamp"] = mine["x-amz-date"]
    signer = S3SigV4Auth(Credentials("access", "secret"), "s3", "lab")
    theirs = signer.signature(signer.string_to_sign(request, _canonical(signer, request, mine)), request)
    assert mine["authorization"].endswith(f"Signature={theirs}")


def _canonical(signer: S3SigV4Auth, request: AWSRequest, mine: dict[str, str]) -> str:
    request.headers["X-Amz-Date"] = mine["x-amz-date"]
    return str(signer.canonical_request(request))

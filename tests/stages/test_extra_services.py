"""What the gate asks of optional services, with clouds that lie."""

from types import SimpleNamespace
from typing import Any

import pytest

from scs_rack.stages import extra_services


class Keys:
    """A key manager and the session that reads from it."""

    def __init__(self, answer: str | None = None, status: int = 200) -> None:
        self.answer = answer
        self.status = status
        self.kept: dict[str, str] = {}
        self.key_manager = self.session = self

    def create_secret(self, *, payload: str, **_: Any) -> SimpleNamespace:
        self.kept["https://api:9311/v1/secrets/1"] = payload
        return SimpleNamespace(secret_ref="https://api:9311/v1/secrets/1")

    def get(self, url: str, **_: Any) -> SimpleNamespace:
        return SimpleNamespace(status_code=self.status, text=self.answer or self.kept[url.removesuffix("/payload")])

    def delete(self, url: str) -> None:
        del self.kept[url]


@pytest.mark.parametrize(("keys", "seen"), [(Keys("old"), "another text"), (Keys(status=500), "status 500")])
def test_a_secret_that_does_not_come_back_is_found_and_removed(keys: Keys, seen: str) -> None:
    (finding,) = extra_services.secret_findings(keys)
    assert (finding.severity, finding.seen) == ("error", seen)
    assert keys.kept == {}


def test_a_secret_that_comes_back_is_fine() -> None:
    keys = Keys()
    assert extra_services.secret_findings(keys) == []
    assert keys.kept == {}


@pytest.mark.parametrize(("names", "findings"), [(["ovn"], 0), (["amphora", "ovn"], 0), (["amphora"], 1), ([], 1)])
def test_load_balancers_are_ovns(names: list[str], findings: int) -> None:
    providers = [SimpleNamespace(name=name) for name in names]
    octavia = SimpleNamespace(providers=lambda: providers, load_balancers=lambda **_: iter(()))
    assert len(extra_services.provider_findings(SimpleNamespace(load_balancer=octavia))) == findings


def test_each_part_of_designate_must_be_up_on_each_controller() -> None:
    parts = [("central", "UP"), ("mdns", "UP"), ("producer", "UP"), ("worker", "DOWN")]
    rows = [SimpleNamespace(service_name=name, hostname="node1", status=status) for name, status in parts]
    cloud = SimpleNamespace(dns=SimpleNamespace(service_statuses=lambda: rows))
    (finding,) = extra_services.dns_findings(cloud, ("node1",))
    assert (finding.where, finding.seen) == ("node1 designate-worker", "DOWN")
    assert len(extra_services.dns_findings(cloud, ("node1", "node2"))) == 5

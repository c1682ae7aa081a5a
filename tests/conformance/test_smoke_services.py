"""The monitor of a load balancer, in a cloud whose members follow what a guest does."""

from types import SimpleNamespace
from typing import Any

import pytest

from scs_rack.conformance import smoke_services
from scs_rack.conformance.smoke import Smoke
from scs_rack.conformance.smoke_names import PREFIX
from scs_rack.errors import StageFailed


class Balancer:
    """Octavia with two members; what it answers follows from which services run, and from what it monitors."""

    def __init__(self, *, blind: bool = False, forgets: bool = False) -> None:
        self.alive = {"one": True, "two": True}
        self.monitored = False
        self.blind, self.forgets = blind, forgets
        self.turn = 0

    def load_balancers(self, name: str) -> list[Any]:
        return [SimpleNamespace(id="lb", name=name)]

    def pools(self, loadbalancer_id: str) -> list[Any]:
        return [SimpleNamespace(id="pool")]

    def create_health_monitor(self, **fields: Any) -> None:
        assert fields["name"] == PREFIX
        assert fields["timeout"] <= fields["delay"], "Octavia refuses others"
        self.monitored = True

    def get_load_balancer(self, ident: str) -> Any:
        return SimpleNamespace(provisioning_status="ACTIVE", pools=[{"id": "pool"}])

    def members(self, pool: str) -> list[Any]:
        def state(name: str) -> str:
            return "ONLINE" if self.alive[name] else "ERROR"

        return [
            SimpleNamespace(name=name, provisioning_status="ACTIVE", operating_status=state(name))
            for name in self.alive
        ]

    def ask(self, _address: str) -> str | None:
        """One request: of all members where nobody watches, of living ones otherwise."""
        self.turn += 1
        names = [name for name, alive in self.alive.items() if alive or self.blind]
        name = names[self.turn % len(names)]
        return f"token {name}" if self.alive[name] else None

    def in_guest(self, command: str) -> str:
        self.alive["one"] = command.startswith("httpd") and not self.forgets
        return ""


def smoke(balancer: Balancer, monkeypatch) -> Smoke:
    test = Smoke(SimpleNamespace(load_balancer=balancer), pause=lambda _seconds: False)
    test.servers = [SimpleNamespace(name="one"), SimpleNamespace(name="two")]
    test.token, test.balanced = "token", "10.92.0.100"
    monkeypatch.setattr(test, "in_guest", balancer.in_guest)
    monkeypatch.setattr(smoke_services, "_ask", balancer.ask)
    monkeypatch.setattr(smoke_services, "MONITORED", 0.0)
    return test


def test_a_dead_member_is_out_and_comes_in_again(monkeypatch) -> None:
    balancer = Balancer()
    smoke_services.health_monitor(smoke(balancer, monkeypatch))
    assert balancer.monitored
    assert balancer.alive == {"one": True, "two": True}


def test_requests_that_still_go_to_the_dead_one_fail_the_step(monkeypatch) -> None:
    with pytest.raises(StageFailed, match="there came: None, token two"):
        smoke_services.health_monitor(smoke(Balancer(blind=True), monkeypatch))


def test_a_member_that_stays_out_fails_the_step(monkeypatch) -> None:
    with pytest.raises(StageFailed, match="one ONLINE again: not seen"):
        smoke_services.health_monitor(smoke(Balancer(forgets=True), monkeypatch))

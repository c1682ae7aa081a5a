"""The check of scs-0302 as an external program: what it is given, how it is judged, and what is left of it."""

from pathlib import Path
from threading import Event
from types import SimpleNamespace
from typing import Any

import pytest

from scs_rack.conformance.domain_manager import CHECK, DOMAINS, run_domain_manager
from scs_rack.errors import UsageError
from scs_rack.model import ScsSuiteOptions

SCRIPT = """
import argparse, os, sys, time, yaml
args = argparse.ArgumentParser()
args.add_argument("--os-cloud")
args.add_argument("--domain-config")
args = args.parse_args()
cloud = yaml.safe_load(open(os.environ["OS_CLIENT_CONFIG_FILE"]))["clouds"][args.os_cloud]
assert set(cloud["auth"]) == {"auth_url"}, "anything else spoils the check's own logins"
assert "OS_PASSWORD" not in os.environ
domains = yaml.safe_load(open(args.domain_config))["domains"]
print(*(domain["name"] for domain in domains))
assert all(domain["manager"]["password"] and domain["member_role"] == "member" for domain in domains)
"""


class Identity:
    """Keystone's domains with their users, groups and projects."""

    def __init__(self) -> None:
        self.domains: dict[str, Any] = {}
        self.everything: dict[str, list[Any]] = {}
        self.roles: list[tuple[str, str, str]] = []

    def find_role(self, name: str, ignore_missing: bool) -> Any:
        return SimpleNamespace(name=name)

    def find_domain(self, name: str) -> Any:
        return self.domains.get(name)

    def create_domain(self, name: str, description: str) -> Any:
        assert name not in self.domains, "Keystone refuses: it is there"
        self.domains[name] = SimpleNamespace(id=name, name=name, enabled=True)
        return self.domains[name]

    def create_user(self, name: str, domain_id: str, password: str) -> Any:
        user = SimpleNamespace(name=name, password=password)
        self.everything.setdefault(domain_id, []).append(user)
        return user

    def assign_domain_role_to_user(self, domain: Any, user: Any, role: Any) -> None:
        self.roles.append((domain.name, user.name, role.name))

    def users(self, domain_id: str) -> list[Any]:
        return self.everything.get(domain_id, [])

    def delete_user(self, user: Any) -> None:
        for users in self.everything.values():
            if user in users:
                users.remove(user)

    def groups(self, domain_id: str) -> list[Any]:
        return []

    def projects(self, domain_id: str) -> list[Any]:
        return []

    def update_domain(self, domain: Any, is_enabled: bool) -> None:
        domain.enabled = is_enabled

    def delete_domain(self, domain: Any) -> None:
        assert not domain.enabled, "Keystone refuses: it must be disabled first"
        assert not self.everything.get(domain.id)
        del self.domains[domain.name]


@pytest.fixture
def check(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    """Run a check of our own making against a Keystone of our own making."""
    monkeypatch.setenv("OS_PASSWORD", "secret")
    identity = Identity()
    session = SimpleNamespace(auth=SimpleNamespace(auth_url="https://10.91.0.254:5000/v3"))
    cloud = SimpleNamespace(identity=identity, session=session, config=SimpleNamespace(get_region_name=lambda: "lab"))

    def call(script: str = SCRIPT, stop: Event | None = None):
        file = tmp_path / CHECK
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(script)
        options = ScsSuiteOptions(checkout=str(tmp_path))
        outcome = run_domain_manager(options, cloud, Path("/ca.crt"), tmp_path / "state", stop)
        assert not identity.domains, "what was made is removed"
        assert not (tmp_path / "state/domain-manager").exists(), "passwords go too"
        return outcome

    call.identity = identity
    return call


def test_two_domains_with_a_manager_each_that_go_afterwards(check) -> None:
    outcome = check()
    assert outcome.passed, outcome.lines
    assert outcome.lines == [" ".join(DOMAINS)]
    assert check.identity.roles == [(name, f"{name}-manager", "manager") for name in DOMAINS]


def test_an_assertion_that_fails_is_a_failure_whatever_python_is_told(check, monkeypatch) -> None:
    monkeypatch.setenv("PYTHONOPTIMIZE", "1")
    outcome = check(SCRIPT + "\nassert False, 'a manager could create a domain'\n")
    assert not outcome.passed
    assert "a manager could create a domain" in outcome.lines[-1]


def test_stopped_by_the_operator_is_not_passed(check) -> None:
    stop = Event()
    stop.set()
    assert not check("import time; time.sleep(600)", stop).passed


def test_leftovers_of_a_killed_run_are_removed_first(check) -> None:
    check.identity.create_domain(DOMAINS[0], "left")
    assert check().passed


def test_without_a_checkout_it_is_refused(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="no checkout"):
        run_domain_manager(ScsSuiteOptions(), None, tmp_path, tmp_path)
    with pytest.raises(UsageError, match="there is no"):
        run_domain_manager(ScsSuiteOptions(checkout=str(tmp_path)), None, tmp_path, tmp_path)

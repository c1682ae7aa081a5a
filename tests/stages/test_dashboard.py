"""The gate of the dashboard, against a stand-in that keeps sessions."""

from types import SimpleNamespace
from typing import Any
from urllib.parse import urlsplit

import pytest
import requests

from scs_rack.stages.dashboard import dashboard_findings

HOST = "10.91.0.254"
NODES = {"node1": "10.91.0.1", "node2": "10.91.0.2"}


class Dashboard:
    """Answers requests as Horizon does, on the API's address and on each controller."""

    def __init__(self) -> None:
        self.password = "right"
        self.secure = True
        self.hsts = True
        self.strangers: set[str] = set()
        """Addresses that know no session."""
        self.silent: set[str] = set()
        self.asked: list[str] = []
        self.sessions = 0

    def send(self, request: requests.PreparedRequest, **how: Any) -> requests.Response:
        assert how["verify"] == "/ca.crt"
        parts = urlsplit(str(request.url))
        if parts.netloc in self.silent:
            raise requests.ConnectionError("refused")
        self.asked.append(f"{request.method} {parts.netloc}{parts.path}")
        answer = requests.Response()
        answer.request, answer.url, answer._content = request, str(request.url), b""
        answer.status_code = 200
        if self.hsts:
            answer.headers["Strict-Transport-Security"] = "max-age=63072000"
        answer.raw = SimpleNamespace(_original_response=None, release_conn=lambda: None)
        cookies = str(request.headers.get("Cookie", ""))
        if parts.path == "/settings/":
            assert request.headers["Host"] == HOST
            if "sessionid=s" not in cookies or parts.netloc in self.strangers:
                answer.status_code, answer.headers["Location"] = 302, "/auth/login/?next=/settings/"
        elif request.method == "POST":
            assert request.headers["Referer"] == f"https://{HOST}/auth/login/"
            assert "csrftoken=t" in cookies
            assert "csrfmiddlewaretoken=t" in str(request.body)
            if f"password={self.password}" in str(request.body):
                answer.status_code = 302
                self.sessions += 1
        elif parts.path == "/auth/logout/":
            self.sessions -= bool(self.sessions)
        return answer


@pytest.fixture
def dashboard(monkeypatch: pytest.MonkeyPatch) -> Dashboard:
    one = Dashboard()

    def send(session: requests.Session, request: requests.PreparedRequest, **how: Any) -> requests.Response:
        answer = one.send(request, **how)
        path = urlsplit(str(request.url)).path
        if path == "/auth/login/":
            session.cookies.set("csrftoken", "t", domain=HOST, secure=one.secure)
        if request.method == "POST" and answer.status_code == 302:
            session.cookies.set("sessionid", "s", domain=HOST, secure=one.secure)
        return answer

    monkeypatch.setattr(requests.Session, "send", send)
    return one


def context(nodes: tuple[str, ...] = tuple(NODES)) -> Any:
    """What the gate reads of a run's context."""
    design = SimpleNamespace(
        groups={"horizon": nodes},
        nodes={name: SimpleNamespace(loopback4=address) for name, address in NODES.items()},
        api=SimpleNamespace(host=HOST),
    )
    return SimpleNamespace(design=design, selected=lambda _: True, secrets={"admin_password": "right"})


def test_each_controller_knows_the_session_and_it_is_ended(dashboard: Dashboard) -> None:
    assert dashboard_findings(context(), "/ca.crt") == []
    assert [line for line in dashboard.asked if "settings" in line] == [
        f"GET {address}/settings/" for address in NODES.values()
    ]
    assert dashboard.sessions == 0


def test_without_a_dashboard_nothing_is_asked() -> None:
    assert dashboard_findings(context(()), "/ca.crt") == []


def test_a_login_that_fails_is_a_fault(dashboard: Dashboard) -> None:
    dashboard.password = "another"
    (found,) = dashboard_findings(context(), "/ca.crt")
    assert (found.type, found.seen) == ("dashboard-failed", "status 200, no session")


def test_a_controller_that_knows_no_session_is_named(dashboard: Dashboard) -> None:
    dashboard.strangers = {"10.91.0.2"}
    (found,) = dashboard_findings(context(), "/ca.crt")
    assert (found.where, found.seen) == ("node2 dashboard", "status 302, /auth/login/?next=/settings/")


def test_a_controller_that_is_silent_is_named(dashboard: Dashboard) -> None:
    dashboard.silent = {"10.91.0.1"}
    (found,) = dashboard_findings(context(), "/ca.crt")
    assert (found.where, found.seen) == ("node1 dashboard", "refused")
    assert dashboard.sessions == 0


def test_cookies_for_any_connection_and_no_word_of_tls_are_faults(dashboard: Dashboard) -> None:
    dashboard.secure, dashboard.hsts = False, False
    assert {found.seen for found in dashboard_findings(context(), "/ca.crt")} >= {
        "csrftoken for any connection",
        "sessionid for any connection",
        "they are not",
    }

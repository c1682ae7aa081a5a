"""A customer's client that asks the APIs all the time, each request over a new connection and without a second try."""

import contextlib
import secrets
import threading
import time
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Self

import requests
import yaml

from scs_rack.clouds import clouds_file
from scs_rack.design import Design

EVERY = 0.5
"""Seconds between two rounds of one service's requests."""
PATIENCE = 15.0
"""Seconds after which a request without an answer is an error."""
GROUP = "scs-rack-failures"
"""How names begin of what it makes. Each is another one: with two of the same name in a project, Nova boots no guest
there that names a security group, whichever that is (`_get_security_group_ids` of Nova 31)."""
PATHS = {
    "nova": ":8774/v2.1/servers",
    "neutron": ":9696/v2.0/networks",
    "glance": ":9292/v2/images?limit=1",
    "cinder": ":8776/v3/volumes",
}


@dataclass(frozen=True)
class Failure:
    """A request that failed; times are of the monotonic clock."""

    begin: float
    end: float
    service: str
    text: str


class Client:
    """Asks while it is open; keeps what went wrong."""

    def __init__(self, state: Path, design: Design) -> None:
        cloud = yaml.safe_load(clouds_file(state).read_text(encoding="utf-8"))["clouds"]["test"]
        auth = cloud["auth"]
        user = {"name": auth["username"], "password": auth["password"], "domain": {"name": auth["user_domain_name"]}}
        project = {"name": auth["project_name"], "domain": {"name": auth["project_domain_name"]}}
        self._login = {
            "auth": {
                "identity": {"methods": ["password"], "password": {"user": user}},
                "scope": {"project": project},
            }
        }
        self._ca, self._url = cloud["cacert"], f"https://{design.api.host}"
        self._token = ""
        self._stop = threading.Event()
        self._kept = threading.Lock()
        self._asked: list[float] = []
        self._errors: list[Failure] = []
        self._threads: list[threading.Thread] = []

    def __enter__(self) -> Self:
        self._log_in()
        self._clean()
        jobs: dict[str, Any] = {"keystone": self._log_in, "write": self._write}
        jobs |= {name: lambda path=path: self._get(path) for name, path in PATHS.items()}
        for name, job in jobs.items():
            thread = threading.Thread(target=self._round, args=(name, job), daemon=True)
            thread.start()
            self._threads.append(thread)
        return self

    def __exit__(self, *_: object) -> None:
        self._stop.set()
        for thread in self._threads:
            thread.join(PATIENCE + 1)
        with contextlib.suppress(requests.RequestException):
            self._log_in()
            self._clean()

    def errors(self, since: float) -> list[Failure]:
        """Failed requests that ended since a time (of the monotonic clock)."""
        with self._kept:
            return [one for one in self._errors if one.end >= since]

    def asked(self, since: float) -> int:
        """How many requests ended since a time."""
        with self._kept:
            return sum(at >= since for at in self._asked)

    def _round(self, name: str, job: Any) -> None:
        while not self._stop.wait(EVERY):
            began = time.monotonic()
            try:
                job()
                error = ""
            except requests.RequestException as problem:
                error = str(problem)[:300]
            ended = time.monotonic()
            with self._kept:
                self._asked.append(ended)
                if error:
                    self._errors.append(Failure(began, ended, name, error))

    def _call(self, method: str, path: str, **more: Any) -> requests.Response:
        headers = {"X-Auth-Token": self._token, "Connection": "close"}
        answer = requests.request(
            method, f"{self._url}{path}", headers=headers, verify=self._ca, timeout=PATIENCE, **more
        )
        answer.raise_for_status()
        return answer

    def _get(self, path: str) -> None:
        self._call("GET", path)

    def _log_in(self) -> None:
        self._token = self._call("POST", ":5000/v3/auth/tokens", json=self._login).headers["X-Subject-Token"]

    def _write(self) -> None:
        """Make something and remove it, which goes through the database's writer."""
        body = {"security_group": {"name": f"{GROUP}-{secrets.token_hex(4)}"}}
        made = self._call("POST", ":9696/v2.0/security-groups", json=body).json()["security_group"]["id"]
        self._call("DELETE", f":9696/v2.0/security-groups/{made}")

    def _clean(self) -> None:
        """Remove what was left behind when the answer to a request was lost."""
        for one in self._call("GET", ":9696/v2.0/security-groups").json()["security_groups"]:
            if one["name"].startswith((GROUP, "scs-rack-smoke-failures")):
                self._call("DELETE", f":9696/v2.0/security-groups/{one['id']}")

"""Keystone: accounts of services have twins; the administrator and the test user get a new password at once."""

import ssl
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any

from keystoneauth1 import exceptions, session
from keystoneauth1.identity.v3 import Password

from scs_rack import clouds, pki
from scs_rack.engine.stage import Context
from scs_rack.errors import StageFailed
from scs_rack.results import Result
from scs_rack.rotation import states
from scs_rack.rotation.kinds import CLOUD, PLATFORM, Kind, Vault

LOGINS = {"admin_password": ("admin", "Default"), "test_user_password": (clouds.TEST_NAME, clouds.TEST_NAME)}
"""User and domain of the secrets that are passwords of people."""
PATIENCE = 60
TRIES = 5


class Identity:
    """Keystone, as its administrator."""

    def __init__(self, ctx: Context, stored: Vault) -> None:
        self._url = f"https://{ctx.design.api.host}:5000/v3"
        self._ca = str(pki.files(ctx.state_dir).trust)
        # killed between a new password's setting and its storing, the vault still calls it the next one
        passwords = [stored[name] for name in ("admin_password", "admin_password_next") if name in stored]
        working = [one for one in passwords if self.opens("admin", "Default", one, "admin")]
        if not working:
            raise StageFailed("Keystone refuses the administrator", "`scs-rack up --from platform` sets its password")
        self._session = self._log_in("admin", "Default", working[0], "admin")

    def opens(self, user: str, domain: str, password: str, project: str | None = None) -> bool:
        """True if a user can log in.

        Raises:
            StageFailed: Keystone does not answer.
        """
        try:
            self._log_in(user, domain, password, project).get_token()
        except exceptions.Unauthorized:
            return False
        except exceptions.ClientException as error:
            raise StageFailed(f"{self._url}: {error}") from error
        return True

    def call(self, method: str, path: str, body: Any = None) -> Any:
        """One call; its answer.

        Raises:
            StageFailed: Keystone refuses it, or does not answer.
        """
        try:
            answer = self._session.request(
                f"{self._url}{path}", method, json=body, connect_retries=TRIES, authenticated=True
            )
        except (exceptions.ClientException, ssl.SSLError) as error:
            raise StageFailed(f"{method} {path}: {error}") from error
        return answer.json() if answer.content else {}

    def user(self, name: str, domain: str) -> str | None:
        """Id of a user."""
        found = self.call("GET", f"/users?name={name}&domain_id={self._domain(domain)}")["users"]
        return str(found[0]["id"]) if found else None

    def put_user(self, name: str, password: str, like: str) -> None:
        """A user of domain Default with the roles on projects that another one has; with this password."""
        model = self.user(like, "Default")
        if model is None:
            raise StageFailed(f"Keystone has no user {like}", "`scs-rack up --from platform` makes it")
        there = self.user(name, "Default")
        fields = {"name": name, "domain_id": "default", "password": password, "enabled": True}
        if there is None:
            there = str(self.call("POST", "/users", {"user": fields})["user"]["id"])
        else:
            self.call("PATCH", f"/users/{there}", {"user": {"password": password, "enabled": True}})
        for one in self.call("GET", f"/role_assignments?user.id={model}")["role_assignments"]:
            scope = one["scope"].get("project")
            if scope:
                self.call("PUT", f"/projects/{scope['id']}/users/{there}/roles/{one['role']['id']}")

    def set_password(self, user: str, domain: str, password: str) -> bool:
        """Set it; False if there is no such user."""
        there = self.user(user, domain)
        if there is not None:
            self.call("PATCH", f"/users/{there}", {"user": {"password": password}})
        return there is not None

    def remove_user(self, name: str) -> None:
        """Remove a user of domain Default, if there is one."""
        there = self.user(name, "Default")
        if there is not None:
            self.call("DELETE", f"/users/{there}")

    def _domain(self, name: str) -> str:
        if name == "Default":
            return "default"
        found = self.call("GET", f"/domains?name={name}")["domains"]
        return str(found[0]["id"]) if found else "none"

    def _log_in(self, user: str, domain: str, password: str, project: str | None) -> Any:
        scope = {"project_name": project, "project_domain_name": domain} if project else {"unscoped": True}
        auth = Password(self._url, username=user, user_domain_name=domain, password=password, **scope)
        return session.Session(auth, verify=self._ca, timeout=PATIENCE)


@dataclass(frozen=True)
class ServiceUsers(Kind):
    """Secrets `service_<service>`."""

    playbooks: tuple[str, ...] = (CLOUD,)

    def account(self, name: str) -> str | None:
        """The service's own name."""
        return name.removeprefix("service_")

    def accept(self, ctx: Context, stored: Vault, names: Sequence[str]) -> Iterable[Result]:
        """The twin can log in, and has the roles that the account in use has."""
        keystone = Identity(ctx, stored)
        for name in names:
            service = name.removeprefix("service_")
            following, password = states.twin(stored, name, service), stored[f"{name}_next"]
            keystone.put_user(following, password, like=states.used(stored, name, service))
            good = keystone.opens(following, "Default", password, "service")
            yield Result(
                "keystone", f"user {following} logs in", changed=True, error=None if good else "the login is refused"
            )

    def retire(self, ctx: Context, stored: Vault, names: Sequence[str]) -> Iterable[Result]:
        """The account that was in use before is gone."""
        keystone = Identity(ctx, stored)
        for name in names:
            service = name.removeprefix("service_")
            current, old = states.used(stored, name, service), states.twin(stored, name, service)
            if not keystone.opens(current, "Default", stored[name], "service"):
                yield Result("keystone", f"user {current} logs in", error="the login is refused; the old user stays")
                continue
            keystone.remove_user(old)
            still = keystone.opens(old, "Default", stored[f"{name}_old"])
            yield Result(
                "keystone", f"user {old} is removed", changed=True, error="it can still log in" if still else None
            )


@dataclass(frozen=True)
class Logins(Kind):
    """Passwords of the administrator and of the test user: one at a time, and nobody's service logs in with them."""

    playbooks: tuple[str, ...] = (PLATFORM,)

    def accept(self, ctx: Context, stored: Vault, names: Sequence[str]) -> Iterable[Result]:
        """Set, and observed by a login. The administrator's comes last: all else here is done in that name."""
        for name in sorted(names, key=lambda name: name == "admin_password"):
            user, domain = LOGINS[name]
            password = stored[f"{name}_next"]
            keystone = Identity(ctx, stored)
            error = None
            if keystone.set_password(user, domain, password) and not keystone.opens(user, domain, password):
                error = "the login is refused"
            yield Result("keystone", f"user {user} logs in with the new password", changed=True, error=error)

    def retire(self, ctx: Context, stored: Vault, names: Sequence[str]) -> Iterable[Result]:
        """The old one is refused."""
        for name in names:
            user, domain = LOGINS[name]
            still = Identity(ctx, stored).opens(user, domain, stored[f"{name}_old"])
            error = "the old password still works" if still else None
            yield Result("keystone", f"user {user}'s old password is refused", error=error)

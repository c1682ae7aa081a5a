"""What kind each secret is: how a second one becomes valid beside it, and how the first is made invalid."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

from scs_rack import vault
from scs_rack.design import Design
from scs_rack.engine.stage import Context
from scs_rack.results import Result
from scs_rack.rotation import states

BASE, PLATFORM, CLOUD = "base.yml", "platform.yml", "cloud.yml"

Vault = Mapping[str, str]


@dataclass(frozen=True)
class Kind:
    """A kind of secret. By itself: known to several services that compare it, and without a second one beside it."""

    playbooks: tuple[str, ...] = ()
    """What brings the new one to those who use it."""
    written: bool = True
    """True if it stands in settings of servers as it is, and a client that was left out is found by that."""

    def account(self, name: str) -> str | None:  # noqa: ARG002 (for kinds that have some)
        """The account's own name, where it has a twin."""
        return None

    def begin(self, stored: Vault, name: str) -> states.Changes:
        """From resting to pending."""
        return states.begin(stored, name, vault.generate(name))

    def switch(self, stored: Vault, name: str) -> states.Changes:
        """From pending to moving."""
        return states.switch(stored, name, self.account(name))

    def finish(self, stored: Vault, name: str) -> states.Changes:
        """From moving to resting."""
        return states.finish(stored, name)

    def accept(self, ctx: Context, stored: Vault, names: Sequence[str]) -> Iterable[Result]:  # noqa: ARG002
        """While pending: make the next ones valid beside those in use, and observe that they are.

        Raises:
            ScsRackError: they are not.
        """
        return ()

    def moved(self, ctx: Context, stored: Vault, names: Sequence[str]) -> Iterable[Result]:  # noqa: ARG002
        """While moving, before anybody is configured anew: what has to be so by then.

        Raises:
            ScsRackError: it is not.
        """
        return ()

    def retire(self, ctx: Context, stored: Vault, names: Sequence[str]) -> Iterable[Result]:  # noqa: ARG002
        """While moving, when all are configured: make the old ones invalid, and observe that they are.

        Raises:
            ScsRackError: they are not, or those in use no longer work.
        """
        return [Result("manager", f"{name}: all who share it were configured", changed=True) for name in names]


REFUSED = {
    "rbd_secret_uuid": "it is a name that libvirt knows a key by, not a secret",
    "designate_rndc_key": "BIND takes orders signed by one key only; `scs-rack up --from cloud` after `secrets set`",
}
"""Secrets that can't be rotated while the cloud serves, with the reason."""


def refusal(design: Design, name: str) -> str | None:
    """Why a secret is not rotated here; None when it can be."""
    if name in REFUSED:
        return REFUSED[name]
    if name.startswith("bmc_"):
        return "`scs-rack bmc rotate` changes passwords of BMCs"
    service = name.partition("_")[2]
    if name == "barbican_kek" and "barbican" not in design.rack.cloud.services:
        return "this rack has no barbican"
    if name.startswith(("db_", "service_")) and service in {"barbican", "octavia", "designate", "swift"}:
        return None if service in design.rack.cloud.services else f"this rack has no {service}"
    if not name.startswith(("db_", "service_")) and name not in KNOWN:
        return "it belongs to a device outside of the cloud, which takes it from its own stage"
    return None


KNOWN = (
    "admin_password",
    "test_user_password",
    "rabbitmq_password",
    "rabbitmq_cookie",
    "metadata_secret",
    "horizon_secret_key",
    "barbican_kek",
    "fernet",
    "credential",
)
"""Secrets beside those of databases (`db_…`) and services (`service_…`); the last two are rows of Keystone's keys."""


def all_names(design: Design) -> list[str]:
    """All that `--all` rotates."""
    stated = [name for name in vault.names(design) if not name.startswith(("fernet_", "credential_"))]
    return [name for name in (*stated, "fernet", "credential") if refusal(design, name) is None]

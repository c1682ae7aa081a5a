"""The check of scs-0302 (domain manager) from the operator's checkout of the SCS standards, as an external program.

It wants two domains with a manager each; they are made for the run and removed after it.
"""

import secrets
import shutil
import sys
from dataclasses import dataclass
from pathlib import Path
from threading import Event
from typing import Any

import yaml

from scs_rack.conformance.scs_suite import environment, run_to_end
from scs_rack.errors import UsageError
from scs_rack.files import write_file
from scs_rack.model import ScsSuiteOptions

CHECK = "Tests/iam/domain-manager/domain-manager-check.py"
DOMAINS = ("scs-rack-domain-a", "scs-rack-domain-b")
TIMEOUT = 900.0

Cloud = Any
"""An `openstack.connection.Connection` with admin rights."""


@dataclass(frozen=True)
class Outcome:
    """What the check said."""

    passed: bool
    lines: list[str]
    """The end of its output."""
    log: Path


def run_domain_manager(
    options: ScsSuiteOptions,
    cloud: Cloud,
    ca: Path,
    folder: Path,
    stop: Event | None = None,
) -> Outcome:
    """Run the check.

    Args:
        options: where the checkout is.
        cloud: with admin rights, to make the domains.
        ca: certificate of the authority that signed the API's.
        folder: where its log is written.
        stop: ends the check when it is set.

    Raises:
        UsageError: no checkout is named, or it has no such check.
    """
    if options.checkout is None:
        raise UsageError("no checkout of the SCS standards is named", "state conformance.scs.checkout in the rack file")
    check = Path(options.checkout).expanduser().resolve() / CHECK
    if not check.is_file():
        raise UsageError(f"there is no {check}", "is conformance.scs.checkout one of SovereignCloudStack/standards?")
    work, log = folder / "domain-manager", folder / "domain-manager.log"
    shutil.rmtree(work, ignore_errors=True)
    work.mkdir(parents=True, mode=0o700)
    auth = {"auth_url": cloud.session.auth.auth_url}
    common = {"cacert": str(ca), "identity_api_version": 3, "region_name": cloud.config.get_region_name()}
    write_file(work / "clouds.yaml", yaml.safe_dump({"clouds": {"managed": common | {"auth": auth}}}))
    remove(cloud)
    try:
        write_file(work / "domain-manager-test.yaml", yaml.safe_dump({"domains": _make(cloud)}))
        argv = [options.python or sys.executable, str(check), "--os-cloud", "managed"]
        argv += ["--domain-config", str(work / "domain-manager-test.yaml")]
        code, ended = run_to_end(argv, log, environment(work / "clouds.yaml"), TIMEOUT, stop)
    finally:
        shutil.rmtree(work, ignore_errors=True)
        remove(cloud)
    lines = log.read_text(encoding="utf-8", errors="replace").strip().splitlines()[-12:]
    return Outcome(code == 0 and ended is None, lines, log)


def _make(cloud: Cloud) -> list[dict[str, Any]]:
    """Two domains with a manager each, as the check's file wants them."""
    identity = cloud.identity
    role = identity.find_role("manager", ignore_missing=False)
    found = []
    for name in DOMAINS:
        domain = identity.create_domain(name=name, description="For the check of scs-0302; scs-rack removes it")
        password = secrets.token_urlsafe(24)
        user = identity.create_user(name=f"{name}-manager", domain_id=domain.id, password=password)
        identity.assign_domain_role_to_user(domain, user, role)
        manager = {"username": user.name, "password": password}
        found.append({"name": name, "manager": manager, "member_role": "member"})
    return found


def remove(cloud: Cloud) -> None:
    """Remove the domains and all that is in them: of this run, or of one that was killed."""
    identity = cloud.identity
    for name in DOMAINS:
        domain = identity.find_domain(name)
        if domain is None:
            continue
        for user in list(identity.users(domain_id=domain.id)):
            identity.delete_user(user)
        for group in list(identity.groups(domain_id=domain.id)):
            identity.delete_group(group)
        for project in list(identity.projects(domain_id=domain.id)):
            identity.delete_project(project)
        identity.update_domain(domain, is_enabled=False)
        identity.delete_domain(domain)

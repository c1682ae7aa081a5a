"""The clouds.yaml of a rack (openstacksdk's format): its admin, and the test user who is a member only."""

from collections.abc import Mapping
from pathlib import Path

import yaml

from scs_rack import pki
from scs_rack.design import Design
from scs_rack.files import write_file

TEST_NAME = "scs-test"
"""Name of the test's domain, project and user."""


def clouds_file(state_dir: Path) -> Path:
    """Where it lies; mode 0600, since it holds passwords."""
    return state_dir / "clouds.yaml"


def ensure(state_dir: Path, design: Design, secrets: Mapping[str, str]) -> None:
    """Write it unless it is as it should be; whole or not at all."""
    common = {
        "region_name": design.rack.region,
        "cacert": str(pki.files(state_dir).trust),
        "identity_api_version": 3,
        "interface": "public",
    }
    url = f"https://{design.api.host}:5000/v3"
    admin = {"username": "admin", "project_name": "admin", "password": secrets["admin_password"]}
    test = {"username": TEST_NAME, "project_name": TEST_NAME, "password": secrets["test_user_password"]}
    content = {
        "admin": common | {"auth": admin | _domains("Default") | {"auth_url": url}},
        "test": common | {"auth": test | _domains(TEST_NAME) | {"auth_url": url}},
    }
    text = yaml.safe_dump({"clouds": content}, sort_keys=True)
    path = clouds_file(state_dir)
    if path.is_file() and path.read_text(encoding="utf-8") == text and path.stat().st_mode & 0o077 == 0:
        return
    write_file(path, text)


def _domains(name: str) -> dict[str, str]:
    return {"user_domain_name": name, "project_domain_name": name}

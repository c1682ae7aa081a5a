from importlib.metadata import PackageNotFoundError
from pathlib import Path

import pytest

from scs_rack.ansible import mitogen


@pytest.fixture
def versions(monkeypatch):
    known = {"mitogen": "0.3.54", "ansible-core": "2.19.14"}

    def version(name):
        if name not in known:
            raise PackageNotFoundError(name)
        return known[name]

    monkeypatch.setattr(mitogen, "version", version)
    return known


def test_mitogen_is_used_where_it_fits(versions):
    environment = mitogen.strategy().environment
    assert environment["ANSIBLE_STRATEGY"] == "mitogen_linear"
    assert (Path(environment["ANSIBLE_STRATEGY_PLUGINS"]) / "mitogen_linear.py").is_file()


@pytest.mark.parametrize(
    ("mitogen_version", "core", "why"),
    [
        ("0.3.22", "2.19.1", "mitogen 0.3.22 is older than 0.3.54"),
        ("0.3.54", "2.20.0", "mitogen 0.3.54 was not tried with ansible-core 2.20.0"),
        ("0.3.54", "2.14.9", "mitogen 0.3.54 was not tried with ansible-core 2.14.9"),
        (None, "2.19.1", "mitogen is not installed"),
    ],
)
def test_why_it_is_not_used(versions, mitogen_version, core, why):
    versions["ansible-core"] = core
    if mitogen_version:
        versions["mitogen"] = mitogen_version
    else:
        del versions["mitogen"]
    found = mitogen.strategy()
    assert (found.environment, found.why_plain) == ({}, why)

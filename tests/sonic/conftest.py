"""The judge: SONiC's own YANG models, which are no part of the project."""

import importlib.util
import os
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from scs_rack.sonic.yang.models import Models

REPOSITORY = Path(__file__).parents[2]


@pytest.fixture(autouse=True)
def own_cache(monkeypatch, tmp_path_factory):
    """No models but those that a test names: what this machine has in its cache must not change a verdict."""
    monkeypatch.setenv("SCS_RACK_CACHE", str(tmp_path_factory.getbasetemp() / "cache"))
    monkeypatch.delenv("SCS_RACK_YANG_MODELS", raising=False)


def _home() -> Path:
    """Folder with `tools/sonic_validate.py` and `data/sonic-yang`: $SCS_RACK_YANG, else ../shared."""
    return Path(os.environ.get("SCS_RACK_YANG", REPOSITORY.parent / "shared"))


@pytest.fixture(scope="session")
def yang() -> Callable[[str, dict], list[str]]:
    """Violations of a CONFIG_DB by the YANG models of a release; skips where models or libyang are missing."""
    pytest.importorskip("oopt_gnpy_libyang", reason="needs the package oopt-gnpy-libyang (extra `dev`)")
    tool = _home() / "tools/sonic_validate.py"
    if not tool.exists():
        pytest.skip(f"needs SONiC's YANG models: no {tool}; name their folder in SCS_RACK_YANG")
    spec = importlib.util.spec_from_file_location("sonic_validate", tool)
    module = importlib.util.module_from_spec(spec)
    sys.modules[spec.name] = module  # its dataclasses look themselves up there
    spec.loader.exec_module(module)
    judges = {}

    def judge(release: str, tables: dict) -> list[str]:
        if release not in judges:
            folder = _home() / "data/sonic-yang" / release
            if not folder.is_dir():
                pytest.skip(f"needs the YANG models of {release} in {folder}")
            judges[release] = module.Validator(str(folder))
        return [str(violation) for violation in judges[release].validate(tables)]

    return judge


class SonicModels(Models):
    """The models of the releases that are at hand."""

    def nearest(self, release: str) -> str:
        """A release whose models judge: its own, else the next newer one's."""
        return next(one for one in self.releases if one >= release)


@pytest.fixture(scope="session")
def sonic_models() -> SonicModels:
    """SONiC's own models, for the product's judge; skips where they or libyang are missing."""
    pytest.importorskip("oopt_gnpy_libyang", reason="needs the package oopt-gnpy-libyang")
    folder = _home() / "data/sonic-yang"
    if not folder.is_dir():
        pytest.skip(f"needs SONiC's YANG models in {folder}; name the folder above in SCS_RACK_YANG")
    return SonicModels(folder)

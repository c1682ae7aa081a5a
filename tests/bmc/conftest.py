from pathlib import Path

import pytest

from .emulators import certificate


@pytest.fixture(scope="session")
def tls_files(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Path]:
    """Certificate and key of the Redfish emulators; the certificate is its own CA."""
    return certificate(tmp_path_factory.mktemp("tls"))

"""`check --suite` refuses what does not fit before it touches anything."""

from pathlib import Path

import pytest

from scs_rack.cli.main import main

LAB = str(Path(__file__).parents[2] / "inventory/lab")


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["ceph", "--suite", "smoke"], "tests the cloud as a whole"),
        (["--limit", "node1", "--suite", "smoke"], "tests the cloud as a whole"),
        (["--suite", "smoke", "--install"], "--install belongs to --suite tempest"),
        (["--suite", "scs", "--short"], "--short belongs to --suite tempest"),
        (["--again"], "--again belongs to --suite"),
        (["--suite", "tempest", "--workers", "0"], "--workers"),
    ],
)
def test_what_does_not_fit(words: list[str], said: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["check", "-r", LAB, *words]) == 2
    assert said in capsys.readouterr().err


def test_unknown_suite(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as error:
        main(["check", "-r", LAB, "--suite", "refstack"])
    assert error.value.code == 2
    assert "tempest" in capsys.readouterr().err


def test_help_teaches(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit):
        main(["check", "--help"])
    text = capsys.readouterr().out
    assert "scs-0128" in text
    assert "--suite tempest --install" in text

"""What the stage's gate makes of a server's answer."""

from types import SimpleNamespace

import pytest

from scs_rack.provision import records
from scs_rack.remote import Answer
from scs_rack.stages.provision import _judge
from tests.provision.test_boot_order import text

HERE = "metal1\n1234-uuid\n"


@pytest.mark.parametrize(
    ("out", "expected"),
    [
        (HERE + "bios\n", []),
        (HERE + text(["0007", "0001"]), []),
        (HERE + text(["0001", "0007"]), ["boot-order", "boot-order-changed"]),
        ("metal1\nanother-uuid\n", ["other-installation"]),
        ("metal2\n1234-uuid\n", ["other-installation"]),
        ("", ["other-installation"]),
    ],
)
def test_an_answer_is_judged(tmp_path, out, expected):
    order = "scs-rack, UEFI PXEv4"
    records.write(tmp_path, records.Record("metal1", "installed", "0", "1234-uuid", "PXE", "now", order))
    found = _judge(SimpleNamespace(state_dir=tmp_path), "metal1", Answer("metal1", 0, out, "", 0.1))
    assert [one.type for one in found] == expected

"""`scs-rack flavor`."""

import json

import pytest

from scs_rack.cli.main import main


def test_a_name_is_told(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["flavor", "parse", "SCS-16Ti-64uo-2x200p_bms_hwv_z3h_GNa-14-6h_ib", "SCS-1V-0.5"]) == 0
    assert capsys.readouterr().out.splitlines() == [
        (
            "SCS-16Ti-64uo-2x200p_bms_hwv_z3h_GNa-14-6h_ib: 16 threads of its own (weakly protected), "
            "64 GiB (no ECC, overcommitted), 2 x 200 GB of local NVMe, hypervisor bms, guests in the guest, "
            "AMD generation 3 high frequency, whole GPU Na, 14 units, 6 GiB, InfiniBand"
        ),
        "SCS-1V-0.5: 1 shared vCPUs, 0.5 GiB, boots from a volume",
    ]


def test_wrong_names_are_all_told(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["flavor", "parse", "--json", "SCS-2V-4", "SCS-2-4", "m1.tiny"]) == 2
    seen = capsys.readouterr()
    assert list(json.loads(seen.out)) == ["SCS-2V-4"]
    assert seen.err.count("error: ") == seen.err.count("hint: ") == 2


def test_from_what_there_is_to_the_name(capsys: pytest.CaptureFixture[str]) -> None:
    words = (
        "--vcpus 16 --cpu T --ram 64 --disk 3x200p --hypervisor bms --nested --arch z3h --gpu GNa-14-6h --ib --no-ecc"
    )
    assert main(["flavor", "name", *words.split()]) == 0
    assert capsys.readouterr().out == "SCS-16T-64u-3x200p_bms_hwv_z3h_GNa-14-6h_ib\n"


@pytest.mark.parametrize("words", [["--ram", "0.3"], ["--ram", "4", "--disk", "20q"], ["--ram", "4", "--arch", "x1"]])
def test_what_has_no_name(words: list[str], capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["flavor", "name", "--vcpus", "2", "--cpu", "V", *words]) == 2
    assert "hint: " in capsys.readouterr().err

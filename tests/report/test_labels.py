"""Labels of cables: two for each, both ends on both."""

from pathlib import Path

from scs_rack.cli.main import main
from scs_rack.design import make_design
from scs_rack.model.load import load_rack
from scs_rack.report.labels import html_sheet, labels, text_sheet

RACK = Path(__file__).parents[2] / "inventory/fabric"
DESIGN = make_design(load_rack(RACK))


def test_both_ends_of_every_cable_have_a_label():
    found = list(labels(DESIGN))
    assert len(found) == 2 * len(DESIGN.rack.cables)
    assert {(one.here, one.there) for one in found} == {(one.there, one.here) for one in found}
    assert len({one.here for one in found}) == len(found)
    first = found[0]
    assert (first.here, first.there, first.note) == (
        "leaf1 U15 Ethernet14 (port 15)", "spine1 U21 Ethernet0 (port 1)", "25G fabric",
    )  # fmt: skip


def test_sheets_have_every_label_and_nothing_to_fetch():
    found = list(labels(DESIGN))
    page = html_sheet("a<b", found)
    assert page.count("<div>") == len(found)
    assert "a&lt;b" in page
    assert "http" not in page
    assert text_sheet(found).count("\n  to ") == len(found)


def test_the_command_prints_table_csv_and_labels(tmp_path, capsys):
    assert main(["cable", "list", "-r", str(RACK), "--limit", "leaf1"]) == 0
    assert "spine1" in capsys.readouterr().out
    assert main(["cable", "list", "-r", str(RACK), "--csv"]) == 0
    assert len(capsys.readouterr().out.splitlines()) == 1 + len(DESIGN.rack.cables)
    sheet = tmp_path / "labels.html"
    assert main(["cable", "list", "-r", str(RACK), "--labels", "html", "-o", str(sheet)]) == 0
    assert sheet.read_text().count("<div>") == 2 * len(DESIGN.rack.cables)
    assert main(["cable", "list", "-r", str(RACK), "--csv", "-o", str(tmp_path / "no/where")]) == 2

"""Each fault of a site file: wrong input beside the exact words, all faults at once."""

import json
from pathlib import Path

import jsonschema
import pytest
import yaml

from scs_rack.cli.main import main
from scs_rack.model.schema import site_schema
from scs_rack.model.site_file import check_site, load_site

REPOSITORY = Path(__file__).parents[2]
KEY = "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIO4SPaKqHLvNtZUEeDR4dGbZ0JHVUpzRA8Y1RVFQ4Dxt"
SITE = f"""name: trial
racks:
  east:
    path: east
    manager: local
  west:
    path: west
    manager: {{address: 192.0.2.7, host_key: {KEY}, folder: /srv/racks/west}}
"""
WRONG = [
    ("name: trial\n", "", "1: name is not stated\n  hint: Name of the site."),
    ("name: trial", "name: Trial", "1: name: not a host name (Trial)\n"),
    ("racks:", "at_once: 0\nracks:", "2: at_once: must be at least 1 (0)"),
    ("racks:", "atonce: 3\nracks:", "2: atonce: unknown key\n  hint: did you mean at_once?"),
    (
        "manager: local",
        "manager: remote",
        "5: racks.east.manager: not a manager node (remote)\n  hint: write local, or",
    ),
    ("    manager: local\n", "", "3: racks.east: manager is not stated\n  hint: `local` when its manager is"),
    ("192.0.2.7", "-oProxyCommand=x", "8: racks.west.manager.address: not an address (-oProxyCommand=x)"),
    ("192.0.2.7", "192.0.2.777", "8: racks.west.manager.address: not an address (192.0.2.777)"),
    (
        KEY,
        "ssh-ed25519 AAAAB3Nz",
        "8: racks.west.manager.host_key: not a public host key of SSH (ssh-ed25519 AAAAB3Nz)",
    ),
    ("folder: /srv/racks/west", "folder: racks", "8: racks.west.manager.folder: not a folder for one rack (racks)"),
    ("folder: /srv/racks/west", "command: rm -rf", "8: racks.west.manager.command: not a command (rm -rf)"),
    ("folder: /srv/racks/west", "identity: id", "8: racks.west.manager.identity: there is no such file (id)"),
    ("path: west", "path: nowhere", "7: racks.west.path: there is no rack.yml in this folder (nowhere)"),
    ("path: west", "path: ../{top}/east", "7: racks.west.path: the same rack as east (../{top}/east)"),
    ("  west:", "  south:", "6: racks.south: its rack file calls it west\n  hint: call it west here too"),
]


@pytest.fixture
def top(tmp_path):
    """A site with two racks."""
    for rack in ("east", "west"):
        (tmp_path / rack).mkdir()
        text = (REPOSITORY / f"inventory/site/{rack}/rack.yml").read_text()
        (tmp_path / rack / "rack.yml").write_text(text)
    (tmp_path / "site.yml").write_text(SITE)
    return tmp_path


def test_a_site_without_faults(top):
    loaded = load_site(top)
    assert [(one.name, one.there) for one in loaded.members] == [
        ("east", str(top / "east")),
        ("west", "/srv/racks/west"),
    ]
    assert [one.name for one in loaded.chosen("west")] == ["west"]


@pytest.mark.parametrize(("find", "put", "said"), WRONG)
def test_what_is_wrong_is_told_with_its_line(top, find, put, said):
    assert SITE.count(find) == 1
    (top / "site.yml").write_text(SITE.replace(find, put.format(top=top.name)))
    loaded, faults = check_site(top / "site.yml")
    assert loaded is None
    assert [str(fault) for fault in faults if str(fault).startswith(f"{top}/site.yml:{said.format(top=top.name)}")], (
        faults
    )
    assert len(faults) == 1


def test_two_racks_in_one_folder_of_a_manager(top):
    (top / "site.yml").write_text(SITE.replace("manager: local", "manager: " + SITE.rsplit("manager: ", 1)[1].strip()))
    _, faults = check_site(top / "site.yml")
    assert [(fault.check, fault.line) for fault in faults] == [("site-folder-twice", 8)]


def test_all_faults_at_once_those_of_rack_files_too(top, capsys):
    (top / "site.yml").write_text(SITE.replace("name: trial", "name: T").replace("192.0.2.7", "a_b"))
    file = top / "east/rack.yml"
    file.write_text(file.read_text().replace("height: 12", "height: tall"))
    assert main(["-s", str(top), "validate", "--json"]) == 2
    faults = json.loads(capsys.readouterr().out)["faults"]
    assert [(fault["file"].rsplit("/", 1)[1], fault["line"]) for fault in faults] == [
        ("site.yml", 1), ("site.yml", 8), ("rack.yml", 7),
    ]  # fmt: skip


def test_the_site_that_we_ship_is_valid_and_its_schema_the_current_one(capsys):
    assert main(["-s", str(REPOSITORY / "inventory/site"), "validate"]) == 0
    assert "3 racks" in capsys.readouterr().out
    assert main(["schema", "--of", "site"]) == 0
    assert capsys.readouterr().out == (REPOSITORY / "inventory/site.schema.json").read_text()
    stated = yaml.safe_load((REPOSITORY / "inventory/site/site.yml").read_text())
    jsonschema.Draft202012Validator(site_schema()).validate(stated)
    jsonschema.Draft202012Validator(site_schema()).validate(yaml.safe_load(SITE))

"""What render writes is pinned byte for byte; `make golden` writes it anew."""

import csv
import io
import json
import os
import subprocess
import sys
import xml.etree.ElementTree as ET
from pathlib import Path

import jsonschema
import pytest
import yaml

from scs_rack.cli.main import main
from scs_rack.model.schema import rack_schema
from tests.errors.error_cases import CASES, faults_of, spoiled
from tests.golden.golden_racks import FOLDER, INVENTORY, RACKS, expected, output


@pytest.mark.parametrize("rack", RACKS)
def test_render_writes_what_is_pinned_and_nothing_else(rack):
    found, wanted = output(rack), expected(rack)
    assert sorted(found) == sorted(wanted)
    for name, content in found.items():
        assert content == wanted[name], f"{rack}/{name}: make golden, then look at git diff"


@pytest.mark.parametrize("rack", RACKS)
def test_the_order_of_hashes_changes_nothing(rack, tmp_path):
    for seed in ("1", "2"):
        command = [sys.executable, "-m", "scs_rack", "render", "-r", str(INVENTORY / rack), "-o", str(tmp_path / seed)]
        subprocess.run(command, check=True, env={**os.environ, "PYTHONHASHSEED": seed}, capture_output=True)
    names = [path.relative_to(tmp_path / "1") for path in (tmp_path / "1").rglob("*") if path.is_file()]
    assert len(names) == len(expected(rack))
    for name in names:
        assert (tmp_path / "1" / name).read_bytes() == (tmp_path / "2" / name).read_bytes()


@pytest.mark.parametrize("rack", RACKS)
def test_the_elevation_is_xml_without_anything_from_elsewhere(rack):
    svg = expected(rack)["rack.svg"]
    top = ET.fromstring(svg)
    assert top.tag == "{http://www.w3.org/2000/svg}svg"
    assert "href" not in svg
    assert "url(" not in svg
    words = {text.text for text in top.iter("{http://www.w3.org/2000/svg}text")}
    inventory = json.loads(expected(rack)["inventory.json"])
    for name, variables in inventory["_meta"]["hostvars"].items():
        assert name in words
        assert variables["ansible_host"] in words


@pytest.mark.parametrize("rack", RACKS)
def test_tables_have_each_cable_and_no_address_twice(rack):
    stated = yaml.safe_load((INVENTORY / rack / "rack.yml").read_text(encoding="utf-8"))
    cables = list(csv.DictReader(io.StringIO(expected(rack)["cables.csv"])))
    ends = [[f"{row['a_device']}:{row['a_port']}", f"{row['b_device']}:{row['b_port']}"] for row in cables]
    assert ends == stated["cables"]
    assert all(row["speed"] for row in cables)
    addresses = [row["address"] for row in csv.DictReader(io.StringIO(expected(rack)["addresses.csv"]))]
    assert len(addresses) == len(set(addresses))


@pytest.mark.parametrize("rack", RACKS)
def test_ansible_reads_the_inventory(rack, tmp_path):
    script = tmp_path / "inventory.sh"
    script.write_text(f"#!/bin/sh\ncat {FOLDER / rack / 'inventory.json'}\n", encoding="utf-8")
    script.chmod(0o755)
    command = [str(Path(sys.executable).with_name("ansible-inventory")), "-i", str(script), "--list"]
    environment = {**os.environ, "ANSIBLE_INVENTORY_ENABLED": "script"}
    done = subprocess.run(command, capture_output=True, text=True, env=environment, check=True, cwd=tmp_path)
    listed = json.loads(done.stdout)
    pinned = json.loads(expected(rack)["inventory.json"])
    assert listed["servers"]["hosts"] == pinned["servers"]["hosts"]
    for variables in listed["_meta"]["hostvars"].values():
        assert variables["rack"]["name"] == rack


@pytest.mark.parametrize("rack", RACKS)
def test_the_schema_accepts_the_racks_that_we_ship(rack):
    schema = rack_schema()
    jsonschema.Draft202012Validator.check_schema(schema)
    stated = yaml.safe_load((INVENTORY / rack / "rack.yml").read_text(encoding="utf-8"))
    assert list(jsonschema.Draft202012Validator(schema).iter_errors(stated)) == []


def test_the_schema_beside_the_racks_is_the_current_one(capsys):
    assert main(["schema"]) == 0
    assert capsys.readouterr().out == (INVENTORY / "rack.schema.json").read_text(encoding="utf-8")


SEEN_BY_EDITORS = {"unknown-key", "missing-key", "wrong-type", "wrong-choice", "out-of-range"}


@pytest.mark.parametrize(
    "case", [case for case in CASES if not case.startswith(("yaml", "duplicate", "mac-sexagesimal"))]
)
def test_the_schema_and_the_loader_agree(case, tmp_path):
    """What the loader takes for a rack the schema takes, too; what is wrong in shape both refuse."""
    checks = {fault.check for fault in faults_of(case, tmp_path)}
    stated = yaml.safe_load(spoiled(case))
    refused = list(jsonschema.Draft202012Validator(rack_schema()).iter_errors(stated))
    if checks & SEEN_BY_EDITORS:
        assert refused
    elif not checks & {"wrong-value", "switch-model"}:
        assert not refused

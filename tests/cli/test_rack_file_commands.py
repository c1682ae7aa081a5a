"""`init`, `schema`, `validate` and `render`, as a person calls them."""

import json
import resource
import subprocess
import sys
from pathlib import Path

import jsonschema
import pytest
import yaml

from scs_rack.cli.main import main

TOP = Path(__file__).parents[2]
EXAMPLE = TOP / "inventory/example"


def run(*words: str) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", "scs_rack", *words]
    return subprocess.run(command, capture_output=True, text=True, cwd=TOP, check=False)


def test_a_valid_rack(capsys):
    assert main(["validate", "-r", str(TOP / "inventory/lab")]) == 0
    assert "is valid: 4 servers, 3 switches, 31 cables, 2 networks, 2 power feeds" in capsys.readouterr().out


def test_the_example_is_validated_within_a_second():
    """Counted is the processor's time: the clock on the wall also counts what else the machine does."""
    before = resource.getrusage(resource.RUSAGE_CHILDREN)
    assert run("validate", "-r", str(EXAMPLE)).returncode == 0
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    assert after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime < 0.8


def test_faults_are_counted_and_found_by_an_editor(tmp_path, capsys):
    (tmp_path / "rack.yml").write_text("name: x\nnane: y\n", encoding="utf-8")
    assert main(["validate", "-r", str(tmp_path)]) == 2
    out = capsys.readouterr().out.splitlines()
    assert out[-1].endswith(" faults")
    assert any(line.endswith("/rack.yml:2: nane: unknown key") for line in out)


def test_faults_as_json(tmp_path, capsys):
    (tmp_path / "rack.yml").write_text("name: x\nnane: y\n", encoding="utf-8")
    assert main(["validate", "-r", str(tmp_path), "--json"]) == 2
    found = json.loads(capsys.readouterr().out)
    fault = next(one for one in found["faults"] if one["check"] == "unknown-key")
    assert (fault["line"], fault["where"], fault["message"]) == (2, "nane", "unknown key")
    assert set(fault) == {"check", "file", "line", "where", "value", "message", "hint"}


def test_a_folder_without_a_rack_file(tmp_path):
    found = run("validate", "-r", str(tmp_path))
    assert found.returncode == 2
    assert "no rack.yml" in found.stderr


def test_paths_are_relative_to_where_one_is(tmp_path, monkeypatch, capsys):
    (tmp_path / "inventory/x").mkdir(parents=True)
    (tmp_path / "inventory/x/rack.yml").write_text("name: x\n", encoding="utf-8")
    monkeypatch.chdir(tmp_path)
    assert main(["validate", "-r", "inventory/x"]) == 2
    assert capsys.readouterr().out.startswith("inventory/x/rack.yml:1: ")


def test_the_starter_is_valid_as_it_is_written(tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    assert main(["init", "berlin-1"]) == 0
    assert main(["validate", "-r", "inventory/berlin-1"]) == 0
    text = (tmp_path / "inventory/berlin-1/rack.yml").read_text(encoding="utf-8")
    assert "your-rack" not in text
    assert "scs-rack validate -r inventory/berlin-1" in text
    schema = json.loads((tmp_path / "inventory/rack.schema.json").read_text(encoding="utf-8"))
    jsonschema.validate(yaml.safe_load(text), schema)


def test_each_line_of_the_starter_that_is_commented_out_is_valid_too(tmp_path, monkeypatch):
    """Except the operator's key, which nobody can invent, and the budget's siblings, which stand as they are."""
    monkeypatch.chdir(tmp_path)
    main(["init", "berlin-1"])
    path = tmp_path / "inventory/berlin-1/rack.yml"
    lines = path.read_text(encoding="utf-8").splitlines(keepends=True)
    options = ["ipv6:", "budget_w: 6000", "release:", "breakouts:", "address: 10.100.0.99", "api_name:"]
    for option in options:
        (number,) = [number for number, line in enumerate(lines) if line.lstrip().startswith(f"# {option}")]
        changed = [*lines[:number], lines[number].replace("# ", "", 1), *lines[number + 1 :]]
        path.write_text("".join(changed), encoding="utf-8")
        assert main(["validate", "-r", "inventory/berlin-1"]) == 0, option


def test_init_never_writes_over_a_file(tmp_path):
    (tmp_path / "rack.yml").write_text("mine", encoding="utf-8")
    found = run("init", "berlin-1", "-o", str(tmp_path))
    assert found.returncode == 2
    assert "is there already" in found.stderr
    assert (tmp_path / "rack.yml").read_text(encoding="utf-8") == "mine"


@pytest.mark.parametrize("name", ["Berlin", "a b", "-x/", "../x"])
def test_init_takes_names_of_hosts_only(name, tmp_path):
    found = run("init", "-o", str(tmp_path / "x"), "--", name)
    assert found.returncode == 2
    assert "can't be the name of a rack" in found.stderr
    assert not (tmp_path / "x").exists()


def test_the_schema_goes_to_a_file(tmp_path, capsys):
    assert main(["schema", "-o", str(tmp_path / "s.json")]) == 0
    assert json.loads((tmp_path / "s.json").read_text(encoding="utf-8"))["title"]
    assert main(["schema", "-o", str(tmp_path / "none/s.json")]) == 2


def test_render_says_what_it_wrote(tmp_path, capsys):
    words = ["render", "-r", str(TOP / "inventory/lab"), "-o", str(tmp_path / "out")]
    assert main([*words, "--json"]) == 0
    written = json.loads(capsys.readouterr().out)
    assert "switches/leaf1/config_db.json" in written["changed"]
    assert main(words) == 0
    assert "7 files had that content already" in capsys.readouterr().out


def test_render_refuses_a_faulty_rack_and_writes_nothing(tmp_path):
    (tmp_path / "rack.yml").write_text("name: x\n", encoding="utf-8")
    found = run("render", "-r", str(tmp_path), "-o", str(tmp_path / "out"))
    assert found.returncode == 2
    assert "rack.yml:1: pools is not stated" in found.stderr
    assert not (tmp_path / "out").exists()


def test_help_of_each_command_ends_with_two_examples():
    for command in ("init", "schema", "validate", "render"):
        out = run(command, "--help").stdout
        assert out.count(f"scs-rack {command}") >= 3, command

import json

import pytest

NB, SB = "ptcp:6641:192.0.2.1", "ptcp:6642:192.0.2.1"


def table(*rows):
    probe = {None: ["set", []]}
    data = [[probe.get(seen, seen), target] for target, seen in rows]
    return json.dumps({"headings": ["inactivity_probe", "target"], "data": data})


@pytest.fixture
def said(plugin, monkeypatch, tmp_path):
    """What the two databases hold, and the commands that were given to them."""
    module = plugin("modules.ovn_listen")
    held = {"northbound": table(), "southbound": table()}
    commands = []

    def ctl(database, _timeout, *arguments):
        if "list" in arguments:
            return held[database]
        commands.append((database, *arguments))
        return ""

    for name in module.SOCKETS:
        (tmp_path / name).touch()
    monkeypatch.setattr(module, "SOCKETS", {name: tmp_path / name for name in module.SOCKETS})
    monkeypatch.setattr(module, "ctl", ctl)
    return held, commands


def test_sets_what_is_missing_or_differs(run, said):
    held, commands = said
    held["southbound"] = table(("ptcp:6642:192.0.2.9", 60000))
    result = run("ovn_listen", northbound=NB, southbound=SB)
    assert result["databases"] == ["northbound", "southbound"]
    assert commands[1] == (
        *("southbound", "set-connection", SB, "--"),
        *("set", "Connection", SB, "inactivity_probe=60000"),
    )


@pytest.mark.parametrize("probe", [5000, None])
def test_a_wrong_probe_is_a_change(run, said, probe):
    held, _ = said
    held |= {"northbound": table((NB, probe)), "southbound": table((SB, 60000))}
    assert run("ovn_listen", northbound=NB, southbound=SB)["databases"] == ["northbound"]


def test_does_nothing_twice(run, said):
    held, commands = said
    held |= {"northbound": table((NB, 60000)), "southbound": table((SB, 60000))}
    assert not run("ovn_listen", northbound=NB, southbound=SB)["changed"]
    assert commands == []


def test_check_mode_sets_nothing_even_where_ovn_never_ran(run, said, plugin, monkeypatch, tmp_path):
    _, commands = said
    assert run("ovn_listen", check=True, northbound=NB, southbound=SB)["changed"]
    nowhere = dict.fromkeys(("northbound", "southbound"), tmp_path / "none")
    monkeypatch.setattr(plugin("modules.ovn_listen"), "SOCKETS", nowhere)
    assert run("ovn_listen", check=True, northbound=NB, southbound=SB)["databases"] == ["northbound", "southbound"]
    assert commands == []

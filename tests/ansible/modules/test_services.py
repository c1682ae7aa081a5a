import os
import time

import pytest


@pytest.fixture
def services(plugin):
    return plugin("modules.services")


def entry(**more):
    default = {"name": "a.service", "state": "started", "enabled": None, "masked": None, "watch": []}
    return default | {"reload": False, "wait": True, "listen": None, "log": None} | more


def unit(active="active", sub="running", age=100.0, state="enabled", load="loaded", **more):
    """What systemd says of a unit that started `age` seconds ago."""
    stamp = str(int((time.monotonic() - age) * 1e6))
    return {
        "ActiveState": active,
        "SubState": sub,
        "LoadState": load,
        "UnitFileState": state,
        "NRestarts": "0",
        "InactiveExitTimestampMonotonic": stamp,
        "StateChangeTimestampMonotonic": stamp,
    } | more


@pytest.mark.parametrize(
    ("stated", "seen", "verb"),
    [
        ({}, unit(), None),
        ({}, unit("inactive", "dead"), "start"),
        ({}, unit("failed", "failed"), "start"),
        ({}, unit("activating", "start"), None),
        ({}, unit("activating", "auto-restart"), "start"),
        ({"state": "stopped"}, unit(), "stop"),
        ({"state": "stopped"}, unit("inactive", "dead"), None),
        ({"state": "stopped"}, unit("failed", "failed"), None),
        ({"state": "restarted"}, unit(), "restart"),
        ({"state": "reloaded"}, unit(), "reload-or-restart"),
        ({"state": None}, unit("inactive", "dead"), None),
    ],
)
def test_what_is_asked_for_a_state(services, stated, seen, verb):
    assert services.verb_for(entry(**stated), seen) == verb


@pytest.mark.parametrize(
    ("file_age", "reload", "verb"), [(200, False, None), (50, False, "restart"), (50, True, "reload-or-restart")]
)
def test_restarts_only_if_a_watched_file_is_newer(services, tmp_path, file_age, reload, verb):
    path = tmp_path / "dir/a.conf"
    path.parent.mkdir()
    path.touch()
    changed = time.time() - file_age
    os.utime(path, (changed, changed))
    for watch in (path, path.parent):
        assert services.verb_for(entry(watch=[str(watch)], reload=reload), unit()) == verb
    assert services.verb_for(entry(watch=[str(tmp_path / "missing")]), unit()) is None


def test_a_unit_that_reloaded_has_read_its_files(services, tmp_path):
    path = tmp_path / "a.conf"
    path.touch()
    changed = time.time() - 50
    os.utime(path, (changed, changed))
    seen = unit(age=100) | {"StateChangeTimestampMonotonic": str(int((time.monotonic() - 10) * 1e6))}
    assert services.verb_for(entry(watch=[str(path)], reload=True), seen) is None


def test_plan_enables_and_masks_what_differs(services):
    entries = [
        entry(name="a.service", enabled=True),
        entry(name="b.service", enabled=False, state="stopped"),
        entry(name="c.service", state=None, masked=True),
        entry(name="d.service", state=None, masked=False),
        entry(name="e.service", enabled=True),
        entry(name="f.service", enabled=True),
    ]
    units = {
        "a.service": unit(state="disabled"),
        "b.service": unit(state="enabled"),
        "c.service": unit("inactive", "dead"),
        "d.service": unit("inactive", "dead", state="masked", load="masked"),
        "e.service": unit(),
        "f.service": unit(state="static"),
    }
    assert services.plan(entries, units) == {
        "enable": ["a.service"],
        "disable": ["b.service"],
        "stop": ["b.service"],
        "mask": ["c.service"],
        "unmask": ["d.service"],
    }


def test_show_is_read_unit_by_unit(services):
    text = "Id=a.service\nActiveState=active\nNRestarts=0\n\nId=b.socket\nActiveState=inactive\n"
    assert services.parse_show(text) == [
        {"Id": "a.service", "ActiveState": "active", "NRestarts": "0"},
        {"Id": "b.socket", "ActiveState": "inactive"},
    ]


def test_waits_until_a_unit_is_up(services, monkeypatch):
    states = iter([unit("activating", "start"), unit("activating", "start"), unit()])
    monkeypatch.setattr(services, "show", lambda names: {name: next(states) for name in names})
    services.wait_until_up([entry(), entry(name="ignored", wait=False), entry(name="off", state="stopped")], 5)
    assert next(states, None) is None


@pytest.mark.parametrize(
    "states", [[unit("failed", "failed")], [unit("activating", "auto-restart", NRestarts=str(n)) for n in range(9)]]
)
def test_gives_up_on_a_unit_that_dies(services, monkeypatch, states):
    given = iter(states)
    monkeypatch.setattr(services, "show", lambda names: {name: next(given) for name in names})
    monkeypatch.setattr(services, "tail", lambda _: "last words")
    with pytest.raises(services.Failed, match=r"a.service is \w+ \([\w-]+\):\nlast words"):
        services.wait_until_up([entry()], 30)


def test_nothing_listens(services, monkeypatch, unused_tcp_port):
    monkeypatch.setattr(services, "show", lambda names: {name: unit() for name in names})
    monkeypatch.setattr(services, "tail", lambda _: "")
    with pytest.raises(services.Failed, match="nothing accepts connections"):
        services.wait_until_up([entry(listen=f"127.0.0.1:{unused_tcp_port}")], 0.2)


def test_check_mode_on_a_host_without_the_unit(run, services, monkeypatch):
    monkeypatch.setattr(services, "systemctl", lambda *_: "LoadState=not-found\nActiveState=inactive\nUnitFileState=\n")
    result = run("services", check=True, units=[{"name": "a", "state": "started", "enabled": True}])
    assert result["changes"] == ["enable a.service", "start a.service"]
    failed = run("services", units=[{"name": "a", "state": "started"}])
    assert failed["msg"] == "no such unit: a.service"


def test_a_unit_that_refuses_to_reload_is_a_failure_now_and_asked_again_next_time(services, monkeypatch, tmp_path):
    tools = tmp_path / "bin"
    tools.mkdir()
    (tools / "systemctl").write_text('#!/bin/sh\ncase "$1" in reload-or-restart) exit 1 ;; esac\n')
    (tools / "journalctl").write_text("#!/bin/sh\necho line 7: what is this\n")
    for tool in tools.iterdir():
        tool.chmod(0o755)
    monkeypatch.setenv("PATH", f"{tools}:/usr/bin:/bin")
    conf = tmp_path / "a.conf"
    conf.touch()
    os.utime(conf, (1000, 1000))
    entries = [entry(watch=[str(conf)], reload=True)]
    with pytest.raises(services.Failed, match=r"a\.service did not reload:\nline 7: what is this"):
        services.carry_out({"reload-or-restart": ["a.service"]}, entries)
    assert time.time() - conf.stat().st_mtime < 60
    services.carry_out({"restart": ["a.service"]}, entries)


def test_nothing_of_a_server_in_service_is_restarted_unasked(run, services, monkeypatch, tmp_path):
    """The file is newer than the unit's start; on a server in service the task fails before it does anything."""
    conf = tmp_path / "a.conf"
    conf.touch()
    asked = []
    monkeypatch.setattr(services, "show", lambda names: {name: unit(age=100) for name in names})
    monkeypatch.setattr(services, "carry_out", lambda verbs, _: asked.append(verbs))
    monkeypatch.setattr(services, "wait_until_up", lambda *_: None)
    units = [{"name": "a", "state": "started", "watch": [str(conf)]}]
    failed = run("services", units=units, settled=True)
    assert "nobody has allowed (`--allow restart`): a.service" in failed["msg"]
    assert asked == []
    assert run("services", units=units, settled=True, check=True)["changes"] == ["restart a.service"]
    assert run("services", units=units)["changes"] == ["restart a.service"]
    assert asked == [{"restart": ["a.service"]}]
    reloads = [{"name": "a", "state": "started", "watch": [str(conf)], "reload": True}]
    assert run("services", units=reloads, settled=True)["changes"] == ["reload-or-restart a.service"]


def test_a_plan_tells_restarts_for_files_that_are_not_written_yet(run, services, monkeypatch, tmp_path):
    monkeypatch.setattr(services, "show", lambda names: {name: unit(age=100) for name in names})
    units = [{"name": name, "state": "started", "watch": [f"/etc/{name}"]} for name in "ab"]
    told = run("services", units=units, check=True, diff=True, planned=["/etc/a/x.conf", "/etc/abc"])
    assert told["changes"] == ["restart a.service"]
    assert told["diff"] == {"before": "", "after": "restart a.service\n"}
    assert run("services", units=units, check=True)["changes"] == []

from types import SimpleNamespace

import pytest


@pytest.fixture
def nova(plugin, monkeypatch):
    """Hosts in Nova's databases; `nova-manage` maps what has registered, unless it is broken."""
    module = plugin("modules.nova_hosts")
    hosts = {"registered": set(), "mapped": set(), "broken": "", "ran": 0}

    def query(_connection, statement):
        return [(host,) for host in hosts["mapped" if statement == module.MAPPED else "registered"]]

    def discover(_job):
        hosts["ran"] += 1
        if not hosts["broken"]:
            hosts["mapped"] |= hosts["registered"]
        return SimpleNamespace(error=hosts["broken"])

    monkeypatch.setattr(module.mariadb, "connect", lambda _socket: object())
    monkeypatch.setattr(module.mariadb, "query", query)
    monkeypatch.setattr(module, "run_job", discover)
    return hosts


def test_maps_new_hosts_once(run, nova):
    nova["registered"] = {"node1", "node2"}
    assert run("nova_hosts", hosts=["node1", "node2"])["mapped"] == ["node1", "node2"]
    assert not run("nova_hosts", hosts=["node1", "node2"])["changed"]
    assert nova["ran"] == 1


def test_maps_hosts_that_were_not_asked_for(run, nova):
    nova |= {"registered": {"node1", "node2"}, "mapped": {"node1"}}
    assert run("nova_hosts", hosts=["node1"])["mapped"] == ["node2"]


def test_names_hosts_that_do_not_register(run, nova):
    nova["registered"] = {"node1"}
    result = run("nova_hosts", hosts=["node1", "node2"], timeout=0)
    assert result["failed"]
    assert "node2" in result["msg"]
    assert nova["ran"] == 0


def test_a_failure_of_nova_manage_is_a_failure(run, nova):
    nova |= {"registered": {"node1"}, "broken": "nova-manage ended with 1"}
    assert run("nova_hosts", hosts=["node1"])["msg"] == "nova-manage ended with 1"


def test_check_mode_runs_nothing(run, nova, plugin, monkeypatch):
    assert run("nova_hosts", check=True, hosts=["node1"])["mapped"] == ["node1"]
    mariadb = plugin("module_utils.mariadb")

    def refuse(_socket):
        raise mariadb.Unusable("does not run")

    monkeypatch.setattr(mariadb, "connect", refuse)
    assert run("nova_hosts", check=True, hosts=["node1"])["changed"]
    assert run("nova_hosts", hosts=["node1"])["failed"]
    assert nova["ran"] == 0

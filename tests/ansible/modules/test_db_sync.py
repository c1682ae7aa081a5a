import getpass

import pytest

from .fake_mariadb import FakeMariadb

VERSIONS = {"python3-glance": "2:30.0.0-3"}


@pytest.fixture
def server(plugin, monkeypatch):
    shared, module, fake = plugin("module_utils.mariadb"), plugin("modules.db_sync"), FakeMariadb()
    fake.databases["glance"] = None
    versions = dict(VERSIONS)
    fake.versions = versions
    monkeypatch.setattr(shared, "connect", fake.connect(shared.Unusable))
    monkeypatch.setattr(shared, "query", lambda connection, statement, values=(): connection.query(statement, values))
    monkeypatch.setattr(module, "package_versions", lambda _packages: dict(versions))

    def run_jobs(jobs):
        for job in jobs:
            fake.statements.append(job.name)
            fake.databases[job.name] = "head"
        return [plugin("module_utils.commands").Outcome(job.name, 0.1) for job in jobs]

    fake.real_run_jobs = module.run_jobs
    monkeypatch.setattr(module, "run_jobs", run_jobs)
    return fake


@pytest.fixture
def sync(run, tmp_path):
    def call(*, check=False, steps=(("glance-manage", "db_sync"),), **more):
        schema = {"name": "glance", "packages": ["python3-glance"], "databases": ["glance"], "steps": steps}
        return run("db_sync", check=check, notes=str(tmp_path / "notes"), schemas=[schema | more])

    return call


def test_runs_once(sync, server):
    assert sync(check=True)["synced"] == ["glance"]
    assert server.statements == []
    assert sync()["synced"] == ["glance"]
    again = sync()
    assert (again["changed"], again["synced"]) == (False, [])
    assert server.statements == ["glance"]


@pytest.mark.parametrize(
    "happens",
    [
        lambda server: server.databases.update(glance=None),
        lambda server: server.databases.update(glance="an older revision"),
        lambda server: server.versions.update({"python3-glance": "2:31.0.0-1"}),
    ],
    ids=["database lost", "backup restored", "package upgraded"],
)
def test_runs_again_when(sync, server, happens):
    sync()
    happens(server)
    assert sync()["synced"] == ["glance"]
    assert not sync()["changed"]


def test_runs_again_when_its_commands_change(sync, server):
    sync()
    assert sync(steps=[["glance-manage", "db_sync"], ["glance-manage", "db_load_metadefs"]])["changed"]


def test_failure_leaves_no_note(sync, server, plugin, monkeypatch):
    monkeypatch.setattr(plugin("modules.db_sync"), "run_jobs", server.real_run_jobs)
    server.databases["glance"] = "half way"
    result = sync(steps=[["sh", "-c", "echo no such table; exit 1"]], user=getpass.getuser())
    assert result["failed"]
    assert "no such table" in result["msg"]
    assert sync(check=True)["synced"] == ["glance"]


def test_success_without_a_schema_is_a_failure(sync, server, plugin, monkeypatch):
    monkeypatch.setattr(plugin("modules.db_sync"), "run_jobs", server.real_run_jobs)
    result = sync(steps=[["true"]], user=getpass.getuser())
    assert result["msg"] == "glance: no schema in glance although its commands succeeded"


def test_secrets_are_not_repeated(sync, server):
    assert "hush-hush" not in str(sync(environment={"OS_BOOTSTRAP_PASSWORD": "hush-hush"}))

import pytest

from .fake_mariadb import FakeMariadb


@pytest.fixture
def server(plugin, monkeypatch):
    shared, fake = plugin("module_utils.mariadb"), FakeMariadb()
    monkeypatch.setattr(shared, "connect", fake.connect(shared.Unusable))
    monkeypatch.setattr(shared, "query", lambda connection, statement, values=(): connection.query(statement, values))
    return fake


@pytest.fixture
def stated():
    users = [
        {"name": "keystone", "password": "k-password", "databases": ["keystone"]},
        {"name": "nova", "password": "n-password", "databases": ["nova", "nova_api"]},
    ]
    return {"databases": ["keystone", "nova", "nova_api"], "users": users}


def test_makes_everything_once(run, server, stated):
    assert run("mariadb", **stated)["changes"] == [
        "create database keystone",
        "create database nova",
        "create database nova_api",
        "create user keystone",
        "give keystone all rights on keystone",
        "create user nova",
        "give nova all rights on nova",
        "give nova all rights on nova_api",
    ]
    assert server.grants["nova", "%"] == [
        "GRANT ALL PRIVILEGES ON `nova`.* TO `nova`@`%`",
        r"GRANT ALL PRIVILEGES ON `nova\_api`.* TO `nova`@`%`",
    ]
    server.statements.clear()
    second = run("mariadb", **stated)
    assert (second["changed"], second["changes"], server.statements) == (False, [], [])


def test_check_mode_tells_the_same_and_writes_nothing(run, server, stated):
    foreseen = run("mariadb", check=True, **stated)
    assert server.statements == []
    assert foreseen["changes"] == run("mariadb", **stated)["changes"]


def test_password_that_no_longer_works_is_changed(run, server, stated):
    run("mariadb", **stated)
    server.users["nova", "%"] = "something else"
    assert run("mariadb", **stated)["changes"] == ["change the password of nova"]
    assert server.users["nova", "%"] == "n-password"


def test_lost_database_and_right_come_back(run, server, stated):
    run("mariadb", **stated)
    del server.databases["nova"]
    del server.grants["keystone", "%"]
    assert run("mariadb", **stated)["changes"] == ["create database nova", "give keystone all rights on keystone"]


def test_users_come_by_tls_only_where_a_ca_is_stated(run, server, stated):
    run("mariadb", **stated)
    changes = run("mariadb", **stated, ca_file="/etc/ssl/rack.pem")["changes"]
    assert changes == ["let keystone come by TLS only", "let nova come by TLS only"]
    assert server.tls_only == {("keystone", "%"), ("nova", "%")}
    assert run("mariadb", **stated, ca_file="/etc/ssl/rack.pem")["changes"] == []


def test_mariadb_that_does_not_run(run, stated, tmp_path):
    socket = str(tmp_path / "no.sock")
    assert run("mariadb", **stated, socket=socket)["failed"]
    foreseen = run("mariadb", check=True, **stated, socket=socket)
    assert foreseen["changed"]
    assert "create user nova" in foreseen["changes"]


def test_passwords_are_not_repeated(run, server, stated):
    assert "k-password" not in str(run("mariadb", **stated))

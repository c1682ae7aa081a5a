import pytest

from .fake_keystone import FakeKeystone


@pytest.fixture
def keystone():
    server = FakeKeystone("right")
    yield server
    server.shutdown()
    server.server_close()


@pytest.fixture
def stated(keystone):
    return {
        "auth_url": keystone.url,
        "admin_password": "right",
        "region": "lab",
        "wait": 5,
        "projects": [{"name": "service", "description": "Users of the services"}],
        "roles": ["auditor"],
        "users": [
            {"name": "glance", "password": "g-password", "project": "service", "roles": ["admin", "service"]},
            {"name": "nova", "password": "n-password", "project": "service", "roles": ["admin"]},
        ],
        "services": [{"name": "glance", "type": "image", "url": "https://api:9292"}],
    }


def test_makes_everything_once(run, keystone, stated):
    first = run("identity", **stated)
    assert first["changed"]
    assert keystone.names("projects") == ["admin", "service"]
    assert keystone.names("roles") == ["admin", "auditor", "service"]
    assert keystone.names("users") == ["admin", "glance", "nova"]
    assert {(e["interface"], e["url"], e["region_id"]) for e in keystone.content["endpoints"].values()} == {
        ("public", "https://api:9292", "lab"),
        ("internal", "https://api:9292", "lab"),
    }
    assert len(keystone.grants) == 4
    keystone.writes.clear()
    second = run("identity", **stated)
    assert (second["changed"], second["changes"], keystone.writes) == (False, [], [])


def test_check_mode_tells_the_same_and_writes_nothing(run, keystone, stated):
    foreseen = run("identity", check=True, **stated)
    assert keystone.writes == []
    assert foreseen["changes"] == run("identity", **stated)["changes"]


def test_password_that_no_longer_works_is_changed(run, keystone, stated):
    run("identity", **stated)
    keystone.find("users", "nova")["password"] = "something else"
    assert run("identity", check=True, **stated)["changes"] == ["change the password of nova"]
    assert run("identity", **stated)["changes"] == ["change the password of nova"]
    assert keystone.find("users", "nova")["password"] == "n-password"
    assert not run("identity", **stated)["changed"]


def test_endpoint_is_corrected_and_a_second_one_removed(run, keystone, stated):
    run("identity", **stated)
    service = keystone.find("services", "glance")["id"]
    public = next(e for e in keystone.content["endpoints"].values() if e["interface"] == "public")
    public["url"] = "http://old"
    keystone.add("endpoints", public | {"id": "again"})
    keystone.content["endpoints"]["again"] = keystone.content["endpoints"].pop(list(keystone.content["endpoints"])[-1])
    other = {"service_id": service, "interface": "public", "region_id": "elsewhere", "url": "http://elsewhere"}
    keystone.add("endpoints", other)
    result = run("identity", **stated)
    assert result["changes"] == ["change public endpoint of glance", "delete a second public endpoint of glance"]
    urls = sorted((e["region_id"], e["interface"], e["url"]) for e in keystone.content["endpoints"].values())
    assert urls == [
        ("elsewhere", "public", "http://elsewhere"),
        ("lab", "internal", "https://api:9292"),
        ("lab", "public", "https://api:9292"),
    ]


def test_a_role_that_was_taken_away_is_given_again(run, keystone, stated):
    run("identity", **stated)
    keystone.grants.pop()
    assert run("identity", **stated)["changes"] == ["give nova role admin"]


def test_waits_for_keystone(run, keystone, stated):
    keystone.silent = 3
    assert run("identity", **stated)["changed"]
    assert keystone.silent == 0


def test_keystone_that_stays_silent(run, keystone, stated):
    keystone.silent = 1000
    result = run("identity", **(stated | {"wait": 0.5}))
    assert "Keystone does not come up" in result["msg"]
    foreseen = run("identity", check=True, **stated)
    assert "create user glance" in foreseen["changes"]


def test_bootstrap_repairs_the_administrator(run, plugin, keystone, stated, monkeypatch):
    module, seen = plugin("modules.identity"), []

    def bootstrap(job):
        seen.append((job.user, list(job.steps[0]), job.environment))
        keystone.find("users", "admin")["password"] = job.environment["OS_BOOTSTRAP_PASSWORD"]
        return plugin("module_utils.commands").Outcome("bootstrap", 0.1)

    monkeypatch.setattr(module, "run_job", bootstrap)
    keystone.find("users", "admin")["password"] = "an old one"
    command = ["keystone-manage", "bootstrap"]
    assert run("identity", check=True, **stated, bootstrap=command)["changes"][0] == "bootstrap the administrator"
    assert seen == []
    result = run("identity", **stated, bootstrap=command)
    assert result["changes"][0] == "bootstrap the administrator"
    assert seen == [("keystone", command, {"OS_BOOTSTRAP_PASSWORD": "right"})]


def test_wrong_admin_password_without_bootstrap_is_a_failure(run, stated):
    result = run("identity", **(stated | {"admin_password": "wrong-password"}))
    assert "POST /auth/tokens gave 401" in result["msg"]
    assert "wrong-password" not in str(result)


def test_unknown_domain_is_a_failure(run, stated):
    stated["projects"] = [{"name": "p", "domain": "nowhere"}]
    assert "there is no domain nowhere" in run("identity", **stated)["msg"]


def test_passwords_are_not_repeated(run, stated):
    assert "g-password" not in str(run("identity", **stated))

"""Operators: accounts are a stand-in's, key files are real."""

import os
from types import SimpleNamespace

import pytest

ADA = {"name": "ada", "keys": ["ssh-ed25519 AAAAC3Ada ada@desk"]}
BOB = {"name": "bob", "keys": ["ssh-ed25519 AAAAC3Bob bob@desk"]}


class Accounts:
    """What useradd(8) and its relatives would do."""

    def __init__(self, homes):
        self.homes, self.members, self.expired, self.group = homes, [], set(), False
        self.known = {}

    def account_of(self, name):
        return self.known.get(name)

    def run(self, program, *arguments):
        name = arguments[-1]
        if program == "groupadd":
            self.group = True
        elif program == "gpasswd":
            self.members.remove(arguments[1])
        elif program == "useradd":
            home = self.homes / name
            home.mkdir()
            self.known[name] = SimpleNamespace(pw_uid=os.getuid(), pw_gid=os.getgid(), pw_dir=str(home))
            self.members.append(name)
        elif "--expiredate=1" in arguments:
            self.expired.add(name)
        else:
            self.expired.discard(name)
            self.members.append(name)

    def keys(self, name):
        return (self.homes / name / ".ssh/authorized_keys").read_text()


@pytest.fixture
def accounts(plugin, monkeypatch, tmp_path):
    module, accounts = plugin("modules.operators"), Accounts(tmp_path)
    monkeypatch.setattr(module, "FIRST_UID", 0)
    monkeypatch.setattr(module, "run", accounts.run)
    monkeypatch.setattr(module, "account_of", accounts.account_of)
    monkeypatch.setattr(module, "members", lambda: list(accounts.members))
    monkeypatch.setattr(module, "has_group", lambda: accounts.group)
    return accounts


def test_operators_come_in_once(run, accounts):
    first = run("operators", users=[ADA, BOB])
    assert first["changes"] == ["group scs-operators", "add ada", "keys of ada", "add bob", "keys of bob"]
    assert accounts.keys("ada") == "ssh-ed25519 AAAAC3Ada ada@desk\n"
    assert (accounts.homes / "ada/.ssh/authorized_keys").stat().st_mode & 0o777 == 0o600
    assert not run("operators", users=[ADA, BOB])["changed"]


def test_foreign_keys_go(run, accounts):
    run("operators", users=[ADA])
    (accounts.homes / "ada/.ssh/authorized_keys").write_text("ssh-ed25519 AAAAC3Eve eve\n")
    assert run("operators", users=[ADA])["changes"] == ["keys of ada"]
    assert "Eve" not in accounts.keys("ada")


def test_who_is_no_longer_listed_loses_access_and_can_come_back(run, accounts):
    run("operators", users=[ADA, BOB])
    assert run("operators", users=[ADA])["changes"] == ["dismiss bob"]
    assert (accounts.keys("bob"), accounts.members, accounts.expired) == ("", ["ada"], {"bob"})
    assert not run("operators", users=[ADA])["changed"]
    assert run("operators", users=[ADA, BOB])["changes"] == ["admit bob", "keys of bob"]
    assert (accounts.members, accounts.expired) == (["ada", "bob"], set())


def test_check_mode_changes_nothing(run, accounts):
    assert run("operators", check=True, users=[ADA])["changes"] == [
        "group scs-operators",
        "add ada",
        "keys of ada",
    ]
    assert (accounts.group, accounts.known, list(accounts.homes.iterdir())) == (False, {}, [])


def test_accounts_of_the_system_are_refused(run, accounts, plugin, monkeypatch):
    monkeypatch.setattr(plugin("modules.operators"), "FIRST_UID", 1000)
    accounts.known["ceph"] = SimpleNamespace(pw_uid=64045, pw_gid=64045, pw_dir="/var/lib/ceph")
    accounts.known["root"] = SimpleNamespace(pw_uid=0, pw_gid=0, pw_dir="/root")
    result = run("operators", users=[{**ADA, "name": "root"}])
    assert (result["failed"], result["msg"]) == (True, "root is an account of the system (uid 0)")

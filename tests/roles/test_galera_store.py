"""What the nodes of a Galera cluster agree on, against an etcd of a few lines; and what an agent says of its node."""

import base64
import http.client
import importlib
import json
import sys
import time
import types
from pathlib import Path
from types import SimpleNamespace

import pytest

FILES = Path(__file__).parents[2] / "roles/mariadb/files"


@pytest.fixture(scope="module")
def programs():
    """The programs as they lie on a node, side by side."""
    sys.path.insert(0, str(FILES))
    try:
        names = ["galera_decision", "galera_store", "galera_node", "galera_start"]
        for name in names:
            sys.modules.pop(name, None)
        yield {name: importlib.import_module(name) for name in names}
    finally:
        sys.path.remove(str(FILES))


class Etcd:
    """Keys with revisions, transactions and leases (API v3, as its JSON gateway tells it)."""

    def __init__(self):
        self.keys, self.leases, self.revision, self.granted = {}, {}, 0, 0

    def call(self, path, body):
        return getattr(self, path.removeprefix("/v3/").replace("/", "_"))(body)

    def kv_range(self, body):
        first, last = (base64.b64decode(body[name]) for name in ("key", "range_end"))
        found = [(key, item) for key, item in sorted(self.keys.items()) if first <= base64.b64decode(key) < last]
        return {"kvs": [{"key": k, "value": i["value"], "mod_revision": str(i["mod"])} for k, i in found]}

    def kv_put(self, body):
        assert body.get("lease") is None or body["lease"] in self.leases
        self.revision += 1
        created = self.keys.get(body["key"], {"create": self.revision})["create"]
        self.keys[body["key"]] = {
            "value": body["value"],
            "mod": self.revision,
            "create": created,
            "lease": body.get("lease"),
        }
        return {}

    def kv_txn(self, body):
        for one in body["compare"]:
            item = self.keys.get(one["key"], {"create": 0, "mod": 0, "value": None})
            field = {"CREATE": "create", "MOD": "mod", "VALUE": "value"}[one["target"]]
            wanted = one.get("create_revision") or one.get("mod_revision") or one.get("value")
            if str(item[field]) != wanted:
                return {}
        for action in body["success"]:
            for name, detail in action.items():
                self.kv_put(detail) if name == "request_put" else self.keys.pop(detail["key"], None)
        return {"succeeded": True}

    def lease_grant(self, body):
        self.granted += 1
        number = str(self.granted)
        self.leases[number] = int(body["TTL"])
        return {"ID": number}

    def lease_keepalive(self, body):
        return {"result": {"TTL": str(self.leases[body["ID"]])} if body["ID"] in self.leases else {}}

    def lease_revoke(self, body):
        self.leases.pop(body["ID"], None)
        self.keys = {key: item for key, item in self.keys.items() if item["lease"] != body["ID"]}
        return {}


@pytest.fixture
def etcd():
    return Etcd()


@pytest.fixture
def store(programs, etcd, monkeypatch):
    made = programs["galera_store"].Store(["https://a:1", "https://b:1"], None, "scs-rack/galera/")
    monkeypatch.setattr(made, "_ask", etcd.call)
    return made


def test_what_was_said_is_read(programs, store):
    position = programs["galera_decision"].Position("u", 7, 1.5)
    store.say("node1", position, store.lease())
    seen = store.read()
    assert seen.positions == {"node1": position}
    assert (seen.view, seen.view_revision, seen.claim) == (None, 0, None)


def test_one_claim_at_a_time_and_only_on_the_view_that_was_seen(programs, store):
    view = programs["galera_decision"].View("u", 3, ("node1", "node2"))
    assert store.record(view, 0)
    assert not store.record(view, 0)
    revision = store.read().view_revision
    lease = store.lease(30)
    assert not store.claim("node1", revision - 1, lease)
    assert store.claim("node1", revision, lease)
    assert not store.claim("node2", revision, store.lease(30))
    assert store.read().claim == "node1"


def test_a_claim_becomes_a_view(programs, store):
    view = programs["galera_decision"].View("u", 3, ("node1",))
    lease = store.lease(30)
    assert store.claim("node1", 0, lease)
    assert store.confirm("node1", lease, view)
    seen = store.read()
    assert (seen.view, seen.claim) == (view, None)


def test_a_claim_that_lapsed_is_not_confirmed(programs, store):
    view = programs["galera_decision"].View("u", 3, ("node1",))
    lease = store.lease(30)
    assert store.claim("node1", 0, lease)
    store.revoke(lease)
    other = store.lease(30)
    assert store.claim("node2", 0, other)
    assert not store.confirm("node1", lease, view)
    assert store.confirm("node2", other, view)
    assert not store.keep(lease)


def test_the_next_member_is_asked_when_one_is_silent(programs, etcd, monkeypatch):
    store = programs["galera_store"].Store(["https://a:1", "https://b:1"], None, "scs-rack/galera/")

    def ask(path, body):
        if store.urls[0] == "https://a:1":
            raise http.client.RemoteDisconnected("gone")
        return etcd.call(path, body)

    monkeypatch.setattr(store, "_ask", ask)
    assert store.read().positions == {}
    assert store.urls == ["https://b:1", "https://a:1"]
    monkeypatch.setattr(store, "_ask", lambda *_: (_ for _ in ()).throw(ConnectionRefusedError("refused")))
    with pytest.raises(programs["galera_store"].Unavailable, match="refused"):
        store.read()


@pytest.mark.parametrize(
    ("text", "seen"),
    [
        ("# GALERA saved state\nuuid:    abc\nseqno:   41\nsafe_to_bootstrap: 0\n", ("abc", 41)),
        ("uuid:    abc\nseqno:   -1\n", ("abc", -1)),
        ("", ("00000000-0000-0000-0000-000000000000", -1)),
    ],
)
def test_state_file_of_galera(programs, text, seen):
    assert programs["galera_node"].parse_grastate(text) == seen


def test_where_a_data_directory_stands(programs, tmp_path, monkeypatch):
    node = programs["galera_node"]
    assert node.position(tmp_path) == (node.NO_DATA, -1)
    (tmp_path / "grastate.dat").write_text("uuid: 11111111-1111-1111-1111-111111111111\nseqno: -1\n")
    fake = tmp_path / "mariadbd"
    fake.write_text("#!/bin/sh\necho 'WSREP: Recovered position: 11111111-1111-1111-1111-111111111111:42' >&2\n")
    fake.chmod(0o755)
    monkeypatch.setattr(node, "MARIADBD", str(fake))
    assert node.position(tmp_path) == ("11111111-1111-1111-1111-111111111111", 42)
    fake.write_text("#!/bin/sh\necho broken >&2; exit 1\n")
    with pytest.raises(ValueError, match="broken"):
        node.position(tmp_path)


def test_the_node_that_starts_the_cluster_may(programs, tmp_path):
    file = tmp_path / "grastate.dat"
    file.write_text("uuid: abc\nseqno: 5\nsafe_to_bootstrap: 0\n")
    programs["galera_start"].allow_start(tmp_path)
    assert "safe_to_bootstrap: 1" in file.read_text()


def starter(programs, store, monkeypatch, tmp_path, name="node1"):
    """A node that waits, with the others' agents silent."""
    start = programs["galera_start"]
    monkeypatch.setattr(start, "CLAIM", tmp_path / f"{name}-claim.json")
    monkeypatch.setattr(start, "START_HERE", tmp_path / f"{name}-start-here")
    monkeypatch.setattr(start.Settings, "client_context", lambda _: None)
    members = {"node1": "10.0.0.1", "node2": "10.0.0.2", "node3": "10.0.0.3"}
    fields = {"ca": "", "certificate": "", "key": "", "data_dir": "", "socket": ""}
    made = start.Starter(start.Settings(name, members, ["https://a:1"], port=9200, patience=120, **fields), "u", 5)
    made.store = store
    return made


def test_a_node_alone_does_not_start_and_a_majority_does(programs, store, monkeypatch, tmp_path):
    one = starter(programs, store, monkeypatch, tmp_path)
    assert not one.may_start()
    position = programs["galera_decision"].Position
    store.say("node2", position("u", 4, 0), store.lease())
    assert not one.may_start()  # node3 might hold more
    one.begin = time.monotonic() - 121
    assert one.may_start()
    claim = json.loads((tmp_path / "node1-claim.json").read_text())
    assert store.read().claim == "node1"
    assert store.keep(claim["lease"])
    assert "node1" not in store.read().positions


def test_an_operator_may_choose_the_node(programs, store, monkeypatch, tmp_path):
    one = starter(programs, store, monkeypatch, tmp_path)
    (tmp_path / "node1-start-here").touch()
    assert one.may_start()
    assert not (tmp_path / "node1-start-here").exists()


def test_a_running_cluster_is_joined(programs, store, monkeypatch, tmp_path):
    one = starter(programs, store, monkeypatch, tmp_path)
    monkeypatch.setattr(programs["galera_start"], "ask_peers", lambda *_: {"node2": {"primary": True}})
    assert one.wait() is False
    assert store.read().positions == {}


@pytest.fixture
def agent(programs, monkeypatch, tmp_path):
    """An agent whose node is in the cluster, with what a look at its MariaDB would say."""
    sql = types.ModuleType("pymysql")
    sql.MySQLError = type("MySQLError", (Exception,), {})
    monkeypatch.setitem(sys.modules, "pymysql", sql)
    monkeypatch.syspath_prepend(str(FILES))
    module = importlib.import_module("galera_agent")
    view = sys.modules["galera_decision"].View("a", 5, ("node1", "node2", "node3"))
    monkeypatch.setattr(module, "CLAIM", tmp_path / "claim.json")
    monkeypatch.setattr(module, "ask_peers", lambda *_: {"node3": {"synced": True}})
    made = module.Agent.__new__(module.Agent)
    made.settings, made.client = SimpleNamespace(members=view.members), None
    made.usable, made.recorded = False, ("a", 5)

    def look(state):
        made.seen = module.Status(True, state, view)
        made.usable, why = made.judge()
        return made.usable, why

    return look


def test_a_donor_that_serves_goes_on_serving(agent):
    """Leaving would end the connections of all who write there: seen as an error of Keystone while others joined."""
    assert agent(4) == (True, "synced")
    assert agent(2) == (True, "gives another node its copy, and goes on serving")
    assert agent(2)[0]
    assert agent(4)[0]


def test_a_donor_that_did_not_serve_leaves_it_to_those_who_do(agent):
    assert agent(2) == (False, "gives another node its copy; node3 has all data too")
    assert agent(3) == (False, "not synced (state 3)")

"""Which certificates are renewed, and where they are brought to."""

import datetime as dt
from pathlib import Path
from types import SimpleNamespace

import pytest

from scs_rack import pki
from scs_rack.design import make_design
from scs_rack.errors import UsageError
from scs_rack.model.load import load_rack
from scs_rack.rotation import certificates
from scs_rack.wires.listeners import Listener

REPOSITORY = Path(__file__).resolve().parents[2]


@pytest.fixture
def design():
    return make_design(load_rack(REPOSITORY / "inventory/lab"))


@pytest.fixture
def state(tmp_path, design):
    pki.ensure(tmp_path, design)
    return tmp_path


def test_all_certificates_are_told_with_what_they_are_for(state):
    found = {one.name: one for one in certificates.held(state)}
    assert list(found) == ["api", "ca", "node-node1", "node-node2", "node-node3"]
    assert found["api"].names == ("10.91.0.254", "fd5c:5::fe")
    assert "node2" in found["node-node2"].used_by
    assert 363 <= found["node-node2"].days_left <= 365
    assert found["api"].sha256 == pki.fingerprint((state / "ca/api.crt").read_bytes())


def test_days_left_are_counted_from_now(state):
    later = dt.datetime.now(dt.UTC) + dt.timedelta(days=400)
    assert {one.name: one.days_left < 0 for one in certificates.held(state, later)} == {
        "api": True,
        "ca": False,
        "node-node1": True,
        "node-node2": True,
        "node-node3": True,
    }


def test_due_is_what_ends_soon_or_is_missing(state, design):
    assert certificates.due(state, design, 30) == []
    (state / "ca/node-node1.key").unlink()
    assert certificates.due(state, design, 30) == ["node-node1"]
    assert certificates.due(state, design, 366) == ["api", "node-node1", "node-node2", "node-node3"]


def test_a_renewal_changes_the_named_ones_only_and_leaves_them_fit(state, design):
    before = {one.name: one.sha256 for one in certificates.held(state)}
    pki.renew(state, design, ["node-node2"])
    after = {one.name: one.sha256 for one in certificates.held(state)}
    assert {name for name in after if after[name] != before[name]} == {"node-node2"}
    assert pki.lacking(state, design) == []


def test_they_are_brought_to_those_who_serve_them(design):
    assert certificates.users(design, ["api"]) == ["node1", "node2", "node3"]
    assert certificates.users(design, ["node-node2"]) == ["node2"]
    found = certificates.stages(design, ["api"], ["node1", "node2"])
    assert [(one.name, one.needs) for one in found] == [
        ("issue", ()),
        ("roll-node1", ("issue",)),
        ("roll-node2", ("roll-node1",)),
    ]


def listener(process, sha256, node="node1"):
    return Listener(node, "10.91.0.1", 1, process, "tls", sha256=sha256)


class Ctx:
    """As much of a context as a delivery's gate asks for."""

    stop = SimpleNamespace(wait=lambda seconds: True)

    def __init__(self, design, state):
        self.design, self.state_dir = design, state

    def wait_for(self, _usual):
        return 0.0


def gate(monkeypatch, design, state, listeners):
    monkeypatch.setattr(certificates, "observe", lambda ctx, hosts: (listeners, []))
    deliver = certificates.Deliver("roll-node1", ("node1",), (), (), serves=False)
    return {(one.type, one.where): one for one in deliver.gate(Ctx(design, state))}


ALL = ("haproxy", "mariadbd", "beam.smp", "etcd", "ovsdb-server", "libvirtd,systemd")


def test_a_delivery_is_done_when_every_daemon_was_seen_with_the_new_certificate(design, state, monkeypatch):
    sha256 = next(one.sha256 for one in certificates.held(state) if one.name == "node-node1")
    good = [listener(process, sha256) for process in ALL]
    found = gate(monkeypatch, design, state, [*good, listener("haproxy", sha256)])
    assert list(found) == [("certificate-served", "node1")]
    assert "haproxy on 2, libvirtd,systemd on 1" in found["certificate-served", "node1"].seen


def test_an_old_one_and_a_daemon_that_says_nothing_are_found(design, state, monkeypatch):
    sha256 = next(one.sha256 for one in certificates.held(state) if one.name == "node-node1")
    other = next(one.sha256 for one in certificates.held(state) if one.name == "node-node2")
    listeners = [listener(process, other if process == "mariadbd" else sha256) for process in ALL[1:]]
    found = gate(monkeypatch, design, state, listeners)
    assert ("certificate-old", "node1 10.91.0.1:1 (mariadbd)") in found
    assert ("certificate-unseen", "node1 haproxy") in found


@pytest.mark.parametrize(("name", "words"), [("ca", "CA can't be renewed"), ("nobody", "no certificate to renew")])
def test_what_can_not_be_renewed_is_refused(design, name, words):
    with pytest.raises(UsageError, match=words):
        certificates.checked(design, [name])


def test_a_file_that_is_no_certificate_is_told(state):
    (state / "ca/odd.crt").write_text("odd")
    with pytest.raises(UsageError, match=r"odd\.crt is no certificate"):
        certificates.held(state)

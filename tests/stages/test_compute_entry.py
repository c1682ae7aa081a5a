"""A new hypervisor is open to customers only after a guest booted there and answered."""

from pathlib import Path
from types import SimpleNamespace

import pytest
from openstack.exceptions import NotFoundException

from scs_rack.design import make_design
from scs_rack.engine import settled
from scs_rack.engine.stage import Context
from scs_rack.errors import Interrupted, StageFailed
from scs_rack.model.load import load_rack
from scs_rack.stages import compute_entry

LAB = Path(__file__).parents[2] / "inventory/lab/rack.yml"


class Compute:
    """Nova, as far as hypervisors and aggregates go; keeps what was ordered."""

    def __init__(self, disabled):
        self.rows = {
            name: SimpleNamespace(id=name, host=name, state="up", status="enabled", disabled_reason=None)
            for name in ("node1", "node2", "node3", "node4")
        }
        for name, reason in disabled.items():
            self.rows[name].status, self.rows[name].disabled_reason = "disabled", reason
        self.kept, self.done = [], []
        self.unknown = 0

    def services(self, binary):
        assert binary == "nova-compute"
        return list(self.rows.values())

    def aggregates(self):
        return list(self.kept)

    def create_aggregate(self, name):
        self.kept.append(SimpleNamespace(name=name, hosts=[], metadata={}))
        return self.kept[-1]

    def set_aggregate_metadata(self, one, **metadata):
        one.metadata |= metadata

    def add_host_to_aggregate(self, one, host):
        assert one.metadata == {"filter_tenant_id": "admins"}, "a host in it is open to everybody"
        if self.unknown:
            self.unknown -= 1
            raise NotFoundException(f"Compute host {host} could not be found.")
        one.hosts.append(host)

    def remove_host_from_aggregate(self, one, host):
        one.hosts.remove(host)

    def delete_aggregate(self, one):
        self.kept.remove(one)

    def enable_service(self, name):
        self.done.append(("enable", name, [list(one.hosts) for one in self.kept]))
        self.rows[name].status = "enabled"

    def disable_service(self, name, disabled_reason):
        self.done.append(("disable", name))
        self.rows[name].status, self.rows[name].disabled_reason = "disabled", disabled_reason

    def find_flavor(self, _name):
        return object()


@pytest.fixture
def cloud():
    def make(**disabled):
        network = SimpleNamespace(networks=lambda **_: [SimpleNamespace(is_default=True)])
        image = SimpleNamespace(find_image=lambda _name: object())
        return SimpleNamespace(compute=Compute(disabled), network=network, image=image, current_project_id="admins")

    return make


@pytest.fixture
def ctx(tmp_path, monkeypatch):
    monkeypatch.setattr(settled, "read", lambda _state: frozenset({"node1", "node2", "node3"}))
    return Context(make_design(load_rack(LAB)), tmp_path, tmp_path, tmp_path, {})


@pytest.fixture
def trial(monkeypatch):
    """What trials find wrong."""
    faults = {}
    monkeypatch.setattr(compute_entry.Trial, "run", lambda _self, hosts: {n: faults[n] for n in hosts if n in faults})
    monkeypatch.setattr(compute_entry.Trial, "__init__", lambda *_: None)
    return faults


def test_it_is_tried_where_only_the_administrator_may_boot(ctx, cloud, trial):
    one = cloud(node4=compute_entry.NEW)
    assert [found.where for found in compute_entry.findings(one, ["node4"])] == ["node4"]
    (result,) = compute_entry.enter(ctx, one)
    assert (result.device, result.changed, result.error) == ("node4", True, None)
    assert one.compute.done == [("enable", "node4", [["node4"]])]
    assert one.compute.kept == []
    assert compute_entry.findings(one, ["node4"]) == []
    assert list(compute_entry.enter(ctx, one)) == []


def test_nova_may_need_a_while_until_it_knows_one_that_registered(ctx, cloud, trial, monkeypatch):
    monkeypatch.setattr(compute_entry, "PAUSE", 0.01)
    one = cloud(node4=compute_entry.NEW)
    one.compute.unknown = 3
    (result,) = compute_entry.enter(ctx, one)
    assert (one.compute.unknown, result.error) == (0, None)
    monkeypatch.setattr(compute_entry, "UP", 0.05)
    late = cloud(node4=compute_entry.NEW)
    late.compute.unknown = 1000
    with pytest.raises(StageFailed, match="no hypervisor on node4"):
        list(compute_entry.enter(ctx, late))
    assert late.compute.done == [], "it is open to nobody"


def test_one_that_fails_stays_closed_and_is_tried_again(ctx, cloud, trial):
    one = cloud(node4=compute_entry.NEW)
    trial["node4"] = "no answer"
    (result,) = compute_entry.enter(ctx, one)
    assert "no answer" in result.error
    assert one.compute.rows["node4"].status == "disabled"
    assert [found.type for found in compute_entry.findings(one, ["node4"])] == ["hypervisor-closed"]
    trial.clear()
    assert [done.error for done in compute_entry.enter(ctx, one)] == [None]
    assert one.compute.rows["node4"].status == "enabled"


def test_a_run_that_died_in_a_trial_is_gone_on_with(ctx, cloud, trial):
    one = cloud()
    one.compute.create_aggregate(compute_entry.NAME).hosts.append("node4")
    assert [found.where for found in compute_entry.findings(one, ["node4"])] == ["node4"]
    assert [done.device for done in compute_entry.enter(ctx, one)] == ["node4"]
    assert one.compute.kept == []


def test_what_an_operator_has_disabled_stays_so(ctx, cloud, trial):
    one = cloud(node2="its fan rattles")
    assert list(compute_entry.enter(ctx, one)) == []
    assert (one.compute.done, compute_entry.findings(one, ["node2"])) == ([], [])


def test_a_new_cloud_is_opened_at_once(ctx, cloud, monkeypatch):
    monkeypatch.setattr(settled, "read", lambda _state: frozenset())
    one = cloud(node1=compute_entry.NEW, node2=compute_entry.NEW)
    assert [done.device for done in compute_entry.enter(ctx, one)] == ["node1", "node2"]
    assert {row.status for row in one.compute.rows.values()} == {"enabled"}


def test_so_is_one_that_offers_nothing_yet(ctx, cloud):
    one = cloud(node4=compute_entry.NEW)
    one.image.find_image = lambda _name: None
    (result,) = compute_entry.enter(ctx, one)
    assert "nothing is offered" in result.step


def guest(status, host="node4", fault=None):
    return SimpleNamespace(id="g", status=status, compute_host=host, fault=fault)


def trial_of(ctx, guests, pings, monkeypatch):
    """A trial whose guests come up as told; pings answer one after the other."""
    left, answers = list(guests), list(pings)
    compute = SimpleNamespace(
        services=lambda **_: [SimpleNamespace(host="node4", state="up")],
        find_flavor=lambda *_, **__: SimpleNamespace(id="f"),
        create_server=lambda **wish: left[0] if wish["availability_zone"] == "nova:node4" else None,
        get_server=lambda _id: left.pop(0) if len(left) > 1 else left[0],
        delete_server=lambda _one: None,
        wait_for_delete=lambda _one, wait: None,
        reboot_server=lambda _one, _kind: answers.append(0),
    )
    network = SimpleNamespace(
        ports=lambda **_: [SimpleNamespace(id="p")],
        networks=lambda **_: [SimpleNamespace(id="n", is_default=True)],
        create_ip=lambda **_: SimpleNamespace(floating_ip_address="192.0.2.7"),
    )
    image = SimpleNamespace(find_image=lambda *_, **__: SimpleNamespace(id="i", min_disk=0))
    monkeypatch.setattr(compute_entry, "clean", lambda _cloud, name: None)
    for name in ("HUNG", "BOOT_TIMEOUT", "UP"):
        monkeypatch.setattr(compute_entry, name, 0.02)
    monkeypatch.setattr(
        compute_entry.subprocess,
        "run",
        lambda *_, **__: SimpleNamespace(returncode=answers.pop(0) if len(answers) > 1 else answers[0]),
    )
    one = compute_entry.Trial(ctx, SimpleNamespace(compute=compute, network=network, image=image))
    one._smoke.pause = lambda _seconds: False
    one._smoke.network = one._smoke.group = SimpleNamespace(id="x", name="x")
    monkeypatch.setattr(one._smoke, "make_network", lambda: None)
    one._emulated = False
    return one


def test_a_trial_that_goes_well(ctx, monkeypatch):
    one = trial_of(ctx, [guest("BUILD"), guest("ACTIVE")], [1, 0], monkeypatch)
    assert one.run({"node4": "node4"}) == {}


@pytest.mark.parametrize(
    ("guests", "pings", "words"),
    [
        ([guest("ERROR", fault={"message": "no such disk"})], [0], "no such disk"),
        ([guest("ERROR", fault={"message": "No valid host was found"})], [0], "a place for a guest on node4"),
        ([guest("ACTIVE", host="node1")], [0], "runs on node1"),
        ([guest("ACTIVE")], [1], "answer of the guest at 192.0.2.7 to a ping"),
    ],
)
def test_trials_that_fail(ctx, monkeypatch, guests, pings, words):
    assert words in trial_of(ctx, guests, pings, monkeypatch).run({"node4": "node4"})["node4"]


def test_an_emulated_guest_that_hangs_is_started_anew_once(ctx, monkeypatch):
    one = trial_of(ctx, [guest("ACTIVE")], [1], monkeypatch)
    one._emulated = True
    real = one._cloud.compute.reboot_server

    def reboot(server, kind):
        real(server, kind)
        monkeypatch.setattr(compute_entry.subprocess, "run", lambda *_, **__: SimpleNamespace(returncode=0))

    one._cloud.compute.reboot_server = reboot
    assert one.run({"node4": "node4"}) == {}


def test_nothing_hides_what_the_network_refuses(ctx, monkeypatch):
    one = trial_of(ctx, [guest("ACTIVE")], [0], monkeypatch)

    def refuse():
        raise StageFailed("no default external network")

    monkeypatch.setattr(one._smoke, "make_network", refuse)
    assert one.run({"node4": "node4"}) == {"node4": "no default external network"}


def test_an_api_that_haproxy_has_not_found_yet_is_waited_for(ctx, monkeypatch):
    from scs_rack.stages import cloud

    answers = [OSError("503"), OSError("503"), []]
    monkeypatch.setattr(cloud, "PAUSE", 0.001)

    def services():
        said = answers.pop(0)
        if isinstance(said, Exception):
            raise said
        return said

    compute = SimpleNamespace(services=services)
    cloud.CloudStage()._await_nova(ctx, SimpleNamespace(compute=compute))
    assert answers == []
    ctx.stop.requested.set()
    answers.append(OSError("503"))
    with pytest.raises(Interrupted):
        cloud.CloudStage()._await_nova(ctx, SimpleNamespace(compute=compute))
    answers.append(OSError("503"))
    monkeypatch.setattr(cloud, "PATIENCE", -1.0)
    with pytest.raises(OSError, match="503"):
        cloud.CloudStage()._await_nova(ctx, SimpleNamespace(compute=compute))

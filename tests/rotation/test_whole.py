"""Whole rotations by the real stages, over a cloud in memory: killed before or after any effect, given again, and with
`scs-rack up` in between. At no time does a client hold what a server refuses."""

import json
from pathlib import Path
from types import SimpleNamespace

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from scs_rack import vault
from scs_rack.design import make_design
from scs_rack.model.load import load_rack
from scs_rack.results import Result
from scs_rack.rotation import broker, database, identity, keys, master_key, rolling, rotate, states, traces

DESIGN = make_design(load_rack(Path(__file__).resolve().parents[2] / "inventory/lab"))
HOSTS = DESIGN.groups["controller"]
NAMES = ["db_keystone", "db_nova", "service_nova", "rabbitmq_password", "rabbitmq_cookie", "admin_password", "fernet"]
PLATFORM = {"db_keystone", "rabbitmq_password", "fernet"}


class Died(Exception):
    """kill -9."""


class Cloud:
    """What the servers take, and what their clients on each controller hold."""

    def __init__(self):
        names = [*(one for one in NAMES if one != "fernet"), "fernet_0", "fernet_1"]
        self.vault = {name: f"{name}-0" for name in names}
        self.database = {"keystone": {"db_keystone-0"}, "nova": {"db_nova-0"}}
        self.keystone = {"nova": "service_nova-0", "admin": "admin_password-0"}
        self.rabbit = {"openstack": "rabbitmq_password-0"}
        self.cookie = dict.fromkeys(HOSTS, "rabbitmq_cookie-0")
        self.hosts = {host: {} for host in HOSTS}
        self.drained = set()
        self.left, self.fresh = None, 0
        for host in HOSTS:
            self.configure(host, "platform.yml")
            self.configure(host, "cloud.yml")

    def effect(self, do):
        """One change of the world; the run may die before or after it."""
        for after in (False, True):
            if after:
                do()
                self.check()
            if self.left is not None:
                if self.left == 0:
                    raise Died
                self.left -= 1

    def check(self):
        for host, held in self.hosts.items():
            for user in ("keystone", "nova"):
                assert held[f"db_{user}"] in self.database[user], f"{host}: MariaDB refuses {user}"
            for users, name in ((self.keystone, "service_nova"), (self.rabbit, "rabbitmq_password")):
                user, password = held[name]
                assert users.get(user) == password, f"{host}: {user} is refused"
            # a token or credential that one controller encrypts, all can read
            newest = max(held["fernet"], key=lambda number: int(number.rpartition("_")[2]))
            for other in self.hosts.values():
                assert held["fernet"][newest] in other["fernet"].values(), f"{host} encrypts what others can't read"

    def configure(self, host, playbook):
        held, stored = self.hosts[host], self.vault
        if playbook == "platform.yml":
            held["fernet"] = {name: value for name, value in stored.items() if name[:-1] == "fernet_"}
            held["db_keystone"] = stored["db_keystone"]
        else:
            held["db_nova"] = stored["db_nova"]
            held["service_nova"] = (stored.get("service_nova_user", "nova"), stored["service_nova"])
            held["rabbitmq_password"] = (stored.get("rabbitmq_password_user", "openstack"), stored["rabbitmq_password"])

    def run_playbook(self, ctx, playbook, *, limit):
        for host in limit:
            self.effect(lambda host=host: self.configure(host, playbook))
        return [Result("x", "configured")]

    def change(self, _folder, changes):
        def do():
            self.vault = {k: v for k, v in (self.vault | changes).items() if v is not None}

        self.effect(do)

    def told(self, ctx, host, program, data, timeout=0):
        answer = {
            database.PROGRAM: self._database,
            broker.ADD: self._add,
            broker.REMOVE: self._remove,
            broker.COOKIE: lambda data: self._cookie(host, data),
            rolling.HAPROXY: self._haproxy,
            traces.PROGRAM: lambda data: self._traces(host, data),
        }[program]
        return answer(data)

    def _database(self, data):
        for one in data:
            self.effect(lambda one=one: self.database.update({one["user"]: set(one["valid"])}))
            assert not set(one["invalid"]) & self.database[one["user"]]
        return {one["user"]: "" for one in data}

    def _add(self, data):
        self.effect(lambda: self.rabbit.update({data["user"]: data["password"]}))
        return ""

    def _remove(self, data):
        if any(held["rabbitmq_password"][0] == data["old"] for held in self.hosts.values()):
            return "still used"
        self.effect(lambda: self.rabbit.pop(data["old"], None))
        return ""

    def _cookie(self, host, data):
        assert self.cookie[host] in (data["cookie"], data["old"]), "nobody can tell this node"
        self.effect(lambda: self.cookie.update({host: data["cookie"]}))
        return ""

    def _haproxy(self, data):
        if data["state"] == "drain":
            self.effect(lambda: self.drained.add(data["server"]))
        elif data["state"]:
            gone = set(self.drained) if data["state"] == "release" else {data["server"]}
            self.effect(lambda: self.drained.difference_update(gone))
            return sorted(gone)
        return []

    def _traces(self, host, data):
        text = json.dumps(self.hosts[host])
        return {name: ["/etc/x"] for name, value in data["old"].items() if value in text}

    def identity(self, ctx, stored):
        passwords = [stored.get("admin_password"), stored.get("admin_password_next")]
        assert self.keystone["admin"] in passwords, "the administrator is locked out"
        return SimpleNamespace(
            put_user=lambda name, password, like: self.effect(lambda: self.keystone.update({name: password})),
            set_password=lambda user, _domain, password: (
                self.effect(lambda: self.keystone.update({user: password})) or True
            ),
            remove_user=lambda name: self.effect(lambda: self.keystone.pop(name, None)),
            opens=lambda user, _domain, password, _project=None: self.keystone.get(user) == password,
        )

    def up(self):
        """`scs-rack up`: the administrator's password is as the vault says, all are configured, nothing is drained."""
        self.keystone["admin"] = self.vault["admin_password"]
        for host in HOSTS:
            self.configure(host, "platform.yml")
            self.configure(host, "cloud.yml")
        self.check()
        self.drained.clear()

    def rotate(self, names):
        """What the command does, with the engine's way of stages: each in turn, then its gate."""
        chosen = rotate.chosen(DESIGN, self.vault, names, everything=False)
        rotate.prepare(lambda changes: self.change(None, changes), dict(self.vault), chosen)
        stop = SimpleNamespace(wait=lambda seconds: True)
        ctx = SimpleNamespace(
            design=DESIGN, rack_dir=None, state_dir=None, stop=stop, wait_for=lambda usual: 0.0, emit=lambda one: None
        )
        for stage in rotate.stages(DESIGN, chosen):
            errors = [one.error for one in stage.apply(ctx) if one.error]
            assert errors == [], (stage.name, errors)
            assert list(stage.gate(ctx)) == [], stage.name


@pytest.fixture(scope="module")
def world():
    """Make a cloud; what reaches out of the process leads into it."""
    now = SimpleNamespace(cloud=None)

    def generate(name):
        now.cloud.fresh += 1
        return f"{name}-{now.cloud.fresh}"

    def led(method):
        def call(*args, **more):
            return getattr(now.cloud, method)(*args, **more)

        return call

    with pytest.MonkeyPatch.context() as patch:
        for module in (database, broker, keys, rolling, master_key, traces):
            patch.setattr(module, "told", led("told"))
        patch.setattr(identity, "Identity", led("identity"))
        patch.setattr(rolling, "run_playbook", led("run_playbook"))
        patch.setattr(vault, "load", lambda folder: dict(now.cloud.vault))
        patch.setattr(vault, "change", led("change"))
        patch.setattr(vault, "generate", generate)
        patch.setattr(rotate.clouds, "ensure", lambda *args: None)

        def make():
            now.cloud = Cloud()
            return now.cloud

        yield make


@settings(max_examples=150, deadline=None)
@given(
    names=st.lists(st.sampled_from(NAMES), min_size=1, unique=True),
    deaths=st.lists(st.tuples(st.integers(0, 60), st.booleans()), max_size=4),
)
def test_killed_anywhere_and_given_again_every_client_is_served_and_the_old_ones_are_refused(world, names, deaths):
    cloud = world()
    before = dict(cloud.vault)
    for left, up_between in [*deaths, (None, False)]:
        cloud.left = left
        try:
            cloud.rotate(names if not states.unfinished(cloud.vault) else [])
        except Died:
            cloud.left = None
            if up_between:
                cloud.up()
    assert states.unfinished(cloud.vault) == []
    assert cloud.drained == set()
    assert set(cloud.cookie.values()) == {cloud.vault["rabbitmq_cookie"]}
    assert cloud.keystone["admin"] == cloud.vault["admin_password"]
    assert len(cloud.rabbit) == 1
    assert len(cloud.keystone) == 2
    assert all(len(passwords) == 1 for passwords in cloud.database.values())
    for name in names:
        if name != "fernet":
            assert cloud.vault[name] != before[name], f"{name} was not changed"

"""A rack that does what it is told: guests, units, Ceph's flags and power, with a switch that kills us anywhere."""

import json
import re
from dataclasses import dataclass, field
from pathlib import Path
from types import SimpleNamespace

from scs_rack.bmc import Outcome, Power
from scs_rack.bmc.power_run import Seen
from scs_rack.days.tools import Tools
from scs_rack.design import make_design
from scs_rack.engine.stage import Context
from scs_rack.model.load import load_rack
from scs_rack.remote import SSH_FAILED, Answer
from scs_rack.results import Finding, Result
from scs_rack.standstill import guests, start, step, stop

REPOSITORY = Path(__file__).resolve().parents[2]
DESIGN = make_design(load_rack(REPOSITORY / "inventory/lab"))
NODES = ("node1", "node2", "node3")
UNITS = ("nova-api.service", "nova-compute.service", "keystone.service", "rabbitmq-server.service", "mariadb.service",
         "ceph-osd@0.service", "haproxy.service")  # fmt: skip


class Killed(BaseException):
    """The process is gone; nothing of it runs on."""


@dataclass
class Rack:
    """The whole of it."""

    guests: dict[str, str] = field(default_factory=dict)
    """Status by id."""
    closed: set[str] = field(default_factory=set)
    """Hosts on which nova-compute is disabled."""
    units: dict[str, set[str]] = field(default_factory=lambda: {name: set(UNITS) for name in NODES})
    flags: set[str] = field(default_factory=lambda: {"sortbitwise"})
    on: set[str] = field(default_factory=lambda: set(NODES))
    acts: list[str] = field(default_factory=list)
    """All changes, in their order."""
    kill_at: int = -1
    """Number of the change before which we die."""
    lies: bool = False
    """True: Ceph accepts orders and does nothing."""

    def act(self, words):
        if len(self.acts) == self.kill_at:
            self.kill_at = -1
            raise Killed
        self.acts.append(words)

    def state(self):
        """What is compared before and after."""
        return dict(self.guests), set(self.closed), {k: set(v) for k, v in self.units.items()}, set(self.flags), self.on

    # guests and services, as openstacksdk's proxy of compute has them

    def api(self):
        return any("keystone.service" in self.units[name] for name in self.on)

    def servers(self, **_):
        return [
            SimpleNamespace(
                id=key,
                name="guest" if key in "ab" else f"guest-{key}",
                compute_host="node1",
                status=status,
                task_state=None,
            )
            for key, status in self.guests.items()
        ]

    def stop_server(self, key):
        self.act(f"stop {key}")
        assert self.guests[key] == "ACTIVE"
        self.guests[key] = "SHUTOFF"

    def start_server(self, key):
        self.act(f"start {key}")
        assert "pausewr" not in self.flags
        self.guests[key] = "ACTIVE"

    def services(self, **_):
        return [SimpleNamespace(host=n, status="disabled" if n in self.closed else "enabled") for n in NODES]

    def disable_service(self, service, **_):
        self.act(f"close {service.host}")
        self.closed.add(service.host)

    def enable_service(self, service, **_):
        self.act(f"open {service.host}")
        self.closed.discard(service.host)

    # commands on nodes

    def run(self, host, argv, timeout=30.0):
        del timeout
        if host not in self.on:
            return Answer(host, SSH_FAILED, "", "no route", 0.0)
        if argv[0] == "python3":
            return self._units(host, argv)
        return Answer(host, 0, self._command(host, argv, " ".join(argv)), "", 0.0)

    def _command(self, host, argv, text):
        said = ""
        if "virsh" in text and host == "node1":
            said = "\n".join(key for key, status in self.guests.items() if status == "ACTIVE")
        elif "osd set" in text or "osd unset" in text:
            self._flag(text)
        elif "systemctl start" in text:
            self.act(f"begin {host}")
            self.units[host] |= {one for one in argv if one.endswith(".service")}
        elif "list-units" in text:
            osds = [one for one in self.units[host] if one.startswith("ceph-osd@")]
            said = json.dumps([{"unit": one, "active": "active"} for one in osds])
        elif "ceph" in text:
            said = json.dumps(self._asked(text))
        return said

    def _units(self, host, argv):
        import fnmatch

        found = sorted(one for one in self.units[host] if any(fnmatch.fnmatchcase(one, pat) for pat in argv[3:]))
        if "and True" in argv[2] and found:
            self.act(f"units {host} {' '.join(found)}")
            self.units[host] -= set(found)
        return Answer(host, 0, json.dumps({"units": found, "left": []}), "", 0.0)

    def _flag(self, text):
        verb, name = re.search(r"osd (set|unset) (\S+)", text).groups()
        self.act(f"{verb} {name}")
        shown = {"pauserd", "pausewr"} if name == "pause" else {name}
        if not self.lies:
            self.flags = self.flags | shown if verb == "set" else self.flags - shown

    def _asked(self, text):
        if "osd dump" in text:
            return {"flags_set": sorted(self.flags)}
        up = len(self.on)
        return {
            "quorum_names": sorted(self.on),
            "osdmap": {"num_up_osds": up, "num_in_osds": 3},
            "pgmap": {"pgs_by_state": [{"state_name": "active+clean", "count": 9}], "num_pgs": 9},
            "health": {"status": "HEALTH_OK", "checks": {}},
        }

    # power

    async def look(self, _ctx, chosen):
        return Seen({one.name: Power.ON if one.name in self.on else Power.OFF for one in chosen}, {})

    async def switch(self, ctx, chosen):
        for load in sorted(chosen, key=lambda one: -one.rank):
            if load.name in self.on:
                self.act(f"off {load.name}")
                self.on.discard(load.name)
                target = SimpleNamespace(name=load.name)
                yield Outcome(target, Result(load.name, "power off", changed=True), None, 0.0)

    def power_on(self):
        """What stage bmc does: servers come up with the units that they always start."""
        for name in NODES:
            if name not in self.on:
                self.act(f"on {name}")
                self.on.add(name)
                self.units[name] = set(UNITS)


class On:
    """In place of stage `bmc`."""

    name, needs, summary = "bmc", (), "power"

    def __init__(self, rack):
        self.rack = rack

    def plan(self, _ctx):
        return []

    def apply(self, _ctx):
        self.rack.power_on()
        return []

    def gate(self, _ctx):
        return []


class Gate:
    """In place of a stage whose gate is waited for."""

    needs, summary = (), "a gate"

    def __init__(self, name, rack):
        self.name, self.rack = name, rack

    def gate(self, _ctx):
        short = [name for name in NODES if self.rack.units[name] != set(UNITS)]
        if self.name in ("platform", "cloud") and short:
            yield Finding("service-down", "error", short[0], "up", "down")


class World:
    """A rack, and the commands that act on it."""

    def __init__(self, folder, monkeypatch, **more):
        self.rack = Rack(guests={"a": "ACTIVE", "b": "ACTIVE", "c": "SHUTOFF"}, **more)
        self.ctx = Context(DESIGN, REPOSITORY / "inventory/lab", folder / "state", folder / "run", {})
        for module, name, value in (
            (stop, "_look", self.rack.look),
            (stop, "_switch", self.rack.switch),
            (stop, "members", lambda _ctx: []),
            (start, "CephStage", lambda: Gate("ceph", self.rack)),
            (step, "PAUSE", 0.0),
            (start, "PAUSE", 0.0),
            (guests, "PAUSE", 0.0),
            (stop.socket, "create_connection", lambda *_: SimpleNamespace(close=lambda: None)),
        ):
            monkeypatch.setattr(module, name, value)

    def tools(self, ctx):
        made = Tools(ctx, self.rack, None)
        session = SimpleNamespace(get_token=self._token)
        made.__dict__["connection"] = SimpleNamespace(compute=self.rack, session=session)
        type(made).has_cloud = property(lambda _self: True)
        return made

    def _token(self):
        if not self.rack.api():
            raise OSError("no API")

    def walk(self, stages, **options):
        """Run stages as the engine does: the first that fails ends it."""
        from dataclasses import replace

        ctx = replace(self.ctx, options=options)
        for stage in stages:
            if hasattr(stage, "make"):
                stage.make = self.tools
            for result in stage.apply(ctx):
                assert not result.error, f"{stage.name}: {result}"
            findings = list(stage.gate(ctx))
            assert findings == [], f"{stage.name}: {findings}"

    def stop(self, **options):
        self.walk(stop.stages(), **options)

    def start(self, **options):
        gates = [Gate(name, self.rack) for name in ("base", "platform", "cloud")]
        self.walk(start.stages([On(self.rack), *gates]), **options)

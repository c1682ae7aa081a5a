"""A stand-in for librados with monitors that keep what they are told, as Ceph 18 answers."""

import json
from types import SimpleNamespace


class Error(OSError):
    """Error of librados."""


class ObjectNotFound(Error):
    """No such object."""


class Monitors:
    """What the monitors know."""

    def __init__(self, quorum=True):
        self.quorum = quorum
        self.config, self.auth, self.osds, self.pools = {}, {}, {}, {}
        self.parents, self.rules = {}, ["replicated_rule host"]
        self.commands = []
        self.objects = set()
        self.groups = {}

    def answer(self, command, inbuf):
        prefix = command["prefix"]
        self.commands.append(prefix)
        handler = getattr(self, "on_" + prefix.replace(" ", "_").replace("-", "_"), None)
        if handler is None:
            return -22, b"", f"unknown command {prefix}"
        return 0, json.dumps(handler(command, inbuf)).encode(), ""

    def on_config_dump(self, *_):
        return [{"section": who, "name": name, "value": value} for (who, name), value in self.config.items()]

    def on_config_set(self, command, _):
        self.config[command["who"], command["name"]] = command["value"]

    def on_auth_ls(self, *_):
        return {"auth_dump": [{"entity": name, **entry} for name, entry in self.auth.items()]}

    def on_auth_get_or_create(self, command, _):
        self.on_auth_caps(command, _)

    def on_auth_caps(self, command, _):
        caps = command["caps"]
        key = self.auth.get(command["entity"], {"key": f"key-of-{command['entity']}"})["key"]
        self.auth[command["entity"]] = {"key": key, "caps": dict(zip(caps[::2], caps[1::2], strict=True))}

    def on_osd_new(self, command, inbuf):
        number = len(self.osds)
        self.osds[command["uuid"]] = {"osd": number, "uuid": command["uuid"], "state": ["exists", "new"]}
        self.auth[f"osd.{number}"] = {"key": json.loads(inbuf)["cephx_secret"], "caps": {}}

    def on_osd_dump(self, *_):
        return {"osds": list(self.osds.values()), "pools": list(self.pools.values())}

    def on_osd_stat(self, *_):
        return {"num_up_osds": sum("up" in osd["state"] for osd in self.osds.values())}

    def on_status(self, *_):
        rows = [{"state_name": state, "count": count} for state, count in self.groups.items()]
        return {"pgmap": {"num_pgs": sum(self.groups.values()), "pgs_by_state": rows}, "osdmap": self.on_osd_stat()}

    def on_osd_tree(self, *_):
        names = ["default", *self.parents]
        children = {name: [names.index(one) for one, where in self.parents.items() if where == name] for name in names}
        return {"nodes": [{"id": names.index(name), "name": name, "children": children[name]} for name in names]}

    def on_osd_crush_add_bucket(self, command, _):
        self.parents[command["name"]] = command["args"][-1].partition("=")[2]

    def on_osd_crush_move(self, command, _):
        self.on_osd_crush_add_bucket(command, _)

    def on_osd_crush_rule_dump(self, *_):
        steps = [{"op": "take", "item": -1}, {"op": "chooseleaf_firstn", "num": 0}, {"op": "emit"}]
        rules = [rule.split() for rule in self.rules]
        return [
            {"rule_id": number, "rule_name": name, "steps": [{**step, "type": kind} for step in steps]}
            for number, (name, kind) in enumerate(rules)
        ]

    def on_osd_crush_rule_create_replicated(self, command, _):
        self.rules.append(f"{command['name']} {command['type']}")

    def rule(self, name):
        return [rule.split()[0] for rule in self.rules].index(name)

    def on_osd_pool_create(self, command, _):
        if command["pool"].startswith(".") and not command.get("yes_i_really_mean_it"):
            return  # Ceph 18 says "pool names beginning with . are not allowed" and ends well
        pool = {"pool_name": command["pool"], "pg_num_target": command["pg_num"], "size": command["size"]}
        self.pools[command["pool"]] = pool | {"application_metadata": {}, "crush_rule": self.rule(command["rule"])}

    def on_osd_pool_set(self, command, _):
        name, value = {"pg_num": "pg_num_target"}.get(command["var"], command["var"]), command["val"]
        self.pools[command["pool"]][name] = self.rule(value) if name == "crush_rule" else int(value)

    def on_osd_pool_application_enable(self, command, _):
        self.pools[command["pool"]]["application_metadata"][command["app"]] = {}


class Ioctx:
    """One pool."""

    def __init__(self, monitors, pool):
        self.monitors, self.pool = monitors, pool

    def __enter__(self):
        return self

    def __exit__(self, *_):
        pass

    def stat(self, name):
        if (self.pool, name) not in self.monitors.objects:
            raise ObjectNotFound(2, "no such object")


class Rados:
    """A connection."""

    def __init__(self, monitors):
        self.monitors = monitors

    def conf_set(self, *_):
        pass

    def connect(self, **_):
        if not self.monitors.quorum:
            raise Error(110, "RADOS timed out")

    def shutdown(self):
        pass

    def mon_command(self, command, inbuf, timeout=0):
        return self.monitors.answer(json.loads(command), inbuf)

    def pool_exists(self, name):
        return name in self.monitors.pools

    def open_ioctx(self, name):
        return Ioctx(self.monitors, name)


def modules(monitors):
    """Modules `rados` and `rbd` that speak to these monitors."""
    rados = SimpleNamespace(Error=Error, ObjectNotFound=ObjectNotFound, Rados=lambda **_: Rados(monitors))

    def pool_init(ioctx, _force):
        monitors.objects.add((ioctx.pool, "rbd_info"))

    rbd = SimpleNamespace(RBD=lambda: SimpleNamespace(pool_init=pool_init))
    return {"rados": rados, "rbd": rbd}

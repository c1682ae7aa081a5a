"""Routers leave the cloud on other nodes: the server is no gateway any more, and Neutron moves what it carried.

What a chassis may be used for is told by `ovn-cms-options` in Open vSwitch's database; Neutron watches it.
"""

import json
from collections.abc import Iterable, Iterator
from dataclasses import dataclass

from scs_rack.days import kept
from scs_rack.days.fence import dead
from scs_rack.days.part import Doing, Refusal
from scs_rack.days.tools import Tools
from scs_rack.errors import Interrupted, StageFailed
from scs_rack.results import Result

OPTION = "external-ids:ovn-cms-options"
GATEWAY = "enable-chassis-as-gw"
PATIENCE = 120.0
PAUSE = 2.0
SBCTL = ("ovn-sbctl", "--timeout=10", "--no-leader-only", "--format=json")


def is_gateway(tools: Tools, node: str) -> bool:
    """True for a server that routers may be placed on."""
    one = tools.ctx.design.nodes[node]
    return "network" in one.roles and bool(one.external) and tools.has_cloud


def controllers(tools: Tools, last: str) -> list[str]:
    """All controllers; one that may be dead comes last."""
    return sorted(tools.ctx.design.groups["controller"], key=lambda name: name == last)


def carried(tools: Tools, node: str) -> list[str]:
    """Gateway ports that are bound to a chassis, as OVN's southbound database says."""
    hosts = controllers(tools, node)
    columns = ("--columns=_uuid", "find", "Chassis", f"name={node}")
    chassis = [_cell(row[0]) for row in tools.json(hosts, [*SBCTL, *columns])["data"]]
    if not chassis:
        return []
    columns = ("--columns=logical_port,chassis", "find", "Port_Binding", "type=chassisredirect")
    rows = tools.json(hosts, [*SBCTL, *columns])["data"]
    return sorted(str(port) for port, place in rows if _cell(place) in chassis)


def option(tools: Tools, node: str) -> str:
    """What a node's Open vSwitch says that it may be used for."""
    argv = ["ovs-vsctl", "--timeout=10", "--if-exists", "get", "open_vswitch", ".", OPTION]
    return tools.told([node], argv)


def _cell(value: object) -> str:
    """A UUID of a database (RFC 7047, section 5.1); empty for an empty set."""
    return str(value[1]) if isinstance(value, list) and value[0] == "uuid" else ""


@dataclass(frozen=True)
class Leave:
    """No router leaves the cloud here."""

    node: str
    name: str = "gateways"
    summary: str = "routers leave the cloud on other nodes"

    def refusals(self, tools: Tools) -> Iterable[Refusal]:
        """Another gateway must be there."""
        if not is_gateway(tools, self.node) or not (ports := carried(tools, self.node)):
            return
        hosts = controllers(tools, self.node)
        rows = tools.json(hosts, [*SBCTL, "--columns=name,other_config", "list", "Chassis"])["data"]
        others = [name for name, config in rows if name != self.node and GATEWAY in json.dumps(config)]
        if not others:
            reason = f"{len(ports)} routers leave the cloud on {self.node}, and there is no other gateway"
            yield Refusal(reason, "give another server in service the role network and external NICs")

    def plan(self, tools: Tools) -> Iterable[Doing]:
        """The option, and what is carried here."""
        if not is_gateway(tools, self.node):
            return
        ports = carried(tools, self.node)
        if not dead(tools, self.node) and GATEWAY in option(tools, self.node):
            yield Doing(self.node, f"no gateway any more; {len(ports)} routers move to others")
        elif ports:
            yield Doing(self.node, f"{len(ports)} routers move to other gateways: {', '.join(ports)[:200]}")

    def apply(self, tools: Tools) -> Iterator[Result]:
        """Take the option away and wait until nothing is carried here.

        Raises:
            StageFailed: Neutron does not move them.
        """
        if not is_gateway(tools, self.node):
            return
        if not dead(tools, self.node) and GATEWAY in option(tools, self.node):
            kept.note(tools.ctx.state_dir, self.node, gateway=True)
            tools.told([self.node], ["ovs-vsctl", "--timeout=10", "set", "open_vswitch", ".", f'{OPTION}=""'])
            error = "the option is there still" if GATEWAY in option(tools, self.node) else None
            yield Result(self.node, "no gateway any more", changed=True, error=error)
        waited = 0.0
        while ports := carried(tools, self.node):
            if waited > PATIENCE:
                hint = "`journalctl -u neutron-rpc-server` on the controllers; give the command again"
                raise StageFailed(f"{self.node} still carries {', '.join(ports)}", hint)
            if tools.pause(PAUSE):
                raise Interrupted("stopped while routers move")
            waited += PAUSE


@dataclass(frozen=True)
class Return:
    """A gateway again, if it was one."""

    node: str
    name: str = "gateways-back"
    summary: str = "routers may leave the cloud here again"

    def refusals(self, tools: Tools) -> Iterable[Refusal]:
        """None."""
        del tools
        return ()

    def plan(self, tools: Tools) -> Iterable[Doing]:
        """The option, if we took it away."""
        if kept.read(tools.ctx.state_dir, self.node).get("gateway"):
            yield Doing(self.node, "a gateway again")

    def apply(self, tools: Tools) -> Iterator[Result]:
        """Give the option back and read it."""
        if not list(self.plan(tools)):
            return
        tools.told([self.node], ["ovs-vsctl", "--timeout=10", "set", "open_vswitch", ".", f"{OPTION}={GATEWAY}"])
        seen = option(tools, self.node)
        if GATEWAY not in seen:
            yield Result(
                self.node, "a gateway again", changed=True, error=f"the option is {seen.strip() or 'not there'}"
            )
            return
        kept.note(tools.ctx.state_dir, self.node, gateway=None)
        yield Result(self.node, "a gateway again", changed=True)

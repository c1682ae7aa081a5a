"""What the cloud's services remember of a server that is gone: hypervisor, agents, chassis."""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import Any

from scs_rack.days.fence import dead
from scs_rack.days.gateways import SBCTL, controllers
from scs_rack.days.guests import hypervisor
from scs_rack.days.part import Doing, Refusal
from scs_rack.days.tools import Tools
from scs_rack.errors import StageFailed
from scs_rack.results import Result

UNITS = ("nova-compute", "neutron-ovn-metadata-agent", "ovn-host", "ovn-controller")
"""Those that would write their records anew."""
PATIENCE = 30


def has_agents(tools: Tools, node: str) -> bool:
    """True for a server that Neutron and OVN know."""
    return tools.has_cloud and bool({"compute", "network"} & set(tools.ctx.design.nodes[node].roles))


@dataclass(frozen=True)
class Forget:
    """The cloud knows the server no more."""

    node: str
    name: str = "records"
    summary: str = "the cloud's services have forgotten the server"

    def refusals(self, tools: Tools) -> Iterable[Refusal]:
        """None: guests are moved before, and Nova refuses to forget a hypervisor with guests."""
        del tools
        return ()

    def plan(self, tools: Tools) -> Iterable[Doing]:
        """Records that are there."""
        one = hypervisor(tools, self.node)
        if one is not None:
            yield Doing("nova", f"delete the hypervisor {one.host}, its resource provider and its mapping")
        elif self._hosts_guests(tools) and tools.placement.providers(self.node):
            yield Doing("placement", f"delete the resource provider {self.node}")
        if has_agents(tools, self.node):
            if self._chassis(tools):
                yield Doing("ovn", f"delete the chassis {self.node}")
            if agents := self._agents(tools):
                words = ", ".join(str(agent.binary) for agent in agents)
                yield Doing("neutron", f"delete the agents of {self.node}: {words}")

    def apply(self, tools: Tools) -> Iterator[Result]:
        """Stop what would write them anew, delete them, and look."""
        if not list(self.plan(tools)):
            return
        if not dead(tools, self.node):
            running = self._stop(tools)
            error = f"{', '.join(running)} run still" if running else None
            yield Result(self.node, "stop hypervisor, agents and OVN", changed=True, error=error)
            if error:
                return
        yield from self._hypervisor(tools)
        if has_agents(tools, self.node):
            yield from self._network(tools)

    def _stop(self, tools: Tools) -> list[str]:
        """Stop what would write records anew; returns what runs still."""
        tools.told([self.node], ["sh", "-c", f"systemctl disable --now {' '.join(UNITS)} 2>&1; true"], 120)
        states = tools.ask([self.node], ["systemctl", "is-active", *UNITS]).out.split()
        return [unit for unit, state in zip(UNITS, states, strict=False) if state == "active"]

    def _hypervisor(self, tools: Tools) -> Iterator[Result]:
        one = hypervisor(tools, self.node)
        if self._hosts_guests(tools):
            for provider in tools.placement.providers(self.node):
                if count := tools.placement.release(provider):
                    words = f"{count} guests that live elsewhere hold no share of {self.node} any more"
                    yield Result("placement", words, changed=True)
        if one is not None:
            tools.nova.delete(one)
            error = "it is there still" if hypervisor(tools, self.node) else None
            yield Result("nova", f"delete the hypervisor {one.host}", changed=True, error=error)
        if self._hosts_guests(tools):
            for provider in tools.placement.providers(self.node):  # Nova has deleted it, if it could
                tools.placement.delete(provider)
                yield Result("placement", f"delete the resource provider {self.node}", changed=True)

    def _network(self, tools: Tools) -> Iterator[Result]:
        if self._chassis(tools):
            hosts = controllers(tools, self.node)
            sbctl = [*SBCTL[:-1], "--", "--if-exists"]
            tools.told(hosts, [*sbctl, "chassis-del", self.node])
            tools.told(hosts, [*sbctl, "destroy", "Chassis_Private", self.node])
            error = "it is there still" if self._chassis(tools) else None
            yield Result("ovn", f"delete the chassis {self.node}", changed=True, error=error)
        waited = 0
        while agents := self._agents(tools):
            for agent in agents:
                if waited > 5:  # Neutron takes a moment to see that the chassis is gone, and drops its agents by itself
                    tools.connection.network.delete_agent(agent)
            if waited > PATIENCE or tools.pause(1.0):
                words = ", ".join(str(agent.binary) for agent in agents)
                raise StageFailed(f"Neutron has agents of {self.node} still: {words}", "`openstack network agent list`")
            waited += 1
        yield Result("neutron", f"no agents of {self.node}", changed=True)

    def _hosts_guests(self, tools: Tools) -> bool:
        return tools.has_cloud and "compute" in tools.ctx.design.nodes[self.node].roles

    def _chassis(self, tools: Tools) -> bool:
        hosts = controllers(tools, self.node)
        found = [
            tools.json(hosts, [*SBCTL, "--columns=name", "find", table, f"name={self.node}"])["data"]
            for table in ("Chassis", "Chassis_Private")
        ]
        return any(found)

    def _agents(self, tools: Tools) -> list[Any]:
        return [agent for agent in tools.connection.network.agents() if str(agent.host).split(".", 1)[0] == self.node]

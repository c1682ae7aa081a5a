"""Ping trains through the fabric: what was lost, and for how long."""

import re
import signal
import subprocess
from dataclasses import dataclass
from itertools import pairwise

from scs_rack.lab import netns

INTERVAL = 0.02
"""Seconds between two packets of a flow."""
_REPLY = re.compile(r"icmp_seq=(\d+) ttl=")


@dataclass(frozen=True)
class Flow:
    """What became of the packets from one host to another."""

    source: str
    target: str
    received: int
    lost: int
    longest: int
    """Packets lost in a row."""


@dataclass(frozen=True)
class Report:
    """What became of all packets."""

    flows: list[Flow]

    @property
    def sent(self) -> int:
        """Packets whose fate is known."""
        return sum(flow.received + flow.lost for flow in self.flows)

    @property
    def lost(self) -> int:
        """Packets that were never answered."""
        return sum(flow.lost for flow in self.flows)

    @property
    def gap(self) -> float:
        """Seconds of the longest silence on one flow."""
        return max(flow.longest for flow in self.flows) * INTERVAL

    def __str__(self) -> str:
        worst = [f"{flow.source}->{flow.target} {flow.lost}" for flow in self.flows if flow.lost]
        return f"{self.lost} of {self.sent} lost, longest gap {self.gap:.2f} s" + (
            f" ({', '.join(worst)})" if worst else ""
        )


class Train:
    """Pings between loopbacks of hosts while something happens: `with Train(lab, design) as train: …; train.report`.

    A packet counts as lost when a later one of the same flow was answered and it was not.
    """

    def __init__(self, lab, design, flows):
        self.flows = flows
        self.commands = [
            ["nsenter", f"--net={netns.path(lab.namespace(source))}", "ping", "-n", "-i", str(INTERVAL), "-W", "1",
             "-I", str(design.nodes[source].loopback4), str(design.nodes[target].loopback4)]
            for source, target in flows
        ]  # fmt: skip
        self.report = Report([])

    def __enter__(self):
        self.running = [
            subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)
            for command in self.commands
        ]
        return self

    def __exit__(self, *_):
        for process in self.running:
            process.send_signal(signal.SIGINT)
        found = []
        for (source, target), process in zip(self.flows, self.running, strict=True):
            text = process.communicate(timeout=20)[0]
            seen = sorted({int(number) for number in _REPLY.findall(text)})
            gaps = [after - before - 1 for before, after in pairwise(seen)]
            first = [seen[0] - 1] if seen else []
            assert seen, f"{source} to {target}: {text[-300:]}"
            found.append(Flow(source, target, len(seen), sum((*first, *gaps)), max((*first, *gaps))))
        self.report = Report(found)

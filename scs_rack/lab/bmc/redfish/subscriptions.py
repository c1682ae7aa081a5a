"""Who wants to be told of events, and telling them (DSP0266, 12.1)."""

import asyncio
import logging
import ssl
from dataclasses import dataclass, field
from typing import Any

import aiohttp

from scs_rack.lab.bmc.eventlog import Record
from scs_rack.lab.bmc.machine import Machine

log = logging.getLogger(__name__)

PUSH_SECONDS = 5.0
ATTEMPTS = 3
MOST = 10


@dataclass
class Subscription:
    """One listener."""

    number: int
    destination: str
    context: str
    headers: dict[str, str] = field(default_factory=dict)
    prefixes: list[str] = field(default_factory=list)
    failed: bool = False


class Subscriptions:
    """All listeners of one BMC."""

    def __init__(self, machine: Machine) -> None:
        self._machine = machine
        self.all: dict[int, Subscription] = {}
        self._next, self._event = 1, 0
        self._sending: set[asyncio.Task[None]] = set()

    def add(self, destination: str, context: str, headers: dict[str, str], prefixes: list[str]) -> Subscription:
        """Tell somebody from now on."""
        if not self.all:
            self._machine.log.listeners.append(self._logged)
        one = Subscription(self._next, destination, context, headers, prefixes)
        self._next += 1
        self.all[one.number] = one
        return one

    def remove(self, number: int) -> bool:
        """Tell them no more; False if there is no such listener."""
        found = self.all.pop(number, None) is not None
        if found and not self.all:
            self._machine.log.listeners.remove(self._logged)
        return found

    def _logged(self, record: Record) -> None:
        entry = f"/redfish/v1/Systems/1/LogServices/SEL/Entries/{record.number}"
        self.tell("ScsRackLab.1.0.Logged", record.text, record.severity, entry)

    def tell(self, message: str, text: str, severity: str, origin: str | None = None, **extra: Any) -> None:
        """Send an event to all who want it."""
        self._event += 1
        event = {
            "EventId": str(self._event), "EventType": "Other", "EventTimestamp": self._machine.clock.stamp(),
            "MemberId": "0", "Message": text, "MessageId": message, "MessageArgs": [text],
            "MessageSeverity": severity, "Severity": severity, **extra,
        }  # fmt: skip
        if origin:
            event["OriginOfCondition"] = {"@odata.id": origin}
        for one in list(self.all.values()):
            if one.prefixes and message.split(".", maxsplit=1)[0] not in one.prefixes:
                continue
            body = {
                "@odata.type": "#Event.v1_10_0.Event", "Id": str(self._event), "Name": "Event",
                "Context": one.context, "Events": [event],
            }  # fmt: skip
            task = asyncio.ensure_future(self._push(one, body))
            self._sending.add(task)
            task.add_done_callback(self._sending.discard)

    async def _push(self, one: Subscription, body: dict[str, Any]) -> None:
        trusting = ssl.create_default_context()
        trusting.check_hostname, trusting.verify_mode = False, ssl.CERT_NONE  # VerifyCertificate is false
        limit = aiohttp.ClientTimeout(total=PUSH_SECONDS)
        for attempt in range(ATTEMPTS):
            try:
                async with (
                    aiohttp.ClientSession(timeout=limit) as client,
                    client.post(one.destination, json=body, headers=one.headers, ssl=trusting) as answer,
                ):
                    if answer.status < 300:
                        one.failed = False
                        return
            except (aiohttp.ClientError, TimeoutError, OSError, ValueError):
                pass
            await asyncio.sleep(attempt + 1)
        one.failed = True
        log.warning("nobody takes events at %s", one.destination)

    def close(self) -> None:
        """Stop telling."""
        for task in self._sending:
            task.cancel()

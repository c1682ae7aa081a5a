"""Logs: the system event log, the same that IPMI shows, and what the BMC itself was told."""

from scs_rack.lab.bmc.eventlog import CAPACITY, Record
from scs_rack.lab.bmc.redfish.messages import missing, success
from scs_rack.lab.bmc.redfish.routes import (
    MANAGER,
    SYSTEM,
    Answer,
    Call,
    Reply,
    Resource,
    action,
    collection,
    delete,
    get,
    head,
    health,
    link,
    post,
)  # fmt: skip

SEL = f"{SYSTEM}/LogServices/SEL"
ENTRIES = f"{SEL}/Entries"
_ACTION = f"{SEL}/Actions/LogService.ClearLog"


@get(f"{SYSTEM}/LogServices")
def system_logs(_call: Call) -> Resource:
    """Logs of the server."""
    return collection(f"{SYSTEM}/LogServices", "LogService", "Logs", [SEL])


@get(f"{MANAGER}/LogServices")
def manager_logs(_call: Call) -> Resource:
    """Logs of the BMC: the same one."""
    return collection(f"{MANAGER}/LogServices", "LogService", "Logs", [SEL])


@get(SEL)
def sel(call: Call) -> Resource:
    """The system event log."""
    return head(SEL, "LogService", "System Event Log") | {
        "LogEntryType": "SEL",
        "MaxNumberOfRecords": CAPACITY,
        "OverWritePolicy": "NeverOverWrites",
        "ServiceEnabled": True,
        "DateTime": call.machine.clock.stamp(),
        "DateTimeLocalOffset": "+00:00",
        "Entries": link(ENTRIES),
        "Status": health("Enabled", "Warning" if call.machine.log.lost else "OK"),
        "Actions": action(SEL, "LogService.ClearLog"),
    }


def _shown(record: Record) -> Resource:
    raw, path = record.raw, f"{ENTRIES}/{record.number}"
    return head(path, "LogEntry", f"Entry {record.number}") | {
        "EntryType": "SEL",
        "EntryCode": "Assert" if raw[2] != 0x02 or not raw[12] & 0x80 else "Deassert",
        "SensorNumber": raw[11] if raw[2] == 0x02 else None,
        "Severity": record.severity,
        "Created": _stamp(record),
        "Message": record.text,
        "MessageId": record.code,
        "MessageArgs": [],
    }


def _stamp(record: Record) -> str:
    from datetime import UTC, datetime

    return datetime.fromtimestamp(record.created, UTC).isoformat(timespec="seconds")


@get(ENTRIES)
def entries(call: Call) -> Resource:
    """All entries, in full."""
    found = [_shown(one) for one in call.machine.log.records.values()]
    skip, top = call.query.get("$skip", "0"), call.query.get("$top", str(CAPACITY))
    begin = int(skip) if skip.isdecimal() else 0
    many = int(top) if top.isdecimal() else CAPACITY
    body = collection(ENTRIES, "LogEntry", "Entries of the System Event Log", [])
    return body | {"Members": found[begin : begin + many], "Members@odata.count": len(found)}


@get(f"{ENTRIES}/{{}}")
def entry(call: Call) -> Answer:
    """One entry."""
    record = call.machine.log.records.get(int(call.ids[0])) if call.ids[0].isdecimal() else None
    return _shown(record) if record else None


@delete(f"{ENTRIES}/{{}}")
def remove(call: Call) -> Answer:
    """Delete one entry."""
    if call.machine.lies:
        return success()
    deleted = call.ids[0].isdecimal() and call.machine.log.delete(int(call.ids[0]))
    return success() if deleted else missing(call.path)


@post(_ACTION)
def clear(call: Call) -> Reply:
    """Empty the log."""
    if not call.machine.lies:
        call.machine.log.clear()
    return success()

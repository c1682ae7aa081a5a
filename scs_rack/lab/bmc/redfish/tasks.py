"""TaskService: what the service is still working at, and what became of it."""

from scs_rack.lab.bmc.redfish.jobs import Job
from scs_rack.lab.bmc.redfish.messages import info, missing
from scs_rack.lab.bmc.redfish.routes import (
    ROOT,
    Answer,
    Call,
    Reply,
    Resource,
    collection,
    delete,
    get,
    head,
    health,
    link,
)  # fmt: skip

SERVICE = f"{ROOT}/TaskService"
TASKS = f"{SERVICE}/Tasks"


@get(SERVICE, kind="any")
def service(call: Call) -> Resource:
    """The service."""
    return head(SERVICE, "TaskService", "Task Service") | {
        "ServiceEnabled": True,
        "DateTime": call.machine.clock.stamp(),
        "CompletedTaskOverWritePolicy": "Oldest",
        "LifeCycleEventOnTaskStateChange": False,
        "Status": health(),
        "Tasks": link(TASKS),
    }


@get(TASKS, kind="any")
def tasks(call: Call) -> Resource:
    """All that are remembered."""
    return collection(TASKS, "Task", "Tasks", [f"{TASKS}/{number}" for number in call.server.jobs.all])


@get(f"{TASKS}/{{}}", kind="any")
def task(call: Call) -> Answer:
    """One task."""
    job = _job(call)
    return shown(job) if job else None


@get(f"{TASKS}/{{}}/Monitor", kind="any")
def monitor(call: Call) -> Answer:
    """202 while it runs; afterwards what became of it."""
    job = _job(call)
    if job is None:
        return None
    if not job.over:
        return Reply(202, shown(job), {"Location": call.path, "Retry-After": "1"})
    return shown(job)


@delete(f"{TASKS}/{{}}", kind="any")
def cancel(call: Call) -> Answer:
    """Cancel it, or forget it."""
    job = _job(call)
    if job is None:
        return missing(call.path)
    if job.work and not job.over:
        job.work.cancel()
    else:
        call.server.jobs.all.pop(job.number, None)
    return Reply(204)


def shown(job: Job) -> Resource:
    """A task as a resource."""
    path = f"{TASKS}/{job.number}"
    body = head(path, "Task", job.name) | {
        "TaskState": job.state,
        "TaskStatus": "Critical" if job.state == "Exception" else "OK",
        "StartTime": job.started,
        "PercentComplete": job.percent,
        "TaskMonitor": f"{path}/Monitor",
        "HidePayload": True,
        "Messages": [_message(one["text"], one["severity"]) for one in job.messages],
    }
    return body | ({"EndTime": job.ended} if job.ended else {})


def accepted(job: Job) -> Reply:
    """The answer that begins a task."""
    path = f"{TASKS}/{job.number}"
    return Reply(202, shown(job), {"Location": f"{path}/Monitor", "Retry-After": "1"})


def _message(text: str, severity: str) -> Resource:
    return info("ScsRackLab.1.0.TaskStep", text, text, severity=severity)


def _job(call: Call) -> Job | None:
    return call.server.jobs.all.get(int(call.ids[0])) if call.ids[0].isdecimal() else None

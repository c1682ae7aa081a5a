"""Run commands side by side on one host; what `run_together` and `db_sync` share."""

from __future__ import annotations

import os
import pwd
import subprocess
import time
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field

PATH = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"


@dataclass(frozen=True)
class Job:
    """Commands that run one after the other; jobs run side by side."""

    name: str
    steps: Sequence[Sequence[str]]
    user: str = "root"
    environment: dict[str, str] = field(default_factory=dict)
    stdin: str = ""
    """Given to every step; the place for secrets."""
    chdir: str = "/"
    timeout: float = 600.0
    """Seconds for each step."""


@dataclass(frozen=True)
class Outcome:
    """How a job ended."""

    name: str
    seconds: float
    error: str = ""
    """Empty when every step succeeded; else the step, its exit code and the end of its output."""


def run_step(job: Job, argv: Sequence[str]) -> str:
    """Run one command as the job's user; returns what went wrong, or nothing."""
    try:
        account = pwd.getpwnam(job.user)
    except KeyError:
        return f"user {job.user} does not exist"
    base = {"PATH": PATH, "HOME": account.pw_dir, "USER": job.user, "LOGNAME": job.user, "LANG": "C.UTF-8"}
    switch = {}
    if os.geteuid() != account.pw_uid:
        groups = os.getgrouplist(job.user, account.pw_gid)
        switch = {"user": account.pw_uid, "group": account.pw_gid, "extra_groups": groups}
    try:
        seen = subprocess.run(
            list(argv),
            input=job.stdin,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            errors="replace",
            cwd=job.chdir,
            env={**base, **job.environment},
            timeout=job.timeout,
            check=False,
            **switch,  # type: ignore[call-overload]
        )
    except subprocess.TimeoutExpired:
        return f"{argv[0]} did not end within {job.timeout:.0f} s"
    except OSError as error:
        return f"{argv[0]} could not be started: {error}"
    if seen.returncode:
        tail = "\n".join(seen.stdout.strip().splitlines()[-30:])
        return f"{' '.join(argv[:3])} ended with {seen.returncode}:\n{tail}"
    return ""


def run_job(job: Job) -> Outcome:
    """Run the steps of a job up to the first that fails."""
    begin = time.monotonic()
    error = ""
    for argv in job.steps:
        error = run_step(job, argv)
        if error:
            break
    return Outcome(job.name, round(time.monotonic() - begin, 2), error)


def run_jobs(jobs: Sequence[Job], at_once: int = 0) -> list[Outcome]:
    """Run jobs side by side, all or `at_once` of them at a time; outcomes in the order of the jobs."""
    if not jobs:
        return []
    with ThreadPoolExecutor(max_workers=at_once or len(jobs)) as pool:
        return list(pool.map(run_job, jobs))


def failures(outcomes: Sequence[Outcome]) -> str:
    """One text with all that failed."""
    return "\n".join(f"{outcome.name}: {outcome.error}" for outcome in outcomes if outcome.error)

"""Tempest (scs-0128) as an external program, in a Python environment of its own on the manager, never on a controller.

Which tests run stands in a list: scs-0128's from the operator's checkout of the SCS standards, or a short one of ours.
The verdict comes from the results of single tests, not from Tempest's exit code: a test that is in the list must have
passed, or been skipped with a reason.
"""

import json
import os
import re
import shutil
import signal
import subprocess
import sys
from collections.abc import Callable, Iterable, Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path
from threading import Event, Thread
from typing import IO, Any, Literal

import yaml

from scs_rack.conformance import tempest_accounts
from scs_rack.conformance.tempest_conf import tempest_conf
from scs_rack.errors import StageFailed, UsageError
from scs_rack.files import write_file
from scs_rack.paths import cache_root

VERSION = "47.0.0"
"""Release of Tempest that `--install` takes: all tests of scs-0128 exist in it."""
LIST = "Tests/iaas/scs_0128_e2e_testing/tempest-tests-non-admin.lst"
"""Where a checkout of the SCS standards has the list of scs-0128."""
SHORT = Path(__file__).with_name("tempest_short.txt")
"""Our own selection of that list: a few minutes, each service once."""
STREAM = Path(__file__).with_name("tempest_stream.py")
"""Runs in Tempest's Python."""
Status = Literal["passed", "failed", "skipped", "missing"]
_STATUS: dict[str, Status] = {"success": "passed", "skip": "skipped"}
"""Every other end is a failure, an expected one too: what is expected to fail has not been seen to work."""
_CLASS = re.compile(r"(?:setUpClass|tearDownClass) \((.+)\)")


@dataclass(frozen=True)
class TestResult:
    """What became of one test."""

    __test__ = False  # its name is no test of pytest
    name: str
    status: Status
    seconds: float = 0.0
    words: str = ""
    """Why it was skipped, or the end of what it said when it failed."""


@dataclass
class TempestReport:
    """What a run of Tempest observed."""

    taken_at: str
    source: str
    """Where the list of tests comes from."""
    results: list[TestResult] = field(default_factory=list)
    left: list[str] = field(default_factory=list)
    """What the tests had left behind; it was removed with their accounts."""
    seconds: float = 0.0
    interrupted: bool = False

    def of(self, status: Status) -> list[TestResult]:
        """Results of one kind."""
        return [result for result in self.results if result.status == status]

    @property
    def passed(self) -> bool:
        """True if the run came to its end, nothing failed, nothing is missing, and something passed."""
        return not self.interrupted and not self.of("failed") and not self.of("missing") and bool(self.of("passed"))

    def write(self, path: Path) -> None:
        """Write it as JSON, whole or not at all."""
        path.parent.mkdir(parents=True, exist_ok=True)
        write_file(path, json.dumps(asdict(self), indent=1) + "\n", 0o644)


def read_report(path: Path) -> TempestReport | None:
    """The report in a file; None when there is none."""
    if not path.is_file():
        return None
    data: dict[str, Any] = json.loads(path.read_text(encoding="utf-8"))
    return TempestReport(**data | {"results": [TestResult(**one) for one in data["results"]]})


def environment() -> Path:
    """Python of the environment that `install` makes."""
    return cache_root() / "tempest" / VERSION / "bin/python"


def install(say: Callable[[str], None]) -> Path:
    """Make an environment with Tempest, from the package index that pip is set up for; returns its Python.

    Raises:
        StageFailed: pip could not get it.
    """
    python = environment()
    if not (python.parent / "tempest").is_file():
        folder = python.parents[1]
        say(f"installing Tempest {VERSION} into {folder}")
        shutil.rmtree(folder, ignore_errors=True)
        folder.parent.mkdir(parents=True, exist_ok=True)
        for argv in (
            [sys.executable, "-m", "venv", str(folder)],
            [str(python), "-m", "pip", "install", "--quiet", f"tempest=={VERSION}"],
        ):
            done = subprocess.run(argv, capture_output=True, text=True, check=False)
            if done.returncode:
                shutil.rmtree(folder, ignore_errors=True)
                raise StageFailed(f"Tempest can't be installed: {done.stderr.strip()[-600:]}")
    return python


def chosen_python(stated: str | None) -> Path:
    """The Python that has Tempest: the one that is stated, else what `install` made.

    Raises:
        UsageError: there is none.
    """
    python = Path(stated).expanduser() if stated else environment()
    if not (python.parent / "tempest").is_file():
        raise UsageError(
            f"there is no Tempest beside {python}",
            f"`--install` gets release {VERSION} from the package index, or name one: conformance.tempest.python",
        )
    return python


def wanted_tests(lines: Iterable[str]) -> list[str]:
    """Names of tests in a list, without their attributes (`[id-…,smoke]`), each once."""
    names = (line.split("#")[0].split("[")[0].strip() for line in lines)
    return list(dict.fromkeys(name for name in names if name))


class Tempest:
    """One run; `folder` is its work place, which only its owner can read."""

    def __init__(self, python: Path, folder: Path, stop: Event) -> None:
        self.python = python
        self.folder = folder
        self.stop = stop
        self.results: dict[str, TestResult] = {}
        self.classes: dict[str, TestResult] = {}

    def configure(self, cloud: Any, ca: Path, workers: int) -> None:
        """Make accounts and write what Tempest reads; what an earlier run left is removed first."""
        shutil.rmtree(self.folder, ignore_errors=True)
        self.folder.mkdir(parents=True, mode=0o700)
        tempest_accounts.remove(cloud)
        accounts = tempest_accounts.make(cloud, 2 * workers + 1)
        write_file(self.folder / "accounts.yaml", yaml.safe_dump(accounts.users))
        write_file(self.folder / "tempest.conf", tempest_conf(cloud, accounts, self.folder, ca))
        self._work_place()

    def _work_place(self) -> None:
        """What stestr, which runs Tempest's tests, reads in its folder."""
        ask = "import os, tempest; print(os.path.dirname(tempest.__file__))"
        told = subprocess.run([str(self.python), "-c", ask], capture_output=True, text=True, check=False)
        if told.returncode:
            raise StageFailed(f"{self.python} has no Tempest: {told.stderr.strip()[-300:]}")
        package = Path(told.stdout.strip())
        lines = ("[DEFAULT]", f"test_path={package}/test_discover", f"top_dir={package.parent}")
        text = "\n".join((*lines, r"group_regex=([^\.]*\.)*", ""))
        (self.folder / ".stestr.conf").write_text(text, encoding="utf-8")
        # since stestr 4 nothing else makes the place for its results, and even a list of tests wants one
        argv = [str(self.python), "-m", "stestr", "init"]
        done = subprocess.run(argv, cwd=self.folder, env=self._env(), capture_output=True, text=True, check=False)
        if done.returncode:
            raise StageFailed(f"stestr can't be set up: {(done.stdout + done.stderr).strip()[-300:]}")

    def clean(self, cloud: Any) -> list[str]:
        """Remove accounts, what is in their projects, and the file with their passwords; returns what was left."""
        (self.folder / "accounts.yaml").unlink(missing_ok=True)
        return tempest_accounts.remove(cloud)

    def ids(self, wanted: Sequence[str]) -> list[str]:
        """Tempest's ids of tests, attributes and all.

        Raises:
            StageFailed: Tempest can't tell its tests.
        """
        argv = [str(self.python.parent / "tempest"), "run", "--list-tests", "--regex", r"^tempest\.api\."]
        done = subprocess.run(
            argv,
            cwd=self.folder,
            env=self._env(),
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            check=False,
        )
        if done.returncode:
            raise StageFailed(f"Tempest can't list its tests: {(done.stdout + done.stderr).strip()[-600:]}")
        known = {line.split("[")[0]: line.strip() for line in done.stdout.splitlines() if line.startswith("tempest.")}
        return [known[name] for name in wanted if name in known]

    def run(self, wanted: Sequence[str], workers: int, timeout: float, on_test: Callable[[TestResult], None]) -> None:
        """Run tests; `on_test` hears of each when it has ended."""
        ids = self.ids(wanted)
        (self.folder / "list").write_text("".join(f"{one}\n" for one in ids))
        argv = [str(self.python.parent / "tempest"), "run", "--config-file", str(self.folder / "tempest.conf")]
        argv += ["--load-list", str(self.folder / "list"), "--concurrency", str(workers), "--subunit"]
        with (self.folder / "run.log").open("wb") as log:
            tests = subprocess.Popen(
                argv,
                cwd=self.folder,
                env=self._env(),
                stdin=subprocess.DEVNULL,
                stdout=subprocess.PIPE,
                stderr=log,
                start_new_session=True,
            )
            lines = subprocess.Popen(
                [str(self.python), str(STREAM)],
                stdin=tests.stdout,
                stdout=subprocess.PIPE,
                stderr=log,
                text=True,
                start_new_session=True,
            )
            assert tests.stdout is not None and lines.stdout is not None  # noqa: PT018 (they are pipes)
            tests.stdout.close()
            reader = Thread(target=self._read, args=(lines.stdout, on_test), daemon=True)
            reader.start()
            try:
                self._wait(tests, timeout)
            finally:
                _end(tests)
                reader.join(30)
                _end(lines)

    def _read(self, lines: IO[str], on_test: Callable[[TestResult], None]) -> None:
        for line in lines:
            data = json.loads(line)
            name = data["test"].split("[")[0].strip()
            status = _STATUS.get(data["status"], "failed")
            words = data["words"].strip() if status != "passed" else ""
            result = TestResult(name, status, round(data["seconds"], 2), words)
            if found := _CLASS.match(data["test"]):
                if status != "passed":
                    self.classes[found[1].split("[")[0]] = result
                continue
            self.results[name] = result
            on_test(result)

    def _wait(self, tests: "subprocess.Popen[bytes]", timeout: float) -> None:
        waited = 0.0
        while tests.poll() is None:
            if self.stop.wait(0.5):
                return
            waited += 0.5
            if waited > timeout:
                raise StageFailed(f"Tempest did not end within {timeout:.0f} s", f"see {self.folder}/tempest.log")

    def judged(self, wanted: Sequence[str]) -> list[TestResult]:
        """Result of each test; where a class could not be set up, all of its tests are as it is."""
        found = []
        for name in wanted:
            whole = self.classes.get(name.rsplit(".", 1)[0])
            result = self.results.get(name)
            if result is None and whole is not None:
                result = TestResult(name, whole.status, 0.0, whole.words)
            found.append(result or TestResult(name, "missing", 0.0, "Tempest did not run it"))
        listed = {name.rsplit(".", 1)[0] for name in wanted}
        torn = [(name, whole) for name, whole in self.classes.items() if whole.status == "failed" and name in listed]
        by_class = {result.name.rsplit(".", 1)[0] for result in found if result.status == "failed"}
        return found + [
            TestResult(f"{name} (its cleanup)", "failed", 0.0, whole.words)
            for name, whole in torn
            if name not in by_class
        ]

    def _env(self) -> dict[str, str]:
        kept = {name: value for name, value in os.environ.items() if not name.startswith(("OS_", "TEMPEST_"))}
        return kept | {"PATH": f"{self.python.parent}:{kept.get('PATH', '')}", "PYTHONWARNINGS": "ignore"}


def _end(process: "subprocess.Popen[Any]") -> None:
    """End a program and what it started: ask, wait, then kill."""
    for kind, patience in ((signal.SIGINT, 20), (signal.SIGKILL, 10)):
        if process.poll() is not None:
            break
        os.killpg(process.pid, kind)
        try:
            process.wait(patience)
        except subprocess.TimeoutExpired:
            continue
    with_group = process.pid
    try:
        os.killpg(with_group, signal.SIGKILL)  # workers whose parent has gone
    except ProcessLookupError:
        return

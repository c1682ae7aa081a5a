"""`make chaos`: kill runs of a lab's rack by a list of seeds and compare what is observed afterwards.

sudo .venv/bin/python -m tests.chaos -r inventory/lab --seeds 1-20
sudo .venv/bin/python -m tests.chaos -r inventory/fabric --seeds 1-5 --act 'up --to switches'
"""

import argparse
import json
import shlex
import subprocess
import sys
import time
from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any

from .kills import Kind, one, reference
from .observe import State

REPOSITORY = Path(__file__).resolve().parents[2]
OBSERVE = "observe"
"""Argument with which we call ourselves: a process enters a lab's namespace only once."""


class Lab:
    """A lab's rack, by the product's own commands."""

    def __init__(self, rack: Path, log: Path) -> None:
        from scs_rack.design import make_design
        from scs_rack.model.load import load_rack

        design = make_design(load_rack(rack))
        if design.rack.lab is None:
            raise SystemExit(
                f"error: {rack} is no lab: its servers are real, and would be killed\n  hint: -r inventory/lab"
            )
        self.nodes = tuple(design.in_service)
        self._rack, self._log = rack, log

    def fresh(self) -> None:
        """A new lab."""
        for verb in ("down", "up"):
            code = self.begin(["lab", verb]).wait()
            if code:
                raise RuntimeError(f"`scs-rack lab {verb}` ended with {code}; see {self._log}")

    def begin(self, words: Sequence[str]) -> "subprocess.Popen[Any]":
        """Start a command."""
        command = [sys.executable, "-m", "scs_rack", *words, "-r", str(self._rack)]
        with self._log.open("ab") as log:
            log.write(f"\n$ {shlex.join(command)}\n".encode())
            log.flush()
            return subprocess.Popen(
                command, cwd=REPOSITORY, stdin=subprocess.DEVNULL, stdout=log, stderr=log, start_new_session=True
            )

    def cut(self, node: str) -> None:
        """Cut its power by its BMC, at once."""
        self.begin(["power", "off", node, "--now", "--yes"]).wait()

    def observe(self) -> State:
        """In a process of its own."""
        command = [sys.executable, "-m", "tests.chaos", OBSERVE, "-r", str(self._rack)]
        done = subprocess.run(command, cwd=REPOSITORY, capture_output=True, text=True, check=False, timeout=600)
        if done.returncode:
            raise RuntimeError(f"the state can't be observed: {done.stderr.strip()[-500:]}")
        found: State = json.loads(done.stdout)
        return found


def seeds(text: str) -> list[int]:
    """`1-3,7` as numbers."""
    found: list[int] = []
    for part in text.split(","):
        first, _, last = part.partition("-")
        found += range(int(first), int(last or first) + 1)
    return found


def main() -> int:
    """Kill, compare, and tell; 1 when a seed was not good."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("what", nargs="?", default="kill", choices=("kill", OBSERVE))
    parser.add_argument("-r", "--rack", type=Path, default=REPOSITORY / "inventory/lab")
    parser.add_argument("--seeds", type=seeds, default=seeds("1-20"))
    parser.add_argument("--kinds", default="orchestrator,node")
    parser.add_argument("--act", default="up", help="command that is killed, without -r")
    parser.add_argument("--out", type=Path, default=Path("/var/tmp/scs-rack-chaos"), help="folder of logs and results")
    args = parser.parse_args()
    if args.what == OBSERVE:
        return _observe(args.rack)
    args.out.mkdir(parents=True, exist_ok=True)
    lab, act = Lab(args.rack.resolve(), args.out / "log"), shlex.split(args.act)
    whole = reference(lab, act, print)
    (args.out / "reference.json").write_text(json.dumps(whole[1], indent=1, sort_keys=True))
    bad = 0
    for seed in args.seeds:
        for kind in args.kinds.split(","):
            bad += not _one(lab, args.out, act, whole, (seed, kind))
    print(f"{bad} not good" if bad else "all good", flush=True)
    return 1 if bad else 0


def _one(lab: Lab, out: Path, act: Sequence[str], whole: tuple[float, State], what: tuple[int, Kind]) -> bool:
    begun = time.monotonic()
    done = one(lab, *what, act, whole)
    (out / f"{done.kind}-{done.seed}.json").write_text(json.dumps(asdict(done), indent=1))
    verdict = "good" if done.good else "NOT GOOD"
    print(
        f"{done.kind} {done.seed}: {verdict}: {done.what}; up: {done.codes}; {time.monotonic() - begun:.0f} s",
        flush=True,
    )
    for line in done.differences[:20]:
        print(f"  {line}", flush=True)
    return done.good


def _observe(rack: Path) -> int:
    from scs_rack import vault
    from scs_rack.design import make_design
    from scs_rack.engine.stage import Context
    from scs_rack.lab.namespace import enter
    from scs_rack.model.load import load_rack
    from scs_rack.paths import state_dir

    from .observe import observe

    folder = rack.resolve()
    design = make_design(load_rack(folder))
    secrets = vault.load(folder)
    enter(design)
    state = state_dir(design.rack.name)
    print(json.dumps(observe(Context(design, folder, state, state, secrets))))
    return 0


if __name__ == "__main__":
    sys.exit(main())

"""Role `bmc` by plain ansible-playbook, against virtual BMCs on loopback addresses: check mode, change, idempotence."""

import asyncio
import contextlib
import json
import os
import subprocess
import sys
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from scs_rack import pki, vault
from scs_rack.design import make_design
from scs_rack.lab.bmc.machine import Machine
from scs_rack.lab.bmc.power import FakePower
from scs_rack.lab.bmc.serve import serve
from scs_rack.model.load import load_rack

from .emulators import config

TOP = Path(__file__).parents[2]

pytestmark = [
    pytest.mark.root,
    pytest.mark.skipif(os.geteuid() != 0, reason="needs root: BMCs listen on ports 443 and 623"),
]


class Rack:
    """The lab's rack file, moved to loopback addresses, with a virtual BMC for each server."""

    def __init__(self, folder: Path, state: Path) -> None:
        self.folder = folder
        self.state = state
        self.power: dict[str, FakePower] = {}

    def play(self, *words: str) -> tuple[int, dict[str, int], str]:
        """Run the playbook; returns exit code, statistics of localhost, and the output."""
        done = subprocess.run(
            [Path(sys.executable).parent / "ansible-playbook", "-i", self.folder / "rack.yml", "playbooks/bmc.yml",
             "-e", "bmc_wait=false", *words],
            cwd=TOP, capture_output=True, text=True, timeout=240, check=False,
            env={**os.environ, "ANSIBLE_CONFIG": str(TOP / "ansible.cfg")}
            | {"SCS_RACK_STATE": str(self.state.parent)},
        )  # fmt: skip
        output = done.stdout + done.stderr
        recap = next((line for line in output.splitlines() if line.startswith("localhost ")), "")
        counts = dict(word.split("=") for word in recap.split() if "=" in word)
        return done.returncode, {name: int(count) for name, count in counts.items()}, output

    @property
    def on(self) -> list[str]:
        return [name for name, power in self.power.items() if power.on]


@pytest.fixture
def rack(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Rack]:
    monkeypatch.setenv("SCS_RACK_STATE", str(tmp_path / "state"))
    folder = tmp_path / "rack"
    folder.mkdir()
    text = (TOP / "inventory/lab/rack.yml").read_text().replace("10.90.0.", "127.90.0.")
    (folder / "rack.yml").write_text(text.replace("name: lab\n", "name: bmcrole\n", 1))
    design = make_design(load_rack(folder))
    state = tmp_path / "state/bmcrole"
    state.mkdir(parents=True)
    secrets = vault.ensure(folder, design)
    pki.ensure(state, design)
    loop = asyncio.new_event_loop()
    thread = threading.Thread(target=loop.run_forever, daemon=True)
    thread.start()

    def run(work: Any) -> Any:
        return asyncio.run_coroutine_threadsafe(work, loop).result(30)

    stack = contextlib.AsyncExitStack()
    made = Rack(folder, state)
    for node in design.nodes.values():
        pki.issue(state, f"bmc-{node.name}", [], [node.bmc.address])
        made.power[node.name] = FakePower()
        stated = config(
            node.bmc.protocol, server=node.name, address=str(node.bmc.address), mac=node.bmc.mac, nics=node.macs,
            password=secrets[f"bmc_{node.name}"], user=node.bmc.user, port=None,
            cert=state / f"ca/bmc-{node.name}.crt", key=state / f"ca/bmc-{node.name}.key",
        )  # fmt: skip
        run(stack.enter_async_context(serve(Machine(stated, made.power[node.name]))))
    yield made
    run(stack.aclose())
    loop.call_soon_threadsafe(loop.stop)
    thread.join(10)
    loop.close()


def test_check_mode_change_and_idempotence(rack: Rack) -> None:
    code, counts, output = rack.play("--check")
    assert code == 0, output
    assert counts["changed"] == 1
    assert rack.on == []
    code, counts, output = rack.play("-v")
    assert code == 0, output
    assert counts["changed"] == 1
    assert rack.on == ["node1", "node2", "node3"]  # node4 is a spare
    for secret in vault.load(rack.folder).values():
        assert secret not in output
    code, counts, output = rack.play()
    assert code == 0, output
    assert counts["changed"] == 0
    rack.power["node2"].on = False
    code, counts, output = rack.play("-e", json.dumps({"bmc_servers": ["node1"]}))
    assert (code, counts["changed"]) == (0, 0), output
    assert rack.on == ["node1", "node3"]


def test_a_wrong_password_fails_the_role(rack: Rack) -> None:
    design = make_design(load_rack(rack.folder))
    vault.store(rack.folder, design, "bmc_node3", "not-the-one")
    code, counts, output = rack.play()
    assert code == 2
    assert counts["failed"] == 1
    assert "the password of user admin is wrong" in " ".join(output.split())

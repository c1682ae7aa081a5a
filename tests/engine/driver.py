"""Runs one bring-up in a process of its own, so that tests can send it real signals.

Usage: driver.py FOLDER (play|deaf|quick)
"""

import sys
import time
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parent))

from engine_fakes import Fake, Notes, order

from scs_rack.ansible.run import run_playbook
from scs_rack.cli.order import exit_code
from scs_rack.engine import bring_up as runs_of
from scs_rack.engine import execute
from scs_rack.engine.bring_up import bring_up
from scs_rack.engine.signals import stoppable
from scs_rack.results import Result

PLAYBOOK = """
- name: Take long
  hosts: servers
  gather_facts: false
  tasks:
    - name: Say that it began
      ansible.builtin.file:
        path: "{folder}/began-{{{{ node.name }}}}"
        state: touch
        mode: "0600"
    - name: Sleep
      ansible.builtin.command: sleep 300
      changed_when: false
"""


def main(folder: Path, scenario: str) -> int:
    execute.GRACE = 0.5
    runs_of.fingerprint = lambda *_: "the same"  # others may edit the checkout meanwhile

    def play(ctx):
        path = folder / "long.yml"
        path.write_text(PLAYBOOK.format(folder=folder))
        return run_playbook(ctx, str(path))

    def deaf(_ctx):
        (folder / "began-deaf").touch()
        time.sleep(300)
        return []

    work = {"play": play, "deaf": deaf, "quick": lambda _ctx: []}[scenario]
    stages = [
        Fake("first", work=lambda _ctx: [Result("node1", "prepare", changed=True)]),
        Fake("long", ("first",), work=work),
        Fake("last", ("long",)),
    ]
    made = order(folder, stages)
    (made.rack_dir / "group_vars").mkdir(exist_ok=True)
    (made.rack_dir / "group_vars/servers.yml").write_text(
        f"ansible_connection: local\nansible_python_interpreter: {sys.executable}\n"
    )
    notes = Notes()
    with stoppable(made.stop):
        run = bring_up(made, lambda _folder: notes)
    for event in notes.events:
        print(*event)
    return exit_code(run)


if __name__ == "__main__":
    raise SystemExit(main(Path(sys.argv[1]), sys.argv[2]))

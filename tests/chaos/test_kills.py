"""The tool that kills and compares, on a rack of small programs: it finds a fault when there is one."""

import json
import subprocess
import sys
from pathlib import Path

import pytest

from . import node_probe
from .__main__ import seeds
from .kills import one, reference
from .observe import cloud, differences

UP = """
import json, os, sys, time
from pathlib import Path
path = Path(sys.argv[1]); broken = sys.argv[2] == "broken"
def write(state):  # whole or not at all, whoever kills us
    new = path.with_suffix(f".{os.getpid()}"); new.write_text(json.dumps(state)); new.rename(path)
for step in range(6):
    state = json.loads(path.read_text())
    if f"step{step}" not in state:
        if broken:  # what was begun is taken for done
            write(state | {f"step{step}": "begun"})
        time.sleep(0.03)
        write(state | {f"step{step}": "done"})
    if path.with_name("dark").exists():
        sys.exit(3)
"""


class Small:
    """A rack whose state is a file."""

    nodes = ("node1",)

    def __init__(self, folder, how="sound"):
        self.path, self.how = folder / "state.json", how
        self.runs = 0

    def fresh(self):
        self.path.write_text("{}")
        self.path.with_name("dark").unlink(missing_ok=True)

    def begin(self, words):
        assert words == ["up"]
        self.runs += 1
        if self.how == "heals":
            self.path.with_name("dark").unlink(missing_ok=True)
        return subprocess.Popen([sys.executable, "-c", UP, str(self.path), self.how], start_new_session=True)

    def cut(self, _node):
        self.path.with_name("dark").touch()

    def observe(self):
        return json.loads(self.path.read_text())


def test_a_run_that_goes_on_where_it_stopped_is_good(tmp_path):
    world = Small(tmp_path)
    whole = reference(world, ["up"], lambda _words: None)
    found = [one(world, seed, "orchestrator", ["up"], whole) for seed in range(3)]
    assert all(done.good for done in found), found
    assert {len(done.codes) for done in found} == {1}


def test_a_run_that_takes_begun_for_done_is_found_out(tmp_path):
    world = Small(tmp_path, "broken")
    whole = reference(world, ["up"], lambda _words: None)
    found = [one(world, seed, "orchestrator", ["up"], whole) for seed in range(6)]
    bad = [done for done in found if not done.good]
    assert bad
    assert "done expected, begun seen" in bad[0].differences[0]


def test_a_node_that_stays_dark_is_not_good_and_one_that_is_healed_is(tmp_path):
    for how, good in (("sound", False), ("heals", True)):
        world = Small(tmp_path, how)
        whole = reference(world, ["up"], lambda _words: None)
        world.runs = 0
        done = one(world, 1, "node", ["up"], whole)
        assert done.good is good, done
        assert world.runs == (2 if good else 3)


def test_the_same_seed_kills_at_the_same_place(tmp_path):
    world = Small(tmp_path)
    whole = reference(world, ["up"], lambda _words: None)
    assert one(world, 5, "orchestrator", ["up"], whole).what == one(world, 5, "orchestrator", ["up"], whole).what


def test_nothing_is_compared_with_a_state_that_is_not_stable(tmp_path):
    world = Small(tmp_path)
    numbers = iter(range(9))
    world.observe = lambda: {"time": next(numbers)}
    with pytest.raises(RuntimeError, match="not stable"):
        reference(world, ["up"], lambda _words: None)


def test_differences_name_the_place():
    one_state = {"node1": {"files": {"/etc/a": "x"}, "units": ["b", "c"]}, "n": 1}
    other = {"node1": {"files": {"/etc/d": "y"}, "units": ["c", "e"]}, "n": 2}
    assert list(differences(one_state, other)) == [
        "/n: 1 expected, 2 seen",
        "/node1/files//etc/a: missing",
        "/node1/files//etc/d: one more: y",
        "/node1/units: missing: b",
        "/node1/units: one more: e",
    ]
    assert list(differences(one_state, one_state)) == []


def test_seeds():
    assert seeds("1-3,7") == [1, 2, 3, 7]


def test_the_probe_tells_of_any_machine_and_says_the_same_twice():
    text = Path(node_probe.__file__).read_text(encoding="utf-8").replace(', "/usr/local"', "")
    said = [
        json.loads(subprocess.run([sys.executable, "-c", text], capture_output=True, text=True, check=True).stdout)
        for _ in range(2)
    ]
    assert said[0]["files"]["/etc/passwd"].startswith("0:0 644 ")
    assert said[0]["files"] == said[1]["files"]
    assert not [path for path in said[0]["files"] if "machine-id" in path or "ssh_host" in path]


def test_an_api_that_is_silent_differs_from_one_that_is_empty():
    class Api:
        def __getattr__(self, _name):
            return lambda **_: iter(())

    class Dead(Api):
        def flavors(self, **_):
            raise OSError("no route")

    sound = type("Sdk", (), dict.fromkeys(("identity", "compute", "network", "block_storage", "image"), Api()))
    half = type("Sdk", (sound,), {"compute": Dead()})
    assert list(differences(cloud(sound), cloud(half))) == ["/flavors: {} expected, silent: OSError seen"]
    dark = type("Sdk", (sound,), {"identity": property(lambda _self: Dead().flavors())})()
    assert cloud(dark) == {"identity": "silent: OSError"}

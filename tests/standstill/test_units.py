"""What is sent to nodes, with systemctl as it answers there; and what Ceph says of itself."""

import json
import os
import subprocess

import pytest

from scs_rack.days.tools import Tools
from scs_rack.remote import Answer
from scs_rack.standstill import ceph, units

LISTED = [
    {"unit": "nova-api.service", "active": "active"},
    {"unit": "nova-compute.service", "active": "activating"},
    {"unit": "nova-conductor.service", "active": "inactive"},
    {"unit": "keystone.service", "active": "active"},
    {"unit": "octavia-purge.timer", "active": "active"},
    {"unit": "haproxy.service", "active": "active"},
    {"unit": "mariadb.service", "active": "active"},
    {"unit": "ceph-osd@0.service", "active": "active"},
]
SYSTEMCTL = """#!/bin/bash
case $1 in
  list-units) cat LIST ;;
  stop) shift; echo "$@" >>STOPPED; python3 - "$@" <<'X'
import json, sys
rows = json.load(open("LIST"))
json.dump([row | {"active": "inactive"} if row["unit"] in sys.argv[1:] else row for row in rows], open("LIST", "w"))
X
  ;;
esac
"""


class Here:
    """Commands run on this machine."""

    def run(self, host, argv, timeout=30.0):
        done = subprocess.run(argv, capture_output=True, text=True, check=False, timeout=timeout)
        return Answer(host, done.returncode, done.stdout, done.stderr, 0.0)


@pytest.fixture
def here(tmp_path, monkeypatch):
    (tmp_path / "list").write_text(json.dumps(LISTED))
    text = SYSTEMCTL.replace("LIST", str(tmp_path / "list")).replace("STOPPED", str(tmp_path / "stopped"))
    (tmp_path / "systemctl").write_text(text)
    (tmp_path / "systemctl").chmod(0o700)
    monkeypatch.setenv("PATH", f"{tmp_path}{os.pathsep}{os.environ['PATH']}")
    return Tools(None, Here(), None), tmp_path


def test_looking_stops_nothing(here):
    tools, folder = here
    found = units.listed(units.alive(tools, ["node1"], units.CLOUD)["node1"])
    assert found == ["nova-api.service", "nova-compute.service", "keystone.service", "octavia-purge.timer"]
    assert not (folder / "stopped").exists()


def test_what_is_of_the_cloud_is_stopped_and_nothing_else(here):
    tools, folder = here
    answer = units.stop(tools, ["node1"], units.CLOUD)["node1"]
    assert answer.ok, answer
    assert units.listed(answer, "left") == []
    stopped = (folder / "stopped").read_text().split()
    assert stopped == ["nova-api.service", "nova-compute.service", "keystone.service", "octavia-purge.timer"]
    assert units.listed(units.stop(tools, ["node1"], units.CLOUD)["node1"]) == []
    assert len((folder / "stopped").read_text().splitlines()) == 1, "nothing left to stop: nothing is ordered"


def status(**more):
    said = {
        "quorum_names": ["a", "b", "c"],
        "osdmap": {"num_up_osds": 3, "num_in_osds": 3},
        "pgmap": {"pgs_by_state": [{"state_name": "active+clean+scrubbing", "count": 9}]},
        "health": {"status": "HEALTH_WARN", "checks": {"OSDMAP_FLAGS": {"summary": {"message": "noout flag(s) set"}}}},
    }
    return said | more


@pytest.mark.parametrize(
    ("more", "words"),
    [
        ({}, []),
        ({"quorum_names": ["a", "c"]}, ["monitors out of the quorum: b"]),
        ({"osdmap": {"num_up_osds": 2, "num_in_osds": 3}}, ["1 OSDs are down"]),
        (
            {"pgmap": {"pgs_by_state": [{"state_name": "active+undersized", "count": 4}]}},
            ["4 placement groups are active+undersized"],
        ),
        (
            {"health": {"status": "HEALTH_ERR", "checks": {"X": {"summary": {"message": "full"}}}}},
            ["HEALTH_ERR: full"],
        ),
    ],
)
def test_a_cluster_is_put_to_rest_only_when_it_is_whole(more, words):
    assert ceph.trouble(status(**more), ["a", "b", "c"]) == words


def test_flags_are_told_by_the_names_that_they_are_set_by():
    assert ceph.shown(["pauserd", "pausewr", "noout", "sortbitwise"]) == ["noout", "pause"]
    assert ceph.shown(["pauserd"]) == []

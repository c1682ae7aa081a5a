"""What people change by hand in Ceph and in the cloud."""

import os
from dataclasses import dataclass, replace
from pathlib import Path
from types import SimpleNamespace

import pytest

from scs_rack.design import make_design
from scs_rack.drift import storage
from scs_rack.drift.offers import beyond, shut
from scs_rack.engine.stage import Context
from scs_rack.model.load import load_rack

REPOSITORY = Path(__file__).resolve().parents[2]
POOLS = ["images", "volumes"]


def cluster(**more):
    """As the program that is sent to a monitor's host prints it; sizes in KiB."""
    said = {
        "flags": ["sortbitwise", "recovery_deletes", "purged_snapdirs"],
        "pools": [".mgr", "images", "volumes"],
        "osds": [{"id": number, "in": 1, "up": 1, "weight": 1.0} for number in range(3)],
        "crush": {str(number): 3.638 for number in range(3)},
        "sizes": {str(number): 3_906_250_000 for number in range(3)},
    }
    return said | more


def seen(said, kept=()):
    return [(one.what, one.seen) for one in storage.judge(said, POOLS, 3, list(kept))]


def test_an_untouched_cluster_differs_in_nothing():
    assert seen(cluster()) == []


def test_flags_are_told_unless_a_command_of_ours_set_them():
    flags = cluster(flags=["noout", "pauserd", "pausewr", "sortbitwise"])
    assert seen(flags) == [("flag noout", "set"), ("flag pause", "set")]
    assert seen(flags, kept=["noout", "pause"]) == []


def test_osds_and_pools():
    osds = cluster()["osds"]
    assert seen(cluster(osds=[osds[0] | {"in": 0, "weight": 0.0}, *osds[1:]])) == [("osd.0", "out")]
    assert seen(cluster(osds=[osds[0] | {"weight": 0.8}, *osds[1:]])) == [("osd.0", "0.8")]
    assert seen(cluster(osds=osds[:2])) == [("OSDs", "2")]
    assert seen(cluster(crush={"0": 3.638, "1": 1.5, "2": 3.638})) == [("osd.1", "1.5")]
    assert seen(cluster(pools=[".mgr", "images", "volumes", "scratch"])) == [("pool scratch", "one more")]


CEPH = """#!/bin/sh
case "$*" in
  *"osd dump"*) cat <<'X'
{"flags_set": ["noout"], "pools": [{"pool_name": "images"}],
 "osds": [{"osd": 0, "in": 1, "up": 1, "weight": 1.0, "primary_affinity": 1}]}
X
  ;;
  *"osd df"*) echo '{"nodes": [{"id": 0, "crush_weight": 3.6, "kb": 3906250000}], "stray": []}' ;;
esac
"""
SSH = """#!/bin/bash
for last; do :; done
case "$*" in *root@10.90.0.101*) echo "no route" >&2; exit 255 ;; esac
eval "$last"
"""


@pytest.fixture
def ctx(tmp_path, monkeypatch):
    for name, text in (("ssh", SSH), ("ceph", CEPH)):
        (tmp_path / name).write_text(text)
        (tmp_path / name).chmod(0o700)
    monkeypatch.setenv("PATH", f"{tmp_path}{os.pathsep}{os.environ['PATH']}")
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path))
    design = make_design(load_rack(REPOSITORY / "inventory/lab"))
    return Context(design, REPOSITORY / "inventory/lab", tmp_path / "state/lab", tmp_path / "run", {})


def test_the_next_monitor_is_asked_when_the_first_is_silent(ctx):
    layer = storage.look(ctx)
    assert layer.blind == []
    assert "flag noout" in [one.what for one in layer.drifts]


def test_a_silent_cluster_is_not_one_without_differences(ctx, tmp_path):
    (tmp_path / "ceph").write_text("#!/bin/sh\necho 'timed out' >&2\nexit 1\n")
    layer = storage.look(ctx)
    assert (layer.drifts, layer.state) == ([], "unknown")


def test_a_limit_to_some_devices_leaves_the_cluster_out(ctx):
    assert storage.look(replace(ctx, limit=frozenset({"node2"}))).state == "same"


@dataclass
class Rows:
    """An API of the SDK that answers any list with its rows."""

    rows: dict

    def __getattr__(self, name):
        return lambda **_: self.rows.get(name, [])


def named(*names, **more):
    return [SimpleNamespace(name=name, **more) for name in names]


TARGET = SimpleNamespace(
    flavors=named("SCS-1V-4"), images=named("Debian 13"), volume_types=named("rbd"), networks=named("public")
)


def cloud(**more):
    return SimpleNamespace(
        compute=Rows(
            {
                "flavors": [*named("SCS-1V-4", is_public=True), *named("internal", is_public=False)],
                "services": [SimpleNamespace(binary="nova-compute", host="node1", status="enabled")],
            }
            | more.get("compute", {})
        ),
        image=Rows({"images": named("Debian 13")} | more.get("image", {})),
        block_storage=Rows({"types": named("rbd", "__DEFAULT__")} | more.get("block_storage", {})),
        network=Rows({"networks": named("public")} | more.get("network", {})),
    )


def test_an_untouched_cloud_differs_in_nothing():
    assert list(beyond(cloud(), TARGET)) == []
    assert list(shut(cloud(), [])) == []


def test_what_nobody_stated_is_named():
    more = cloud(
        compute={"flavors": named("m1.huge", is_public=True)}, network={"networks": named("public", "backdoor")}
    )
    assert [one.what for one in beyond(more, TARGET)] == ["flavor m1.huge", "external network backdoor"]


def test_a_service_shut_by_hand_is_named_but_not_one_that_was_drained():
    shut_by_hand = cloud(
        compute={"services": [SimpleNamespace(binary="nova-compute", host="node1.lab", status="disabled")]}
    )
    assert [one.what for one in shut(shut_by_hand, [])] == ["nova-compute on node1.lab"]
    assert list(shut(shut_by_hand, ["node1"])) == []

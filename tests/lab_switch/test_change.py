"""Changes of switches that go wrong, on real machines: each comes back to what it was."""

import json
import os
import signal
import subprocess
import sys
import time
from dataclasses import replace
from pathlib import Path

import pytest

from scs_rack import ssh
from scs_rack.results import Finding
from scs_rack.sonic import apply as change
from scs_rack.sonic import plan as planning
from scs_rack.sonic.apply import RolledBack
from scs_rack.sonic.change import survey
from scs_rack.sonic.connection import HostKeyRefused, LoginRefused
from scs_rack.sonic.transport import Switch, SwitchBusy
from scs_rack.sonic.verify import sessions
from scs_rack.sonic.watch import checker
from scs_rack.stages.switches import SwitchesStage

from .machines import missing
from .reboots import Reboots
from .test_fabric import RACK, answers, configured, fabric, until  # noqa: F401 (fixtures)

pytestmark = [pytest.mark.root, pytest.mark.skipif(missing() is not None, reason=str(missing()))]

PROGRAM = Path(sys.executable).with_name("scs-rack")
BAD = Finding("bgp-session-lost", "error", "leaf1 Ethernet0", "the session that was there", "down")


@pytest.fixture(scope="module")
def rack(configured, tmp_path_factory):  # noqa: F811
    """The rack file without its stanza `lab`, so that commands don't look for a whole lab."""
    _, ctx = configured
    folder = tmp_path_factory.mktemp("rack")
    lines = (RACK / "rack.yml").read_text().splitlines(keepends=True)
    first = lines.index("lab:\n")
    last = next(number for number in range(first + 1, len(lines)) if not lines[number].startswith(" "))
    (folder / "rack.yml").write_text("".join(lines[:first] + lines[last:]))
    assert until(40, lambda: all(established(ctx, name) for name in ("leaf1", "leaf2")))
    return folder


def established(ctx, name):
    return {"Ethernet0", "Ethernet1"} <= {port for port, one in sessions(Switch(ctx, name)).items() if one.established}


def start(ctx, rack, *words):
    """Start `scs-rack switch`, all that it says in one stream."""
    return subprocess.Popen(
        [PROGRAM, "switch", *words, "-r", rack],
        stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True,
        env=os.environ | {"SCS_RACK_STATE": str(ctx.state_dir.parent)},
    )  # fmt: skip


def call(ctx, rack, *words):
    """Run `scs-rack switch`; returns its exit code and what it says."""
    with start(ctx, rack, *words) as process:
        said = process.communicate(timeout=200)[0]
    return process.returncode, said


def fault(machines, name, **faults):
    text = json.dumps({kind.replace("_", "-"): how for kind, how in faults.items()})
    machines.run(name, "sh", "-c", f"mkdir -p /etc/labswitch; printf %s '{text}' >/etc/labswitch/faults.json")


def drift(machines, name, mtu="1500"):
    """Let a switch differ from the rack file."""
    machines.run(name, "sonic-db-cli", "CONFIG_DB", "hset", "PORT|Ethernet3", "mtu", mtu)


def small(ctx, name="leaf1"):
    """A switch and a small change of it."""
    switch = Switch(ctx, name)
    plan = planning.plan(switch)
    assert plan.empty
    goal = json.loads(json.dumps(plan.running))
    goal["PORT"]["Ethernet3"]["mtu"] = "1500"
    goal["VLAN"]["Vlan77"] = {"vlanid": "77"}
    return switch, plan.towards(goal)


def wrong_asn(ctx, name="leaf1"):
    """A switch and a plan that gives it another AS number: it stays with all that it says of itself."""
    switch = Switch(ctx, name)
    goal = json.loads(json.dumps(planning.read(switch)))
    goal["BGP_GLOBALS"]["default"]["local_asn"] = "65000"
    return switch, planning.plan(switch).towards(goal)


def nothing_left(switch):
    return (
        change.unconfirmed(switch) == []
        and switch.ask("sudo config list-checkpoints").strip() in ("[]", "")
        and "scs-rack" not in switch.ask("systemctl list-timers --no-legend")
    )


def die(_switch):
    raise KeyboardInterrupt


@pytest.mark.parametrize(
    ("faults", "says"),
    [
        ({"ssh_cut": {"seconds": 8}}, "lost while it was changed"),
        ({"patch_half": {}}, "it refused the configuration"),
        ({"patch_half": {}, "rollback": {}}, "its rollback failed; a reload brought back what ran before"),
    ],
    ids=lambda value: "+".join(value) if isinstance(value, dict) else "",
)
def test_what_fails_in_mid_change_is_undone(rack, configured, faults, says):  # noqa: F811
    machines, ctx = configured
    switch, plan = small(ctx)
    fault(machines, "leaf1", **faults)
    try:
        with pytest.raises(RolledBack) as caught:
            change.apply(switch, plan, checker(switch, plan))
    finally:
        fault(machines, "leaf1")
    assert says in caught.value.message
    assert "what ran before" in caught.value.message
    assert planning.read(switch) == plan.running
    assert nothing_left(switch)
    assert until(60, lambda: established(ctx, "leaf1"))


def test_a_session_that_stays_down_undoes_the_change(rack, configured):  # noqa: F811
    machines, ctx = configured
    switch, plan = wrong_asn(ctx)
    plan = replace(plan, patience=12.0)
    check = checker(switch, plan)

    def spoiled(changed):
        fault(machines, "leaf1", bgp_down=["Ethernet0"])
        machines.run("leaf1", "vtysh", "-c", "clear bgp Ethernet0")
        return check(changed)

    try:
        with pytest.raises(RolledBack) as caught:
            change.apply(switch, plan, spoiled)
        assert "leaf1 Ethernet0: expected the session that was there, seen down" in caught.value.message
        assert "went back to what ran before" in caught.value.message
    finally:
        fault(machines, "leaf1")
    assert planning.read(switch) == plan.running
    assert until(60, lambda: established(ctx, "leaf1"))


def test_when_we_die_the_switch_goes_back_by_itself_and_the_next_run_says_so(rack, configured):  # noqa: F811
    _, ctx = configured
    switch, plan = wrong_asn(ctx)
    with pytest.raises(KeyboardInterrupt):
        change.apply(switch, plan, die, deadman=4)
    assert planning.read(switch) == plan.goal
    assert until(30, lambda: planning.read(switch) == plan.running)
    assert until(10, lambda: all(left.outcome for left in change.unconfirmed(switch)))
    assert "that was never confirmed: went back to what ran before, by itself" in survey(switch).settled[0]
    assert nothing_left(switch)
    assert until(60, lambda: established(ctx, "leaf1"))


def test_what_a_dead_process_left_is_undone_by_the_stage_which_says_so(rack, configured):  # noqa: F811
    _, ctx = configured
    switch, plan = wrong_asn(ctx)
    with pytest.raises(KeyboardInterrupt):
        change.apply(switch, plan, die, deadman=300)
    assert "change-unconfirmed" in {finding.type for finding in SwitchesStage().gate(ctx)}
    assert "never confirmed" in next(iter(SwitchesStage().plan(ctx))).summary
    results = list(SwitchesStage().apply(ctx))
    assert [result.error for result in results if result.error] == []
    assert ["undid a change of " in result.diff for result in results if result.step == "leftover"] == [True]
    assert planning.read(switch) == plan.running
    assert nothing_left(switch)
    assert until(60, lambda: established(ctx, "leaf1"))


def test_a_change_that_cuts_us_off_is_undone(rack, configured):  # noqa: F811
    _, ctx = configured
    switch = Switch(ctx, "leaf2")
    plan = planning.plan(switch)
    plan = plan.towards({**plan.running, "MGMT_INTERFACE": {"eth0|192.0.2.9/24": {"gwaddr": "192.0.2.1"}}})
    with pytest.raises(RolledBack, match=r"went back to what ran before|goes back by itself"):
        change.apply(switch, plan, lambda _: [], allow_reload=True, deadman=25)
    assert until(60, lambda: answers(switch))
    assert until(30, lambda: planning.read(switch) == plan.running)
    assert until(60, lambda: established(ctx, "leaf2"))
    survey(switch)
    assert nothing_left(switch)


@pytest.mark.parametrize("moment", ["judging", "applying", "looking"])
def test_killed_at_any_moment_the_next_run_settles_it(rack, configured, moment):  # noqa: F811
    machines, ctx = configured
    drift(machines, "leaf1")
    with start(ctx, rack, "apply", "--limit", "leaf1", "--yes") as process:
        for line in process.stdout:
            if f"leaf1: {moment}" in line:
                process.send_signal(signal.SIGKILL)
                break
    assert process.returncode == -signal.SIGKILL
    code, said = call(ctx, rack, "apply", "--limit", "leaf1", "--yes")
    assert code == 0, said
    assert ("never confirmed" in said) or moment == "judging", said
    switch = Switch(ctx, "leaf1")
    assert planning.plan(switch).empty
    assert nothing_left(switch)
    saved = json.loads(machines.run("leaf1", "cat", "/etc/sonic/config_db.json"))
    assert saved["PORT"]["Ethernet3"]["mtu"] == "9100"


def test_of_two_managers_one_is_told_who_the_other_is(rack, configured):  # noqa: F811
    machines, ctx = configured
    drift(machines, "leaf1")
    with start(ctx, rack, "apply", "--limit", "leaf1", "--yes") as first:
        for line in first.stdout:
            if "leaf1: judging" in line:
                break
        code, said = call(ctx, rack, "rollback", "--limit", "leaf1", "--to", "saved", "--yes")
        rest = first.communicate(timeout=100)[0]
    assert first.returncode == 0, rest
    assert code == 4, said
    assert f"is being changed by root@{os.uname().nodename} pid {first.pid}" in said
    with Switch(ctx, "leaf1").locked() as held:
        assert held.alive
        with pytest.raises(SwitchBusy), Switch(ctx, "leaf1").locked():
            pass


def test_back_to_a_backup_and_forth(rack, configured):  # noqa: F811
    machines, ctx = configured
    code, said = call(ctx, rack, "backup", "--limit", "leaf1")
    assert code == 0
    file = Path(said.strip())
    assert file.stat().st_mode & 0o777 == 0o600
    drift(machines, "leaf1")
    machines.run("leaf1", "config", "save", "-y")
    code, said = call(ctx, rack, "rollback", "--limit", "leaf1", "--to", file.parent.name, "--dry-run")
    assert code == 0
    assert "~ PORT|Ethernet3 mtu: 1500 → 9100" in said
    assert "leaf1: has nothing against it (dry run)" in said
    code, said = call(ctx, rack, "rollback", "--limit", "leaf1", "--to", file.parent.name, "--yes")
    assert code == 0, said
    assert planning.read(Switch(ctx, "leaf1")) == json.loads(file.read_text())
    code, said = call(ctx, rack, "rollback", "--limit", "leaf1", "--to", "nothing", "--yes")
    assert code == 2
    assert "neither a backup nor a checkpoint nothing" in said


def test_whom_we_don_t_know_we_don_t_talk_to(configured, tmp_path):  # noqa: F811
    _, ctx = configured
    ssh.ensure(tmp_path)
    stranger = replace(ctx, state_dir=tmp_path)
    known = ssh.files(ctx.state_dir).known_hosts.read_text().splitlines()
    own = ssh.files(tmp_path).known_hosts
    own.write_text("")
    with pytest.raises(HostKeyRefused, match="its host key is not known"):
        Switch(stranger, "leaf1").run("true")
    addresses = [line.split()[0] for line in known]
    keys = [line.partition(" ")[2] for line in known]
    own.write_text("".join(f"{address} {key}\n" for address, key in zip(addresses, keys[1:] + keys[:1], strict=True)))
    with pytest.raises(HostKeyRefused, match="its host key is not the one that is pinned"):
        Switch(stranger, "leaf1").run("true")


def test_a_wrong_password_is_tried_once_and_the_right_one_works(configured, tmp_path):  # noqa: F811
    machines, ctx = configured
    machines.run(
        "leaf2", "sh", "-c",
        "echo admin:right-one | chpasswd; sed -i 's/^PasswordAuthentication.*/PasswordAuthentication yes/' "
        "/etc/ssh/sshd_config.d/*.conf; systemctl restart ssh",
    )  # fmt: skip
    ssh.ensure(tmp_path)  # another key, which the switch does not take
    ssh.files(tmp_path).known_hosts.write_text(ssh.files(ctx.state_dir).known_hosts.read_text())
    stranger = replace(ctx, state_dir=tmp_path, rack_dir=tmp_path)
    try:
        with pytest.raises(LoginRefused, match="it does not take our key"):
            Switch(stranger, "leaf2").run("true")
        with pytest.raises(LoginRefused, match="neither our key nor the password that is stored"):
            Switch(replace(stranger, secrets={"login_leaf2": "wrong-one"}), "leaf2").run("true")
        tried = machines.run("leaf2", "journalctl", "-b", "-u", "ssh", "--no-pager")
        assert tried.count("Failed password for admin") == 1
        assert Switch(replace(stranger, secrets={"login_leaf2": "right-one"}), "leaf2").ask("whoami") == "admin\n"
    finally:
        machines.run(
            "leaf2", "sh", "-c",
            "usermod -p '*' admin; sed -i 's/^PasswordAuthentication.*/PasswordAuthentication no/' "
            "/etc/ssh/sshd_config.d/*.conf; systemctl restart ssh",
        )  # fmt: skip


def image(folder, version):
    file = folder / f"{version}.bin"
    file.write_text(f'#!/bin/sh\nimage_version="{version}"\n')
    return file


def test_an_image_that_is_not_good_gives_way_to_the_previous_one(rack, configured, tmp_path):  # noqa: F811
    """Release 202411 takes `admin_status: up` for down: its BGP is dead with the configuration of 202505."""
    machines, ctx = configured
    before = machines.run("leaf2", "sonic-installer", "list").splitlines()[0]
    with Reboots(machines):
        code, said = call(
            ctx, rack, "upgrade", str(image(tmp_path, "202411.9")), "--limit", "leaf2", "--yes", "--boot-timeout", "15"
        )
        assert code == 1, said
        assert "runs again" in said, said
        assert machines.run("leaf2", "sonic-installer", "list").splitlines()[0] == before
        assert until(60, lambda: established(ctx, "leaf2"))
        code, said = call(
            ctx, rack, "upgrade", str(image(tmp_path, "202511.2")), "--limit", "leaf2", "--yes", "--boot-timeout", "60"
        )
        assert code == 0, said
        assert "leaf2: runs SONiC-OS-202511.2, " in said
        listing = machines.run("leaf2", "sonic-installer", "list").splitlines()
        assert listing[:2] == ["Current: SONiC-OS-202511.2", "Next: SONiC-OS-202511.2"]
        assert before.partition(": ")[2] in listing
        assert established(ctx, "leaf2")


def test_one_of_a_pair_is_left_alone_while_the_other_is_out(rack, configured):  # noqa: F811
    machines, ctx = configured
    assert until(60, lambda: established(ctx, "leaf1") and established(ctx, "leaf2"))
    for name in ("leaf1", "leaf2"):
        drift(machines, name)
    fault(machines, "leaf2", bgp_down=["Ethernet0"])
    machines.run("leaf2", "vtysh", "-c", "clear bgp Ethernet0")
    try:
        assert until(20, lambda: not sessions(Switch(ctx, "leaf2"))["Ethernet0"].established)
        code, said = call(ctx, rack, "apply", "--limit", "leaf*", "--yes")
        assert code == 1, said
        assert "leaf1 is not touched: node1 would be cut off" in said
        assert "leaf2: not touched, because something failed before" in said
        code, said = call(ctx, rack, "apply", "--limit", "leaf1", "--yes", "--allow-cut")
        assert code == 0, said
    finally:
        fault(machines, "leaf2")
    assert until(60, lambda: established(ctx, "leaf2"))
    start = time.monotonic()
    code, said = call(ctx, rack, "apply", "--yes")
    assert code == 0, (said, time.monotonic() - start)
    assert "order" not in said  # leaf2 alone is left

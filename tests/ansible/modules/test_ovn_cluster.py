import pytest

A, B, C = MEMBERS = ["192.0.2.1", "192.0.2.2", "192.0.2.3"]
LEADER = """ab12
Name: OVN_Northbound
Cluster ID: f4d3 (f4d34f37-d003-4700-ba16-7051ea612c2e)
Server ID: ab12 (ab120000-5b61-412e-a961-7aa77c603402)
Address: ssl:192.0.2.1:6643
Status: cluster member
Role: leader
Term: 2
Leader: self
Vote: self

Election timer: 3000
Connections: <-cd34 ->cd34
Servers:
    ab12 (ab12 at ssl:192.0.2.1:6643) (self) next_index=3 match_index=6
    cd34 (cd34 at ssl:192.0.2.2:6643) next_index=7 match_index=6 last msg 148 ms ago
    ef56 (ef56 at ssl:192.0.2.3:6643) next_index=7 match_index=6 last msg 143 ms ago
"""
JOINING = "ab12\nName: OVN_Northbound\nStatus: joining cluster\nRole: follower\nTerm: 0\nLeader: unknown\n"


@pytest.fixture
def ovn(plugin, monkeypatch, tmp_path):
    """The module with its files below tmp_path; tools note their arguments, `cluster/status` says what it is told."""
    module = plugin("modules.ovn_cluster")
    for name in ("STATE", "RUN"):
        monkeypatch.setattr(module, name, tmp_path)
    module.said, module.calls = "", []

    def call(*argv, timeout=30):
        module.calls.append(argv)
        if argv[1] == "db-cid":
            if (tmp_path / argv[2].rpartition("/")[2]).read_text() == "joining":
                raise module.Failed("cluster ID not yet known")
            return "f4d34f37\n"
        if argv[0] == "ovsdb-tool":
            (tmp_path / argv[3 if argv[1].startswith("--") else 2].rpartition("/")[2]).touch()
        if "cluster/status" in argv:
            if not module.said:
                raise module.Failed("ovn-appctl: cannot connect")
            return module.said.replace("OVN_Northbound", argv[-1]).replace(
                "6643", {"OVN_Northbound": "6643", "OVN_Southbound": "6644"}[argv[-1]]
            )
        if "cluster/kick" in argv:
            module.said = "\n".join(line for line in module.said.splitlines() if not line.strip().startswith(argv[-1]))
        if "needs-conversion" in argv:
            return "no\n"
        return '{bfd-mult="5", northd_probe_interval="1"}\n' if "get" in argv else ""

    monkeypatch.setattr(module, "call", call)
    return module


def seen(*missing, without=()):
    """What servers told; those in `missing` have no database."""
    return [
        {"address": one, "missing": ["nb", "sb"] if one in missing else []} for one in MEMBERS if one not in without
    ]


def test_reads_what_a_leader_and_one_that_joins_say(ovn):
    leader = ovn.parse_status(LEADER)
    assert (leader.member, leader.role, leader.led) == (True, "leader", True)
    assert leader.servers["ef56"] == "ssl:192.0.2.3:6643"
    joining = ovn.parse_status(JOINING)
    assert (joining.member, joining.led, joining.servers) == (False, False, {})


def test_the_first_makes_the_cluster_and_others_join_it(run, ovn):
    made = run("ovn_cluster", state="present", address=A, members=MEMBERS, seen=seen(A, B, C), election_timer=3000)
    assert made["changes"] == ["make the cluster of OVN_Northbound", "make the cluster of OVN_Southbound"]
    first = next(call for call in ovn.calls if call[0] == "ovsdb-tool" and call[1] != "db-cid")
    assert first[1:3] == ("--election-timer=3000", "create-cluster")
    assert made["missing"] == []


def test_all_others_join_the_first(run, ovn):
    run("ovn_cluster", state="present", address=B, members=MEMBERS, seen=seen(A, B, C))
    joins = [call for call in ovn.calls if call[0] == "ovsdb-tool" and call[1] != "db-cid"]
    assert joins[0][3:] == ("OVN_Northbound", "ssl:192.0.2.2:6643", "ssl:192.0.2.1:6643")
    assert joins[1][3:] == ("OVN_Southbound", "ssl:192.0.2.2:6644", "ssl:192.0.2.1:6644")


def test_a_first_that_lost_its_database_joins_the_others(run, ovn):
    made = run("ovn_cluster", state="present", address=A, members=MEMBERS, seen=seen(A))
    assert made["changes"][0] == "join OVN_Northbound at 192.0.2.2, 192.0.2.3"


@pytest.mark.parametrize("address", [A, C])
def test_makes_no_cluster_while_others_may_have_one(run, ovn, address):
    failed = run("ovn_cluster", state="present", address=address, members=MEMBERS, seen=seen(A, C, without=[B]))
    assert failed["failed"]
    assert "192.0.2.2" in failed["msg"]
    assert not [call for call in ovn.calls if call[0] == "ovsdb-tool" and call[1] != "db-cid"]


def test_one_that_waits_for_a_cluster_that_nobody_made_starts_over(run, ovn, tmp_path):
    for name in ("nb", "sb"):
        (tmp_path / f"ovn{name}_db.db").write_text("joining")
    done = run("ovn_cluster", state="present", address=A, members=MEMBERS, seen=seen(A, B, C))
    assert done["changes"][0] == "make the cluster of OVN_Northbound"
    assert ("systemctl", "stop", "ovn-ovsdb-server-nb") in ovn.calls


def test_one_that_is_about_to_join_is_left_alone(run, ovn, tmp_path):
    for name in ("nb", "sb"):
        (tmp_path / f"ovn{name}_db.db").write_text("joining")
    done = run("ovn_cluster", state="present", address=B, members=MEMBERS, seen=seen(B, C))
    assert done["changes"] == []
    assert done["missing"] == ["nb", "sb"]


def test_one_that_has_both_changes_nothing(run, ovn, tmp_path):
    (tmp_path / "ovnnb_db.db").touch()
    (tmp_path / "ovnsb_db.db").touch()
    ovn.said = LEADER
    assert not run("ovn_cluster", state="present", address=A, members=MEMBERS, seen=seen())["changed"]


def test_the_leader_removes_those_that_start_anew_and_those_that_are_no_controllers(run, ovn, tmp_path):
    (tmp_path / "ovnnb_db.db").touch()
    (tmp_path / "ovnsb_db.db").touch()
    ovn.said = LEADER
    told = [{"address": A, "missing": []}, {"address": B, "missing": ["nb"]}]
    done = run("ovn_cluster", state="present", address=A, members=[A, B], seen=told)
    assert "remove ssl:192.0.2.2:6643 from OVN_Northbound" in done["changes"]
    assert "remove ssl:192.0.2.3:6643 from OVN_Northbound" in done["changes"]


def test_says_in_check_mode_what_it_would_do_and_does_nothing(run, ovn):
    planned = run("ovn_cluster", check=True, state="present", address=A, members=MEMBERS, seen=seen(A, B, C))
    assert planned["changes"] == ["make OVN_Northbound", "make OVN_Southbound"]
    assert run("ovn_cluster", check=True, state="ready", address=A, members=MEMBERS)["changes"] == []
    assert not [call for call in ovn.calls if call[0] != "ovn-appctl"]


def test_sets_options_once_the_cluster_is_complete(run, ovn):
    ovn.said = LEADER
    done = run("ovn_cluster", state="ready", address=A, members=MEMBERS, options={"bfd-mult": 5, "bfd-min-rx": 300})
    assert done["changes"] == ["set options:bfd-min-rx=300"]
    assert not run("ovn_cluster", state="ready", address=B, members=MEMBERS, options={"bfd-mult": 3})["changed"]


def test_says_what_it_saw_when_the_cluster_stays_incomplete(run, ovn):
    ovn.said = JOINING
    failed = run("ovn_cluster", state="ready", address=B, members=MEMBERS, timeout=0)
    assert "waited 0 s for a cluster of 192.0.2.1, 192.0.2.2, 192.0.2.3" in failed["msg"]

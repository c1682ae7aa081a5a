"""Programs of the lab switch as far as they need no switch."""

import contextlib
import inspect
import json
import shutil
import struct
import subprocess
import sys
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from scs_rack.lab.switch import carried
from scs_rack.lab.switch.device import bpf, dhcp, gcu, lldp, patch, release, routing, rules, table, trunk
from scs_rack.lab.switch.device.cmdtree import Argument, Group, Option, Refused, Runner
from scs_rack.lab.switch.device.config_cli import tree as config_tree
from scs_rack.lab.switch.device.names import expand, natural
from scs_rack.lab.switch.device.shims import shown
from scs_rack.lab.switch.device.show_cli import tree as show_tree


def leaves(node, path=()):
    if isinstance(node, Group):
        for name, member in node.members.items():
            yield from leaves(member, (*path, name))
    else:
        yield path, node


@pytest.mark.parametrize("tree", [config_tree(), show_tree()], ids=lambda tree: tree.name)
def test_each_command_has_a_help_and_takes_what_it_states(tree, capsys):
    for path, command in leaves(tree):
        taken = set(inspect.signature(command.handler).parameters)
        assert taken == {one.key for one in command.parameters}, path
        with pytest.raises(SystemExit) as left:
            Runner(tree, click=7).main([*path, "--help"])
        assert left.value.code == 0
        assert f"Usage: {tree.name} {' '.join(path)} [OPTIONS]" in capsys.readouterr().out


@pytest.fixture
def said():
    return []


@pytest.fixture
def tree(said):
    root = Group("tool", "A tool.")
    group = root.group("interface", "Ports")
    group.command(
        "ip",
        Argument("name", "<name>"),
        Option(("-f", "--force")),
        Option(("-t", "--kind"), "", "TEXT", ("a", "b"), "a"),
    )(lambda **given: said.append(given))
    root.command("interim")(lambda: said.append("interim"))

    def refuse():
        raise Refused("no, never")

    root.command("refuse")(refuse)
    return root


@pytest.mark.parametrize(
    ("words", "code", "out", "err"),
    [
        (["interface", "ip", "x", "-ft", "b"], 0, "", ""),
        (["interf", "i", "--kind=b", "x", "--force"], 0, "", ""),
        ([], 0, "Usage: tool [OPTIONS] COMMAND [ARGS]...", ""),
        (["int"], 2, "", "Too many matches: interface, interim"),
        (["nonsense"], 2, "", 'Error: No such command "nonsense".'),
        (["interface", "ip"], 2, "", 'Error: Missing argument "<name>".'),
        (["interface", "ip", "x", "y"], 2, "", "Error: Got unexpected extra argument (y)"),
        (["interface", "ip", "x", "-z"], 2, "", "Error: no such option: -z"),
        (["interface", "ip", "x", "-t", "c"], 2, "", "invalid choice: c. (choose from a, b)"),
        (["interface", "ip", "x", "-t"], 2, "", "-t option requires an argument"),
        (["refuse"], 2, "", 'Usage: tool refuse [OPTIONS]\nTry "tool refuse -h" for help.\n\nError: no, never\n'),
    ],
)
def test_commands_are_found_and_refused_as_click_does(tree, said, words, code, out, err, capsys):  # noqa: PLR0917
    with pytest.raises(SystemExit) as left:
        Runner(tree, click=7).main(words)
    assert left.value.code == code
    heard = capsys.readouterr()
    assert out in heard.out
    assert err in heard.err
    if code == 0 and words:
        assert said == [{"name": "x", "force": True, "kind": "b"}]


def test_newer_releases_quote_as_click_8_does(tree, capsys):
    with pytest.raises(SystemExit):
        Runner(tree, click=8).main(["nonsense"])
    assert "Try 'tool -h' for help." in capsys.readouterr().err
    assert release.click_major(202505) == 7
    assert release.click_major(202511) == 8


JSON = st.recursive(
    st.none() | st.booleans() | st.integers(0, 3) | st.text("a/~|1", max_size=3),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text("a/~|1", max_size=3), inner, max_size=3),
    max_leaves=8,
)


def pointers(document, path=""):
    yield path
    if isinstance(document, dict):
        for key, value in document.items():
            yield from pointers(value, f"{path}/{patch.escape(key)}")
    elif isinstance(document, list):
        for index, value in enumerate(document):
            yield from pointers(value, f"{path}/{index}")


@given(st.dictionaries(st.text("a/~|1", max_size=3), JSON, min_size=1, max_size=3), st.data())
def test_a_patch_does_what_its_operations_say(document, data):
    path = data.draw(st.sampled_from([one for one in pointers(document) if one]))
    before = json.dumps(document)
    value = patch._get(document, path)
    replaced = patch.apply([{"op": "replace", "path": path, "value": "new"}], document)
    assert patch._get(replaced, path) == "new"
    assert patch.apply([{"op": "replace", "path": path, "value": value}], replaced) == document
    removed = patch.apply([{"op": "remove", "path": path}], document)
    assert patch.apply([{"op": "add", "path": path, "value": value}], removed) == document
    assert patch.apply([{"op": "test", "path": path, "value": value}], document) == document
    copied = patch.apply([{"op": "copy", "from": path, "path": "/copy"}], document)
    assert copied["copy"] == value
    assert json.dumps(document) == before


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("{}", "no list of operations"),
        ('[{"op": "add", "value": 1}]', "'path'"),
        ('[{"op": "grow", "path": "/a"}]', "Unknown operation 'grow'"),
        ('[{"op": "add", "path": "/a"}]', "'value'"),
        ('[{"op": "move", "path": "/a"}]', "'from'"),
    ],
)
def test_bad_patches_are_told(text, says):
    with pytest.raises(patch.BadPatch, match=says):
        patch.load(text)


def test_changes_come_in_an_order_that_references_allow():
    before = {"VLAN": {"Vlan1": {}}, "VLAN_MEMBER": {"Vlan1|E": {}}, "BGP_NEIGHBOR": {"a": {"asn": "1"}}}
    after = {"VLAN": {"Vlan2": {}}, "VLAN_MEMBER": {"Vlan2|E": {}}, "BGP_NEIGHBOR": {"a": {"asn": "2"}}}
    steps = [(step.op, step.table) for step in gcu.changes(before, after)]
    assert steps.index(("remove", "VLAN_MEMBER")) < steps.index(("remove", "VLAN"))
    assert steps.index(("add", "VLAN")) < steps.index(("add", "VLAN_MEMBER"))
    assert ("remove", "BGP_NEIGHBOR") in steps
    assert ("add", "BGP_NEIGHBOR") in steps
    assert ("replace", "BGP_NEIGHBOR") not in steps


tables = st.dictionaries(
    st.sampled_from(["PORT", "VLAN", "VLAN_MEMBER", "OTHER"]),
    st.dictionaries(st.text("ab|", min_size=1, max_size=3), st.dictionaries(st.text("xy", min_size=1), st.text("12"))),
    max_size=4,
)


@given(tables, tables)
def test_changes_lead_to_the_target(before, after):
    now = {table: dict(rows) for table, rows in before.items()}
    for step in gcu.changes(before, after):
        for key, row in step.rows.items():
            if row is None:
                del now[step.table][key]
            else:
                now.setdefault(step.table, {})[key] = row
    assert {t: rows for t, rows in now.items() if rows} == {t: rows for t, rows in after.items() if rows}


@pytest.mark.parametrize(
    ("before", "after", "says"),
    [
        ({"LOOPBACK_INTERFACE": {"Loopback0": {}}}, {}, "/LOOPBACK_INTERFACE/Loopback0"),
        ({"PFC_WD": {"GLOBAL": {}}}, {}, "/PFC_WD/GLOBAL"),
        ({"BUFFER_POOL": {"a": {"size": "1"}}}, {"BUFFER_POOL": {"a": {"size": "2"}}}, "BUFFER_POOL table is illegal"),
        (
            {"ACL_TABLE": {"A": {"type": "L3"}}},
            {"ACL_TABLE": {"A": {"type": "L2"}}, "ACL_RULE": {"A|R": {}}},
            "dataacl rule A|R is illegal",
        ),
    ],
)
def test_operations_that_the_config_updater_forbids(before, after, says):
    assert says in rules.forbidden(before, after)
    assert rules.forbidden(before, before) is None


@pytest.mark.parametrize(
    ("seen", "running", "after"),
    [
        (None, 202505, "version_202505_01"),
        ("version_2_0_4", 202505, "version_202505_01"),
        ("version_202411_01", 202505, "version_202505_01"),
        ("version_202511_01", 202505, "version_202511_01"),
    ],
)
def test_db_migrator_never_lowers_the_version(seen, running, after):
    assert release.migrated(seen, running) == after


@pytest.mark.parametrize(
    ("number", "file", "judged"),
    [
        (202311, "golden.json", False), (202411, "x.json", False), (202411, "golden_config.json", True),
        (202505, "x.json", True), (202505, None, False), (release.NEWEST, None, True),
    ],
)  # fmt: skip
def test_reload_judges_by_release(number, file, judged):
    assert release.reload_validates(number, file) == judged


def test_what_frrcfgd_loses_is_not_rendered():
    found = {
        "BGP_GLOBALS": {"default": {"local_asn": "1", "router_id": "1.1.1.1"}},
        "BGP_PEER_GROUP": {"default|G": {"peer_type": "external"}},
        "BGP_NEIGHBOR": {"default|Ethernet0": {"peer_group_name": "G"}, "default|10.0.0.1": {"asn": "7"}},
    }
    assert routing.peers(found) == {"G", "Ethernet0"}
    left = routing.without(found, routing.peers(found))
    assert left["BGP_PEER_GROUP"] == {}
    assert set(left["BGP_NEIGHBOR"]) == {"default|10.0.0.1"}


def test_tables_look_as_tabulate_makes_them():
    assert table.simple(("Port", "No."), [("Ethernet0", 1), ("E", 12)]).splitlines() == [
        "Port         No.",
        "---------  -----",
        "Ethernet0      1",
        "E             12",
    ]
    assert table.grid(("VLAN ID", "Ports"), [(7, "a\nb")]).splitlines() == [
        "+-----------+---------+",
        "|   VLAN ID | Ports   |",
        "+===========+=========+",
        "|         7 | a       |",
        "|           | b       |",
        "+-----------+---------+",
    ]


def test_sonic_db_cli_prints_as_the_real_one():
    assert shown("HGETALL", ["a", "1", "b", "2"]) == "{'a': '1', 'b': '2'}"
    assert shown("KEYS", ["a", "b"]) == "a\nb"
    assert shown("HGET", None) == ""


def test_names():
    assert sorted(["Ethernet16", "Ethernet4"], key=natural) == ["Ethernet4", "Ethernet16"]
    assert expand("Ethernet[0-2],Vlan7") == ["Ethernet0", "Ethernet1", "Ethernet2", "Vlan7"]


def test_lldp_entries_have_sonics_fields():
    entry = {
        "name": "Ethernet0",
        "chassis": [{"id": [{"type": "mac", "value": "aa"}], "name": [{"value": "leaf2"}],
                     "capability": [{"type": "Bridge", "enabled": True}, {"type": "Router", "enabled": False}]}],
        "port": [{"id": [{"type": "local", "value": "hundredGigE1"}], "descr": [{"value": "to spine"}]}],
    }  # fmt: skip
    row = lldp.entries({"lldp": [{"interface": [entry]}]})["Ethernet0"]
    assert row["lldp_rem_sys_name"] == "leaf2"
    assert (row["lldp_rem_port_id"], row["lldp_rem_port_id_subtype"]) == ("hundredGigE1", "7")
    assert (row["lldp_rem_sys_cap_supported"], row["lldp_rem_sys_cap_enabled"]) == ("28 00", "20 00")


def answer(transaction, kind, *more):
    head = struct.pack(">BBBBIHH", 2, 1, 6, 0, transaction, 0, 0) + bytes(4) + bytes([192, 0, 2, 5]) + bytes(216)
    return head + b"\x63\x82\x53\x63" + bytes([53, 1, kind]) + b"".join(more) + b"\xff"


def test_dhcp_answers_are_read():
    url = b"http://192.0.2.1/ztp.json"
    message = answer(7, 5, b"\x00", bytes([1, 4, 255, 255, 255, 0]), bytes([67, len(url)]) + url)
    found = dhcp.options(message, 7)
    lease = dhcp.lease(found)
    assert (str(lease.address), lease.bootfile, lease.gateway) == ("192.0.2.5/24", url.decode(), None)
    assert dhcp.options(message, 8) is None


@given(st.binary(max_size=400))
def test_dhcp_noise_is_survived(noise):
    for message in (noise, answer(7, 5, noise)):
        found = dhcp.options(message, 7)
        if found:
            with contextlib.suppress(ValueError):
                dhcp.lease(found)


def test_programs_jump_to_their_labels():
    code = trunk.incoming(trunk.Membership(9, (20, 30)), {20: 5, 30: 6}).machine_code()
    count = len(code) // 8
    for index in range(count):
        opcode, _, jump, _ = struct.unpack_from("<BBhi", code, index * 8)
        assert opcode != 0x15 or 0 <= index + 1 + jump < count
    assert bpf.Program().leave(bpf.DROP).machine_code() == bytes.fromhex("b7000000020000009500000000000000")


def test_the_switch_needs_the_standard_library_only():
    ours = {path.relative_to(carried.PACKAGE.parent).with_suffix("") for path in carried.files()}
    for path in carried.files():
        for name in carried.imported(path):
            top = name.partition(".")[0]
            if top == "oopt_gnpy_libyang":
                continue  # what `device.libyang` stands in for
            assert top == "scs_rack" or top in sys.stdlib_module_names, f"{path}: {name}"
    assert Path("scs_rack/sonic/frr") in ours


def test_commands_start_without_what_they_do_not_need(tmp_path):
    """Each call of `config` pays for its imports. Here they are those of the switch: what is carried there, alone."""
    for folder in carried.packages():
        (tmp_path / "scs_rack" / folder).mkdir(parents=True, exist_ok=True)
        (tmp_path / "scs_rack" / folder / "__init__.py").touch()
    for path in carried.files():
        shutil.copyfile(path, tmp_path / "scs_rack" / path.relative_to(carried.PACKAGE))
    device = "scs_rack.lab.switch.device"
    others = ", ".join(f"{device}.{name}" for name in ("show_cli", "shims", "daemon", "ztp", "yang"))
    code = f"""
import sys
sys.path.insert(0, {str(tmp_path)!r})
import scs_rack, {device}.config_cli
print(*sys.modules)
import {others}
print(scs_rack.__file__)
"""
    argv = [sys.executable, "-I", "-S", "-c", code]
    done = subprocess.run(argv, capture_output=True, text=True, check=True)
    loaded, where = done.stdout.splitlines()
    assert where.startswith(str(tmp_path))
    assert not {"scs_rack.sonic.yang.judge", "urllib.request", "ctypes", "asyncio"} & set(loaded.split())

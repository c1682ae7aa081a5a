import json
import socket
import threading
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from scs_rack.design import make_design
from scs_rack.errors import UsageError
from scs_rack.lab.switch import prepare
from scs_rack.lab.switch.device import configdb, kernel
from scs_rack.lab.switch.device.resp import Redis, RedisError
from scs_rack.lab.switch.device.trunk import Membership, inner, outer, port_of
from scs_rack.model.load import load_rack
from scs_rack.sonic.generate import config_db, day0

LAB = make_design(load_rack(Path(__file__).parents[2] / "inventory/lab"))


class Fake:
    """As much of Redis as CONFIG_DB needs."""

    def __init__(self):
        self.data = {}

    def call(self, *words):
        return self.pipeline([words])[0]

    def pipeline(self, commands):
        return [getattr(self, words[0].lower())(*words[1:]) for words in commands]

    def keys(self, _pattern):
        return list(self.data)

    def hgetall(self, key):
        return [word for pair in self.data[key].items() for word in pair]

    def set(self, key, value):
        self.data[key] = {"": value}

    def hset(self, key, *words):
        self.data.setdefault(key, {}).update(zip(words[::2], words[1::2], strict=True))

    def hdel(self, key, *names):
        for name in names:
            del self.data[key][name]

    def delete(self, key):
        del self.data[key]

    def multi(self):
        return "OK"

    exec = multi


setattr(Fake, "del", Fake.delete)


text = st.text("abc019.:/", min_size=1, max_size=6)
row = st.dictionaries(text, text | st.lists(text, max_size=3), max_size=3)


@given(st.dictionaries(text, st.dictionaries(text, row, min_size=1, max_size=3), max_size=3))
def test_tables_survive_redis(tables):
    client = Fake()
    configdb.merge(client, tables)
    assert configdb.read(client) == tables


def test_layout_is_that_of_sonic():
    assert configdb.encode({"route_map": ["A", "B"], "mtu": "9100"}) == {"route_map@": "A,B", "mtu": "9100"}
    assert configdb.encode({}) == {"NULL": "NULL"}


@pytest.mark.parametrize("name", ["leaf1", "oob1"])
def test_replace_makes_equal_and_touches_what_differs_only(name):
    client = Fake()
    before, after = day0(LAB, name), config_db(LAB, name)
    configdb.merge(client, before)
    assert configdb.replace(client, after) > 0
    assert configdb.read(client) == {table: rows for table, rows in after.items() if rows}
    assert configdb.replace(client, after) == 0


def test_merge_leaves_stale_rows_as_config_load_does():
    client = Fake()
    configdb.merge(client, {"VLAN": {"Vlan7": {"vlanid": "7"}}})
    configdb.merge(client, {"VLAN": {"Vlan8": {"vlanid": "8"}}})
    assert set(configdb.read(client)["VLAN"]) == {"Vlan7", "Vlan8"}


def link(up=False, mtu=1500, master=None, addresses=()):
    info = [
        {"local": address.split("/")[0], "prefixlen": int(address.split("/")[1]), "scope": "global"}
        for address in addresses
    ]
    entry = {"mtu": mtu, "flags": ["UP"] if up else [], "addr_info": info}
    return entry | ({"master": master} if master else {})


def test_kernel_of_an_oob_switch():
    plan = kernel.wanted(day0(LAB, "oob1"))
    lines = kernel.commands(plan, {"lo": link(up=True), "Ethernet0": link(), "Ethernet20": link(up=True, mtu=9100)})
    assert lines == [
        "link add Vlan10 address 02:5c:05:ff:0c:00 type bridge forward_delay 0 stp_state 0 mcast_snooping 0",
        "link set Ethernet0 mtu 9100",
        "link set Ethernet0 master Vlan10",
        "link set Ethernet0 up",
        "link set Ethernet20 down",
        "link set Vlan10 mtu 9100",
        "address add 10.90.0.112/24 dev Vlan10",
        "link set Vlan10 up",
    ]


def test_kernel_of_a_leaf():
    plan = kernel.wanted(config_db(LAB, "leaf1"))
    assert plan.links["Ethernet0"].routed6
    assert not plan.links["Ethernet8"].routed6
    assert plan.links["Ethernet8"].master == "Vlan100"
    assert plan.gateways == {4: "10.90.0.10"}
    seen = {"lo": link(up=True, addresses=["10.91.0.99/32"]), "Vlan7": link(up=True)}
    lines = kernel.commands(plan, seen)
    assert "address del 10.91.0.99/32 dev lo" in lines
    assert "address add 10.91.0.11/32 dev lo" in lines
    assert "link del Vlan7" in lines


def test_nothing_to_do_when_all_is_there():
    plan = kernel.wanted({"PORT": {"Ethernet0": {"admin_status": "up", "mtu": "9100"}}})
    assert kernel.commands(plan, {"lo": link(up=True), "Ethernet0": link(up=True, mtu=9100)}) == []


def test_a_port_carries_one_vlan_without_tag_and_many_with():
    rows = {
        "Vlan7|Ethernet0": {"tagging_mode": "tagged"},
        "Vlan8|Ethernet0": {"tagging_mode": "tagged"},
        "Vlan9|Ethernet0": {"tagging_mode": "untagged"},
    }
    plan = kernel.wanted({"PORT": {"Ethernet0": {"admin_status": "up"}}, "VLAN_MEMBER": rows})
    assert plan.members["Ethernet0"] == Membership(9, (7, 8))
    assert plan.pairs == {"E0.7": "e0.7", "E0.8": "e0.8"}
    assert plan.links["E0.8"].master == "Vlan8"
    lines = kernel.commands(plan, {"Ethernet0": link(up=True, mtu=9100), "E0.9": link(), "e0.9": link()})
    assert lines[:3] == [
        "link del E0.9",
        "link add E0.7 type veth peer name e0.7",
        "link add E0.8 type veth peer name e0.8",
    ]
    assert "link set Ethernet0 master Vlan9" in lines
    assert "link set E0.7 up" not in lines
    seen = {"Ethernet0": link(up=True, mtu=9100) | {"operstate": "UP"}}
    assert "link set E0.7 up" in kernel.commands(plan, seen)
    assert not any("E0.7" in line for line in kernel.commands(plan, {}))


def test_a_cut_cable_keeps_a_port_down():
    plan = kernel.wanted({"PORT": {"Ethernet0": {"admin_status": "up"}}}, ["Ethernet0"])
    assert not plan.links["Ethernet0"].up


@pytest.mark.parametrize("port", ["Ethernet104", "PortChannel1234"])
def test_names_of_tagged_ends_fit_and_lead_back(port):
    assert len(inner(port, 4094)) < 16
    assert inner(port, 4094) != outer(port, 4094)
    assert port_of(inner(port, 4094)) == port


@pytest.fixture
def root(tmp_path):
    """What a node image has, as far as a switch needs it."""
    for name in (
        "usr/bin/redis-server",
        "usr/lib/frr/frrinit.sh",
        "usr/sbin/lldpd",
        "usr/sbin/sshd",
        "etc/frr/daemons",
    ):
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).write_text("")
    (tmp_path / "etc/passwd").write_text("root:x:0:0::/root:/bin/sh\n")
    (tmp_path / "etc/shadow").write_text("root:*:1::::::\n")
    (tmp_path / "etc/group").write_text("root:x:0:\nredis:x:105:\n")
    wants = tmp_path / "etc/systemd/system/sockets.target.wants"
    wants.mkdir(parents=True)
    (wants / "libvirtd.socket").symlink_to("/usr/lib/systemd/system/libvirtd.socket")
    return tmp_path


def test_prepare_makes_a_switch(root):
    prepare(LAB, "leaf1", root, public_key="ssh-ed25519 AAAA me")
    assert json.loads((root / "etc/sonic/config_db.json").read_text()) == day0(LAB, "leaf1")
    assert (root / "home/admin/.ssh/authorized_keys").read_text() == "ssh-ed25519 AAAA me\n"
    assert "redis:x:105:admin" in (root / "etc/group").read_text()
    assert (root / "usr/local/bin/config").stat().st_mode & 0o111
    assert not (root / "etc/systemd/system/sockets.target.wants/libvirtd.socket").is_symlink()
    wants = {link.name for link in (root / "etc/systemd/system/labswitch.target.wants").iterdir()}
    services = ("redis-server", "frr", "lldpd", "ssh", "labswitchd", "ztp")
    assert wants == {f"{name}.service" for name in services}


def test_prepare_again_keeps_what_was_saved(root):
    prepare(LAB, "leaf1", root, public_key="ssh-ed25519 AAAA me")
    (root / "etc/sonic/config_db.json").write_text("{}")
    prepare(LAB, "leaf1", root, public_key="ssh-ed25519 BBBB me")
    assert (root / "etc/sonic/config_db.json").read_text() == "{}"
    assert (root / "etc/passwd").read_text().count("\nadmin:") == 1
    assert "BBBB" in (root / "home/admin/.ssh/authorized_keys").read_text()


def test_an_image_without_redis_is_refused(root):
    (root / "usr/bin/redis-server").unlink()
    with pytest.raises(UsageError, match="lacks /usr/bin/redis-server"):
        prepare(LAB, "leaf1", root, public_key="x")


@pytest.fixture
def server(tmp_path):
    """A socket that answers like Redis: with what it is given, whatever it is asked."""
    path = str(tmp_path / "redis.sock")
    listener = socket.socket(socket.AF_UNIX)
    listener.bind(path)
    listener.listen()
    taken = []

    def serve(answers):
        def run():
            connection, _ = listener.accept()
            with connection:
                for answer in answers:
                    taken.append(connection.recv(4096))
                    connection.sendall(answer)

        threading.Thread(target=run, daemon=True).start()
        return path, taken

    yield serve
    listener.close()


def test_the_wire_protocol(server):
    path, taken = server([b"+OK\r\n", b"*3\r\n$1\r\na\r\n:7\r\n$-1\r\n", b"+OK\r\n-ERR no\r\n"])
    client = Redis(4, path)
    assert client.call("KEYS", "ü") == ["a", 7, None]
    assert taken == [b"*2\r\n$6\r\nSELECT\r\n$1\r\n4\r\n", b"*2\r\n$4\r\nKEYS\r\n$2\r\n\xc3\xbc\r\n"]
    with pytest.raises(RedisError, match="ERR no"):
        client.pipeline([["MULTI"], ["NONSENSE"]])
    with pytest.raises((RedisError, OSError)):
        client.call("PING")


def test_messages_are_waited_for(server):
    path, _ = server([b"+OK\r\n", b"*3\r\n$1\r\na\r\n$1\r\nb\r\n:1\r\n"])
    client = Redis(4, path)
    client.subscribe("*")
    with pytest.raises(RedisError, match="hung up"):
        client.message(5.0)

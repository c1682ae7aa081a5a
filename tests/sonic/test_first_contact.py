import asyncio
import json
import shutil
import subprocess
from ipaddress import IPv4Address, IPv4Interface
from pathlib import Path

import pytest
from aiohttp.test_utils import TestClient, TestServer

from scs_rack.design import make_design
from scs_rack.errors import UsageError
from scs_rack.model.load import load_rack
from scs_rack.sonic.first_contact.contacts import Contact, Service, service
from scs_rack.sonic.first_contact.dhcp import dnsmasq_conf
from scs_rack.sonic.first_contact.pin import pin, pinned
from scs_rack.sonic.first_contact.web import Answers
from scs_rack.sonic.first_contact.ztp import login_script, ztp_json

REPOSITORY = Path(__file__).resolve().parents[2]
KEY = "ssh-ed25519 " + "A" * 68
OTHER = "ssh-ed25519 " + "B" * 68
LEAF = Contact("leaf1", "02:5c:05:00:11:00", IPv4Interface("127.0.0.1/8"), "token-of-leaf1")
SPINE = Contact("spine1", "02:5c:05:00:12:00", IPv4Interface("127.0.0.2/8"), "token-of-spine1")
SERVICE = Service("oob", IPv4Address("127.0.0.10"), None, (LEAF, SPINE))


def racks(name):
    return make_design(load_rack(REPOSITORY / "inventory" / name))


def test_a_switch_is_known_by_its_mac_and_gets_its_own_address():
    design = racks("lab")
    found = service(design, ["leaf1"])
    assert [(one.name, one.address) for one in found.contacts] == [("leaf1", design.switches["leaf1"].mgmt)]
    assert found.nic == "oob"
    assert len(found.contacts[0].token) >= 20


def test_all_that_is_wrong_is_said_at_once():
    with pytest.raises(UsageError) as caught:
        service(racks("lab"), ["leaf1", "leaf8", "leaf9"])
    assert "leaf8" in caught.value.message
    assert "leaf9" in caught.value.message


def test_dhcp_answers_known_addresses_only_and_onie_never_gets_the_ztp_file(tmp_path):
    conf = dnsmasq_conf(SERVICE, tmp_path, installer=True).splitlines()
    assert "dhcp-ignore=tag:!known" in conf
    assert "dhcp-host=02:5c:05:00:11:00,set:sw-leaf1,127.0.0.1,leaf1,10m" in conf
    assert "dhcp-option-force=tag:sw-leaf1,tag:!onie,67,http://127.0.0.10:8067/token-of-leaf1/ztp.json" in conf
    assert "dhcp-option-force=tag:sw-leaf1,tag:onie,114,http://127.0.0.10:8067/token-of-leaf1/onie-installer" in conf
    assert "dhcp-option=3" in conf  # without a router none is told; dnsmasq would name itself


def test_without_an_image_onie_is_offered_none(tmp_path):
    assert ",114," not in dnsmasq_conf(SERVICE, tmp_path, installer=False)


@pytest.mark.skipif(not shutil.which("dnsmasq", path="/usr/sbin:/usr/bin"), reason="dnsmasq is not installed")
@pytest.mark.parametrize("installer", [True, False])
def test_dnsmasq_takes_what_we_write(tmp_path, installer):
    (tmp_path / "conf").write_text(dnsmasq_conf(SERVICE, tmp_path, installer=installer))
    done = subprocess.run(
        ["/usr/sbin/dnsmasq", "--test", f"--conf-file={tmp_path / 'conf'}"], check=False, capture_output=True
    )
    assert done.returncode == 0, done.stderr


def test_ztp_lets_us_in_before_it_gives_up_its_address_and_installs_first():
    told = json.loads(ztp_json(SERVICE, LEAF, image=True))["ztp"]
    assert list(told) == ["01-firmware", "02-login", "03-configdb-json"]
    assert "01-firmware" not in json.loads(ztp_json(SERVICE, LEAF, image=False))["ztp"]
    assert "02-host" not in told
    told = json.loads(ztp_json(SERVICE, LEAF, image=False, host=True))["ztp"]
    assert told["02-host"]["plugin"]["url"]["source"] == SERVICE.url(LEAF, "host.sh")


def test_the_login_script_is_one_a_shell_takes_and_adds_the_key_once(tmp_path):
    home = tmp_path / "home"
    home.mkdir()
    for name, body in {
        "getent": f"echo admin:x:1000:1000::{home}:/bin/sh",
        "chown": "exit 0",
        "curl": f'echo "$@" > {tmp_path}/told',
    }.items():
        (tmp_path / name).write_text(f"#!/bin/sh\n{body}\n")
        (tmp_path / name).chmod(0o755)
    script = login_script(SERVICE, LEAF, f"{KEY} it's ours\n")
    for _ in range(2):
        subprocess.run(["sh", "-c", script], check=True, env={"PATH": f"{tmp_path}:/usr/bin:/bin"})
    assert (home / ".ssh/authorized_keys").read_text() == f"{KEY} it's ours\n"
    assert (home / ".ssh/authorized_keys").stat().st_mode & 0o777 == 0o600
    assert "http://127.0.0.10:8067/token-of-leaf1/hello" in (tmp_path / "told").read_text()


def ask(work, image=None):
    """Run `work(client, told)` against the answers on loopback; returns what the switches told."""
    told = []

    async def run():
        design = racks("lab")
        answers = Answers(SERVICE, design, f"{KEY} ours\n", image, told.append)
        async with TestClient(TestServer(answers.application(), host="127.0.0.1")) as client:
            await work(client)

    asyncio.run(run())
    return told


def test_a_switch_gets_a_configuration_that_only_makes_it_manageable():
    async def work(client):
        tables = await (await client.get("/token-of-leaf1/config_db.json")).json(content_type=None)
        assert tables["DEVICE_METADATA"]["localhost"]["hostname"] == "leaf1"
        assert "BGP_NEIGHBOR" not in tables

    assert [(one.contact.name, one.what) for one in ask(work)] == [("leaf1", "config_db.json")]


@pytest.mark.parametrize("path", ["/wrong/ztp.json", "/token-of-leaf1/other", "/token-of-leaf1/image", "/"])
def test_what_is_not_offered_is_not_found(path):
    async def work(client):
        assert (await client.get(path)).status == 404

    assert ask(work) == []


def test_the_token_of_another_switch_is_of_no_use():
    async def work(client):  # it calls from the address of leaf1
        assert (await client.get("/token-of-spine1/ztp.json")).status == 404
        assert (await client.post("/token-of-spine1/hello", data=KEY)).status == 404

    assert ask(work) == []


def test_the_first_host_key_counts():
    async def work(client):
        for data, status in ((KEY + " root@leaf1\n", 200), (KEY, 200), (OTHER, 409)):
            assert (await client.post("/token-of-leaf1/hello", data=data)).status == status

    assert {one.host_key for one in ask(work)} == {KEY}


@pytest.mark.parametrize(
    "data", ["", "ssh-rsa AAAA", KEY + "\n" + OTHER, f"{KEY} a\n@cert-authority * {OTHER}", "x" * 5000]
)
def test_a_host_key_is_one_line_of_the_right_kind(data):
    async def work(client):
        assert (await client.post("/token-of-leaf1/hello", data=data)).status in (400, 413)

    assert ask(work) == []


def test_the_image_is_handed_out(tmp_path):
    image = tmp_path / "sonic.bin"
    image.write_bytes(bytes(range(256)) * 100)

    async def work(client):
        for name in ("image", "onie-installer"):
            assert await (await client.get(f"/token-of-leaf1/{name}")).read() == image.read_bytes()

    assert [one.what for one in ask(work, image)] == ["image", "onie-installer"]


def test_pinning_replaces_the_key_of_this_device_only(tmp_path):
    file = tmp_path / "ssh/known_hosts"
    address = IPv4Address("10.0.0.1")
    assert pin(file, "leaf1", address, KEY)
    assert not pin(file, "leaf1", address, KEY)
    assert pin(file, "leaf2", IPv4Address("10.0.0.2"), KEY)
    assert pin(file, "leaf1", address, OTHER)
    assert pinned(file, address) == OTHER
    assert pinned(file, IPv4Address("10.0.0.2")) == KEY
    assert len(file.read_text().splitlines()) == 2

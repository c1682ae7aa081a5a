"""What the boot service answers, and whom."""

import asyncio
import io
import json
import shutil
import subprocess
import tarfile
from pathlib import Path

import pytest
from aiohttp.test_utils import TestClient, TestServer

from scs_rack.design import make_design
from scs_rack.errors import UsageError
from scs_rack.model.load import load_rack
from scs_rack.provision import ramdisk
from scs_rack.provision.netboot import seed
from scs_rack.provision.netboot.callers import callers, place
from scs_rack.provision.netboot.dhcp import dnsmasq_conf
from scs_rack.provision.netboot.script import boot_script, kernel_words
from scs_rack.provision.netboot.web import Answer, Web
from tests.provision.test_hardware import REPORT

METAL = Path(__file__).parents[1] / "metal"
DESIGN = make_design(load_rack(METAL))
PLACE = place(DESIGN)
KEY = "ssh-ed25519 " + "A" * 68


class Desk:
    """Notes what it is told, and gives everybody a job."""

    def __init__(self, folder):
        self.folder, self.heard_of = folder, []

    def artifact(self, caller):
        desk = self

        class Files:
            def path(self, name):
                return desk.folder / name

        return Files()

    def hello(self, caller, seen):
        return Answer({"JOB": "install", "HOST": "it's me; reboot"}) if seen.firmware == "bios" else Answer(None, "no")

    def seed(self, caller):
        return b"seed of " + caller.name.encode()

    def told(self, told):
        self.heard_of.append((told.what, told.words, told.percent))

    def heard(self, who, what):
        pass


def ask(tmp_path, work, tls=True):
    """Run `work(client, caller)` against the answers, as if metal1 called from loopback; returns what was told."""
    (tmp_path / "vmlinuz").write_bytes(b"kernel")
    desk = Desk(tmp_path)
    known = callers(DESIGN, ["metal1", "metal2"])
    known[0].address = type(known[0].address)("127.0.0.1/8")

    async def run():
        web = Web(PLACE, known, tmp_path / "netboot/tftp", "ca", desk)
        async with TestClient(TestServer(web.https() if tls else web.http(), host="127.0.0.1")) as client:
            await work(client, known)

    asyncio.run(run())
    return desk.heard_of


def sh(script):
    """What a shell prints that runs a script."""
    return subprocess.run(["sh", "-c", script], check=True, capture_output=True, text=True).stdout


def bearer(secret):
    return {"Authorization": f"Bearer {secret}"}


def test_who_can_t_be_installed_is_said_at_once():
    with pytest.raises(UsageError) as caught:
        callers(DESIGN, ["metal1", "metal8", "metal9"])
    assert "metal8" in caught.value.message
    assert "metal9" in caught.value.message
    with pytest.raises(UsageError, match="states no `provision`"):
        callers(make_design(load_rack(METAL.parents[1] / "inventory/lab")), ["node1"])


def test_dhcp_answers_known_servers_only(tmp_path):
    conf = dnsmasq_conf(PLACE, callers(DESIGN, ["metal1"]), tmp_path).splitlines()
    assert "dhcp-ignore=tag:!known" in conf
    assert "dhcp-host=02:5c:05:95:01:01,set:srv-metal1,10.94.0.101,metal1,30m" in conf
    assert not any("metal2" in line for line in conf)


@pytest.mark.skipif(not shutil.which("dnsmasq", path="/usr/sbin:/usr/bin"), reason="dnsmasq is not installed")
def test_dnsmasq_takes_what_we_write(tmp_path):
    (tmp_path / "tftp").mkdir()
    (tmp_path / "conf").write_text(dnsmasq_conf(PLACE, callers(DESIGN, ["metal1", "metal2"]), tmp_path))
    done = subprocess.run(
        ["/usr/sbin/dnsmasq", "--test", f"--conf-file={tmp_path / 'conf'}"], check=False, capture_output=True
    )
    assert done.returncode == 0, done.stderr


def test_a_finished_server_is_sent_to_its_disk():
    caller = callers(DESIGN, ["metal1"])[0]
    caller.token = "once"
    assert "scs.token=once" in boot_script(PLACE, caller, 1)
    caller.finished = True
    assert boot_script(PLACE, caller, 1) == "#!ipxe\nexit\n"


def test_a_token_counts_once_and_for_one_server(tmp_path):
    async def work(client, known):
        for caller, secret in zip(known, ("one", "two"), strict=True):
            caller.token = secret
        assert (await client.post("/hello", data=REPORT)).status == 403
        assert (await client.post("/hello", data=REPORT, headers=bearer(""))).status == 403
        assert (await client.post("/hello", data=REPORT, headers=bearer("two"))).status == 403  # from another address
        answer = await client.post("/hello", data=REPORT, headers=bearer("one"))
        assert answer.status == 200
        job = await answer.text()
        assert (await client.post("/hello", data=REPORT, headers=bearer("one"))).status == 403
        told = await asyncio.to_thread(sh, f'{job}\nprintf %s "$HOST"')
        assert told == "it's me; reboot"
        session = bearer(known[0].session)
        assert await (await client.get("/seed", headers=session)).read() == b"seed of metal1"
        assert (await client.post("/phase", data="write\t50\tit\x1b[2J goes", headers=session)).status == 200
        assert (await client.post("/phase", data="\x00\xff", headers=session)).status == 200
        assert (await client.post("/done", data="no key", headers=session)).status == 400
        assert (await client.post("/done", data=KEY, headers=session)).status == 200
        assert (await client.post("/done", data=KEY, headers=session)).status == 403

    told = ask(tmp_path, work)
    assert [what for what, _, _ in told] == ["hello", "phase", "phase", "done"]
    assert told[1] == ("phase", "write: it[2J goes", 50)


def test_a_refused_server_is_told_why(tmp_path):
    async def work(client, known):
        known[0].token = "one"
        answer = await client.post("/hello", data=REPORT.replace("bios\n", "uefi\n", 1), headers=bearer("one"))
        assert (answer.status, await answer.text()) == (409, "no\n")

    assert ask(tmp_path, work) == [("hello", "no", 0)]


@pytest.mark.parametrize("data", ["", "nonsense", "nic\t" * 9])
def test_nonsense_is_no_hello_and_uses_up_nothing(tmp_path, data):
    async def work(client, known):
        known[0].token = "one"
        assert (await client.post("/hello", data=data, headers=bearer("one"))).status == 400
        assert known[0].token == "one"

    assert ask(tmp_path, work) == []


def test_files_are_given_to_the_server_that_they_are_for(tmp_path):
    async def work(client, known):
        mine, others = known[0].path, known[1].path
        assert await (await client.get(f"/{mine}/vmlinuz")).read() == b"kernel"
        assert "#!ipxe" in await (await client.get(f"/{mine}/boot.ipxe")).text()
        first = known[0].token
        await client.get(f"/{mine}/boot.ipxe")
        assert first != known[0].token
        for path in (f"/{others}/vmlinuz", "/wrong/vmlinuz", f"/{mine}/manifest.json", f"/{mine}/..%2Fvmlinuz", "/"):
            assert (await client.get(path)).status == 404

    ask(tmp_path, work, tls=False)


def test_the_seed_makes_each_server_its_own():
    node, ids = DESIGN.nodes["metal1"], seed.Ids("11111111-2222-3333-4444-555555555555", "abcd1234")
    found = seed.files(DESIGN, node, KEY, ids, "digest")
    assert found["etc/hostname"] == (0o644, "metal1\n")
    assert "UUID=ABCD-1234 /boot/efi" in found["etc/fstab"][1]
    assert "PermanentMACAddress=02:5c:05:95:01:02" in found["etc/systemd/network/10-up0.link"][1]
    with tarfile.open(fileobj=io.BytesIO(seed.archive(found))) as tar:
        assert tar.getmember("root/.ssh").mode == 0o700
        assert tar.getmember("root/.ssh/authorized_keys").mode == 0o600
        assert {(one.uid, one.gid) for one in tar.getmembers()} == {(0, 0)}


@pytest.mark.skipif(not shutil.which("cpio"), reason="cpio is not installed")
def test_the_second_archive_is_one(tmp_path):
    done = subprocess.run(["cpio", "-i", "--quiet"], input=ramdisk.trust("our CA"), cwd=tmp_path, check=False)
    assert done.returncode == 0
    assert (tmp_path / "scs-rack-ca.crt").read_text() == "our CA"


@pytest.mark.parametrize("name", ["init", "agent"])
def test_the_ramdisk_s_scripts_are_ones_a_shell_takes(name):
    subprocess.run(["sh", "-n", ramdisk.FILES / name], check=True)


def test_a_report_that_was_kept_is_the_same(tmp_path):
    from scs_rack.provision import facts, inventory

    inventory.keep(tmp_path, "metal1", facts.parse(REPORT))
    assert inventory.kept(tmp_path) == {"metal1": facts.parse(REPORT)}
    assert json.loads((tmp_path / "provision/metal1.facts.json").read_text())["cpus"] == 1


def test_firmware_that_wants_signatures_gets_shim_and_a_menu_of_its_own(tmp_path):
    known = callers(DESIGN, ["metal1", "metal2"])
    known[1].secure = True
    conf = dnsmasq_conf(PLACE, known, tmp_path).splitlines()
    assert "dhcp-boot=tag:srv-metal2,tag:uefi,tag:!ipxe,shimx64.efi" in conf
    assert not any("srv-metal1" in line and "shim" in line for line in conf)

    async def work(client, known):
        menu = f"/grub/{known[0].mac}"
        assert (await client.get(menu)).status == 404  # it boots iPXE
        known[0].secure = True
        told = await (await client.get(menu)).text()
        assert f"scs.token={known[0].token} " in told
        assert told.startswith(f"linux (http,{PLACE.address}:8069)/{known[0].path}/vmlinuz ")
        assert (await client.get(f"/grub/{known[1].mac}")).status == 404  # another's
        known[0].finished = True
        assert await (await client.get(menu)).text() == "exit\n"

    ask(tmp_path, work, tls=False)


def test_a_medium_is_given_to_the_bmc_alone_and_only_while_it_is_wanted(tmp_path):
    (tmp_path / "netboot").mkdir()
    (tmp_path / "netboot/metal1.iso").write_bytes(b"disc")

    async def work(client, known):
        url = f"/{known[0].path}/once.iso"
        known[0].medium = "once.iso"
        assert (await client.get(url)).status == 404  # the server itself has no business with it
        known[0].address, known[0].bmc = known[1].address, known[0].address.ip
        assert await (await client.get(url)).read() == b"disc"
        assert (await client.get(f"/{known[0].path}/vmlinuz")).status == 404
        known[0].medium = ""
        assert (await client.get(url)).status == 404

    ask(tmp_path, work, tls=False)


def test_what_boots_from_a_medium_needs_no_dhcp():
    caller = callers(DESIGN, ["metal2"])[0]
    caller.token = "once"
    assert f"scs.ip={caller.address} scs.token=once scs.now=7" in kernel_words(PLACE, caller, 7, own_address=True)
    assert "scs.ip" not in boot_script(PLACE, caller, 7)

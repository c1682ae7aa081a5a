"""The agent's own functions, run by a shell of this machine on files in place of disks."""

import hashlib
import shutil
import subprocess

import pytest

from scs_rack.provision import ramdisk

HEAD = (ramdisk.FILES / "agent").read_text().partition(". /lib/scs-rack/")[0]
PARTS = ("words", "facts", "disks", "stream", "loader", "burnin")
FUNCTIONS = HEAD + "\n".join((ramdisk.FILES / "lib" / part).read_text() for part in PARTS)
LOOK = FUNCTIONS[FUNCTIONS.index("holds() {") : FUNCTIONS.index("facts() {")]
"""The function that looks at disks, to be run on files of another folder."""
STUBS = """
tell() { echo "tell $*"; }
fail() { echo "fail $*"; exit 1; }
fetch() { cat "$1"; }
ROOT=/dev/vda2 UPSTREAM='' RELAY=''
progress() { :; }
blkid() { /usr/sbin/blkid "$@"; }
wipefs() { /usr/sbin/wipefs "$@"; }
"""
pytestmark = pytest.mark.skipif(
    not (shutil.which("zstd") and shutil.which("bash")), reason="zstd or bash is not installed"
)


def agent(tmp_path, script, **variables):
    """Run a script after the agent's functions; returns its exit code and what it printed."""
    text = FUNCTIONS.replace("/run/", f"{tmp_path}/").replace("T=/target", f"T={tmp_path}/target") + STUBS + script
    (tmp_path / "target").mkdir(exist_ok=True)
    done = subprocess.run(
        ["bash", "-c", text], capture_output=True, text=True, check=False, env={"PATH": "/usr/bin:/bin", **variables}
    )
    return done.returncode, done.stdout


@pytest.fixture
def image(tmp_path):
    """An image of one file, and the variables that the manager would state."""
    (tmp_path / "root/etc").mkdir(parents=True)
    (tmp_path / "root/etc/passwd").write_bytes(bytes(range(256)) * 4000)
    path = tmp_path / "root.tar.zst"
    with path.open("wb") as file:
        packed = subprocess.run(["tar", "-c", "-C", tmp_path / "root", "."], check=True, capture_output=True).stdout
        subprocess.run(["zstd", "-q", "-c"], input=packed, stdout=file, check=True)
    data = path.read_bytes()
    return path, {
        "IMAGE_URL": str(path),
        "IMAGE_BYTES": str(len(data)),
        "IMAGE_SHA256": hashlib.sha256(data).hexdigest(),
    }


def test_an_image_is_unpacked_and_verified(tmp_path, image):
    _, stated = image
    code, said = agent(tmp_path, "write", **stated)
    assert code == 0
    assert "verified" in said
    assert (tmp_path / "target/etc/passwd").read_bytes() == (tmp_path / "root/etc/passwd").read_bytes()


@pytest.mark.parametrize("how", ["flipped", "cut", "another", "empty"])
def test_a_spoilt_image_ends_it(tmp_path, image, how):
    path, stated = image
    data = bytearray(path.read_bytes())
    if how == "flipped":
        data[len(data) // 2] ^= 1
    elif how == "cut":
        del data[-10:]
    elif how == "another":  # whole, but not the one that was signed
        stated["IMAGE_SHA256"] = "0" * 64
    else:
        data.clear()
    path.write_bytes(data)
    code, said = agent(tmp_path, "write; echo went on", **stated)
    assert code == 1
    assert "fail the image" in said
    assert "went on" not in said


def test_a_target_that_takes_no_more_ends_it(tmp_path, image):
    _, stated = image
    code, said = agent(tmp_path, "ulimit -f 100; write; echo went on", **stated)
    assert code != 0
    assert "went on" not in said


@pytest.mark.skipif(not shutil.which("blkid", path="/usr/sbin"), reason="blkid is not installed")
@pytest.mark.parametrize(
    ("offset", "content", "expected"),
    [
        (0, b"", ""),
        (1024, bytes(56) + b"\x53\xef\x01\x00" + bytes(44) + b"somebody's uuid!" + bytes(900), "ext"),
        (5000, b"ceph.osd_id=3,ceph.osd_fsid=", "ceph-osd"),
        (0, b"bluestore block device\n1234", "ceph-osd"),
        (0, b"\0" * 510 + b"\x55\xaa", "table:dos"),
        (700000, b"x", "unknown-data"),
    ],
)
def test_what_a_disk_holds_is_seen(tmp_path, offset, content, expected):
    disk = tmp_path / "disk"
    with disk.open("wb") as file:
        file.truncate(1 << 26)
        file.seek(offset)
        file.write(content)
    script = f"{LOOK.replace('/dev/', f'{tmp_path}/')}\nholds {disk} disk"
    _, said = agent(tmp_path, script)
    if expected:
        assert said.startswith("holds\tdisk\t")
        assert expected in said
    else:
        assert said == ""


def test_words_of_the_kernel_s_command_line_are_found(tmp_path):
    line = tmp_path / "cmdline"
    line.write_text("initrd=initrd scs.url=https://10.0.0.1:8070 quiet scs.mac=02:00:00:00:00:01\n")
    text = FUNCTIONS.replace("/proc/cmdline", str(line))
    done = subprocess.run(
        ["bash", "-c", f'{text}\necho "$URL $MAC [$(word scs.none)]"'], check=True, capture_output=True, text=True
    )
    assert done.stdout == "https://10.0.0.1:8070 02:00:00:00:00:01 []\n"


def test_all_signatures_of_a_disk_are_told(tmp_path):
    disk = tmp_path / "disk"
    with disk.open("wb") as file:
        file.truncate(1 << 26)
    subprocess.run(["/usr/sbin/mke2fs", "-q", "-F", "-t", "ext4", disk], check=True, capture_output=True)
    with disk.open("r+b") as file:
        file.write(b"bluestore block device\n")
    _, said = agent(tmp_path, f"{LOOK.replace('/dev/', f'{tmp_path}/')}\nholds {disk} disk")
    assert [line.split("\t")[3] for line in said.splitlines()] == ["ceph_bluestore", "ext4", "ceph-osd"]

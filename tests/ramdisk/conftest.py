"""A bench: the manager, three servers without firmware, and a small image."""

import hashlib
import json
import os
import shutil
import subprocess
from pathlib import Path

import pytest

from scs_rack.design import make_design
from scs_rack.model import ImageOptions
from scs_rack.model.load import load_rack
from scs_rack.provision import artifact, kit, ramdisk, records

from .machines import MANAGER, Machine, manager, network, sh

METAL = Path(__file__).parents[1] / "metal/rack.yml"
ROOT_BYTES = 10**9 // 2**20 * 2**20
OSD_BYTES = 2 * ROOT_BYTES


class Bench:
    """What the tests do with it."""

    def __init__(self, folder):
        self.folder, self.ramdisk = folder, folder / "ramdisk"
        self.machines = {}
        self.served = folder / "served"

    @property
    def design(self):
        return make_design(load_rack(self.folder / "rack"))

    def record(self, name):
        return records.read(self.folder / "state", name)

    def start(self, *servers, **job):
        """Start the manager; returns its process."""
        machines = {
            name: {"name": name, "folder": str(one.folder), "nics": one.nics, "disks": one.disks, "serial": one.serial}
            for name, one in self.machines.items()
        }
        stated = {"servers": servers, "machines": machines, "ramdisk": str(self.ramdisk), "wish": {}, **job}
        return manager(self.folder, json.dumps(stated))

    def run(self, *servers, **job):
        """Run the manager to its end; returns its results and what it said."""
        process = self.start(*servers, **job)
        said, _ = process.communicate(timeout=300)
        consoles = "\n".join(f"--- {name}\n{one.console[-3000:]}" for name, one in self.machines.items())
        assert process.returncode == 0, f"{said}\n{consoles}"
        print(said, consoles)
        return json.loads(said.splitlines()[-1]), said

    def until(self, process, words):
        """Read what a manager says until it says this; returns all that was said."""
        said = ""
        for line in process.stdout:
            said += line
            if words in line:
                return said
        raise AssertionError(f"the manager never said {words!r}: {said}")

    def edit(self, before, after):
        """Change the rack file."""
        path = self.folder / "rack/rack.yml"
        text = path.read_text()
        assert before in text
        path.write_text(text.replace(before, after))

    def serve(self, data, **manifest):
        """Let the manager send another image; the manifest stays as it is but for what is stated."""
        (self.served / "root.tar.zst").write_bytes(data)
        stated = json.loads((self.served / "manifest.json").read_text())
        (self.served / "manifest.json").write_text(json.dumps(stated | manifest))

    def image(self):
        """The image as it was made."""
        return (self.folder / "image/root.tar.zst").read_bytes()

    def sent(self):
        """Bytes that the manager has sent so far."""
        told = json.loads(sh("ip", "-s", "-j", "-n", MANAGER, "link", "show", "oob"))
        return told[0]["stats64"]["tx"]["bytes"]

    def fresh(self):
        """All machines off and empty, nothing remembered, the image as it was made."""
        for one in self.machines.values():
            one.off()
            one.slow(None)
            for disk, _ in one.disks:
                one.empty(disk)
        shutil.rmtree(self.folder / "state/provision", ignore_errors=True)
        shutil.copy(self.folder / "rack.yml", self.folder / "rack/rack.yml")
        shutil.copytree(self.folder / "image", self.served, dirs_exist_ok=True)


def rack_text():
    """The rack of tests/metal with three servers of one kind and small disks."""
    text = METAL.read_text()
    text = text.replace("name: metal\n", "name: bench\n").replace("size_gb: 4", "size_gb: 1")
    memory = -(-os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") // 2**30)
    text = text.replace("memory_gib: 1", f"memory_gib: {memory}")
    text = text.replace("cpus: 1", f"cpus: {os.cpu_count()}").replace("model: modern", "model: legacy")
    third = text[text.index("  metal2:\n") : text.index("cables:\n")]
    text = text.replace(
        "cables:\n",
        third.replace("metal2", "metal3").replace(":02:0", ":03:0").replace("unit: 2", "unit: 3") + "cables:\n",
    )
    for line in text.splitlines():
        if "[metal2:" in line:
            port = int(line.rpartition("Ethernet")[2].rstrip("]"))
            mine = line.replace("metal2", "metal3").replace(
                f"Ethernet{port}]", f"Ethernet{port + (12 if 'oob1' in line else 1)}]"
            )
            text = text.replace(f"{line}\n", f"{line}\n{mine}\n")
    return text


def make_image(folder, made):
    """A small root with what the agent calls in it, and 48 MiB that don't compress."""
    root = folder / "small"
    for path in ("etc/ssh", "var/lib/systemd", "root", "dev", "proc", "sys", "tmp", "usr/bin", "usr/lib"):
        (root / path).mkdir(parents=True)
    for link in ("lib", "lib64"):
        (root / link).symlink_to("usr/lib")
    for path in ramdisk.closure(made.root, ["ssh-keygen"]):
        target = root / ("usr/lib" if ".so" in path.name else "usr/bin") / path.name
        shutil.copy(made.root / str(path).lstrip("/"), target)
    shutil.copy(made.root / "etc/passwd", root / "etc/passwd")
    (root / "payload").write_bytes(os.urandom(48 << 20))
    image = folder / "image"
    image.mkdir()
    with (image / "root.tar.zst").open("wb") as file:
        packed = subprocess.Popen(["tar", "-c", "-C", root, "."], stdout=subprocess.PIPE)
        subprocess.run(["zstd", "-q", "-1", "-c"], stdin=packed.stdout, stdout=file, check=True)
    ramdisk.make(made, image / "initrd")
    (image / "vmlinuz").write_bytes(made.vmlinuz.read_bytes())
    (image / "boot.tar").write_bytes(artifact.boot_files(made, image))
    artifact._compressed(made, ["-C", str(made.files / "tools"), "."], image / "tools.tar.zst")
    files = {
        path.name: {"sha256": hashlib.sha256(path.read_bytes()).hexdigest(), "bytes": path.stat().st_size}
        for path in sorted(image.iterdir())
    }
    (image / "manifest.json").write_text(json.dumps({"files": files, "unpacked": 60 << 20}))


@pytest.fixture(scope="package")
def everything(tmp_path_factory):
    """The bench, once."""
    if os.geteuid() != 0:
        pytest.skip("needs root")
    if subprocess.run(["losetup", "--find"], capture_output=True, check=False).returncode:
        pytest.skip("this machine has no loop devices")
    folder = tmp_path_factory.mktemp("bench")
    made = kit.build(ImageOptions(), "cloud", print)
    bench = Bench(folder)
    (folder / "rack").mkdir()
    (folder / "rack.yml").write_text(rack_text())
    (folder / "rack/rack.yml").write_text(rack_text())
    make_image(folder, made)
    bench.ramdisk.mkdir()
    unpack = subprocess.Popen(["zstd", "-dc", folder / "image/initrd"], stdout=subprocess.PIPE)
    subprocess.run(["cpio", "-idm", "--quiet"], stdin=unpack.stdout, cwd=bench.ramdisk, check=True)
    design = bench.design
    for name, node in design.nodes.items():
        nics = list(node.macs.items())
        bench.machines[name] = Machine(
            name, folder / name, nics, [["vda", ROOT_BYTES], ["vdb", OSD_BYTES]], f"serial-{name}"
        )
    try:
        network(f"{design.manager.mgmt.ip}/24")
        for one in bench.machines.values():
            one.build(made.files / "usr/lib/ipxe/undionly.kpxe")
        yield bench
    finally:
        for one in bench.machines.values():
            one.remove()
        sh("ip", "netns", "del", MANAGER, check=False)


@pytest.fixture
def bench(everything):
    """The bench, with empty disks and nobody remembered."""
    everything.fresh()
    yield everything
    for one in everything.machines.values():
        one.off()

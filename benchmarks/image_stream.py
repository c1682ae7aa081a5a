"""Send an image to 1, 10 and 40 receivers that write no faster than their disks: time, and what the manager reads.

`python benchmarks/image_stream.py [--mib 256] [--rate 25]`: each receiver takes `rate` MiB/s at most, as a disk that
can't write faster does; back pressure is TCP's. The manager is the boot service's own HTTP application in a process of
its own, on loopback: the wire is not the limit here, and the figures say what the manager costs. On a rack the wire of
the manager is shared: 40 receivers take 40 times the bytes over it, since each has a stream of its own.
"""

import argparse
import asyncio
import multiprocessing as mp
import os
import time
from ipaddress import IPv4Address, IPv4Interface
from multiprocessing.connection import Connection
from pathlib import Path
from tempfile import TemporaryDirectory

from aiohttp import ClientSession, ClientTimeout, web

from scs_rack.provision.artifact import Artifact
from scs_rack.provision.facts import Facts
from scs_rack.provision.netboot.callers import Caller, Place
from scs_rack.provision.netboot.web import Answer, Told, Web

CHUNK = 1 << 18


class Files(Artifact):
    """One file as an artefact."""

    def path(self, name: str) -> Path:  # noqa: ARG002 (there is one)
        """The file."""
        return Path(self.digest)


class Desk:
    """Gives everybody the same file."""

    def __init__(self, file: Path) -> None:
        self._files = Files("minimal", str(file))

    def artifact(self, caller: Caller) -> Artifact:  # noqa: ARG002
        """The file."""
        return self._files

    def hello(self, caller: Caller, seen: Facts) -> Answer:  # noqa: ARG002
        """Nobody says hello here."""
        return Answer(None)

    def seed(self, caller: Caller) -> bytes:  # noqa: ARG002
        """Nobody asks for it."""
        return b""

    def told(self, told: Told) -> None:
        """Nothing to note."""

    def heard(self, who: str, what: str) -> None:
        """Nothing to note."""


def read_bytes() -> int:
    """Bytes that this process had the kernel read from disks (proc(5), io)."""
    io = dict(row.split(": ") for row in Path("/proc/self/io").read_text(encoding="ascii").splitlines())
    return int(io["read_bytes"])


def serve(file: Path, line: Connection) -> None:
    """The manager: tells its port, and on demand what it read from its disk and the CPU time it used."""

    async def run() -> None:
        address = IPv4Interface("127.0.0.1/8")
        caller = Caller("all", "02:00:00:00:00:01", address, "bios", path="all")
        app = Web(Place("lo", IPv4Address("127.0.0.1"), None), [caller], file.parent, "", Desk(file)).http()
        runner = web.AppRunner(app, access_log=None)
        await runner.setup()
        site = web.TCPSite(runner, "127.0.0.1", 0)
        await site.start()
        line.send(runner.addresses[0][1])
        while True:
            await asyncio.to_thread(line.recv)
            line.send((await asyncio.to_thread(read_bytes), sum(os.times()[:2])))

    asyncio.run(run())


async def receive(session: ClientSession, url: str, rate: float) -> int:
    """Take a file at a disk's pace; returns its bytes."""
    taken, start = 0, time.monotonic()
    async with session.get(url) as answer:
        async for chunk in answer.content.iter_chunked(CHUNK):
            taken += len(chunk)
            ahead = taken / rate - (time.monotonic() - start)
            if ahead > 0:
                await asyncio.sleep(ahead)
    return taken


async def measure(url: str, receivers: int, rate: float) -> float:
    """Seconds until all receivers have all."""
    start = time.monotonic()
    async with ClientSession(timeout=ClientTimeout(total=None), read_bufsize=CHUNK) as session:
        await asyncio.gather(*(receive(session, url, rate) for _ in range(receivers)))
    return time.monotonic() - start


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--mib", type=int, default=256, help="size of the image")
    parser.add_argument("--rate", type=float, default=25, help="MiB/s that each receiver writes")
    options = parser.parse_args()
    with TemporaryDirectory(dir="/var/tmp") as folder:
        file = Path(folder) / "image"
        with file.open("wb") as out:
            for _ in range(options.mib):
                out.write(os.urandom(1 << 20))
            out.flush()
            os.fsync(out.fileno())
        line, its = mp.Pipe()
        manager = mp.Process(target=serve, args=(file, its), daemon=True)
        manager.start()
        url = f"http://127.0.0.1:{line.recv()}/all/root.tar.zst"
        best = options.mib / options.rate
        print(f"{options.mib} MiB, receivers that write {options.rate:g} MiB/s: {best:.1f} s at best")
        for receivers in (1, 10, 40):
            with file.open("rb") as cold:
                os.posix_fadvise(cold.fileno(), 0, 0, os.POSIX_FADV_DONTNEED)
            line.send("")
            read, used = line.recv()
            took = asyncio.run(measure(url, receivers, options.rate * 2**20))
            line.send("")
            read_after, used_after = line.recv()
            print(
                f"{receivers:3} receivers: {took:6.1f} s ({took / best:.2f} of the best), the manager's disk reads"
                f" {(read_after - read) / 2**20 / options.mib:.2f} of the image, its CPU {used_after - used:.1f} s"
            )
        manager.terminate()


if __name__ == "__main__":
    main()

"""Send an image to 1, 10 and 40 receivers that write no faster than their disks, over a wire that carries so much.

`python benchmarks/image_stream.py [--mib 32] [--rate 8] [--wire 10]`: the manager is the boot service's own HTTP
application in a process of its own. `rate` is what a receiver's disk writes (MiB/s), `wire` what the manager's wire
carries (MiB/s; all that receivers take from the manager shares it; wires between receivers carry as much each). Three
ways: a stream from the manager for each; a chain, as the ramdisk does it, in which each hands on what it writes; and a
chain in which one disk writes half as fast, which is what a chain costs.
"""

import argparse
import asyncio
import multiprocessing as mp
import os
import time
from collections.abc import AsyncIterator
from ipaddress import IPv4Address, IPv4Interface
from multiprocessing.connection import Connection
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Literal

from aiohttp import ClientSession, ClientTimeout, web

from scs_rack.provision.artifact import Artifact
from scs_rack.provision.facts import Facts
from scs_rack.provision.netboot.callers import Caller, Place
from scs_rack.provision.netboot.web import Answer, Told, Web

CHUNK = 1 << 17


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

    async def meet(self, caller: Caller, what: Literal["turn", "pair"]) -> dict[str, str]:  # noqa: ARG002
        """Nobody asks."""
        return {}

    def seed(self, caller: Caller) -> bytes:  # noqa: ARG002
        """Nobody asks for it."""
        return b""

    def told(self, told: Told) -> None:
        """Nothing to note."""

    def heard(self, who: str, what: str) -> None:
        """Nothing to note."""


class Pace:
    """So many bytes a second, for all who share it."""

    def __init__(self, rate: float) -> None:
        self._rate, self._free = rate, time.monotonic()

    async def take(self, size: int) -> None:
        """Wait until these bytes are through."""
        self._free = max(self._free, time.monotonic()) + size / self._rate
        ahead = self._free - time.monotonic()
        if ahead > 0:
            await asyncio.sleep(ahead)


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


async def from_manager(session: ClientSession, url: str, wire: Pace) -> AsyncIterator[bytes]:
    """A stream from the manager, over its wire."""
    async with session.get(url) as answer:
        async for chunk in answer.content.iter_chunked(CHUNK):
            await wire.take(len(chunk))
            yield chunk


async def from_neighbour(port: int, wire: Pace) -> AsyncIterator[bytes]:
    """A stream from the server before."""
    reader, writer = await asyncio.open_connection("127.0.0.1", port, limit=CHUNK)
    while chunk := await reader.read(CHUNK):
        await wire.take(len(chunk))
        yield chunk
    writer.close()


async def ahead(chunks: AsyncIterator[bytes]) -> AsyncIterator[bytes]:
    """The same stream, read a little ahead: wire and disk work at the same time."""
    queue: asyncio.Queue[bytes | None] = asyncio.Queue(8)

    async def pump() -> None:
        async for chunk in chunks:
            await queue.put(chunk)
        await queue.put(None)

    pumping = asyncio.create_task(pump())
    while chunk := await queue.get():
        yield chunk
    await pumping


async def write(chunks: AsyncIterator[bytes], disk: Pace, after: asyncio.Queue[bytes | None] | None) -> int:
    """Take a stream at a disk's pace, and hand it on; returns its bytes."""
    taken = 0
    async for chunk in ahead(chunks):
        if after:
            await after.put(chunk)  # full: the server after this one is slower
        await disk.take(len(chunk))
        taken += len(chunk)
    if after:
        await after.put(None)
    return taken


async def star(session: ClientSession, url: str, disks: list[float], wire: float) -> list[int]:
    """A stream from the manager for each."""
    shared = Pace(wire)
    return await asyncio.gather(*(write(from_manager(session, url, shared), Pace(disk), None) for disk in disks))


async def chain(session: ClientSession, url: str, disks: list[float], wire: float) -> list[int]:
    """Each hands on what it writes."""
    tasks, port = [], 0
    servers = []
    for number, disk in enumerate(disks):
        after: asyncio.Queue[bytes | None] | None = None
        before = from_neighbour(port, Pace(wire)) if port else from_manager(session, url, Pace(wire))
        if number < len(disks) - 1:
            after = asyncio.Queue(4)

            async def hand_on(
                _reader: asyncio.StreamReader, writer: asyncio.StreamWriter, queue: asyncio.Queue[bytes | None] = after
            ) -> None:
                while chunk := await queue.get():
                    writer.write(chunk)
                    await writer.drain()
                writer.close()

            servers.append(await asyncio.start_server(hand_on, "127.0.0.1", 0))
            port = servers[-1].sockets[0].getsockname()[1]
        tasks.append(write(before, Pace(disk), after))
    found = await asyncio.gather(*tasks)
    for server in servers:
        server.close()
    return found


async def measure(url: str, way: str, disks: list[float], wire: float, size: int) -> float:
    """Seconds until all receivers have all."""
    start = time.monotonic()
    async with ClientSession(timeout=ClientTimeout(total=None), read_bufsize=CHUNK) as session:
        taken = await (star if way == "star" else chain)(session, url, disks, wire)
    if set(taken) != {size}:
        raise SystemExit(f"not all receivers got all: {sorted(set(taken))} of {size} bytes")
    return time.monotonic() - start


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--mib", type=int, default=32, help="size of the image")
    parser.add_argument("--rate", type=float, default=8, help="MiB/s that each receiver writes")
    parser.add_argument("--wire", type=float, default=10, help="MiB/s that a wire carries")
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
        best = options.mib / min(options.rate, options.wire)
        print(
            f"{options.mib} MiB, disks of {options.rate:g} MiB/s, wires of {options.wire:g} MiB/s: {best:.1f} s at best"
        )
        rate, wire, size = options.rate * 2**20, options.wire * 2**20, options.mib << 20
        runs = [(way, [rate] * count) for way in ("star", "chain") for count in (1, 10, 40)]
        runs.append(("chain, one disk half as fast", [rate] * 20 + [rate / 2] + [rate] * 19))
        for way, disks in runs:
            with file.open("rb") as cold:
                os.posix_fadvise(cold.fileno(), 0, 0, os.POSIX_FADV_DONTNEED)
            line.send("")
            read, used = line.recv()
            took = asyncio.run(measure(url, way.partition(",")[0], disks, wire, size))
            line.send("")
            read_after, used_after = line.recv()
            disk = (read_after - read) / 2**20 / options.mib
            print(
                f"{way}, {len(disks):2} receivers: {took:6.1f} s ({took / best:.2f} of the best), the manager's disk"
                f" reads {disk:.2f} of the image, its CPU {used_after - used:.1f} s",
                flush=True,
            )
        manager.terminate()


if __name__ == "__main__":
    main()

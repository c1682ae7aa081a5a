"""BMCs that do everything but answer: servers on loopback, each hostile in its own way."""

import asyncio
import contextlib
import ssl
import zlib
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from contextlib import asynccontextmanager
from pathlib import Path

from scs_rack.bmc import Target

from .emulators import target

Talk = Callable[[asyncio.StreamReader, asyncio.StreamWriter], Awaitable[None]]

OK = b"HTTP/1.1 200 OK\r\n"


def always(raw: bytes) -> Talk:
    """The same bytes for each request, then the end."""

    async def talk(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.readuntil(b"\r\n\r\n")
        writer.write(raw)
        await writer.drain()

    return talk


def for_ever(head: bytes, piece: bytes, pause: float = 0.0) -> Talk:
    """A beginning, then the same piece again and again."""

    async def talk(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.readuntil(b"\r\n\r\n")
        writer.write(head)
        while True:
            writer.write(piece)
            await writer.drain()
            await asyncio.sleep(pause)

    return talk


async def says_nothing(reader: asyncio.StreamReader, _writer: asyncio.StreamWriter) -> None:
    """Takes requests."""
    while await reader.read(4096):
        pass


def body(raw: bytes, *headers: bytes) -> bytes:
    """A whole answer that also logs in whoever asks."""
    stated = [b"X-Auth-Token: t", b"Location: /redfish/v1/SessionService/Sessions/1", *headers]
    return OK + b"\r\n".join(stated) + b"\r\nContent-Length: %d\r\n\r\n" % len(raw) + raw


def answers(raw: bytes) -> Talk:
    """The same body for all requests, on a connection that lasts."""

    async def talk(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        while True:
            head = (await reader.readuntil(b"\r\n\r\n")).lower()
            if b"content-length: " in head:
                await reader.readexactly(int(head.partition(b"content-length: ")[2].split(b"\r\n")[0]))
            writer.write(raw)
            await writer.drain()

    return talk


def bomb() -> bytes:
    """Three hundred megabytes in three hundred kilobytes."""
    packer = zlib.compressobj(9, wbits=31)
    return b"".join([*(packer.compress(bytes(1 << 20)) for _ in range(300)), packer.flush()])


def endless_pages() -> Talk:
    """Each page of a collection names another one."""

    async def talk(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        number = 0
        while True:
            head = (await reader.readuntil(b"\r\n\r\n")).lower()
            if b"content-length: " in head:
                await reader.readexactly(int(head.partition(b"content-length: ")[2].split(b"\r\n")[0]))
            number += 1
            writer.write(body(b'{"Members": [], "Members@odata.nextLink": "/redfish/v1/Systems?page=%d"}' % number))
            await writer.drain()

    return talk


def https(corpus: Path) -> Iterator[tuple[str, Talk]]:
    """Names and manners of hostile Redfish services."""
    for path in sorted((corpus / "http").iterdir()):
        if not path.name.startswith("good-"):
            yield f"http-{path.name}", always(path.read_bytes())
    for path in sorted((corpus / "redfish").iterdir()):
        yield f"redfish-{path.name}", answers(body(path.read_bytes()))
    chunked = OK + b"Transfer-Encoding: chunked\r\n\r\n"
    yield "silent", says_nothing
    yield "closes", always(b"")
    yield "body-for-ever", for_ever(OK + b"\r\n", b" " * 65536)
    yield "chunks-for-ever", for_ever(chunked, b"1\r\n \r\n" * 5000)
    yield "headers-10-mb", always(OK + b"".join(b"X-%d: %s\r\n" % (n, b"y" * 1000) for n in range(10000)) + b"\r\n")
    yield "one-header-10-mb", always(OK + b"X: " + b"y" * 10_000_000 + b"\r\n\r\n")
    yield "interim-for-ever", for_ever(b"", b"HTTP/1.1 100 Continue\r\n\r\n" * 100)
    yield "body-10-mb", always(body(b'{"a": "' + b"x" * 10_000_000 + b'"}'))
    yield "gzip-bomb", answers(body(bomb(), b"Content-Encoding: gzip"))
    yield "drips-headers", for_ever(OK, b"X: y\r\n", 0.05)
    yield "drips-body", for_ever(OK + b"Content-Length: 100000\r\n\r\n", b" ", 0.05)
    yield "drips-letters", for_ever(b"", b"H", 0.05)
    yield "endless-pages", endless_pages()
    yield "talks-unasked", for_ever(body(b"{}") * 3, body(b"{}"))


@asynccontextmanager
async def served(talk: Talk, tls: ssl.SSLContext | None, name: str) -> AsyncIterator[Target]:
    """Serve on a port that the kernel chooses."""
    tasks: set[asyncio.Task[None]] = set()

    async def client(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.current_task()
        assert task
        tasks.add(task)
        try:
            with contextlib.suppress(ConnectionError, ssl.SSLError, asyncio.IncompleteReadError):
                await talk(reader, writer)
        finally:
            tasks.discard(task)
            writer.close()

    server = await asyncio.start_server(client, "127.0.0.1", 0, ssl=tls)
    try:
        yield target("redfish", server.sockets[0].getsockname()[1], name=name)
    finally:
        server.close()
        for task in list(tasks):
            task.cancel()


class Babbler(asyncio.DatagramProtocol):
    """Answers each datagram with something else."""

    def __init__(self, answers_: list[bytes], times: int = 1) -> None:
        self.answers = answers_
        self.times = times

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        assert isinstance(transport, asyncio.DatagramTransport)
        self.transport = transport

    def datagram_received(self, data: bytes, addr: tuple[str, int]) -> None:
        for _ in range(self.times):
            for raw in self.answers or [data]:
                self.transport.sendto(raw, addr)


@asynccontextmanager
async def babbling(answers_: list[bytes], name: str, times: int = 1) -> AsyncIterator[Target]:
    """Listen on a UDP port that the kernel chooses."""
    loop = asyncio.get_running_loop()
    transport, _ = await loop.create_datagram_endpoint(lambda: Babbler(answers_, times), local_addr=("127.0.0.1", 0))
    try:
        yield target("ipmi", transport.get_extra_info("sockname")[1], name=name)
    finally:
        transport.close()

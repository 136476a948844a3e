"""A proxy that loses answers, delays them, and sends requests twice, by chance with a seed.

What it loses, the server has carried out: it waits for the answer to begin, and closes.
"""

import asyncio
import random
import threading
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from typing import Literal

_Pair = tuple[asyncio.StreamReader, asyncio.StreamWriter]
Protocol = Literal["http", "tcp"]
_LONGEST_DELAY = 0.5  # seconds
_PIECE = 65536  # bytes
_NO_BODY = (204, 304)
_EXPECT = b"expect: 100-continue\r\n"


class Faults:
    """What befalls the next answer."""

    def __init__(self, seed: str, share: float) -> None:
        self._chance = random.Random(seed)  # noqa: S311 - faults, no secret
        self._share = share
        #: Nothing befalls anything while this is set.
        self.quiet = False
        #: How many of each kind there were.
        self.done: Counter[str] = Counter()

    def next(self, kinds: tuple[str, ...]) -> str:
        """One of these kinds, or none."""
        if self.quiet or self._chance.random() >= self._share:
            return ""
        kind = self._chance.choice(kinds)
        self.done[kind] += 1
        return kind

    def delay(self) -> float:
        """Seconds."""
        return self._chance.uniform(0, _LONGEST_DELAY)


@contextmanager
def lossy(protocol: Protocol, port: int, faults: Faults) -> Iterator[int]:
    """The port of a proxy before this port of the same host."""
    serve = {"http": _http, "tcp": _tcp}[protocol]
    loop = asyncio.new_event_loop()
    tasks: set[asyncio.Task[None]] = set()

    async def client(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.current_task()
        assert task is not None
        tasks.add(task)
        try:
            up = await asyncio.open_connection("127.0.0.1", port)
            try:
                with suppress(OSError, EOFError):
                    await serve((reader, writer), up, faults, port)
            finally:
                up[1].close()
        finally:
            writer.close()
            tasks.discard(task)

    async def end() -> None:
        server.close()
        for task in tuple(tasks):
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)

    server = loop.run_until_complete(asyncio.start_server(client, "127.0.0.1", 0))
    thread = threading.Thread(target=loop.run_forever, name="lossy-proxy", daemon=True)
    thread.start()
    try:
        yield server.sockets[0].getsockname()[1]
    finally:
        asyncio.run_coroutine_threadsafe(end(), loop).result(30)
        loop.call_soon_threadsafe(loop.stop)
        thread.join(30)
        loop.close()


async def _tcp(client: _Pair, server: _Pair, faults: Faults, port: int) -> None:
    """Passes on what comes; answers are what the server sends at a time."""
    del port
    (reader, writer), (up_reader, up_writer) = client, server

    async def asked() -> None:
        with suppress(OSError):
            while piece := await reader.read(_PIECE):
                up_writer.write(piece)
                await up_writer.drain()
        up_writer.close()

    asking = asyncio.ensure_future(asked())
    try:
        while piece := await up_reader.read(_PIECE):
            kind = faults.next(("lost", "late"))
            if kind == "lost":
                return
            if kind == "late":
                await asyncio.sleep(faults.delay())
            writer.write(piece)
            await writer.drain()
    finally:
        asking.cancel()
        await asyncio.gather(asking, return_exceptions=True)


async def _http(client: _Pair, server: _Pair, faults: Faults, port: int) -> None:
    """Passes on one request after the other; those that may be repeated come twice at times."""
    (reader, writer), (up_reader, up_writer) = client, server
    while True:
        head = await reader.readuntil(b"\r\n\r\n")
        if (at := head.lower().find(_EXPECT)) >= 0:
            head = head[:at] + head[at + len(_EXPECT) :]
            writer.write(b"HTTP/1.1 100 Continue\r\n\r\n")
            await writer.drain()
        request = head + await _body(reader, head)
        method = head.split(b" ", 1)[0]
        kind = faults.next(("lost", "late") if method == b"POST" else ("lost", "late", "twice"))
        if kind == "twice":
            again_reader, again_writer = await asyncio.open_connection("127.0.0.1", port)
            again_writer.write(request)
            await _answer(again_reader, method)
            again_writer.close()
        up_writer.write(request)
        answer = await _answer(up_reader, method)
        if kind == "lost":
            return
        if kind == "late":
            await asyncio.sleep(faults.delay())
        writer.write(answer)
        await writer.drain()


async def _answer(reader: asyncio.StreamReader, method: bytes) -> bytes:
    head = await reader.readuntil(b"\r\n\r\n")
    status = int(head.split(b" ", 2)[1])
    if method == b"HEAD" or status in _NO_BODY:
        return head
    return head + await _body(reader, head)


async def _body(reader: asyncio.StreamReader, head: bytes) -> bytes:
    lines = [line.partition(b":") for line in head.lower().split(b"\r\n")[1:]]
    fields = {name.strip(): value.strip() for name, _, value in lines}
    if fields.get(b"transfer-encoding") != b"chunked":
        return await reader.readexactly(int(fields.get(b"content-length", b"0")))
    body = b""
    while True:
        size = await reader.readuntil(b"\r\n")
        length = int(size.split(b";")[0], 16)
        body += size + await reader.readexactly(length + 2)
        if length == 0:
            return body

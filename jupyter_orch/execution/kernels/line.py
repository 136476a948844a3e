"""The executor's end of a forked kernel's socket, and the client that nbclient calls on it."""

import asyncio
import os
import socket
from collections import deque
from collections.abc import Callable, Sequence
from datetime import datetime
from queue import Empty
from typing import Any

from jupyter_client.asynchronous.client import AsyncKernelClient
from jupyter_client.session import Session

from jupyter_orch.kernel.forked.frames import IOPUB, RECORD, SHELL, Assembler, apart, records

#: Records that are read in one turn, so that one talkative kernel does not keep the others waiting.
_TURN = 64
#: Bytes that may wait to be looked at before the kernel has to wait.
_MOST_UNREAD = 64_000_000


class RecordLine:
    """Sends and receives messages without blocking the loop."""

    def __init__(self, end: socket.socket, deliver: Callable[[list[bytes]], None]) -> None:
        """Takes over the socket."""
        self._socket = end
        self._deliver = deliver
        self._loop = asyncio.get_running_loop()
        self._assembler = Assembler()
        self._unsent: deque[bytes] = deque()
        self._unread = 0
        self._reading = True
        end.setblocking(False)
        self._loop.add_reader(end, self._receive)

    def put(self, parts: Sequence[bytes]) -> None:
        """Sends one message, now or as soon as there is room."""
        waiting = bool(self._unsent)
        self._unsent.extend(records(os.getpid(), parts))
        if not waiting and not self._send():
            self._loop.add_writer(self._socket, self._send_rest)

    def taken(self, size: int) -> None:
        """Says that so many bytes of what was delivered have been dealt with."""
        self._unread -= size
        if not self._reading and self._unread < _MOST_UNREAD // 2 and self._socket.fileno() >= 0:
            self._reading = True
            self._loop.add_reader(self._socket, self._receive)

    def close(self) -> None:
        """Lets go of the socket."""
        if self._socket.fileno() >= 0:
            self._loop.remove_reader(self._socket)
            self._loop.remove_writer(self._socket)
            self._socket.close()

    def _send(self) -> bool:
        """Sends what there is room for; whether nothing is left."""
        try:
            while self._unsent:
                self._socket.send(self._unsent[0])
                self._unsent.popleft()
        except BlockingIOError:
            return False
        except OSError:  # it has ended; its wait status says so
            self._unsent.clear()
        return True

    def _send_rest(self) -> None:
        if self._send():
            self._loop.remove_writer(self._socket)

    def drain(self) -> None:
        """Delivers all that has arrived: for a kernel that has ended."""
        while self._socket.fileno() >= 0 and self._receive_one():
            pass

    def _receive(self) -> None:
        for _ in range(_TURN):
            if not self._receive_one():
                return
        if self._unread > _MOST_UNREAD:
            self._reading = False
            self._loop.remove_reader(self._socket)

    def _receive_one(self) -> bool:
        try:
            record = self._socket.recv(RECORD)
        except BlockingIOError:
            return False
        except OSError:
            record = b""
        if not record:
            self._loop.remove_reader(self._socket)
            return False
        message = self._assembler.feed(record)
        for each in [] if message is None else apart(message):
            self._unread += sum(map(len, each))
            self._deliver(each)
        return True


class RecordClient(AsyncKernelClient):
    """jupyter_client's client over a `RecordLine`."""

    def __init__(self, end: socket.socket, on_other: Callable[[list[bytes]], None]) -> None:
        """Connects.

        Args:
            end: The socket to the kernel.
            on_other: Gets messages that are none of Jupyter's.
        """
        super().__init__(session=Session())
        self.session.auth = None  # nobody else can write to the socket
        self.allow_stdin = False
        self.line = RecordLine(end, self._deliver)
        self._on_other = on_other
        self._shell_channel = _Channel(self)
        self._iopub_channel = _Channel(self)
        self._by_name = {SHELL: self._shell_channel, IOPUB: self._iopub_channel}

    async def is_alive(self) -> bool:
        """The end of a kernel is told by its lease."""
        return True

    def _deliver(self, message: list[bytes]) -> None:
        channel = self._by_name.get(message[0])
        if channel is None:
            self.line.taken(sum(map(len, message)))
            self._on_other(message)
        else:
            channel.give(message)


class _Channel:
    def __init__(self, client: RecordClient) -> None:
        self._client = client
        self._waiting: asyncio.Queue[list[bytes]] = asyncio.Queue()

    def give(self, message: list[bytes]) -> None:
        self._waiting.put_nowait(message)

    def send(self, msg: dict[str, Any]) -> None:
        self._client.line.put([b"", *self._client.session.serialize(msg)])

    async def get_msg(
        self,
        timeout: float | None = None,  # noqa: ASYNC109 - jupyter_client's signature
    ) -> dict[str, Any]:
        """The next message.

        Raises:
            Empty: None came within `timeout` seconds.
        """
        if not self._waiting.empty():
            message = self._waiting.get_nowait()
        elif timeout is None:
            message = await self._waiting.get()
        else:
            try:
                message = await asyncio.wait_for(self._waiting.get(), timeout)
            except TimeoutError:
                raise Empty from None
        self._client.line.taken(sum(map(len, message)))
        return self._read(message)

    def _read(self, message: list[bytes]) -> dict[str, Any]:
        """As `Session.deserialize`, which parses dates that nobody looks at."""
        session = self._client.session
        _, (_, header, parent, metadata, content, *buffers) = session.feed_identities(message[1:])
        found = session.unpack(header)
        if isinstance(found.get("date"), str):
            found["date"] = datetime.fromisoformat(found["date"])
        return {
            "header": found,
            "msg_id": found["msg_id"],
            "msg_type": found["msg_type"],
            "parent_header": session.unpack(parent),
            "metadata": session.unpack(metadata),
            "content": session.unpack(content),
            "buffers": [memoryview(buffer) for buffer in buffers],
        }

    def is_alive(self) -> bool:
        return True

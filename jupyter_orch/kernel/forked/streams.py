"""What a forked kernel prints and publishes: ipykernel's streams, without its thread for sending.

`Publisher` stands where ipykernel has its thread for IOPub; sending happens where it is asked for.
"""

import codecs
import contextlib
import fcntl
import heapq
import itertools
import os
import select
import signal
import struct
import termios
import threading
import time
from collections.abc import Callable, Sequence
from typing import Any

from ipykernel import iostream

from jupyter_orch.kernel.forked.frames import IOPUB, SHELL, records

#: Bytes of what programs write that go to the console as well, where ipykernel sends all of it.
_ECHOED = 1_000_000
#: Characters that a stream gathers before it sends them, should that be before ipykernel's time.
_MOST_GATHERED = 4_000_000


class Link:
    """The socket to the executor: sends whole messages from any thread, and after a fork."""

    def __init__(self, send: Callable[[bytes], int]) -> None:
        self._send = send
        self._lock = threading.Lock()
        os.register_at_fork(after_in_child=self._renew)

    def _renew(self) -> None:
        self._lock = threading.Lock()  # another thread may have held it

    def put(self, channel: bytes, parts: Sequence[Any]) -> None:
        """Sends one message; an interrupt waits until it is out."""
        before = signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGINT})
        try:
            with self._lock:
                for record in records(os.getpid(), [channel, *parts]):
                    self._send(record)
        finally:
            signal.pthread_sigmask(signal.SIG_SETMASK, before)


class ShellStream:
    """Where ipykernel sends its replies."""

    def __init__(self, link: Link) -> None:
        self._link = link

    def send_multipart(self, parts: Sequence[Any], *_args: Any, **_options: Any) -> None:
        """Sends a reply."""
        self._link.put(SHELL, parts)

    def flush(self, *_args: Any) -> None:
        """Nothing waits here."""


class _Ended:
    """A thread that has ended, for what asks whether it may wait for one."""

    ident = None

    def is_alive(self) -> bool:
        return False


class Publisher(iostream.IOPubThread):
    """Sends on IOPub at once, in the thread that asks."""

    def __init__(self, link: Link) -> None:  # the thread and sockets of the base are not wanted
        self._link = link
        self.socket = self  # any object says that it is open
        self.thread: Any = _Ended()
        self.io_loop: Any = _Timer()
        self.background_socket = iostream.BackgroundSocket(self)

    def schedule(self, f: Callable[[], Any]) -> None:
        """Calls it now."""
        f()

    def send_multipart(self, *args: Any, **_options: Any) -> None:
        """Sends a message."""
        self._link.put(IOPUB, args[0])

    def stop(self) -> None:
        """There is no thread to stop."""

    def close(self) -> None:
        """The link stays open until the process ends."""


class _Timer:
    """Calls functions later, in a thread that begins with the first of them."""

    def __init__(self) -> None:
        self._changed = threading.Condition()
        self._due: list[tuple[float, int, Callable[[], Any]]] = []
        self._numbers = itertools.count()
        self._pid = 0

    def call_later(self, seconds: float, callback: Callable[[], Any]) -> None:
        with self._changed:
            heapq.heappush(self._due, (time.monotonic() + seconds, next(self._numbers), callback))
            if self._pid == os.getpid():
                self._changed.notify()
                return
            with contextlib.suppress(RuntimeError):  # no more threads: the cell's end sends it
                threading.Thread(target=self._run, name="IOPub", daemon=True).start()
                self._pid = os.getpid()

    def _run(self) -> None:
        signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGINT})
        while True:
            with self._changed:
                while not self._due or self._due[0][0] > time.monotonic():
                    pause = self._due[0][0] - time.monotonic() if self._due else None
                    self._changed.wait(pause)
                callback = heapq.heappop(self._due)[2]
            callback()


class OutStream(iostream.OutStream):
    """ipykernel's stream, in order with what this process writes to the file descriptor."""

    _fid: int

    def __init__(self, *args: Any, **options: Any) -> None:
        self._decoder = codecs.getincrementaldecoder("utf-8")("replace")
        self._draining = threading.RLock()
        self._drainer: int | None = None
        self._echoed = 0
        self._flushing = threading.RLock()
        super().__init__(*args, **options)
        self._buffer_lock: Any = _AfterPipe(self._take_from_pipe)

    def _schedule_flush(self) -> None:
        """As ipykernel's, which then gathers all that comes within a fifth of a second."""
        super()._schedule_flush()
        if self._drainer != threading.get_ident():
            self._send_if_large()

    def _send_if_large(self) -> None:
        with contextlib.suppress(RuntimeError, ValueError):  # another thread has just taken it
            if sum(buffer.tell() for buffer in self._buffers.values()) > _MOST_GATHERED:
                self._flush()

    def _flush(self) -> None:
        """As ipykernel's; what one thread has taken to send is sent before another takes more."""
        if not self._is_master_process():  # a thread of the parent may have held the lock
            super()._flush()
            return
        with self._flushing:
            super()._flush()

    def _watch_pipe_fd(self) -> None:
        signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGINT})
        poll = select.poll()
        poll.register(self._fid, select.POLLIN)
        while self._should_watch:
            poll.poll()
            self._take_from_pipe()
            self._send_if_large()

    def _take_from_pipe(self) -> None:
        """Writes what waits in the pipe now."""
        me = threading.get_ident()
        if not self._should_watch or self._drainer == me or not self._is_master_process():
            return
        with self._draining:
            (size,) = struct.unpack("i", fcntl.ioctl(self._fid, termios.FIONREAD, b"\0\0\0\0"))
            if not size:
                return
            self._drainer = me
            try:
                data = os.read(self._fid, size)
                self.write(self._decoder.decode(data))
                with contextlib.suppress(OSError):  # its disk is full, or the notebook closed it
                    os.write(self._original_stdstream_copy, data[: max(0, _ECHOED - self._echoed)])
                self._echoed += size
            finally:
                self._drainer = None


class _AfterPipe:
    """The lock of a stream's buffers: what waits in its pipe goes before who takes it."""

    def __init__(self, take: Callable[[], None]) -> None:
        self._take = take
        self._lock = threading.RLock()

    def __enter__(self) -> None:
        self._take()
        self._lock.acquire()

    def __exit__(self, *_: object) -> None:
        self._lock.release()

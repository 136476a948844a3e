"""What a forked kernel prints and publishes: ipykernel's streams, with one thread for all of it.

`Publisher` stands where ipykernel has its thread for IOPub; sending happens where it is asked for.
What has to happen later, and what programs write to the streams' file descriptors, is seen to by
the thread of `_Helper`, where ipykernel has one for each.
"""

import codecs
import contextlib
import fcntl
import heapq
import itertools
import math
import os
import select
import signal
import struct
import sys
import termios
import threading
import time
from collections.abc import Callable, Sequence
from typing import Any

from ipykernel import iostream

from jupyter_orch.kernel.forked.frames import IOPUB, SHELL, records, together

#: Bytes of what programs write that go to the console as well, where ipykernel sends all of it.
_ECHOED = 1_000_000
#: Characters that a stream gathers before it sends them, should that be before ipykernel's time.
_MOST_GATHERED = 4_000_000


class Link:
    """The socket to the executor: sends whole messages from any thread, and after a fork."""

    def __init__(self, send: Callable[[bytes], int]) -> None:
        self._send = send
        self._lock = threading.Lock()
        self._held: list[Sequence[Any]] = []
        os.register_at_fork(after_in_child=self._renew)

    def _renew(self) -> None:
        self._lock = threading.Lock()  # another thread may have held it
        self._held = []  # the parent sends it

    def put(self, channel: bytes, parts: Sequence[Any], *, more: bool = False) -> None:
        """Sends one message; an interrupt waits until it is out.

        Args:
            channel: Where it goes.
            parts: The message.
            more: Whether another one follows at once: it waits for that, as each sending wakes the
                executor.
        """
        before = signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGINT})
        try:
            with self._lock:
                self._held.append([channel, *parts])
                if more:
                    return
                messages, self._held = self._held, []
                for record in records(os.getpid(), together(messages)):
                    self._send(record)
        finally:
            signal.pthread_sigmask(signal.SIG_SETMASK, before)


class ShellStream:
    """Where ipykernel sends its replies."""

    def __init__(self, link: Link) -> None:
        self._link = link

    def send_multipart(self, parts: Sequence[Any], *_args: Any, **_options: Any) -> None:
        """Sends a reply, with the word that the kernel is idle, which always follows."""
        self._link.put(SHELL, parts, more=True)

    def flush(self, *_args: Any) -> None:
        """Nothing waits here."""


class _Ended:
    """A thread that has ended, for what asks whether it may wait for one."""

    ident = None

    def is_alive(self) -> bool:
        return False

    def join(self) -> None:
        """Nothing goes on."""


class Publisher(iostream.IOPubThread):
    """Sends on IOPub at once, in the thread that asks."""

    def __init__(self, link: Link) -> None:  # the thread and sockets of the base are not wanted
        self._link = link
        self.socket = self  # any object says that it is open
        self.thread: Any = _Ended()
        self.io_loop: Any = _Helper()
        #: Whether the next message is followed by another one at once.
        self.followed = False
        self.background_socket = iostream.BackgroundSocket(self)

    def schedule(self, f: Callable[[], Any]) -> None:
        """Calls it now."""
        f()

    def send_multipart(self, *args: Any, **_options: Any) -> None:
        """Sends a message."""
        more, self.followed = self.followed, False
        self._link.put(IOPUB, args[0], more=more)

    def stop(self) -> None:
        """There is no thread to stop."""

    def close(self) -> None:
        """The link stays open until the process ends."""


class _Helper:
    """Calls functions later, or when something waits in a pipe, in a thread of its own."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._due: list[tuple[float, int, Callable[[], Any]]] = []
        self._numbers = itertools.count()
        self._pipes: dict[int, Callable[[], Any]] = {}
        self._wake = -1
        self._pid = 0

    def call_later(self, seconds: float, callback: Callable[[], Any]) -> None:
        """Calls it once, after so long."""
        due = (time.monotonic() + seconds, next(self._numbers), callback)
        with self._lock:
            heapq.heappush(self._due, due)
            first = self._due[0] is due
        if first:
            with contextlib.suppress(RuntimeError):  # no more threads: the cell's end sends it
                self._look_again()

    def watch(self, pipe: int, callback: Callable[[], Any]) -> None:
        """Calls it whenever there is something to read."""
        with self._lock:
            self._pipes[pipe] = callback
        self._look_again()

    def forget(self, pipe: int) -> None:
        """Watches it no more."""
        with self._lock:
            del self._pipes[pipe]
        self._look_again()

    def _look_again(self) -> None:
        if self._pid == os.getpid():
            os.eventfd_write(self._wake, 1)
            return
        if self._pid:  # forked by the notebook: what is in the pipes is for its parent
            self._pipes.clear()
        self._wake = os.eventfd(1)
        threading.Thread(target=self._run, name="IOPub", daemon=True).start()
        self._pid = os.getpid()

    def _run(self) -> None:
        signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGINT})
        poll = select.poll()
        poll.register(self._wake, select.POLLIN)
        watched: dict[int, Callable[[], Any]] = {}
        while True:
            for ready, _ in poll.poll(self._pause()):
                if ready == self._wake:
                    os.eventfd_read(self._wake)
                    watched = self._rewatch(poll, watched)
                elif ready in watched:
                    watched[ready]()
            while (callback := self._next_due()) is not None:
                callback()

    def _pause(self) -> int | None:
        """Milliseconds until the next call."""
        with self._lock:
            if not self._due:
                return None
            return max(0, math.ceil((self._due[0][0] - time.monotonic()) * 1000))

    def _next_due(self) -> Callable[[], Any] | None:
        with self._lock:
            if self._due and self._due[0][0] <= time.monotonic():
                return heapq.heappop(self._due)[2]
            return None

    def _rewatch(
        self, poll: "select.poll", before: dict[int, Callable[[], Any]]
    ) -> dict[int, Callable[[], Any]]:
        with self._lock:
            wanted = dict(self._pipes)
        for pipe in before.keys() - wanted.keys():
            poll.unregister(pipe)
        for pipe in wanted.keys() - before.keys():
            poll.register(pipe, select.POLLIN)
        return wanted


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

    def _setup_stream_redirects(self, name: str) -> None:
        """As ipykernel's, without a thread for each stream."""
        self._exc = None
        self._fid, end = os.pipe()
        self._original_stdstream_fd = getattr(sys, name).fileno()
        self._original_stdstream_copy = os.dup(self._original_stdstream_fd)
        os.dup2(end, self._original_stdstream_fd)
        self.watch_fd_thread: Any = _Ended()
        self._io_loop.watch(self._fid, self._see_to_pipe)

    def close(self) -> None:
        """As ipykernel's."""
        if self._should_watch:
            self._io_loop.forget(self._fid)
        super().close()

    def _see_to_pipe(self) -> None:
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

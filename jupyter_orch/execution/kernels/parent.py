"""The executor's hold on a process that kernels are forked from."""

import asyncio
import contextlib
import json
import os
import signal
import socket
import subprocess
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, NamedTuple

from jupyter_orch.execution.kernels.lease import KernelFailed
from jupyter_orch.kernel.forked.frames import PROTOCOL

_MODULE = "jupyter_orch.kernel.forked.parent"
_LONGEST = 1 << 16  # bytes of a record
_READY_SECONDS = 120.0  # a loaded machine takes its time to import


@dataclass(frozen=True)
class ForkEnvironment:
    """What a parent must be equal in to serve a notebook; everything else is set after the fork."""

    interpreter: str
    #: Arguments of ipykernel, the connection file among them.
    argv: tuple[str, ...]
    #: The environment, but for what differs from attempt to attempt.
    variables: tuple[tuple[str, str], ...]


class Forked(NamedTuple):
    """A child, which may have ended before anybody looks."""

    pid: int
    #: Its wait status.
    exited: "asyncio.Future[int]"


class ForkParent:
    """One such process; made by `start`."""

    def __init__(self, process: "subprocess.Popen[bytes]", line: socket.socket) -> None:
        self._process = process
        self._line = line
        self._loop = asyncio.get_running_loop()
        self._answers: dict[int, asyncio.Future[Forked]] = {}
        self._exits: dict[int, asyncio.Future[int]] = {}
        self._orphans: dict[int, bool] = {}
        self._forks = 0
        self._born = time.monotonic()
        self._ready: asyncio.Future[Mapping[str, Any]] = self._loop.create_future()
        #: Modules that are worth knowing about when a notebook imports them.
        self.watched: list[str] = []
        #: Kernels that ended because this process did.
        self.killed: set[int] = set()
        #: Folders and files that decide what its imports give.
        self.paths: list[str] = []

    @classmethod
    async def start(
        cls,
        wanted: ForkEnvironment,
        *,
        first: tuple[str, ...],
        then: tuple[str, ...],
        watched: list[str],
        folder: Path,
        preexec_fn: Callable[[], None] | None = None,
    ) -> "ForkParent":
        """Starts it and waits until it has imported.

        Args:
            wanted: The environment that it serves.
            first: Modules to import; one that cannot be imported is left to the notebooks.
            then: More of them, which find a notebook's shell when they are imported.
            watched: Modules whose import by a notebook is told.
            folder: Where it may leave what it writes to its console.
            preexec_fn: Called in the process before it becomes Python.

        Raises:
            KernelFailed: It did not get ready; the text has its last words.
        """
        ours, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        console = folder / f"parent-{time.monotonic_ns()}"
        with theirs, console.open("wb") as errors:
            process = subprocess.Popen(  # noqa: ASYNC220 - starting takes a millisecond
                [wanted.interpreter, "-m", _MODULE, str(theirs.fileno())],
                pass_fds=[theirs.fileno()],
                stdin=subprocess.DEVNULL,
                stdout=errors,
                stderr=errors,
                env=dict(wanted.variables),
                cwd=folder,
                start_new_session=True,
                preexec_fn=preexec_fn,  # noqa: PLW1509 - an executor has no other thread
            )
        ours.setblocking(False)
        parent = cls(process, ours)
        parent.watched = watched
        request = {"executor": os.getpid(), "first": first, "then": then, "argv": list(wanted.argv)}
        with contextlib.suppress(OSError):  # it has ended; its last words say why
            ours.send(json.dumps(request).encode())
        parent._loop.add_reader(ours, parent._receive)
        try:
            async with asyncio.timeout(_READY_SECONDS):
                ready = await parent._ready
        except (TimeoutError, KernelFailed):
            parent.close()
            said = console.read_text("utf-8", "replace").strip().splitlines()[-1:]
            raise KernelFailed(" ".join(["It does not start.", *said])) from None
        except BaseException:  # nobody waits for it any more
            parent.close()
            raise
        finally:
            console.unlink(missing_ok=True)
        if ready["protocol"] != PROTOCOL:
            parent.close()
            raise KernelFailed("Its jupyter_orch is of another version.")
        parent.paths = ready["paths"]
        return parent

    @property
    def alive(self) -> bool:
        """Whether it can fork."""
        return self._line.fileno() >= 0

    @property
    def busy(self) -> int:
        """Kernels of it that have not ended, and those that it is asked for."""
        return len(self._exits) + len(self._answers)

    @property
    def forks(self) -> int:
        """How often it has forked."""
        return self._forks

    @property
    def age(self) -> float:
        """Seconds since it was started."""
        return time.monotonic() - self._born

    async def fork(self, line: int, groups: Sequence[str]) -> "Forked":
        """Makes a child that holds the file descriptor and is in the control groups.

        Raises:
            KernelFailed: It is gone, or cannot fork.
        """
        self._forks += 1
        number = self._forks
        answer: asyncio.Future[Forked] = self._loop.create_future()
        self._answers[number] = answer
        try:
            request = json.dumps({"id": number, "groups": list(groups)}).encode()
            socket.send_fds(self._line, [request], [line])
            return await answer
        except OSError as error:
            raise KernelFailed(
                f"The process that kernels are forked from is gone: {error}."
            ) from error
        finally:
            self._answers.pop(number, None)

    def orphans_of(self, pid: int) -> bool:
        """Whether children had left processes behind when this one ended."""
        return self._orphans.pop(pid, True)

    def close(self) -> None:
        """Ends it, and with it every child that it still has."""
        self._lose()
        with contextlib.suppress(ProcessLookupError):
            os.kill(self._process.pid, signal.SIGKILL)
        self._process.wait()

    def _receive(self) -> None:
        while True:
            try:
                data = self._line.recv(_LONGEST)
            except BlockingIOError:
                return
            except OSError:
                data = b""
            if not data:
                self._lose()
                return
            self._handle(json.loads(data))

    def _handle(self, message: Mapping[str, Any]) -> None:
        if "protocol" in message:
            self._ready.set_result(message)
        elif "ended" in message:
            self._orphans[message["ended"]] = message["orphans"]
            self._end(message["ended"], message["status"])
        elif (answer := self._answers.get(message["id"])) is not None and not answer.done():
            if "pid" in message:
                exited = self._exits[message["pid"]] = self._loop.create_future()
                answer.set_result(Forked(message["pid"], exited))
            else:
                answer.set_exception(KernelFailed(f"It cannot fork: {message['error']}."))

    def _end(self, pid: int, status: int) -> None:
        exited = self._exits.pop(pid, None)
        if exited is not None and not exited.done():
            exited.set_result(status)

    def _lose(self) -> None:
        """It has ended: so have its children, by the system's hand."""
        if self._line.fileno() < 0:
            return
        self._loop.remove_reader(self._line)
        self._line.close()
        gone = KernelFailed("The process that kernels are forked from has ended.")
        futures: list[asyncio.Future[Any]] = [self._ready, *self._answers.values()]
        for waiting in futures:
            if not waiting.done():
                waiting.set_exception(gone)
        if not self._ready.cancelled():
            self._ready.exception()  # nobody may be waiting any more
        self.killed = set(self._exits)
        for pid in self.killed:
            self._end(pid, signal.SIGKILL)

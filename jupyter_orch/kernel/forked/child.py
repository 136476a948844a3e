"""A forked kernel from its first instruction to its last."""

import asyncio
import atexit
import contextlib
import ctypes
import gc
import json
import os
import signal
import socket
import sys
import tempfile
import threading
import time
import traceback
from collections.abc import Mapping
from functools import partial
from pathlib import Path
from typing import Any, NoReturn

import zmq
from ipykernel.utils import _async_in_context
from tornado.ioloop import IOLoop

from jupyter_orch.kernel.forked.app import ForkedApp
from jupyter_orch.kernel.forked.frames import BYE, RECORD, SHUTDOWN, Assembler, kernel_name
from jupyter_orch.kernel.forked.streams import Link

_PR_SET_PDEATHSIG, _PR_SET_NAME, _PR_SET_CHILD_SUBREAPER = 1, 15, 36
_libc = ctypes.CDLL(None, use_errno=True)
#: Exit status of a kernel that failed before or between cells.
FAILED = 97


def die_with(parent: int) -> None:
    """Lets the system kill this process when its parent ends, which may have happened already."""
    _libc.prctl(_PR_SET_PDEATHSIG, signal.SIGKILL)
    if os.getppid() != parent:
        os._exit(FAILED)


def adopt_orphans() -> None:
    """Makes this process the parent of what its children leave behind."""
    _libc.prctl(_PR_SET_CHILD_SUBREAPER, 1)


def run(
    app: ForkedApp, known: frozenset[str], parent: int, line: socket.socket, groups: list[str]
) -> NoReturn:
    """Waits for what to be, and is it until the executor or the notebook ends it.

    Args:
        app: The prepared application.
        known: Modules that are imported. Made before the fork, as it touches, and by that copies,
            the names of all of them.
        parent: The process that forked this one.
        line: The socket to the executor.
        groups: Folders of the control groups to be in.
    """
    status = FAILED
    try:
        die_with(parent)
        os.setsid()
        _join(groups)
        line.set_inheritable(False)  # as it came by another socket, programs would get it, too
        kernel = _Kernel(app, known, line)
        if kernel.wait():
            kernel.serve()
        status = 0
    except BaseException:  # noqa: BLE001 - whatever it is, nothing of the parent may go on here
        os.write(2, traceback.format_exc().encode("utf-8", "replace"))
    os._exit(status)


class _Kernel:
    def __init__(self, app: ForkedApp, known: frozenset[str], line: socket.socket) -> None:
        self._app = app
        self._line = line
        self._assembler = Assembler()
        self._link = Link(line.send)
        self._known = known
        self._watched: list[str] = []

    def wait(self) -> bool:
        """Becomes what the executor wants; false when it wants nothing any more."""
        while (record := self._line.recv(RECORD)) != b"":
            message = self._assembler.feed(record)
            if message is not None:
                self._become(json.loads(message[1]))
                return True
        return False

    def _become(self, wanted: Mapping[str, Any]) -> None:
        console = os.open(wanted["console"], os.O_WRONLY | os.O_APPEND)
        os.dup2(console, 1)
        os.dup2(console, 2)
        os.close(console)
        os.environ.clear()
        os.environ.update(wanted["env"] | self._app.variables)
        time.tzset()
        tempfile.tempdir = None  # it was the parent's
        os.chdir(wanted["cwd"])
        _libc.prctl(_PR_SET_NAME, kernel_name(os.getpid()).encode())
        self._watched = wanted["watched"]
        _reseed()

    def serve(self) -> None:
        """Executes requests until told to end."""
        loop = asyncio.new_event_loop()
        asyncio.set_event_loop(loop)
        self._app.begin(self._link)
        self._main = _async_in_context(partial(self._app.kernel.shell_main, None))
        self._tasks: set[asyncio.Task[Any]] = set()
        loop.add_reader(self._line, self._receive, loop)
        IOLoop.current().start()
        self._leave()

    def _receive(self, loop: asyncio.AbstractEventLoop) -> None:
        try:
            record = self._line.recv(RECORD)
        except OSError:
            record = b""
        if not record:  # the executor is gone, and so is everybody who could read a result
            os._exit(FAILED)
        message = self._assembler.feed(record)
        if message is None:
            return
        if message[0] == SHUTDOWN:
            loop.stop()
            return
        frames = [zmq.Frame(part) for part in message[1:]]
        task = loop.create_task(self._main(frames))
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    def _leave(self) -> None:
        """Ends as an interpreter does, but for taking its memory apart."""
        fresh = {name for name in self._watched if name in sys.modules and name not in self._known}
        self._link.put(BYE, [json.dumps(sorted(fresh)).encode()])
        threading._shutdown()  # type: ignore[attr-defined]  # noqa: SLF001 - joins threads
        self._app.forget_history()
        atexit._run_exitfuncs()  # noqa: SLF001 - as at any exit
        gc.collect()  # files that nobody closed are written
        for stream in (sys.__stdout__, sys.__stderr__):
            if stream is not None:
                stream.flush()


def _join(groups: list[str]) -> None:
    """Before anything of a notebook: all that it starts is in them, too."""
    for folder in groups:
        with contextlib.suppress(OSError):  # it was removed: nobody waits for this kernel
            Path(folder, "cgroup.procs").write_text("0")


def _reseed() -> None:
    """What would be equal in every fork of one parent, and must not be."""
    numpy = sys.modules.get("numpy.random")
    if numpy is not None:
        numpy.seed()
    process = sys.modules.get("multiprocessing.process")
    if process is not None:
        process.current_process().authkey = os.urandom(32)

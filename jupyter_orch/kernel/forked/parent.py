"""The process that kernels are forked from: `python -m jupyter_orch.kernel.forked.parent FD`.

The file descriptor is a socket of records to the executor. Its first record says what to import.
Then each request to fork brings the kernel's socket and names its control groups; the answer is its
process id. The end of a child is told with its wait status. It dies with its executor.
"""

import contextlib
import gc
import importlib
import json
import os
import select
import signal
import socket
import sys
import traceback
from pathlib import Path
from typing import Any, NoReturn

from jupyter_orch.kernel.forked.frames import PROTOCOL

_LONGEST = 1 << 16  # bytes of a record
_MOST_LOOSE = 200  # files outside the folders of packages that are worth watching
_CHILDREN = Path(f"/proc/self/task/{os.getpid()}/children")


def main() -> None:
    """Imports, says that it is ready, and forks until its executor is gone."""
    if sys.path[0] in ("", str(Path.cwd())):  # as ipykernel's launcher: a folder is not to matter
        del sys.path[0]
    line = socket.socket(fileno=int(sys.argv[1]))
    wanted = json.loads(line.recv(_LONGEST))
    environ = dict(os.environ)
    # as ipykernel sets it before the first cell; matplotlib reads it when it is imported
    os.environ.setdefault("MPLBACKEND", "module://matplotlib_inline.backend_inline")

    from jupyter_orch.kernel.forked import child
    from jupyter_orch.kernel.forked.app import ForkedApp

    child.die_with(wanted["executor"])
    child.adopt_orphans()
    _import(wanted["first"])
    app = ForkedApp.instance()
    app.prepare(wanted["argv"])
    _import(wanted["then"])  # some look for a notebook's shell when they are imported
    app.rehearse()
    app.keep_variables(environ)
    _tell(line, protocol=PROTOCOL, paths=_paths(app))
    gc.collect()
    gc.freeze()
    _Parent(line, app).serve()


def _import(names: list[str]) -> None:
    """Imports what there is; a notebook that imports what fails hears why."""
    for name in names:
        with contextlib.suppress(Exception):
            importlib.import_module(name)


def _paths(app: Any) -> list[str]:
    """What decides what the imports give: folders of packages, files outside them, settings."""
    folders = [folder for folder in sys.path if folder]
    packages = tuple(f"{folder}/" for folder in folders if folder.endswith("-packages"))
    standard = f"{Path(os.__file__).parent}/"
    files = (getattr(module, "__file__", None) for module in list(sys.modules.values()))
    loose = {file for file in files if file and not file.startswith((*packages, standard))}
    settings = [
        f"{folder}/{name}_config.{kind}"
        for folder in app.config_file_paths
        for name in ("ipython", "ipython_kernel")
        for kind in ("py", "json")
    ]
    return [*folders, *sorted(loose)[:_MOST_LOOSE], *settings]


def _tell(line: socket.socket, **message: Any) -> None:
    line.send(json.dumps(message).encode())


class _Parent:
    def __init__(self, line: socket.socket, app: Any) -> None:
        self._line = line
        self._app = app
        self._known = frozenset(sys.modules)
        self._kernels: set[int] = set()
        self._wake_read, self._wake_write = os.pipe()
        os.set_blocking(self._wake_read, False)
        os.set_blocking(self._wake_write, False)
        signal.signal(signal.SIGCHLD, lambda *_: None)
        signal.set_wakeup_fd(self._wake_write, warn_on_full_buffer=False)

    def serve(self) -> None:
        poll = select.poll()
        poll.register(self._line, select.POLLIN)
        poll.register(self._wake_read, select.POLLIN)
        while True:
            for ready, _ in poll.poll():
                if ready == self._wake_read:
                    with contextlib.suppress(BlockingIOError):
                        os.read(self._wake_read, 4096)
                    self._reap()
                else:
                    self._answer()

    def _answer(self) -> None:
        data, descriptors, _, _ = socket.recv_fds(self._line, _LONGEST, 1)
        if not data:
            os._exit(0)
        (line,) = descriptors
        request = json.loads(data)
        me = os.getpid()
        try:
            pid = os.fork()
        except OSError as error:
            _tell(self._line, id=request["id"], error=str(error))
        else:
            if pid == 0:
                self._become(me, line, request["groups"])
            self._kernels.add(pid)
            _tell(self._line, id=request["id"], pid=pid)
        os.close(line)

    def _become(self, parent: int, line: int, groups: list[str]) -> NoReturn:
        try:
            signal.set_wakeup_fd(-1)
            signal.signal(signal.SIGCHLD, signal.SIG_DFL)
            self._line.close()
            os.close(self._wake_read)
            os.close(self._wake_write)
            from jupyter_orch.kernel.forked.child import run

            run(self._app, self._known, parent, socket.socket(fileno=line), groups)
        except BaseException:  # noqa: BLE001 - never back into the parent's loop
            os.write(2, traceback.format_exc().encode("utf-8", "replace"))
            os._exit(1)

    def _reap(self) -> None:
        while True:
            try:
                pid, status = os.waitpid(-1, os.WNOHANG)
            except ChildProcessError:
                return
            if pid == 0:
                return
            if pid in self._kernels:
                self._kernels.discard(pid)
                _tell(self._line, ended=pid, status=status, orphans=self._orphans())

    def _orphans(self) -> bool:
        """Whether kernels have left processes behind, which are this one's children then."""
        try:
            children = {int(pid) for pid in _CHILDREN.read_text().split()}
        except OSError:
            return True  # unknown: the executor looks for itself
        return bool(children - self._kernels)


if __name__ == "__main__":
    main()

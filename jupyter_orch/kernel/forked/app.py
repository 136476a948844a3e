"""ipykernel's application without sockets: prepared before the fork, begun after it."""

import asyncio
import fnmatch
import os
import sys
import threading
from collections.abc import Mapping
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import ipykernel
from ipykernel import ipkernel
from ipykernel.kernelapp import IPKernelApp
from tornado.ioloop import IOLoop
from traitlets import Any as AnyTrait

from jupyter_orch.kernel.forked.streams import Link, Publisher, ShellStream

_LAUNCHER = "ipykernel_launcher"
_OUT_STREAM = "jupyter_orch.kernel.forked.streams.OutStream"


class IPythonKernel(ipkernel.IPythonKernel):
    """ipykernel's kernel for one executor that sends one request after the other."""

    shell_stream = AnyTrait()

    def start(self) -> None:
        """Begins in the loop of this thread."""
        self.io_loop = IOLoop.current()
        self._control_lock = asyncio.Lock()

    @property
    def _supports_kernel_subshells(self) -> bool:
        return False

    def _publish_status(self, status: str, channel: str, parent: Any = None) -> None:
        """As ipykernel's; what it is busy with follows at once."""
        self.iopub_thread.followed = status == "busy"
        super()._publish_status(status, channel, parent)

    def _abort_queues(self, subshell_id: str | None = None) -> None:
        """Nothing waits behind a cell that failed."""


class ForkedApp(IPKernelApp):
    """The application; `prepare` in the parent, `begin` in the child."""

    shell: Any
    #: Variables that imports and ipykernel have set, which its kernels have beside their own.
    variables: dict[str, str]

    def prepare(self, argv: list[str]) -> None:
        """Reads the user's IPython configuration and makes the shell: no socket, no thread."""
        super(IPKernelApp, self).initialize(argv)
        self.log.setLevel(self.log_level)  # else each message is made, and dropped by its handler
        sys.argv = [f"{Path(ipykernel.__file__).parent.parent / _LAUNCHER}.py", *argv]
        sys.orig_argv[:] = [sys.executable, "-m", _LAUNCHER, *argv]
        self.outstream_class = _OUT_STREAM
        self.init_pdb()
        self.init_blackhole()
        self.session.auth = None  # nobody else can write to the socket
        self.configure_tornado_logger()
        self.init_kernel()
        self.init_shell()
        self.shell._sys_modules_keys = set(sys.modules)  # noqa: SLF001 - as IPython
        own, self.extensions = self.extensions, []
        self.init_extensions()  # IPython's; those of the user may do anything, so not before a fork
        self.default_extensions, self.extensions = [], own

    def rehearse(self) -> None:
        """Reads a cell, and names of files, as IPython does before it executes anything.

        What that compiles once, patterns above all, is then compiled once for all forks.
        """
        shell = self.shell
        shell.compile.ast_parse(shell.transform_cell('print(f\'{1.5}\', b\'\', """""")  #\n'))
        for kind in ("*.py", "*.ipy"):
            fnmatch.filter([], kind)

    def keep_variables(self, before: Mapping[str, str]) -> None:
        """Remembers which variables differ from what they were before anything was imported."""
        self.variables = dict(os.environ.items() - before.items())

    def init_kernel(self) -> None:
        """Makes the kernel; it gets its streams in the child."""
        self.kernel = IPythonKernel.instance(
            _execute_sleep=0,  # which lets outputs leave another thread before the reply
            parent=self,
            session=self.session,
            log=self.log,
            profile_dir=self.profile_dir,
            user_ns=self.user_ns,
        )
        # read by the kernel to know which thread runs cells
        self.kernel.shell_channel_thread = SimpleNamespace(parent_thread=threading.main_thread())

    def init_code(self) -> None:
        """As IPython's, without a new set of all modules: it would touch, and copy, their names."""
        before = len(sys.modules)
        self._run_startup_files()
        self._run_exec_lines()
        self._run_exec_files()
        if self.hide_initial_ns:
            self.shell.user_ns_hidden.update(self.shell.user_ns)
        self._run_cmd_line_code()
        self._run_module()
        if len(sys.modules) != before:
            self.shell._sys_modules_keys = set(sys.modules)  # noqa: SLF001 - as IPython

    def begin(self, link: Link) -> None:
        """Connects the kernel, and does what ipykernel does before the first cell."""
        self._renew_session()
        publisher = Publisher(link)
        kernel: Any = self.kernel
        shell = self.shell
        self.iopub_thread = kernel.iopub_thread = publisher
        self.iopub_socket = kernel.iopub_socket = publisher.background_socket
        kernel.shell_stream = ShellStream(link)
        shell.displayhook.pub_socket = shell.display_pub.pub_socket = self.iopub_socket
        self.init_io()
        kernel._stdout, kernel._stderr = sys.stdout, sys.stderr  # noqa: SLF001 - as ipykernel
        self.displayhook.get_execution_count = lambda: kernel.execution_count
        self.init_signal()
        shell.history_manager.dir_hist[:] = [Path.cwd()]
        self.init_path()
        self.init_gui_pylab()
        self.init_extensions()
        self.init_code()
        sys.stdout.flush()
        sys.stderr.flush()
        kernel.start()

    def forget_history(self) -> None:
        """Lets the end of the shell leave out what it would write into memory that goes with it."""
        history = self.shell.history_manager
        if history is not None:
            history.end_session = history.close = _nothing

    def _renew_session(self) -> None:
        session = self.session
        session.session = os.urandom(16).hex()
        session.pid = os.getpid()
        session.message_count = 0


def _nothing() -> None:
    """Does nothing."""

"""Execution of the cells by papermill's own client, with outputs capped, masked and logged."""

import os
import signal
import threading
from collections.abc import Callable, Mapping
from typing import Any

from nbclient.exceptions import CellTimeoutError, DeadKernelError
from papermill.clientwrap import PapermillNotebookClient

from jupyter_orch.execution.log import RunLog
from jupyter_orch.execution.mask import Masker
from jupyter_orch.execution.output_limit import OutputLimit

#: How long outputs may arrive after their cell has ended, in seconds. Papermill's four are too few
#: for a large output on a loaded machine.
_IOPUB_TIMEOUT = 600


class Stopped(Exception):
    """The run was asked to stop; no further cell starts."""


class CellClient(PapermillNotebookClient):  # type: ignore[misc]
    """Papermill's client for one run; `stop` may be called from any thread."""

    widget_state: dict[str, Any]

    def __init__(
        self,
        nb_man: Any,
        *,
        run_log: RunLog,
        masker: Masker,
        output_limit: int,
        sockets: str | None = None,
        **options: Any,
    ) -> None:
        """Prepares the execution.

        Args:
            nb_man: Papermill's manager of the notebook.
            run_log: Gets what each cell does, and the full text of capped outputs.
            masker: Knows the secrets.
            output_limit: Bytes of output that a cell may leave in the notebook.
            sockets: Short path that the kernel's unix sockets begin with; absent: TCP ports, which
                two kernels that start at the same time may both take.
            options: Those of papermill's client.
        """
        options.setdefault("iopub_timeout", _IOPUB_TIMEOUT)
        super().__init__(nb_man, **options)
        self._run_log = run_log
        self._masker = masker
        self._limit = OutputLimit(output_limit, run_log)
        self._sockets = sockets
        self._stopping = threading.Event()

    def create_kernel_manager(self) -> Any:
        """The manager of the kernel, which talks through unix sockets when it may."""
        manager = super().create_kernel_manager()
        if self._sockets is not None:
            manager.transport = "ipc"
            manager.ip = self._sockets
        return manager

    def run(
        self,
        *,
        env: Mapping[str, str],
        cwd: str | None = None,
        preexec_fn: Callable[[], None] | None = None,
    ) -> None:
        """Starts the kernel in `cwd`, executes every cell and ends the kernel."""
        found: dict[str, Any] = {"env": dict(env), "preexec_fn": preexec_fn}
        if cwd is not None:
            found["cwd"] = cwd
        self.execute(**found)

    def stop(self) -> None:
        """Interrupts the cell that runs; safe to say twice."""
        self._stopping.set()
        pid = getattr(getattr(self.km, "provisioner", None), "pid", None)
        if pid:
            try:
                os.killpg(pid, signal.SIGINT)
            except ProcessLookupError:
                return

    def execute_cell(self, cell: Any, cell_index: int, **options: Any) -> Any:
        """Executes one cell; a cell that cannot end is marked failed as one that raised."""
        if cell.cell_type == "code" and cell.source.strip():
            self._run_log.write("cell.started", cell=cell_index)
        self._limit.start_cell(cell_index)
        try:
            if self._stopping.is_set():
                raise Stopped  # noqa: TRY301 - it is marked like the other two
            return super().execute_cell(cell, cell_index, **options)
        except (CellTimeoutError, DeadKernelError, Stopped):
            self.nb_man.cell_exception(cell, cell_index=cell_index)
            raise

    def process_message(self, msg: Any, cell: Any, cell_index: int) -> Any:
        """Masks and caps the message before papermill's client sees it."""
        if msg["msg_type"] in {"stream", "display_data", "execute_result", "error"}:
            msg["content"] = self._masker.value(msg["content"])
            if not self._limit.admit(msg, cell.outputs):
                return None
        elif msg["msg_type"] == "update_display_data":
            msg["content"] = self._masker.value(msg["content"])
        elif msg["msg_type"] == "clear_output":
            self._limit.start_cell(cell_index)
        return super().process_message(msg, cell, cell_index)

    def set_widgets_metadata(self) -> None:
        """Keeps the widgets' state, as papermill does, without known secrets."""
        self.widget_state = self._masker.value(self.widget_state)
        super().set_widgets_metadata()

"""Execution of the cells by papermill's own client, with outputs capped, masked and logged."""

import asyncio
import signal
import threading
from collections.abc import Hashable, Mapping
from typing import Any

from jupyter_core.utils import run_sync
from nbclient.exceptions import (
    CellExecutionComplete,
    CellExecutionError,
    CellTimeoutError,
    DeadKernelError,
)
from nbformat import ValidationError
from papermill.clientwrap import PapermillNotebookClient

from jupyter_orch.execution.kernels.lease import KernelLease, signal_group
from jupyter_orch.execution.live import LiveCell
from jupyter_orch.execution.log import RunLog
from jupyter_orch.execution.mask import Masker
from jupyter_orch.execution.output_limit import OutputLimit, WidgetLimit

#: How long outputs may arrive after their cell has ended, in seconds. Papermill's four are too few
#: for a large output on a loaded machine.
_IOPUB_TIMEOUT = 600
#: Seconds that a kernel may take to reply after it is idle again. ipykernel never does when it
#: fails on a cell's error itself.
_LAST_REPLY = 10.0
_OUTPUTS = frozenset({"stream", "display_data", "update_display_data", "execute_result", "error"})
#: Times what a cell may print: the state of all widgets together.
_WIDGETS = 10
#: Seconds in which the last messages of a kernel that has ended may still be on their way.
_LAST_MESSAGES = 0.05


class Stopped(Exception):
    """The run was asked to stop; no further cell starts."""


class BadMessage(Exception):
    """A kernel sent what is none of Jupyter's messages; the text says what was wrong with it."""


class CellClient(PapermillNotebookClient):  # type: ignore[misc]
    """Papermill's client for one run."""

    widget_state: dict[str, Any]

    def __init__(
        self,
        nb_man: Any,
        *,
        run_log: RunLog,
        masker: Masker,
        output_limit: int,
        live: LiveCell | None = None,
        **options: Any,
    ) -> None:
        """Prepares the execution.

        Args:
            nb_man: Papermill's manager of the notebook.
            run_log: Gets what each cell does, and the full text of capped outputs.
            masker: Knows the secrets.
            output_limit: Bytes of output that a cell may leave in the notebook.
            live: Tells people who watch.
            options: Those of papermill's client.
        """
        options.setdefault("iopub_timeout", _IOPUB_TIMEOUT)
        super().__init__(nb_man, **options)
        self._run_log = run_log
        self._masker = masker
        self._limit = OutputLimit(output_limit, run_log)
        self._widget_limit = WidgetLimit(_WIDGETS * output_limit, run_log)
        self._live = live
        self._lease: KernelLease | None = None
        self._stopping = threading.Event()
        self._idle = asyncio.Event()
        #: Whether the kernel was idle again after a cell and never replied.
        self.unanswered = False

    def run(self, *, env: Mapping[str, str]) -> None:
        """Starts a kernel of its own, executes every cell and ends the kernel."""
        self.execute(env=dict(env))

    async def run_in(self, lease: KernelLease) -> None:
        """Executes every cell in this kernel, as papermill's client does in one of its own."""
        self.reset_execution_trackers()
        self._lease, self.kc = lease, lease.client
        for index, cell in enumerate(self.nb.cells):
            try:
                self.nb_man.cell_start(cell, index)
                await self.async_execute_cell(cell, index)
            except CellExecutionError as error:
                self.nb_man.cell_exception(self.nb.cells[index], cell_index=index, exception=error)
                break
            finally:
                self.nb_man.cell_complete(self.nb.cells[index], cell_index=index)
        info = await self.async_wait_for_reply(self.kc.kernel_info())
        if info is not None:
            self.nb.metadata["language_info"] = info["content"]["language_info"]
        self.set_widgets_metadata()

    def stop(self) -> None:
        """Interrupts the cell that runs; safe to say twice.

        For a kernel of ours from the thread of its loop, else from any thread.
        """
        self._stopping.set()
        if self._lease is not None:
            self._lease.interrupt()
            return
        pid = getattr(getattr(self.km, "provisioner", None), "pid", None)
        if pid:
            signal_group(pid, signal.SIGINT)

    async def async_execute_cell(self, cell: Any, cell_index: int, **options: Any) -> Any:
        """Executes one cell; a cell that cannot end is marked failed as one that raised."""
        if cell.cell_type == "code" and cell.source.strip():
            self._run_log.write("cell.started", cell=cell_index + 1)  # as the page counts
            if self._live is not None:
                self._live.begin(cell, cell_index)
        self._limit.start_cell(cell_index)
        try:
            if self._stopping.is_set():
                raise Stopped  # noqa: TRY301 - it is marked like the other two
            self._idle.clear()
            found = await super().async_execute_cell(cell, cell_index, **options)
            self.unanswered = False
            return found  # noqa: TRY300 - what it was is known only here
        except (CellTimeoutError, DeadKernelError, Stopped):
            self.nb_man.cell_exception(cell, cell_index=cell_index)
            raise
        finally:
            if self._live is not None:
                self._live.end()

    execute_cell = run_sync(async_execute_cell)

    async def _async_poll_kernel_alive(self) -> None:
        """Told at once that the kernel has ended, where nbclient looks once a second."""
        if self._lease is None:
            await super()._async_poll_kernel_alive()
            return
        idle = asyncio.ensure_future(self._idle.wait())
        ways: set[asyncio.Future[Any]] = {idle, self._lease.exited}
        try:
            await asyncio.wait(ways, return_when=asyncio.FIRST_COMPLETED)
            self.unanswered = not self._lease.exited.done()
            await asyncio.sleep(_LAST_REPLY if self.unanswered else _LAST_MESSAGES)
        finally:
            idle.cancel()
        if self.task_poll_for_reply is not None:
            self.task_poll_for_reply.cancel()

    async def _async_check_alive(self) -> None:
        if self._lease is not None and self._lease.exited.done():
            raise DeadKernelError("Kernel died")
        await super()._async_check_alive()

    def process_message(self, msg: Any, cell: Any, cell_index: int) -> Any:
        """Masks and caps the message before papermill's client sees it.

        Raises:
            BadMessage: The kernel sent what is none of Jupyter's messages.
        """
        try:
            if not self._admit(msg, cell, cell_index):
                return None
            return super().process_message(msg, cell, cell_index)
        except (CellExecutionComplete, ValidationError):
            raise
        except (AssertionError, AttributeError, LookupError, TypeError, ValueError) as error:
            kind, reason = msg.get("msg_type"), f"{type(error).__name__}: {error}"
            raise BadMessage(
                f"The kernel sent a message {kind!r} that is none: {reason}"
            ) from error

    def _admit(self, msg: Any, cell: Any, cell_index: int) -> bool:
        kind = msg["msg_type"]
        if self._live is not None and kind not in {"status", "execute_input"}:
            self._live.changed()
        if kind in _OUTPUTS:
            msg["content"] = self._masker.value(msg["content"])
            return self._limit.admit(msg, cell.outputs, self._place(msg, cell_index))
        if kind == "clear_output":
            wait = bool(msg["content"].get("wait"))
            self._limit.clear(self._place(msg, cell_index), wait=wait)
        elif kind.startswith("comm"):
            self._widget_limit.cut(msg)
        elif kind == "status" and msg["content"]["execution_state"] == "idle":
            self._idle.set()
        return True

    def _place(self, msg: Any, cell_index: int) -> Hashable:
        """Where its output goes: the cell, or the output widget that takes it instead."""
        hooks = self.output_hook_stack[msg["parent_header"].get("msg_id")]
        return hooks[-1].comm_id if hooks else cell_index

    def set_widgets_metadata(self) -> None:
        """Keeps the widgets' state, as papermill does, without known secrets."""
        self.widget_state = self._masker.value(self.widget_state)
        super().set_widgets_metadata()

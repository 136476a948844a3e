"""One notebook from bytes to an executed file: papermill's own steps, with atomic saves.

The file equals papermill's: injected-parameters cell, `metadata.papermill`, error markers.
"""

import json
import os
import signal
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

from jupyter_client.kernelspec import KernelSpecManager, NoSuchKernel
from nbclient.exceptions import CellTimeoutError, DeadKernelError
from nbformat import ValidationError
from papermill.exceptions import PapermillExecutionError
from papermill.execute import (
    prepare_notebook_metadata,
    raise_for_execution_errors,
    remove_error_markers,
)
from papermill.iorw import load_notebook_node

from jupyter_orch.domain.model import RunError
from jupyter_orch.domain.states import Reason
from jupyter_orch.execution.cells import BadMessage, CellClient, Stopped
from jupyter_orch.execution.kernels.cgroup import Limits
from jupyter_orch.execution.kernels.lease import (
    KernelFailed,
    KernelLease,
    KernelStart,
    signal_group,
)
from jupyter_orch.execution.kernels.pool import KernelPool
from jupyter_orch.execution.live import LiveCell
from jupyter_orch.execution.log import RunLog
from jupyter_orch.execution.mask import Masker
from jupyter_orch.execution.parameters import parameterize
from jupyter_orch.execution.run_error import run_error
from jupyter_orch.execution.saving import SavingManager
from jupyter_orch.kernel.retry import NonRetryableError

#: A cell with this tag keeps its notebook from being executed in a forked kernel.
COLD_TAG = "stock-kernel"
_KERNEL_START_TIMEOUT = 120  # seconds; a loaded machine takes its time
_NO_REPLY = "The kernel was done with the cell and did not say how it ended."
_LOST_WITH_PARENT = "The process that the kernel was forked from ended, and the kernel with it."
_LAST_WORDS = 4000  # bytes
_ERROR_MARKERS = 2  # cells that papermill inserts before the one that raised
#: A cell's position and source.
_Cell = tuple[int | None, str]
_NO_CELL: _Cell = (None, "")


@dataclass(frozen=True, kw_only=True)
class NotebookRequest:
    """One execution. JSON-serialisable: it travels to the process that does it."""

    #: The file with the notebook's bytes.
    input: str
    #: Where the executed notebook goes.
    output: str
    #: The notebook's own path, for its metadata.
    notebook: str
    parameters: dict[str, Any] = field(default_factory=dict)
    #: Kernelspec; absent: the one that the notebook names.
    kernel: str | None = None
    #: Folder in which the kernel starts.
    cwd: str | None = None
    cell_timeout_seconds: float | None = None
    #: Where a kernel makes its unix sockets: a short path in a private folder.
    sockets: str | None = None
    #: The file that takes what the kernel writes to its console.
    console: str = os.devnull
    #: Whether the kernel may be forked from a process that has imported everything already.
    fork: bool = True
    #: Bytes of memory, and processes with their threads, that the kernel may take with all that it
    #: starts; absent: what there is.
    memory_limit: int | None = None
    process_limit: int | None = None
    #: Bytes of output kept in the notebook, per cell.
    output_limit: int = 10_000_000


@dataclass(frozen=True, kw_only=True)
class NotebookResult:
    """How the execution ended; without a reason it succeeded."""

    reason: Reason | None = None
    error: RunError | None = None


class NotebookRun:
    """One execution of one notebook, in the loop of an executor."""

    def __init__(
        self,
        request: NotebookRequest,
        *,
        run_log: RunLog,
        masker: Masker,
        progress: Callable[[int, int], None],
        started: Callable[[int], None] = lambda _pid: None,
    ) -> None:
        """Prepares the execution.

        Args:
            request: What to execute.
            run_log: Gets what happens.
            masker: Knows the secrets.
            progress: Gets the cells done and all of them.
            started: Gets the kernel's process id.
        """
        self._request = request
        self._started = started
        self._log = run_log
        self._masker = masker
        self._progress = progress
        self._client: CellClient | None = None
        self._stop_asked = False
        #: The kernel, from its start on.
        self.kernel: KernelLease | None = None

    def stop(self) -> None:
        """Interrupts the notebook; what is done so far is saved."""
        self._stop_asked = True
        if self._client is not None:
            self._client.stop()

    def kill(self) -> None:
        """Ends the kernel at once."""
        if self.kernel is not None:
            signal_group(self.kernel.pid, signal.SIGKILL)

    async def execute(self, env: Mapping[str, str], kernels: KernelPool) -> NotebookResult:
        """Executes the notebook in a kernel with this environment."""
        try:
            manager, kernel = self._prepare()
        except NoSuchKernel as error:
            return self._failed(Reason.KERNEL_MISSING, "NoSuchKernel", _no_kernel(error.name))
        except Exception as error:  # noqa: BLE001 - whatever nbformat says of what is no notebook
            return self._failed(Reason.USER_ERROR, type(error).__name__, str(error))
        self._progress(0, len(manager.nb.cells))
        manager.notebook_start()
        try:
            stopped = await self._execute(manager, kernel, env, kernels)
            manager.notebook_complete()
            result = result_of(manager.nb, self._masker) if stopped is None else stopped
        finally:
            unsaved = manager.close()
        return result if unsaved is None else _unsaved(result, unsaved)

    def _prepare(self) -> tuple[SavingManager, str]:
        """Loads and parameterizes as papermill's `execute_notebook` does."""
        request = self._request
        nb = load_notebook_node(request.input)
        spec = nb.metadata.get("kernelspec", {})
        kernel = request.kernel or spec.get("name")
        language = nb.metadata.get("language_info", {}).get("name") or spec.get("language")
        specs = KernelSpecManager()
        if not kernel and language in (None, "python"):
            kernel = "python3"
        if not kernel:
            raise ValueError("The notebook names no kernel.")
        language = language or specs.get_kernel_spec(kernel).language
        specs.get_kernel_spec(kernel)
        if request.parameters:
            nb = parameterize(nb, request.parameters, kernel=kernel, language=language)
        nb = prepare_notebook_metadata(nb, request.notebook, request.output)
        nb = remove_error_markers(nb)
        return SavingManager(nb, Path(request.output), self._progress, self._not_saved), kernel

    def _not_saved(self, error: OSError) -> None:
        self._log.write("notebook.not_saved", level="warning", error=str(error))

    async def _execute(
        self,
        manager: SavingManager,
        kernel: str,
        env: Mapping[str, str],
        kernels: KernelPool,
    ) -> NotebookResult | None:
        """Executes the cells; answers why they could not all be tried, else None."""
        try:
            lease = await self._start(manager.nb, kernel, env, kernels)
        except (KernelFailed, RuntimeError, OSError) as error:
            return self._dead("KernelNotStarted", str(error))
        self.kernel = lease
        self._started(lease.pid)
        self._client = CellClient(
            manager,
            run_log=self._log,
            masker=self._masker,
            output_limit=self._request.output_limit,
            live=LiveCell(Path(self._request.output).parent, self._masker, save=manager.save),
            kernel_name=kernel,
            timeout=self._request.cell_timeout_seconds,
            interrupt_on_timeout=False,
        )
        if self._stop_asked:
            self._client.stop()
        try:
            await self._client.run_in(lease)
        except (BadMessage, CellTimeoutError, DeadKernelError, Stopped, ValidationError) as error:
            return self._why(error, lease, manager)
        finally:
            await lease.shutdown()
            kernels.ended(lease)
        return None

    async def _start(
        self, nb: Any, kernel: str, env: Mapping[str, str], kernels: KernelPool
    ) -> KernelLease:
        request = self._request
        return await kernels.start(
            KernelStart(
                name=kernel,
                env=env,
                cwd=request.cwd or str(Path.cwd()),
                sockets=request.sockets,
                console=Path(request.console),
                timeout=_KERNEL_START_TIMEOUT,
                limits=Limits(memory_bytes=request.memory_limit, processes=request.process_limit),
            ),
            cold=self._cold(nb),
            tell=lambda reason: self._log.write("kernel.stock", reason=reason),
        )

    def _cold(self, nb: Any) -> str | None:
        """Why the notebook itself, or who runs it, wants a stock kernel."""
        if not self._request.fork:
            return "The settings say so."
        if any(COLD_TAG in cell.metadata.get("tags", []) for cell in nb.cells):
            return f"A cell has the tag {COLD_TAG}."
        return None

    def _why(self, error: Exception, lease: KernelLease, manager: SavingManager) -> NotebookResult:
        """Why the cells after this one could not be tried."""
        index = manager.current
        cell = (index, "" if index is None else manager.nb.cells[index].source)
        if isinstance(error, Stopped):
            return self._failed(Reason.CANCELLED_BY_USER, "Stopped", "The run was stopped.", cell)
        if isinstance(error, CellTimeoutError):
            timeout = self._request.cell_timeout_seconds
            message = f"The cell took longer than {timeout:g} s." if timeout else str(error)
            return self._failed(Reason.CELL_TIMEOUT, "CellTimeout", message, cell)
        if isinstance(error, BadMessage | ValidationError):
            return self._failed(Reason.USER_ERROR, type(error).__name__, str(error), cell)
        if self._client is not None and self._client.unanswered:
            return self._failed(Reason.USER_ERROR, "NoReply", _NO_REPLY, cell)
        if lease.abandoned:
            return self._failed(Reason.PLATFORM_ERROR, "KernelLost", _LOST_WITH_PARENT, cell)
        name, message = "KernelDied", f"The kernel ended by itself: {_end_of(lease)}."
        if lease.out_of_memory():
            name, message = "OutOfMemory", self._out_of_memory()
        return self._dead(name, message, cell)

    def _out_of_memory(self) -> str:
        limit = self._request.memory_limit
        if limit is None:
            return "The system was out of memory and killed the kernel."
        return f"The kernel was killed: it took more than the {limit / 1e6:g} MB that a run may."

    def _dead(self, name: str, message: str, cell: _Cell = _NO_CELL) -> NotebookResult:
        """A kernel that is no more, with its last words to its console."""
        try:
            said = Path(self._request.console).read_bytes()[-_LAST_WORDS:]
        except OSError:
            said = b""
        last_words = said.decode("utf-8", "replace")
        return self._failed(Reason.KERNEL_DIED, name, message, cell, last_words)

    def _failed(
        self,
        reason: Reason,
        name: str,
        message: str,
        cell: _Cell = _NO_CELL,
        traceback: str = "",
    ) -> NotebookResult:
        index, source = cell
        error = run_error(
            name, message, masker=self._masker, cell=index, source=source, traceback=traceback
        )
        return NotebookResult(reason=reason, error=error)


def _end_of(kernel: KernelLease) -> str:
    """How it ended, for people."""
    if not kernel.exited.done():
        return "it does not answer any more"
    code = os.waitstatus_to_exitcode(kernel.exited.result())
    if code >= 0:
        return f"exit status {code}"
    return f"signal {signal.Signals(-code).name}"


def _unsaved(result: NotebookResult, error: OSError) -> NotebookResult:
    """A run of whose notebook not everything could be kept."""
    said = f"The executed notebook could not be saved: {error.strerror}."
    if result.error is None:
        return _platform_error("NotSaved", said)
    message = f"{result.error.message} {said}".strip()
    return replace(result, error=replace(result.error, message=message))


def not_executed(error: OSError) -> NotebookResult:
    """A run that the system did not let begin or go on."""
    return _platform_error(type(error).__name__, f"The notebook was not executed: {error}.")


def _platform_error(name: str, message: str) -> NotebookResult:
    error = RunError(name=name, message=message)
    return NotebookResult(reason=Reason.PLATFORM_ERROR, error=error)


def result_of(nb: Any, masker: Masker) -> NotebookResult:
    """What papermill thinks of an executed notebook; adds its error markers to it."""
    try:
        raise_for_execution_errors(nb, None)
    except PapermillExecutionError as error:
        final = error.ename == NonRetryableError.__name__
        return NotebookResult(
            reason=Reason.NOT_RETRYABLE if final else Reason.USER_ERROR,
            error=run_error(
                error.ename,
                error.evalue,
                masker=masker,
                cell=error.cell_index + _ERROR_MARKERS,
                source=error.source,
                traceback="\n".join(error.traceback),
            ),
        )
    return NotebookResult()


def _no_kernel(name: str) -> str:
    known = ", ".join(sorted(KernelSpecManager().find_kernel_specs())) or "none"
    return f"There is no kernel {json.dumps(name)} on this machine; it has: {known}."

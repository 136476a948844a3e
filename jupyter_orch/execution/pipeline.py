"""One notebook from bytes to an executed file: papermill's own steps, with atomic saves.

The file equals papermill's: injected-parameters cell, `metadata.papermill`, error markers.
"""

import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from jupyter_client.kernelspec import KernelSpecManager, NoSuchKernel
from nbclient.exceptions import CellTimeoutError, DeadKernelError
from papermill.engines import NotebookExecutionManager
from papermill.exceptions import PapermillException, PapermillExecutionError, strip_color
from papermill.execute import (
    prepare_notebook_metadata,
    raise_for_execution_errors,
    remove_error_markers,
)
from papermill.iorw import load_notebook_node
from papermill.parameterize import parameterize_notebook

from jupyter_orch.domain.model import RunError
from jupyter_orch.domain.states import Reason
from jupyter_orch.execution.cells import CellClient, Stopped
from jupyter_orch.execution.log import RunLog
from jupyter_orch.execution.mask import Masker
from jupyter_orch.execution.notebook_writer import NotebookWriter
from jupyter_orch.kernel.retry import NonRetryableError

_KERNEL_START_TIMEOUT = 120  # seconds; a loaded machine takes its time
_ERROR_MARKERS = 2  # cells that papermill inserts before the one that raised


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
    #: Where a Python kernel makes its unix sockets: a short path in a private folder.
    sockets: str | None = None
    #: Bytes of output kept in the notebook, per cell.
    output_limit: int = 10_000_000


@dataclass(frozen=True, kw_only=True)
class NotebookResult:
    """How the execution ended; without a reason it succeeded."""

    reason: Reason | None = None
    error: RunError | None = None


class NotebookRun:
    """One execution of one notebook; `stop` may be called from another thread."""

    def __init__(
        self,
        request: NotebookRequest,
        *,
        run_log: RunLog,
        masker: Masker,
        progress: Callable[[int, int], None],
    ) -> None:
        self._request = request
        self._sockets = request.sockets
        self._log = run_log
        self._masker = masker
        self._progress = progress
        self._client: CellClient | None = None
        self._stop_asked = False

    def stop(self) -> None:
        """Interrupts the notebook; what is done so far is saved."""
        self._stop_asked = True
        if self._client is not None:
            self._client.stop()

    def execute(
        self, env: Mapping[str, str], *, preexec_fn: Callable[[], None] | None = None
    ) -> NotebookResult:
        """Executes the notebook in a kernel with this environment."""
        try:
            manager, kernel = self._prepare()
        except NoSuchKernel as error:
            return _failed(Reason.KERNEL_MISSING, "NoSuchKernel", _no_kernel(error.name))
        except (PapermillException, ValueError) as error:
            return _failed(Reason.USER_ERROR, type(error).__name__, str(error))
        self._progress(0, len(manager.nb.cells))
        manager.notebook_start()
        try:
            stopped = self._execute(manager, kernel, env, preexec_fn)
        finally:
            manager.notebook_complete()
        result = result_of(manager.nb) if stopped is None else stopped
        manager.save(durable=True)
        return result

    def _prepare(self) -> tuple["SavingManager", str]:
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
            nb = parameterize_notebook(
                nb, request.parameters, kernel_name=kernel, language=language
            )
        nb = prepare_notebook_metadata(nb, request.notebook, request.output)
        nb = remove_error_markers(nb)
        if language != "python":  # the Java library of ZeroMQ knows no unix sockets
            self._sockets = None
        return SavingManager(nb, Path(request.output), self._progress), kernel

    def _execute(
        self,
        manager: "SavingManager",
        kernel: str,
        env: Mapping[str, str],
        preexec_fn: Callable[[], None] | None,
    ) -> NotebookResult | None:
        """Executes the cells; answers why they could not all be tried, else None."""
        timeout = self._request.cell_timeout_seconds
        self._client = CellClient(
            manager,
            run_log=self._log,
            masker=self._masker,
            output_limit=self._request.output_limit,
            sockets=self._sockets,
            kernel_name=kernel,
            timeout=timeout,
            interrupt_on_timeout=False,
            startup_timeout=_KERNEL_START_TIMEOUT,
        )
        if self._stop_asked:
            self._client.stop()
        try:
            self._client.run(env=env, cwd=self._request.cwd, preexec_fn=preexec_fn)
        except CellTimeoutError as error:
            message = f"The cell took longer than {timeout:g} s." if timeout else str(error)
            return _failed(Reason.CELL_TIMEOUT, "CellTimeout", message, manager.current)
        except DeadKernelError:
            return _failed(
                Reason.KERNEL_DIED,
                "KernelDied",
                "The kernel ended by itself while the cell ran.",
                manager.current,
            )
        except Stopped:
            return _failed(
                Reason.CANCELLED_BY_USER, "Stopped", "The run was stopped.", manager.current
            )
        except (RuntimeError, OSError, TimeoutError) as error:
            return _failed(Reason.KERNEL_DIED, "KernelNotStarted", self._masker.text(str(error)))
        return None


def result_of(nb: Any) -> NotebookResult:
    """What papermill thinks of an executed notebook; adds its error markers to it."""
    try:
        raise_for_execution_errors(nb, None)
    except PapermillExecutionError as error:
        final = error.ename == NonRetryableError.__name__
        return _failed(
            Reason.NOT_RETRYABLE if final else Reason.USER_ERROR,
            error.ename,
            error.evalue,
            error.cell_index + _ERROR_MARKERS,
            strip_color("\n".join(error.traceback)),
        )
    return NotebookResult()


class SavingManager(NotebookExecutionManager):  # type: ignore[misc]
    """Papermill's manager, which saves atomically, once a cell, and tells how far it is."""

    def __init__(self, nb: Any, path: Path, progress: Callable[[int, int], None]) -> None:
        super().__init__(nb, progress_bar=False)
        self._writer = NotebookWriter(path)
        self._tell = progress
        #: Position of the cell that runs.
        self.current: int | None = None
        self._running: int | None = None

    def save(self, *, durable: bool = False, **_options: Any) -> None:
        """Saves atomically; durable, for the last save, it outlives a power cut."""
        self._writer.save(self.nb, running=self._running, durable=durable)
        self.last_save_time = self.now()

    def cell_start(self, cell: Any, cell_index: int | None = None, **options: Any) -> None:
        """Papermill's, remembering where we are."""
        self.current = self._running = cell_index
        super().cell_start(cell, cell_index=cell_index, **options)

    def cell_complete(self, cell: Any, cell_index: int | None = None, **options: Any) -> None:
        """Papermill's, and tells the progress."""
        super().cell_complete(cell, cell_index=cell_index, **options)
        self._running = None
        if cell_index is not None:
            self._tell(cell_index + 1, len(self.nb.cells))


def _failed(
    reason: Reason, name: str, message: str, cell: int | None = None, traceback: str = ""
) -> NotebookResult:
    error = RunError(name=name, message=message, cell_index=cell, traceback=traceback)
    return NotebookResult(reason=reason, error=error)


def _no_kernel(name: str) -> str:
    known = ", ".join(sorted(KernelSpecManager().find_kernel_specs())) or "none"
    return f"There is no kernel {json.dumps(name)} on this machine; it has: {known}."

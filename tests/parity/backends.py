"""The ways to execute a notebook that are compared: each is one function, named in `BACKENDS`."""

import asyncio
import contextlib
import functools
import json
import os
import tempfile
import threading
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import papermill
from nbclient.exceptions import CellTimeoutError, DeadKernelError
from papermill.exceptions import PapermillExecutionError

from jupyter_orch.domain.states import Reason
from jupyter_orch.execution.kernels.pool import KernelPool
from jupyter_orch.execution.log import RunLog
from jupyter_orch.execution.mask import Masker
from jupyter_orch.execution.pipeline import NotebookRequest, NotebookResult, NotebookRun

_START_TIMEOUT = 60  # seconds
#: Papermill's own four seconds are too few for a large output on a loaded machine.
_IOPUB_TIMEOUT = 60  # seconds
#: No cell of the corpus takes nearly as long.
_CELL_TIMEOUT = 30  # seconds
#: On a busy machine a stock kernel loses, now and then, its reply to a cell whose output widget
#: answered while it ended; papermill would wait for ever. So often is a notebook tried.
_TRIES = 4
#: What both sides call a kernel that ended by itself.
_DIED = "kernel died"


@dataclass(frozen=True, kw_only=True)
class Failure:
    """Why a run failed: the error that a cell raised, or what kept the cells from being tried."""

    name: str
    message: str = ""


@dataclass(frozen=True, kw_only=True)
class Outcome:
    """What a backend leaves behind."""

    #: The executed notebook as it stands on disk; absent: none was written.
    notebook: dict[str, Any] | None
    failure: Failure | None


Backend = Callable[[Path, Path, dict[str, Any], Path], Outcome]


def run_papermill(source: Path, target: Path, parameters: dict[str, Any], cwd: Path) -> Outcome:
    """Plain papermill, in this process."""
    failure = None
    try:
        _execute_notebook(source, target, parameters, cwd)
    except PapermillExecutionError as error:
        failure = Failure(name=error.ename, message=error.evalue)
    except DeadKernelError:
        failure = Failure(name=_DIED)
    except Exception as error:  # noqa: BLE001 - whatever it refuses a notebook with
        failure = Failure(name=type(error).__name__, message=str(error))
    return Outcome(notebook=_written(target), failure=failure)


def run_ours(
    source: Path, target: Path, parameters: dict[str, Any], cwd: Path, *, fork: bool
) -> Outcome:
    """Our pipeline, with a kernel of its own."""
    with _private_folder() as folder:
        request = NotebookRequest(
            input=str(source),
            output=str(target),
            notebook=str(source),
            parameters=parameters,
            cwd=str(cwd),
            sockets=str(folder / "k"),
            console=str(folder / "console"),
            fork=fork,
        )
        log = RunLog(folder / "log.jsonl")
        run = NotebookRun(request, run_log=log, masker=Masker(), progress=lambda done, total: None)
        try:
            failure = _failure(_executor().result_of(run))
        except Exception as error:  # noqa: BLE001 - as papermill's: it ends the attempt
            failure = Failure(name=type(error).__name__, message=str(error))
        log.close()
        stock = "kernel.stock" in (folder / "log.jsonl").read_text()
    assert stock is not fork or failure is not None, "another kind of kernel executed it"
    return Outcome(notebook=_written(target), failure=failure)


def run_cold(source: Path, target: Path, parameters: dict[str, Any], cwd: Path) -> Outcome:
    """With a kernel started as Jupyter starts it."""
    for _ in range(_TRIES):
        outcome = run_ours(source, target, parameters, cwd, fork=False)
        if outcome.failure is None or outcome.failure.name != "NoReply":
            break
    return outcome


def run_forked(source: Path, target: Path, parameters: dict[str, Any], cwd: Path) -> Outcome:
    """With a kernel forked from a process that has imported everything."""
    return run_ours(source, target, parameters, cwd, fork=True)


#: The first one is what the others are measured by.
BACKENDS: dict[str, Backend] = {
    "papermill": run_papermill,
    "cold": run_cold,
    "forked": run_forked,
}


class _Executor:
    """A loop and a pool of kernels in a thread, as an executor's process has them."""

    def __init__(self) -> None:
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._loop.run_forever, daemon=True)
        self._thread.start()
        self._kernels = KernelPool()

    def result_of(self, run: NotebookRun) -> NotebookResult:
        """Executes it."""
        executing = run.execute(os.environ, self._kernels)
        return asyncio.run_coroutine_threadsafe(executing, self._loop).result()

    async def _end(self) -> None:
        self._kernels.close()
        await asyncio.sleep(0)  # what is being made for later notebooks ends, too

    def close(self) -> None:
        """Ends its kernels and the thread."""
        asyncio.run_coroutine_threadsafe(self._end(), self._loop).result()
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join()
        self._loop.close()


@functools.cache
def _executor() -> _Executor:
    """One for the whole session: making a parent takes as long as forking dozens of kernels."""
    return _Executor()


def close_executor() -> None:
    """Ends what the session has started."""
    if _executor.cache_info().currsize:
        _executor().close()
        _executor.cache_clear()


def _failure(result: NotebookResult) -> Failure | None:
    if result.reason is Reason.KERNEL_DIED:
        return Failure(name=_DIED)
    if result.error is not None:
        return Failure(name=result.error.name, message=result.error.message)
    return None


def _execute_notebook(source: Path, target: Path, parameters: dict[str, Any], cwd: Path) -> None:
    for tries_left in reversed(range(_TRIES)):
        try:
            papermill.execute_notebook(
                source,
                target,
                parameters=parameters,
                cwd=cwd,
                progress_bar=False,
                start_timeout=_START_TIMEOUT,
                iopub_timeout=_IOPUB_TIMEOUT,
                execution_timeout=_CELL_TIMEOUT,
            )
        except CellTimeoutError:
            if not tries_left:
                raise
        except RuntimeError as error:  # another process took the kernel's port in between
            if not tries_left or "before replying to kernel_info" not in str(error):
                raise
        else:
            return


def _written(target: Path) -> dict[str, Any] | None:
    if not target.exists():
        return None
    notebook: dict[str, Any] = json.loads(target.read_text("utf-8"))
    return notebook


@contextlib.contextmanager
def _private_folder() -> Iterator[Path]:
    """Short: a unix socket in it may have a path of 107 bytes at most."""
    with tempfile.TemporaryDirectory(prefix="p-", ignore_cleanup_errors=True) as folder:
        yield Path(folder)

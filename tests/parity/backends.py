"""The ways to execute a notebook that are compared: each is one function, named in `BACKENDS`."""

import contextlib
import json
import os
import tempfile
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import papermill
from nbclient.exceptions import DeadKernelError
from papermill.exceptions import PapermillExecutionError

from jupyter_orch.domain.states import Reason
from jupyter_orch.execution.log import RunLog
from jupyter_orch.execution.mask import Masker
from jupyter_orch.execution.pipeline import NotebookRequest, NotebookResult, NotebookRun

_START_TIMEOUT = 60  # seconds
#: Papermill's own four seconds are too few for a large output on a loaded machine.
_IOPUB_TIMEOUT = 60  # seconds
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


def run_cold(source: Path, target: Path, parameters: dict[str, Any], cwd: Path) -> Outcome:
    """Our pipeline, with a kernel started as Jupyter starts it."""
    with _private_folder() as folder:
        request = NotebookRequest(
            input=str(source),
            output=str(target),
            notebook=str(source),
            parameters=parameters,
            cwd=str(cwd),
            sockets=str(folder / "k"),
        )
        log = RunLog(folder / "log.jsonl")
        run = NotebookRun(request, run_log=log, masker=Masker(), progress=lambda done, total: None)
        try:
            failure = _failure(run.execute(os.environ))
        except Exception as error:  # noqa: BLE001 - as papermill's: it ends the attempt
            failure = Failure(name=type(error).__name__, message=str(error))
        log.close()
    return Outcome(notebook=_written(target), failure=failure)


#: The first one is what the others are measured by.
BACKENDS: dict[str, Backend] = {"papermill": run_papermill, "cold": run_cold}


def _failure(result: NotebookResult) -> Failure | None:
    if result.reason is Reason.KERNEL_DIED:
        return Failure(name=_DIED)
    if result.error is not None:
        return Failure(name=result.error.name, message=result.error.message)
    return None


def _execute_notebook(source: Path, target: Path, parameters: dict[str, Any], cwd: Path) -> None:
    for last in (False, True):
        try:
            papermill.execute_notebook(
                source,
                target,
                parameters=parameters,
                cwd=cwd,
                progress_bar=False,
                start_timeout=_START_TIMEOUT,
                iopub_timeout=_IOPUB_TIMEOUT,
            )
        except RuntimeError as error:  # another process took the kernel's port in between
            if last or "before replying to kernel_info" not in str(error):
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

"""Execution inside papermill's own process, with the run recorded as a worker would."""

import copy
import logging
import os
import sys
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import Any

from nbclient.exceptions import CellTimeoutError, DeadKernelError
from papermill.engines import Engine, NBClientEngine
from papermill.log import logger
from papermill.utils import merge_kwargs, remove_args

from jupyter_orch.domain.errors import OrchError, Refused
from jupyter_orch.domain.states import Reason
from jupyter_orch.execution.cells import BadMessage, CellClient, Stopped
from jupyter_orch.execution.mask import Masker
from jupyter_orch.execution.pipeline import NotebookResult, result_of
from jupyter_orch.execution.recording import Recording, open_recording
from jupyter_orch.execution.run_error import run_error

#: What only the service may know.
_NOT_FOR_KERNELS = ("JUPYTER_ORCH__STATE__", "JUPYTER_ORCH__SERVICE__")
#: Their words on the record would stand between papermill's own lines.
_TALKERS = ("alembic", "httpcore", "httpx", "jupyter_orch", "pyiceberg")
_OTHER_NAMES = ["input_path", "timeout", "startup_timeout"]


class InPlaceEngine(Engine):  # type: ignore[misc]
    """Papermill's engine; what it prints, saves and raises is papermill's."""

    @classmethod
    def execute_managed_notebook(
        cls, nb_man: Any, kernel_name: str, *, input_path: Any = None, **options: Any
    ) -> Any:
        """Executes the cells; without a history to record in, as papermill alone does."""
        with _recording(nb_man.nb, kernel_name, input_path) as recording:
            if recording is None:
                return NBClientEngine.execute_managed_notebook(
                    nb_man, kernel_name, input_path=input_path, **options
                )
            return _execute(nb_man, kernel_name, recording, options)


@contextmanager
def _recording(nb: Any, kernel_name: str, input_path: Any) -> Iterator[Recording | None]:
    for name in _TALKERS:
        logging.getLogger(name).setLevel(logging.WARNING)
    try:
        opened = open_recording(nb, kernel_name, input_path)
        recording = opened.__enter__()
    except Exception as error:  # noqa: BLE001 - the notebook matters more than its history
        reason = error.message if isinstance(error, OrchError) else repr(error)
        sys.stderr.write(f"jupyter_orch: this run is not recorded: {reason}\n")
        yield None
        return
    try:
        yield recording
    except BaseException:
        opened.__exit__(*sys.exc_info())
        raise
    opened.__exit__(None, None, None)


def _execute(
    nb_man: Any, kernel_name: str, recording: Recording, options: Mapping[str, Any]
) -> Any:
    """As papermill's `NBClientEngine` does it, through our client."""
    timeout = options.get("execution_timeout") or options.get("timeout")
    final = merge_kwargs(
        remove_args([*_OTHER_NAMES, "execution_timeout", "start_timeout"], **options),
        timeout=timeout,
        startup_timeout=options.get("start_timeout", 60),
        kernel_name=kernel_name,
        log=logger,
    )
    client = CellClient(
        nb_man,
        run_log=recording.log,
        masker=recording.masker,
        output_limit=recording.output_limit,
        live=recording.live,
        **final,
    )
    recording.watch(client, nb_man)
    kept = {
        name: value for name, value in os.environ.items() if not name.startswith(_NOT_FOR_KERNELS)
    }
    try:
        client.run(env=kept | recording.environment)
    except BaseException as error:
        recording.conclude(_result(error, nb_man.nb, recording.masker), nb_man.nb)
        raise
    executed = copy.deepcopy(nb_man.nb)
    recording.conclude(result_of(executed, recording.masker), executed)
    return nb_man.nb


def _result(error: BaseException, nb: Any, masker: Masker) -> NotebookResult:
    reason = Reason.PLATFORM_ERROR
    if isinstance(error, CellTimeoutError):
        reason = Reason.CELL_TIMEOUT
    elif isinstance(error, DeadKernelError):
        reason = Reason.KERNEL_DIED
    elif isinstance(error, BadMessage):
        reason = Reason.USER_ERROR
    elif isinstance(error, KeyboardInterrupt | Stopped):
        reason = Reason.CANCELLED_BY_USER
    elif isinstance(error, Refused):
        reason = Reason.PUBLISH_CONFLICT
    name = type(error).__name__
    failed = (
        index
        for index, cell in enumerate(nb.cells)
        if cell.metadata.get("papermill", {}).get("exception")
    )
    index = next(failed, None)
    told = run_error(
        name,
        str(error) or name,
        masker=masker,
        cell=index,
        source="" if index is None else nb.cells[index].source,
    )
    return NotebookResult(reason=reason, error=told)

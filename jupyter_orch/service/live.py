"""What a run shows while it goes on, and how long it may take."""

import json
import logging
from dataclasses import replace
from functools import lru_cache
from typing import Any

from jupyter_orch import wire
from jupyter_orch.domain.errors import OrchError
from jupyter_orch.domain.ids import JobId, RunId
from jupyter_orch.domain.live import (
    CELL_FILE,
    HISTORY,
    LARGEST,
    QUERIES_FILE,
    Live,
    LiveCell,
    LiveQuery,
    Usual,
    usual,
)
from jupyter_orch.domain.model import JobSummary, Run
from jupyter_orch.domain.states import TERMINAL, RunState
from jupyter_orch.ports import Artifacts, Store

_log = logging.getLogger(__name__)
_MOST_JOBS = 10_000  # whose history is kept in mind; a few words each


def live_of(artifacts: Artifacts, run: Run) -> Live:
    """The run as it is now."""
    cell: LiveCell | None = None
    queries: tuple[LiveQuery, ...] = ()
    if run.state is RunState.RUNNING:
        cell = _read(artifacts, run, CELL_FILE, LiveCell)
        if cell is not None and cell.index < run.cells_done:  # it ended a moment ago
            cell = None
        queries = _read(artifacts, run, QUERIES_FILE, tuple[LiveQuery, ...]) or ()
    return Live(
        attempt=run.attempt,
        state=run.state,
        cells_done=run.cells_done,
        cells_total=run.cells_total,
        cell=cell,
        queries=queries,
    )


def usual_of(store: Store, run: Run) -> Usual | None:
    """What the job's history says about a run that has not ended."""
    if run.job_id is None or run.state in TERMINAL:
        return None
    return _usual_of_job(store, run.job_id)


def _usual_of_job(store: Store, job_id: JobId) -> Usual | None:
    return usual(store.durations(job_id, limit=HISTORY))


class Outlook:
    """How long runs take that go on, for lists that are asked for again and again.

    A job's history is read anew once another run of it has ended.
    """

    def __init__(self, store: Store) -> None:
        self._store = store
        self._usual = lru_cache(maxsize=_MOST_JOBS)(self._read)

    def of(self, summary: JobSummary) -> JobSummary:
        """The same line of the list, with what is usual when a run goes on."""
        run, last = summary.active_run, summary.last_run
        if run is None or run.state is not RunState.RUNNING or last is None:
            return summary
        return replace(summary, usual=self._usual(summary.job.id, last.id))

    def _read(self, job_id: JobId, last: RunId) -> Usual | None:
        del last  # the history is the same as long as this is
        return _usual_of_job(self._store, job_id)


def _read(artifacts: Artifacts, run: Run, name: str, kind: Any) -> Any:
    """A file of the attempt; None when there is none, or none that can be used.

    Whatever the notebook does, it may do to this file as well.
    """
    try:
        content = artifacts.read(run.id, run.attempt, name, last=LARGEST + 1)
        if content is None or len(content) > LARGEST:
            return None
        return wire.load(kind, json.loads(content))
    except (OrchError, OSError, ValueError, RecursionError) as error:
        _log.info("live.unreadable", extra={"run_id": run.id, "file": name, "error": str(error)})
        return None

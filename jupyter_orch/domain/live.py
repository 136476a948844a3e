"""What a run shows while it goes on: the cell that runs, and the queries that it waits for."""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from jupyter_orch.domain.states import RunState

#: Artifacts of an attempt that are there only while it goes on.
CELL_FILE = "live.json"
QUERIES_FILE = "queries.json"
FILES = (CELL_FILE, QUERIES_FILE)
#: Bytes of the larger of the two.
LARGEST = 1_000_000
#: The runs of a job, the newest ones, by which it is told how long the next one takes.
HISTORY = 20
#: States of a query that nobody waits for any more.
QUERY_ENDED = frozenset({"FINISHED", "FAILED", "CANCELED"})
_SLOW = 0.9  # the share of runs that take no longer than a slow one
#: A run may take that much longer than a slow one before it is worth a word.
_TOLERANCE = 1.1
_MINUTE, _HOUR = 60, 3600  # seconds


@dataclass(frozen=True, kw_only=True)
class LiveCell:
    """The cell that runs."""

    #: Its position in the executed notebook.
    index: int
    started_at: datetime
    source: str
    #: Outputs as nbformat has them, of a bounded size: long texts lose their beginning, and what
    #: is large is replaced by a note.
    outputs: tuple[dict[str, Any], ...]


@dataclass(frozen=True, kw_only=True)
class LiveQuery:
    """A query that the notebook waits for."""

    query_id: str
    #: As Trino says it, such as `QUEUED` or `RUNNING`.
    state: str
    #: Absent while nobody can know.
    percent: float | None
    #: Rows that were read so far.
    rows: int
    elapsed_seconds: float


@dataclass(frozen=True, kw_only=True)
class Live:
    """A run as it goes on; without cell and queries when it does not, or nothing takes long."""

    attempt: int
    state: RunState
    cells_done: int
    cells_total: int
    cell: LiveCell | None = None
    queries: tuple[LiveQuery, ...] = ()


@dataclass(frozen=True, kw_only=True)
class Usual:
    """How long the last successful runs of a job took."""

    #: How many were looked at.
    runs: int
    #: Half of them took no longer.
    seconds: float
    #: Nine in ten took no longer.
    slow_seconds: float


def usual(durations: Sequence[float]) -> Usual | None:
    """What to expect after runs that took so many seconds; None without any."""
    took = sorted(durations)
    if not took:
        return None
    middle = (took[(len(took) - 1) // 2] + took[len(took) // 2]) / 2
    return Usual(
        runs=len(took), seconds=middle, slow_seconds=took[math.ceil(_SLOW * len(took)) - 1]
    )


def outlook(expected: Usual | None, elapsed_seconds: float) -> str:
    """What a person who waits wants to know: `about 2 min left`; nothing without history."""
    if expected is None:
        return ""
    if elapsed_seconds < expected.seconds:
        return f"about {_rough(expected.seconds - elapsed_seconds)} left"
    usually = f"usually {_rough(expected.seconds)}"
    late = elapsed_seconds > expected.slow_seconds * _TOLERANCE
    return f"longer than usual ({usually})" if late else usually


def _rough(seconds: float) -> str:
    if seconds < _MINUTE:
        return f"{max(1, round(seconds))} s"
    if seconds < _HOUR:
        return f"{round(seconds / _MINUTE)} min"
    return f"{seconds / _HOUR:.1f} h"

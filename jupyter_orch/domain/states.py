"""The state machine of a run, as one table."""

from enum import StrEnum


class RunState(StrEnum):
    """Where a run stands."""

    #: Waits for a worker.
    QUEUED = "queued"
    #: A worker holds the lease and executes the notebook.
    RUNNING = "running"
    #: Every cell succeeded; the outputs are being made visible. Only rolls forward.
    PUBLISHING = "publishing"
    #: Done, and every output is visible.
    SUCCEEDED = "succeeded"
    #: Ended without a result; `reason` says why.
    FAILED = "failed"
    #: A person ended it.
    CANCELLED = "cancelled"
    #: Due, and by policy not executed; stands for a span of due instants.
    SKIPPED = "skipped"


class Reason(StrEnum):
    """Why a run is where it is."""

    USER_ERROR = "user_error"
    CELL_TIMEOUT = "cell_timeout"
    RUN_TIMEOUT = "run_timeout"
    WORKER_LOST = "worker_lost"
    KERNEL_DIED = "kernel_died"
    KERNEL_MISSING = "kernel_missing"
    NOTEBOOK_MISSING = "notebook_missing"
    CHECK_FAILED = "check_failed"
    PUBLISH_CONFLICT = "publish_conflict"
    PLATFORM_ERROR = "platform_error"
    CANCELLED_BY_USER = "cancelled_by_user"
    CATCH_UP = "catch_up"
    PAUSED = "paused"
    OVERLAP = "overlap"


_NEXT: dict[RunState, frozenset[RunState]] = {
    RunState.QUEUED: frozenset({RunState.RUNNING, RunState.CANCELLED, RunState.FAILED}),
    RunState.RUNNING: frozenset(
        {
            RunState.QUEUED,  # the lease ran out and an attempt is left
            RunState.PUBLISHING,
            RunState.SUCCEEDED,
            RunState.FAILED,
            RunState.CANCELLED,
        }
    ),
    RunState.PUBLISHING: frozenset({RunState.SUCCEEDED, RunState.FAILED}),
    RunState.SUCCEEDED: frozenset(),
    RunState.FAILED: frozenset(),
    RunState.CANCELLED: frozenset(),
    RunState.SKIPPED: frozenset(),
}

#: State to glyph, the same everywhere: never colour alone. *Paused* is a job's.
GLYPHS = {
    "queued": "◷",
    "running": "●",
    "publishing": "●",
    "succeeded": "✓",
    "failed": "✕",
    "cancelled": "⊘",
    "skipped": "↷",
    "paused": "⏸",
}

TERMINAL = frozenset(state for state, following in _NEXT.items() if not following)


def before(state: RunState) -> frozenset[RunState]:
    """The states from which a run may come to `state`: the guard of an UPDATE."""
    return frozenset(earlier for earlier, following in _NEXT.items() if state in following)

"""The state machine of a run, as one table."""

from enum import StrEnum
from typing import Literal

#: Why an attempt failed, as far as retrying goes.
FailureClass = Literal["user_error", "timeout", "lost_worker", "platform"]


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
    #: The notebook said that trying again is of no use.
    NOT_RETRYABLE = "not_retryable"
    CELL_TIMEOUT = "cell_timeout"
    RUN_TIMEOUT = "run_timeout"
    QUEUE_TIMEOUT = "queue_timeout"
    WORKER_LOST = "worker_lost"
    KERNEL_DIED = "kernel_died"
    KERNEL_MISSING = "kernel_missing"
    NOTEBOOK_MISSING = "notebook_missing"
    CHECK_FAILED = "check_failed"
    PUBLISH_CONFLICT = "publish_conflict"
    PLATFORM_ERROR = "platform_error"
    CANCELLED_BY_USER = "cancelled_by_user"
    #: A newer run of the job took its place (overlap policy `cancel_running` or `latest_only`).
    SUPERSEDED = "superseded"
    #: Due while nobody was there to fire it, and not caught up with by policy.
    CATCH_UP = "catch_up"
    #: Due while the job was paused.
    PAUSED = "paused"
    #: Due under a schedule that was edited before anybody fired it.
    EDITED = "edited"
    #: Due while another run of the job had not ended.
    OVERLAP = "overlap"


_NEXT: dict[RunState, frozenset[RunState]] = {
    RunState.QUEUED: frozenset(
        {
            RunState.RUNNING,
            RunState.CANCELLED,
            RunState.FAILED,
            RunState.SKIPPED,  # a newer run took its place
        }
    ),
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

#: What is known of an interval that has several runs: the first of these that one of them is in.
_BEST_FIRST = (
    RunState.SUCCEEDED,
    RunState.PUBLISHING,
    RunState.RUNNING,
    RunState.QUEUED,
    RunState.FAILED,
    RunState.CANCELLED,
    RunState.SKIPPED,
)
_RANK = {state: rank for rank, state in enumerate(_BEST_FIRST)}

_CLASSES: dict[FailureClass, frozenset[Reason]] = {
    "user_error": frozenset({Reason.USER_ERROR, Reason.CHECK_FAILED}),
    "timeout": frozenset({Reason.CELL_TIMEOUT, Reason.RUN_TIMEOUT}),
    "lost_worker": frozenset({Reason.WORKER_LOST, Reason.KERNEL_DIED}),
    "platform": frozenset({Reason.PLATFORM_ERROR}),
}


def failure_class(reason: Reason | None) -> FailureClass | None:
    """The class that a job's policy retries by; None for what no repetition can mend."""
    return next((name for name, reasons in _CLASSES.items() if reason in reasons), None)


def before(state: RunState) -> frozenset[RunState]:
    """The states from which a run may come to `state`: the guard of an UPDATE."""
    return frozenset(earlier for earlier, following in _NEXT.items() if state in following)


def best(one: RunState, other: RunState) -> RunState:
    """The one that says more about an interval that both are runs of."""
    return min(one, other, key=_RANK.__getitem__)

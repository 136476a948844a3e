"""The one place that moves a run from state to state, guarded by the domain's table."""

from collections.abc import Sequence
from typing import Any

import sqlalchemy as sa

from jupyter_orch.domain.ids import RunId
from jupyter_orch.domain.model import RunError
from jupyter_orch.domain.states import Reason, RunState, before
from jupyter_orch.store.changes import record
from jupyter_orch.store.rows import to_json
from jupyter_orch.store.tables import attempt, job, run

CANCELLED_MESSAGE = "A person cancelled the run."


def move(connection: sa.Connection, run_id: RunId, state: RunState, **values: Any) -> bool:
    """Brings a run to `state` if the state machine lets it; says whether it did."""
    moved = connection.execute(
        sa.update(run)
        .where(run.c.id == run_id, run.c.state.in_(before(state)))
        .values(state=state, **values)
    ).rowcount
    if moved:
        record(connection, "run", [run_id])
    return bool(moved)


def end(
    connection: sa.Connection,
    run_id: RunId,
    state: RunState,
    *,
    at: int,
    reason: Reason | None = None,
    error: RunError | None = None,
) -> bool:
    """Brings a run to a terminal state and takes its lease away."""
    ended = move(
        connection,
        run_id,
        state,
        reason=reason,
        error=to_json(error),
        ended_at=at,
        lease_until=None,
    )
    if ended:
        note_last(connection, run_id, state)
    return ended


def note_last(connection: sa.Connection, run_id: RunId, state: RunState) -> None:
    """Writes down at its job that this run ended last."""
    owner = sa.select(run.c.job_id).where(run.c.id == run_id).scalar_subquery()
    connection.execute(
        sa.update(job).where(job.c.id == owner).values(last_run_id=run_id, last_state=state)
    )


def end_attempt(
    connection: sa.Connection,
    run_id: RunId,
    number: int,
    state: RunState,
    *,
    at: int,
    reason: Reason | None = None,
    error: RunError | None = None,
) -> None:
    """Writes down how an attempt ended."""
    connection.execute(
        sa.update(attempt)
        .where(attempt.c.run_id == run_id, attempt.c.number == number)
        .values(state=state, reason=reason, error=to_json(error), ended_at=at)
    )


def cancel_queued(connection: sa.Connection, run_ids: Sequence[RunId], *, at: int) -> None:
    """Ends runs that nobody holds, because a person said so."""
    for run_id in run_ids:
        end(connection, run_id, RunState.CANCELLED, at=at, reason=Reason.CANCELLED_BY_USER)

"""The one place that moves a run from state to state, guarded by the domain's table."""

from collections.abc import Sequence
from typing import Any

import sqlalchemy as sa

from jupyter_orch.domain.ids import JobId, RunId
from jupyter_orch.domain.model import Run, RunError
from jupyter_orch.domain.states import Reason, RunState, before
from jupyter_orch.store.changes import record
from jupyter_orch.store.failure_counts import count_failures
from jupyter_orch.store.hints import hint
from jupyter_orch.store.notices import TOLD, tell_ended
from jupyter_orch.store.rows import end_row
from jupyter_orch.store.tables import ACTIVE, attempt, in_state, job, run

_STOPPED = {
    Reason.CANCELLED_BY_USER: "A person cancelled the run.",
    Reason.SUPERSEDED: "A newer run of the job took its place.",
}
# Built once: to build and to look up such a statement takes longer than to execute it.
_WAITING = (
    sa.select(run.c.id, run.c.attempt, run.c.logical_time)
    .where(
        run.c.job_id == sa.bindparam("of_job"),
        in_state(run, RunState.QUEUED),
        run.c.kind == "schedule",
    )
    # In one order, so that two who do this at once wait for one another and never in a circle.
    .order_by(run.c.id)
    .with_for_update()
)
_ASK_TO_STOP = (
    sa.update(run)
    .where(
        run.c.job_id == sa.bindparam("of_job"),
        in_state(run, *ACTIVE),
        in_state(run, RunState.RUNNING),
        run.c.kind != "adhoc",
        run.c.backfill_id.is_(None),
        ~run.c.cancel_requested,
    )
    .values(cancel_requested=True, reason=Reason.SUPERSEDED)
    .returning(run.c.id)
)


def move(
    connection: sa.Connection,
    run_id: RunId,
    state: RunState,
    *guards: sa.ColumnElement[bool],
    **values: Any,
) -> bool:
    """Brings a run to `state` if the state machine and the guards let it; says whether it did."""
    moved = connection.execute(
        sa.update(run)
        .where(run.c.id == run_id, run.c.state.in_(before(state)), *guards)
        .values(state=state, **values)
    ).rowcount
    if moved:
        record(connection, "run", [run_id])
        if state is RunState.QUEUED:
            hint(connection)
    return bool(moved)


def end(
    connection: sa.Connection,
    run_id: RunId,
    state: RunState,
    *,
    at: int,
    reason: Reason | None = None,
    error: RunError | None = None,
    **values: Any,
) -> bool:
    """Brings a run to a terminal state by nobody's word but ours, and notes whom to tell.

    Nobody holds it afterwards: whoever did is refused, also when it says the same end.
    """
    ended = move(
        connection,
        run_id,
        state,
        reason=reason,
        **end_row(state, reason, error),
        ended_at=at,
        owner=None,
        lease_until=None,
        queue_until=None,
        late_at=None,
        **values,
    )
    if ended and state is RunState.FAILED:
        count_failures(connection, [run_id])
    if ended and state in TOLD:
        tell_ended(connection, [run_id], at=at)
    if ended and state is not RunState.SKIPPED:
        note_last(connection, run_id, state)
    return ended


def note_last(connection: sa.Connection, run_id: RunId, state: RunState) -> None:
    """Writes down at its job that this run ended last."""
    owner = sa.select(run.c.job_id).where(run.c.id == run_id).scalar_subquery()
    connection.execute(
        sa.update(job).where(job.c.id == owner).values(last_run_id=run_id, last_state=state)
    )


def stop_reason(reason: Reason | None) -> Reason:
    """Why somebody wants a held run to end: its own reason says so, else a person does."""
    return Reason.SUPERSEDED if reason is Reason.SUPERSEDED else Reason.CANCELLED_BY_USER


def stop_error(reason: Reason) -> RunError:
    """The same in words."""
    return RunError(name=RunState.CANCELLED, message=_STOPPED[reason])


def end_stopped(connection: sa.Connection, found: Run, *, at: int) -> bool:
    """Ends a run that was asked to stop and whose attempt is over without having said so."""
    why = stop_reason(found.reason)
    return end(connection, found.id, RunState.CANCELLED, at=at, reason=why, error=stop_error(why))


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
        .values(state=state, reason=reason, **end_row(state, reason, error), ended_at=at)
    )


def cancel_queued(connection: sa.Connection, run_ids: Sequence[RunId], *, at: int) -> None:
    """Ends runs that nobody holds, because a person said so."""
    for run_id in run_ids:
        end(connection, run_id, RunState.CANCELLED, at=at, reason=Reason.CANCELLED_BY_USER)


def supersede(connection: sa.Connection, job_id: JobId, *, running: bool, at: int) -> int:
    """Makes room for a newer run of the job by schedule; answers how many older ones there were.

    Queued ones by schedule are skipped, or cancelled when an attempt was made already. With
    `running` those under way are asked to stop, whoever wanted them; runs of a backfill and those
    in a person's own process go on.
    """
    count = 0
    for row in connection.execute(_WAITING, {"of_job": job_id}).all():
        if row.attempt:
            count += end(connection, row.id, RunState.CANCELLED, at=at, reason=Reason.SUPERSEDED)
        else:
            span = {"skipped_first": row.logical_time, "skipped_last": row.logical_time}
            count += end(
                connection,
                row.id,
                RunState.SKIPPED,
                at=at,
                reason=Reason.SUPERSEDED,
                skipped_count=1,
                **span,
            )
    if running:
        ids = connection.execute(_ASK_TO_STOP, {"of_job": job_id}).scalars().all()
        record(connection, "run", ids)
        hint(connection)
        count += len(ids)
    return count

"""Backfills in rows, and the ways in which one ends."""

from collections import Counter
from collections.abc import Mapping, Sequence
from typing import Any

import sqlalchemy as sa
from pydantic import TypeAdapter

from jupyter_orch.domain.ids import BackfillId, JobId, TeamId
from jupyter_orch.domain.model import Backfill, BackfillState, Trigger
from jupyter_orch.domain.states import RunState
from jupyter_orch.store.changes import record
from jupyter_orch.store.rows import instant, maybe_instant, maybe_micros, micros
from jupyter_orch.store.tables import backfill, in_state, run
from jupyter_orch.store.transitions import cancel_queued

_TRIGGER: TypeAdapter[Trigger] = TypeAdapter(Trigger)
#: Columns of `backfill` that the domain has under the same name and type.
_PLAIN = (
    "job_name",
    "job_version",
    "only",
    "newest_first",
    "concurrency",
    "priority",
    "parameters",
    "notebook_sha256",
    "state",
    "error",
    "planned",
    "created_by",
)


def backfill_from(row: sa.Row[Any], counts: Mapping[str, int]) -> Backfill:
    """A row of `backfill`, with the runs that there are of it counted by state.

    Raises:
        ValueError: This code cannot read it.
    """
    values: dict[str, Any] = {name: getattr(row, name) for name in _PLAIN}
    return Backfill(
        id=BackfillId(row.id),
        team=TeamId(row.team_id),
        job_id=JobId(row.job_id),
        trigger=_TRIGGER.validate_python(row.trigger),
        first=instant(row.first),
        last=instant(row.last),
        cursor=maybe_instant(row.cursor),
        counts=dict(Counter(counts) + Counter(row.removed)),
        created_at=instant(row.created_at),
        ended_at=maybe_instant(row.ended_at),
        **values,
    )


def backfill_row(new: Backfill) -> dict[str, Any]:
    """What `backfill` stores of one that nobody has gone on with."""
    return {
        **{name: getattr(new, name) for name in _PLAIN},
        "id": new.id,
        "team_id": new.team,
        "job_id": new.job_id,
        "trigger": _TRIGGER.dump_python(new.trigger, mode="json"),
        "first": micros(new.first),
        "last": micros(new.last),
        "cursor": maybe_micros(new.cursor),
        "created_at": micros(new.created_at),
        "ended_at": maybe_micros(new.ended_at),
    }


def note_removed(connection: sa.Connection, runs: Sequence[sa.Row[Any]]) -> None:
    """Lets backfills go on counting runs (`backfill_id`, `state`) that are removed."""
    counts: dict[str, Counter[str]] = {}
    for each in runs:
        if each.backfill_id is not None:
            counts.setdefault(each.backfill_id, Counter())[each.state] += 1
    for backfill_id in sorted(counts):  # in one order, so that two never wait in a circle
        one = backfill.c.id == backfill_id
        earlier = connection.execute(
            sa.select(backfill.c.removed).where(one).with_for_update()
        ).scalar()
        removed = dict(counts[backfill_id] + Counter(earlier))
        connection.execute(sa.update(backfill).where(one).values(removed=removed))


def end_backfill(
    connection: sa.Connection,
    backfill_id: BackfillId,
    state: BackfillState,
    *,
    at: int,
    error: str | None = None,
) -> None:
    """Ends a backfill; what it has in the queue is cancelled."""
    connection.execute(
        sa.update(backfill)
        .where(backfill.c.id == backfill_id)
        .values(state=state, error=error, ended_at=at)
    )
    queued = sa.select(run.c.id).where(
        run.c.backfill_id == backfill_id, in_state(run, RunState.QUEUED)
    )
    cancel_queued(connection, connection.execute(queued).scalars().all(), at=at)
    record(connection, "backfill", [backfill_id])


def end_backfills_of(connection: sa.Connection, job_id: JobId, *, at: int) -> None:
    """Cancels the backfills of a job that goes away; waits for those that are gone on with."""
    running = (
        sa.select(backfill.c.id)
        .where(backfill.c.job_id == job_id, backfill.c.state == "running")
        .order_by(backfill.c.id)
        .with_for_update()
    )
    for backfill_id in connection.execute(running).scalars().all():
        end_backfill(connection, backfill_id, "cancelled", at=at)

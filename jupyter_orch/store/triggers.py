"""Where each trigger of a job stands."""

from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta
from typing import Any

import sqlalchemy as sa

from jupyter_orch.domain.model import Job, Trigger
from jupyter_orch.domain.schedule_build import due_fields
from jupyter_orch.domain.schedule_plan import Span, passed
from jupyter_orch.domain.schedule_runs import skipped_run
from jupyter_orch.domain.states import Reason
from jupyter_orch.store.engine import Database
from jupyter_orch.store.rows import instant, maybe_micros, micros
from jupyter_orch.store.runs import insert_run
from jupyter_orch.store.tables import trigger


def add(
    connection: sa.Connection,
    owner: Job,
    specs: Sequence[Trigger],
    next_due: Mapping[str, datetime | None],
) -> None:
    """Stores triggers that have never fired."""
    for spec in specs:
        connection.execute(
            sa.insert(trigger).values(
                job_id=owner.id,
                id=spec.id,
                team_id=owner.team,
                next_due=maybe_micros(next_due.get(spec.id)),
            )
        )


def replace(
    database: Database,
    connection: sa.Connection,
    earlier: Job,
    saved: Job,
    next_due: Mapping[str, datetime | None],
) -> None:
    """Goes from the triggers of one job version to those of the next.

    What was due under times that are no more, and never fired, is skipped: the job was paused, or
    it was edited first. A trigger whose times stay as they were is caught up with by policy.
    """
    wanted = {spec.id: spec for spec in saved.spec.triggers}
    known = {spec.id: spec for spec in earlier.spec.triggers}
    for spec in earlier.spec.triggers:
        following = wanted.get(spec.id)
        if following is not None and due_fields(following) == due_fields(spec):
            continue
        due = next_due.get(spec.id) if following else None
        restart(database, connection, earlier, spec, due, reason=_why(earlier))
        if following is None:
            connection.execute(sa.delete(trigger).where(*_is(earlier, spec)))
    fresh = [spec for name, spec in wanted.items() if name not in known]
    add(connection, saved, fresh, next_due)


def restart(
    database: Database,
    connection: sa.Connection,
    owner: Job,
    spec: Trigger,
    next_due: datetime | None,
    *,
    reason: Reason,
) -> None:
    """Gives a trigger a new due instant; the ones that passed become one skipped row."""
    # Locked: a wake-up that is firing it has to end first, or an instant would get two rows.
    row = connection.execute(sa.select(trigger).where(*_is(owner, spec)).with_for_update()).one()
    now = database.instant(connection)
    values: dict[str, Any] = {"next_due": maybe_micros(next_due)}
    if row.next_due is not None:
        until = now if next_due is None else min(now, next_due - timedelta(microseconds=1))
        span = _passed(spec, instant(row.next_due), until)
        if span is not None:
            skipped = skipped_run(owner, spec, span, reason=reason, now=now)
            insert_run(database, connection, skipped)
            values["last_due"] = micros(span.last)
    connection.execute(sa.update(trigger).where(*_is(owner, spec)).values(**values))


def _passed(spec: Trigger, due: datetime, until: datetime) -> Span | None:
    try:
        return passed(spec, due, until)
    except Exception:  # noqa: BLE001 - a poisoned trigger must not keep its job from being mended
        return Span(count=1, first=due, last=due) if due <= until else None


def _why(owner: Job) -> Reason:
    return Reason.PAUSED if owner.paused else Reason.EDITED


def _is(owner: Job, spec: Trigger) -> tuple[sa.ColumnElement[bool], ...]:
    return (trigger.c.job_id == owner.id, trigger.c.id == spec.id)

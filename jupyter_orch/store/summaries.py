"""Lines of the list of jobs, a page at a time."""

from collections.abc import Sequence

import sqlalchemy as sa

from jupyter_orch.domain.model import Job, JobSummary, Run
from jupyter_orch.domain.states import RunState
from jupyter_orch.store.engine import Database
from jupyter_orch.store.rows import instant, run_from
from jupyter_orch.store.tables import ACTIVE, HELD, in_state, job, run, trigger


def in_last_state(state: str) -> sa.ColumnElement[bool]:
    """Which jobs a listing is limited to: `failing` or `running`."""
    if state == "failing":
        return job.c.last_state == RunState.FAILED
    return job.c.id.in_(sa.select(run.c.job_id).where(in_state(run, *ACTIVE)))


def summarise(
    database: Database, connection: sa.Connection, jobs: Sequence[Job]
) -> list[JobSummary]:
    """The jobs with their last run, active run and next due instant, in the same order.

    A skipped row is no run: it shows in the history only.
    """
    ids = [job.id for job in jobs]
    last = _last(connection, ids)
    active = _active(database, connection, ids)
    due = {
        row.job_id: instant(row.next_due)
        for row in connection.execute(
            sa.select(trigger.c.job_id, sa.func.min(trigger.c.next_due).label("next_due"))
            .where(trigger.c.job_id.in_(ids), trigger.c.next_due.is_not(None))
            .group_by(trigger.c.job_id)
        )
    }
    return [
        JobSummary(
            job=job,
            last_run=last.get(job.id),
            active_run=active.get(job.id),
            next_due=None if job.paused or job.error else due.get(job.id),
        )
        for job in jobs
    ]


def _last(connection: sa.Connection, job_ids: Sequence[str]) -> dict[str | None, Run]:
    """The run of each job that ended last."""
    ended = sa.select(job.c.last_run_id).where(job.c.id.in_(job_ids))
    rows = connection.execute(sa.select(run).where(run.c.id.in_(ended)))
    return {row.job_id: run_from(row) for row in rows}


def _active(
    database: Database, connection: sa.Connection, job_ids: Sequence[str]
) -> dict[str | None, Run]:
    """The run of each job that goes on, else the one that is first in the queue."""
    of = sa.select(job.c.id).where(job.c.id.in_(job_ids)).subquery("of")
    each = run.alias("each")
    # One short walk down an index for each job: it may have a long queue.
    first = sa.select(each.c.id).where(each.c.job_id == of.c.id).limit(1).correlate(of)
    held = first.where(in_state(each, *ACTIVE), in_state(each, *HELD)).order_by(each.c.id)
    turn = (each.c.priority.desc(), each.c.not_before, each.c.id)
    queued = first.where(in_state(each, RunState.QUEUED)).order_by(*turn)
    ids = sa.union_all(*(database.for_each(of, run.c.id, keys) for keys in (queued, held)))
    rows = connection.execute(sa.select(run).where(run.c.id.in_(ids))).all()
    waiting = {row.job_id: row for row in rows if row.state == RunState.QUEUED}
    going = {row.job_id: row for row in rows if row.state != RunState.QUEUED}
    return {job_id: run_from(row) for job_id, row in (waiting | going).items()}

"""Lines of the list of jobs, a page at a time."""

from collections.abc import Sequence

import sqlalchemy as sa

from jupyter_orch.domain.model import Job, JobSummary, Run
from jupyter_orch.domain.states import RunState
from jupyter_orch.store.rows import instant, run_from
from jupyter_orch.store.tables import ACTIVE, HELD, in_state, job, run, trigger


def in_last_state(state: str) -> sa.ColumnElement[bool]:
    """Which jobs a listing is limited to: `failing` or `running`."""
    if state == "failing":
        return job.c.last_state == RunState.FAILED
    return job.c.id.in_(sa.select(run.c.job_id).where(in_state(run, *ACTIVE)))


def summarise(connection: sa.Connection, jobs: Sequence[Job]) -> list[JobSummary]:
    """The jobs with their last run, active run and next due instant, in the same order.

    A skipped row is no run: it shows in the history only.
    """
    ids = [job.id for job in jobs]
    last = _last(connection, ids)
    active = _active(connection, ids)
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


def _active(connection: sa.Connection, job_ids: Sequence[str]) -> dict[str | None, Run]:
    """The run of each job that goes on, else the one that is first in the queue."""
    order = (sa.case((in_state(run, *HELD), 0), else_=1), run.c.not_before, run.c.id)
    found: dict[str | None, Run] = {}
    for job_id in job_ids:  # one short walk down an index each: a job may have a long queue
        row = connection.execute(
            sa.select(run)
            .where(run.c.job_id == job_id, in_state(run, *ACTIVE))
            .order_by(*order)
            .limit(1)
        ).first()
        if row is not None:
            found[job_id] = run_from(row)
    return found

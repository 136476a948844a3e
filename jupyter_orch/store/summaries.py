"""Lines of the list of jobs, a page at a time."""

from collections.abc import Sequence

import sqlalchemy as sa

from jupyter_orch.domain.model import Job, JobSummary, Run
from jupyter_orch.domain.states import RunState
from jupyter_orch.store.rows import instant, run_from
from jupyter_orch.store.tables import ACTIVE, in_state, run, trigger


def summarise(connection: sa.Connection, jobs: Sequence[Job]) -> list[JobSummary]:
    """The jobs with their last run, active run and next due instant, in the same order.

    A skipped row is no run: it shows in the history only.
    """
    ids = [job.id for job in jobs]
    last = _newest(connection, ids, run.c.state != RunState.SKIPPED)
    active = _newest(connection, ids, in_state(run, *ACTIVE))
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


def _newest(
    connection: sa.Connection, job_ids: Sequence[str], condition: sa.ColumnElement[bool]
) -> dict[str | None, Run]:
    # One short walk down an index per job: a GROUP BY would read their whole history.
    newest = [
        connection.execute(
            sa.select(run)
            .where(run.c.job_id == job_id, condition)
            .order_by(run.c.id.desc())
            .limit(1)
        ).first()
        for job_id in job_ids
    ]
    return {row.job_id: run_from(row) for row in newest if row is not None}

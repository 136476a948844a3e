"""What the timer needs: one wake-up is one transaction."""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from datetime import datetime

import sqlalchemy as sa

from jupyter_orch.domain.ids import JobId
from jupyter_orch.domain.model import Run
from jupyter_orch.ports import DueTrigger
from jupyter_orch.store.changes import record
from jupyter_orch.store.engine import Database
from jupyter_orch.store.jobs import current_jobs
from jupyter_orch.store.rows import instant, job_from, maybe_instant, maybe_micros, micros
from jupyter_orch.store.runs import insert_run
from jupyter_orch.store.tables import ACTIVE, in_state, job, run, trigger
from jupyter_orch.store.transitions import supersede

_FIRING = sa.and_(~job.c.paused, job.c.error.is_(None))


class SqlWakeUp:
    """ports.WakeUp, inside an open transaction."""

    def __init__(
        self, database: Database, connection: sa.Connection, due: tuple[DueTrigger, ...]
    ) -> None:
        self._database = database
        self._connection = connection
        self.now = database.instant(connection)
        self.due = due

    def insert(self, runs: Sequence[Run]) -> None:
        """Adds runs and skipped rows; a (job_id, run_key) that exists is left alone."""
        for new in runs:
            insert_run(self._database, self._connection, new)

    def advance(
        self,
        job_id: JobId,
        trigger_id: str,
        next_due: datetime | None,
        *,
        last_due: datetime | None,
    ) -> None:
        """Moves the trigger on; `last_due` is the last instant that got a row."""
        self._connection.execute(
            sa.update(trigger)
            .where(trigger.c.job_id == job_id, trigger.c.id == trigger_id)
            .values(next_due=maybe_micros(next_due), last_due=maybe_micros(last_due))
        )
        record(self._connection, "job", [job_id])

    def disable(self, job_id: JobId, error: str) -> None:
        """A trigger raised: this job alone stops, with the reason shown."""
        self._connection.execute(sa.update(job).where(job.c.id == job_id).values(error=error))
        record(self._connection, "job", [job_id])

    def has_active_run(self, job_id: JobId) -> bool:
        """Whether a run of the job has not ended."""
        statement = sa.select(run.c.id).where(run.c.job_id == job_id, in_state(run, *ACTIVE))
        return self._connection.execute(statement.limit(1)).first() is not None

    def supersede(self, job_id: JobId, *, running: bool) -> int:
        """Ends the job's queued runs by schedule as skipped, for the sake of a newer one.

        With `running` the ones under way are asked to stop, too. Answers how many there were.
        Only rows that are stored already are touched.
        """
        return supersede(self._connection, job_id, running=running, at=micros(self.now))


class SqlSchedule:
    """ports.ScheduleStore."""

    _database: Database

    @contextmanager
    def wake_up(self, *, limit: int) -> Iterator[SqlWakeUp]:
        """Claims due triggers of jobs that are neither paused nor broken.

        Leaving the block commits, an exception rolls all of it back.
        """
        with self._database.writing() as connection:
            now = self._database.now(connection)
            claimed = connection.execute(
                sa.select(trigger)
                .join(job, job.c.id == trigger.c.job_id)
                .where(trigger.c.next_due <= now, _FIRING)
                .order_by(trigger.c.next_due, trigger.c.job_id, trigger.c.id)
                .limit(limit)
                .with_for_update(of=trigger, skip_locked=True)
            ).all()
            yield SqlWakeUp(self._database, connection, _due(connection, claimed))

    def next_due(self) -> datetime | None:
        """The earliest due instant of all."""
        statement = (
            sa.select(sa.func.min(trigger.c.next_due))
            .join(job, job.c.id == trigger.c.job_id)
            .where(_FIRING)
        )
        with self._database.reading() as connection:
            return maybe_instant(connection.execute(statement).scalar_one())


def _due(
    connection: sa.Connection, claimed: Sequence[sa.Row[tuple[object, ...]]]
) -> tuple[DueTrigger, ...]:
    ids = {row.job_id for row in claimed}
    rows = connection.execute(current_jobs().where(job.c.id.in_(ids)))
    jobs = {row.id: job_from(row) for row in rows}
    found = []
    for row in claimed:
        owner = jobs[row.job_id]
        spec = next(known for known in owner.spec.triggers if known.id == row.id)
        found.append(
            DueTrigger(
                job=owner,
                trigger=spec,
                due=instant(row.next_due),
                last_due=maybe_instant(row.last_due),
            )
        )
    return tuple(found)

"""What the timer needs: one wake-up is one transaction."""

import logging
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from datetime import datetime
from typing import Any

import sqlalchemy as sa
from sqlalchemy.exc import InterfaceError, InternalError, OperationalError

from jupyter_orch.domain.ids import JobId, RunId
from jupyter_orch.domain.model import Job, Run
from jupyter_orch.domain.states import RunState
from jupyter_orch.ports import DueTrigger
from jupyter_orch.store.bulk import insert_or_leave
from jupyter_orch.store.changes import record
from jupyter_orch.store.engine import Database
from jupyter_orch.store.failure_counts import count_failures
from jupyter_orch.store.hints import hint
from jupyter_orch.store.jobs import current_jobs
from jupyter_orch.store.notices import tell_ended
from jupyter_orch.store.rows import (
    instant,
    job_from,
    maybe_instant,
    maybe_micros,
    micros,
    run_row,
)
from jupyter_orch.store.tables import ACTIVE, in_state, job, run, trigger
from jupyter_orch.store.transitions import note_last, supersede

log = logging.getLogger(__name__)
_FIRING = sa.and_(~job.c.paused, job.c.error.is_(None))
#: What the database could not do, whatever it was asked.
_NOBODYS_FAULT = (OperationalError, InternalError, InterfaceError)
_ADVANCE = (
    sa.update(trigger)
    .where(trigger.c.job_id == sa.bindparam("of_job"), trigger.c.id == sa.bindparam("of_trigger"))
    .values(next_due=sa.bindparam("following"), last_due=sa.bindparam("last"))
)


class SqlWakeUp:
    """ports.WakeUp, inside an open transaction.

    Rows wait until the end and are written all at once: a thousand statements would take a second.
    """

    def __init__(
        self, database: Database, connection: sa.Connection, due: tuple[DueTrigger, ...]
    ) -> None:
        self._database = database
        self._open = connection
        self._runs: dict[JobId, list[Run]] = {}
        self._advances: dict[JobId, list[dict[str, Any]]] = {}
        self._active: set[str] | None = None
        self.now = database.instant(connection)
        self.due = due

    @property
    def _connection(self) -> sa.Connection:
        """The transaction, with all that was asked for written to it."""
        self.flush()
        self._active = None
        return self._open

    def insert(self, runs: Sequence[Run]) -> None:
        """Adds runs and skipped rows; a (job_id, run_key) that exists is left alone."""
        for new in runs:
            if new.job_id is not None:
                self._runs.setdefault(new.job_id, []).append(new)

    def advance(
        self,
        job_id: JobId,
        trigger_id: str,
        next_due: datetime | None,
        *,
        last_due: datetime | None,
    ) -> None:
        """Moves the trigger on; `last_due` is the last instant that got a row."""
        self._advances.setdefault(job_id, []).append(
            {
                "of_job": job_id,
                "of_trigger": trigger_id,
                "following": maybe_micros(next_due),
                "last": maybe_micros(last_due),
            }
        )

    def disable(self, job_id: JobId, error: str) -> None:
        """A trigger raised: this job alone stops, with the reason shown."""
        connection = self._open
        connection.execute(sa.update(job).where(job.c.id == job_id).values(error=error))
        record(connection, "job", [job_id])

    def has_active_run(self, job_id: JobId) -> bool:
        """Whether a run of the job has not ended; those of backfills have a limit of their own."""
        if job_id in self._runs:
            self.flush()
            self._active = None
        if self._active is None:
            asked = {due.job.id for due in self.due} | {job_id}
            statement = sa.select(run.c.job_id).where(
                run.c.job_id.in_(asked),
                run.c.backfill_id.is_(None),
                in_state(run, *ACTIVE),
            )
            self._active = {str(found) for found in self._open.execute(statement).scalars()}
        return job_id in self._active

    def flush(self) -> None:
        """Writes what was asked for. A job whose rows cannot be stored stops, and it alone."""
        runs, self._runs = self._runs, {}
        advances, self._advances = self._advances, {}
        if not runs and not advances:
            return
        try:
            self._write(runs, advances)
        except _NOBODYS_FAULT:
            raise
        except Exception:  # noqa: BLE001 - told below, with the job that is at fault
            self._write_singly(runs, advances)

    def _write_singly(
        self, runs: dict[JobId, list[Run]], advances: dict[JobId, list[dict[str, Any]]]
    ) -> None:
        for job_id in {**runs, **advances}:
            try:
                self._write({job_id: runs.get(job_id, [])}, {job_id: advances.get(job_id, [])})
            except _NOBODYS_FAULT:
                raise
            except Exception as error:
                log.exception("scheduler.job_disabled", extra={"job_id": job_id})
                said = str(getattr(error, "orig", error)).encode("ascii", "replace").decode()
                self.disable(job_id, f"Its runs cannot be stored: {said[:500]}")

    def _write(
        self, runs: dict[JobId, list[Run]], advances: dict[JobId, list[dict[str, Any]]]
    ) -> None:
        connection = self._open
        with connection.begin_nested():
            rows = [run_row(new) for of_job in runs.values() for new in of_job]
            added = set(insert_or_leave(connection, run, rows))
            record(connection, "run", [row["id"] for row in rows if row["id"] in added])
            if added:
                hint(connection)
            failed = [
                RunId(row["id"])
                for row in rows
                if row["id"] in added and row["state"] == RunState.FAILED
            ]
            if failed:  # they ended before they could begin
                count_failures(connection, failed)
                tell_ended(connection, failed, at=micros(self.now))
                for run_id in failed:
                    note_last(connection, run_id, RunState.FAILED)
            moves = [move for of_job in advances.values() for move in of_job]
            if moves:
                connection.execute(_ADVANCE, moves)
                record(connection, "job", [job_id for job_id, made in advances.items() if made])

    def supersede(self, job_id: JobId, *, running: bool) -> int:
        """Ends the job's queued runs by schedule as skipped, for the sake of a newer one.

        With `running` the ones under way are asked to stop, too. Answers how many there were,
        those of this wake-up among them.
        """
        return supersede(self._connection, job_id, running=running, at=micros(self.now))


class SqlSchedule:
    """ports.ScheduleStore."""

    _database: Database
    #: Jobs that this code cannot read, with the version that it met: newer code will fire them.
    _unreadable: dict[str, int]

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
                .where(trigger.c.next_due <= now, self._firing())
                .order_by(trigger.c.next_due, trigger.c.job_id, trigger.c.id)
                .limit(limit)
                .with_for_update(of=trigger, skip_locked=True)
            ).all()
            wake = SqlWakeUp(self._database, connection, self._due(connection, claimed))
            yield wake
            wake.flush()

    def next_due(self) -> datetime | None:
        """The earliest due instant of all."""
        statement = (
            sa.select(trigger.c.next_due)
            .join(job, job.c.id == trigger.c.job_id)
            .where(trigger.c.next_due.is_not(None), self._firing())
            .order_by(trigger.c.next_due)
            .limit(1)
        )
        with self._database.reading() as connection:
            return maybe_instant(connection.execute(statement).scalar_one_or_none())

    def _firing(self) -> sa.ColumnElement[bool]:
        if not self._unreadable:
            return _FIRING
        known = sa.tuple_(job.c.id, job.c.version).in_(list(self._unreadable.items()))
        return sa.and_(_FIRING, ~known)

    def _due(
        self, connection: sa.Connection, claimed: Sequence[sa.Row[Any]]
    ) -> tuple[DueTrigger, ...]:
        """What is due, without what this code cannot read: that stays as it is."""
        if not claimed:
            return ()
        ids = {row.job_id for row in claimed}
        rows = connection.execute(current_jobs().where(job.c.id.in_(ids)))
        jobs = {row.id: row for row in rows}
        read, found = {}, []
        for row in claimed:
            try:
                if row.job_id not in read:
                    read[row.job_id] = job_from(jobs[row.job_id])
                found.append(_due_trigger(read[row.job_id], row))
            except Exception:
                log.exception("scheduler.job_unreadable", extra={"job_id": row.job_id})
                if row.job_id in jobs:
                    self._unreadable[row.job_id] = jobs[row.job_id].version
        return tuple(found)


def _due_trigger(owner: Job, row: sa.Row[Any]) -> DueTrigger:
    specs = {spec.id: spec for spec in owner.spec.triggers}
    return DueTrigger(
        job=owner,
        trigger=specs[row.id],
        due=instant(row.next_due),
        last_due=maybe_instant(row.last_due),
    )

"""Jobs and their immutable versions."""

from collections.abc import Mapping
from dataclasses import replace
from datetime import datetime
from typing import Any

import sqlalchemy as sa
from sqlalchemy.exc import IntegrityError

from jupyter_orch.domain.errors import NotFound, Refused, StaleWrite
from jupyter_orch.domain.ids import JobId, TeamId
from jupyter_orch.domain.model import Job, JobListState, JobSpec, JobSummary, Page
from jupyter_orch.domain.states import Reason, RunState
from jupyter_orch.store import triggers
from jupyter_orch.store.backfill_rows import end_backfills_of
from jupyter_orch.store.changes import record
from jupyter_orch.store.engine import Database
from jupyter_orch.store.pages import page
from jupyter_orch.store.rows import job_from, job_or_broken, micros, to_json
from jupyter_orch.store.summaries import in_last_state, summarise
from jupyter_orch.store.tables import in_state, job, job_version, run
from jupyter_orch.store.transitions import cancel_queued


def current_jobs() -> sa.Select[Any]:
    """Jobs joined with their current version."""
    return sa.select(job, job_version.c.spec, job_version.c.notebook_sha256).join(
        job_version,
        sa.and_(job_version.c.job_id == job.c.id, job_version.c.version == job.c.version),
    )


class SqlJobs:
    """ports.JobStore."""

    _database: Database

    def add_job(self, new: Job, *, next_due: Mapping[str, datetime | None]) -> Job:
        """Stores a new job at version 1 with the first due instant of each trigger.

        Raises:
            Refused: The team has a job of that name (field `name`).
        """
        with self._database.writing() as connection:
            at = micros(new.created_at)
            row = {
                "id": new.id,
                "team_id": new.team,
                "version": new.version,
                "paused": new.paused,
                "error": new.error,
                "created_by": new.created_by,
                "created_at": at,
                "updated_at": micros(new.updated_at),
                **_named(new.spec),
            }
            if not self._database.insert_or_leave(connection, job, row):
                raise _name_taken(new.spec.name)
            _add_version(connection, new, user=new.created_by, at=at)
            triggers.add(connection, new, new.spec.triggers, next_due)
            record(connection, "job", [new.id])
            return _fetch(connection, new.id)

    def update_job(
        self,
        job_id: JobId,
        *,
        expected_version: int,
        spec: JobSpec,
        notebook_sha256: str | None,
        next_due: Mapping[str, datetime | None],
        user: str,
    ) -> Job:
        """Saves the next version and clears `error`.

        A trigger that keeps its id, kind and times keeps its due instant; the others take theirs
        from `next_due`, and their passed due instants become a skipped row.

        Raises:
            NotFound: No such job.
            StaleWrite: Another version is current.
            Refused: The name is taken.
        """
        with self._database.writing() as connection:
            earlier = _fetch(connection, job_id)
            _require_version(earlier, expected_version)
            now = self._database.now(connection)
            values = {"version": earlier.version + 1, "error": None, "updated_at": now}
            try:
                connection.execute(
                    sa.update(job).where(job.c.id == job_id).values(**values, **_named(spec))
                )
            except IntegrityError as error:
                raise _name_taken(spec.name) from error
            saved = replace(
                earlier,
                version=earlier.version + 1,
                spec=spec,
                notebook_sha256=notebook_sha256,
            )
            _add_version(connection, saved, user=user, at=now)
            triggers.replace(self._database, connection, earlier, saved, next_due)
            record(connection, "job", [job_id])
            return _fetch(connection, job_id)

    def set_paused(
        self,
        job_id: JobId,
        *,
        paused: bool,
        next_due: Mapping[str, datetime | None],
        user: str,  # noqa: ARG002 - for the audit log
    ) -> Job:
        """Pauses, or resumes with new due instants. Saying it twice is harmless.

        The due instants that passed meanwhile become one skipped row for each trigger.
        """
        with self._database.writing() as connection:
            found = _fetch(connection, job_id)
            if found.paused == paused:
                return found
            connection.execute(
                sa.update(job)
                .where(job.c.id == job_id)
                .values(paused=paused, updated_at=self._database.now(connection))
            )
            if not paused:
                for spec in found.spec.triggers:
                    if spec.id in next_due:
                        triggers.restart(
                            self._database,
                            connection,
                            found,
                            spec,
                            next_due[spec.id],
                            reason=Reason.PAUSED,
                        )
            record(connection, "job", [job_id])
            return _fetch(connection, job_id)

    def delete_job(
        self,
        job_id: JobId,
        *,
        user: str,  # noqa: ARG002 - for the audit log
        expected_version: int | None = None,
    ) -> None:
        """Removes the job and its triggers; history stays.

        Its queued runs and its backfills are cancelled.

        Raises:
            NotFound: No such job.
            StaleWrite: Another version than the expected one is current.
        """
        with self._database.writing() as connection:
            found = _fetch(connection, job_id)
            if expected_version is not None:
                _require_version(found, expected_version)
            # First: it waits for a wake-up that is making the job's last run.
            connection.execute(sa.delete(job).where(job.c.id == job_id))
            # First, since it waits for a backfill that just queues its next runs.
            end_backfills_of(connection, job_id, at=self._database.now(connection))
            queued = sa.select(run.c.id).where(
                run.c.job_id == job_id, in_state(run, RunState.QUEUED)
            )
            waiting = connection.execute(queued).scalars().all()
            cancel_queued(connection, waiting, at=self._database.now(connection))
            record(connection, "job", [job_id])

    def get_job(self, team: TeamId, key: str) -> Job:
        """The job with this id or, failing that, this name.

        Raises:
            NotFound: The team has neither.
        """
        statement = (
            current_jobs()
            .where(job.c.team_id == team, sa.or_(job.c.id == key, job.c.name == key))
            .order_by(sa.case((job.c.id == key, 0), else_=1))
        )
        with self._database.reading() as connection:
            row = connection.execute(statement).first()
        if row is None:
            raise NotFound(f"There is no job {key!r}.", hint="See `jupyter orch jobs`.")
        return job_from(row)

    def get_summary(self, job_id: JobId) -> JobSummary:
        """One line of the list of jobs.

        Raises:
            NotFound: No such job.
        """
        with self._database.reading() as connection:
            return summarise(self._database, connection, [_fetch(connection, job_id, lock=False)])[
                0
            ]

    def list_jobs(
        self,
        team: TeamId,
        *,
        search: str = "",
        notebook: str | None = None,
        state: JobListState | None = None,
        cursor: str | None = None,
        limit: int = 50,
    ) -> Page[JobSummary]:
        """Jobs by name; `search` matches a part of the name, without case."""
        statement = current_jobs().where(job.c.team_id == team)
        if search:
            statement = statement.where(job.c.name_key.contains(search.casefold(), autoescape=True))
        if notebook is not None:
            statement = statement.where(job.c.notebook == notebook)
        if state is not None:
            statement = statement.where(in_last_state(state))
        with self._database.reading() as connection:
            rows, following = page(
                connection, statement, (job.c.name_key, job.c.id), cursor=cursor, limit=limit
            )
            items = summarise(self._database, connection, [job_or_broken(row) for row in rows])
        return Page(items=tuple(items), next_cursor=following)

    def failing(self, team: TeamId) -> int:
        """How many jobs are failing."""
        statement = sa.select(sa.func.count()).where(
            job.c.team_id == team, in_last_state("failing")
        )
        with self._database.reading() as connection:
            return connection.execute(statement).scalar_one()


def _fetch(connection: sa.Connection, job_id: JobId, *, lock: bool = True) -> Job:
    statement = current_jobs().where(job.c.id == job_id)
    row = connection.execute(statement.with_for_update(of=job) if lock else statement).first()
    if row is None:
        raise NotFound(f"There is no job {job_id}.")
    return job_from(row)


def _require_version(found: Job, expected: int) -> None:
    if found.version != expected:
        raise StaleWrite(
            f"Somebody changed the job {found.spec.name!r} meanwhile.",
            hint="Reload it and make your change again.",
        )


def _named(spec: JobSpec) -> dict[str, str]:
    return {"name": spec.name, "name_key": spec.name.casefold(), "notebook": spec.notebook}


def _name_taken(name: str) -> Refused:
    return Refused(
        f"There is a job named {name!r} already.", field="name", hint="Choose another name."
    )


def _add_version(connection: sa.Connection, saved: Job, *, user: str, at: int) -> None:
    connection.execute(
        sa.insert(job_version).values(
            job_id=saved.id,
            version=saved.version,
            team_id=saved.team,
            spec=to_json(saved.spec),
            notebook_sha256=saved.notebook_sha256,
            created_by=user,
            created_at=at,
        )
    )

"""What retention asks of the database, and what keeps a run from it."""

from collections.abc import Sequence
from datetime import datetime
from typing import Any

import sqlalchemy as sa

from jupyter_orch.domain.ids import RunId
from jupyter_orch.domain.model import Run
from jupyter_orch.domain.states import RunState
from jupyter_orch.ports import Expired
from jupyter_orch.store.backfill_rows import note_removed
from jupyter_orch.store.changes import record
from jupyter_orch.store.engine import Database
from jupyter_orch.store.failure_counts import forget_failures
from jupyter_orch.store.rows import instant, micros
from jupyter_orch.store.runs import fetch_run
from jupyter_orch.store.tables import (
    attempt,
    backfill,
    job,
    job_version,
    publish_intent,
    published_version,
    query,
    run,
)

#: Rows that belong to a run; none of them may outlive it.
_PARTS = (attempt, query, publish_intent, published_version)


class SqlArchive:
    """ports.Archive, and pins."""

    _database: Database

    def set_pinned(self, run_id: RunId, *, pinned: bool, user: str) -> Run:  # noqa: ARG002 - for the audit log
        """Keeps the run from retention, or lets it go. Saying it twice is harmless.

        Raises:
            NotFound: No such run.
        """
        with self._database.writing() as connection:
            if fetch_run(connection, run_id).pinned != pinned:
                connection.execute(sa.update(run).where(run.c.id == run_id).values(pinned=pinned))
                record(connection, "run", [run_id])
            return fetch_run(connection, run_id)

    def expired_runs(
        self, *, ended_before: datetime, limit: int, ended_from: datetime | None = None
    ) -> tuple[Expired, ...]:
        """Ended runs that may go, oldest first: not pinned, not their job's last success or end.

        A job that was deleted keeps none. Runs in the range of a backfill that goes on stay, too:
        it looks at them to find out what is missing.
        """
        statement = (
            sa.select(run.c.id, run.c.ended_at)
            .where(run.c.ended_at < micros(ended_before), _may_go())
            .order_by(run.c.ended_at)
            .limit(limit)
        )
        if ended_from is not None:
            statement = statement.where(run.c.ended_at >= micros(ended_from))
        with self._database.reading() as connection:
            return tuple(
                Expired(run_id=RunId(row.id), ended_at=instant(row.ended_at))
                for row in connection.execute(statement)
            )

    def delete_runs(self, run_ids: Sequence[RunId]) -> int:
        """Removes runs that may go, with all that belongs to them; answers how many.

        One change tells of all of them: who lists runs looks again.
        """
        with self._database.writing() as connection:
            going: sa.Select[Any] = (
                sa.select(run.c.id, run.c.backfill_id, run.c.state)
                .where(run.c.id.in_(run_ids), _may_go())
                .with_for_update(of=run, skip_locked=True)
            )
            rows = connection.execute(going).all()
            ids = [row.id for row in rows]
            if ids:
                note_removed(connection, rows)
                for part in _PARTS:
                    connection.execute(sa.delete(part).where(part.c.run_id.in_(ids)))
                connection.execute(sa.delete(run).where(run.c.id.in_(ids)))
                forget_failures(connection, ids)
                record(connection, "run", ids[-1:])
            return len(ids)

    def delete_backfills(self, *, ended_before: datetime, limit: int) -> int:
        """Removes backfills that ended and whose runs are gone; answers how many."""
        runs = sa.select(run.c.id).where(run.c.backfill_id == backfill.c.id).exists()
        going = (
            sa.select(backfill.c.id)
            .where(backfill.c.ended_at < micros(ended_before), ~runs)
            .limit(limit)
            .with_for_update(of=backfill, skip_locked=True)
        )
        with self._database.writing() as connection:
            ids = connection.execute(going).scalars().all()
            if ids:
                connection.execute(sa.delete(backfill).where(backfill.c.id.in_(ids)))
                record(connection, "backfill", ids[-1:])
            return len(ids)

    def delete_versions(self, *, superseded_before: datetime, limit: int) -> int:
        """Removes old job versions that no run and no backfill names; answers how many."""
        going = (
            sa.select(job_version.c.job_id, job_version.c.version)
            .where(*_superseded(micros(superseded_before)))
            .limit(limit)
        )
        # Found without the right to write: there may be many that something still names.
        with self._database.reading() as connection:
            found = [(row.job_id, row.version) for row in connection.execute(going)]
        if not found:
            return 0
        with self._database.writing() as connection:
            return connection.execute(
                sa.delete(job_version).where(
                    sa.tuple_(job_version.c.job_id, job_version.c.version).in_(found)
                )
            ).rowcount

    def unused_notebooks(self, hashes: Sequence[str]) -> frozenset[str]:
        """Those of the hashes that no run, job version or backfill names."""
        with self._database.reading() as connection:
            used = {
                sha256
                for table in (job_version, backfill)
                for sha256 in connection.execute(
                    sa.select(table.c.notebook_sha256).where(table.c.notebook_sha256.in_(hashes))
                ).scalars()
            }
            # One look into the index for each: a notebook may have a million runs.
            for sha256 in set(hashes) - used:
                named = sa.select(run.c.id).where(run.c.notebook_sha256 == sha256).limit(1)
                if connection.execute(named).first() is not None:
                    used.add(sha256)
        return frozenset(hashes) - used


def _superseded(before: int) -> tuple[sa.ColumnElement[bool], ...]:
    """Job versions that were followed by another one before then, and that nothing names."""
    newer = job_version.alias("newer")
    followed = (
        sa.select(newer.c.version)
        .where(
            newer.c.job_id == job_version.c.job_id,
            newer.c.version > job_version.c.version,
            newer.c.created_at < before,
        )
        .exists()
    )
    named = (
        sa.select(table.c.id)
        .where(
            table.c.job_id == job_version.c.job_id,
            table.c.job_version == job_version.c.version,
        )
        .exists()
        for table in (run, backfill)
    )
    return (followed, *(~each for each in named))


def _may_go() -> sa.ColumnElement[bool]:
    newer = run.alias("newer")
    succeeded_since = (
        sa.select(newer.c.id)
        .where(
            newer.c.job_id == run.c.job_id,
            newer.c.state == RunState.SUCCEEDED,
            newer.c.ended_at.is_not(None),
            newer.c.ended_at > run.c.ended_at,
        )
        .exists()
    )
    last_success = sa.and_(
        run.c.state == RunState.SUCCEEDED,
        sa.select(job.c.id).where(job.c.id == run.c.job_id).exists(),
        ~succeeded_since,
    )
    # A list of jobs shows it: no job is failing without a run that failed.
    last_end = (
        sa.select(job.c.id).where(job.c.id == run.c.job_id, job.c.last_run_id == run.c.id).exists()
    )
    needed = (
        sa.select(backfill.c.id)
        .where(
            backfill.c.state == sa.literal_column("'running'"),
            sa.or_(
                backfill.c.id == run.c.backfill_id,
                sa.and_(
                    backfill.c.job_id == run.c.job_id,
                    run.c.logical_time.between(backfill.c.first, backfill.c.last),
                ),
            ),
        )
        .exists()
    )
    return sa.and_(run.c.ended_at.is_not(None), ~run.c.pinned, ~last_success, ~last_end, ~needed)

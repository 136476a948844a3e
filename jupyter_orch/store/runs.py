"""Runs as people see them: add, read, list, cancel."""

from collections.abc import Mapping, Sequence
from typing import Any, get_args

import sqlalchemy as sa

from jupyter_orch.domain.errors import NotFound, Refused
from jupyter_orch.domain.ids import BackfillId, JobId, RunId, TeamId
from jupyter_orch.domain.model import Attempt, Page, Run, RunKind
from jupyter_orch.domain.outputs import TableVersion
from jupyter_orch.domain.states import RunState
from jupyter_orch.store.changes import record
from jupyter_orch.store.engine import Database
from jupyter_orch.store.failure_counts import count_failures
from jupyter_orch.store.hints import hint
from jupyter_orch.store.lake import as_it_stands
from jupyter_orch.store.notices import tell_ended
from jupyter_orch.store.rows import attempt_from, run_from, run_row, version_from
from jupyter_orch.store.run_pages import RunPages
from jupyter_orch.store.tables import ACTIVE, attempt, in_state, published_version, query, run
from jupyter_orch.store.transitions import cancel_queued, note_last

#: Made once, as it is asked for while people watch; of each kind the newest are in one place of an
#: index.
_DURATIONS = sa.union_all(
    *(
        sa.select(
            sa.select(run.c.id, run.c.started_at, run.c.ended_at)
            .where(
                run.c.job_id == sa.bindparam("of_job"),
                in_state(run, RunState.SUCCEEDED),
                run.c.kind == sa.literal_column(f"'{kind}'"),
            )
            .order_by(run.c.id.desc())
            .limit(sa.bindparam("most"))
            .subquery(kind)
        )
        for kind in get_args(RunKind)
    )
)


def insert_run(database: Database, connection: sa.Connection, new: Run, **held: Any) -> bool:
    """Stores a run unless its identity is taken; says whether it did."""
    added = database.insert_or_leave(connection, run, {**run_row(new), **held})
    if added:
        record(connection, "run", [new.id])
        if new.state is RunState.QUEUED:
            hint(connection)
        if new.state is RunState.FAILED:  # it ended before it could begin
            count_failures(connection, [new.id])
            tell_ended(connection, [new.id], at=database.now(connection))
            note_last(connection, new.id, new.state)
    return added


def same_run(connection: sa.Connection, wanted: Run) -> Run:
    """The stored run with the same identity."""
    owner = (
        run.c.job_id == wanted.job_id
        if wanted.job_id is not None
        else sa.and_(run.c.job_id.is_(None), run.c.team_id == wanted.team)
    )
    found = connection.execute(
        sa.select(run).where(
            sa.or_(run.c.id == wanted.id, sa.and_(owner, run.c.run_key == wanted.run_key))
        )
    ).one()
    return run_from(found)


def fetch_run(
    connection: sa.Connection, run_id: RunId, team: TeamId | None = None, *, lock: bool = True
) -> Run:
    """The run with this id; with `lock` nobody else changes it before this transaction ends.

    Raises:
        NotFound: No such run, or another team's.
    """
    statement = sa.select(run).where(run.c.id == run_id)
    row = connection.execute(statement.with_for_update() if lock else statement).first()
    if row is None or (team is not None and row.team_id != team):
        raise NotFound(f"There is no run {run_id}.")
    return run_from(row)


class SqlRuns:
    """ports.RunStore."""

    _database: Database

    def add_run(self, new: Run) -> Run:
        """Stores the run, or returns the one that (job_id, run_key) already names."""
        with self._database.writing() as connection:
            insert_run(self._database, connection, new)
            return same_run(connection, new)

    def get_run(self, team: TeamId, run_id: RunId) -> Run:
        """The run with this id."""
        with self._database.reading() as connection:
            return fetch_run(connection, run_id, team, lock=False)

    def list_runs(
        self,
        team: TeamId,
        *,
        job_id: str | None = None,
        backfill_id: BackfillId | None = None,
        kind: RunKind | None = None,
        states: Sequence[RunState] = (),
        search: str = "",
        fingerprint: str | None = None,
        cursor: str | None = None,
        limit: int = 50,
    ) -> Page[Run]:
        """Newest first; `search` matches a part of the job's name, without case.

        A fingerprint goes with a job and no other filter.
        """
        wanted = RunPages(
            self._database,
            team,
            job_id=job_id,
            backfill_id=backfill_id,
            kind=kind,
            states=states,
            search=search,
            fingerprint=fingerprint,
        )
        with self._database.reading() as connection:
            rows, following = wanted.page(connection, cursor=cursor, limit=limit)
        return Page(items=tuple(run_from(row) for row in rows), next_cursor=following)

    def attempts(self, run_id: RunId) -> tuple[Attempt, ...]:
        """Every try of the run, first one first."""
        statement = sa.select(attempt).where(attempt.c.run_id == run_id).order_by(attempt.c.number)
        with self._database.reading() as connection:
            return tuple(attempt_from(row) for row in connection.execute(statement))

    def durations(self, job_id: JobId, *, limit: int) -> tuple[float, ...]:
        """Seconds that the newest successful runs of the job took, in no order."""
        with self._database.reading() as connection:
            rows = connection.execute(_DURATIONS, {"of_job": job_id, "most": limit})
            newest = sorted(rows, key=lambda row: row.id, reverse=True)[:limit]
        return tuple(
            (row.ended_at - row.started_at) / 1e6
            for row in newest
            if row.started_at is not None and row.ended_at is not None
        )

    def published(self, run_id: RunId) -> tuple[TableVersion, ...]:
        """What the run published, in the order of publishing, with what became of it since."""
        statement = (
            sa.select(published_version.c.version)
            .where(published_version.c.run_id == run_id)
            .order_by(published_version.c.position)
        )
        with self._database.reading() as connection:
            noted = connection.execute(statement).scalars().all()
            return tuple(as_it_stands(connection, version_from(each)) for each in noted)

    def queries(self, run_id: RunId) -> tuple[str, ...]:
        """Warehouse query ids that the run's notebook started, oldest first."""
        statement = sa.select(query.c.query_id).where(query.c.run_id == run_id).order_by(query.c.id)
        with self._database.reading() as connection:
            return tuple(connection.execute(statement).scalars())

    def request_cancel(self, run_id: RunId, *, user: str) -> Run:  # noqa: ARG002 - for the audit log
        """Cancels a queued run at once; asks the holder of a running one to stop.

        Raises:
            NotFound: No such run.
            Refused: The run is publishing or has ended.
        """
        with self._database.writing() as connection:
            found = fetch_run(connection, run_id)
            if found.state is RunState.QUEUED:
                cancel_queued(connection, [run_id], at=self._database.now(connection))
            elif found.state is RunState.RUNNING:
                connection.execute(
                    sa.update(run).where(run.c.id == run_id).values(cancel_requested=True)
                )
                record(connection, "run", [run_id])
                hint(connection)
            else:
                raise Refused(
                    "The run is publishing its tables and can only be rolled back afterwards."
                    if found.state is RunState.PUBLISHING
                    else f"The run has ended already: {found.state}."
                )
            return fetch_run(connection, run_id)

    def counts(self, team: TeamId) -> Mapping[RunState, int]:
        """Runs that have not ended, by state."""
        statement = (
            sa.select(run.c.state, sa.func.count())
            .where(run.c.team_id == team, in_state(run, *ACTIVE))
            .group_by(run.c.state)
        )
        with self._database.reading() as connection:
            found = {RunState(state): count for state, count in connection.execute(statement)}
        return {state: found.get(state, 0) for state in ACTIVE}

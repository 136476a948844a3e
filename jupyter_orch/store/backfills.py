"""Backfills: kept, and gone on with a few runs at a time."""

import logging
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from datetime import datetime
from typing import Any

import sqlalchemy as sa
from sqlalchemy.exc import SQLAlchemyError

from jupyter_orch.domain.errors import BadInput, NotFound, OrchError, Refused
from jupyter_orch.domain.ids import BackfillId, JobId, TeamId
from jupyter_orch.domain.model import Backfill, Job, Page, Run
from jupyter_orch.domain.states import RunState
from jupyter_orch.store.backfill_rows import backfill_from, backfill_row, end_backfill
from jupyter_orch.store.changes import record
from jupyter_orch.store.engine import Database
from jupyter_orch.store.hints import hint
from jupyter_orch.store.intervals import interval_states
from jupyter_orch.store.jobs import current_jobs
from jupyter_orch.store.pages import decode, encode
from jupyter_orch.store.rows import instant, job_from, micros
from jupyter_orch.store.runs import insert_run
from jupyter_orch.store.tables import ACTIVE, backfill, in_state, job, run

log = logging.getLogger(__name__)
_RUNNING = backfill.c.state == sa.literal_column("'running'")
_NOT_SUCCEEDED = (RunState.FAILED, RunState.CANCELLED, RunState.SKIPPED)
_ACTIVE_RUNS = (
    sa.select(sa.func.count())
    .select_from(run)
    .where(run.c.backfill_id == backfill.c.id, in_state(run, *ACTIVE))
    .scalar_subquery()
)
#: What is to be done something for: it has room for a run, or is over.
_WAITING = sa.and_(
    _RUNNING,
    sa.case(
        (backfill.c.exhausted, _ACTIVE_RUNS == 0),
        else_=backfill.c.concurrency > _ACTIVE_RUNS,
    ),
)


class SqlBackfillFeed:
    """ports.BackfillFeed, inside an open transaction."""

    def __init__(
        self,
        database: Database,
        connection: sa.Connection,
        *,
        backfill: Backfill,
        job: Job | None,
        room: int,
        now: datetime,
    ) -> None:
        self._database = database
        self._connection = connection
        self.backfill = backfill
        self.job = job
        self.room = room
        self.now = now

    def states(self, first: datetime, last: datetime) -> Mapping[datetime, RunState]:
        """`RunStore.interval_states` of its job and trigger."""
        wanted = self.backfill
        return interval_states(self._connection, wanted.job_id, wanted.trigger.id, first, last)

    def insert(self, runs: Sequence[Run]) -> None:
        """Adds runs; a (job_id, run_key) that exists is left alone."""
        for new in runs:
            insert_run(self._database, self._connection, new)

    def advance(self, cursor: datetime, *, exhausted: bool) -> None:
        """`cursor` and all before it are dealt with; `exhausted`: nothing comes after it."""
        self._connection.execute(
            sa.update(backfill)
            .where(backfill.c.id == self.backfill.id)
            .values(cursor=micros(cursor), exhausted=exhausted)
        )
        record(self._connection, "backfill", [self.backfill.id])

    def fail(self, error: str) -> None:
        """It cannot go on; its queued runs are cancelled."""
        end_backfill(self._connection, self.backfill.id, "failed", at=micros(self.now), error=error)


class SqlBackfills:
    """ports.BackfillStore."""

    _database: Database

    def add_backfill(self, new: Backfill) -> Backfill:
        """Stores it, or returns the one with its id."""
        with self._database.writing() as connection:
            if self._database.insert_or_leave(connection, backfill, backfill_row(new)):
                record(connection, "backfill", [new.id])
            return _read(connection, _fetch(connection, new.id))

    def get_backfill(self, team: TeamId, backfill_id: BackfillId) -> Backfill:
        """The backfill with this id.

        Raises:
            NotFound: The team has none.
        """
        with self._database.reading() as connection:
            return _read(connection, _fetch(connection, backfill_id, team=team))

    def list_backfills(
        self,
        team: TeamId,
        *,
        job_id: JobId | None = None,
        cursor: str | None = None,
        limit: int = 50,
    ) -> Page[Backfill]:
        """Newest first; one that this code cannot read is left out."""
        statement = sa.select(backfill).where(backfill.c.team_id == team)
        if job_id is not None:
            statement = statement.where(backfill.c.job_id == job_id)
        if cursor is not None:
            statement = statement.where(
                sa.tuple_(backfill.c.created_at, backfill.c.id) < sa.tuple_(*_place(cursor))
            )
        order = (backfill.c.created_at.desc(), backfill.c.id.desc())
        with self._database.reading() as connection:
            rows = connection.execute(statement.order_by(*order).limit(limit + 1)).all()
            shown = rows[:limit]
            counts = _counts(connection, [row.id for row in shown])
        last = shown[-1] if len(rows) > limit else None
        return Page(
            items=tuple(_readable(shown, counts)),
            next_cursor=None if last is None else encode([str(last.created_at), last.id]),
        )

    def cancel_backfill(self, backfill_id: BackfillId, *, user: str) -> Backfill:  # noqa: ARG002 - for the audit log
        """Makes no more runs, cancels the queued ones, asks the holders of others to stop.

        Saying it twice is harmless.

        Raises:
            NotFound: There is no such backfill.
            Refused: It has ended by itself.
        """
        with self._database.writing() as connection:
            found = _fetch(connection, backfill_id, lock=True)
            if found.state not in {"running", "cancelled"}:
                raise Refused(f"The backfill has ended already: {found.state}.")
            if found.state == "running":
                now = self._database.now(connection)
                end_backfill(connection, backfill_id, "cancelled", at=now)
                _ask_to_stop(connection, backfill_id)
            return _read(connection, _fetch(connection, backfill_id))

    @contextmanager
    def feed_backfill(self) -> Iterator[SqlBackfillFeed | None]:
        """Claims a running backfill that has room for a run, or that is over and not ended yet.

        The one that was fed longest ago comes first. None when there is none. Leaving the block
        commits; an exception rolls all of it back.
        """
        # Asked first without the right to write, so that nobody waits while there is nothing to do.
        with self._database.reading() as connection:
            waiting = connection.execute(sa.select(backfill.c.id).where(_WAITING).limit(1)).first()
        if waiting is None:
            yield None
            return
        with self._database.writing() as connection:
            yield self._claim(connection)

    def _claim(self, connection: sa.Connection) -> SqlBackfillFeed | None:
        claim = (
            sa.select(backfill)
            .where(_WAITING)
            .order_by(backfill.c.fed_at, backfill.c.id)
            .limit(1)
            .with_for_update(of=backfill, skip_locked=True)
        )
        while (row := connection.execute(claim).first()) is not None:
            now = self._database.now(connection)
            connection.execute(
                sa.update(backfill).where(backfill.c.id == row.id).values(fed_at=now)
            )
            try:
                return self._feed(connection, row, now)
            except SQLAlchemyError:
                raise
            except Exception:
                log.exception("backfill.unreadable", extra={"backfill_id": row.id})
                why = "This backfill or its job was stored in a form that cannot be read."
                end_backfill(connection, row.id, "failed", at=now, error=why)
        return None

    def _feed(self, connection: sa.Connection, row: sa.Row[Any], now: int) -> SqlBackfillFeed:
        # Counted again under the lock: what the claim saw may be older than the lock.
        counts = _counts(connection, [row.id]).get(row.id, {})
        active = sum(counts.get(state, 0) for state in ACTIVE)
        if row.exhausted and not active:
            failed = any(counts.get(state, 0) for state in _NOT_SUCCEEDED)
            end_backfill(connection, row.id, "failed" if failed else "succeeded", at=now)
            row = _fetch(connection, row.id)
        owner = connection.execute(current_jobs().where(job.c.id == row.job_id)).first()
        return SqlBackfillFeed(
            self._database,
            connection,
            backfill=backfill_from(row, counts),
            job=None if owner is None else job_from(owner),
            room=0 if row.exhausted else max(0, row.concurrency - active),
            now=instant(now),
        )


def _fetch(
    connection: sa.Connection,
    backfill_id: BackfillId,
    *,
    team: TeamId | None = None,
    lock: bool = False,
) -> sa.Row[Any]:
    statement = sa.select(backfill).where(backfill.c.id == backfill_id)
    row = connection.execute(statement.with_for_update() if lock else statement).first()
    if row is None or (team is not None and row.team_id != team):
        raise NotFound(f"There is no backfill {backfill_id}.", hint="See `jupyter orch backfills`.")
    return row


def _read(connection: sa.Connection, row: sa.Row[Any]) -> Backfill:
    try:
        return backfill_from(row, _counts(connection, [row.id]).get(row.id, {}))
    except ValueError as error:
        raise OrchError(
            f"The backfill {row.id} was stored in a form that cannot be read."
        ) from error


def _readable(
    rows: Sequence[sa.Row[Any]], counts: Mapping[str, Mapping[str, int]]
) -> Iterator[Backfill]:
    for row in rows:
        try:
            yield backfill_from(row, counts.get(row.id, {}))
        except ValueError:
            log.exception("backfill.unreadable", extra={"backfill_id": row.id})


def _counts(connection: sa.Connection, ids: Sequence[str]) -> dict[str, dict[str, int]]:
    """Runs by backfill and state."""
    found: dict[str, dict[str, int]] = {}
    counted = (
        sa.select(run.c.backfill_id, run.c.state, sa.func.count())
        .where(run.c.backfill_id.in_(ids))
        .group_by(run.c.backfill_id, run.c.state)
    )
    for backfill_id, state, count in connection.execute(counted):
        found.setdefault(str(backfill_id), {})[state] = count
    return found


def _ask_to_stop(connection: sa.Connection, backfill_id: BackfillId) -> None:
    asked = connection.execute(
        sa.update(run)
        .where(run.c.backfill_id == backfill_id, in_state(run, RunState.RUNNING))
        .values(cancel_requested=True)
        .returning(run.c.id)
    )
    record(connection, "run", asked.scalars().all())
    hint(connection)


def _place(cursor: str) -> tuple[int, str]:
    created_at, backfill_id = decode(cursor, 2)
    if not created_at.isdecimal():
        raise BadInput("The cursor is not one that a listing gave.", field="cursor")
    return int(created_at), backfill_id

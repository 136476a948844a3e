"""What a worker takes from the queue, within each job's policy for overlap and each pool's slots.

Two workers may look at the same moment, each at a state of the database that the other one is about
to change. So a look only finds candidates; what decides is asked again under a lock: the row of the
pool, and a lock with the name of the job. Whoever holds it sees every claim before its own.
SQLite lets one writer in at a time and needs no locks.
"""

import logging
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import replace
from typing import Any

import sqlalchemy as sa

from jupyter_orch.domain.ids import RunId
from jupyter_orch.domain.model import Run
from jupyter_orch.domain.states import RunState
from jupyter_orch.ports import News
from jupyter_orch.store.engine import Database
from jupyter_orch.store.rows import instant, run_from
from jupyter_orch.store.tables import ACTIVE, HELD, attempt, in_state, pool, run
from jupyter_orch.store.transitions import move

log = logging.getLogger(__name__)
_SECOND = 1_000_000  # microseconds
#: Team and name of a pool.
_Key = tuple[str, str]


class SqlClaims:
    """The part of ports.Ledger that takes runs from the queue."""

    _database: Database

    def news(self, worker: str, held: Iterable[RunId], *, room: bool) -> News:
        """Whether there is something to claim, and which held runs are to stop. Changes nothing."""
        held = list(held)
        with self._database.reading() as connection:
            cancelled: Sequence[str] = ()
            if held:
                asked = sa.select(run.c.id).where(
                    run.c.id.in_(held), run.c.owner == worker, run.c.cancel_requested
                )
                cancelled = connection.execute(asked).scalars().all()
            return News(
                claimable=room and self._anything(connection),
                cancelled=tuple(RunId(run_id) for run_id in cancelled),
            )

    def _anything(self, connection: sa.Connection) -> bool:
        now = self._database.now(connection)
        full = _full(_pool_room(connection))
        queued = candidates(_NOW, limit=1, full=full) if full else _FIRST
        looks = (queued, _LOST)
        return any(connection.execute(each, {_NOW.key: now}).first() for each in looks)

    def claim_runs(self, worker: str, *, limit: int, lease_seconds: float) -> tuple[Run, ...]:
        """Takes queued runs whose time has come; raises each one's attempt number by one.

        The highest priority goes first, then the earliest. A run waits while as many runs of its
        job are held as its policy for overlap allows, or while its pool has no free slot.
        """
        with self._database.writing() as connection:
            turns = _Turns(self._database, connection, worker, lease_seconds)
            while len(turns.taken) < limit and turns.take(limit - len(turns.taken)):
                pass
            return tuple(turns.taken)


class _Turns:
    """One claim: looks and takes in turn, for as long as a turn changes what the next one sees."""

    def __init__(
        self, database: Database, connection: sa.Connection, worker: str, lease_seconds: float
    ) -> None:
        self._database = database
        self._connection = connection
        self._worker = worker
        self._lease = int(lease_seconds * _SECOND)
        self._now = database.now(connection)
        self._room = _pool_room(connection)
        self._busy: set[str] = set()
        self._unreadable: set[str] = set()
        self._first = True
        self.taken: list[Run] = []

    def take(self, limit: int) -> bool:
        """One turn; says whether another one may find more."""
        full = _full(self._room)
        look = candidates(
            self._now, limit=limit, full=full, busy=self._busy, without=self._unreadable
        )
        found = self._connection.execute(look.with_for_update(of=run, skip_locked=True)).all()
        before = self._progress
        self._lock_pools({_pool_of(row) for row in found} & self._room.keys())
        wanted = sorted({row.job_id for row in found if _minds_others(row)})
        locked = self._database.try_locks(self._connection, wanted)
        for row in found:
            key = _pool_of(row)
            if self._room.get(key, 1) <= 0:
                continue
            alone = _minds_others(row)
            if (alone and row.job_id not in locked) or not self._take(row):
                self._busy |= {row.job_id} if alone else set()
            elif key in self._room:
                self._room[key] -= 1
        return before != self._progress

    @property
    def _progress(self) -> tuple[int, ...]:
        """What changes when a turn changed anything."""
        groups = (self.taken, self._busy, _full(self._room), self._unreadable)
        return tuple(map(len, groups))

    def _lock_pools(self, keys: Collection[_Key]) -> None:
        """Makes sure that nobody else fills these pools, and counts again."""
        if not keys:
            return
        # All who wait do so for rows in one order; later turns, which hold some already, only try.
        rows = _pools_named(keys).with_for_update(skip_locked=not self._first)
        locked = {(row.team_id, row.name) for row in self._connection.execute(rows)}
        self._room |= dict.fromkeys(keys, 0) | _pool_room(self._connection, locked)
        if self._first:
            for gone in set(keys) - locked:  # deleted meanwhile: it has no limit any more
                del self._room[gone]
            self._now = self._database.now(self._connection)
        self._first = False

    def _take(self, row: sa.Row[Any]) -> bool:
        found = self._connection.execute(sa.select(run).where(run.c.id == row.id)).one()
        try:
            waiting = run_from(found)
        except (TypeError, ValueError):  # other code wrote it, and will take it
            log.exception("run.unreadable", extra={"run_id": row.id})
            self._unreadable.add(row.id)
            return False
        number = waiting.attempt + 1
        started = self._now if found.started_at is None else found.started_at
        moved = move(
            self._connection,
            waiting.id,
            RunState.RUNNING,
            *_may_begin(row, self._now),
            attempt=number,
            owner=self._worker,
            lease_until=self._now + self._lease,
            reason=None,
            error=None,
            cells_done=0,
            started_at=started,
            # From its first attempt on a run is neither late nor waiting too long.
            queue_until=None,
            late_at=None,
        )
        if moved:
            taken = replace(
                waiting,
                state=RunState.RUNNING,
                attempt=number,
                reason=None,
                error=None,
                cells_done=0,
                started_at=instant(started),
            )
            self.taken.append(taken)
            begin_attempt(self._connection, taken, self._worker, self._now)
        return moved


def candidates(
    now: int | sa.BindParameter[int],
    *,
    limit: int,
    full: Collection[_Key] = (),
    busy: Collection[str] = (),
    without: Collection[str] = (),
) -> sa.Select[Any]:
    """Queued runs that may begin as far as one look can tell, the first one first.

    Args:
        now: Microseconds.
        limit: Most of them.
        full: Pools without a free slot.
        busy: Jobs of which no further run may begin.
        without: Runs to pass over.
    """
    # A range of leases and a job that is no plain column, so that SQLite walks the few held runs
    # and not the whole history in the order of jobs.
    job_id = sa.func.coalesce(run.c.job_id, "")
    others = (
        sa.select(job_id.label("job_id"), sa.func.count().label("held"))
        .where(in_state(run, *HELD), run.c.lease_until > 0, run.c.backfill_id.is_(None))
        .group_by(job_id)
        .subquery("others")
    )
    unlimited = sa.and_(run.c.overlap == "parallel", run.c.max_parallel.is_(None))
    most = sa.case((run.c.overlap == "parallel", run.c.max_parallel), else_=1)
    statement = (
        sa.select(
            run.c.id,
            run.c.team_id,
            run.c.pool,
            run.c.job_id,
            run.c.backfill_id,
            run.c.overlap,
            run.c.max_parallel,
            run.c.priority,
            run.c.not_before,
        )
        .select_from(run.outerjoin(others, others.c.job_id == run.c.job_id))
        .where(
            in_state(run, RunState.QUEUED),
            run.c.not_before <= now,
            sa.or_(
                others.c.held.is_(None),
                run.c.backfill_id.is_not(None),
                unlimited,
                others.c.held < most,
            ),
        )
        .order_by(run.c.priority.desc(), run.c.not_before, run.c.id)
        .limit(limit)
    )
    for team, name in full:
        statement = statement.where(~sa.and_(run.c.team_id == team, run.c.pool == name))
    if without:
        statement = statement.where(run.c.id.not_in(sorted(without)))
    if busy:
        statement = statement.where(
            sa.or_(
                run.c.job_id.is_(None),
                run.c.backfill_id.is_not(None),
                run.c.job_id.not_in(sorted(busy)),
            )
        )
    return statement


# Made once: workers look all the time, and making these takes longer than their answers.
_NOW: sa.BindParameter[int] = sa.bindparam("now")
_FIRST = candidates(_NOW, limit=1)
_LOST = (
    sa.select(run.c.id)
    .where(in_state(run, RunState.PUBLISHING), in_state(run, *HELD), run.c.lease_until < _NOW)
    .limit(1)
)


def _pool_of(row: sa.Row[Any]) -> _Key:
    return row.team_id, row.pool


def _minds_others(row: sa.Row[Any]) -> bool:
    """Whether it matters to this run that others of its job are held."""
    unlimited = row.overlap == "parallel" and row.max_parallel is None
    return row.job_id is not None and row.backfill_id is None and not unlimited


def _may_begin(row: sa.Row[Any], now: int) -> tuple[sa.ColumnElement[bool], ...]:
    """What must hold in the very statement that takes the run."""
    if not _minds_others(row):
        return ()
    other = run.alias("other")
    held = sa.select(other.c.id).where(
        other.c.job_id == row.job_id,
        in_state(other, *ACTIVE),  # in the words of the index; the job's history has another one
        in_state(other, *HELD),
        other.c.backfill_id.is_(None),
    )
    if row.overlap == "parallel":
        some = held.limit(row.max_parallel).subquery()
        count = sa.select(sa.func.count()).select_from(some).scalar_subquery()
        return (count < row.max_parallel,)
    first = (
        sa.select(other.c.id)
        .where(
            other.c.job_id == row.job_id,
            in_state(other, RunState.QUEUED),
            other.c.backfill_id.is_(None),
            other.c.not_before <= now,
        )
        .order_by(other.c.priority.desc(), other.c.not_before, other.c.id)
        .limit(1)
        .scalar_subquery()
    )
    return ~held.exists(), first == row.id


def begin_attempt(connection: sa.Connection, held: Run, owner: str, now: int) -> None:
    """Writes down that an attempt began."""
    connection.execute(
        sa.insert(attempt).values(run_id=held.id, number=held.attempt, worker=owner, started_at=now)
    )


def _pools_named(keys: Collection[_Key]) -> sa.Select[Any]:
    return (
        sa.select(pool)
        .where(sa.tuple_(pool.c.team_id, pool.c.name).in_(sorted(keys)))
        .order_by(pool.c.team_id, pool.c.name)
    )


def _pool_room(connection: sa.Connection, keys: Collection[_Key] | None = None) -> dict[_Key, int]:
    """Free slots of the pools with a limit: of all of them, or of these."""
    limited = sa.select(pool) if keys is None else _pools_named(keys)
    rows = connection.execute(limited.where(pool.c.slots.is_not(None))).all()
    if not rows:
        return {}
    used = sa.select(run.c.team_id, run.c.pool, sa.func.count()).where(
        in_state(run, *HELD), run.c.lease_until > 0
    )
    counts = {
        (team, name): count
        for team, name, count in connection.execute(used.group_by(run.c.team_id, run.c.pool))
    }
    return {
        (row.team_id, row.name): row.slots - counts.get((row.team_id, row.name), 0) for row in rows
    }


def _full(room: Mapping[_Key, int]) -> set[_Key]:
    return {key for key, free in room.items() if free <= 0}

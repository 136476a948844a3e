"""What a worker takes from the queue, within each job's policy for overlap and each pool's slots.

Two workers may look at the same moment, each at a state of the database that the other one is about
to change. So a look only finds candidates; what decides is asked again under a lock: the row of the
pool, and a lock with the name of the job. Whoever holds it sees every claim before its own.
SQLite lets one writer in at a time and needs no locks.
"""

import logging
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import replace
from functools import lru_cache
from typing import Any

import sqlalchemy as sa

from jupyter_orch.domain.ids import RunId
from jupyter_orch.domain.model import Run
from jupyter_orch.domain.states import RunState, before
from jupyter_orch.ports import News
from jupyter_orch.store.changes import record
from jupyter_orch.store.engine import Database
from jupyter_orch.store.rows import instant, run_from
from jupyter_orch.store.tables import ACTIVE, HELD, attempt, in_state, pool, run

log = logging.getLogger(__name__)
_SECOND = 1_000_000  # microseconds
#: Team and name of a pool.
_Key = tuple[str, str]

# Built once: to build and to look up such a statement takes longer than to execute it.
_TO_STOP = sa.select(run.c.id).where(
    run.c.id.in_(sa.bindparam("ids", expanding=True)),
    run.c.owner == sa.bindparam("of_owner"),
    run.c.cancel_requested,
)
_LOST_PUBLICATION = (
    sa.select(run.c.id)
    .where(
        in_state(run, RunState.PUBLISHING),
        in_state(run, *HELD),
        run.c.lease_until < sa.bindparam("now"),
    )
    .limit(1)
)
_WHOLE = sa.select(run).where(run.c.id.in_(sa.bindparam("ids", expanding=True)))
_BEGIN_ATTEMPT = sa.insert(attempt)
_NAMED = (
    sa.select(pool)
    .where(sa.tuple_(pool.c.team_id, pool.c.name).in_(sa.bindparam("keys", expanding=True)))
    .order_by(pool.c.team_id, pool.c.name)
)
_LIMITED = sa.select(pool).where(pool.c.slots.is_not(None))
_LIMITED_OF = _NAMED.where(pool.c.slots.is_not(None))
_USED = (
    sa.select(run.c.team_id, run.c.pool, sa.func.count())
    .where(in_state(run, *HELD), run.c.lease_until > 0)
    .group_by(run.c.team_id, run.c.pool)
)


class SqlClaims:
    """The part of ports.Ledger that takes runs from the queue."""

    _database: Database

    def news(self, worker: str, held: Iterable[RunId], *, room: bool) -> News:
        """Whether there is something to claim, and which held runs are to stop. Changes nothing."""
        held = list(held)
        with self._database.reading() as connection:
            cancelled: Sequence[str] = ()
            if held:
                asked = {"ids": held, "of_owner": worker}
                cancelled = connection.execute(_TO_STOP, asked).scalars().all()
            now = self._database.now(connection)
            lost = room and connection.execute(_LOST_PUBLICATION, {"now": now}).first() is not None
            return News(
                claimable=lost or (room and self._any_queued(connection, now)),
                publications=lost,
                cancelled=tuple(RunId(run_id) for run_id in cancelled),
            )

    @staticmethod
    def _any_queued(connection: sa.Connection, now: int) -> bool:
        return bool(look(connection, now, limit=1, full=_full(_pool_room(connection))))

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
        found = look(
            self._connection,
            self._now,
            limit=limit,
            full=full,
            busy=self._busy,
            without=self._unreadable,
            lock=True,
        )
        earlier = self._progress
        self._lock_pools({_pool_of(row) for row in found} & self._room.keys())
        wanted = sorted({row.job_id for row in found if _minds_others(row)})
        locked = self._database.try_locks(self._connection, wanted)
        rows = self._connection.execute(_WHOLE, {"ids": [row.id for row in found]})
        whole = {row.id: row for row in rows}
        taken: list[Run] = []
        for row in found:
            key = _pool_of(row)
            if self._room.get(key, 1) <= 0:
                continue
            alone = _minds_others(row)
            mine = None if alone and row.job_id not in locked else self._take(row, whole[row.id])
            if mine is None:
                self._busy |= {row.job_id} if alone else set()
                continue
            taken.append(mine)
            if key in self._room:
                self._room[key] -= 1
        record(self._connection, "run", [each.id for each in taken])
        begin_attempts(self._connection, taken, self._worker, self._now)
        self.taken += taken
        return earlier != self._progress

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
        rows = _NAMED.with_for_update(skip_locked=not self._first)
        found = self._connection.execute(rows, {"keys": sorted(keys)})
        locked = {(row.team_id, row.name) for row in found}
        self._room |= dict.fromkeys(keys, 0) | _pool_room(self._connection, locked)
        if self._first:
            for gone in set(keys) - locked:  # deleted meanwhile: it has no limit any more
                del self._room[gone]
            self._now = self._database.now(self._connection)
        self._first = False

    def _take(self, row: sa.Row[Any], whole: sa.Row[Any]) -> Run | None:
        """The run as it is now, or None when it may not begin."""
        try:
            waiting = run_from(whole)
        except (TypeError, ValueError):  # other code wrote it, and will take it
            log.exception("run.unreadable", extra={"run_id": row.id})
            self._unreadable.add(row.id)
            return None
        number = waiting.attempt + 1
        started = self._now if whole.started_at is None else whole.started_at
        most = {"most": row.max_parallel} if row.overlap == "parallel" else {"now": self._now}
        moved = self._connection.execute(
            _taking(row.overlap if _minds_others(row) else None),
            {
                "of_run": row.id,
                "number": number,
                "worker": self._worker,
                "until": self._now + self._lease,
                "started": started,
                **({"of_job": row.job_id, **most} if _minds_others(row) else {}),
            },
        ).rowcount
        if not moved:
            return None
        return replace(
            waiting,
            state=RunState.RUNNING,
            attempt=number,
            reason=None,
            error=None,
            cells_done=0,
            started_at=instant(started),
        )


def look(
    connection: sa.Connection,
    now: int,
    *,
    limit: int,
    full: Collection[_Key] = (),
    busy: Collection[str] = (),
    without: Collection[str] = (),
    lock: bool = False,
) -> Sequence[sa.Row[Any]]:
    """Queued runs that may begin as far as one look can tell, the first one first.

    Args:
        connection: A transaction.
        now: Microseconds.
        limit: Most of them.
        full: Pools without a free slot.
        busy: Jobs of which no further run may begin.
        without: Runs to pass over.
        lock: Nobody else takes them while the transaction lasts.
    """
    given = {"full": sorted(full), "busy": sorted(busy), "without": sorted(without)}
    given = {name: values for name, values in given.items() if values}
    statement = _candidates(frozenset(given), lock=lock)
    return connection.execute(statement, {"now": now, "most": limit, **given}).all()


@lru_cache
def _candidates(given: frozenset[str], *, lock: bool) -> sa.Select[Any]:
    """The statement of a look. To build such a one takes longer than to execute it."""
    other = run.alias("other")
    holds = (in_state(other, *HELD), other.c.backfill_id.is_(None), other.c.job_id.is_not(None))
    # A set that is made once and looked up in: joined, each queued run would meet each held one. A
    # range of leases and a job that is no plain column, so that SQLite walks the few held runs and
    # not the whole history in the order of jobs.
    of_held = sa.func.coalesce(other.c.job_id, "")
    held = sa.select(of_held).where(*holds, other.c.lease_until > 0)
    count = sa.select(sa.func.count()).where(
        *holds, in_state(other, *ACTIVE), other.c.job_id == run.c.job_id
    )
    parallel = run.c.overlap == "parallel"
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
        .where(
            in_state(run, RunState.QUEUED),
            run.c.not_before <= sa.bindparam("now"),
            sa.or_(
                run.c.backfill_id.is_not(None),
                sa.func.coalesce(run.c.job_id, "").not_in(held),
                sa.and_(parallel, run.c.max_parallel.is_(None)),
                sa.and_(parallel, count.scalar_subquery() < run.c.max_parallel),
            ),
        )
        .order_by(run.c.priority.desc(), run.c.not_before, run.c.id)
        .limit(sa.bindparam("most", type_=sa.Integer()))
    )
    if "full" in given:
        pools: sa.BindParameter[Any] = sa.bindparam("full", expanding=True)
        statement = statement.where(sa.tuple_(run.c.team_id, run.c.pool).not_in(pools))
    if "without" in given:
        statement = statement.where(run.c.id.not_in(sa.bindparam("without", expanding=True)))
    if "busy" in given:
        jobs: sa.BindParameter[Any] = sa.bindparam("busy", expanding=True)
        statement = statement.where(
            sa.or_(
                run.c.job_id.is_(None), run.c.backfill_id.is_not(None), run.c.job_id.not_in(jobs)
            )
        )
    return statement.with_for_update(of=run, skip_locked=True) if lock else statement


def _pool_of(row: sa.Row[Any]) -> _Key:
    return row.team_id, row.pool


def _minds_others(row: sa.Row[Any]) -> bool:
    """Whether it matters to this run that others of its job are held."""
    unlimited = row.overlap == "parallel" and row.max_parallel is None
    return row.job_id is not None and row.backfill_id is None and not unlimited


@lru_cache
def _taking(overlap: str | None) -> sa.Update:
    """The very statement that takes a run, with what must hold in it by the policy for overlap."""
    # From its first attempt on a run is neither late nor waiting too long.
    return (
        sa.update(run)
        .where(
            run.c.id == sa.bindparam("of_run"),
            in_state(run, *before(RunState.RUNNING)),
            *_may_begin(overlap),
        )
        .values(
            state=RunState.RUNNING,
            attempt=sa.bindparam("number"),
            owner=sa.bindparam("worker"),
            lease_until=sa.bindparam("until"),
            started_at=sa.bindparam("started"),
            reason=None,
            error=None,
            cells_done=0,
            queue_until=None,
            late_at=None,
        )
    )


def _may_begin(overlap: str | None) -> tuple[sa.ColumnElement[bool], ...]:
    if overlap is None:
        return ()
    other = run.alias("other")
    of_job = other.c.job_id == sa.bindparam("of_job")
    held = sa.select(other.c.id).where(
        of_job,
        in_state(other, *ACTIVE),  # in the words of the index; the job's history has another one
        in_state(other, *HELD),
        other.c.backfill_id.is_(None),
    )
    if overlap == "parallel":
        most = sa.bindparam("most", type_=sa.Integer())
        count = sa.select(sa.func.count()).select_from(held.limit(most).subquery())
        return (count.scalar_subquery() < most,)
    first = (
        sa.select(other.c.id)
        .where(
            of_job,
            in_state(other, RunState.QUEUED),
            other.c.backfill_id.is_(None),
            other.c.not_before <= sa.bindparam("now"),
        )
        .order_by(other.c.priority.desc(), other.c.not_before, other.c.id)
        .limit(1)
        .scalar_subquery()
    )
    return ~held.exists(), first == sa.bindparam("of_run")


def begin_attempts(connection: sa.Connection, held: Sequence[Run], owner: str, now: int) -> None:
    """Writes down that attempts began."""
    rows = [
        {"run_id": each.id, "number": each.attempt, "worker": owner, "started_at": now}
        for each in held
    ]
    if rows:
        connection.execute(_BEGIN_ATTEMPT, rows)


def _pool_room(connection: sa.Connection, keys: Collection[_Key] | None = None) -> dict[_Key, int]:
    """Free slots of the pools with a limit: of all of them, or of these."""
    given = {} if keys is None else {"keys": sorted(keys)}
    limited = _LIMITED if keys is None else _LIMITED_OF
    rows = connection.execute(limited, given).all()
    if not rows:
        return {}
    counts = {(team, name): count for team, name, count in connection.execute(_USED)}
    return {
        (row.team_id, row.name): row.slots - counts.get((row.team_id, row.name), 0) for row in rows
    }


def _full(room: Mapping[_Key, int]) -> set[_Key]:
    return {key for key, free in room.items() if free <= 0}

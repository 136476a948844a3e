"""What workers need: leases, fences, ends."""

import logging
from collections.abc import Iterable, Sequence

import sqlalchemy as sa

from jupyter_orch.domain.ids import RunId
from jupyter_orch.domain.model import Run, RunError
from jupyter_orch.domain.outputs import StagedOutput
from jupyter_orch.domain.retries import retries_left
from jupyter_orch.domain.states import Reason, RunState
from jupyter_orch.ports import Held, WorkerInfo
from jupyter_orch.store.changes import prune, record
from jupyter_orch.store.claims import SqlClaims, begin_attempts
from jupyter_orch.store.ends import SqlEnds
from jupyter_orch.store.engine import Database
from jupyter_orch.store.rows import (
    error_json,
    run_from,
    staged_from,
    to_json,
    worker_from,
)
from jupyter_orch.store.runs import insert_run, same_run
from jupyter_orch.store.tables import (
    HELD,
    attempt,
    in_state,
    publish_intent,
    query,
    run,
    worker,
)
from jupyter_orch.store.transitions import end, end_attempt, end_stopped, move

log = logging.getLogger(__name__)
_SECOND = 1_000_000  # microseconds
WORKER_SEEN_SECONDS = 60
_REAP_BATCH = 500
# Built once: to build and to look up such a statement takes longer than to execute it.
_STILL_HELD = (
    sa.select(run.c.id, run.c.attempt, run.c.cancel_requested)
    .where(
        run.c.id.in_(sa.bindparam("ids", expanding=True)),
        run.c.owner == sa.bindparam("of_owner"),
        in_state(run, *HELD),
    )
    .order_by(run.c.id)  # so that two who lock them never wait in a circle
    .with_for_update()
)
_RENEW = (
    sa.update(run)
    .where(run.c.id.in_(sa.bindparam("ids", expanding=True)))
    .values(lease_until=sa.bindparam("until"))
)
_LOST = RunError(
    name="worker_lost",
    message="The process that executed the run went away without a word.",
)


class SqlLedger(SqlClaims, SqlEnds):
    """ports.Ledger."""

    _database: Database

    def claim_publications(
        self, worker: str, *, limit: int, lease_seconds: float
    ) -> tuple[tuple[Run, tuple[StagedOutput, ...]], ...]:
        """Takes over runs in state publishing whose lease ran out, with their publish intent."""
        with self._database.writing() as connection:
            now = self._database.now(connection)
            lost = sa.select(run.c.id).where(
                in_state(run, *HELD), in_state(run, RunState.PUBLISHING), run.c.lease_until < now
            )
            lost = lost.order_by(run.c.id).limit(limit).with_for_update(skip_locked=True)
            taken = []
            for run_id in connection.execute(lost).scalars().all():
                connection.execute(
                    sa.update(run)
                    .where(run.c.id == run_id)
                    .values(owner=worker, lease_until=_lease(now, lease_seconds))
                )
                record(connection, "run", [run_id])
                intents = connection.execute(
                    sa.select(publish_intent.c.staged)
                    .where(publish_intent.c.run_id == run_id)
                    .order_by(publish_intent.c.position)
                ).scalars()
                staged = tuple(staged_from(value) for value in intents)
                taken.append((_by_id(connection, run_id), staged))
            return tuple(taken)

    def open_adhoc(self, new: Run, *, worker: str, lease_seconds: float) -> Run:
        """Stores a run that its worker is already executing, as attempt 1; safe to repeat."""
        with self._database.writing() as connection:
            now = self._database.now(connection)
            added = insert_run(
                self._database,
                connection,
                new,
                state=RunState.RUNNING,
                attempt=1,
                owner=worker,
                lease_until=_lease(now, lease_seconds),
                started_at=now,
            )
            stored = same_run(connection, new)
            if added:
                begin_attempts(connection, [stored], worker, now)
            return stored

    def heartbeat(
        self, worker: str, held: Iterable[tuple[RunId, int]], *, lease_seconds: float
    ) -> tuple[Held, ...]:
        """Renews the leases that are still held; what is missing in the answer is lost."""
        numbers = dict(held)
        with self._database.writing(durable=False) as connection:
            now = self._database.now(connection)
            asked = {"ids": sorted(numbers), "of_owner": worker}
            kept = [
                Held(run_id=RunId(row.id), cancel_requested=row.cancel_requested)
                for row in connection.execute(_STILL_HELD, asked)
                if row.attempt == numbers[RunId(row.id)]
            ]
            ids = [each.run_id for each in kept]
            connection.execute(_RENEW, {"ids": ids, "until": _lease(now, lease_seconds)})
        return tuple(kept)

    def record_query(self, worker: str, run_id: RunId, attempt: int, query_id: str) -> bool:
        """Remembers a warehouse query of the run."""
        with self._database.writing() as connection:
            if _held(connection, worker, run_id, attempt) is None:
                return False
            connection.execute(
                sa.insert(query).values(
                    run_id=run_id,
                    attempt=attempt,
                    query_id=query_id,
                    recorded_at=self._database.now(connection),
                )
            )
            return True

    def begin_publishing(
        self, worker: str, run_id: RunId, attempt: int, staged: Sequence[StagedOutput]
    ) -> bool:
        """Records the publish intent; from here the run only rolls forward. Safe to repeat."""
        with self._database.writing() as connection:
            found = _held(connection, worker, run_id, attempt)
            if found is None:
                return False
            if found.state is RunState.PUBLISHING:
                return True
            for position, output in enumerate(staged):
                connection.execute(
                    sa.insert(publish_intent).values(
                        run_id=run_id, position=position, attempt=attempt, staged=to_json(output)
                    )
                )
            return move(connection, run_id, RunState.PUBLISHING, reason=None)

    def reap(self) -> int:
        """Ends attempts whose lease ran out: queued again while retries are left, else failed.

        A lost worker costs no retry the first time: every run may be retaken once more than its
        policy says. Runs in state publishing are left to `claim_publications`; an ad-hoc run fails
        at once, since only the process that was lost could execute it.
        """
        with self._database.writing() as connection:
            now = self._database.now(connection)
            lost = sa.select(run).where(
                in_state(run, *HELD), in_state(run, RunState.RUNNING), run.c.lease_until < now
            )
            lost = lost.limit(_REAP_BATCH).with_for_update(skip_locked=True)
            rows = connection.execute(lost).all()
            for row in rows:
                try:
                    found = run_from(row)
                except (TypeError, ValueError):  # other code wrote it, and will take it
                    log.exception("run.unreadable", extra={"run_id": row.id})
                else:
                    _lose(connection, found, at=now)
            prune(connection)
            connection.execute(sa.delete(worker).where(worker.c.last_seen < now - 3600 * _SECOND))
            return len(rows)

    def beat(self, info: WorkerInfo) -> None:
        """Says that this worker lives."""
        with self._database.writing(durable=False) as connection:
            row = {
                "name": info.name,
                "host": info.host,
                "pid": info.pid,
                "slots": info.slots,
                "busy": info.busy,
                "last_seen": self._database.now(connection),
            }
            self._database.upsert(connection, worker, "name", row)

    def workers(self) -> tuple[WorkerInfo, ...]:
        """Workers seen within the last minute."""
        with self._database.reading() as connection:
            since = self._database.now(connection) - WORKER_SEEN_SECONDS * _SECOND
            statement = sa.select(worker).where(worker.c.last_seen >= since).order_by(worker.c.name)
            return tuple(worker_from(row) for row in connection.execute(statement))


def _lease(now: int, seconds: float) -> int:
    return now + int(seconds * _SECOND)


def _by_id(connection: sa.Connection, run_id: RunId) -> Run:
    return run_from(connection.execute(sa.select(run).where(run.c.id == run_id)).one())


def _fence(owner: str, run_id: RunId, number: int) -> tuple[sa.ColumnElement[bool], ...]:
    return (run.c.id == run_id, run.c.attempt == number, run.c.owner == owner)


def _held(connection: sa.Connection, owner: str, run_id: RunId, number: int) -> Run | None:
    row = connection.execute(
        sa.select(run).where(*_fence(owner, run_id, number), in_state(run, *HELD)).with_for_update()
    ).first()
    return None if row is None else run_from(row)


def _lose(connection: sa.Connection, found: Run, *, at: int) -> None:
    """Ends the attempt of a worker that is lost, and the run unless it may be tried again."""
    earlier = sa.select(attempt.c.number).where(
        attempt.c.run_id == found.id,
        attempt.c.state == RunState.FAILED,
        attempt.c.reason == Reason.WORKER_LOST,
    )
    first = connection.execute(earlier.limit(1)).first() is None
    end_attempt(
        connection,
        found.id,
        found.attempt,
        RunState.FAILED,
        at=at,
        reason=Reason.WORKER_LOST,
        error=_LOST,
    )
    if found.kind != "adhoc" and (first or retries_left(found, "lost_worker")):
        _queue_again(connection, found, at=at, reason=Reason.WORKER_LOST, error=_LOST, free=first)
    elif found.cancel_requested:
        end_stopped(connection, found, at=at)
    else:
        end(connection, found.id, RunState.FAILED, at=at, reason=Reason.WORKER_LOST, error=_LOST)


def _queue_again(
    connection: sa.Connection,
    found: Run,
    *,
    at: int,
    reason: Reason | None,
    error: RunError | None,
    free: bool = False,
) -> bool:
    """Puts a run back into the queue, unless somebody wanted it to end.

    With `free` the attempt costs no retry.
    """
    if found.cancel_requested:
        return end_stopped(connection, found, at=at)
    return move(
        connection,
        found.id,
        RunState.QUEUED,
        not_before=at,
        owner=None,
        lease_until=None,
        reason=reason,
        error=error_json(error),
        free_attempts=run.c.free_attempts + int(free),
    )

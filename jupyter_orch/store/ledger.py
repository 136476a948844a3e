"""What workers need: leases, fences, ends."""

import logging
from collections.abc import Iterable, Sequence

import sqlalchemy as sa

from jupyter_orch.domain.ids import RunId
from jupyter_orch.domain.model import Run, RunError
from jupyter_orch.domain.outputs import StagedOutput, TableVersion
from jupyter_orch.domain.retries import retries_left
from jupyter_orch.domain.states import Reason, RunState
from jupyter_orch.ports import Held, WorkerInfo
from jupyter_orch.store.changes import prune, record
from jupyter_orch.store.claims import SqlClaims, begin_attempt
from jupyter_orch.store.engine import Database
from jupyter_orch.store.rows import (
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
    published_version,
    query,
    run,
    worker,
)
from jupyter_orch.store.transitions import end, end_attempt, end_stopped, move, stop_reason

log = logging.getLogger(__name__)
_SECOND = 1_000_000  # microseconds
WORKER_SEEN_SECONDS = 60
_REAP_BATCH = 500
_LOST = RunError(
    name="worker_lost",
    message="The process that executed the run went away without a word.",
)


class SqlLedger(SqlClaims):
    """ports.Ledger."""

    _database: Database

    def claim_publications(
        self, worker: str, *, limit: int, lease_seconds: float
    ) -> tuple[tuple[Run, tuple[StagedOutput, ...]], ...]:
        """Takes over runs in state publishing whose lease ran out, with their publish intent."""
        with self._database.writing() as connection:
            now = self._database.now(connection)
            lost = sa.select(run.c.id).where(
                in_state(run, RunState.PUBLISHING), run.c.lease_until < now
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
                begin_attempt(connection, stored, worker, now)
            return stored

    def heartbeat(
        self, worker: str, held: Iterable[tuple[RunId, int]], *, lease_seconds: float
    ) -> tuple[Held, ...]:
        """Renews the leases that are still held; what is missing in the answer is lost."""
        renewed = []
        with self._database.writing() as connection:
            now = self._database.now(connection)
            for run_id, number in held:
                row = connection.execute(
                    sa.update(run)
                    .where(*_fence(worker, run_id, number), in_state(run, *HELD))
                    .values(lease_until=_lease(now, lease_seconds))
                    .returning(run.c.cancel_requested)
                ).first()
                if row is not None:
                    renewed.append(Held(run_id=run_id, cancel_requested=row.cancel_requested))
        return tuple(renewed)

    def progress(self, worker: str, run_id: RunId, attempt: int, *, done: int, total: int) -> bool:
        """Tells how far the run is."""
        with self._database.writing() as connection:
            changed = connection.execute(
                sa.update(run)
                .where(*_fence(worker, run_id, attempt), in_state(run, RunState.RUNNING))
                .values(cells_done=done, cells_total=total)
            ).rowcount
            if changed:
                record(connection, "run", [run_id])
            return bool(changed)

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

    def finish(
        self,
        worker: str,
        run_id: RunId,
        attempt: int,
        *,
        state: RunState,
        reason: Reason | None = None,
        error: RunError | None = None,
        versions: Sequence[TableVersion] = (),
        retry_in_seconds: float | None = None,
    ) -> bool:
        """Ends the attempt, and the run unless `retry_in_seconds` queues it again.

        An attempt that is cancelled and queued again was handed back: it costs no retry. Safe to
        repeat: the holder that ended a run so hears True again.
        """
        with self._database.writing() as connection:
            found = _held(connection, worker, run_id, attempt)
            if found is None:
                return _ended_so(connection, worker, run_id, attempt, state)
            if state is RunState.CANCELLED and reason is Reason.CANCELLED_BY_USER:
                reason = stop_reason(found)
            now = self._database.now(connection)
            if retry_in_seconds is not None and found.state is RunState.RUNNING:
                ended = _queue_again(
                    connection,
                    found,
                    at=now,
                    reason=reason,
                    error=error,
                    wait_seconds=max(0.0, retry_in_seconds),
                    free=state is RunState.CANCELLED,
                )
            else:
                ended = end(connection, run_id, state, at=now, reason=reason, error=error)
            if ended:
                end_attempt(connection, run_id, attempt, state, at=now, reason=reason, error=error)
                _record_versions(connection, run_id, versions)
            return ended

    def reap(self) -> int:
        """Ends attempts whose lease ran out: queued again while retries are left, else failed.

        A lost worker costs no retry the first time: every run may be retaken once more than its
        policy says. Runs in state publishing are left to `claim_publications`; an ad-hoc run fails
        at once, since only the process that was lost could execute it.
        """
        with self._database.writing() as connection:
            now = self._database.now(connection)
            lost = sa.select(run).where(in_state(run, RunState.RUNNING), run.c.lease_until < now)
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
        with self._database.writing() as connection:
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


def _ended_so(
    connection: sa.Connection, owner: str, run_id: RunId, number: int, state: RunState
) -> bool:
    statement = sa.select(run.c.id).where(*_fence(owner, run_id, number), run.c.state == state)
    return connection.execute(statement).first() is not None


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
    wait_seconds: float = 0.0,
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
        not_before=_lease(at, wait_seconds),
        owner=None,
        lease_until=None,
        reason=reason,
        error=to_json(error),
        free_attempts=run.c.free_attempts + int(free),
    )


def _record_versions(
    connection: sa.Connection, run_id: RunId, versions: Sequence[TableVersion]
) -> None:
    for position, version in enumerate(versions):
        connection.execute(
            sa.insert(published_version).values(
                run_id=run_id,
                position=position,
                table_name=version.table,
                snapshot_id=version.snapshot_id,
                version=to_json(version),
            )
        )
    record(connection, "table", sorted({version.table for version in versions}))

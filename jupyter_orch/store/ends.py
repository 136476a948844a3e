"""How attempts end by the word of their holder: several of them in one transaction."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import sqlalchemy as sa

from jupyter_orch.domain.ids import RunId
from jupyter_orch.domain.model import RunError
from jupyter_orch.domain.outputs import TableVersion
from jupyter_orch.domain.states import Reason, RunState, before
from jupyter_orch.store.changes import record
from jupyter_orch.store.engine import Database
from jupyter_orch.store.failure_counts import count_failures
from jupyter_orch.store.hints import hint
from jupyter_orch.store.notices import TOLD, tell_ended
from jupyter_orch.store.rows import end_row, to_json
from jupyter_orch.store.tables import HELD, attempt, job, published_version, run
from jupyter_orch.store.together import Together
from jupyter_orch.store.transitions import stop_error, stop_reason

_SECOND = 1_000_000  # microseconds
# Built once: to build and to look up such a statement takes longer than to execute it.
_LOCKED: sa.Select[Any] = (
    sa.select(
        run.c.id,
        run.c.job_id,
        run.c.state,
        run.c.reason,
        run.c.attempt,
        run.c.owner,
        run.c.cancel_requested,
    )
    .where(run.c.id.in_(sa.bindparam("ids", expanding=True)))
    .order_by(run.c.id)  # so that two who do this at once never wait in a circle
    .with_for_update()
)
_CELLS = {
    name: sa.func.coalesce(sa.bindparam(told, type_=sa.Integer()), run.c[name])
    for name, told in (("cells_done", "done"), ("cells_total", "total"))
}
_END = (
    sa.update(run)
    .where(run.c.id == sa.bindparam("of_run"))
    .values(
        state=sa.bindparam("to_state"),
        reason=sa.bindparam("why"),
        error=sa.bindparam("what"),
        cell_source=sa.bindparam("in_cell"),
        fingerprint=sa.bindparam("like"),
        ended_at=sa.bindparam("now"),
        lease_until=None,
        queue_until=None,
        late_at=None,
        **_CELLS,
    )
)
_QUEUE = (
    sa.update(run)
    .where(run.c.id == sa.bindparam("of_run"))
    .values(
        state=RunState.QUEUED,
        reason=sa.bindparam("why"),
        error=sa.bindparam("what"),
        not_before=sa.bindparam("later"),
        owner=None,
        lease_until=None,
        free_attempts=run.c.free_attempts + sa.bindparam("free", type_=sa.Integer()),
        **_CELLS,
    )
)
_END_ATTEMPT = (
    sa.update(attempt)
    .where(
        attempt.c.run_id == sa.bindparam("of_run"), attempt.c.number == sa.bindparam("of_number")
    )
    .values(
        state=sa.bindparam("to_state"),
        reason=sa.bindparam("why"),
        error=sa.bindparam("what"),
        cell_source=sa.bindparam("in_cell"),
        fingerprint=sa.bindparam("like"),
        ended_at=sa.bindparam("now"),
    )
)
_NOTE_LAST = (
    sa.update(job)
    .where(job.c.id == sa.bindparam("of_job"))
    .values(last_run_id=sa.bindparam("of_run"), last_state=sa.bindparam("to_state"))
)


@dataclass(frozen=True, kw_only=True)
class End:
    """What the holder of an attempt says at its end; see `ports.Ledger.finish`."""

    worker: str
    run_id: RunId
    attempt: int
    state: RunState
    reason: Reason | None = None
    error: RunError | None = None
    versions: Sequence[TableVersion] = ()
    retry_in_seconds: float | None = None
    #: Those done and all of them.
    cells: tuple[int, int] | None = None


class SqlEnds:
    """The part of ports.Ledger that ends attempts."""

    _database: Database
    #: Attempts that end side by side share a transaction.
    _ending: Together[End, bool]

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
        cells: tuple[int, int] | None = None,
    ) -> bool:
        """Ends the attempt, and the run unless `retry_in_seconds` queues it again.

        An attempt that is cancelled and queued again was handed back: it costs no retry. Safe to
        repeat: the holder that ended a run so hears True again.
        """
        return self._ending.ask(
            End(
                worker=worker,
                run_id=run_id,
                attempt=attempt,
                state=state,
                reason=reason,
                error=error,
                versions=versions,
                retry_in_seconds=retry_in_seconds,
                cells=cells,
            )
        )

    def finish_all(self, ends: Sequence[End]) -> tuple[bool, ...]:
        """`finish` for several attempts in one transaction, all or none of them."""
        with self._database.writing() as connection:
            ids = sorted({end.run_id for end in ends})
            found = {row.id: _Held.of(row) for row in connection.execute(_LOCKED, {"ids": ids})}
            batch = _Batch(found, self._database.now(connection))
            answers = tuple(batch.end(end) for end in ends)
            batch.write(connection)
            return answers


@dataclass
class _Held:
    """What is known of a run, kept up to date while the batch goes on."""

    job_id: str | None
    state: RunState
    reason: Reason | None
    attempt: int
    owner: str | None
    cancel_requested: bool

    @classmethod
    def of(cls, row: sa.Row[Any]) -> "_Held":
        return cls(
            job_id=row.job_id,
            state=RunState(row.state),
            reason=row.reason and Reason(row.reason),
            attempt=row.attempt,
            owner=row.owner,
            cancel_requested=row.cancel_requested,
        )


class _Batch:
    """Decides what becomes of each run, and writes all of it at the end."""

    def __init__(self, found: dict[str, _Held], now: int) -> None:
        self._found = found
        self._now = now
        self._ended: list[dict[str, Any]] = []
        self._queued: list[dict[str, Any]] = []
        self._attempts: list[dict[str, Any]] = []
        self._versions: list[tuple[RunId, Sequence[TableVersion]]] = []

    def end(self, told: End) -> bool:
        """Whether the holder's word counts."""
        held = self._found.get(told.run_id)
        if held is None or (held.owner, held.attempt) != (told.worker, told.attempt):
            return False
        if held.state not in HELD:
            return held.state is told.state
        reason, error = told.reason, told.error
        if told.state is RunState.CANCELLED and reason is Reason.CANCELLED_BY_USER:
            reason = stop_reason(held.reason)
        what = {**_why(told.state, reason, error), "now": self._now}
        if told.retry_in_seconds is None or held.state is RunState.PUBLISHING:
            if held.state not in before(told.state):
                return False
            self._end(told, held, told.state, reason, error)
        elif held.cancel_requested:  # somebody wanted it to end
            why = stop_reason(held.reason)
            self._end(told, held, RunState.CANCELLED, why, stop_error(why))
        else:
            later = self._now + int(max(0.0, told.retry_in_seconds) * _SECOND)
            free = int(told.state is RunState.CANCELLED)
            self._queued.append(
                {"of_run": told.run_id, "later": later, "free": free}
                | {"why": reason, "what": what["what"], **_cells(told)}
            )
            held.state, held.owner = RunState.QUEUED, None
        number = {"of_run": told.run_id, "of_number": told.attempt, "to_state": told.state}
        self._attempts.append(number | what)
        self._versions.append((told.run_id, told.versions))
        return True

    def _end(
        self,
        told: End,
        held: _Held,
        state: RunState,
        reason: Reason | None,
        error: RunError | None,
    ) -> None:
        held.state = state
        self._ended.append(
            {
                "of_run": told.run_id,
                "of_job": held.job_id,
                "to_state": state,
                **_why(state, reason, error),
                "now": self._now,
                **_cells(told),
            }
        )

    def write(self, connection: sa.Connection) -> None:
        """Runs, attempts, jobs, versions, changes and notices."""
        for statement, rows in (
            (_END, _without(self._ended, "of_job")),
            (_QUEUE, self._queued),
            (_END_ATTEMPT, self._attempts),
            (_NOTE_LAST, _only(self._ended, "of_job", "of_run", "to_state")),
        ):
            if rows:
                connection.execute(statement, rows)
        record(connection, "run", [each["of_run"] for each in (*self._ended, *self._queued)])
        if self._queued:
            hint(connection)
        for run_id, versions in self._versions:
            _record_versions(connection, run_id, versions)
        failed = [each["of_run"] for each in self._ended if each["to_state"] is RunState.FAILED]
        if failed:
            count_failures(connection, failed)
        told = [each["of_run"] for each in self._ended if each["to_state"] in TOLD]
        if told:
            tell_ended(connection, told, at=self._now)


def _cells(told: End) -> dict[str, int | None]:
    done, total = told.cells or (None, None)
    return {"done": done, "total": total}


def _without(rows: Sequence[dict[str, Any]], *names: str) -> list[dict[str, Any]]:
    return [{key: row[key] for key in row if key not in names} for row in rows]


def _why(state: RunState, reason: Reason | None, error: RunError | None) -> dict[str, Any]:
    """What is stored of an end, under the names that the statements have for it."""
    stored = end_row(state, reason, error)
    return {
        "why": reason,
        "what": stored["error"],
        "in_cell": stored["cell_source"],
        "like": stored["fingerprint"],
    }


def _only(rows: Sequence[dict[str, Any]], *names: str) -> list[dict[str, Any]]:
    return [{name: row[name] for name in names} for row in rows]


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

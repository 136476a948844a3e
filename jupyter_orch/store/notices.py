"""The outbox: written in the transaction of what it tells about, emptied by whoever sends."""

import logging
from collections.abc import Iterable, Sequence
from typing import Any

import sqlalchemy as sa
from pydantic import TypeAdapter, ValidationError
from sqlalchemy.dialects import postgresql, sqlite

from jupyter_orch.domain.frames import place_of
from jupyter_orch.domain.ids import JobId, RunId, TeamId
from jupyter_orch.domain.model import Json, Notice, NoticeKind, Notification
from jupyter_orch.domain.states import RunState
from jupyter_orch.store.engine import Database
from jupyter_orch.store.rows import instant
from jupyter_orch.store.tables import in_state, job, job_version, notice, run

log = logging.getLogger(__name__)
_SECOND = 1_000_000  # microseconds
#: Ends that somebody may want to hear of. Cancelled and skipped runs tell nobody.
TOLD = frozenset({RunState.FAILED, RunState.SUCCEEDED})
#: Runs that tell by themselves; the many of a backfill and those in a person's shell do not.
_TELLING = ("schedule", "manual", "rerun")
LONGEST_ERROR = 4000  # characters of an error that a notice keeps
LONGEST_PLACE = 300  # characters of the line that raised it
MOST_AT_ONCE = 1000  # notices of one target that are taken together
_LATE_BATCH = 500
_NOTIFICATIONS = TypeAdapter(tuple[Notification, ...])

#: Runs that may tell somebody, with what the job says now about whom. Built once: to build and to
#: look up such a statement takes longer than to execute it.
_RUNS: sa.Select[Any] = (
    sa.select(
        run.c.id,
        run.c.team_id,
        run.c.job_id,
        run.c.job_name,
        run.c.kind,
        run.c.state,
        run.c.reason,
        run.c.error,
        run.c.fingerprint,
        run.c.logical_time,
        run.c.attempt,
        run.c.ended_at,
        job_version.c.spec["notifications"].label("notifications"),
    )
    .select_from(
        run.outerjoin(job, job.c.id == run.c.job_id).join(
            job_version,
            sa.and_(
                job_version.c.job_id == run.c.job_id,
                job_version.c.version == sa.func.coalesce(job.c.version, run.c.job_version),
            ),
        )
    )
    .where(
        run.c.id.in_(sa.bindparam("ids", expanding=True)),
        run.c.kind.in_(_TELLING),
    )
    .order_by(run.c.id)
)
_ENDED = _RUNS.where(in_state(run, *TOLD))
#: When a run of the job ended so the last time, a certain run apart.
_ENDED_BEFORE = {
    state: sa.select(run.c.ended_at)
    .where(
        run.c.job_id == sa.bindparam("of_job"),
        in_state(run, state),
        run.c.ended_at.is_not(None),
        run.c.id != sa.bindparam("of_run"),
        run.c.kind.in_(_TELLING),
    )
    .order_by(run.c.ended_at.desc())
    .limit(1)
    for state in TOLD
}


def tell_ended(connection: sa.Connection, run_ids: Sequence[RunId], *, at: int) -> None:
    """Notes for people that these runs failed, or that their jobs recovered."""
    for row in connection.execute(_ENDED, {"ids": list(run_ids)}).all():
        if row.state == RunState.FAILED:
            _tell(connection, row, "failed", at=at)
        elif row.notifications and _failed_before(connection, row):
            _tell(connection, row, "recovered", at=at)


class SqlNotices:
    """ports.Outbox, and what fills it by the clock."""

    _database: Database

    def note_late_runs(self) -> int:
        """Notes for people that queued runs are late, each once; answers how many are.

        Late is a run that has not begun `late_after_seconds` after it was due.
        """
        with self._database.writing() as connection:
            now = self._database.now(connection)
            past = (
                sa.select(run.c.id)
                .where(run.c.late_at.is_not(None), run.c.late_at <= now)
                .order_by(run.c.late_at)
                .limit(_LATE_BATCH)
                .with_for_update(skip_locked=True)
            )
            ids = connection.execute(past).scalars().all()
            if not ids:
                return 0
            waiting = sa.and_(in_state(run, RunState.QUEUED), run.c.started_at.is_(None))
            late = [RunId(row.id) for row in connection.execute(_of(ids).where(waiting))]
            for row in connection.execute(_RUNS, {"ids": late}).all():
                _tell(connection, row, "late", at=now)
            # Those that began in time, too: nobody has to look at them again.
            connection.execute(sa.update(run).where(run.c.id.in_(ids)).values(late_at=None))
            return len(late)

    def claim_notices(self, *, limit: int, lease_seconds: float) -> tuple[Notice, ...]:
        """Takes what may be sent now for up to `limit` targets; each claim counts as a try.

        All that is due for a target comes together, up to `MOST_AT_ONCE`, the oldest first.
        """
        with self._database.writing() as connection:
            now = self._database.now(connection)
            due = notice.c.not_before <= now
            claimed: list[Notice] = []
            for team, target in _due_targets(connection, due, limit):
                ids = (
                    connection.execute(
                        sa.select(notice.c.id)
                        .where(due, notice.c.team_id == team, notice.c.target == target)
                        .order_by(notice.c.id)
                        .limit(MOST_AT_ONCE)
                        .with_for_update(skip_locked=True)
                    )
                    .scalars()
                    .all()
                )
                taken = connection.execute(
                    sa.update(notice)
                    .where(notice.c.id.in_(ids))
                    .values(not_before=_later(now, lease_seconds), tries=notice.c.tries + 1)
                    .returning(*notice.c)
                )
                claimed += sorted(map(_notice_from, taken), key=lambda each: each.id)
            return tuple(claimed)

    def notices_sent(self, ids: Sequence[int]) -> None:
        """Forgets notices that reached their target, or that nobody will try to send again."""
        with self._database.writing() as connection:
            connection.execute(sa.delete(notice).where(notice.c.id.in_(ids)))

    def notices_failed(self, ids: Sequence[int], *, error: str, retry_in_seconds: float) -> None:
        """Puts notices back; they are tried again later."""
        with self._database.writing() as connection:
            later = _later(self._database.now(connection), retry_in_seconds)
            connection.execute(
                sa.update(notice)
                .where(notice.c.id.in_(ids))
                .values(not_before=later, last_error=error[:LONGEST_ERROR])
            )


def _of(ids: Iterable[str]) -> sa.Select[Any]:
    return sa.select(run.c.id).where(run.c.id.in_(ids))


def _later(now: int, seconds: float) -> int:
    return now + int(max(0.0, seconds) * _SECOND)


def _failed_before(connection: sa.Connection, row: sa.Row[Any]) -> bool:
    """Whether the run of the job that ended before this one had failed."""
    asked = {"of_job": row.job_id, "of_run": row.id}
    last = {
        state: connection.execute(before, asked).scalar() for state, before in _ENDED_BEFORE.items()
    }
    failed, succeeded = last[RunState.FAILED], last[RunState.SUCCEEDED]
    return failed is not None and (succeeded is None or failed > succeeded)


def _tell(connection: sa.Connection, row: sa.Row[Any], kind: NoticeKind, *, at: int) -> None:
    """One notice for each target; the same one a second time is left alone."""
    targets = _targets(row, kind)
    if not targets:
        return
    insert = sqlite.insert if connection.dialect.name == "sqlite" else postgresql.insert
    connection.execute(
        insert(notice).on_conflict_do_nothing(),
        [
            {
                "team_id": row.team_id,
                "kind": kind,
                "job_id": row.job_id,
                "job_name": row.job_name,
                "run_id": row.id,
                "target": target,
                "facts": _facts(row),
                "created_at": at,
                "not_before": at,
                "tries": 0,
            }
            for target in targets
        ],
    )


def _targets(row: sa.Row[Any], kind: NoticeKind) -> list[str]:
    try:
        wanted = _NOTIFICATIONS.validate_python(row.notifications or ())
    except ValidationError:
        # Telling people must never keep a run from ending.
        log.warning("notices.unreadable", extra={"run_id": row.id, "job_id": row.job_id})
        return []
    found = [
        target
        for each in wanted
        if kind in each.on
        for target in (
            *(f"email:{address}" for address in each.email),
            *(f"channel:{name}" for name in each.channels),
        )
    ]
    return list(dict.fromkeys(found))


def _facts(row: sa.Row[Any]) -> dict[str, Json]:
    error = row.error
    return {
        "state": row.state,
        "reason": row.reason,
        "error": error
        and {
            "name": str(error.get("name", ""))[:LONGEST_ERROR],
            "message": str(error.get("message", ""))[:LONGEST_ERROR],
            "cell_index": error.get("cell_index"),
            "place": place_of(str(error.get("traceback", "")))[:LONGEST_PLACE],
        },
        "fingerprint": row.fingerprint,
        "logical_time": instant(row.logical_time).isoformat(),
        "kind": row.kind,
        "attempt": row.attempt,
    }


def _due_targets(
    connection: sa.Connection, due: sa.ColumnElement[bool], limit: int
) -> list[tuple[str, str]]:
    statement = (
        sa.select(notice.c.team_id, notice.c.target)
        .where(due)
        .group_by(notice.c.team_id, notice.c.target)
        .order_by(sa.func.min(notice.c.not_before))
        .limit(limit)
    )
    return [(row.team_id, row.target) for row in connection.execute(statement)]


def _notice_from(row: sa.Row[Any]) -> Notice:
    return Notice(
        id=row.id,
        team=TeamId(row.team_id),
        kind=row.kind,
        job_id=row.job_id and JobId(row.job_id),
        job_name=row.job_name,
        run_id=RunId(row.run_id),
        target=row.target,
        facts=row.facts,
        created_at=instant(row.created_at),
        tries=row.tries,
    )

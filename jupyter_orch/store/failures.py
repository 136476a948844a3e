"""Equal failures: how often and since when, in a job and in a team."""

import re
from collections.abc import Iterator, Sequence
from datetime import datetime
from itertools import groupby
from typing import Any

import sqlalchemy as sa

from jupyter_orch.domain.failures import (
    LAST_RUNS,
    MOST_NAMED,
    FailureGroup,
    FailureHistory,
    Success,
)
from jupyter_orch.domain.ids import RunId, TeamId
from jupyter_orch.domain.model import Page
from jupyter_orch.domain.states import Reason, RunState
from jupyter_orch.store.engine import Database
from jupyter_orch.store.pages import decode, encode, not_ours
from jupyter_orch.store.rows import error_from, instant, micros
from jupyter_orch.store.tables import failure, in_state, job, run

#: Ends that say how a job fares.
_TELLING = (RunState.SUCCEEDED, RunState.FAILED, RunState.CANCELLED)


class SqlFailures:
    """ports.FailureStore."""

    _database: Database

    def failure_history(self, team: TeamId, run_id: RunId) -> FailureHistory | None:
        """How often the job of this failed run failed in the same way; None when nobody knows."""
        with self._database.reading() as connection:
            failed = connection.execute(
                sa.select(run.c.job_id, run.c.ended_at, failure)
                .join(
                    failure,
                    sa.and_(
                        failure.c.team_id == run.c.team_id,
                        failure.c.fingerprint == run.c.fingerprint,
                        failure.c.job_id == run.c.job_id,
                    ),
                )
                .where(run.c.id == run_id, run.c.team_id == team)
            ).first()
            if failed is None:
                return None
            last = _last_of_job(connection, failed.job_id)
            return FailureHistory(
                fingerprint=failed.fingerprint,
                count=failed.times,
                first_at=instant(failed.first_at),
                recent_same=sum(row.fingerprint == failed.fingerprint for row in last),
                recent=len(last),
                last_success=_last_success(connection, failed.job_id, failed.ended_at),
            )

    def failures(
        self, team: TeamId, *, since: datetime, cursor: str | None = None, limit: int = 50
    ) -> Page[FailureGroup]:
        """Equal failures that happened since then, the latest first."""
        last_at = sa.func.max(failure.c.last_at).label("last_at")
        statement = (
            sa.select(failure.c.fingerprint, last_at)
            .where(failure.c.team_id == team, failure.c.last_at >= micros(since))
            .group_by(failure.c.fingerprint)
            .order_by(last_at.desc(), failure.c.fingerprint.desc())
            .limit(limit + 1)
        )
        if cursor is not None:
            place = sa.tuple_(sa.func.max(failure.c.last_at), failure.c.fingerprint)
            statement = statement.having(place < sa.tuple_(*_key(cursor)))
        with self._database.reading() as connection:
            rows = connection.execute(statement).all()
            groups = tuple(_groups(connection, team, [row.fingerprint for row in rows[:limit]]))
        following = None
        if len(rows) > limit:
            end = rows[limit - 1]
            following = encode([str(end.last_at), end.fingerprint])
        return Page(items=groups, next_cursor=following)


def _key(cursor: str) -> tuple[int, str]:
    at, fingerprint = decode(cursor, 2)
    if not re.fullmatch(r"[0-9]{1,18}", at):
        raise not_ours()
    return int(at), fingerprint


def _last_of_job(connection: sa.Connection, job_id: str) -> Sequence[sa.Row[Any]]:
    """The runs of a job that ended last, however they did; skipped ones are none."""
    newest = [
        sa.select(run.c.id, run.c.ended_at)
        .where(run.c.job_id == job_id, in_state(run, state), run.c.ended_at.is_not(None))
        .order_by(run.c.ended_at.desc())
        .limit(LAST_RUNS)
        .subquery()
        for state in _TELLING
    ]
    of_all = sa.union_all(*(sa.select(each) for each in newest)).subquery()
    last = sa.select(of_all.c.id).order_by(of_all.c.ended_at.desc()).limit(LAST_RUNS)
    return connection.execute(sa.select(run.c.fingerprint).where(run.c.id.in_(last))).all()


def _last_success(connection: sa.Connection, job_id: str, before: int) -> Success | None:
    row = connection.execute(
        sa.select(run.c.id, run.c.ended_at)
        .where(
            run.c.job_id == job_id,
            in_state(run, RunState.SUCCEEDED),
            run.c.ended_at.is_not(None),
            run.c.ended_at < before,
        )
        .order_by(run.c.ended_at.desc())
        .limit(1)
    ).first()
    return row and Success(run_id=RunId(row.id), ended_at=instant(row.ended_at))


def _groups(
    connection: sa.Connection, team: TeamId, fingerprints: Sequence[str]
) -> Iterator[FailureGroup]:
    """One of each fingerprint, in their order."""
    alike = sa.select(failure).where(
        failure.c.team_id == team, failure.c.fingerprint.in_(fingerprints)
    )

    def over(what: sa.FunctionElement[Any], *order: sa.ColumnElement[Any]) -> sa.Over[Any]:
        return sa.over(what, partition_by=failure.c.fingerprint, order_by=order or None)

    newest_first = (failure.c.last_at.desc(), failure.c.last_run_id.desc())
    each = alike.add_columns(
        over(sa.func.row_number(), *newest_first).label("place"),
        over(sa.func.sum(failure.c.times)).label("all_times"),
        over(sa.func.min(failure.c.first_at)).label("began_at"),
        over(sa.func.count(sa.func.nullif(failure.c.job_id, ""))).label("all_jobs"),
    ).subquery("each")
    statement = (
        sa.select(
            each,
            # A job that was deleted has the name that it had.
            sa.func.coalesce(job.c.name, each.c.job_name).label("name"),
            *(run.c[name] for name in ("reason", "error", "cell_source")),
        )
        .outerjoin(job, job.c.id == each.c.job_id)
        .outerjoin(run, sa.and_(run.c.id == each.c.last_run_id, each.c.place == 1))
        .where(each.c.place <= MOST_NAMED)
        .order_by(each.c.fingerprint, each.c.place)
    )
    rows = connection.execute(statement)
    found = {name: list(of_it) for name, of_it in groupby(rows, key=lambda row: row.fingerprint)}
    return (_group(found[each]) for each in fingerprints if each in found)


def _group(rows: Sequence[sa.Row[Any]]) -> FailureGroup:
    last = rows[0]
    error = error_from(last)
    return FailureGroup(
        fingerprint=last.fingerprint,
        reason=last.reason and Reason(last.reason),
        name=error.name if error else "",
        message=error.message if error else "",
        cell_index=error.cell_index if error else None,
        count=int(last.all_times),
        jobs=tuple(sorted(row.name for row in rows if row.job_id)),
        job_count=last.all_jobs,
        first_at=instant(last.began_at),
        last_at=instant(last.last_at),
        last_run_id=RunId(last.last_run_id),
        last_job_id=last.job_id or None,
    )

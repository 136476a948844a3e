"""Equal failures: how often and since when, in a job and in a team.

A team may have a million runs, and one failure may be most of them. So fingerprints are found by
one step down an index each, and equal failures are counted up to a limit.
"""

import re
from collections.abc import Mapping, Sequence
from collections.abc import Set as AbstractSet
from dataclasses import dataclass
from datetime import datetime
from typing import Any

import sqlalchemy as sa

from jupyter_orch.domain.failures import (
    LAST_RUNS,
    MOST_COUNTED,
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
from jupyter_orch.store.tables import in_state, job, run

#: Ends that say how a job fares.
_TELLING = (RunState.SUCCEEDED, RunState.FAILED, RunState.CANCELLED)


class SqlFailures:
    """ports.FailureStore."""

    _database: Database

    def failure_history(self, team: TeamId, run_id: RunId) -> FailureHistory | None:
        """How often the job of this failed run failed in the same way; None when nobody knows."""
        with self._database.reading() as connection:
            failed = connection.execute(
                sa.select(run.c.job_id, run.c.fingerprint, run.c.ended_at).where(
                    run.c.id == run_id, run.c.team_id == team
                )
            ).first()
            if failed is None or failed.job_id is None or failed.fingerprint is None:
                return None
            same = (run.c.job_id == failed.job_id, run.c.fingerprint == failed.fingerprint)
            # The id from the index alone: else PostgreSQL may look for it through all runs.
            first = sa.select(sa.func.min(run.c.id)).where(*same).scalar_subquery()
            ended = sa.select(run.c.ended_at).where(run.c.id == first)
            last = _last_of_job(connection, failed.job_id)
            return FailureHistory(
                fingerprint=failed.fingerprint,
                count=_count(connection, sa.select(run.c.id).where(*same)),
                first_at=instant(connection.execute(ended).scalar_one()),
                recent_same=sum(row.fingerprint == failed.fingerprint for row in last),
                recent=len(last),
                last_success=_last_success(connection, failed.job_id, failed.ended_at),
            )

    def failures(
        self, team: TeamId, *, since: datetime, cursor: str | None = None, limit: int = 50
    ) -> Page[FailureGroup]:
        """Equal failures that ended since then, the latest first."""
        with self._database.reading() as connection:
            known = _fingerprints(team)
            last = _last_end(team, known).label("last_at")
            each = sa.select(known.c.fingerprint, last).subquery("each")
            order = sa.tuple_(each.c.last_at, each.c.fingerprint)
            statement = (
                sa.select(each)
                .where(each.c.fingerprint.is_not(None), each.c.last_at >= micros(since))
                .order_by(each.c.last_at.desc(), each.c.fingerprint.desc())
                .limit(limit + 1)
            )
            if cursor is not None:
                statement = statement.where(order < sa.tuple_(*_key(cursor)))
            rows = connection.execute(statement).all()
            groups = _groups(
                connection, team, [row.fingerprint for row in rows[:limit]], since=micros(since)
            )
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


def _count(connection: sa.Connection, ids: sa.Select[Any]) -> int:
    some = ids.limit(MOST_COUNTED).subquery()
    return connection.execute(sa.select(sa.func.count()).select_from(some)).scalar_one()


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


def _fingerprints(team: TeamId) -> sa.CTE:
    """Each fingerprint of the team by one step down the index, and at last a row without one."""
    first, following = run.alias("first"), run.alias("following")
    start = sa.select(
        sa.select(sa.func.min(first.c.fingerprint))
        .where(first.c.team_id == team, first.c.fingerprint.is_not(None))
        .scalar_subquery()
        .label("fingerprint")
    )
    known = start.cte("known", recursive=True)
    step = (
        sa.select(sa.func.min(following.c.fingerprint))
        .where(
            following.c.team_id == team,
            following.c.fingerprint.is_not(None),
            following.c.fingerprint > known.c.fingerprint,
        )
        .scalar_subquery()
    )
    return known.union_all(sa.select(step).where(known.c.fingerprint.is_not(None)))


def _last_end(team: TeamId, known: sa.CTE) -> sa.ScalarSelect[Any]:
    each = run.alias("last")
    return (
        sa.select(sa.func.max(each.c.ended_at))
        .where(
            each.c.team_id == team,
            each.c.fingerprint.is_not(None),
            each.c.fingerprint == known.c.fingerprint,
        )
        .scalar_subquery()
    )


def _groups(
    connection: sa.Connection, team: TeamId, fingerprints: Sequence[str], *, since: int
) -> tuple[FailureGroup, ...]:
    found = [_counted(connection, team, each, since=since) for each in fingerprints]
    last_ids = [each.last_run_id for each in found]
    last = {row.id: row for row in connection.execute(sa.select(run).where(run.c.id.in_(last_ids)))}
    names = _names(connection, {job_id for each in found for job_id in each.job_ids[:MOST_NAMED]})
    return tuple(_group(each, last[each.last_run_id], names) for each in found)


@dataclass(frozen=True, kw_only=True)
class _Counted:
    fingerprint: str
    count: int
    job_ids: Sequence[str]
    first_at: int
    last_run_id: str


def _counted(connection: sa.Connection, team: TeamId, fingerprint: str, *, since: int) -> _Counted:
    same = (
        run.c.team_id == team,
        run.c.fingerprint.is_not(None),
        run.c.fingerprint == fingerprint,
        run.c.ended_at >= since,
    )
    newest_first = run.c.ended_at.desc()
    some = sa.select(run.c.job_id).where(*same).order_by(newest_first).limit(MOST_COUNTED)
    each = some.subquery()
    by_job = sa.select(each.c.job_id, sa.func.count().label("runs")).group_by(each.c.job_id)
    rows = connection.execute(by_job).all()
    # Each by itself: SQLite steps to one end of an index, but reads all of it for both.
    first_at, last_at = (
        connection.execute(sa.select(end(run.c.ended_at)).where(*same)).scalar_one()
        for end in (sa.func.min, sa.func.max)
    )
    newest = sa.select(run.c.id).where(*same, run.c.ended_at == last_at)
    last_run_id = connection.execute(newest.order_by(run.c.id.desc()).limit(1)).scalar_one()
    return _Counted(
        fingerprint=fingerprint,
        count=sum(row.runs for row in rows),
        job_ids=sorted(row.job_id for row in rows if row.job_id is not None),
        first_at=first_at,
        last_run_id=last_run_id,
    )


def _group(found: _Counted, last: sa.Row[Any], names: Mapping[str, str]) -> FailureGroup:
    error = error_from(last)
    return FailureGroup(
        fingerprint=found.fingerprint,
        reason=last.reason and Reason(last.reason),
        name=error.name if error else "",
        message=error.message if error else "",
        cell_index=error.cell_index if error else None,
        count=found.count,
        jobs=tuple(sorted(names[job_id] for job_id in found.job_ids[:MOST_NAMED])),
        job_count=len(found.job_ids),
        first_at=instant(found.first_at),
        last_at=instant(last.ended_at),
        last_run_id=RunId(last.id),
        last_job_id=last.job_id,
    )


def _names(connection: sa.Connection, job_ids: AbstractSet[str]) -> dict[str, str]:
    """The names of jobs; of those that were deleted as their last runs had them."""
    living = sa.select(job.c.id, job.c.name).where(job.c.id.in_(job_ids))
    names = {row.id: row.name for row in connection.execute(living)}
    for job_id in job_ids - names.keys():
        of_run = sa.select(run.c.job_name).where(run.c.job_id == job_id)
        last = of_run.order_by(run.c.id.desc()).limit(1)
        names[job_id] = connection.execute(last).scalar_one()
    return names

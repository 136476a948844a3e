"""Pages of runs: whichever filters are combined, a few short walks down an index.

A history has millions of runs, and what is asked for may be rare in it or not there at all: then a
walk from the newest run backwards, looking for it, sees them all. Few are the combinations of name,
state and kind that a history holds. So with filters those combinations are looked up first, from
one to the next by one step down the index each, and the page is put together from the newest runs
of the ones that are wanted. Each index ends in `state, kind, id` for this.
"""

from collections.abc import Sequence
from typing import Any

import sqlalchemy as sa

from jupyter_orch.domain.ids import TeamId
from jupyter_orch.domain.model import RunKind
from jupyter_orch.domain.states import RunState
from jupyter_orch.store.engine import Database
from jupyter_orch.store.pages import decode, encode
from jupyter_orch.store.tables import run

#: Equalities that an index begins with, by the name of the column.
_Prefix = dict[str, str]


class RunPages:
    """Which runs are asked for.

    Args:
        database: Where they are.
        team: Whose they are.
        job_id: Runs of one job.
        backfill_id: Runs of one backfill.
        kind: Runs of one kind.
        states: Runs in one of the states; none: in any.
        search: Part of the job's name, without case.
        fingerprint: Runs that failed in this way; with a job and no other filter.
    """

    def __init__(
        self,
        database: Database,
        team: TeamId,
        *,
        job_id: str | None,
        backfill_id: str | None,
        kind: RunKind | None,
        states: Sequence[RunState],
        search: str,
        fingerprint: str | None = None,
    ) -> None:
        self._database = database
        self._team = team
        self._rest: _Prefix = {}
        if job_id is not None:
            self._rest["job_id"] = job_id
        if backfill_id is not None:
            self._rest["backfill_id"] = backfill_id
        if search or not self._rest:  # a job or a backfill belongs to one team
            self._rest["team_id"] = team
        if fingerprint is not None:
            self._rest["fingerprint"] = fingerprint
        self._kind, self._states, self._search = kind, states, search

    def page(
        self, connection: sa.Connection, *, cursor: str | None, limit: int
    ) -> tuple[Sequence[sa.Row[Any]], str | None]:
        """Rows of `run`, newest first, and the cursor of the following page."""
        before = None if cursor is None else decode(cursor, 1)[0]
        filtered = self._search or self._states or self._kind
        ids = self._from_groups(before, limit + 1) if filtered else self._all(before, limit + 1)
        newest = ids.order_by(sa.desc("id")).limit(limit + 1).subquery("newest")
        statement = (
            sa.select(run)
            .join(newest, newest.c.id == run.c.id)
            .where(run.c.team_id == self._team)
            .order_by(run.c.id.desc())
        )
        rows = connection.execute(statement).all()
        if len(rows) <= limit:
            return rows, None
        return rows[:limit], encode([rows[limit - 1].id])

    def _all(self, before: str | None, limit: int) -> sa.Select[Any]:
        return _walk(run, self._rest, before).order_by(run.c.id.desc()).limit(limit)

    def _from_groups(self, before: str | None, limit: int) -> sa.Select[Any]:
        names = ["state", "kind"]
        prefix = self._rest
        if self._search:
            names = ["job_name_key", *names]
            prefix = {"team_id": self._team}
        wanted = self._wanted(_combinations(prefix, names), names)
        each = run.alias("each")
        same = [each.c[name] == wanted.c[name] for name in names]
        walk = _walk(each, {**prefix, **self._rest}, before).where(*same)
        newest = walk.order_by(each.c.id.desc()).limit(limit).correlate(wanted)
        return self._database.for_each(wanted, run.c.id, newest)

    def _wanted(self, known: sa.CTE, names: Sequence[str]) -> sa.Subquery:
        # Columns one by one and not by a join: that may begin at the other end, with every run.
        member = run.alias("member")
        of_member = sa.select(member).where(member.c.id == known.c.id)
        columns = [
            of_member.with_only_columns(member.c[name]).scalar_subquery().label(name)
            for name in names
        ]
        there = sa.select(*columns).select_from(known).subquery("there")
        statement = sa.select(there).where(there.c.state.is_not(None))
        if self._states:
            statement = statement.where(there.c.state.in_(self._states))
        if self._kind:
            statement = statement.where(there.c.kind == self._kind)
        if self._search:
            part = self._search.casefold()
            statement = statement.where(there.c.job_name_key.contains(part, autoescape=True))
        return statement.subquery("wanted")


def _walk(runs: sa.FromClause, equal: _Prefix, before: str | None) -> sa.Select[Any]:
    statement = sa.select(runs.c.id).where(*_are(runs, equal))
    return statement if before is None else statement.where(runs.c.id < before)


def _are(runs: sa.FromClause, equal: _Prefix) -> list[sa.ColumnElement[bool]]:
    return [runs.c[name] == value for name, value in equal.items()]


def _combinations(prefix: _Prefix, names: Sequence[str]) -> sa.CTE:
    """One run of each combination of these columns that there is, by one step down the index each.

    Neither database walks an index so by itself: a DISTINCT reads all of it.
    """

    def next_of(runs: sa.FromClause, *conditions: sa.ColumnElement[bool]) -> sa.Select[Any]:
        order = [runs.c[name] for name in names]
        return (
            sa.select(runs.c.id).where(*_are(runs, prefix), *conditions).order_by(*order).limit(1)
        )

    first, seen, following = (run.alias(name) for name in ("first", "seen", "following"))
    start = sa.select(next_of(first).scalar_subquery().label("id"))
    known = start.cte("combinations", recursive=True)
    beyond = sa.tuple_(*(following.c[name] for name in names)) > sa.tuple_(
        *(seen.c[name] for name in names)
    )
    step = next_of(following, beyond).correlate(seen).scalar_subquery()
    return known.union_all(sa.select(step).join_from(known, seen, seen.c.id == known.c.id))

"""How often jobs fail in the same way, counted in the transaction in which a run fails."""

from collections.abc import Sequence

import sqlalchemy as sa
from sqlalchemy.dialects import postgresql, sqlite

from jupyter_orch.domain.ids import RunId
from jupyter_orch.store.tables import failure, run

_JOB = sa.func.coalesce(run.c.job_id, "")
#: Those that just ended, all at one instant; in one order, so that nobody waits in a circle.
_ENDED = (
    sa.select(
        run.c.team_id,
        run.c.fingerprint,
        _JOB,
        sa.func.max(run.c.job_name),
        sa.func.count(),
        sa.func.min(run.c.ended_at),
        sa.func.max(run.c.ended_at),
        sa.func.max(run.c.id),
    )
    .where(
        run.c.id.in_(sa.bindparam("ids", expanding=True)),
        run.c.fingerprint.is_not(None),
        run.c.ended_at.is_not(None),
    )
    .group_by(run.c.team_id, run.c.fingerprint, _JOB)
    .order_by(run.c.team_id, run.c.fingerprint, _JOB)
)


def _counting(insert: sqlite.Insert | postgresql.Insert) -> sa.Insert:
    new = insert.excluded
    is_last = new.last_at >= failure.c.last_at

    def last(name: str) -> sa.ColumnElement[object]:
        return sa.case((is_last, new[name]), else_=failure.c[name])

    return insert.from_select(list(failure.c.keys()), _ENDED).on_conflict_do_update(
        index_elements=list(failure.primary_key),
        set_={
            "times": failure.c.times + new.times,
            **{name: last(name) for name in ("job_name", "last_at", "last_run_id")},
        },
    )


# Built once: to build and to look up such a statement takes longer than to execute it.
_COUNT = {
    "sqlite": _counting(sqlite.insert(failure)),
    "postgresql": _counting(postgresql.insert(failure)),
}


def count_failures(connection: sa.Connection, run_ids: Sequence[RunId]) -> None:
    """Counts runs that failed in this transaction."""
    connection.execute(_COUNT[connection.dialect.name], {"ids": list(run_ids)})


def forget_failures(connection: sa.Connection, removed: Sequence[RunId]) -> None:
    """Forgets failures whose last run was removed, unless an earlier one still stands."""
    same = sa.and_(run.c.fingerprint.is_not(None), run.c.fingerprint == failure.c.fingerprint)
    # Each by its own index.
    of_job = sa.select(sa.func.max(run.c.id)).where(run.c.job_id == failure.c.job_id, same)
    of_none = sa.select(sa.func.max(run.c.id)).where(
        run.c.team_id == failure.c.team_id, run.c.job_id.is_(None), same
    )
    newest = sa.case(
        (failure.c.job_id == "", of_none.scalar_subquery()), else_=of_job.scalar_subquery()
    )
    gone = failure.c.last_run_id.in_(removed)
    connection.execute(sa.delete(failure).where(gone, newest.is_(None)))
    connection.execute(sa.update(failure).where(gone).values(last_run_id=newest))

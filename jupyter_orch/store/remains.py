"""Attempts whose worker was lost, until somebody has cleared up after them."""

from collections.abc import Sequence

import sqlalchemy as sa

from jupyter_orch.domain.ids import RunId
from jupyter_orch.domain.states import Reason, RunState
from jupyter_orch.ports import LostAttempt
from jupyter_orch.store.engine import Database
from jupyter_orch.store.tables import ACTIVE, attempt, in_state, query, run

#: Queries of one attempt that are worth a look: earlier ones have ended.
_QUERIES = 32


class SqlRemains:
    """ports.Remains."""

    _database: Database

    def lost_attempts(self, *, limit: int) -> tuple[LostAttempt, ...]:
        """Those that nobody has cleared up after, the one that was lost first at the front."""
        # Literals, so that the partial index applies.
        lost = (
            sa.select(attempt.c.run_id, attempt.c.number)
            .where(
                attempt.c.state == sa.literal_column(f"'{RunState.FAILED}'"),
                attempt.c.reason == sa.literal_column(f"'{Reason.WORKER_LOST}'"),
                attempt.c.swept_at.is_(None),
            )
            .order_by(attempt.c.ended_at)
            .limit(limit)
        )
        with self._database.reading() as connection:
            return tuple(
                LostAttempt(
                    run_id=RunId(row.run_id),
                    number=row.number,
                    queries=_queries(connection, row.run_id, row.number),
                )
                for row in connection.execute(lost).all()
            )

    def attempt_swept(self, run_id: RunId, number: int) -> None:
        """Says that nothing is left of it; saying it twice is harmless."""
        with self._database.writing() as connection:
            connection.execute(
                sa.update(attempt)
                .where(attempt.c.run_id == run_id, attempt.c.number == number)
                .values(swept_at=self._database.now(connection))
            )

    def active_runs(self, run_ids: Sequence[RunId]) -> frozenset[RunId]:
        """Those of them that have not ended."""
        found = sa.select(run.c.id).where(run.c.id.in_(list(run_ids)), in_state(run, *ACTIVE))
        with self._database.reading() as connection:
            return frozenset(map(RunId, connection.execute(found).scalars()))


def _queries(connection: sa.Connection, run_id: str, number: int) -> tuple[str, ...]:
    latest = (
        sa.select(query.c.query_id)
        .where(query.c.run_id == run_id, query.c.attempt == number)
        .order_by(query.c.id.desc())
        .limit(_QUERIES)
    )
    return tuple(connection.execute(latest).scalars())

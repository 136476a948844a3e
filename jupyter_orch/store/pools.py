"""Pools: named slots that limit how many runs go on at a time."""

import sqlalchemy as sa

from jupyter_orch.domain.errors import StaleWrite
from jupyter_orch.domain.ids import TeamId
from jupyter_orch.domain.model import Pool
from jupyter_orch.domain.states import RunState
from jupyter_orch.store.changes import record
from jupyter_orch.store.engine import Database
from jupyter_orch.store.tables import ACTIVE, in_state, pool, run

#: The pool of every run that names none; without a row it has no limit, as any other.
DEFAULT_POOL = "default"


class SqlPools:
    """ports.PoolStore. What a pool's slots hold back is up to the claim."""

    _database: Database

    def set_pool(
        self, team: TeamId, name: str, *, slots: int | None, expected: str | None = None
    ) -> Pool:
        """Makes or changes a pool; fewer slots than are used take effect as runs end.

        Raises:
            StaleWrite: The tag of the pool is not `expected`, or there is no such pool.
        """
        with self._database.writing() as connection:
            row = {"team_id": team, "name": name, "slots": slots}
            if expected is not None:
                _refuse_stale(self._database, connection, team, name, expected)
            if not self._database.insert_or_leave(connection, pool, row):
                connection.execute(
                    sa.update(pool)
                    .where(pool.c.team_id == team, pool.c.name == name)
                    .values(slots=slots)
                )
            record(connection, "pool", [name])
            return next(found for found in _pools(connection, team) if found.name == name)

    def delete_pool(self, team: TeamId, name: str, *, expected: str | None = None) -> None:
        """Removes the limit. A run that names the pool goes on without one.

        Raises:
            StaleWrite: The tag of the pool is not `expected`, or there is no such pool.
        """
        with self._database.writing() as connection:
            if expected is not None:
                _refuse_stale(self._database, connection, team, name, expected)
            gone = connection.execute(
                sa.delete(pool).where(pool.c.team_id == team, pool.c.name == name)
            ).rowcount
            if gone:
                record(connection, "pool", [name])

    def pools(self, team: TeamId) -> tuple[Pool, ...]:
        """Pools by name, `default` among them, with what is used and waits now."""
        with self._database.reading() as connection:
            return _pools(connection, team)


def _refuse_stale(
    database: Database, connection: sa.Connection, team: TeamId, name: str, expected: str
) -> None:
    """Locks the pool's row, and compares what it says with what a person saw."""
    if name == DEFAULT_POOL:  # there without a row, too; only a row can be locked
        row = {"team_id": team, "name": name, "slots": None}
        database.insert_or_leave(connection, pool, row)
    found = connection.execute(
        sa.select(pool.c.slots).where(pool.c.team_id == team, pool.c.name == name).with_for_update()
    ).first()
    if found is None or Pool(name=name, slots=found.slots).tag != expected:
        raise StaleWrite(
            f"Somebody changed the pool {name!r} meanwhile.",
            hint="Reload it and make your change again.",
        )


def _pools(connection: sa.Connection, team: TeamId) -> tuple[Pool, ...]:
    rows = connection.execute(sa.select(pool).where(pool.c.team_id == team)).all()
    slots = {DEFAULT_POOL: None, **{row.name: row.slots for row in rows}}
    counts = (
        sa.select(run.c.pool, run.c.state, sa.func.count())
        .where(run.c.team_id == team, in_state(run, *ACTIVE))
        .group_by(run.c.pool, run.c.state)
    )
    used, queued = dict.fromkeys(slots, 0), dict.fromkeys(slots, 0)
    for name, state, count in connection.execute(counts):
        if name in slots:
            (queued if state == RunState.QUEUED else used)[name] += count
    return tuple(
        Pool(name=name, slots=slots[name], used=used[name], queued=queued[name])
        for name in sorted(slots)
    )

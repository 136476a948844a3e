"""The change feed: rows written in the transaction of the thing that they tell about.

A reader asks for what came after its cursor. On PostgreSQL transactions that go on side by side
take their ids in one order and commit in another: a lower id may appear after a higher one was
read, and would be lost. Each writer therefore says beforehand, by a shared lock that hinders
nobody, above which id its own will lie; readers go no further than what the writers of the moment
leave settled. A transaction of somebody else, however long, holds nothing up.
"""

from collections.abc import Iterable

import sqlalchemy as sa

from jupyter_orch.domain.model import Change
from jupyter_orch.store.engine import Database
from jupyter_orch.store.rows import change_from
from jupyter_orch.store.tables import change

#: Older changes are forgotten; whoever was away longer reloads everything anyway.
KEPT_CHANGES = 10_000
#: The upper 16 bits of our locks' keys; the lower 48 are an id.
_CLASS = 0x6F72
#: The last id that was given to anybody, committed or not.
_GIVEN = sa.text(
    "SELECT last_value - CASE WHEN is_called THEN 0 ELSE 1 END AS given FROM change_id_seq"
)
_ADD = sa.insert(change)
_INSERT = sa.text(
    "WITH announced AS MATERIALIZED ("
    " SELECT pg_advisory_xact_lock_shared(CAST(:class AS bigint) << 48"
    " | last_value - CASE WHEN is_called THEN 0 ELSE 1 END) FROM change_id_seq)"
    " INSERT INTO change (kind, key) SELECT CAST(:kind AS text), key"
    " FROM announced, unnest(CAST(:keys AS text[])) AS key"
).bindparams(sa.bindparam("class", _CLASS, sa.Integer()))
_LOWEST_WRITER = sa.text(
    "SELECT min((CAST(classid AS bigint) & 65535) << 32 | CAST(objid AS bigint)) FROM pg_locks"
    " WHERE locktype = 'advisory' AND objsubid = 1 AND CAST(classid AS bigint) >> 16 = :class"
    " AND database = (SELECT oid FROM pg_database WHERE datname = current_database())"
).bindparams(sa.bindparam("class", _CLASS, sa.Integer()))


def record(connection: sa.Connection, kind: str, keys: Iterable[str]) -> None:
    """Says that these things changed."""
    wanted = list(keys)
    if not wanted:
        return
    if connection.dialect.name == "sqlite":
        connection.execute(_ADD, [{"kind": kind, "key": key} for key in wanted])
    else:
        connection.execute(_INSERT, {"kind": kind, "keys": wanted})


def prune(connection: sa.Connection) -> None:
    """Forgets old changes."""
    last = sa.select(sa.func.max(change.c.id)).scalar_subquery()
    connection.execute(sa.delete(change).where(change.c.id <= last - KEPT_CHANGES))


class SqlChanges:
    """ports.ChangeFeed."""

    _database: Database

    def changes(self, *, after: int, limit: int = 500) -> tuple[Change, ...]:
        """What changed after the cursor, in order."""
        settled = self._settled()
        statement = sa.select(change).where(change.c.id > after)
        if settled is not None:
            statement = statement.where(change.c.id <= settled)
        with self._database.reading() as connection:
            rows = connection.execute(statement.order_by(change.c.id).limit(limit))
            return tuple(change_from(row) for row in rows)

    def last_change(self) -> int:
        """The cursor of the newest change; 0 before the first one."""
        settled = self._settled()
        statement = sa.select(sa.func.max(change.c.id))
        if settled is not None:
            statement = statement.where(change.c.id <= settled)
        with self._database.reading() as connection:
            return connection.execute(statement).scalar_one() or 0

    def _settled(self) -> int | None:
        """The id up to which no row can appear any more; None where ids appear in order.

        The order of the three looks is the proof: ids given, then writers, then (by the caller, in
        a transaction begun afterwards) rows. Whoever took one of the ids given had announced it
        before the look at the writers, and has ended if it is not among them.
        """
        if self._database.sqlite:
            return None
        with self._database.reading() as connection:
            given = int(connection.execute(_GIVEN).scalar_one())
            lowest = connection.execute(_LOWEST_WRITER).scalar_one()
            return given if lowest is None else min(given, int(lowest))

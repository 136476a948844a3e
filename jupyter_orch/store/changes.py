"""The change feed: rows written in the transaction of the thing that they tell about."""

from collections.abc import Iterable
from typing import Literal

import sqlalchemy as sa

from jupyter_orch.domain.model import Change
from jupyter_orch.store.engine import Database
from jupyter_orch.store.rows import change_from
from jupyter_orch.store.tables import change

#: Older changes are forgotten; whoever was away longer reloads everything anyway.
KEPT_CHANGES = 10_000


def record(connection: sa.Connection, kind: str, keys: Iterable[str]) -> None:
    """Says that these things changed."""
    rows = [{"kind": kind, "key": key} for key in keys]
    if rows:
        connection.execute(sa.insert(change), rows)


def prune(connection: sa.Connection) -> None:
    """Forgets old changes."""
    last = sa.select(sa.func.max(change.c.id)).scalar_subquery()
    connection.execute(sa.delete(change).where(change.c.id <= last - KEPT_CHANGES))


class SqlChanges:
    """ports.ChangeFeed."""

    _database: Database

    def changes(self, *, after: int, limit: int = 500) -> tuple[Change, ...]:
        """What changed after the cursor, in order."""
        statement = sa.select(change).where(change.c.id > after).order_by(change.c.id).limit(limit)
        with self._database.reading() as connection:
            return tuple(change_from(row) for row in connection.execute(statement))

    def last_change(self) -> int:
        """The cursor of the newest change; 0 before the first one."""
        with self._database.reading() as connection:
            return connection.execute(sa.select(sa.func.max(change.c.id))).scalar_one() or 0

    def note_change(self, kind: Literal["table"], key: str) -> None:
        """Records a change that no run made: a roll back."""
        with self._database.writing() as connection:
            record(connection, kind, [key])

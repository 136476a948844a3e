"""Hints that there may be work: who changes the queue says so, and workers elsewhere hear it.

PostgreSQL carries them from transaction to listener, SQLite's file tells that it was written to.
A hint may come for nothing, and may be lost, behind a pooler for example.
"""

import time
from collections.abc import Iterator
from contextlib import closing, contextmanager
from typing import Any

import sqlalchemy as sa

from jupyter_orch.domain.errors import Unavailable
from jupyter_orch.ports import QueueHints
from jupyter_orch.store.engine import Database

_CHANNEL = "jupyter_orch_queue"
_NOTIFY = sa.text(f"NOTIFY {_CHANNEL}")


def hint(connection: sa.Connection) -> None:
    """Tells all workers, once the transaction is committed, that there may be work."""
    if connection.dialect.name != "sqlite":
        connection.execute(_NOTIFY)


class SqlHints:
    """ports.QueueHintStore."""

    _database: Database

    @contextmanager
    def queue_hints(self) -> Iterator[QueueHints]:
        """Listens from now until the block is left, on a connection of its own."""
        with self._database.apart() as connection:
            yield (_FileHints if self._database.sqlite else _ServerHints)(connection)


class _ServerHints:
    def __init__(self, connection: Any) -> None:
        connection.autocommit = True
        connection.execute(f"LISTEN {_CHANNEL}")
        self._connection = connection

    def wait(self, seconds: float) -> bool:
        import psycopg

        try:
            with closing(self._connection.notifies(timeout=seconds, stop_after=1)) as heard:
                return bool(list(heard))
        except psycopg.Error as error:
            raise Unavailable("The database ended the connection.") from error


class _FileHints:
    def __init__(self, connection: Any) -> None:
        self._connection = connection
        self._seen = self._version()

    def wait(self, seconds: float) -> bool:
        time.sleep(seconds)
        before, self._seen = self._seen, self._version()
        return before != self._seen

    def _version(self) -> int:
        """Changes with every commit of another connection, in whatever process."""
        found: int = self._connection.execute("PRAGMA data_version").fetchone()[0]
        return found

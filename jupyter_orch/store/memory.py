"""The memory store: all of the real one, gone with the process.

It is the SQL store over a database in memory, not a second store made of dictionaries: constraints,
order and transactions are the very same statements, so that nothing that works here can fail there.
A database in memory belongs to one connection. All threads share it, and a lock lets in one
transaction at a time, readers too; a transaction inside another one of the same thread, which
the other stores answer from a second connection, is refused.
"""

import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager

import sqlalchemy as sa

from jupyter_orch.ports import QueueHints
from jupyter_orch.store.engine import Clock, Database, wall_clock
from jupyter_orch.store.sql import SqlStore


class MemoryStore(SqlStore):
    """A store for tests, simulations and everything else that needs no tomorrow.

    Args:
        clock: Microseconds since 1970, in place of the wall clock: time may run as fast as it can.
    """

    def __init__(self, *, clock: Clock = wall_clock) -> None:
        self._begin(_MemoryDatabase(clock))

    @contextmanager
    def queue_hints(self) -> Iterator[QueueHints]:
        """Always a hint: nobody outside this process uses the store, and a look costs little."""
        yield _Perhaps()


class _Perhaps:
    def wait(self, seconds: float) -> bool:
        time.sleep(seconds)
        return True


class _MemoryDatabase(Database):
    def __init__(self, clock: Clock) -> None:
        engine = sa.create_engine(
            "sqlite://",
            poolclass=sa.StaticPool,
            connect_args={"check_same_thread": False},
        )
        super().__init__(engine, clock=clock)
        self._one = threading.Lock()
        self._inside: int | None = None

    @contextmanager
    def reading(self) -> Iterator[sa.Connection]:
        """A transaction; the others wait for its end."""
        with self._alone(), super().reading() as connection:
            yield connection

    @contextmanager
    def writing(self, *, durable: bool = True) -> Iterator[sa.Connection]:
        """A transaction; the others wait for its end."""
        with self._alone(), super().writing(durable=durable) as connection:
            yield connection

    @contextmanager
    def _alone(self) -> Iterator[None]:
        if self._inside == threading.get_ident():
            raise RuntimeError("A transaction of the memory store cannot be opened inside another.")
        with self._one:
            self._inside = threading.get_ident()
            try:
                yield
            finally:
                self._inside = None

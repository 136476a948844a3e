"""Removes what killed writers left in the folders of tables, once a day for each table."""

import logging
import random
from collections.abc import Callable
from datetime import datetime, timedelta
from functools import partial

from jupyter_orch.ports import Store, Warehouse
from jupyter_orch.service.table_retention import guarded

log = logging.getLogger(__name__)
EVERY = timedelta(days=1)
#: Tables of one round: to list all files of a table may take long.
MOST = 5


class TableOrphans:
    """One chore, apart from the others so that a huge table keeps none of them waiting.

    Several processes may do it at once: each finds what the other has left.

    Args:
        store: Has the time.
        warehouse: Has the tables.
        age: Files that are younger stay: longer than any writer takes until its commit.
        chance: Numbers from 0 to 1, by which the tables are spread over the day.
    """

    def __init__(
        self,
        store: Store,
        warehouse: Warehouse,
        *,
        age: timedelta,
        chance: Callable[[], float] = random.random,
    ) -> None:
        self._store = store
        self._warehouse = warehouse
        self._age = age
        self._chance = chance
        #: When each table is looked at next: for the first time at any moment of a day.
        self._next: dict[str, datetime] = {}

    def do(self) -> None:
        """Looks at some of the tables that are due, those first that have waited longest."""
        now = self._store.now()
        self._next = {
            table: self._next.get(table) or now + EVERY * self._chance()
            for table in self._warehouse.heads()
        }
        due = [table for table, at in self._next.items() if at <= now]
        for table in sorted(due, key=self._next.__getitem__)[:MOST]:
            self._next[table] = now + EVERY
            guarded(table, partial(self._remove, table, now - self._age))

    def _remove(self, table: str, before: datetime) -> None:
        if gone := self._warehouse.delete_orphans(table, older_than=before):
            log.info("table.orphans_removed", extra={"table": table, "files": gone})
            self._next[table] = self._store.now()  # there may be more

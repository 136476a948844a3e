"""Keeps the database's log of versions level with the catalog."""

import logging
from collections.abc import Sequence

from jupyter_orch.domain.errors import NotFound, OrchError, Unavailable
from jupyter_orch.ports import TableStore, Warehouse

log = logging.getLogger(__name__)
_TRIES = 5  # that others may be quicker at


class TableLog:
    """What runs publish, and what anybody else writes, by Trino for example, shows up alike.

    A table is read only when its place in the catalog moved; safe from any thread and process.
    """

    def __init__(self, store: TableStore, warehouse: Warehouse) -> None:
        self._store = store
        self._warehouse = warehouse

    def refresh(self, tables: Sequence[str]) -> dict[str, str]:
        """Takes in what changed in these tables, or in all; answers their places in the catalog.

        A table that cannot be read stays as it was last seen.

        Raises:
            Unavailable: Catalog or storage do not answer.
        """
        heads = self._warehouse.heads(tables)
        known = self._store.table_heads()
        for table, place in heads.items():
            if known.get(table) != place:
                self._take_in(table, known.get(table))
        return dict(heads)

    def follow(self) -> dict[str, str]:
        """The same for all tables; those that were dropped are forgotten."""
        heads = self.refresh(())
        gone = [table for table in self._store.table_heads() if table not in heads]
        if gone and heads:  # an empty catalog is rather the wrong one
            self._store.forget_tables(gone)
        return heads

    def _take_in(self, table: str, seen: str | None) -> None:
        try:
            for _ in range(_TRIES):
                history = self._warehouse.history(table)
                if history.location == seen or self._store.note_history(history, seen=seen):
                    return
                seen = self._store.table_heads().get(table)  # somebody else was quicker
        except NotFound:
            return  # it was dropped just now
        except Unavailable:  # the next table would wait for the same
            raise
        except (OrchError, OSError, ValueError) as error:
            log.warning("table.unreadable", extra={"table": table, "error": str(error)})

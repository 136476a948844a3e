"""Use cases of versioned tables."""

from collections.abc import Callable, Mapping
from typing import Any

from jupyter_orch.domain.model import Actor, Page
from jupyter_orch.domain.outputs import TableInfo, TableVersion
from jupyter_orch.ports import Warehouse
from jupyter_orch.service.pages import page_size
from jupyter_orch.service.rights import require


class Tables:
    """What a person does with tables."""

    def __init__(self, warehouse: Warehouse, changed: Callable[[str], None]) -> None:
        self._warehouse = warehouse
        self._changed = changed

    def list(
        self, actor: Actor, *, cursor: str | None = None, limit: int | None = None
    ) -> Page[TableInfo]:
        """Tables of the catalog, by name."""
        require(actor, "read")
        return self._warehouse.tables(cursor=cursor, limit=page_size(limit))

    def versions(
        self, actor: Actor, table: str, *, cursor: str | None = None, limit: int | None = None
    ) -> Page[TableVersion]:
        """Versions of a table, newest first."""
        require(actor, "read")
        return self._warehouse.versions(table, cursor=cursor, limit=page_size(limit))

    def preview(self, actor: Actor, table: str, *, version: int | None = None) -> Mapping[str, Any]:
        """Columns and a few rows, now or of an older version."""
        require(actor, "read")
        return self._warehouse.preview(table, version=version)

    def rollback(self, actor: Actor, table: str, version: int) -> TableVersion:
        """Makes an older version the one that readers see; history is kept."""
        require(actor, "write")
        current = self._warehouse.rollback(table, version, user=actor.user)
        self._changed(table)
        return current

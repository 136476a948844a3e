"""The tables of an Iceberg catalog, their versions, and what runs bring."""

import logging
import threading
import uuid
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from pyiceberg.table import Table

from jupyter_orch.domain.errors import NotFound, OrchError, Refused
from jupyter_orch.domain.model import Page
from jupyter_orch.domain.outputs import TableInfo, TableVersion
from jupyter_orch.settings import Settings
from jupyter_orch.warehouse import names, preview, probe, publish, snapshots, trouble, versions
from jupyter_orch.warehouse.catalog import open_catalog
from jupyter_orch.warehouse.outputs import Outputs

if TYPE_CHECKING:
    from pyiceberg.catalog.sql import SqlCatalog

_MAX_PAGE = 500

_log = logging.getLogger(__name__)


class Lake:
    """All that needs the catalog, which is opened when it is first asked; safe from any thread."""

    def __init__(self, settings: Settings) -> None:
        self._settings = settings
        self._opening = threading.Lock()
        self._catalog_or_none: SqlCatalog | None = None
        self._checking = threading.Lock()
        self._checked = False
        self.outputs = Outputs(settings, lambda: self.catalog)

    def close(self) -> None:
        """Closes the catalog's connections."""
        with self._opening:
            if self._catalog_or_none is not None:
                self._catalog_or_none.close()
                self._catalog_or_none = None

    @property
    def catalog(self) -> "SqlCatalog":
        """The configured one.

        Raises:
            Unavailable: It cannot be opened.
        """
        with self._opening:
            if self._catalog_or_none is None:
                self._catalog_or_none = open_catalog(self._settings)
            return self._catalog_or_none

    def check(self) -> None:
        """Tries once whether the catalog keeps what publishing stands on.

        Raises:
            Refused: It does not, and what it lacks.
            Unavailable: It does not answer; it is tried again the next time.
        """
        with self._checking:
            if not self._checked:
                probe.require(self.catalog, self._settings.warehouse)
                self._checked = True

    def tables(self, *, cursor: str | None = None, limit: int = 50) -> Page[TableInfo]:
        """Tables by name; the cursor is the name of the last one that was given."""
        listed = sorted(".".join(identifier) for identifier in publish.list_tables(self.catalog))
        following = [name for name in listed if cursor is None or name > cursor]
        names_of_page = following[: max(1, limit)]
        more = len(following) > len(names_of_page)
        return Page(
            items=tuple(map(self._info, names_of_page)),
            next_cursor=names_of_page[-1] if more else None,
        )

    def versions(
        self, table: str, *, cursor: str | None = None, limit: int = 50
    ) -> Page[TableVersion]:
        """Versions that `main` reached, newest first."""
        return versions.page(self.load(table), cursor=cursor, limit=min(max(1, limit), _MAX_PAGE))

    def preview(self, table: str, *, version: int | None, limit: int = 20) -> Mapping[str, Any]:
        """The first rows of a version, as JSON values."""
        loaded = self.load(table)
        if version is not None:
            versions.snapshot_at(loaded, version, table)
        return preview.rows(loaded, version=version, limit=min(max(0, limit), _MAX_PAGE))

    def rollback(self, table: str, version: int, *, user: str) -> TableVersion:
        """Makes an old version current again, as a new version; history is kept."""
        identifier = names.identify(table, self._settings.warehouse)
        token = uuid.uuid4().hex

        def attempt() -> TableVersion:
            loaded = self.load(table)
            for entry in loaded.metadata.snapshot_log[::-1]:
                snapshot = loaded.metadata.snapshot_by_id(entry.snapshot_id)
                known = (
                    snapshot.summary.additional_properties if snapshot and snapshot.summary else {}
                )
                if known.get("orch.rollback-id") == token:
                    return versions.describe(loaded, entry)
            target = versions.snapshot_at(loaded, version, table)
            if version == loaded.metadata.current_snapshot_id:
                raise Refused(f"Version {version} of {table} is the current one.", field="version")
            updates, head = snapshots.restore(
                loaded,
                target,
                {
                    "orch.operation": "rollback",
                    "orch.user": user,
                    "orch.rollback-to": str(version),
                    "orch.rollback-id": token,
                },
            )
            publish.move_main(loaded, updates, head)
            return attempt()

        return publish.settled(self._settings, identifier, attempt)

    def load(self, table: str) -> Table:
        """The table as pyiceberg has it, for readers in this process.

        Raises:
            NotFound: There is none (field `table`).
        """
        identifier = names.identify(table, self._settings.warehouse)
        loaded = publish.load(self.catalog, identifier)
        if loaded is None:
            raise NotFound(
                f"There is no table {'.'.join(identifier)}.",
                field="table",
                hint="jupyter orch tables lists what there is.",
            )
        return loaded

    def _info(self, name: str) -> TableInfo:
        try:
            table = self.load(name)
            newest = versions.page(table, cursor=None, limit=1).items
            last = newest[0] if newest else None
            return TableInfo(
                name=name,
                versions=len(table.metadata.snapshot_log),
                total_rows=last.total_rows if last else 0,
                last_version=last,
            )
        except (OrchError, OSError, ValueError) as error:
            if trouble.general(error):  # else each table would wait for it anew
                raise
        _log.warning("warehouse.table_unreadable", extra={"table": name})
        return TableInfo(name=name, versions=0, total_rows=None, last_version=None)

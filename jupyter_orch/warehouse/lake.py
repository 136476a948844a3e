"""The tables of an Iceberg catalog, their versions, and what runs bring."""

import threading
import uuid
from collections.abc import Callable, Mapping, Sequence
from datetime import datetime
from functools import partial
from typing import TYPE_CHECKING, Any

from pyiceberg.table import Table

from jupyter_orch.domain.errors import NotFound, Refused, StaleWrite
from jupyter_orch.domain.ids import RunId
from jupyter_orch.domain.model import Page
from jupyter_orch.domain.outputs import TableHistory, TableVersion
from jupyter_orch.domain.versions import RollbackPlan, TableDiff
from jupyter_orch.ports import Expiry
from jupyter_orch.settings import Settings
from jupyter_orch.warehouse import (
    diff,
    expiry,
    heads,
    names,
    orphans,
    preview,
    probe,
    publish,
    scratch,
    snapshots,
    versions,
)
from jupyter_orch.warehouse.catalog import open_catalog
from jupyter_orch.warehouse.outputs import Outputs
from jupyter_orch.warehouse.undo import Undo

if TYPE_CHECKING:
    from pyiceberg.catalog.sql import SqlCatalog

_MAX_PAGE = 500
_MOST_UNDONE = 100  # versions that a plan names


class Lake:
    """All that needs the catalog, which is opened when it is first asked; safe from any thread."""

    def __init__(self, settings: Settings) -> None:
        self._settings = settings
        self._opening = threading.Lock()
        self._catalog_or_none: SqlCatalog | None = None
        self._checking = threading.Lock()
        self._checked = False
        self.outputs = Outputs(settings, lambda: self.catalog)
        self.undo = Undo(settings, lambda: self.catalog)

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

    def heads(self, tables: Sequence[str] = ()) -> Mapping[str, str]:
        """By name where the current state of each table is written down."""
        only = [names.identify(table, self._settings.warehouse) for table in tables]
        return heads.heads(self.catalog, only)

    def scratch_since(self, instant: float) -> tuple[tuple[RunId, int], ...]:
        """Attempts that left a scratch table behind and have not touched it since.

        Args:
            instant: In seconds since 1970.
        """
        found = set()
        for identifier in scratch.tables(self.catalog):
            table = publish.load(self.catalog, identifier)
            maker = scratch.maker(identifier[1])
            if table is not None and maker and table.metadata.last_updated_ms < instant * 1000:
                found.add(maker)
        return tuple(sorted(found))

    def history(self, table: str) -> TableHistory:
        """What the catalog knows of a table's versions."""
        return versions.history(self.load(table))

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

    def diff(
        self, table: str, before: int, after: int, keys: Sequence[str], gone: Callable[[], bool]
    ) -> TableDiff:
        """What changed from one version to another, found out by the engine."""
        loaded = self.load(table)
        return diff.compare(self._settings, loaded, before, after, keys=keys, gone=gone)

    def plan_rollback(self, table: str, version: int) -> RollbackPlan:
        """What a roll back would do."""
        loaded = self.load(table)
        target = versions.snapshot_at(loaded, version, table)
        log = versions.Log(loaded)
        ids = [entry.snapshot_id for entry in log.entries]
        place = len(ids) - 1 - ids[::-1].index(version)
        undone = log.entries[place + 1 :]
        return RollbackPlan(
            table=log.name,
            target=log.version_of(target),
            current=log.describe(log.entries[-1]),
            undoes=tuple(map(log.describe, reversed(undone[-_MOST_UNDONE:]))),
            count=len(undone),
        )

    def rollback(
        self,
        table: str,
        version: int,
        *,
        user: str,
        expected: int | None = None,
        reason: str | None = None,
    ) -> TableVersion:
        """Makes an old version current again, as a new version; history is kept."""
        identifier = names.identify(table, self._settings.warehouse)
        token = uuid.uuid4().hex
        noted = {
            "orch.operation": "rollback",
            "orch.user": user,
            "orch.rollback-to": str(version),
            "orch.rollback-id": token,
        }
        if reason:
            noted["orch.reason"] = reason

        def attempt() -> TableVersion:
            loaded = self.load(table)
            log = versions.Log(loaded)
            for entry in reversed(log.entries):
                if versions.known(log.snapshots.get(entry.snapshot_id)).get("rollback-id") == token:
                    return log.describe(entry)
            target = versions.snapshot_at(loaded, version, table)
            current = loaded.metadata.current_snapshot_id
            if expected is not None and current != expected:
                raise StaleWrite(
                    f"{log.name} is at version {current} by now.",
                    field="If-Match",
                    hint="Look at what came since, and ask again.",
                )
            if version == current:
                raise Refused(
                    f"Version {version} of {log.name} is the current one.", field="version"
                )
            updates, head = snapshots.restore(loaded, target, noted)
            publish.move_main(loaded, updates, head)
            return attempt()

        return publish.settled(self._settings, identifier, attempt)

    def pin(self, table: str, version: int, *, pinned: bool) -> TableVersion:
        """Keeps a version from retention, or lets it go."""
        identifier = names.identify(table, self._settings.warehouse)

        def attempt() -> TableVersion:
            loaded = self.load(table)
            snapshot = versions.snapshot_at(loaded, version, table)
            found = versions.Log(loaded).version_of(snapshot)
            if found.pinned == pinned:
                return found
            publish.set_tag(loaded, names.pin(version), version if pinned else None)
            return attempt()

        return publish.settled(self._settings, identifier, attempt)

    def plan_expiry(self, table: str, *, keep: int, superseded_before: datetime) -> Expiry | None:
        """Which versions may go beyond the newest ones."""
        return expiry.plan(self.load(table), keep=keep, superseded_before=superseded_before)

    def expire(self, planned: Expiry) -> bool:
        """Takes them away, files apart; False when the table changed since it was planned."""
        identifier = names.identify(planned.table, self._settings.warehouse)

        def attempt() -> bool:
            loaded = self.load(planned.table)
            known = {snapshot.snapshot_id for snapshot in loaded.metadata.snapshots}
            gone = [each for each in planned.snapshots if each not in known]
            if gone or loaded.metadata.current_snapshot_id != planned.seen:
                return len(gone) == len(planned.snapshots)
            pins = [names.pin(each) for each in planned.snapshots]
            if any(pin in loaded.metadata.refs for pin in pins):
                return False
            publish.forget(loaded, planned.snapshots, tags=planned.tags, pins=pins)
            return attempt()

        return publish.settled(self._settings, identifier, attempt)

    def delete_files(self, table: str, paths: Sequence[str]) -> None:
        """Deletes files that no version holds."""
        publish.delete_files(self.load(table), paths)

    def delete_orphans(self, table: str, *, older_than: datetime) -> int:
        """Deletes old files of a table that no commit names; answers how many."""
        identifier = names.identify(table, self._settings.warehouse)
        if identifier[0] in names.HIDDEN_SCHEMAS:
            return 0
        own = ".".join(identifier)
        return orphans.delete(
            own,
            partial(self.load, table),
            lambda: [place for name, place in self.heads().items() if name != own],
            self._settings.warehouse,
            older_than=older_than,
        )

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

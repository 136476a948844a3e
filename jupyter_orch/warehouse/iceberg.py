"""The warehouse port: the little that needs no table, and a door to the rest.

What reads and writes tables takes a second and a hundred megabytes to import, so it is loaded when
the first table is asked for. A service that only schedules never needs it.
"""

import re
import threading
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

from jupyter_orch.domain.errors import BadInput, Refused, Unavailable
from jupyter_orch.domain.ids import RunId
from jupyter_orch.domain.model import Page
from jupyter_orch.domain.outputs import (
    OutputRequest,
    Provenance,
    Selection,
    StagedOutput,
    TableHistory,
    TableVersion,
)
from jupyter_orch.domain.versions import RollbackPlan, TableDiff, UndoPlan
from jupyter_orch.ports import Expiry
from jupyter_orch.settings import Settings, without_password
from jupyter_orch.warehouse import attempt_folder, names, trouble
from jupyter_orch.warehouse.trouble import KEYS, told

if TYPE_CHECKING:
    from pyiceberg.table import Table

    from jupyter_orch.warehouse.lake import Lake

_QUERY_ID = re.compile(r"[A-Za-z0-9_]{1,64}")


class IcebergWarehouse:
    """The warehouse port on an Iceberg catalog; safe to call from any thread."""

    def __init__(self, settings: Settings) -> None:
        self._settings = settings
        self._opening = threading.Lock()
        self._lake_or_none: Lake | None = None

    def close(self) -> None:
        """Closes the catalog's connections."""
        with self._opening:
            if self._lake_or_none is not None:
                self._lake_or_none.close()
                self._lake_or_none = None

    def describe(self) -> Mapping[str, Any]:
        """Engine, address and folder; no secrets."""
        warehouse = self._settings.warehouse
        return {
            "engine": "trino" if warehouse.trino.url else "embedded",
            "url": without_password(warehouse.trino.url) or None,
            "location": warehouse.location.removeprefix("file://"),
        }

    def ping(self) -> None:
        """Raises `Unavailable` with the reason when queries cannot run."""
        from jupyter_orch.warehouse.connect import ping

        ping(self._settings)

    def check(self) -> None:
        """Raises when the catalog does not keep what publishing stands on; it is tried once.

        The one in SQLite is this product's own, and needs no trial.
        """
        if not self._settings.warehouse.on_this_host:
            with self._told():
                self._lake.check()

    def staging_folder(self, run_id: RunId, attempt: int) -> Path:
        """Where the attempt's kernel puts data files; made, private to the user."""
        return attempt_folder.make(self._settings, run_id, attempt)

    def stage(self, request: OutputRequest, provenance: Provenance) -> StagedOutput:
        """Checks the rows, and writes them where readers do not look."""
        self.check()
        with self._told():
            return self._lake.outputs.stage(request, provenance)

    def publish(self, staged: StagedOutput, provenance: Provenance) -> TableVersion:
        """Makes it visible in one commit with the run's tag; safe to repeat."""
        with self._told():
            return self._lake.outputs.publish(staged, provenance)

    def discard(self, run_id: RunId, attempt: int) -> None:
        """Drops branches and files of an attempt; safe to repeat."""
        place = attempt_folder.locate(self._settings, run_id, attempt)
        marked = attempt_folder.marked(place) or attempt_folder.has_scratch(place)
        if marked or self._settings.warehouse.in_s3:
            with self._told():
                self._lake.outputs.discard(run_id, attempt)
        attempt_folder.clear(place)

    def export(self, wanted: Selection, file: Path) -> int:
        """Writes the rows as an Arrow file; answers how many there are."""
        from jupyter_orch.warehouse import reading

        with self._told():
            return reading.export(reading.scan(self._lake.load(wanted.table), wanted), file)

    def heads(self, tables: Sequence[str] = ()) -> Mapping[str, str]:
        """By name where the current state of each table is written down."""
        for table in tables:
            names.identify(table, self._settings.warehouse)
        if self._lake_or_none is None and _has_no_catalog(self._settings.warehouse.catalog_uri):
            return {}
        with self._told():
            return self._lake.heads(tables)

    def history(self, table: str) -> TableHistory:
        """What the catalog knows of a table's versions."""
        try:
            return self._lake.history(table)
        except OSError as error:
            if trouble.general(error):
                raise trouble.unavailable(error, self._settings.warehouse) from error
            raise Refused(f"The table {table} cannot be read: {error}.", field="table") from error

    def versions(
        self, table: str, *, cursor: str | None = None, limit: int = 50
    ) -> Page[TableVersion]:
        """Versions that `main` reached, newest first."""
        with self._told():
            return self._lake.versions(table, cursor=cursor, limit=limit)

    def preview(self, table: str, *, version: int | None, limit: int = 20) -> Mapping[str, Any]:
        """The first rows of a version, as JSON values."""
        with self._told():
            return self._lake.preview(table, version=version, limit=limit)

    def diff(
        self,
        table: str,
        before: int,
        after: int,
        *,
        keys: Sequence[str] = (),
        gone: Callable[[], bool] = lambda: False,
    ) -> TableDiff:
        """What changed from one version to another, found out by the engine."""
        with self._told():
            return self._lake.diff(table, before, after, keys, gone)

    def plan_rollback(self, table: str, version: int) -> RollbackPlan:
        """What a roll back would do."""
        with self._told():
            return self._lake.plan_rollback(table, version)

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
        with self._told():
            return self._lake.rollback(table, version, user=user, expected=expected, reason=reason)

    def plan_undo(self, run_id: RunId, published: Sequence[TableVersion]) -> UndoPlan:
        """What undoing a run would do to all that it published."""
        with self._told():
            return self._lake.undo.plan(run_id, published)

    def undo(
        self,
        run_id: RunId,
        published: Sequence[TableVersion],
        *,
        user: str,
        expected: str | None = None,
        force: bool = False,
        reason: str | None = None,
    ) -> tuple[TableVersion, ...]:
        """Takes back what the run published, one new version for each; safe to repeat."""
        with self._told():
            return self._lake.undo.do(
                run_id, published, user=user, expected=expected, force=force, reason=reason
            )

    def pin(self, table: str, version: int, *, pinned: bool = True) -> TableVersion:
        """Keeps a version from retention, or lets it go."""
        with self._told():
            return self._lake.pin(table, version, pinned=pinned)

    def plan_expiry(self, table: str, *, keep: int, superseded_before: datetime) -> Expiry | None:
        """Which versions may go beyond the newest ones."""
        with self._told():
            return self._lake.plan_expiry(table, keep=keep, superseded_before=superseded_before)

    def expire(self, expiry: Expiry) -> bool:
        """Takes them away, files apart."""
        with self._told():
            return self._lake.expire(expiry)

    def delete_files(self, table: str, paths: Sequence[str]) -> None:
        """Deletes files that no version holds."""
        with self._told():
            self._lake.delete_files(table, paths)

    def delete_orphans(self, table: str, *, older_than: datetime) -> int:
        """Deletes old files of a table that no commit names; answers how many."""
        with self._told():
            return self._lake.delete_orphans(table, older_than=older_than)

    def leftovers(self, *, untouched_since: datetime) -> tuple[tuple[RunId, int], ...]:
        """Attempts that staged something and have not been heard of since."""
        instant = untouched_since.timestamp()
        found = attempt_folder.untouched(self._settings, instant)
        if not self._settings.warehouse.in_s3:  # the makers of all scratch tables have folders here
            return found
        with self._told():
            return tuple(dict.fromkeys((*found, *self._lake.scratch_since(instant))))

    def cancel_query(self, query_id: str) -> None:
        """Stops a query of a real Trino; the embedded engine ends with its kernel."""
        if not self._settings.warehouse.trino.url:
            return
        if not _QUERY_ID.fullmatch(query_id):
            raise BadInput(f"{query_id!r} is not the id of a query.", field="query_id")
        from trino.exceptions import TrinoQueryError

        from jupyter_orch.warehouse.connect import open_connection

        connection = open_connection(self._settings, source="jupyter_orch-cancel")
        call = "CALL system.runtime.kill_query(query_id => '{}', message => '{}')"
        try:  # Trino takes no parameters in named arguments
            connection.cursor().execute(
                call.format(query_id, "Cancelled by jupyter_orch")
            ).fetchall()
        except TrinoQueryError as error:
            if error.error_name not in ("NOT_FOUND", "NOT_SUPPORTED"):  # it has ended already
                raise Refused(f"The query {query_id} cannot be stopped: {error.message}") from error
        finally:
            connection.close()  # type: ignore[no-untyped-call]

    def load(self, table: str) -> "Table":
        """The table as pyiceberg has it, for readers in this process.

        Raises:
            NotFound: There is none (field `table`).
        """
        with self._told():
            return self._lake.load(table)

    @contextmanager
    def _told(self) -> Iterator[None]:
        try:
            with told(self._settings.warehouse):
                yield
        except Unavailable as error:
            if error.field == KEYS:  # they may be others by the next time
                self.close()
            raise

    @property
    def _lake(self) -> "Lake":
        with self._opening:  # two threads that import one library at a time may meet half of it
            if self._lake_or_none is None:
                from jupyter_orch.warehouse.lake import Lake

                self._lake_or_none = Lake(self._settings)
            return self._lake_or_none


def _has_no_catalog(uri: str) -> bool:
    """Whether no table was ever made: then there is nothing to load the libraries for."""
    file = uri.removeprefix("sqlite:///").partition("?")[0]
    return file != uri and not Path(file).exists()

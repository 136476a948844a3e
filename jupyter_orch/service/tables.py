"""Use cases of versioned tables."""

import threading
from collections.abc import Callable, Mapping, Sequence
from typing import Any

from jupyter_orch.domain.errors import NotFound, Unavailable
from jupyter_orch.domain.ids import RunId
from jupyter_orch.domain.model import Actor, Page
from jupyter_orch.domain.outputs import TableInfo, TableVersion
from jupyter_orch.domain.versions import RollbackPlan, TableDiff, UndoPlan, checked_reason
from jupyter_orch.ports import RunStore, TableStore, Warehouse
from jupyter_orch.service.pages import page_size
from jupyter_orch.service.rights import require
from jupyter_orch.service.table_log import TableLog

#: Comparisons that go on at once; more would leave no thread for anything else.
_COMPARISONS = 3
_PATIENCE_SECONDS = 5.0


class Tables:
    """What a person does with tables."""

    def __init__(
        self, store: TableStore, runs: RunStore, warehouse: Warehouse, log: TableLog
    ) -> None:
        self._store = store
        self._runs = runs
        self._warehouse = warehouse
        self._log = log
        self._comparisons = threading.BoundedSemaphore(_COMPARISONS)

    def list(
        self, actor: Actor, *, cursor: str | None = None, limit: int | None = None
    ) -> Page[TableInfo]:
        """Tables of the catalog, by name; the cursor is the last name that was given."""
        require(actor, "read")
        size = page_size(limit)
        names = [name for name in sorted(self._warehouse.heads()) if name > (cursor or "")]
        shown = names[:size]
        if shown:
            self._log.refresh(shown)
        lines = self._store.table_lines(shown)
        return Page(
            items=tuple(lines.get(name) or _unreadable(name) for name in shown),
            next_cursor=shown[-1] if len(names) > size else None,
        )

    def versions(
        self, actor: Actor, table: str, *, cursor: str | None = None, limit: int | None = None
    ) -> Page[TableVersion]:
        """Versions of a table, newest first, also those that have expired."""
        require(actor, "read")
        size = page_size(limit)
        name = self._known(table)
        return self._store.logged_versions(name, cursor=cursor, limit=size)

    def preview(self, actor: Actor, table: str, *, version: int | None = None) -> Mapping[str, Any]:
        """Columns and a few rows, now or of an older version."""
        require(actor, "read")
        return self._warehouse.preview(table, version=version)

    def diff(
        self,
        actor: Actor,
        table: str,
        before: int,
        after: int,
        *,
        keys: Sequence[str] = (),
        gone: Callable[[], bool] = lambda: False,
    ) -> TableDiff:
        """What changed from one version to another.

        Raises:
            Unavailable: Too many comparisons are under way.
        """
        require(actor, "read")
        if not self._comparisons.acquire(timeout=_PATIENCE_SECONDS):
            raise Unavailable(
                f"{_COMPARISONS} comparisons are under way already.", hint="Ask again later."
            )
        try:
            return self._warehouse.diff(table, before, after, keys=keys, gone=gone)
        finally:
            self._comparisons.release()

    def plan_rollback(self, actor: Actor, table: str, version: int) -> RollbackPlan:
        """What a roll back would undo; shown before anybody is asked."""
        require(actor, "read")
        return self._warehouse.plan_rollback(table, version)

    def rollback(
        self,
        actor: Actor,
        table: str,
        version: int,
        *,
        expected: int | None = None,
        reason: str | None = None,
    ) -> TableVersion:
        """Makes an older version the one that readers see; history is kept."""
        require(actor, "write")
        current = self._warehouse.rollback(
            table, version, user=actor.user, expected=expected, reason=checked_reason(reason)
        )
        self._log.refresh([current.table])
        return current

    def plan_undo(self, actor: Actor, run_id: RunId) -> UndoPlan:
        """What undoing a run would do to all that it published."""
        require(actor, "read")
        return self._warehouse.plan_undo(run_id, self._published(actor, run_id))

    def undo(
        self,
        actor: Actor,
        run_id: RunId,
        *,
        expected: str | None = None,
        force: bool = False,
        reason: str | None = None,
    ) -> tuple[TableVersion, ...]:
        """Takes back what a run published, one new version for each of its own."""
        require(actor, "write")
        published = self._published(actor, run_id)
        made = self._warehouse.undo(
            run_id,
            published,
            user=actor.user,
            expected=expected,
            force=force,
            reason=checked_reason(reason),
        )
        self._log.refresh([version.table for version in made])
        return made

    def pin(self, actor: Actor, table: str, version: int, *, pinned: bool = True) -> TableVersion:
        """Keeps a version from retention, or lets it go."""
        require(actor, "write")
        found = self._warehouse.pin(table, version, pinned=pinned)
        self._log.refresh([found.table])
        return found

    def _published(self, actor: Actor, run_id: RunId) -> tuple[TableVersion, ...]:
        self._runs.get_run(actor.team, run_id)
        published = self._runs.published(run_id)
        if not published:
            raise NotFound(f"The run {run_id} published no table.", field="run")
        return tuple(published)

    def _known(self, table: str) -> str:
        """The full name of a table that is there, its log up to date."""
        for name in self._log.refresh([table]):
            return name
        raise NotFound(
            f"There is no table {table}.",
            field="table",
            hint="jupyter orch tables lists what there is.",
        )


def _unreadable(name: str) -> TableInfo:
    return TableInfo(name=name, versions=0, total_rows=None, last_version=None)

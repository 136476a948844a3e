"""Takes old versions away, so that a table costs the same after ten thousand runs as after some."""

import logging
from collections.abc import Callable, Sequence
from datetime import datetime, timedelta
from functools import partial

from jupyter_orch.domain.errors import NotFound, OrchError, Unavailable
from jupyter_orch.ports import Expiry, Removal, Store, Warehouse
from jupyter_orch.service.table_log import TableLog

log = logging.getLogger(__name__)
#: Readers of `main` may go on with a version that was superseded under them.
SAFE_AGE = timedelta(hours=1)
#: What nobody touched for so long belongs to no attempt that goes on.
LEFTOVER_AGE = timedelta(days=1)
ROUND_EVERY = timedelta(hours=1)
#: Who took this long to remove files has died over it.
_ABANDONED = timedelta(minutes=10)


class TableRetention:
    """One chore; several processes may do it at once.

    Args:
        store: Remembers versions, and files that are about to go.
        warehouse: Has them.
        log: Is brought level first: a version that goes stays in the list.
        keep: Versions of a table that stay, beside pinned ones; 0: all.
        safe_age: Versions that were current since then stay, however many.
    """

    def __init__(
        self,
        store: Store,
        warehouse: Warehouse,
        log: TableLog,
        *,
        keep: int,
        safe_age: timedelta = SAFE_AGE,
    ) -> None:
        self._store = store
        self._warehouse = warehouse
        self._log = log
        self._keep = keep
        self._safe_age = safe_age
        #: When all tables, and what is left over, are looked at again.
        self._next_round: datetime | None = None
        #: The places of the tables at the last look; whoever lists a table takes in what changed.
        self._looked_at: dict[str, str] = {}

    def do(self) -> None:
        """Follows the catalog, and takes away what there is too much of."""
        heads = self._log.follow()
        changed = [table for table, place in heads.items() if self._looked_at.get(table) != place]
        now = self._store.now()
        due = self._next_round is None or now >= self._next_round
        self._finish_removals()
        if self._keep:
            for table in self._crowded(None if due else changed):
                guarded(table, partial(self.shorten, table))
            self._looked_at = heads
        if due:
            self._discard_leftovers()
            self._next_round = now + ROUND_EVERY

    def shorten(self, table: str) -> int:
        """Takes old versions of a table away; answers how many."""
        gone = 0
        while True:
            expiry = self._warehouse.plan_expiry(
                table, keep=self._keep, superseded_before=self._store.now() - self._safe_age
            )
            if expiry is None or not self._take_away(expiry):
                return gone
            gone += len(expiry.snapshots)
            log.info("table.shortened", extra={"table": table, "versions": len(expiry.snapshots)})

    def _crowded(self, among: Sequence[str] | None) -> tuple[str, ...]:
        # Not one version at a time: each time all that is known of the table is read and written.
        return self._store.crowded_tables(more_than=self._keep + self._keep // 10, among=among)

    def _take_away(self, expiry: Expiry) -> bool:
        """Files last: whoever dies in between leaves a note of what is to be removed."""
        note = self._store.note_removal(expiry.table, expiry.snapshots, expiry.files)
        done = self._warehouse.expire(expiry)
        if done:
            self._log.refresh([expiry.table])
            self._warehouse.delete_files(expiry.table, expiry.files)
        self._store.forget_removal(note.id)
        return done

    def _finish_removals(self) -> None:
        """Goes on where somebody was interrupted."""
        for note in self._store.removals():
            if note.made_at < self._store.now() - _ABANDONED:
                guarded(note.table, partial(self._finish, note))

    def _finish(self, note: Removal) -> None:
        try:
            history = self._warehouse.history(note.table)
        except NotFound:
            self._store.forget_removal(note.id)
            return
        there = {version.snapshot_id for version in history.versions}
        if there.isdisjoint(note.snapshots):
            self._warehouse.delete_files(note.table, note.files)
        self._store.forget_removal(note.id)

    def _discard_leftovers(self) -> None:
        """Branches and files of attempts that nobody goes on with, and nobody has noted as lost."""
        since = self._store.now() - LEFTOVER_AGE
        found = self._warehouse.leftovers(untouched_since=since)
        active = self._store.active_runs([run_id for run_id, _ in found])
        for run_id, attempt in found:
            if run_id not in active:
                guarded(f"run {run_id}", partial(self._warehouse.discard, run_id, attempt))


def guarded(what: str, action: Callable[[], object]) -> None:
    """One table that resists must not stand before the others."""
    try:
        action()
    except Unavailable:
        raise
    except (OrchError, OSError, ValueError) as error:
        log.warning("retention.stuck", extra={"table": what, "error": str(error)})

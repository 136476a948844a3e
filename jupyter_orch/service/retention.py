"""Removes what is old, in the background and a little at a time."""

import logging
import time
from collections.abc import Callable, Iterator
from datetime import datetime, timedelta
from itertools import islice

from jupyter_orch.domain.errors import OrchError, Unavailable
from jupyter_orch.domain.ids import RunId
from jupyter_orch.ports import Artifacts, Store

log = logging.getLogger(__name__)
PASS_SECONDS = 2.0  # that one pass goes on for at most, give or take a batch
IDLE_SECONDS = 60.0  # until the next look when nothing was left to remove
NOTEBOOK_AGE = timedelta(days=1)  # a notebook is named within that time after it was put
LEFTOVERS_EVERY_SECONDS = 3600.0
_NOTEBOOK_BATCH = 200


class Retention:
    """One chore; several processes may do it at once.

    Args:
        store: Says what may go.
        artifacts: Holds what goes with it.
        days: Age at which ended runs, and what tells of them, go; 0 keeps them for ever.
        batch: Runs of one transaction.
        monotonic: Seconds that only grow, for its own pace.
    """

    def __init__(
        self,
        store: Store,
        artifacts: Artifacts,
        *,
        days: float,
        batch: int,
        monotonic: Callable[[], float] = time.monotonic,
    ) -> None:
        self._store = store
        self._artifacts = artifacts
        self._age = timedelta(days=days)
        self._batch = batch
        self._monotonic = monotonic
        #: Runs whose files cannot be removed; they must not stand in the way of the others.
        self._stuck: set[RunId] = set()
        #: What ended before then and is still there has to stay for now: the last success of each
        #: job, for example. To look through all of that each time would cost more than to remove.
        self._seen: datetime | None = None
        self._next_runs = self._next_leftovers = 0.0  # on that clock

    def do(self) -> None:
        """Goes on for a while if there is something to remove."""
        now = self._monotonic()
        leftovers = now >= self._next_leftovers
        if leftovers:
            self._seen = None  # what had to stay may go by now
        if self._age and now >= self._next_runs and not self._remove_runs(now + PASS_SECONDS):
            self._next_runs = now + IDLE_SECONDS
        if leftovers:
            self._next_leftovers = now + LEFTOVERS_EVERY_SECONDS
            if self._age:
                self.remove_history()
            self.remove_notebooks()

    def _remove_runs(self, deadline: float) -> bool:
        """Removes until the time is over; says whether more may be left."""
        while self.remove_batch():
            if self._monotonic() >= deadline:
                return True
        return False

    def remove_batch(self) -> int:
        """Removes some expired runs, files first; answers 0 when nothing is left to remove.

        A run that had to stay when this one came past it is looked at again an hour later.
        Whoever dies in between leaves rows without files, which the next one removes. Runs whose
        files cannot be removed count the first time: others may wait behind them.
        """
        known = len(self._stuck)
        before = self._store.now() - self._age
        limit = self._batch + known
        found = self._store.expired_runs(ended_before=before, ended_from=self._seen, limit=limit)
        bare = [each.run_id for each in found if self._remove_files(each.run_id)]
        if not self._stuck:
            self._seen = found[-1].ended_at if len(found) == limit else before
        removed = self._store.delete_runs(bare) if bare else 0
        return removed + max(0, len(self._stuck) - known)

    def _remove_files(self, run_id: RunId) -> bool:
        try:
            self._artifacts.delete_run(run_id)
        except Unavailable:
            raise
        except OrchError as error:
            if run_id not in self._stuck:
                log.warning("retention.stuck", extra={"run_id": run_id, "error": error.message})
            self._stuck.add(run_id)
            return False
        self._stuck.discard(run_id)
        return True

    def remove_history(self) -> int:
        """Removes what tells only of runs that are gone: backfills, job versions; how many."""
        before = self._store.now() - self._age
        removed = 0
        while count := self._store.delete_backfills(ended_before=before, limit=self._batch):
            removed += count
        while count := self._store.delete_versions(superseded_before=before, limit=self._batch):
            removed += count
        return removed

    def remove_notebooks(self) -> int:
        """Removes frozen notebooks that nobody names any more; answers how many."""
        before = self._store.now() - NOTEBOOK_AGE
        removed = 0
        for hashes in _batches(self._artifacts.notebooks_before(before)):
            for sha256 in self._store.unused_notebooks(hashes):
                removed += self._delete_notebook(sha256, before)
        return removed

    def _delete_notebook(self, sha256: str, before: datetime) -> bool:
        try:
            return self._artifacts.delete_notebook(sha256, put_before=before)
        except OSError as error:
            log.warning("retention.stuck", extra={"notebook": sha256, "error": str(error)})
            return False


def _batches(hashes: Iterator[str]) -> Iterator[list[str]]:
    while batch := list(islice(hashes, _NOTEBOOK_BATCH)):
        yield batch

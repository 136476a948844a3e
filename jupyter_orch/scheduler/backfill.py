"""Goes on with backfills: each gets as many runs as it has room for, one transaction at a time."""

import logging
from collections.abc import Callable
from dataclasses import replace

from jupyter_orch.domain.backfill import Step, next_step
from jupyter_orch.domain.errors import Unavailable
from jupyter_orch.domain.ids import BackfillId, RunId, new_id
from jupyter_orch.domain.model import Backfill, Job, Run
from jupyter_orch.domain.schedule_runs import backfill_run
from jupyter_orch.ports import BackfillFeed, BackfillStore

log = logging.getLogger(__name__)
#: Transactions of one round; what is left waits for the next round, and a stop for no longer.
MOST_STEPS = 200


class Feeder:
    """Makes the runs of backfills. Any number of them, in any process, share one database.

    Args:
        store: The database.
        freeze: Stores a job's notebook and answers its sha256; raises when there is none to store.
    """

    def __init__(self, store: BackfillStore, freeze: Callable[[Job], str]) -> None:
        self._store = store
        self._freeze = freeze
        self._faults: dict[BackfillId, Exception] = {}

    def feed(self) -> None:
        """One round: until no backfill has room, or is over and not ended."""
        waiting: set[BackfillId] = set()
        for _ in range(MOST_STEPS):
            feed: BackfillFeed | None = None
            try:
                with self._store.feed_backfill() as feed:
                    # Who was fed longest ago comes first: the others had their turn meanwhile.
                    if feed is None or feed.backfill.id in waiting:
                        return
                    if not self._go_on(feed):
                        waiting.add(feed.backfill.id)
            except Unavailable:
                raise
            except Exception as error:
                if feed is None or feed.backfill.id in self._faults:
                    raise
                log.exception("backfill.failed", extra={"backfill_id": feed.backfill.id})
                self._faults[feed.backfill.id] = error

    def _go_on(self, feed: BackfillFeed) -> bool:
        """Makes what there is room for; False when it has to be tried again later."""
        backfill = feed.backfill
        fault = self._faults.pop(backfill.id, None)
        if fault is not None:
            feed.fail(f"It cannot go on: {str(fault).rstrip('.') or type(fault).__name__}.")
            return True
        if not feed.room:
            return True
        if feed.job is None:
            feed.fail("The job was deleted.")
            return True
        step = next_step(backfill, room=feed.room, states=feed.states)
        try:
            sha256 = self._notebook(feed.job, backfill) if step.slots else ""
        except Unavailable as error:
            log.warning(
                "backfill.postponed", extra={"backfill_id": backfill.id, "error": str(error)}
            )
            return False
        feed.insert(_runs(feed, feed.job, step, sha256))
        feed.advance(step.cursor, exhausted=step.exhausted)
        return True

    def _notebook(self, job: Job, backfill: Backfill) -> str:
        return backfill.notebook_sha256 or self._freeze(job)


def _runs(feed: BackfillFeed, job: Job, step: Step, sha256: str) -> list[Run]:
    """The runs with ids in the order of the backfill, which is the order that they are taken in."""
    ids = sorted(new_id() for _ in step.slots)
    return [
        replace(
            backfill_run(job, feed.backfill, slot, notebook_sha256=sha256, now=feed.now),
            id=RunId(new),
        )
        for new, slot in zip(ids, step.slots, strict=True)
    ]

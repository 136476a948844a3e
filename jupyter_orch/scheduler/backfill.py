"""Goes on with backfills: each gets as many runs as it has room for, one transaction at a time."""

import logging
from dataclasses import replace

from jupyter_orch.domain.backfill import Step, next_step
from jupyter_orch.domain.errors import Unavailable
from jupyter_orch.domain.ids import BackfillId, RunId, new_id
from jupyter_orch.domain.model import Job, Run
from jupyter_orch.domain.run_values import need_rendering, with_values
from jupyter_orch.domain.schedule_runs import backfill_run
from jupyter_orch.ports import BackfillFeed, BackfillStore
from jupyter_orch.scheduler.enqueue import Freeze, SchemaOf, takes_anything

log = logging.getLogger(__name__)
#: Transactions of one round; what is left waits for the next round, and a stop for no longer.
MOST_STEPS = 200


class Feeder:
    """Makes the runs of backfills. Any number of them, in any process, share one database.

    Args:
        store: The database.
        freeze: Stores a job's notebook and answers its sha256; raises when there is none to store.
        schema_of: What a stored notebook takes; asked only when a value has to be rendered.
    """

    def __init__(
        self, store: BackfillStore, freeze: Freeze, schema_of: SchemaOf = takes_anything
    ) -> None:
        self._store = store
        self._freeze = freeze
        self._schema_of = schema_of
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
            runs = self._runs(feed, feed.job, step) if step.slots else []
        except Unavailable as error:
            log.warning(
                "backfill.postponed", extra={"backfill_id": backfill.id, "error": str(error)}
            )
            return False
        feed.insert(runs)
        feed.advance(step.cursor, exhausted=step.exhausted)
        return True

    def _runs(self, feed: BackfillFeed, job: Job, step: Step) -> list[Run]:
        """The runs with ids in the order of the backfill, so that they are taken in it."""
        backfill = feed.backfill
        sha256 = backfill.notebook_sha256 or self._freeze(job)
        ids = sorted(new_id() for _ in step.slots)
        runs = [
            replace(
                backfill_run(job, backfill, slot, notebook_sha256=sha256, now=feed.now),
                id=RunId(new),
            )
            for new, slot in zip(ids, step.slots, strict=True)
        ]
        trigger = backfill.trigger
        if not need_rendering(job.spec.parameters, trigger.parameters, backfill.parameters):
            return runs
        schema = self._schema_of(sha256)
        return [with_values(run, schema, trigger.time_zone, now=feed.now) for run in runs]

"""A run that this worker holds: the lease may be lost at any moment, the end is told once."""

import logging
import random
import threading
import time

from jupyter_orch.domain.errors import Unavailable
from jupyter_orch.domain.model import Run
from jupyter_orch.domain.retries import retries_left, retry_wait
from jupyter_orch.domain.states import RunState, failure_class
from jupyter_orch.execution.outputs import Ending
from jupyter_orch.ports import Ledger

_log = logging.getLogger(__name__)
_FINISH_PAUSE = 0.5  # seconds between tries to reach the database


class Holding:
    """The fence of one attempt: who was told that the lease is lost changes nothing any more."""

    def __init__(self, run: Run, *, worker: str, ledger: Ledger) -> None:
        self.run = run
        self.worker = worker
        self.ledger = ledger
        self._lost = threading.Event()
        #: Whether the end is being told or has been: the answer to that says who holds the run.
        self.ending = False

    @property
    def lost(self) -> bool:
        """Whether somebody else may hold the run now."""
        return self._lost.is_set()

    def lose(self) -> None:
        """Says that the lease is lost, however that was found out."""
        if not self.lost:
            _log.warning("lease.lost", extra={"run_id": self.run.id, "attempt": self.run.attempt})
        self._lost.set()

    def progress(self, done: int, total: int) -> None:
        """Tells how many cells are done; not worth waiting for a database that is away."""
        try:
            held = self.ledger.progress(
                self.worker, self.run.id, self.run.attempt, done=done, total=total
            )
        except Unavailable:
            return
        if not held:
            self.lose()

    def record_query(self, query_id: str) -> None:
        """Tells a query that the notebook started."""
        self.ledger.record_query(self.worker, self.run.id, self.run.attempt, query_id)

    def finish(
        self,
        ending: Ending,
        *,
        retry_in_seconds: float | None = None,
        cells: tuple[int, int] | None = None,
    ) -> None:
        """Tells the end, as long as the lease is ours; waits for a database that is away."""
        self.ending = True
        while not self.lost:
            try:
                held = self.ledger.finish(
                    self.worker,
                    self.run.id,
                    self.run.attempt,
                    state=ending.state,
                    reason=ending.reason,
                    error=ending.error,
                    versions=ending.versions,
                    retry_in_seconds=retry_in_seconds,
                    cells=cells,
                )
            except Unavailable:
                time.sleep(_FINISH_PAUSE)
                continue
            _log.info(
                "run.finished" if held else "run.lost",
                extra={"run_id": self.run.id, "attempt": self.run.attempt, "state": ending.state},
            )
            return


def retry_delay(run: Run, ending: Ending) -> float | None:
    """Seconds until the next attempt, or None when the run ends here.

    A tenth of the wait is chance, so that runs that failed together do not come back together.
    """
    if ending.state is not RunState.FAILED:
        return None
    if not retries_left(run, failure_class(ending.reason)):
        return None
    return retry_wait(run) * random.uniform(0.9, 1.1)  # noqa: S311 - chance, not secrecy

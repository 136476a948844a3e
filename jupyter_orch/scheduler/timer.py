"""The timer: an APScheduler loop that turns due triggers into rows of the queue."""

import logging
from collections.abc import Callable
from datetime import UTC, datetime

from apscheduler.schedulers.background import BackgroundScheduler
from apscheduler.schedulers.base import STATE_RUNNING

from jupyter_orch.ports import Clock, ScheduleStore
from jupyter_orch.scheduler.claiming import POLL, ClaimingJobStore, EnqueueExecutor
from jupyter_orch.scheduler.enqueue import Freeze, SchemaOf, takes_anything

log = logging.getLogger(__name__)


class Timer:
    """Fires triggers when they are due. Any number of them, in any process, share one database.

    Args:
        store: The database; its clock decides what is due.
        freeze: Stores a job's notebook and answers its sha256.
        schema_of: What a stored notebook takes; asked only when a value has to be rendered.
        clock: For `last_tick`.
        fired: Called after each wake-up in which something was due: there may be work.
    """

    def __init__(
        self,
        store: ScheduleStore,
        freeze: Freeze,
        clock: Clock,
        *,
        schema_of: SchemaOf = takes_anything,
        fired: Callable[[], None] = lambda: None,
    ) -> None:
        self._store = store
        self._schema_of = schema_of
        self._fired = fired
        self._freeze = freeze
        self._clock = clock
        self._loop: _Loop | None = None
        #: When a wake-up was last committed; for the health check.
        self.last_tick: datetime | None = None

    @property
    def alive(self) -> bool:
        """Whether the loop runs."""
        return self._loop is not None and self._loop.alive

    def start(self) -> None:
        """Starts the loop in a thread of its own; what is overdue is handled at once."""
        if self._loop is not None:
            return
        loop = _Loop(timezone=UTC)
        claiming = ClaimingJobStore(self._store, self._tick, self._fired)
        loop.add_jobstore(claiming, "default")
        loop.add_executor(EnqueueExecutor(claiming, self._freeze, self._schema_of), "default")
        loop.start()
        self._loop = loop

    def stop(self) -> None:
        """Ends the loop after the wake-up that is going on; nothing that is due gets lost."""
        loop, self._loop = self._loop, None
        if loop is not None:
            loop.shutdown()

    def wake(self) -> None:
        """Looks at the database now: somebody saved a job."""
        if self._loop is not None:
            self._loop.wakeup()

    def _tick(self) -> None:
        self.last_tick = self._clock.now()


class _Loop(BackgroundScheduler):  # type: ignore[misc]
    """APScheduler's loop, whose thread survives whatever a wake-up raises."""

    @property
    def alive(self) -> bool:
        thread = self._thread
        return self.state == STATE_RUNNING and thread is not None and thread.is_alive()

    def _process_jobs(self) -> float | None:
        try:
            wait: float | None = super()._process_jobs()
        except Exception:
            log.exception("scheduler.loop_failed")
            return POLL.total_seconds()
        return wait

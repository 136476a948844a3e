"""What has to be done again and again beside the schedule, each at a pace of its own."""

import logging
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime

from apscheduler.executors.pool import ThreadPoolExecutor
from apscheduler.schedulers.background import BackgroundScheduler
from apscheduler.triggers.interval import IntervalTrigger

from jupyter_orch.domain.errors import Unavailable

log = logging.getLogger(__name__)
_EXECUTOR = "chores"


@dataclass(frozen=True, kw_only=True)
class Chore:
    """One thing to do; safe to do anywhere, at any time, by several processes at once."""

    name: str
    #: Seconds from one beginning to the next; one that takes longer is not begun a second time.
    every_seconds: float
    do: Callable[[], object]


class Chores:
    """Does chores in threads, so that a slow one keeps nobody waiting, least of all the timer."""

    def __init__(self, chores: Sequence[Chore]) -> None:
        self._chores = tuple(chores)
        self._loop: BackgroundScheduler | None = None

    def start(self) -> None:
        """Begins; each chore is done at once, and then at its pace."""
        if self._loop is not None:
            return
        # They would say each time that a chore begins and ends, or that one is still going on.
        quiet = log.getChild("loop")
        for logger in (quiet, logging.getLogger(f"apscheduler.executors.{_EXECUTOR}")):
            logger.setLevel(logging.ERROR)
        loop = BackgroundScheduler(timezone=UTC, daemon=True, logger=quiet)
        loop.add_executor(ThreadPoolExecutor(max(1, len(self._chores))), _EXECUTOR)
        for chore in self._chores:
            loop.add_job(
                _guarded,
                IntervalTrigger(seconds=chore.every_seconds, timezone=UTC),
                args=(chore,),
                executor=_EXECUTOR,
                next_run_time=datetime.now(UTC),
                coalesce=True,
                max_instances=1,
                misfire_grace_time=None,
            )
        loop.start()
        self._loop = loop

    def stop(self) -> None:
        """Begins no chore any more and waits for those under way."""
        loop, self._loop = self._loop, None
        if loop is not None:
            loop.shutdown()


def _guarded(chore: Chore) -> None:
    """A chore that fails is logged; the next time it may succeed."""
    try:
        chore.do()
    except Unavailable as error:
        log.warning("chore.postponed", extra={"chore": chore.name, "error": str(error)})
    except Exception:
        log.exception("chore.failed", extra={"chore": chore.name})

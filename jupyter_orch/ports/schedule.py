"""What the timer claims and writes."""

from collections.abc import Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass
from datetime import datetime
from typing import Protocol

from jupyter_orch.domain.ids import JobId
from jupyter_orch.domain.model import Job, Run, Trigger


@dataclass(frozen=True, kw_only=True)
class DueTrigger:
    """A trigger whose due instant has come, claimed by the wake-up that reads it."""

    job: Job
    trigger: Trigger
    due: datetime
    #: The due instant before this one, where the data interval starts; absent before the first.
    last_due: datetime | None = None


class WakeUp(Protocol):
    """One transaction of the scheduler: claim, insert runs, advance, commit."""

    due: tuple[DueTrigger, ...]
    #: The database's clock when the triggers were claimed.
    now: datetime

    def insert(self, runs: Sequence[Run]) -> None:
        """Adds runs and skipped rows; a (job_id, run_key) that exists is left alone."""
        ...

    def advance(
        self,
        job_id: JobId,
        trigger_id: str,
        next_due: datetime | None,
        *,
        last_due: datetime | None,
    ) -> None:
        """Moves the trigger on; `last_due` is the last instant that got a row."""
        ...

    def disable(self, job_id: JobId, error: str) -> None:
        """A trigger raised: this job alone stops, with the reason shown."""
        ...

    def has_active_run(self, job_id: JobId) -> bool: ...

    def supersede(self, job_id: JobId, *, running: bool) -> int:
        """Ends the job's queued runs by schedule as skipped, for the sake of a newer one.

        With `running` the ones under way are asked to stop, too. Answers how many there were.
        """
        ...


class ScheduleStore(Protocol):
    """What the timer needs from the database."""

    def wake_up(self, *, limit: int) -> AbstractContextManager[WakeUp]:
        """Claims due triggers of jobs that are neither paused nor broken.

        Leaving the block commits, an exception rolls all of it back.
        """
        ...

    def next_due(self) -> datetime | None:
        """The earliest due instant of all."""
        ...

"""APScheduler's two ends over our database: what is due, and what becomes of it.

APScheduler stays the timer loop. One of its wake-ups calls, in one thread and in this order,
`get_due_jobs`, for each job `submit_job` and `update_job`, then `get_next_run_time`. The first
opens one transaction of the database, the last one commits it. APScheduler swallows what
`submit_job` raises and advances all the same, so an error there spoils the whole wake-up: it is
rolled back, and the next one stops the job that was at fault.
"""

import logging
import time
from collections.abc import Callable, Hashable
from contextlib import AbstractContextManager
from datetime import UTC, datetime, timedelta
from typing import Any

from apscheduler.executors.base import BaseExecutor
from apscheduler.job import Job as TimerJob
from apscheduler.jobstores.base import BaseJobStore
from apscheduler.triggers.base import BaseTrigger

from jupyter_orch.domain.errors import Unavailable
from jupyter_orch.domain.ids import JobId
from jupyter_orch.domain.model import Job
from jupyter_orch.domain.schedule_build import due_fields
from jupyter_orch.domain.schedule_plan import Plan, plan_due
from jupyter_orch.ports import DueTrigger, ScheduleStore, WakeUp
from jupyter_orch.scheduler.enqueue import Freeze, SchemaOf, enqueue, takes_anything

log = logging.getLogger(__name__)
#: Longest time between two looks at the database: another process may have saved a job.
POLL = timedelta(seconds=1)
#: Wait while another process holds what is due, so that the loop never spins.
_BUSY = timedelta(seconds=0.02)
#: Most due triggers in one transaction.
BATCH = 500
#: Seconds that a wake-up should take at most; the database ends one that is idle for too long, and
#: until it ends others wait for what it holds.
LONG = 1.0
#: Seconds for which jobs that are due together share a look at their notebook.
BURST = 5.0


class _Ahead(BaseTrigger):  # type: ignore[misc]
    """Says "later": the plan knows the next due instant, APScheduler must only not ask twice."""

    def get_next_fire_time(self, _previous: datetime | None, now: datetime) -> datetime:
        return now + POLL


class _DueJob(TimerJob):  # type: ignore[misc]
    """One due trigger in APScheduler's clothes, with the plan for it."""

    def __init__(
        self, owner: "ClaimingJobStore", due: DueTrigger, plan: Plan, now: datetime
    ) -> None:
        # Not APScheduler's own __init__: it insists on a function to call.
        self._scheduler = owner._scheduler  # noqa: SLF001
        self._jobstore_alias = owner._alias  # noqa: SLF001
        self.id = self.name = f"{due.job.id}:{due.trigger.id}"
        self.func = self.func_ref = None
        self.args = self.kwargs = None
        self.executor = "default"
        self.coalesce, self.misfire_grace_time, self.max_instances = False, None, 1
        self.trigger = _Ahead()
        self.next_run_time = min(due.due, now)
        self.due = due
        self.plan = plan


class ClaimingJobStore(BaseJobStore):  # type: ignore[misc]
    """Gives APScheduler the due triggers that this process has claimed.

    Args:
        store: The database.
        ticked: Called after each wake-up that the database has committed.
        fired: Called after each one of them that something was due in.
    """

    def __init__(
        self,
        store: ScheduleStore,
        ticked: Callable[[], None],
        fired: Callable[[], None] = lambda: None,
    ) -> None:
        super().__init__()
        self._store = store
        self._ticked = ticked
        self._fired = fired
        self._open: AbstractContextManager[WakeUp] | None = None
        self._faults: dict[JobId, Exception] = {}
        self._fault: Exception | None = None
        self._limit = BATCH
        self._taken = 0
        self._full = False
        self._closed = False
        self._began = self._burst_began = 0.0  # on the monotonic clock
        #: How far this host's clock is ahead of the database's.
        self._ahead = timedelta()
        self.wake: WakeUp | None = None
        #: Hashes of the notebooks that were frozen for what is due now.
        self.frozen: dict[Hashable, str] = {}

    def get_due_jobs(self, now: datetime) -> list[_DueJob]:
        """Opens the transaction and claims."""
        self._fault = None
        if self._closed:
            return []
        self._begin()
        try:
            opened = self._store.wake_up(limit=self._limit)
            self.wake = opened.__enter__()
            self._open = opened
            self._ahead = datetime.now(UTC) - self.wake.now
            self._taken = len(self.wake.due)
            self._full = self._taken == self._limit
            return self._plan_all(self.wake, now)
        except Exception as error:  # noqa: BLE001 - the timer's thread never dies
            self._spoil(error)
            return []

    def _begin(self) -> None:
        self._began, self._taken = time.monotonic(), 0
        if not self._full or self._began - self._burst_began > BURST:
            self._burst_began = self._began
            self.frozen.clear()

    def _pace(self) -> None:
        """Takes less at a time while that takes long: slow disks must not stop the schedule."""
        if time.monotonic() - self._began <= LONG:
            self._limit = min(BATCH, self._limit * 2)
        elif self._taken:  # half of that, not of what it might have been: one step has to help
            self._limit = max(1, self._taken // 2)

    def _plan_all(self, wake: WakeUp, now: datetime) -> list[_DueJob]:
        jobs = []
        plans: dict[Hashable, Plan] = {}
        for due in wake.due:
            fault = self._faults.pop(due.job.id, None)
            if fault is not None:
                _disable(wake, due, fault)
                continue
            try:
                plan = _plan(due, wake.now, plans)
            except Exception as error:  # noqa: BLE001 - a poisoned trigger hurts its own job only
                _disable(wake, due, error)
            else:
                jobs.append(_DueJob(self, due, plan, now))
        return jobs

    def update_job(self, job: _DueJob) -> None:
        """Moves the trigger on, in the same transaction."""
        if self.wake is None or self._fault is not None:
            return
        try:
            due = job.due
            self.wake.advance(
                due.job.id, due.trigger.id, job.plan.next_due, last_due=job.plan.last_due
            )
        except Exception as error:  # noqa: BLE001 - the timer's thread never dies
            self.at_fault(job, error)

    def at_fault(self, job: _DueJob, error: Exception) -> None:
        """A job could not be enqueued: nothing of this wake-up counts, and the next one stops it.

        A database that cannot be reached is nobody's fault: everything is tried again.
        """
        if not isinstance(error, Unavailable):
            self._faults[job.due.job.id] = error
        self._fault = self._fault or error

    @property
    def spoiled(self) -> bool:
        """Whether this wake-up will be rolled back."""
        return self._fault is not None

    def get_next_run_time(self) -> datetime | None:
        """Commits, and says when to look again."""
        now = datetime.now(UTC)
        if self._closed:
            return None
        self._pace()
        try:
            if self._fault is not None:
                self._spoil(self._fault)
                return now + POLL
            self._commit()
            following = self._store.next_due()
            self._ticked()
        except Exception as error:  # noqa: BLE001 - the timer's thread never dies
            self._spoil(error)
            return now + POLL
        if self._full:
            return now
        if following is None:
            return now + POLL
        return min(max(following + self._ahead, now + _BUSY), now + POLL)

    def _commit(self) -> None:
        opened, wake = self._open, self.wake
        self._open = self.wake = None
        if opened is not None:
            opened.__exit__(None, None, None)
        if wake is not None and wake.due:
            self._fired()

    def _spoil(self, error: Exception) -> None:
        opened, self._open, self.wake = self._open, None, None
        self._fault = error
        log.error("scheduler.wake_up_failed", exc_info=error)
        if opened is not None:
            try:
                opened.__exit__(type(error), error, error.__traceback__)
            except Exception:
                log.exception("scheduler.roll_back_failed")

    def shutdown(self) -> None:
        """Claims nothing any more."""
        self._closed = True

    # Jobs live in our tables: APScheduler neither lists nor changes them.

    def lookup_job(self, _job_id: str) -> None:
        """APScheduler knows no job by name."""

    def get_all_jobs(self) -> list[Any]:
        """APScheduler lists no jobs."""
        return []

    def add_job(self, _job: Any) -> None:
        """Jobs are saved through the service."""
        raise NotImplementedError

    def remove_job(self, _job_id: str) -> None:
        """Jobs are deleted through the service."""
        raise NotImplementedError

    def remove_all_jobs(self) -> None:
        """Jobs are deleted through the service."""
        raise NotImplementedError


def _plan(due: DueTrigger, now: datetime, known: dict[Hashable, Plan]) -> Plan:
    """The plan for a trigger; many that are due at once have the same times and the same plan."""
    policies = due.job.spec.policies
    key = (due_fields(due.trigger), due.due, due.last_due, policies)
    if key not in known:
        known[key] = plan_due(due.trigger, due.due, now, policies, last_due=due.last_due)
    return known[key]


def _disable(wake: WakeUp, due: DueTrigger, error: Exception) -> None:
    log.error("scheduler.job_disabled", extra={"job_id": due.job.id}, exc_info=error)
    what = str(error).rstrip(".") or type(error).__name__
    wake.disable(due.job.id, f"The trigger {due.trigger.id!r} raised: {what}.")


class EnqueueExecutor(BaseExecutor):  # type: ignore[misc]
    """Runs nothing: a due trigger becomes rows in the transaction of the wake-up."""

    def __init__(
        self, store: ClaimingJobStore, freeze: Freeze, schema_of: SchemaOf = takes_anything
    ) -> None:
        super().__init__()
        self._store = store
        self._freeze = freeze
        self._schema_of = schema_of

    def submit_job(self, job: _DueJob, _run_times: list[datetime]) -> None:
        """Inserts the rows; there are no instances to count."""
        if self._store.wake is None or self._store.spoiled:
            return
        try:
            enqueue(self._store.wake, job.due, job.plan, self._freeze_once, self._schema_of)
        except Exception as error:  # noqa: BLE001 - the wake-up is rolled back by the store
            self._store.at_fault(job, error)

    def _freeze_once(self, job: Job) -> str:
        """The notebook's hash; those who are due together read it once."""
        known, notebook = self._store.frozen, (job.spec.notebook, job.notebook_sha256)
        if notebook not in known:
            known[notebook] = self._freeze(job)
        return known[notebook]

    def _do_submit_job(self, job: Any, run_times: list[datetime]) -> None:
        raise NotImplementedError

"""The words of the product as immutable values. All times are aware and in UTC."""

from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, Generic, Literal, TypeVar

from jupyter_orch.domain.ids import BackfillId, JobId, RunId, TeamId
from jupyter_orch.domain.live import Usual
from jupyter_orch.domain.states import FailureClass, Reason, RunState

#: A JSON value. Parameters are JSON on every road; a date travels as its ISO string.
Json = Any
CatchUp = Literal["none", "latest", "all"]
Overlap = Literal["queue", "skip", "cancel_running", "parallel", "latest_only"]
T = TypeVar("T")
RunKind = Literal["schedule", "backfill", "manual", "rerun", "adhoc"]
Source = Literal["tracking", "pinned"]
TriggerKind = Literal["cron", "interval", "calendar", "once"]
CalendarUnit = Literal["day", "week", "month", "year"]
Weekday = Literal["mon", "tue", "wed", "thu", "fri", "sat", "sun"]
NoticeKind = Literal["failed", "recovered", "late"]
BackfillState = Literal["running", "succeeded", "failed", "cancelled"]
#: Which intervals a backfill runs: those without a succeeded run (`missing` never ran at all,
#: `failed` ran and did not succeed), or every one.
BackfillOnly = Literal["missing", "missing_or_failed", "all"]
#: What a listing of jobs may be limited to. Failing: the run that ended last failed, skipped ones
#: apart. Running: a run has not ended.
JobListState = Literal["failing", "running"]


@dataclass(frozen=True, kw_only=True)
class Actor:
    """Who asks, in whose name. Rights are checked in the service only."""

    user: str
    team: TeamId


@dataclass(frozen=True, kw_only=True)
class Trigger:
    """What makes a job run at given times."""

    #: Unique in its job and stable over edits: part of the run key.
    id: str
    kind: TriggerKind
    #: IANA name; cron fields, calendar times and excluded days are read in it.
    time_zone: str = "UTC"
    #: Five fields or an alias such as `@daily`; for kind `cron`.
    cron: str | None = None
    #: Distance of two due instants in seconds, at least 1; for kind `interval`.
    every_seconds: int | None = None
    #: One due instant of an interval, or the first one of a calendar interval, whose time of day
    #: and day of month it gives; the time of saving when absent.
    anchor: datetime | None = None
    #: Distance of two due days in `calendar_unit`s, at least 1; for kind `calendar`.
    calendar_every: int | None = None
    calendar_unit: CalendarUnit | None = None
    #: The due instant; for kind `once`.
    at: datetime | None = None
    #: No due instant lies before this one.
    start: datetime | None = None
    #: No due instant lies after this one.
    end: datetime | None = None
    #: The run begins up to so many seconds after it is due, always as late for the same job and
    #: trigger: it spreads what is due at the top of the hour. Moves `not_before` alone.
    jitter_seconds: int = 0
    #: Days on which nothing is due, as ISO dates in the trigger's zone.
    exclude_dates: tuple[str, ...] = ()
    #: Days of the week on which nothing is due.
    exclude_weekdays: tuple[Weekday, ...] = ()
    #: Values that win over the job's for runs of this trigger.
    parameters: dict[str, Json] = field(default_factory=dict)


@dataclass(frozen=True, kw_only=True)
class Policies:
    """How a job behaves when things do not go smoothly."""

    #: Further attempts after the first one failed.
    retries: int = 0
    #: Wait before the second attempt, in seconds.
    retry_delay_seconds: float = 10.0
    #: By how much the wait grows with each further attempt.
    retry_backoff: float = 2.0
    #: Longest wait before an attempt, in seconds.
    retry_max_delay_seconds: float = 3600.0
    #: Failures that are worth another attempt.
    retry_on: tuple[FailureClass, ...] = ("user_error", "timeout", "lost_worker", "platform")
    #: Longest duration of one attempt, in seconds; absent: no limit.
    timeout_seconds: float | None = None
    #: Longest duration of one cell, in seconds; absent: no limit.
    cell_timeout_seconds: float | None = None
    #: Longest wait for a worker, in seconds from when the run may begin; absent: no limit.
    queue_timeout_seconds: float | None = None
    #: What becomes of due instants that passed while nobody was there to fire them.
    catch_up: CatchUp = "latest"
    #: Most runs that `all` makes of a backlog; older instants become one skipped row.
    max_catch_up: int = 100
    #: Due instants that are older than this when they are found are not caught up with, in
    #: seconds; absent: no limit.
    max_staleness_seconds: float | None = None
    #: What a due run does while another run of the job has not ended.
    overlap: Overlap = "queue"
    #: Most runs of the job at a time, for `parallel`; absent: no limit.
    max_parallel: int | None = None
    #: The pool whose slots limit how many runs go on at a time.
    pool: str = "default"
    #: Higher ones are taken from the queue first.
    priority: int = 0
    #: A run that has not started so many seconds after it was due is late; absent: never.
    late_after_seconds: float | None = None


@dataclass(frozen=True, kw_only=True)
class Notification:
    """Who is told what about a job's runs."""

    on: tuple[NoticeKind, ...] = ("failed", "recovered", "late")
    #: Addresses.
    email: tuple[str, ...] = ()
    #: Names of channels in the settings (`notify.channels.<name>`): their URLs are secrets.
    channels: tuple[str, ...] = ()


@dataclass(frozen=True, kw_only=True)
class JobSpec:
    """What a person saves: each save makes an immutable job version of it."""

    name: str
    #: Absolute path of the notebook, inside one of the roots.
    notebook: str
    source: Source = "tracking"
    #: Kernelspec name; absent: the one that the notebook names.
    kernel: str | None = None
    parameters: dict[str, Json] = field(default_factory=dict)
    triggers: tuple[Trigger, ...] = ()
    policies: Policies = field(default_factory=Policies)
    notifications: tuple[Notification, ...] = ()
    description: str = ""


@dataclass(frozen=True, kw_only=True)
class Job:
    """A notebook with parameters, triggers and policies."""

    id: JobId
    team: TeamId
    #: Number of the job version; also the entity tag that guards against lost updates.
    version: int
    spec: JobSpec
    paused: bool = False
    #: Set when a trigger raised: this job alone stops firing until it is saved again.
    error: str | None = None
    #: Content hash of the notebook for source `pinned`.
    notebook_sha256: str | None = None
    created_by: str
    created_at: datetime
    updated_at: datetime


@dataclass(frozen=True, kw_only=True)
class RunError:
    """What a person needs to understand a failure."""

    #: Exception class, or the reason's name when no exception was raised.
    name: str
    message: str
    #: Position of the cell in the executed notebook, from 0.
    cell_index: int | None = None
    #: Without terminal colours.
    traceback: str = ""
    #: The cell's source as far as it is kept; empty without a cell.
    cell_source: str = ""


@dataclass(frozen=True, kw_only=True)
class Run:
    """One intended execution."""

    id: RunId
    team: TeamId
    #: Absent for an ad-hoc run of a notebook that no job knows.
    job_id: JobId | None
    #: The job's name when the run was created, or the notebook's stem.
    job_name: str
    job_version: int | None
    #: Identity inside the job, e.g. `schedule:daily:2026-11-01T06:00:00Z`.
    run_key: str
    kind: RunKind
    #: The trigger that the run's data interval belongs to; absent when there is none.
    trigger_id: str | None = None
    #: The backfill that the run is part of.
    backfill_id: BackfillId | None = None
    state: RunState
    #: Why it is in this state; of a run that goes on, why somebody else than a person wants it to
    #: end.
    reason: Reason | None = None
    error: RunError | None = None
    #: The due instant; for a run by hand, the time of asking.
    logical_time: datetime
    interval_start: datetime | None = None
    interval_end: datetime | None = None
    not_before: datetime
    parameters: dict[str, Json]
    notebook: str
    #: The very bytes that every attempt executes.
    notebook_sha256: str
    kernel: str | None = None
    policies: Policies
    #: Number of the attempt that holds or held the run; 0 before the first claim. The fence.
    attempt: int = 0
    #: Attempts that cost no retry: those that a stopping worker handed back, and the first one
    #: whose worker was lost.
    free_attempts: int = 0
    cells_done: int = 0
    cells_total: int = 0
    #: For state `skipped`: how many due instants this row stands for, and their span.
    skipped_count: int = 0
    skipped_first: datetime | None = None
    skipped_last: datetime | None = None
    #: The run that this one repeats.
    rerun_of: RunId | None = None
    cancel_requested: bool = False
    #: Kept by retention until it is let go.
    pinned: bool = False
    created_by: str
    created_at: datetime
    started_at: datetime | None = None
    ended_at: datetime | None = None


@dataclass(frozen=True, kw_only=True)
class Attempt:
    """One try of a run."""

    run_id: RunId
    number: int
    worker: str
    started_at: datetime
    ended_at: datetime | None = None
    #: State that the attempt ended in: succeeded, failed or cancelled; absent while it goes on.
    state: RunState | None = None
    reason: Reason | None = None
    error: RunError | None = None


@dataclass(frozen=True, kw_only=True)
class JobSummary:
    """A line of the list of jobs."""

    job: Job
    #: The run that ended last, skipped ones apart.
    last_run: Run | None
    #: The run that goes on, else the one that is first in the queue.
    active_run: Run | None
    #: Next due instant over all triggers; absent when paused, broken or without triggers.
    next_due: datetime | None
    #: How long its runs take, while one goes on; absent without history.
    usual: Usual | None = None


@dataclass(frozen=True, kw_only=True)
class Page(Generic[T]):
    """One page of a listing; `next_cursor` asks for the following one."""

    items: tuple[T, ...]
    next_cursor: str | None = None


@dataclass(frozen=True, kw_only=True)
class Change:
    """Something changed; never the data itself, so that nobody sees more than they may."""

    cursor: int
    kind: Literal["job", "run", "table", "backfill", "pool", "service"]
    key: str


@dataclass(frozen=True, kw_only=True)
class Backfill:
    """Runs of past data intervals of one trigger, made a few at a time."""

    id: BackfillId
    team: TeamId
    job_id: JobId
    job_name: str
    job_version: int
    trigger: Trigger
    #: Due instants from `first` to `last`, both included.
    first: datetime
    last: datetime
    only: BackfillOnly = "missing_or_failed"
    #: Latest interval first.
    newest_first: bool = False
    #: Most of its runs at a time.
    concurrency: int = 1
    priority: int = -10
    #: Values that win over those of job and trigger.
    parameters: dict[str, Json] = field(default_factory=dict)
    #: The notebook that every run executes; absent: as the job has it when the run is made.
    notebook_sha256: str | None = None
    state: BackfillState = "running"
    #: Why it cannot go on; for state `failed`, when it is not for the sake of its runs.
    error: str | None = None
    #: Runs that the plan foresaw.
    planned: int
    #: The last due instant that got its run, or was found done; absent before the first.
    cursor: datetime | None = None
    #: Runs made so far, by state; those that retention has removed among them.
    counts: dict[str, int] = field(default_factory=dict)
    created_by: str
    created_at: datetime
    ended_at: datetime | None = None


@dataclass(frozen=True, kw_only=True)
class Pool:
    """Named slots that limit how many runs go on at a time, over all workers."""

    name: str
    #: Runs at a time; absent: no limit.
    slots: int | None
    #: Runs that hold a slot now.
    used: int = 0
    #: Runs that wait for one.
    queued: int = 0

    @property
    def tag(self) -> str:
        """What a person saw who changes the limit: guards against lost updates."""
        return "none" if self.slots is None else str(self.slots)


@dataclass(frozen=True, kw_only=True)
class Notice:
    """Something that a person has to be told: an entry of the outbox."""

    id: int
    team: TeamId
    kind: NoticeKind
    job_id: JobId | None
    job_name: str
    run_id: RunId
    #: `email:<address>` or `channel:<name>`.
    target: str
    #: What the message is made of: state, reason, error, fingerprint, logical time, attempt. No
    #: secrets.
    facts: dict[str, Json]
    created_at: datetime
    #: Tries to send it so far.
    tries: int = 0

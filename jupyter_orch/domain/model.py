"""The words of the product as immutable values. All times are aware and in UTC."""

from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, Generic, Literal, TypeVar

from jupyter_orch.domain.ids import JobId, RunId, TeamId
from jupyter_orch.domain.states import Reason, RunState

#: A JSON value. Parameters are JSON on every road; a date travels as its ISO string.
Json = Any
CatchUp = Literal["none", "latest", "all"]
Overlap = Literal["queue", "skip", "parallel"]
T = TypeVar("T")
RunKind = Literal["schedule", "manual", "rerun", "adhoc"]
Source = Literal["tracking", "pinned"]
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
    kind: Literal["cron", "interval"]
    #: IANA name; cron fields are read in it.
    time_zone: str = "UTC"
    #: Five fields or an alias such as `@daily`; for kind `cron`.
    cron: str | None = None
    #: Distance of two due instants in seconds, at least 1; for kind `interval`.
    every_seconds: int | None = None
    #: One due instant of an interval; the time of saving when absent.
    anchor: datetime | None = None
    #: Values that win over the job's for runs of this trigger.
    parameters: dict[str, Json] = field(default_factory=dict)


@dataclass(frozen=True, kw_only=True)
class Policies:
    """How a job behaves when things do not go smoothly."""

    #: Further attempts after the first one failed.
    retries: int = 0
    #: Wait before the next attempt, in seconds.
    retry_delay_seconds: float = 10.0
    #: Longest duration of one attempt, in seconds; absent: no limit.
    timeout_seconds: float | None = None
    #: Longest duration of one cell, in seconds; absent: no limit.
    cell_timeout_seconds: float | None = None
    #: What becomes of due instants that passed while nobody was there to fire them.
    catch_up: CatchUp = "latest"
    #: Most runs that `all` makes of a backlog; older instants become one skipped row.
    max_catch_up: int = 100
    #: What a due run does while another run of the job has not ended.
    overlap: Overlap = "queue"


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
    state: RunState
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
    cells_done: int = 0
    cells_total: int = 0
    #: For state `skipped`: how many due instants this row stands for, and their span.
    skipped_count: int = 0
    skipped_first: datetime | None = None
    skipped_last: datetime | None = None
    #: The run that this one repeats.
    rerun_of: RunId | None = None
    cancel_requested: bool = False
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


@dataclass(frozen=True, kw_only=True)
class Page(Generic[T]):
    """One page of a listing; `next_cursor` asks for the following one."""

    items: tuple[T, ...]
    next_cursor: str | None = None


@dataclass(frozen=True, kw_only=True)
class Change:
    """Something changed; never the data itself, so that nobody sees more than they may."""

    cursor: int
    kind: Literal["job", "run", "table", "service"]
    key: str

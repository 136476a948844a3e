"""Failures of many runs: what equal ones have in common."""

from dataclasses import dataclass
from datetime import datetime

from jupyter_orch.domain.frames import Frame
from jupyter_orch.domain.ids import JobId, RunId
from jupyter_orch.domain.states import Reason

#: So many of a job's last runs are looked at for how often it fails in the same way.
LAST_RUNS = 20
#: So many jobs of a group are named.
MOST_NAMED = 10


@dataclass(frozen=True, kw_only=True)
class Success:
    """A run that went well."""

    run_id: RunId
    ended_at: datetime


@dataclass(frozen=True, kw_only=True)
class FailureHistory:
    """How often a job failed in one way."""

    fingerprint: str
    #: Failed runs with this fingerprint, this one among them, also those that are not kept.
    count: int
    #: When the first of them ended.
    first_at: datetime
    #: How many of the job's last runs failed so, and how many these are: at most `LAST_RUNS`.
    recent_same: int
    recent: int
    #: The job's last success before this failure.
    last_success: Success | None = None


@dataclass(frozen=True, kw_only=True)
class Failure:
    """What helps with a failed run, beside its error."""

    #: The traceback in its parts.
    frames: tuple[Frame, ...] = ()
    #: The line of the failing cell that raised, from 1; absent when nothing says it.
    error_line: int | None = None
    #: Absent for a run of no job, and for one that earlier code ended.
    history: FailureHistory | None = None


@dataclass(frozen=True, kw_only=True)
class FailureGroup:
    """Equal failures of a team's runs."""

    fingerprint: str
    #: Those of the run that failed last.
    reason: Reason | None
    name: str
    message: str
    cell_index: int | None
    #: Failed runs since `first_at`, also those that are not kept.
    count: int
    #: Names, in order, of the up to `MOST_NAMED` jobs that failed so last; and how many there are.
    jobs: tuple[str, ...]
    job_count: int
    first_at: datetime
    last_at: datetime
    last_run_id: RunId
    last_job_id: JobId | None

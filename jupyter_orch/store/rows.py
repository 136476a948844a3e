"""Between rows and the domain's values."""

from datetime import UTC, datetime, timedelta
from functools import lru_cache
from typing import Any

import sqlalchemy as sa
from pydantic import TypeAdapter, ValidationError

from jupyter_orch.domain.fingerprint import fingerprint
from jupyter_orch.domain.ids import JobId, RunId, TeamId
from jupyter_orch.domain.model import Attempt, Change, Job, JobSpec, Policies, Run, RunError
from jupyter_orch.domain.outputs import StagedOutput, TableVersion
from jupyter_orch.domain.states import Reason, RunState
from jupyter_orch.ports import WorkerInfo

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_MICROSECOND = timedelta(microseconds=1)
_ADAPTERS: dict[type, TypeAdapter[Any]] = {
    kind: TypeAdapter(kind) for kind in (JobSpec, Policies, StagedOutput, TableVersion)
}
#: What the column `error` holds. Earlier code refuses an error with more than that.
_ERROR = ("name", "message", "cell_index", "traceback")

#: Columns of `run` that the domain has under the same name and type.
_PLAIN = (
    "job_name",
    "job_version",
    "run_key",
    "kind",
    "trigger_id",
    "backfill_id",
    "parameters",
    "notebook",
    "notebook_sha256",
    "kernel",
    "attempt",
    "free_attempts",
    "cells_done",
    "cells_total",
    "skipped_count",
    "cancel_requested",
    "pinned",
    "created_by",
)
_INSTANTS = (
    "logical_time",
    "interval_start",
    "interval_end",
    "not_before",
    "skipped_first",
    "skipped_last",
    "created_at",
    "started_at",
    "ended_at",
)


def micros(at: datetime) -> int:
    """Microseconds since 1970; exact, and refuses a time without a zone."""
    return (at - _EPOCH) // _MICROSECOND


def maybe_micros(at: datetime | None) -> int | None:
    """The same, for what may be absent."""
    return None if at is None else micros(at)


def instant(value: int) -> datetime:
    """The inverse of `micros`."""
    return _EPOCH + value * _MICROSECOND


def maybe_instant(value: int | None) -> datetime | None:
    """The same, for what may be absent."""
    return None if value is None else instant(value)


def to_json(value: Any) -> Any:
    """A domain value as what a JSON column takes; None stays None."""
    return None if value is None else _ADAPTERS[type(value)].dump_python(value, mode="json")


def job_from(row: sa.Row[Any]) -> Job:
    """A row of `job` joined with its current version."""
    return Job(
        id=JobId(row.id),
        team=TeamId(row.team_id),
        version=row.version,
        spec=_ADAPTERS[JobSpec].validate_python(row.spec),
        paused=row.paused,
        error=row.error,
        notebook_sha256=row.notebook_sha256,
        created_by=row.created_by,
        created_at=instant(row.created_at),
        updated_at=instant(row.updated_at),
    )


def job_or_broken(row: sa.Row[Any]) -> Job:
    """The same for a list: a job that this code cannot read shows its name and an error."""
    try:
        return job_from(row)
    except ValidationError:
        return Job(
            id=JobId(row.id),
            team=TeamId(row.team_id),
            version=row.version,
            spec=JobSpec(name=row.name, notebook=row.notebook),
            paused=row.paused,
            error="This version of jupyter_orch cannot read the job: a newer one has saved it.",
            created_by=row.created_by,
            created_at=instant(row.created_at),
            updated_at=instant(row.updated_at),
        )


def run_from(row: sa.Row[Any]) -> Run:
    """A row of `run`."""
    values: dict[str, Any] = dict(row._mapping)  # noqa: SLF001 - SQLAlchemy's public name for it
    instants: dict[str, Any] = {name: maybe_instant(values[name]) for name in _INSTANTS}
    return Run(
        id=RunId(row.id),
        team=TeamId(row.team_id),
        job_id=row.job_id and JobId(row.job_id),
        state=RunState(row.state),
        reason=row.reason and Reason(row.reason),
        error=error_from(row),
        policies=_ADAPTERS[Policies].validate_python(row.policies),
        rerun_of=row.rerun_of and RunId(row.rerun_of),
        **{name: values[name] for name in _PLAIN},
        **instants,
    )


def run_row(run: Run) -> dict[str, Any]:
    """What `run` stores of a run that nobody holds."""
    values = {name: getattr(run, name) for name in _PLAIN}
    instants = {name: maybe_micros(getattr(run, name)) for name in _INSTANTS}
    return {
        **values,
        **instants,
        "id": run.id,
        "team_id": run.team,
        "job_id": run.job_id,
        "job_name_key": run.job_name.casefold(),
        "state": run.state.value,
        "reason": run.reason and run.reason.value,
        **end_row(run.state, run.reason, run.error),
        "policies": _policies_row(run.policies),
        "overlap": run.policies.overlap,
        "max_parallel": run.policies.max_parallel,
        "pool": run.policies.pool,
        "priority": run.policies.priority,
        "queue_until": _after(run, run.policies.queue_timeout_seconds, start=run.not_before),
        "late_at": _after(run, run.policies.late_after_seconds, start=run.logical_time),
        "rerun_of": run.rerun_of,
    }


@lru_cache(maxsize=1024)
def _policies_row(policies: Policies) -> Any:
    """What is stored of policies; jobs without number have the same ones."""
    return to_json(policies)


def _after(run: Run, seconds: float | None, *, start: datetime) -> int | None:
    """So many seconds after `start`, for a run that waits."""
    if seconds is None or run.state is not RunState.QUEUED:
        return None
    return micros(start) + int(seconds * 1_000_000)


def error_json(error: RunError | None) -> dict[str, Any] | None:
    """What the column `error` holds."""
    return None if error is None else {name: getattr(error, name) for name in _ERROR}


def end_row(state: RunState, reason: Reason | None, error: RunError | None) -> dict[str, Any]:
    """What is stored of an error with the end that it stands for."""
    failed = error if state is RunState.FAILED else None
    return {
        "error": error_json(error),
        "cell_source": (error and error.cell_source) or None,
        "fingerprint": failed and fingerprint(reason, failed),
    }


def error_from(row: sa.Row[Any]) -> RunError | None:
    """The error of a run or an attempt; what only later code knows of it is left out."""
    if row.error is None:
        return None
    known = {name: row.error[name] for name in _ERROR if name in row.error}
    return RunError(**known, cell_source=row.cell_source or "")


def attempt_from(row: sa.Row[Any]) -> Attempt:
    """A row of `attempt`."""
    return Attempt(
        run_id=RunId(row.run_id),
        number=row.number,
        worker=row.worker,
        started_at=instant(row.started_at),
        ended_at=maybe_instant(row.ended_at),
        state=row.state and RunState(row.state),
        reason=row.reason and Reason(row.reason),
        error=error_from(row),
    )


def staged_from(value: Any) -> StagedOutput:
    """One output of a publish intent."""
    staged: StagedOutput = _ADAPTERS[StagedOutput].validate_python(value)
    return staged


def version_from(value: Any) -> TableVersion:
    """One published version."""
    version: TableVersion = _ADAPTERS[TableVersion].validate_python(value)
    return version


def worker_from(row: sa.Row[Any]) -> WorkerInfo:
    """A row of `worker`."""
    return WorkerInfo(
        name=row.name,
        host=row.host,
        pid=row.pid,
        slots=row.slots,
        busy=row.busy,
        last_seen=instant(row.last_seen),
    )


def change_from(row: sa.Row[Any]) -> Change:
    """A row of `change`."""
    return Change(cursor=row.id, kind=row.kind, key=row.key)

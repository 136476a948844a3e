"""The rows that a schedule makes: runs, and skipped rows that stand for spans of due instants."""

from dataclasses import replace
from datetime import datetime

from jupyter_orch.domain.ids import RunId, new_id
from jupyter_orch.domain.model import Backfill, Job, Run, RunError, Trigger
from jupyter_orch.domain.schedule_jitter import jitter
from jupyter_orch.domain.schedule_plan import Slot, Span
from jupyter_orch.domain.states import Reason, RunState


def scheduled_run(
    job: Job,
    trigger: Trigger,
    slot: Slot,
    *,
    notebook_sha256: str,
    now: datetime,
    failure: tuple[Reason, RunError] | None = None,
) -> Run:
    """The run of one due instant; with `failure` it has ended before it could begin."""
    reason, error = failure or (None, None)
    return Run(
        id=RunId(new_id()),
        team=job.team,
        job_id=job.id,
        job_name=job.spec.name,
        job_version=job.version,
        run_key=run_key(trigger, slot.at),
        kind="schedule",
        trigger_id=trigger.id,
        state=RunState.FAILED if failure else RunState.QUEUED,
        reason=reason,
        error=error,
        logical_time=slot.at,
        interval_start=slot.interval_start,
        interval_end=slot.at,
        not_before=slot.at + jitter(job.id, trigger.id, trigger.jitter_seconds),
        parameters={**job.spec.parameters, **trigger.parameters},
        notebook=job.spec.notebook,
        notebook_sha256=notebook_sha256,
        kernel=job.spec.kernel,
        policies=job.spec.policies,
        created_by=job.created_by,
        created_at=now,
        ended_at=now if failure else None,
    )


def backfill_run(
    job: Job, backfill: Backfill, slot: Slot, *, notebook_sha256: str, now: datetime
) -> Run:
    """The run of one past interval: it may begin now, and is never late."""
    trigger = backfill.trigger
    run = scheduled_run(job, trigger, slot, notebook_sha256=notebook_sha256, now=now)
    return replace(
        run,
        run_key=f"backfill:{backfill.id}:{trigger.id}:{_written(slot.at)}",
        kind="backfill",
        backfill_id=backfill.id,
        not_before=now,
        parameters={**run.parameters, **backfill.parameters},
        policies=replace(job.spec.policies, priority=backfill.priority, late_after_seconds=None),
        created_by=backfill.created_by,
    )


def skipped_run(job: Job, trigger: Trigger, span: Span, *, reason: Reason, now: datetime) -> Run:
    """The row of due instants that no run is made for; its identity is the last of them."""
    return Run(
        id=RunId(new_id()),
        team=job.team,
        job_id=job.id,
        job_name=job.spec.name,
        job_version=job.version,
        run_key=run_key(trigger, span.last),
        kind="schedule",
        trigger_id=trigger.id,
        state=RunState.SKIPPED,
        reason=reason,
        logical_time=span.last,
        not_before=span.last,
        parameters={**job.spec.parameters, **trigger.parameters},
        notebook=job.spec.notebook,
        notebook_sha256="",
        kernel=job.spec.kernel,
        policies=job.spec.policies,
        skipped_count=span.count,
        skipped_first=span.first,
        skipped_last=span.last,
        created_by=job.created_by,
        created_at=now,
        ended_at=now,
    )


def run_key(trigger: Trigger, at: datetime) -> str:
    """Identity of a due instant in its job, e.g. `schedule:daily:2026-11-01T06:00:00Z`."""
    return f"schedule:{trigger.id}:{_written(at)}"


def _written(at: datetime) -> str:
    return at.isoformat().replace("+00:00", "Z")

"""From a due trigger and its plan to rows: runs, and skipped rows with a reason."""

import logging
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from datetime import datetime
from typing import Any

from jupyter_orch.domain.errors import OrchError, Unavailable
from jupyter_orch.domain.ids import RunId, new_id
from jupyter_orch.domain.model import Job, Run, RunError, Trigger
from jupyter_orch.domain.run_values import need_rendering, with_values
from jupyter_orch.domain.schedule_plan import Plan, Slot, Span
from jupyter_orch.domain.schedule_runs import scheduled_run, skipped_run
from jupyter_orch.domain.states import Reason
from jupyter_orch.ports import DueTrigger, WakeUp

log = logging.getLogger(__name__)
#: Stores the notebook of a job and answers its sha256; raises when there is none to store.
Freeze = Callable[[Job], str]
Schema = Mapping[str, Any]
#: The JSON Schema of the parameters of a stored notebook, by its sha256.
SchemaOf = Callable[[str], Schema]


def takes_anything(_sha256: str) -> Schema:
    """The schema of a notebook of which nothing is known."""
    return {"type": "object", "properties": {}, "additionalProperties": True}


def enqueue(wake: WakeUp, due: DueTrigger, plan: Plan, freeze: Freeze, schema_of: SchemaOf) -> None:
    """Inserts what the plan and the policy for overlap lead to."""
    job, trigger = due.job, due.trigger
    rows: list[Run] = []
    schema: Schema | None = None
    if plan.skipped is not None:
        rows.append(skipped_run(job, trigger, plan.skipped, reason=Reason.CATCH_UP, now=wake.now))
    slots, overlapping, why = _share(wake, job, plan.slots)
    if slots:
        sha256, schema, failure = _frozen(job, trigger, freeze, schema_of)
        rows += [
            scheduled_run(job, trigger, slot, notebook_sha256=sha256, now=wake.now, failure=failure)
            for slot in slots
        ]
    if overlapping:
        span = Span(count=len(overlapping), first=overlapping[0].at, last=overlapping[-1].at)
        rows.append(skipped_run(job, trigger, span, reason=why, now=wake.now))
    rows = _in_order(rows)
    if schema is not None:
        rows = [with_values(row, schema, trigger.time_zone, now=wake.now) for row in rows]
    wake.insert(rows)


def _share(
    wake: WakeUp, job: Job, slots: Sequence[Slot]
) -> tuple[Sequence[Slot], Sequence[Slot], Reason]:
    """What runs, what is skipped for other runs of the job, and why."""
    overlap = job.spec.policies.overlap
    if slots and overlap == "skip":
        first = 0 if wake.has_active_run(job.id) else 1
        return slots[:first], slots[first:], Reason.OVERLAP
    if slots and overlap in {"cancel_running", "latest_only"}:
        wake.supersede(job.id, running=overlap == "cancel_running")
        return slots[-1:], slots[:-1], Reason.SUPERSEDED
    return slots, (), Reason.OVERLAP


def _frozen(
    job: Job, trigger: Trigger, freeze: Freeze, schema_of: SchemaOf
) -> tuple[str, Schema | None, tuple[Reason, RunError] | None]:
    """The notebook's hash and, if a value has to be rendered, its schema.

    Or why there is none: then the run fails and the schedule goes on.
    """
    try:
        sha256 = freeze(job)
        dynamic = need_rendering(job.spec.parameters, trigger.parameters)
        return sha256, schema_of(sha256) if dynamic else None, None
    except Unavailable as error:
        return "", None, _failure(Reason.PLATFORM_ERROR, error.message)
    except OrchError as error:
        return "", None, _failure(Reason.NOTEBOOK_MISSING, error.message)
    except Exception:
        log.exception("scheduler.freeze_failed", extra={"job_id": job.id})
        what = "The notebook could not be stored; the service's log says why."
        return "", None, _failure(Reason.PLATFORM_ERROR, what)


def _failure(reason: Reason, message: str) -> tuple[Reason, RunError]:
    return reason, RunError(name=reason.value, message=message)


def _in_order(rows: Sequence[Run]) -> list[Run]:
    """The rows with ids that sort as their due instants do, so that lists show them so."""
    if len(rows) == 1:
        return list(rows)
    ids = sorted(new_id() for _ in rows)
    by_time = sorted(rows, key=_logical_time)
    return [replace(row, id=RunId(new)) for row, new in zip(by_time, ids, strict=True)]


def _logical_time(row: Run) -> datetime:
    return row.logical_time

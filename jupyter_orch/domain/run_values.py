"""The values of a run: the expressions of its job replaced by what they mean for this run."""

from collections.abc import Mapping
from dataclasses import replace
from datetime import datetime
from typing import Any

from jupyter_orch.domain.errors import BadFields, BadInput
from jupyter_orch.domain.expressions import Context, has_expression, rendered
from jupyter_orch.domain.model import Json, Run, RunError
from jupyter_orch.domain.states import Reason, RunState


def need_rendering(*layers: Mapping[str, Json]) -> bool:
    """Whether one of the values may hold an expression; only then their schema has to be known."""
    return any(has_expression(value) for layer in layers for value in layer.values())


def context_of(run: Run, time_zone: str) -> Context:
    """What expressions stand for in this run; days and hours are those of the zone."""
    return Context(
        time_zone=time_zone,
        logical_time=run.logical_time,
        interval_start=run.interval_start,
        interval_end=run.interval_end,
        run_id=run.id,
        job=run.job_name,
    )


def with_values(run: Run, schema: Mapping[str, Any], time_zone: str, *, now: datetime) -> Run:
    """The run with its values rendered; one whose values cannot be has failed, and says why."""
    if run.state is not RunState.QUEUED:
        return run
    try:
        values = rendered(schema, run.parameters, context_of(run, time_zone))
    except BadFields as error:
        said = "\n".join(map(_sentence, error.errors))
        return replace(
            run,
            state=RunState.FAILED,
            reason=Reason.USER_ERROR,
            error=RunError(name=Reason.USER_ERROR.value, message=said),
            ended_at=now,
        )
    return replace(run, parameters=values)


def has_values_as_written(run: Run) -> bool:
    """Whether the run ended before its values were rendered, so that they may hold expressions."""
    return not run.notebook_sha256 or (run.attempt == 0 and run.reason is Reason.USER_ERROR)


def _sentence(error: BadInput) -> str:
    return " ".join(filter(None, (f"{error.field}: {error.message}", error.hint)))

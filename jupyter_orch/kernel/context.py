"""What a notebook can ask about the run that executes it, and for its secrets."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from jupyter_orch.domain.ids import RunId
from jupyter_orch.kernel.channel import Channel
from jupyter_orch.kernel.secrets import resolve


@dataclass(frozen=True, kw_only=True)
class RunContext:
    """The run that executes this notebook; false outside a run."""

    #: Absent outside a run.
    run_id: RunId | None = None
    attempt: int = 0
    #: Name of the job, or of the notebook when no job knows it.
    job: str | None = None
    #: The due instant, in UTC.
    logical_time: datetime | None = None
    #: The data interval `[interval_start, interval_end)`.
    interval_start: datetime | None = None
    interval_end: datetime | None = None
    #: Values given to the run; JSON, a date as its ISO string.
    parameters: Mapping[str, Any] = field(default_factory=dict)
    #: Where this attempt puts data files.
    staging_folder: str | None = None
    #: Until the run is stopped because it takes too long; absent without such a limit.
    seconds_left: float | None = None

    def __bool__(self) -> bool:
        return self.run_id is not None

    def __repr__(self) -> str:
        if not self:
            return "<jupyter_orch: not inside a run (this kernel was started by hand)>"
        due = f", due {self.logical_time.isoformat()}" if self.logical_time else ""
        return f"<jupyter_orch: run {self.run_id} of {self.job}, attempt {self.attempt}{due}>"


def context() -> RunContext:
    """The run that executes this notebook.

    Outside a run it is an empty `RunContext`, which is false and says so.

    Raises:
        Unavailable: The run's worker does not answer.
    """
    channel = Channel.from_environment()
    if channel is None:
        return RunContext()
    try:
        answer = channel.request({"do": "context"})
    finally:
        channel.close()
    moments = ("logical_time", "interval_start", "interval_end")
    return RunContext(
        run_id=RunId(answer["run_id"]),
        attempt=answer["attempt"],
        job=answer["job"],
        **{name: _moment(answer[name]) for name in moments},
        parameters=answer["parameters"],
        staging_folder=answer["staging_folder"],
        seconds_left=answer.get("seconds_left"),  # older workers do not say
    )


def secret(ref: str) -> str:
    """The value behind a reference: `group/name`, `env:VARIABLE` or `file:/path`.

    Inside a run the worker resolves it and masks the value in outputs, log and errors. A file is
    read with this kernel's own rights. Outside a run all of them are resolved here.

    Raises:
        NotFound: There is no such secret.
        Forbidden: The run may not read it.
    """
    channel = Channel.from_environment()
    if channel is None:
        return resolve(ref)
    try:
        if ref.startswith("file:"):
            value = resolve(ref)
            channel.request({"do": "mask", "value": value})
            return value
        return str(channel.request({"do": "secret", "ref": ref}))
    finally:
        channel.close()


def _moment(text: str | None) -> datetime | None:
    return datetime.fromisoformat(text) if text else None

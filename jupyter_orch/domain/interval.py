"""The data interval that a run by hand takes: the last complete one of a trigger."""

from dataclasses import dataclass
from datetime import datetime

from jupyter_orch.domain.model import Json, Trigger
from jupyter_orch.domain.schedule import interval_start, previous_fire
from jupyter_orch.domain.schedule_clock import INSTANT


@dataclass(frozen=True, kw_only=True)
class JobInterval:
    """What a run by hand would take."""

    #: Id of the trigger whose interval, time zone and values are taken; absent without any.
    trigger: str | None
    #: IANA name of the zone that expressions are read in.
    time_zone: str
    #: The data interval `[interval_start, interval_end)`; both are absent when there is none.
    interval_start: datetime | None
    interval_end: datetime | None
    #: Values of job and trigger as the run would get them; what it cannot get, as it is written.
    parameters: dict[str, Json]


def last_complete(trigger: Trigger, now: datetime) -> tuple[datetime, datetime] | None:
    """Start and end of the interval that ended last, at `now` at the latest.

    None when there is no such interval: the trigger was never due, or is due only once.
    """
    end = previous_fire(trigger, now + INSTANT)
    start = end and interval_start(trigger, end)
    return (start, end) if start and end else None

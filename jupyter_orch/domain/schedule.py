"""When a trigger fires. Every instant in and out is aware; what comes out is UTC."""

from dataclasses import dataclass
from datetime import UTC, datetime, time, timedelta
from itertools import islice
from zoneinfo import ZoneInfo

from jupyter_orch.domain.model import Trigger
from jupyter_orch.domain.schedule_build import anchored, due_fields, interval_start, timetable
from jupyter_orch.domain.schedule_clock import offset_of, zone_of
from jupyter_orch.domain.schedule_timetable import Timetable
from jupyter_orch.domain.schedule_validate import check_ahead, validate
from jupyter_orch.domain.schedule_words import describe

__all__ = [
    "Fire",
    "Timetable",
    "anchored",
    "check_ahead",
    "describe",
    "due_fields",
    "interval_start",
    "next_fire",
    "preview",
    "previous_fire",
    "timetable",
    "validate",
]


@dataclass(frozen=True, kw_only=True)
class Fire:
    """One due instant as people see it."""

    #: UTC.
    at: datetime
    #: In the trigger's zone: ISO 8601 with the offset.
    local: str
    #: Set on a day when clocks change.
    note: str | None


def next_fire(trigger: Trigger, after: datetime) -> datetime | None:
    """The first due instant later than `after`; None when there is none within 50 years."""
    return next(timetable(trigger, anchor=after).after(after.astimezone(UTC)), None)


def previous_fire(trigger: Trigger, before: datetime) -> datetime | None:
    """The last due instant earlier than `before`; None when there is none within 50 years."""
    return next(timetable(trigger, anchor=before).before(before.astimezone(UTC)), None)


def preview(trigger: Trigger, now: datetime, count: int) -> tuple[Fire, ...]:
    """The next `count` due instants, with a note on days when clocks change."""
    zone = zone_of(trigger.time_zone)
    fires = timetable(anchored(trigger, now), anchor=now).after(now.astimezone(UTC))
    return tuple(
        Fire(at=at, local=at.astimezone(zone).isoformat(), note=_note(at, zone))
        for at in islice(fires, count)
    )


def _note(at: datetime, zone: ZoneInfo) -> str | None:
    day = at.astimezone(zone).date()
    start = offset_of(datetime.combine(day, time(), tzinfo=zone))
    end = offset_of(datetime.combine(day + timedelta(days=1), time(), tzinfo=zone))
    if start == end:
        return None
    return "clocks go forward" if end > start else "clocks go back"

"""Spans of instants that one day of a time zone consists of.

A day is what the clock on the wall says: where clocks go back over midnight, a day ends, begins
again and ends once more. So a day may have several spans, and a span never has two days.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta
from zoneinfo import ZoneInfo

from jupyter_orch.domain.schedule_clock import INSTANT, next_change, offset_of, previous_change

_DAY = timedelta(days=1)


@dataclass(frozen=True)
class DaySpan:
    """The instants of [start, end): the clock shows `day` in all of them."""

    day: date
    start: datetime
    end: datetime


def spans_from(instant: datetime, zone: ZoneInfo) -> Iterator[DaySpan]:
    """Spans without a gap, the first one from `instant` on."""
    start = instant
    while True:
        offset = offset_of(start.astimezone(zone))
        change = next_change(zone, start)
        while start < change:
            day = (start + offset).date()
            end = min(change, _begin(day + _DAY, offset))
            yield DaySpan(day, start, end)
            start = end


def spans_back(instant: datetime, zone: ZoneInfo) -> Iterator[DaySpan]:
    """Spans without a gap, the first one up to `instant`, itself excluded."""
    end = instant
    while True:
        offset = offset_of((end - INSTANT).astimezone(zone))
        change = previous_change(zone, end)
        while end > change:
            day = (end - INSTANT + offset).date()
            start = max(change, _begin(day, offset))
            yield DaySpan(day, start, end)
            end = start


def _begin(day: date, offset: timedelta) -> datetime:
    return datetime.combine(day, time(), tzinfo=UTC) - offset

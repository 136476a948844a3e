"""Every so many days, weeks, months or years, at the anchor's time of day on the wall.

Each due instant is computed from the anchor, never from the one before: after a February the 31st
is the 31st again. The clock's changes are met as cron's fixed times are: a time that does not exist
becomes the first instant after the gap, of a time that comes twice it is the first one.
"""

import calendar
from collections.abc import Iterator
from datetime import date, datetime, timedelta
from itertools import count, takewhile
from zoneinfo import ZoneInfo

from jupyter_orch.domain.model import CalendarUnit
from jupyter_orch.domain.schedule_clock import INSTANT, earliest, wall_at

_DAYS: dict[CalendarUnit, int] = {"day": 1, "week": 7}
_MONTHS: dict[CalendarUnit, int] = {"month": 1, "year": 12}
_YEAR = 12  # months


class Calendar:
    """The due instants before and after the anchor."""

    def __init__(self, anchor: datetime, zone: ZoneInfo, every: int, unit: CalendarUnit) -> None:
        self._wall = wall_at(anchor, zone)
        self._zone = zone
        self._days = every * _DAYS.get(unit, 0)
        self._months = every * _MONTHS.get(unit, 0)

    def after(self, instant: datetime) -> Iterator[datetime]:
        """Due instants later than `instant`, without end."""
        latest = instant
        for step in count(self._step(instant)):
            due = self._due(step)
            if due > latest:  # a day that a zone left out is one instant with the next day
                yield due
                latest = due

    def before(self, instant: datetime) -> Iterator[datetime]:
        """Due instants earlier than `instant`, without end."""
        earliest_yet = instant
        for step in count(self._step(instant) + 3, -1):
            due = self._due(step)
            if due < earliest_yet:
                yield due
                earliest_yet = due

    def count(self, first: datetime, last: datetime) -> int:
        """One by one: there is at most one on a day."""
        return sum(1 for _ in takewhile(lambda due: due <= last, self.after(first - INSTANT)))

    def _step(self, instant: datetime) -> int:
        """A step whose due instant is not later than `instant`, and at most two before that."""
        wall = wall_at(instant, self._zone)
        if self._days:
            return (wall.date() - self._wall.date()).days // self._days - 1
        months = (wall.year - self._wall.year) * _YEAR + wall.month - self._wall.month
        return months // self._months - 1

    def _due(self, step: int) -> datetime:
        day = self._wall.date() + timedelta(days=step * self._days)
        if self._months:
            day = _month(self._wall.date(), step * self._months)
        return earliest(datetime.combine(day, self._wall.time()), self._zone)


def _month(day: date, months: int) -> date:
    """The same day so many months later, or that month's last day."""
    year, month = divmod(day.year * _YEAR + day.month - 1 + months, _YEAR)
    return date(year, month + 1, min(day.day, calendar.monthrange(year, month + 1)[1]))

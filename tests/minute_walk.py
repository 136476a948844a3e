"""Cron by walking the clock on the wall minute by minute: slow, and too plain to be wrong.

An oracle for the schedule. It shares no code with it, not even the reading of expressions. Debian
cron's rule, in three sentences: a job whose minute and hour do not begin with `*` runs at each
wall-clock time that it names, the first time that the clock shows it; a time that the clock jumps
over runs at the first instant after the jump; a job with `*` there runs at every instant at which
the clock shows a time that it names.
"""

import calendar
from collections.abc import Iterator
from datetime import UTC, date, datetime, timedelta
from zoneinfo import ZoneInfo

import numpy as np
from numpy.typing import NDArray

#: No walk is longer.
LONGEST = timedelta(days=400)
#: Clocks that go back show again what they showed before; never more than 24 hours of it.
_MEMORY = timedelta(hours=30)
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_MINUTE = timedelta(minutes=1)
_HOUR, _DAY = 60, 24 * 60  # minutes
_STRETCH = 10 * _DAY  # minutes that are walked at a time
_ALIASES = {
    "@yearly": "0 0 1 1 *", "@annually": "0 0 1 1 *", "@monthly": "0 0 1 * *",
    "@weekly": "0 0 * * 0", "@daily": "0 0 * * *", "@midnight": "0 0 * * *",
    "@hourly": "0 * * * *",
}  # fmt: skip
_MONTHS = [name.upper() for name in calendar.month_abbr]  # JAN is 1
_DAYS = ["SUN", "MON", "TUE", "WED", "THU", "FRI", "SAT"]
#: Minutes since the epoch, of UTC or of a clock on the wall.
Minutes = NDArray[np.int64]


class MinuteWalk:
    """What an expression promises in a zone. Instants in and out are UTC."""

    def __init__(self, expression: str, zone: str) -> None:
        words = _ALIASES.get(expression.lower(), expression).upper().split()
        minute, hour, self._dom, month, self._dow = words
        self._zone = ZoneInfo(zone)
        self._minutes = list(_numbers(minute, 0, 59))
        self._hours = list(_numbers(hour, 0, 23))
        self._months = _numbers(month, 1, 12, _MONTHS)
        self._fixed = minute[0] != "*" and hour[0] != "*"
        self._both = self._dom[0] == "*" or self._dow[0] == "*"
        self._known: dict[int, bool] = {}

    def fires(self, start: datetime, end: datetime) -> Iterator[datetime]:
        """Due instants from `start` to `end`, both included."""
        first = (start - _MEMORY - _EPOCH) // _MINUTE
        last = (end - _EPOCH) // _MINUTE
        highest = self._wall(first)  # the latest time that the clock has shown
        for begin in range(first + 1, last + 1, _STRETCH):
            stretch = np.arange(begin, min(begin + _STRETCH, last + 1))
            walls = self._walls(stretch)
            due = self._named(walls)
            if self._fixed:
                shown = np.maximum.accumulate(np.concatenate(([highest], walls)))
                highest, before = shown[-1], shown[:-1]
                due &= walls > before
                for jump in np.flatnonzero(walls > before + 1):
                    jumped = np.arange(before[jump] + 1, walls[jump] + 1)
                    due[jump] = self._named(jumped).any()
            for minute in stretch[due]:
                if (at := _EPOCH + int(minute) * _MINUTE) >= start:
                    yield at

    def _walls(self, minutes: Minutes) -> Minutes:
        """What the clock shows at each minute of UTC. It changes at most once in an hour."""
        walls = minutes.copy()
        ahead = self._ahead(minutes[0])
        for begin in range(0, len(minutes), _HOUR):
            hour = walls[begin : begin + _HOUR]
            before, ahead = ahead, self._ahead(hour[-1])
            hour += ahead if before == ahead else [self._ahead(minute) for minute in hour]
        return walls

    def _ahead(self, minute: int) -> int:
        return self._wall(minute) - minute

    def _wall(self, minute: int) -> int:
        local = (_EPOCH + int(minute) * _MINUTE).astimezone(self._zone)
        return (local.replace(tzinfo=UTC) - _EPOCH) // _MINUTE

    def _named(self, walls: Minutes) -> NDArray[np.bool_]:
        minutes = np.isin(walls % _HOUR, self._minutes)
        hours = np.isin(walls % _DAY // _HOUR, self._hours)
        days, which = np.unique(walls // _DAY, return_inverse=True)
        return minutes & hours & np.array([self._names_day(int(day)) for day in days])[which]

    def _names_day(self, number: int) -> bool:
        if number not in self._known:
            day = (_EPOCH + timedelta(days=number)).date()
            dom, dow = _is_day_of_month(day, self._dom), _is_day_of_week(day, self._dow)
            either = dom and dow if self._both else dom or dow
            self._known[number] = day.month in self._months and either
        return self._known[number]


def _is_day_of_month(day: date, field: str) -> bool:
    last = date(day.year, day.month, calendar.monthrange(day.year, day.month)[1])
    for term in field.split(","):
        if term == "L":
            named = day == last
        elif term == "LW":
            named = day == last - timedelta(days=max(0, last.weekday() - 4))  # Friday at the latest
        else:
            named = day.day in _numbers(term, 1, 31)
        if named:
            return True
    return False


def _is_day_of_week(day: date, field: str) -> bool:
    number = day.isoweekday() % 7  # Sunday is 0
    for term in field.split(","):
        name, _, nth = term.partition("#")
        if nth:
            named = number == _number(name, _DAYS) % 7 and (day.day - 1) // 7 + 1 == int(nth)
        elif term[-1] == "L":
            is_last = (day + timedelta(days=7)).month != day.month
            named = number == _number(term[:-1], _DAYS) % 7 and is_last
        else:
            named = number in {value % 7 for value in _numbers(term, 0, 7, _DAYS)}
        if named:
            return True
    return False


def _numbers(field: str, low: int, high: int, names: list[str] | None = None) -> set[int]:
    found: set[int] = set()
    for term in field.split(","):
        span, slash, step = term.partition("/")
        first, dash, last = span.partition("-")
        if span == "*":
            start, stop = low, high
        else:
            start = _number(first, names)
            stop = _number(last, names) if dash else high if slash else start
        found.update(range(start, stop + 1, int(step or 1)))
    return found


def _number(text: str, names: list[str] | None = None) -> int:
    return names.index(text) if names and text in names else int(text)

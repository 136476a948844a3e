"""Timetables in elapsed time, and the bounds of any timetable."""

from collections.abc import Iterator
from datetime import datetime, timedelta
from itertools import takewhile

from jupyter_orch.domain.schedule_clock import INSTANT
from jupyter_orch.domain.schedule_timetable import Timetable


class Interval:
    """Every so many elapsed seconds, before and after an anchor."""

    def __init__(self, anchor: datetime, every: timedelta) -> None:
        self._anchor = anchor
        self._every = every

    def after(self, instant: datetime) -> Iterator[datetime]:
        """Due instants later than `instant`, without end."""
        due = self._anchor + ((instant - self._anchor) // self._every + 1) * self._every
        while True:
            yield due
            due += self._every

    def before(self, instant: datetime) -> Iterator[datetime]:
        """Due instants earlier than `instant`, without end."""
        due = self._anchor + (-((self._anchor - instant) // self._every) - 1) * self._every
        while True:
            yield due
            due -= self._every

    def count(self, first: datetime, last: datetime) -> int:
        """By one division."""
        until_last = (last - self._anchor) // self._every
        before_first = (first - self._anchor - INSTANT) // self._every
        return max(0, until_last - before_first)


class Once:
    """One instant."""

    def __init__(self, at: datetime) -> None:
        self._at = at

    def after(self, instant: datetime) -> Iterator[datetime]:
        """The instant, while it has not come."""
        if self._at > instant:
            yield self._at

    def before(self, instant: datetime) -> Iterator[datetime]:
        """The instant, once it has passed."""
        if self._at < instant:
            yield self._at

    def count(self, first: datetime, last: datetime) -> int:
        """1 or 0."""
        return int(first <= self._at <= last)


class Bounded:
    """The due instants of another timetable from `start` to `end`, both included."""

    def __init__(self, inner: Timetable, start: datetime | None, end: datetime | None) -> None:
        self._inner = inner
        self._start = start
        self._end = end

    def after(self, instant: datetime) -> Iterator[datetime]:
        """Due instants later than `instant`, up to the end."""
        start, end = self._start, self._end
        fires = self._inner.after(instant if start is None else max(instant, start - INSTANT))
        return fires if end is None else takewhile(lambda due: due <= end, fires)

    def before(self, instant: datetime) -> Iterator[datetime]:
        """Due instants earlier than `instant`, down to the start."""
        start, end = self._start, self._end
        fires = self._inner.before(instant if end is None else min(instant, end + INSTANT))
        return fires if start is None else takewhile(lambda due: due >= start, fires)

    def count(self, first: datetime, last: datetime) -> int:
        """Due instants inside of the bounds."""
        first = first if self._start is None else max(first, self._start)
        last = last if self._end is None else min(last, self._end)
        return self._inner.count(first, last) if first <= last else 0

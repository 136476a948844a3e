"""Days on which nothing is due."""

from collections.abc import Iterator, Sequence
from datetime import date, datetime, timedelta
from functools import lru_cache
from itertools import takewhile
from typing import get_args
from zoneinfo import ZoneInfo

from jupyter_orch.domain.model import Weekday
from jupyter_orch.domain.schedule_clock import INSTANT
from jupyter_orch.domain.schedule_days import DaySpan, spans_back, spans_from
from jupyter_orch.domain.schedule_timetable import Timetable

WEEKDAYS: tuple[Weekday, ...] = get_args(Weekday)
#: A timetable that is silent for so long has ended. Cron looks as far.
HORIZON = timedelta(days=50 * 366)


@lru_cache(maxsize=256)
def excluded_days(
    dates: tuple[str, ...], weekdays: tuple[Weekday, ...]
) -> tuple[frozenset[date], frozenset[int]]:
    """ISO dates as dates, and weekdays as numbers from Monday, 0."""
    return (
        frozenset(date.fromisoformat(text) for text in dates),
        frozenset(WEEKDAYS.index(name) for name in weekdays),
    )


class Excluding:
    """The due instants of another timetable, without those on certain days of a zone.

    Data intervals span the excluded days, since they begin at the due instant before.
    """

    def __init__(
        self, inner: Timetable, zone: ZoneInfo, dates: Sequence[str], weekdays: Sequence[Weekday]
    ) -> None:
        self._inner = inner
        self._zone = zone
        self._dates, self._weekdays = excluded_days(tuple(dates), tuple(weekdays))

    def after(self, instant: datetime) -> Iterator[datetime]:
        """Due instants later than `instant`; ends when there is none for 50 years."""
        last, start = instant, None if self._nothing_left() else instant
        while start is not None:
            fires, start, passed = self._inner.after(start), None, None
            for due in takewhile(lambda due: due - last <= HORIZON, fires):  # noqa: B023
                day = due.astimezone(self._zone).date()
                if not self._excludes(day):
                    yield due
                    last = due
                elif day == passed:  # a second one on this day: jump over all of them
                    spans = spans_from(due, self._zone)
                    start = next(span.start for span in spans if self._allows(span)) - INSTANT
                    break
                passed = day

    def before(self, instant: datetime) -> Iterator[datetime]:
        """Due instants earlier than `instant`; ends when there is none for 50 years."""
        last, start = instant, None if self._nothing_left() else instant
        while start is not None:
            fires, start, passed = self._inner.before(start), None, None
            for due in takewhile(lambda due: last - due <= HORIZON, fires):  # noqa: B023
                day = due.astimezone(self._zone).date()
                if not self._excludes(day):
                    yield due
                    last = due
                elif day == passed:
                    spans = spans_back(due, self._zone)
                    start = next(span.end for span in spans if self._allows(span))
                    break
                passed = day

    def count(self, first: datetime, last: datetime) -> int:
        """All due instants, less those of each run of excluded days."""
        if self._nothing_left() or first > last:
            return 0
        return self._inner.count(first, last) - sum(
            self._inner.count(start, end - INSTANT) for start, end in self._runs(first, last)
        )

    def _runs(self, first: datetime, last: datetime) -> Iterator[tuple[datetime, datetime]]:
        """The longest spans [start, end) of excluded days, cut to what lies in [first, last]."""
        stop = last + INSTANT
        start: datetime | None = None
        for span in takewhile(lambda span: span.start < stop, spans_from(first, self._zone)):
            if not self._allows(span):
                start = start or span.start
            elif start is not None:
                yield start, span.start
                start = None
        if start is not None:
            yield start, stop

    def _nothing_left(self) -> bool:
        return len(self._weekdays) == len(WEEKDAYS)

    def _allows(self, span: DaySpan) -> bool:
        return not self._excludes(span.day)

    def _excludes(self, day: date) -> bool:
        return day.weekday() in self._weekdays or day in self._dates

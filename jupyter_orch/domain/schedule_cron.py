"""Cron fires in a time zone, by Debian cron's rule for the days when clocks change.

cronsim reads the expressions and walks naive wall-clock times; the mapping of wall clock to
instants is ours, because it has to hold backwards too and in zones that shift by half an hour.

An expression whose minute and hour are both fixed names wall-clock times: each becomes one instant,
the first of two when clocks go back, the end of the gap when it does not exist. An expression with
a `*` in minute or hour means elapsed time: every instant whose wall clock matches.
"""

import re
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from itertools import takewhile
from zoneinfo import ZoneInfo

from cronsim import CronSim, CronSimError

from jupyter_orch.domain.schedule_clock import (
    INSTANT,
    earliest,
    midnight,
    next_change,
    offset_of,
    previous_change,
    same_clock,
    wall_at,
)
from jupyter_orch.domain.schedule_days import spans_from

_ALIASES = {
    "@yearly": "0 0 1 1 *",
    "@annually": "0 0 1 1 *",
    "@monthly": "0 0 1 * *",
    "@weekly": "0 0 * * 0",
    "@daily": "0 0 * * *",
    "@midnight": "0 0 * * *",
    "@hourly": "0 * * * *",
}
_FIELDS = 5
_LONGEST_EXPRESSION = 200  # characters
_SECOND = timedelta(seconds=1)
_DAY = timedelta(days=1)
#: `3-3/2` is 3; cronsim reads it as `3/2`, every second one from 3 on.
_RANGE_OF_ONE = re.compile(r"\b(\w+)-\1/[0-9]*[1-9][0-9]*(?![^\s,])", re.IGNORECASE)
#: A Monday far from any change of clocks; only for finding out whether an expression ever fires.
_PROBE = datetime(2024, 1, 1)  # noqa: DTZ001 - a wall-clock time, not an instant


def expand(cron: str) -> str:
    """Five fields separated by single spaces, aliases such as `@daily` replaced.

    Raises:
        ValueError: Not a cron expression, or one that never fires; says why.
    """
    if len(cron) > _LONGEST_EXPRESSION:
        raise ValueError(f"is longer than {_LONGEST_EXPRESSION} characters")
    fields = _RANGE_OF_ONE.sub(r"\1", " ".join(cron.split()))
    if fields.startswith("@"):
        if fields.lower() not in _ALIASES:
            raise ValueError(f"is not one of {', '.join(_ALIASES)}")
        return _ALIASES[fields.lower()]
    if len(fields.split(" ")) != _FIELDS:
        raise ValueError("must have five fields: minute, hour, day of month, month, day of week")
    try:
        fires = next(CronSim(fields, _PROBE), None)
    except CronSimError as error:
        raise ValueError(_reason(fields, str(error))) from None
    except (ValueError, AssertionError, OverflowError):
        raise ValueError("cannot be read") from None
    if fires is None:
        raise ValueError("never fires")
    return fields


def _reason(fields: str, message: str) -> str:
    days = fields.split(" ")[2]
    if message == "Bad day-of-month" and re.fullmatch(r"(29|3[01])([,-](29|3[01]))*", days):
        return "never fires: no month that it names has that day"
    return f"has a {message[0].lower()}{message[1:]}"


class Cron:
    """The fires of one expression in one time zone; both must be valid."""

    def __init__(self, cron: str, zone: ZoneInfo) -> None:
        self._fields = expand(cron)
        self._zone = zone
        minute, hour, *_ = self._fields.split(" ")
        self._fixed = not minute.startswith("*") and not hour.startswith("*")

    def after(self, instant: datetime) -> Iterator[datetime]:
        """Fires later than `instant`, earliest first, in UTC."""
        return self._fixed_after(instant) if self._fixed else self._elapsed_after(instant)

    def before(self, instant: datetime) -> Iterator[datetime]:
        """Fires earlier than `instant`, latest first, in UTC."""
        return self._fixed_before(instant) if self._fixed else self._elapsed_before(instant)

    def count(self, first: datetime, last: datetime) -> int:
        """Number of fires from `first` to `last`, both included.

        Whole days are counted by arithmetic: a year of every minute takes milliseconds.
        """
        rules = CronSim(self._fields, _PROBE)
        per_day = len(rules.minutes) * len(rules.hours)
        total = 0
        for span in takewhile(lambda span: span.start <= last, spans_from(first, self._zone)):
            start, end = span.start, span.end
            if (
                end - start == _DAY
                and end <= last + _SECOND
                and start == midnight(span.day, self._zone)
                and same_clock(self._zone, start - INSTANT, end)
            ):
                total += per_day * (span.day.month in rules.months and rules.match_day(span.day))
            else:
                final = min(end - INSTANT, last)
                fires = self.after(start - INSTANT)
                total += sum(1 for _ in takewhile(lambda fire: fire <= final, fires))  # noqa: B023
        return total

    def _walls(self, start: datetime, *, reverse: bool = False) -> Iterator[datetime]:
        """Matching wall-clock times beyond `start`, itself excluded."""
        return iter(CronSim(self._fields, start, reverse=reverse))

    def _fixed_after(self, instant: datetime) -> Iterator[datetime]:
        latest = instant
        for wall in self._walls(wall_at(instant, self._zone)):
            fire = earliest(wall, self._zone)
            if fire > latest:  # several times in one gap are one fire
                yield fire
                latest = fire

    def _fixed_before(self, instant: datetime) -> Iterator[datetime]:
        first = instant
        local = instant.astimezone(self._zone)
        # In the second of two equal hours, later wall-clock times may lie in the past: start from
        # the wall clock that nobody put back.
        unchanged = (instant + offset_of(local.replace(fold=0))).replace(tzinfo=None)
        for wall in self._walls(unchanged, reverse=True):
            fire = earliest(wall, self._zone)
            if fire < first:
                yield fire
                first = fire

    def _elapsed_after(self, instant: datetime) -> Iterator[datetime]:
        start, offset = instant, offset_of(instant.astimezone(self._zone))
        change = next_change(self._zone, instant)
        while True:
            found = False
            for wall in self._walls((start + offset).replace(tzinfo=None)):
                fire = (wall - offset).replace(tzinfo=UTC)
                found = True
                if fire >= change:
                    break
                yield fire
            if not found:
                return
            start, offset = change - _SECOND, offset_of(change.astimezone(self._zone))
            change = next_change(self._zone, change)

    def _elapsed_before(self, instant: datetime) -> Iterator[datetime]:
        end = instant
        while True:
            offset = offset_of((end - INSTANT).astimezone(self._zone))
            change = previous_change(self._zone, end)
            found = False
            for wall in self._walls((end + offset).replace(tzinfo=None), reverse=True):
                fire = (wall - offset).replace(tzinfo=UTC)
                found = True
                if fire < change:
                    break
                yield fire
            if not found:
                return
            end = change

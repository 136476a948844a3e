"""When triggers are due, found by walking every minute: nothing of the product's arithmetic."""

from array import array
from bisect import bisect_left
from datetime import UTC, datetime, timedelta
from functools import lru_cache
from itertools import accumulate
from zoneinfo import ZoneInfo

from jupyter_orch.domain.model import Trigger

MINUTE, DAY = 60, 86_400  # seconds
_DAY_MINUTES = 1440
_MONDAY = 3  # 1970 began on a Thursday
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


class Oracle:
    """Due instants in (start, end], in seconds since 1970; both are whole minutes."""

    def __init__(self, start: int, end: int) -> None:
        self._start, self._end = start, end
        self._first = start // MINUTE - 2 * _DAY_MINUTES  # minutes since 1970, in UTC
        self._last = end // MINUTE + 2 * _DAY_MINUTES
        self._walls = lru_cache(maxsize=None)(self._walk)
        self._matching = lru_cache(maxsize=None)(self._match)

    def due(self, trigger: Trigger) -> "array[int]":
        """All of them, in order."""
        if trigger.kind == "interval":
            return self._interval(trigger)
        if trigger.kind == "calendar":
            return self._calendar(trigger)
        minute, hour, _, _, weekday = (trigger.cron or "").split()
        if hour == "*":
            return self._matching(trigger.time_zone, minute)
        days = range(self._first // _DAY_MINUTES, self._last // _DAY_MINUTES)
        wanted = [day for day in days if weekday == "*" or (day + _MONDAY) % 7 < 5]  # noqa: PLR2004
        return self._at(trigger.time_zone, wanted, int(hour) * 60 + int(minute))

    def _interval(self, trigger: Trigger) -> "array[int]":
        anchor, every = _seconds(trigger.anchor), trigger.every_seconds or 0
        first = anchor + ((self._start - anchor) // every + 1) * every
        return array("q", range(first, self._end + 1, every))

    def _calendar(self, trigger: Trigger) -> "array[int]":
        wall = (trigger.anchor or _EPOCH).astimezone(ZoneInfo(trigger.time_zone))
        begin = (wall.date() - _EPOCH.date()).days
        days = range(begin, self._last // _DAY_MINUTES, trigger.calendar_every or 1)
        return self._at(trigger.time_zone, days, wall.hour * 60 + wall.minute)

    def _match(self, zone: str, minute: str) -> "array[int]":
        """Every minute whose wall clock matches: hours that come twice count twice."""
        modulus, rest = (int(minute[2:]), 0) if minute.startswith("*/") else (60, int(minute))
        return self._cut(
            utc * MINUTE
            for utc, wall in enumerate(self._walls(zone)[0], self._first)
            if wall % modulus == rest
        )

    def _at(self, zone: str, days: "range | list[int]", minute: int) -> "array[int]":
        """The first minute of each day at which the wall clock has come so far."""
        furthest = self._walls(zone)[1]
        return self._cut(
            (bisect_left(furthest, day * _DAY_MINUTES + minute) + self._first) * MINUTE
            for day in days
        )

    def _cut(self, found) -> "array[int]":  # noqa: ANN001 - any numbers
        return array("q", (at for at in found if self._start < at <= self._end))

    def _walk(self, zone: str) -> "tuple[array[int], array[int]]":
        """The wall clock at each minute, and how far it had come by then."""
        info = ZoneInfo(zone)
        walls = array("q")
        for utc in range(self._first, self._last):
            offset = (_EPOCH + timedelta(minutes=utc)).astimezone(info).utcoffset() or timedelta()
            walls.append(utc + int(offset.total_seconds()) // MINUTE)
        return walls, array("q", accumulate(walls, max))


def _seconds(at: datetime | None) -> int:
    return int((at or _EPOCH).timestamp())

"""Between the instants of UTC and the clock on the wall of a time zone, both ways."""

from datetime import UTC, date, datetime, time, timedelta, tzinfo
from functools import lru_cache
from zoneinfo import ZoneInfo

#: The smallest distance of two instants that can be told apart.
INSTANT = timedelta(microseconds=1)
_SECOND = timedelta(seconds=1)
#: How far to look for the next change of clocks at a time: two changes are never this close since
#: 1940. In Recife they were an hour less than a week apart, and will be in Gaza.
_STRIDE = timedelta(days=6)
_STRIDES = 30
#: Where strides are counted from, so that what was found in one can be kept.
_ORIGIN = datetime(1970, 1, 1, tzinfo=UTC)


@lru_cache(maxsize=256)
def zone_of(name: str) -> ZoneInfo:
    """The zone of an IANA name.

    Raises:
        KeyError, ValueError, OSError: There is none.
    """
    return ZoneInfo(name)


def offset_of(local: datetime) -> timedelta:
    """How far the clock that shows `local` is ahead of UTC."""
    return local.utcoffset() or timedelta()


def wall_at(instant: datetime, zone: tzinfo) -> datetime:
    """What the clock shows, without its zone."""
    return instant.astimezone(zone).replace(tzinfo=None)


def same_clock(zone: tzinfo, one: datetime, other: datetime) -> bool:
    """Whether the clock is equally far ahead of UTC at both instants."""
    return offset_of(one.astimezone(zone)) == offset_of(other.astimezone(zone))


def earliest(wall: datetime, zone: tzinfo) -> datetime:
    """The first instant at which the clock shows `wall`, or the end of the gap that swallows it."""
    instant = wall.replace(tzinfo=zone, fold=0).astimezone(UTC)
    if wall_at(instant, zone) == wall:
        return instant
    return _change_between(zone, wall.replace(tzinfo=zone, fold=1).astimezone(UTC), instant)


def midnight(day: date, zone: tzinfo) -> datetime:
    """The first instant at which the clock shows the beginning of the day, or a later time."""
    return earliest(datetime.combine(day, time()), zone)


def _change_between(zone: tzinfo, low: datetime, high: datetime) -> datetime:
    """The instant in (low, high] at which clocks change from what they are at `low`."""
    low, high = low.replace(microsecond=0), high.replace(microsecond=0)
    while high - low > _SECOND:
        middle = low + timedelta(seconds=int((high - low).total_seconds()) // 2)
        low, high = (middle, high) if same_clock(zone, low, middle) else (low, middle)
    return high


def next_change(zone: ZoneInfo, instant: datetime) -> datetime:
    """The next change of clocks after `instant`, or an instant up to which there is none."""
    here = (instant - _ORIGIN) // _STRIDE
    if zone.key != "UTC":
        for number in range(here, here + _STRIDES):
            change = _change_in(zone, number)
            if change is not None and change > instant:
                return change
    return _ORIGIN + (here + _STRIDES) * _STRIDE


def previous_change(zone: ZoneInfo, instant: datetime) -> datetime:
    """The last change of clocks before `instant`, or an instant since which there is none."""
    here = (instant - _ORIGIN) // _STRIDE
    if zone.key != "UTC":
        for number in range(here, here - _STRIDES, -1):
            change = _change_in(zone, number)
            if change is not None and change < instant:
                return change
    return _ORIGIN + (here - _STRIDES + 1) * _STRIDE


@lru_cache(maxsize=16_384)
def _change_in(zone: ZoneInfo, number: int) -> datetime | None:
    """The change of clocks in one stride, its beginning excluded."""
    low = _ORIGIN + number * _STRIDE
    high = low + _STRIDE
    return None if same_clock(zone, low, high) else _change_between(zone, low, high)

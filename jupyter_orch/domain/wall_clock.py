"""From what a clock shows in a time zone to the instant that is meant, by one rule everywhere."""

from datetime import UTC, datetime, timedelta, tzinfo

_SECOND = timedelta(seconds=1)


def instant_of(wall: datetime, zone: tzinfo) -> datetime:
    """The first instant at which clocks in `zone` show `wall`, which is naive.

    A time that a change of clocks leaps over is the first instant after it.
    """
    meant = wall.replace(tzinfo=zone, fold=0)
    instant = meant.astimezone(UTC)
    if instant.astimezone(zone).replace(tzinfo=None) == wall:
        return meant
    return _change(meant.replace(fold=1).astimezone(UTC), instant, zone).astimezone(zone)


def _change(low: datetime, high: datetime, zone: tzinfo) -> datetime:
    """The instant in (low, high] at which clocks change from what they are at `low`."""
    low, high = low.replace(microsecond=0), high.replace(microsecond=0)
    before = low.astimezone(zone).utcoffset()
    while high - low > _SECOND:
        middle = low + timedelta(seconds=int((high - low).total_seconds()) // 2)
        if middle.astimezone(zone).utcoffset() == before:
            low = middle
        else:
            high = middle
    return high

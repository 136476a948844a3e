"""Dates and times as expressions move, cut and write them. What is aware stays in its zone.

Moves by days and longer move the wall clock; those by hours and shorter are elapsed time.
"""

import calendar
import re
from collections.abc import Callable
from datetime import UTC, date, datetime, timedelta

from jupyter_orch.domain.schedule_clock import earliest, midnight

_MONTHS_OF_YEAR = 12
_ELAPSED = {
    "s": timedelta(seconds=1),
    "m": timedelta(minutes=1),
    "h": timedelta(hours=1),
}
#: Units of a move: those of elapsed time, and those that move the wall clock.
WALL_UNITS = ("d", "w", "mo", "y")
UNITS = (*_ELAPSED, *WALL_UNITS)

_DATE: dict[str, Callable[[date], str]] = {
    "Y": lambda day: f"{day.year:04}",
    "y": lambda day: f"{day.year % 100:02}",
    "m": lambda day: f"{day.month:02}",
    "d": lambda day: f"{day.day:02}",
    "j": lambda day: f"{day.timetuple().tm_yday:03}",
    "G": lambda day: f"{day.isocalendar().year:04}",
    "V": lambda day: f"{day.isocalendar().week:02}",
    "u": lambda day: str(day.isoweekday()),
    "%": lambda _: "%",
}
_TIME: dict[str, Callable[[datetime], str]] = {
    "H": lambda at: f"{at.hour:02}",
    "M": lambda at: f"{at.minute:02}",
    "S": lambda at: f"{at.second:02}",
    "f": lambda at: f"{at.microsecond:06}",
    "z": lambda at: at.strftime("%z"),
    "s": lambda at: str((at - datetime(1970, 1, 1, tzinfo=UTC)) // timedelta(seconds=1)),
}
#: Format codes that a date has, and those that a date with a time has. None depends on a locale.
DATE_CODES = tuple(_DATE)
ALL_CODES = (*_DATE, *_TIME)


def start_of_day(day: date, like: datetime) -> datetime:
    """The first instant of the day in the zone of `like`."""
    return midnight(day, like.tzinfo or UTC).astimezone(like.tzinfo)


def cut(value: date, member: str) -> date:
    """The start of the hour, day, week (Monday), month or year; `date`: the day itself.

    A date stays a date, a time stays a time in its zone.
    """
    if isinstance(value, datetime):
        if member == "date":
            return value.date()
        if member == "hour_start":
            return _start_of_hour(value)
        return start_of_day(_start(value.date(), member), value)
    return _start(value, member)


def _start(day: date, member: str) -> date:
    if member == "week_start":
        return day - timedelta(days=day.weekday())
    if member == "month_start":
        return day.replace(day=1)
    return day.replace(month=1, day=1) if member == "year_start" else day


def _start_of_hour(value: datetime) -> datetime:
    # Not by the wall clock alone: in the second of two equal hours it is the second start.
    wall = value.replace(minute=0, second=0, microsecond=0)
    start = wall.astimezone(UTC).astimezone(value.tzinfo)
    naive = wall.replace(tzinfo=None)
    return start if start.replace(tzinfo=None) == naive else _on_the_wall(naive, value)


def move(value: date, number: int, unit: str) -> date:
    """So many units later, or earlier when negative.

    A day of the month that does not exist becomes the month's last one.

    Raises:
        OverflowError: Out of the years 1 to 9999.
        ValueError: The same.
    """
    if unit in _ELAPSED and isinstance(value, datetime):
        return (value.astimezone(UTC) + number * _ELAPSED[unit]).astimezone(value.tzinfo)
    if number == 0:
        return value
    day = value.date() if isinstance(value, datetime) else value
    moved = _moved_day(day, number, unit)
    if isinstance(value, datetime):
        return _on_the_wall(datetime.combine(moved, value.time()), value)
    return moved


def _moved_day(day: date, number: int, unit: str) -> date:
    if unit in ("d", "w"):
        return day + timedelta(days=number * (7 if unit == "w" else 1))
    months = number * (_MONTHS_OF_YEAR if unit == "y" else 1)
    year, month = divmod(day.year * _MONTHS_OF_YEAR + day.month - 1 + months, _MONTHS_OF_YEAR)
    first = date(year, month + 1, 1)
    return first.replace(day=min(day.day, calendar.monthrange(year, month + 1)[1]))


def written(value: date, text: str) -> str:
    """The text with its format codes replaced; all of them are ones that the value has."""
    codes: dict[str, Callable[..., str]] = {**_DATE, **_TIME}
    return re.sub("%(.)", lambda found: codes[found[1]](value), text)


def _on_the_wall(wall: datetime, like: datetime) -> datetime:
    return earliest(wall, like.tzinfo or UTC).astimezone(like.tzinfo)

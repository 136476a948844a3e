"""A trigger in words."""

from datetime import datetime

from jupyter_orch.domain.model import CalendarUnit, Trigger
from jupyter_orch.domain.schedule_clock import zone_of
from jupyter_orch.domain.schedule_cron import expand
from jupyter_orch.domain.schedule_cron_words import cron_words
from jupyter_orch.domain.schedule_exclude import WEEKDAYS

_NAMES = ("Monday", "Tuesday", "Wednesday", "Thursday", "Friday", "Saturday", "Sunday")
_MONTHS = ("January", "February", "March", "April", "May", "June",
           "July", "August", "September", "October", "November", "December")  # fmt: skip
_LEAP_DAY = (2, 29)
_UNITS = ((86400, "day"), (3600, "hour"), (60, "minute"), (1, "second"))
#: Every month has this day.
_SAFE_DAY = 28
_FEW = 3  # dates that are named one by one


def describe(trigger: Trigger) -> str:
    """Words for the common shapes, the expression itself for the others.

    For example `Every day at 06:00, from 2026-12-01, except Saturdays (America/New_York)`.
    """
    clauses = [*_bounds(trigger), *_exclusions(trigger)]
    if trigger.jitter_seconds:
        clauses.append(f"up to {_span(trigger.jitter_seconds)} later")
    words = ", ".join([_kind(trigger), *clauses])
    if trigger.kind == "interval" and not clauses:
        return words
    return f"{words} ({trigger.time_zone})"


def _kind(trigger: Trigger) -> str:
    if trigger.kind == "interval":
        return _every(*_largest(trigger.every_seconds or 0))
    if trigger.kind == "calendar":
        return _calendar(trigger)
    if trigger.kind == "once":
        return "Once" if trigger.at is None else f"Once, on {_moment(trigger.at, trigger)}"
    return cron_words(expand(trigger.cron or "")) or f"Cron {trigger.cron}"


def _calendar(trigger: Trigger) -> str:
    number, unit = trigger.calendar_every or 1, trigger.calendar_unit or "day"
    words = _every(number, unit)
    if trigger.anchor is None:
        return words
    local = trigger.anchor.astimezone(zone_of(trigger.time_zone))
    words += f"{_day(local, unit)} at {_time(local)}"
    return words if number == 1 else f"{words}, counted from {local:%Y-%m-%d}"


def _day(local: datetime, unit: CalendarUnit) -> str:
    """Which day of the unit, e.g. ` on day 31, or its last day,`."""
    if unit == "day":
        return ""
    if unit == "week":
        return f" on {_NAMES[local.weekday()]}"
    if unit == "month":
        return f" on day {local.day}" + (" or its last day" if local.day > _SAFE_DAY else "")
    leap = " or the last day of that month" if (local.month, local.day) == _LEAP_DAY else ""
    return f" on {local.day} {_MONTHS[local.month - 1]}{leap}"


def _bounds(trigger: Trigger) -> list[str]:
    words = []
    if trigger.start is not None:
        words.append(f"from {_moment(trigger.start, trigger)}")
    if trigger.end is not None:
        words.append(f"until {_moment(trigger.end, trigger)}")
    return words


def _exclusions(trigger: Trigger) -> list[str]:
    excluded = [day in trigger.exclude_weekdays for day in WEEKDAYS]
    days = [f"{name}s" for name, out in zip(_NAMES, excluded, strict=True) if out]
    dates = sorted(set(trigger.exclude_dates))
    days += dates if len(dates) <= _FEW else [f"{len(dates)} dates"]
    return [f"except {_listed(days)}"] if days else []


def _listed(words: list[str]) -> str:
    return words[0] if len(words) == 1 else f"{', '.join(words[:-1])} and {words[-1]}"


def _moment(at: datetime, trigger: Trigger) -> str:
    local = at.astimezone(zone_of(trigger.time_zone))
    return f"{local:%Y-%m-%d} at {_time(local)}"


def _time(local: datetime) -> str:
    return f"{local:%H:%M:%S}" if local.second else f"{local:%H:%M}"


def _span(seconds: int) -> str:
    number, unit = _largest(seconds)
    return f"{number} {unit}" + ("s" if number > 1 else "")


def _largest(seconds: int) -> tuple[int, str]:
    """The largest unit that fits, and how many of it."""
    length, unit = next((length, unit) for length, unit in _UNITS if seconds % length == 0)
    return seconds // length, unit


def _every(number: int, unit: str) -> str:
    return f"Every {unit}" if number == 1 else f"Every {number} {unit}s"

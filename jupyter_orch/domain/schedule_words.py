"""A trigger in words."""

import re

from jupyter_orch.domain.model import Trigger
from jupyter_orch.domain.schedule_cron import expand

_DAYS = ("Sunday", "Monday", "Tuesday", "Wednesday", "Thursday", "Friday", "Saturday", "Sunday")
_SHORT_DAYS = ("SUN", "MON", "TUE", "WED", "THU", "FRI", "SAT")
_UNITS = ((86400, "day"), (3600, "hour"), (60, "minute"), (1, "second"))


def describe(trigger: Trigger) -> str:
    """Words for the common shapes, the expression itself for the others.

    For example `Every day at 06:00 (America/New_York)`.
    """
    if trigger.kind == "interval":
        return _interval(trigger.every_seconds or 0)
    words = _cron(expand(trigger.cron or "")) or f"Cron {trigger.cron}"
    return f"{words} ({trigger.time_zone})"


def _interval(seconds: int) -> str:
    length, unit = next((length, unit) for length, unit in _UNITS if seconds % length == 0)
    return _every(seconds // length, unit)


def _every(number: int, unit: str) -> str:
    return f"Every {unit}" if number == 1 else f"Every {number} {unit}s"


def _cron(fields: str) -> str | None:
    minute, hour, day, month, weekday = fields.split(" ")
    if month != "*":
        return None
    if day == weekday == "*":
        if step := re.fullmatch(r"\*(?:/(\d+))?", minute):
            return _every(int(step[1] or 1), "minute") if hour == "*" and _tiles(step[1]) else None
        if minute.isdecimal() and hour == "*":
            return "Every hour" if int(minute) == 0 else f"Every hour at {int(minute)} past"
    if not (minute.isdecimal() and hour.isdecimal()):
        return None
    days = _days(day, weekday)
    return days and f"{days} at {int(hour):02}:{int(minute):02}"


def _tiles(step: str | None) -> bool:
    return step is None or 60 % int(step) == 0


def _days(day: str, weekday: str) -> str | None:
    if day == "*":
        return _weekdays(weekday.upper())
    if weekday != "*":
        return None
    if day.isdecimal():
        return f"On day {int(day)} of every month"
    return "On the last day of every month" if day.upper() == "L" else None


def _weekdays(weekday: str) -> str | None:
    if weekday == "*":
        return "Every day"
    if weekday in {"1-5", "MON-FRI"}:
        return "Every weekday"
    numbers = [_SHORT_DAYS.index(d) if d in _SHORT_DAYS else d for d in weekday.split(",")]
    if not all(str(number).isdecimal() for number in numbers):
        return None
    names = [_DAYS[int(number)] for number in numbers]
    return "Every " + (names[0] if len(names) == 1 else f"{', '.join(names[:-1])} and {names[-1]}")

"""A cron expression in words."""

import re

_DAYS = ("Sunday", "Monday", "Tuesday", "Wednesday", "Thursday", "Friday", "Saturday", "Sunday")
_SHORT_DAYS = ("SUN", "MON", "TUE", "WED", "THU", "FRI", "SAT")


def cron_words(fields: str) -> str | None:
    """Words for the common shapes of five expanded fields; None for the others."""
    minute, hour, day, month, weekday = fields.split(" ")
    if month != "*":
        return None
    if day == weekday == "*":
        if step := re.fullmatch(r"\*(?:/(\d+))?", minute):
            return _minutes(int(step[1] or 1)) if hour == "*" and _tiles(step[1]) else None
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


def _minutes(step: int) -> str:
    return "Every minute" if step == 1 else f"Every {step} minutes"

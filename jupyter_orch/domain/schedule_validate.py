"""What can be scheduled at all."""

import re
from datetime import UTC, date, datetime
from typing import get_args

from jupyter_orch.domain.errors import BadInput
from jupyter_orch.domain.model import CalendarUnit, Trigger, TriggerKind
from jupyter_orch.domain.schedule_build import ANCHORED, timetable
from jupyter_orch.domain.schedule_clock import INSTANT, zone_of
from jupyter_orch.domain.schedule_cron import expand
from jupyter_orch.domain.schedule_exclude import WEEKDAYS

MOST_EXCLUDED = 10_000  # dates of one trigger
MOST_JITTER = 24 * 3600  # seconds
_LONGEST_INTERVAL = 10 * 366 * 24 * 3600  # seconds
#: Ten years, too.
_MOST_UNITS: dict[CalendarUnit, int] = {"day": 3660, "week": 520, "month": 120, "year": 10}
_YEARS = range(1900, 3000)
_TRIGGER_ID = re.compile(r"[A-Za-z0-9_.-]{1,64}")
_DATE = re.compile(r"[0-9]{4}-[0-9]{2}-[0-9]{2}")
_CRON_HINT = "For example 0 6 * * * for every day at 06:00, or @hourly."
_INSTANT_HINT = "For example 2026-11-01T06:00:00Z."
#: Where to look for a due instant of a trigger that has no beginning.
_PROBE = datetime(2024, 1, 1, tzinfo=UTC)


def validate(trigger: Trigger, *, field: str) -> None:
    """Refuses what can never fire.

    Args:
        trigger: What a person wrote.
        field: Dotted name of the trigger in the input, e.g. `triggers.0`.

    Raises:
        BadInput: Names the field, e.g. `triggers.0.cron`.
    """
    if not _TRIGGER_ID.fullmatch(trigger.id):
        raise BadInput(
            "The id of a trigger must be 1 to 64 letters, digits, dots, dashes or underscores.",
            field=f"{field}.id",
        )
    if trigger.kind not in get_args(TriggerKind):
        raise BadInput(
            f"A trigger is of kind cron, interval, calendar or once, not {trigger.kind!r}.",
            field=f"{field}.kind",
        )
    _check_zone(trigger.time_zone, f"{field}.time_zone")
    for name in ("anchor", "at", "start", "end"):
        _check_instant(getattr(trigger, name), f"{field}.{name}")
    if trigger.kind == "cron":
        _check_cron(trigger.cron, f"{field}.cron")
    elif trigger.kind == "interval":
        _check_interval(trigger.every_seconds, f"{field}.every_seconds")
    elif trigger.kind == "calendar":
        _check_calendar(trigger, field)
    elif trigger.at is None:
        raise BadInput(
            "A trigger that is due once needs its time.", field=f"{field}.at", hint=_INSTANT_HINT
        )
    _check_jitter(trigger.jitter_seconds, f"{field}.jitter_seconds")
    _check_excluded(trigger, field)
    _check_bounds(trigger, field)


def check_ahead(trigger: Trigger, now: datetime, *, field: str) -> None:
    """Refuses a valid trigger that is never due again.

    Raises:
        BadInput: Names the field that ends it, e.g. `triggers.0.at`.
    """
    if next(timetable(trigger, anchor=now).after(now.astimezone(UTC)), None) is not None:
        return
    if trigger.kind == "once":
        raise BadInput(
            "The time has passed.",
            field=f"{field}.at",
            hint="Run the job now, or name a later one.",
        )
    raise BadInput(
        "The trigger is never due again: its times have passed.",
        field=f"{field}.{_narrowest(trigger)}",
    )


def _check_zone(name: str, field: str) -> None:
    try:
        zone_of(name)
    except (KeyError, ValueError, OSError):
        raise BadInput(
            f"There is no time zone {name!r}.",
            field=field,
            hint="Use an IANA name such as Europe/Berlin or UTC.",
        ) from None


def _check_instant(instant: datetime | None, field: str) -> None:
    if instant is None:
        return
    if instant.tzinfo is None:
        raise BadInput("A time needs its zone.", field=field, hint=_INSTANT_HINT)
    if instant.year not in _YEARS:
        raise BadInput(
            f"A time is in the years {_YEARS[0]} to {_YEARS[-1]}.", field=field, hint=_INSTANT_HINT
        )


def _check_cron(cron: str | None, field: str) -> None:
    if not cron or not cron.strip():
        raise BadInput("A cron trigger needs an expression.", field=field, hint=_CRON_HINT)
    try:
        expand(cron)
    except ValueError as error:
        shown = cron if len(cron) <= 60 else f"{cron[:60]}…"  # noqa: PLR2004
        raise BadInput(
            f"The cron expression {shown!r} {error}.", field=field, hint=_CRON_HINT
        ) from None


def _check_interval(every: int | None, field: str) -> None:
    if not _whole(every, 1, _LONGEST_INTERVAL):
        raise BadInput(
            "An interval needs a length from 1 second to 10 years, in whole seconds.", field=field
        )


def _check_calendar(trigger: Trigger, field: str) -> None:
    unit = trigger.calendar_unit
    if unit not in _MOST_UNITS:
        raise BadInput(
            "A calendar interval counts in day, week, month or year.",
            field=f"{field}.calendar_unit",
        )
    if not _whole(trigger.calendar_every, 1, _MOST_UNITS[unit]):
        raise BadInput(
            f"A calendar interval is from 1 to {_MOST_UNITS[unit]} {unit}s.",
            field=f"{field}.calendar_every",
        )


def _check_jitter(seconds: int, field: str) -> None:
    if not _whole(seconds, 0, MOST_JITTER):
        raise BadInput("Jitter is from 0 to 86400 whole seconds, one day.", field=field)


def _whole(number: object, least: int, most: int) -> bool:
    return isinstance(number, int) and not isinstance(number, bool) and least <= number <= most


def _check_excluded(trigger: Trigger, field: str) -> None:
    if len(trigger.exclude_dates) > MOST_EXCLUDED:
        raise BadInput(
            f"A trigger excludes at most {MOST_EXCLUDED} dates.", field=f"{field}.exclude_dates"
        )
    for index, text in enumerate(trigger.exclude_dates):
        if not _is_date(text):
            raise BadInput(
                f"{str(text)[:40]!r} is not a date.",
                field=f"{field}.exclude_dates.{index}",
                hint="For example 2026-12-25.",
            )
    for index, name in enumerate(trigger.exclude_weekdays):
        if name not in WEEKDAYS:
            raise BadInput(
                f"{str(name)[:40]!r} is not a day of the week.",
                field=f"{field}.exclude_weekdays.{index}",
                hint=f"Use {', '.join(WEEKDAYS)}.",
            )
    if set(trigger.exclude_weekdays) == set(WEEKDAYS):
        raise BadInput(
            "With every day of the week excluded the trigger never fires.",
            field=f"{field}.exclude_weekdays",
        )


def _is_date(text: object) -> bool:
    if not isinstance(text, str) or not _DATE.fullmatch(text):
        return False
    try:
        return date.fromisoformat(text).year in _YEARS
    except ValueError:
        return False


def _check_bounds(trigger: Trigger, field: str) -> None:
    start, end = trigger.start, trigger.end
    if start is not None and end is not None and end < start:
        raise BadInput("The end must not be before the start.", field=f"{field}.end")
    if trigger.kind in ANCHORED and trigger.anchor is None:
        return  # when it is due is known once it is saved
    if not _ever_fires(trigger):
        raise BadInput(
            "The trigger never fires: there is no due time inside of its bounds and outside of its "
            "excluded days.",
            field=f"{field}.{_narrowest(trigger)}",
        )


def _ever_fires(trigger: Trigger) -> bool:
    table = timetable(trigger, anchor=_PROBE)
    if trigger.end is not None:
        return next(table.before(trigger.end.astimezone(UTC) + INSTANT), None) is not None
    begin = trigger.start or trigger.anchor or trigger.at or _PROBE
    return next(table.after(begin.astimezone(UTC) - INSTANT), None) is not None


def _narrowest(trigger: Trigger) -> str:
    """The field that is to blame most likely."""
    if trigger.end is not None:
        return "end"
    if trigger.exclude_weekdays:
        return "exclude_weekdays"
    if trigger.exclude_dates:
        return "exclude_dates"
    return "start"

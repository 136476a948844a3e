"""Triggers as they are typed: `--cron`, `--every`, `--at` and what narrows them."""

import re
from collections.abc import Callable
from datetime import UTC, date, datetime, timedelta
from typing import Any, TypeVar
from zoneinfo import ZoneInfo

import click

from jupyter_orch.domain.errors import BadInput
from jupyter_orch.domain.schedule_clock import INSTANT, earliest, midnight, zone_of
from jupyter_orch.domain.schedule_exclude import WEEKDAYS
from jupyter_orch.settings import local_zone

F = TypeVar("F", bound=Callable[..., Any])
_UNITS = {"s": 1, "m": 60, "h": 3600, "d": 86400}
_CALENDAR = {"w": "week", "mo": "month", "y": "year"}
_SPAN = re.compile(r"([1-9][0-9]{0,9})\s*(s|m|h|d|w|mo|y)")
_DATE = re.compile(r"\d{4}-\d{2}-\d{2}")
_WEEKDAY_NAMES = {
    name: short
    for short, long in zip(
        WEEKDAYS,
        ("monday", "tuesday", "wednesday", "thursday", "friday", "saturday", "sunday"),
        strict=True,
    )
    for name in (short, long)
}
_OPTIONS = (
    click.option(
        "--cron",
        multiple=True,
        metavar="FIELDS",
        help='When, as five cron fields, e.g. "0 6 * * *".',
    ),
    click.option(
        "--every",
        multiple=True,
        metavar="SPAN",
        help="How often: 30s 10m 2h 1d; by calendar: 2w 1mo 1y.",
    ),
    click.option("--at", multiple=True, metavar="TIME", help="Once, at 2026-12-01T06:00."),
    click.option("--start", metavar="TIME", help="Nothing of --cron and --every is due before."),
    click.option("--end", metavar="TIME", help="Nothing is due after; a date: after that day."),
    click.option("--exclude", multiple=True, metavar="DAY", help="Not on a date or weekday: sat."),
    click.option("--jitter", metavar="SPAN", help="Begin up to so much later, e.g. 5m."),
    click.option(
        "--time-zone", metavar="NAME", help="IANA name that times are read in; absent: local."
    ),
)


def trigger_options(command: F) -> F:
    """Adds the options that say when; `--cron`, `--every` and `--at` may be repeated."""
    for option in reversed(_OPTIONS):
        command = option(command)
    return command


def triggers_of(
    *,
    cron: tuple[str, ...],
    every: tuple[str, ...],
    at: tuple[str, ...],
    start: str | None,
    end: str | None,
    exclude: tuple[str, ...],
    jitter: str | None,
    time_zone: str | None,
) -> list[dict[str, Any]]:
    """One trigger for each `--cron`, `--every` and `--at`, as the API takes them.

    Raises:
        BadInput: An option cannot be read, or means nothing; names the option.
    """
    if (start or end or exclude) and not (cron or every):
        field = "start" if start else "end" if end else "exclude"
        raise BadInput(f"--{field} means nothing without --cron or --every.", field=field)
    if jitter and not (cron or every or at):
        raise BadInput("--jitter means nothing without --cron, --every or --at.", field="jitter")
    name = time_zone or local_zone()
    zone = _zone(name)
    always: dict[str, Any] = {"time_zone": name}
    if jitter:
        always["jitter_seconds"] = seconds_of(jitter, field="jitter")
    begin = _instant(start, zone, "start") if start else None
    recurring = {
        **always,
        **({"start": begin} if begin else {}),
        **({"end": _instant(end, zone, "end", last=True)} if end else {}),
        **_excluded(exclude),
    }
    anchor = {"anchor": begin} if begin else {}
    return [
        *({"kind": "cron", "cron": fields, **recurring} for fields in cron),
        *({**_repeated(text), **anchor, **recurring} for text in every),
        *({"kind": "once", "at": _instant(text, zone, "at"), **always} for text in at),
    ]


def seconds_of(text: str, *, field: str) -> int:
    """Seconds of `30s`, `10m`, `2h`, `1d`.

    Raises:
        BadInput: The text is nothing like it; names the option.
    """
    number, unit = _span(text, field)
    if unit not in _UNITS:
        raise _no_span(text, field)
    return number * _UNITS[unit]


def _repeated(text: str) -> dict[str, Any]:
    number, unit = _span(text, "every")
    if unit in _CALENDAR:
        return {"kind": "calendar", "calendar_every": number, "calendar_unit": _CALENDAR[unit]}
    return {"kind": "interval", "every_seconds": number * _UNITS[unit]}


def _span(text: str, field: str) -> tuple[int, str]:
    match = _SPAN.fullmatch(text.strip().lower())
    if match is None:
        raise _no_span(text, field)
    return int(match[1]), match[2]


def _no_span(text: str, field: str) -> BadInput:
    more = ", or w, mo or y for weeks, months or years" if field == "every" else ""
    return BadInput(
        f"{text!r} is not a length of time.",
        field=field,
        hint=f"Give a number and s, m, h or d, for example 10m{more}.",
    )


def _instant(text: str, zone: ZoneInfo, field: str, *, last: bool = False) -> str:
    """The instant in UTC; without an offset it is read in the zone.

    A date alone is its first instant, or with `last` its last one.
    """
    try:
        if _DATE.fullmatch(text):
            day = date.fromisoformat(text)
            found = (
                midnight(day + timedelta(days=1), zone) - INSTANT if last else midnight(day, zone)
            )
        else:
            found = datetime.fromisoformat(text)
            found = found.astimezone(UTC) if found.tzinfo else earliest(found, zone)
    except (ValueError, OverflowError):
        raise BadInput(
            f"{text!r} is not a time.",
            field=field,
            hint="For example 2026-12-01T06:00, 2026-12-01T06:00+01:00 or 2026-12-01.",
        ) from None
    return found.isoformat()


def _excluded(days: tuple[str, ...]) -> dict[str, list[str]]:
    dates: list[str] = []
    weekdays: list[str] = []
    for day in days:
        short = day.strip().lower()
        if _DATE.fullmatch(short):
            dates.append(short)
        elif short in _WEEKDAY_NAMES:
            weekdays.append(_WEEKDAY_NAMES[short])
        else:
            raise BadInput(
                f"{day!r} is neither a date nor a day of the week.",
                field="exclude",
                hint=f"For example 2026-12-25, or one of {', '.join(WEEKDAYS)}.",
            )
    lists = {"exclude_dates": dates, "exclude_weekdays": weekdays}
    return {name: found for name, found in lists.items() if found}


def _zone(name: str) -> ZoneInfo:
    try:
        return zone_of(name)
    except (KeyError, ValueError, OSError):
        raise BadInput(
            f"There is no time zone {name!r}.",
            field="time_zone",
            hint="Use an IANA name such as Europe/Berlin or UTC.",
        ) from None

"""When a trigger fires. Every instant in and out is aware; what comes out is UTC."""

import re
from collections.abc import Iterator
from dataclasses import dataclass, replace
from datetime import UTC, datetime, time, timedelta
from functools import lru_cache
from itertools import islice
from typing import Protocol
from zoneinfo import ZoneInfo

from jupyter_orch.domain.errors import BadInput
from jupyter_orch.domain.model import Trigger
from jupyter_orch.domain.schedule_cron import Cron, expand
from jupyter_orch.domain.schedule_words import describe

__all__ = [
    "Fire",
    "Timetable",
    "anchored",
    "describe",
    "next_fire",
    "preview",
    "previous_fire",
    "timetable",
    "validate",
]

_LONGEST_INTERVAL = 10 * 366 * 24 * 3600  # seconds
_TRIGGER_ID = re.compile(r"[A-Za-z0-9_.-]{1,64}")
_CRON_HINT = "For example 0 6 * * * for every day at 06:00, or @hourly."


@dataclass(frozen=True, kw_only=True)
class Fire:
    """One due instant as people see it."""

    #: UTC.
    at: datetime
    #: In the trigger's zone: ISO 8601 with the offset.
    local: str
    #: Set on a day when clocks change.
    note: str | None


class Timetable(Protocol):
    """The due instants of one trigger, as far as one looks."""

    def after(self, instant: datetime) -> Iterator[datetime]:
        """Due instants later than `instant`, earliest first."""
        ...

    def before(self, instant: datetime) -> Iterator[datetime]:
        """Due instants earlier than `instant`, latest first."""
        ...

    def count(self, first: datetime, last: datetime) -> int:
        """Number of due instants from `first` to `last`, both included, fast for long spans."""
        ...


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
    try:
        _zone(trigger.time_zone)
    except (KeyError, ValueError, OSError):
        raise BadInput(
            f"There is no time zone {trigger.time_zone!r}.",
            field=f"{field}.time_zone",
            hint="Use an IANA name such as Europe/Berlin or UTC.",
        ) from None
    if trigger.kind == "cron":
        _validate_cron(trigger, field)
    elif trigger.kind == "interval":
        _validate_interval(trigger, field)
    else:
        raise BadInput(
            f"A trigger is of kind cron or interval, not {trigger.kind!r}.", field=f"{field}.kind"
        )


def _validate_cron(trigger: Trigger, field: str) -> None:
    if not trigger.cron or not trigger.cron.strip():
        raise BadInput(
            "A cron trigger needs an expression.", field=f"{field}.cron", hint=_CRON_HINT
        )
    try:
        expand(trigger.cron)
    except ValueError as error:
        shown = trigger.cron if len(trigger.cron) <= 60 else f"{trigger.cron[:60]}…"  # noqa: PLR2004
        raise BadInput(
            f"The cron expression {shown!r} {error}.", field=f"{field}.cron", hint=_CRON_HINT
        ) from None


def _validate_interval(trigger: Trigger, field: str) -> None:
    every = trigger.every_seconds
    if every is None or isinstance(every, bool) or not 1 <= every <= _LONGEST_INTERVAL:
        raise BadInput(
            "An interval needs a length from 1 second to 10 years, in whole seconds.",
            field=f"{field}.every_seconds",
        )
    if trigger.anchor is not None and trigger.anchor.tzinfo is None:
        raise BadInput(
            "The anchor of an interval needs a time zone.",
            field=f"{field}.anchor",
            hint="For example 2026-11-01T06:00:00Z.",
        )


def anchored(trigger: Trigger, now: datetime) -> Trigger:
    """The trigger with its interval tied to `now`, unless it is tied to an instant already."""
    if trigger.kind != "interval" or trigger.anchor is not None:
        return trigger
    return replace(trigger, anchor=now.astimezone(UTC).replace(microsecond=0))


def timetable(trigger: Trigger, *, anchor: datetime) -> Timetable:
    """The due instants of a valid trigger; `anchor` ties an interval that has none itself."""
    if trigger.kind == "cron":
        return _cron(trigger.cron or "", trigger.time_zone)
    tied = anchor if trigger.anchor is None else trigger.anchor
    return _Interval(tied.astimezone(UTC), timedelta(seconds=trigger.every_seconds or 0))


def next_fire(trigger: Trigger, after: datetime) -> datetime | None:
    """The first due instant later than `after`; None when there is none within 50 years."""
    return next(timetable(trigger, anchor=after).after(after.astimezone(UTC)), None)


def previous_fire(trigger: Trigger, before: datetime) -> datetime | None:
    """The last due instant earlier than `before`; None when there is none within 50 years."""
    return next(timetable(trigger, anchor=before).before(before.astimezone(UTC)), None)


def preview(trigger: Trigger, now: datetime, count: int) -> tuple[Fire, ...]:
    """The next `count` due instants, with a note on days when clocks change."""
    zone = _zone(trigger.time_zone)
    fires = timetable(anchored(trigger, now), anchor=now).after(now.astimezone(UTC))
    return tuple(
        Fire(at=at, local=at.astimezone(zone).isoformat(), note=_note(at, zone))
        for at in islice(fires, count)
    )


def _note(at: datetime, zone: ZoneInfo) -> str | None:
    day = at.astimezone(zone).date()
    start = datetime.combine(day, time(), tzinfo=zone).utcoffset() or timedelta()
    end = datetime.combine(day + timedelta(days=1), time(), tzinfo=zone).utcoffset() or timedelta()
    if start == end:
        return None
    return "clocks go forward" if end > start else "clocks go back"


@lru_cache(maxsize=256)
def _zone(name: str) -> ZoneInfo:
    return ZoneInfo(name)


@lru_cache(maxsize=256)
def _cron(cron: str, time_zone: str) -> Cron:
    return Cron(cron, _zone(time_zone))


class _Interval:
    """Every so many elapsed seconds, before and after an anchor."""

    def __init__(self, anchor: datetime, every: timedelta) -> None:
        self._anchor = anchor
        self._every = every

    def after(self, instant: datetime) -> Iterator[datetime]:
        due = self._anchor + ((instant - self._anchor) // self._every + 1) * self._every
        while True:
            yield due
            due += self._every

    def before(self, instant: datetime) -> Iterator[datetime]:
        due = self._anchor + (-((self._anchor - instant) // self._every) - 1) * self._every
        while True:
            yield due
            due -= self._every

    def count(self, first: datetime, last: datetime) -> int:
        until_last = (last - self._anchor) // self._every
        before_first = (first - self._anchor - timedelta(microseconds=1)) // self._every
        return max(0, until_last - before_first)

"""From a trigger to its timetable: its kind, then its excluded days, then its bounds."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from functools import lru_cache

from jupyter_orch.domain.model import Trigger
from jupyter_orch.domain.schedule_calendar import Calendar
from jupyter_orch.domain.schedule_clock import zone_of
from jupyter_orch.domain.schedule_cron import Cron
from jupyter_orch.domain.schedule_exclude import Excluding
from jupyter_orch.domain.schedule_grid import Bounded, Interval, Once
from jupyter_orch.domain.schedule_timetable import Timetable

#: Kinds whose due instants hang on an anchor.
ANCHORED = frozenset({"interval", "calendar"})


def anchored(trigger: Trigger, now: datetime) -> Trigger:
    """The trigger tied to `now`, unless it is tied to an instant already or needs none."""
    if trigger.kind not in ANCHORED or trigger.anchor is not None:
        return trigger
    return replace(trigger, anchor=now.astimezone(UTC).replace(microsecond=0))


def timetable(trigger: Trigger, *, anchor: datetime) -> Timetable:
    """The due instants of a valid trigger; `anchor` ties one that has none itself."""
    table = _endless(trigger, anchor)
    start = trigger.start
    if trigger.kind == "calendar":  # the anchor is the first one
        tied = trigger.anchor or anchor
        start = tied if start is None else max(start, tied)
    if start is None and trigger.end is None:
        return table
    return Bounded(table, _utc(start), _utc(trigger.end))


def interval_start(trigger: Trigger, due: datetime) -> datetime | None:
    """Where the data interval of a due instant begins: at the due instant before.

    The first one under `start` begins where it would without a start, so that it covers as much
    as the others. None for a trigger that is due once.
    """
    return next(_endless(trigger, due).before(due.astimezone(UTC)), None)


def due_fields(trigger: Trigger) -> tuple[object, ...]:
    """Everything that moves due instants; triggers that agree in it are due at the same times."""
    return (
        trigger.kind,
        trigger.time_zone,
        trigger.cron,
        trigger.every_seconds,
        trigger.anchor,
        trigger.calendar_every,
        trigger.calendar_unit,
        trigger.at,
        trigger.start,
        trigger.end,
        frozenset(trigger.exclude_dates),
        frozenset(trigger.exclude_weekdays),
    )


def _endless(trigger: Trigger, anchor: datetime) -> Timetable:
    table = _grid(trigger, (trigger.anchor or anchor).astimezone(UTC))
    if not (trigger.exclude_dates or trigger.exclude_weekdays):
        return table
    zone = zone_of(trigger.time_zone)
    return Excluding(table, zone, trigger.exclude_dates, trigger.exclude_weekdays)


def _grid(trigger: Trigger, anchor: datetime) -> Timetable:
    if trigger.kind == "cron":
        return _cron(trigger.cron or "", trigger.time_zone)
    if trigger.kind == "interval":
        return Interval(anchor, timedelta(seconds=trigger.every_seconds or 0))
    if trigger.kind == "calendar":
        if trigger.calendar_unit is None or not trigger.calendar_every:
            raise ValueError("a calendar interval needs a unit and a number of them")
        zone = zone_of(trigger.time_zone)
        return Calendar(anchor, zone, trigger.calendar_every, trigger.calendar_unit)
    if trigger.at is None:
        raise ValueError("a trigger that is due once needs its instant")
    return Once(trigger.at.astimezone(UTC))


def _utc(instant: datetime | None) -> datetime | None:
    return instant and instant.astimezone(UTC)


@lru_cache(maxsize=256)
def _cron(cron: str, time_zone: str) -> Cron:
    return Cron(cron, zone_of(time_zone))

"""What a due trigger leads to: which instants become runs, which one skipped row."""

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from itertools import islice, takewhile

from jupyter_orch.domain.model import Policies, Trigger
from jupyter_orch.domain.schedule_build import interval_start, timetable
from jupyter_orch.domain.schedule_clock import INSTANT
from jupyter_orch.domain.schedule_timetable import Timetable

#: A due instant that is fired at most this late counts as on time, for catch-up `none`.
ON_TIME = timedelta(seconds=60)


@dataclass(frozen=True, kw_only=True)
class Slot:
    """A due instant that becomes a run; its data interval is [interval_start, at)."""

    at: datetime
    interval_start: datetime | None


@dataclass(frozen=True, kw_only=True)
class Span:
    """Due instants from `first` to `last`, both included."""

    count: int
    first: datetime
    last: datetime


@dataclass(frozen=True, kw_only=True)
class Plan:
    """Everything that one wake-up does for one trigger."""

    #: Earliest first.
    slots: tuple[Slot, ...]
    #: Due instants that no run is made for; they all lie before the first slot.
    skipped: Span | None
    next_due: datetime | None
    #: The last due instant that this plan accounts for; absent when nothing was due.
    last_due: datetime | None


def passed(trigger: Trigger, due: datetime, until: datetime) -> Span | None:
    """The due instants from `due`, one of them, up to `until`; None when there is none."""
    due, until = due.astimezone(UTC), until.astimezone(UTC)
    if due > until:
        return None
    table = timetable(trigger, anchor=due)
    first_after = next(table.after(due), None)
    if first_after is None or first_after > until:
        return Span(count=1, first=due, last=due)
    last = next(table.before(until + INSTANT))
    return Span(count=1 + table.count(first_after, last), first=due, last=last)


def plan_due(
    trigger: Trigger,
    due: datetime,
    now: datetime,
    policies: Policies,
    *,
    last_due: datetime | None = None,
) -> Plan:
    """Applies the catch-up policy to the due instants from `due` up to `now`.

    What is older than the policy's limit of staleness is never caught up with.
    `last_due` is the due instant before `due` as the database knows it: after an edit of the
    schedule the first data interval continues from there. Fast however long nobody was there.
    """
    due, now = due.astimezone(UTC), now.astimezone(UTC)
    table = timetable(trigger, anchor=due)
    span = passed(trigger, due, now)
    if span is None:
        return Plan(slots=(), skipped=None, next_due=due, last_due=None)
    fires = _newest(table, span, _wanted(policies, late=now - span.last))
    fires = [fire for fire in fires if not _stale(policies, now - fire)]
    skipped = _skipped(table, span, fires)
    starts = [_first_start(trigger, fires[0], skipped, last_due), *fires] if fires else []
    return Plan(
        slots=tuple(
            Slot(at=at, interval_start=start) for start, at in zip(starts, fires, strict=False)
        ),
        skipped=skipped,
        next_due=next(table.after(now), None),
        last_due=span.last,
    )


def _wanted(policies: Policies, *, late: timedelta) -> int:
    if policies.catch_up == "all":
        return max(1, policies.max_catch_up)
    return 0 if policies.catch_up == "none" and late > ON_TIME else 1


def _stale(policies: Policies, late: timedelta) -> bool:
    limit = policies.max_staleness_seconds
    return limit is not None and late.total_seconds() > limit


def _newest(table: Timetable, span: Span, wanted: int) -> list[datetime]:
    """The last `wanted` due instants of the span, earliest first."""
    backwards = islice(table.before(span.last + INSTANT), wanted)
    fires = list(takewhile(lambda fire: fire > span.first, backwards))
    if len(fires) < wanted:
        fires.append(span.first)
    return fires[::-1]


def _skipped(table: Timetable, span: Span, fires: list[datetime]) -> Span | None:
    count = span.count - len(fires)
    if count == 0:
        return None
    last = max(span.first, next(table.before(fires[0]), span.first)) if fires else span.last
    return Span(count=count, first=span.first, last=last)


def _first_start(
    trigger: Trigger, fire: datetime, skipped: Span | None, last_due: datetime | None
) -> datetime | None:
    if skipped is not None:
        return skipped.last
    return last_due or interval_start(trigger, fire)

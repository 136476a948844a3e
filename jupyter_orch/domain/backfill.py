"""Backfills: which past intervals get a run, counted by arithmetic and taken a few at a time."""

from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, time, timedelta
from itertools import chain, islice, pairwise
from typing import Literal
from zoneinfo import ZoneInfo

from jupyter_orch.domain.errors import BadInput
from jupyter_orch.domain.model import Backfill, BackfillOnly, Json, Trigger
from jupyter_orch.domain.schedule import Timetable, interval_start, timetable
from jupyter_orch.domain.schedule_plan import Slot, Span
from jupyter_orch.domain.states import TERMINAL, RunState

#: What is known of an interval: it never ran, no run of it succeeded, one did, one goes on.
Standing = Literal["missing", "failed", "done", "running"]
#: Answers `RunStore.interval_states` of the job and trigger that are planned for.
States = Callable[[datetime, datetime], Mapping[datetime, RunState]]

#: More intervals than this need a person's word.
MANY = 100_000
#: More intervals than this are never taken in one backfill.
MOST = 10_000_000
#: No range begins earlier: counting walks over days.
EARLIEST = datetime(1900, 1, 1, tzinfo=UTC)
#: Due instants that one step looks at, so that its transaction stays short.
LOOK = 250
#: Intervals that a plan shows, and how many due instants it looks at to find them.
SHOWN, AHEAD = 10, 5000
#: Due instants whose states are read at a time: to go on, and to count.
_SOME, _WINDOW = 25, 20_000
#: Due instants passed one by one before it is quicker to look up the next one.
_FAR = 50
_INSTANT = timedelta(microseconds=1)

_WANTED: dict[BackfillOnly, frozenset[Standing]] = {
    "missing": frozenset({"missing"}),
    "missing_or_failed": frozenset({"missing", "failed"}),
    "all": frozenset({"missing", "failed", "done", "running"}),
}


@dataclass(frozen=True, kw_only=True)
class BackfillRequest:
    """What a person asks for."""

    #: Due instants from `first` to `last`, both included.
    first: datetime
    last: datetime
    #: Id of the trigger whose intervals are meant; absent: the only one that the job has.
    trigger: str | None = None
    only: BackfillOnly = "missing_or_failed"
    #: Latest interval first.
    newest_first: bool = False
    #: Most of its runs at a time, from 1 to 100.
    concurrency: int = 1
    #: Against other runs that wait; higher ones are taken first.
    priority: int = -10
    #: Values that win over those of job and trigger.
    parameters: dict[str, Json] = field(default_factory=dict)
    #: Each run takes the notebook as it is then, instead of all taking it as it is now.
    latest_notebook: bool = False
    #: The person has seen how many intervals there are.
    confirm: bool = False


@dataclass(frozen=True, kw_only=True)
class Interval:
    """One due instant of a plan."""

    at: datetime
    #: Where its data begins; it ends at `at`.
    interval_start: datetime | None
    standing: Standing


@dataclass(frozen=True, kw_only=True)
class BackfillPlan:
    """What a backfill would do."""

    #: Id of the trigger.
    trigger: str
    #: The first and the last due instant of the range.
    first: datetime
    last: datetime
    #: Due instants from `first` to `last`: the sum of the four below.
    intervals: int
    #: Never ran, or were skipped.
    missing: int
    #: Ran, and no run of them succeeded.
    failed: int
    #: Have a run that succeeded.
    done: int
    #: Have a run that has not ended.
    running: int
    #: Runs that would be made.
    runs: int
    #: The first of them, in their order; of a long range as far as a short look finds them.
    next: tuple[Interval, ...]
    #: Whether the range goes on after now: due instants that are not past are not included.
    future_left_out: bool
    #: Whether it takes `confirm` to run so many intervals.
    needs_confirm: bool


@dataclass(frozen=True, kw_only=True)
class Step:
    """The next few intervals of a backfill."""

    #: What gets a run, in the order of the backfill.
    slots: tuple[Slot, ...]
    #: The last due instant that is dealt with.
    cursor: datetime
    #: Whether nothing comes after it.
    exhausted: bool


def standing(state: RunState | None) -> Standing:
    """What the best state of an interval means for a backfill."""
    if state is None or state is RunState.SKIPPED:
        return "missing"
    if state is RunState.SUCCEEDED:
        return "done"
    return "failed" if state in TERMINAL else "running"


def make_plan(
    trigger: Trigger, request: BackfillRequest, *, now: datetime, states: States
) -> BackfillPlan:
    """Counts the intervals of a range by how they stand; fast however long it is.

    Raises:
        BadInput: There is no such range (field `first` or `last`).
    """
    first, last = _range(trigger, request)
    table = timetable(trigger, anchor=first)
    span = _due(table, first, min(last, now.astimezone(UTC)))
    if span is None:
        raise BadInput(
            f"The trigger {trigger.id} has no due time in the range"
            + (" that is past." if last > now else "."),
            field="last",
            hint="Backfills run past intervals; choose a longer range.",
        )
    if span.count > MOST:
        raise BadInput(
            f"The range holds {span.count:,} intervals; a backfill takes at most {MOST:,}.",
            field="last",
            hint="Choose a shorter range.",
        )
    counted = _count(table, span, states)
    wanted = _WANTED[request.only]
    return BackfillPlan(
        trigger=trigger.id,
        first=span.first,
        last=span.last,
        intervals=span.count,
        missing=counted["missing"],
        failed=counted["failed"],
        done=counted["done"],
        running=counted["running"],
        runs=sum(count for each, count in counted.items() if each in wanted),
        next=_shown(trigger, span, request, states),
        future_left_out=last > now,
        needs_confirm=span.count > MANY,
    )


def next_step(backfill: Backfill, *, room: int, states: States) -> Step:
    """What a backfill with room for at least one run goes on with.

    It looks at a bounded number of due instants, so it may find nothing to run and more to come.
    """
    slots = _slots(
        backfill.trigger,
        backfill.first,
        backfill.last,
        cursor=backfill.cursor,
        newest_first=backfill.newest_first,
    )
    cursor = backfill.first if backfill.newest_first else backfill.last
    taken: list[Slot] = []
    for looked, (slot, stands) in enumerate(_standing(slots, states)):
        wanted = stands in _WANTED[backfill.only]
        if looked == LOOK or (wanted and len(taken) == room):
            return Step(slots=tuple(taken), cursor=cursor, exhausted=False)
        if wanted:
            taken.append(slot)
        cursor = slot.at
    return Step(slots=tuple(taken), cursor=cursor, exhausted=True)


def instant_of(text: str, zone: str, *, field: str, is_last: bool) -> datetime:
    """The instant that a person writes as the end of a range.

    Args:
        text: ISO 8601. A day is meant whole: it begins the range at its first instant and ends it
            at its last one. A time without an offset is read in `zone`.
        zone: IANA name.
        field: Name of the input that errors belong to.
        is_last: Whether it ends the range.

    Raises:
        BadInput: The text is no such thing.
    """
    try:
        return _written_instant(text, ZoneInfo(zone), is_last=is_last)
    except (ValueError, OverflowError):
        raise BadInput(
            f"{text!r} is no day and no time.",
            field=field,
            hint="For example 2026-01-31, or 2026-01-31T06:00:00.",
        ) from None


def _written_instant(text: str, zone: ZoneInfo, *, is_last: bool) -> datetime:
    try:
        day = date.fromisoformat(text)
    except ValueError:
        at = datetime.fromisoformat(text)
        return (at if at.tzinfo else at.replace(tzinfo=zone)).astimezone(UTC)
    start = datetime.combine(day + timedelta(days=is_last), time(), tzinfo=zone).astimezone(UTC)
    return start - _INSTANT if is_last else start


def _range(trigger: Trigger, request: BackfillRequest) -> tuple[datetime, datetime]:
    """The range in UTC."""
    found = []
    for name in ("first", "last"):
        at: datetime = getattr(request, name)
        if at.tzinfo is None:
            raise BadInput(
                f"{name} needs a time zone.", field=name, hint="For example 2026-01-31T06:00:00Z."
            )
        try:
            found.append(at.astimezone(UTC))
        except OverflowError:
            raise BadInput(f"{name} is out of all calendars.", field=name) from None
    first, last = found
    if last < first:
        raise BadInput("The range ends before it starts.", field="last")
    if first < EARLIEST:
        raise BadInput(f"A range starts in {EARLIEST.year} or later.", field="first")
    if trigger.start is not None and first < trigger.start:
        raise BadInput(
            f"The range starts before the trigger {trigger.id} does.",
            field="first",
            hint=f"Start at {trigger.start.isoformat()}, or give the trigger an earlier start.",
        )
    return first, last


def _due(table: Timetable, first: datetime, last: datetime) -> Span | None:
    """The due instants in a range."""
    earliest = next(table.after(first - _INSTANT), None)
    if earliest is None or earliest > last:
        return None
    latest = next(table.before(last + _INSTANT))
    return Span(count=table.count(earliest, latest), first=earliest, last=latest)


def _count(table: Timetable, span: Span, states: States) -> Counter[Standing]:
    counted: Counter[Standing] = Counter()
    for first, last in _windows(span):
        known = states(first, last)
        counted.update(standing(known[at]) for at in _members(table, sorted(known)))
    counted["missing"] += span.count - counted.total()
    return counted


def _windows(span: Span) -> Iterator[tuple[datetime, datetime]]:
    """The span in parts that hold about so many due instants each, without gap and overlap."""
    parts = span.count // _WINDOW + 1
    length = (span.last - span.first) / parts
    edges = [span.first + number * length for number in range(parts)]
    for start, following in pairwise([*edges, span.last + _INSTANT]):
        yield start, following - _INSTANT


def _members(table: Timetable, instants: Iterable[datetime]) -> Iterator[datetime]:
    """Those of the instants, earliest first, that are due: runs of other times do not count."""
    fires: Iterator[datetime] = iter(())
    due: datetime | None = None
    for at in instants:
        passed = 0
        while due is None or due < at:
            if due is None or passed == _FAR:
                fires = table.after(at - _INSTANT)
            due = next(fires, None)
            if due is None:
                return
            passed += 1
        if due == at:
            yield at


def _shown(
    trigger: Trigger, span: Span, request: BackfillRequest, states: States
) -> tuple[Interval, ...]:
    wanted = _WANTED[request.only]
    slots = _slots(trigger, span.first, span.last, cursor=None, newest_first=request.newest_first)
    found = (
        Interval(at=slot.at, interval_start=slot.interval_start, standing=stands)
        for slot, stands in islice(_standing(slots, states), AHEAD)
        if stands in wanted
    )
    return tuple(islice(found, SHOWN))


def _standing(slots: Iterator[Slot], states: States) -> Iterator[tuple[Slot, Standing]]:
    """The slots with how they stand, read for a few of them at a time."""
    while some := list(islice(slots, _SOME)):
        first, last = sorted((some[0].at, some[-1].at))
        known = states(first, last)
        for slot in some:
            yield slot, standing(known.get(slot.at))


def _slots(
    trigger: Trigger,
    first: datetime,
    last: datetime,
    *,
    cursor: datetime | None,
    newest_first: bool,
) -> Iterator[Slot]:
    """Due instants of the range after the cursor, each with the data interval of the schedule."""
    table = timetable(trigger, anchor=first)
    if newest_first:
        fires: Iterable[datetime | None] = table.before(cursor or last + _INSTANT)
        for at, start in pairwise(chain(fires, (None,))):
            if at is None or at < first:
                return
            yield Slot(at=at, interval_start=start or interval_start(trigger, at))
        return
    start = None
    for at in table.after(cursor or first - _INSTANT):
        if at > last:
            return
        yield Slot(at=at, interval_start=start or interval_start(trigger, at))
        start = at

"""The plan of a backfill against plain enumeration."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from itertools import pairwise

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from store_kit import NOW, backfill_of, cron, every, job_of, spec_of

from jupyter_orch.domain.backfill import (
    LOOK,
    MANY,
    SHOWN,
    BackfillPlan,
    BackfillRequest,
    instant_of,
    make_plan,
    next_step,
    standing,
)
from jupyter_orch.domain.errors import BadInput
from jupyter_orch.domain.model import Policies, Trigger
from jupyter_orch.domain.schedule import timetable
from jupyter_orch.domain.schedule_plan import Slot, plan_due
from jupyter_orch.domain.states import RunState

HOUR, DAY = timedelta(hours=1), timedelta(days=1)
TRIGGERS = (
    every(3600, anchor=NOW),
    every(86_400 * 3, anchor=NOW),
    cron("0 6 * * *", "Europe/Berlin"),
    cron("*/30 * * * *", "Australia/Lord_Howe"),
    cron("0 0 1 * *", "America/Sao_Paulo"),
)
ONLY = ("missing", "missing_or_failed", "all")
WANTED = {
    "missing": {"missing"},
    "missing_or_failed": {"missing", "failed"},
    "all": {"missing", "failed", "done", "running"},
}


def request(first: datetime, last: datetime, **values) -> BackfillRequest:
    """What a person asks for."""
    return BackfillRequest(first=first, last=last, **values)


def states_of(known: dict[datetime, RunState]):
    """The states of intervals, as a store answers them."""

    def states(first: datetime, last: datetime) -> dict[datetime, RunState]:
        return {at: state for at, state in known.items() if first <= at <= last}

    return states


def never(_first: datetime, _last: datetime) -> dict[datetime, RunState]:
    """No run was ever made."""
    return {}


def planned(trigger: Trigger, first: datetime, last: datetime, **values) -> BackfillPlan:
    """The plan when no run was ever made."""
    return make_plan(trigger, request(first, last, **values), now=NOW, states=never)


def all_due(trigger: Trigger, first: datetime, last: datetime) -> list[datetime]:
    """Every due instant of a range, one by one."""
    found = []
    for at in timetable(trigger, anchor=first).after(first - timedelta(microseconds=1)):
        if at > last:
            break
        found.append(at)
    return found


def walk(trigger: Trigger, first, last, known, *, room: int = 7, **values) -> list[Slot]:
    """Everything that a backfill makes, step by step; no run of it ends."""
    backfill = backfill_of(job_of(spec_of("", trigger)), first=first, last=last, **values)
    made: list[Slot] = []
    while True:
        step = next_step(backfill, room=room, states=states_of(known))
        assert len(step.slots) <= room
        made += step.slots
        if step.exhausted:
            return made
        assert step.cursor != backfill.cursor
        backfill = replace(backfill, cursor=step.cursor)


@given(
    trigger=st.sampled_from(TRIGGERS),
    span=st.tuples(
        st.timedeltas(200 * DAY, 1400 * DAY).map(lambda age: NOW - age),
        st.timedeltas(DAY, 40 * DAY),
    ),
    only=st.sampled_from(ONLY),
    newest_first=st.booleans(),
    data=st.data(),
)
@settings(max_examples=50, deadline=None)
def test_a_plan_agrees_with_enumeration(trigger, span, only, newest_first, data) -> None:
    """Counts, order and data intervals are those that one finds by looking at each instant."""
    start, last = span[0], span[0] + span[1]
    due = all_due(trigger, start, last)
    if not due:
        with pytest.raises(BadInput):
            planned(trigger, start, last)
        return
    some = st.lists(st.sampled_from(due), unique=True, max_size=30)
    known = {at: data.draw(st.sampled_from(RunState)) for at in data.draw(some)}
    strangers = {at + timedelta(seconds=7): RunState.SUCCEEDED for at in known}
    states = states_of(known | strangers)
    plan = make_plan(
        trigger,
        request(start, last, only=only, newest_first=newest_first),
        now=NOW,
        states=states,
    )
    stands = [standing(known.get(at)) for at in due]
    assert (plan.first, plan.last, plan.intervals) == (due[0], due[-1], len(due))
    for name in ("missing", "failed", "done", "running"):
        assert getattr(plan, name) == stands.count(name)
    wanted = [at for at, each in zip(due, stands, strict=True) if each in WANTED[only]]
    if newest_first:
        wanted.reverse()
    assert plan.runs == len(wanted)
    assert [each.at for each in plan.next] == wanted[:SHOWN]
    made = walk(trigger, start, last, known, only=only, newest_first=newest_first)
    assert [slot.at for slot in made] == wanted
    table = timetable(trigger, anchor=start)
    before = {**dict(pairwise([None, *due][::-1])), due[0]: next(table.before(due[0]))}
    assert [slot.interval_start for slot in made] == [before[at] for at in wanted]


@pytest.mark.parametrize("newest_first", [False, True])
def test_a_long_walk_is_taken_in_short_looks(newest_first: bool) -> None:
    """A range in which all is done is passed in bounded steps, and ends."""
    trigger = every(60, anchor=NOW)
    first, last = NOW - (LOOK * 2 + 10) * timedelta(minutes=1), NOW
    known = dict.fromkeys(all_due(trigger, first, last), RunState.SUCCEEDED)
    backfill = backfill_of(
        job_of(spec_of("", trigger)), first=first, last=last, newest_first=newest_first
    )
    looks = 0
    while not (step := next_step(backfill, room=1, states=states_of(known))).exhausted:
        assert step.slots == ()
        looks += 1
        backfill = replace(backfill, cursor=step.cursor)
    assert looks == 2
    assert step.cursor == (first if newest_first else last)


def test_what_is_left_when_the_times_are_gone() -> None:
    """A cursor at the end of the range has nothing after it."""
    job = job_of(spec_of("", every(3600, anchor=NOW)))
    backfill = backfill_of(job, first=NOW, last=NOW + HOUR, cursor=NOW + HOUR)
    step = next_step(backfill, room=1, states=never)
    assert (step.slots, step.exhausted) == ((), True)


def test_a_million_intervals_are_counted_at_once() -> None:
    """Two years of every minute, some of them done: milliseconds, and a person's word."""
    trigger = cron("* * * * *", "Europe/Berlin")
    first = datetime(2024, 1, 1, tzinfo=UTC)
    last = first + timedelta(minutes=1_000_000)
    done = {first + timedelta(minutes=n * 7919): RunState.SUCCEEDED for n in range(100)}
    plan = make_plan(trigger, request(first, last), now=NOW, states=states_of(done))
    assert (plan.intervals, plan.done, plan.runs) == (1_000_001, 100, 999_901)
    assert plan.needs_confirm
    assert not planned(every(60), NOW - (MANY - 1) * timedelta(minutes=1), NOW).needs_confirm


def test_times_that_are_not_past_are_left_out() -> None:
    """The plan says so."""
    plan = planned(every(3600, anchor=NOW), NOW - 3 * HOUR, NOW + 3 * HOUR)
    assert (plan.intervals, plan.last, plan.future_left_out) == (4, NOW, True)
    assert not planned(every(3600, anchor=NOW), NOW - HOUR, NOW).future_left_out


@pytest.mark.parametrize(
    ("first", "last", "field"),
    [
        (NOW, NOW - HOUR, "last"),
        (NOW.replace(tzinfo=None), NOW, "first"),
        (NOW - HOUR, NOW.replace(tzinfo=None), "last"),
        (NOW + DAY, NOW + 2 * DAY, "last"),
        (NOW - timedelta(minutes=50), NOW - timedelta(minutes=10), "last"),
        (datetime(1899, 1, 1, tzinfo=UTC), NOW, "first"),
        (NOW - HOUR, datetime.max.replace(tzinfo=NOW.astimezone(UTC).tzinfo), None),
        (datetime.min.replace(tzinfo=UTC), NOW, "first"),
    ],
)
def test_inv9_a_range_that_cannot_be_is_refused(first, last, field) -> None:
    """The field is named; a range without end is no harm."""
    if field is None:
        assert planned(every(3600, anchor=NOW), first, last).intervals == 2
        return
    with pytest.raises(BadInput) as caught:
        planned(every(3600, anchor=NOW), first, last)
    assert caught.value.field == field


def test_inv9_nothing_is_due_before_the_trigger_starts() -> None:
    """The range begins with the trigger, or the trigger has to begin earlier."""
    trigger = every(3600, anchor=NOW, start=NOW - 5 * HOUR)
    with pytest.raises(BadInput) as caught:
        planned(trigger, NOW - 6 * HOUR, NOW)
    assert caught.value.field == "first"
    assert planned(trigger, NOW - 5 * HOUR, NOW).intervals == 6


@pytest.mark.parametrize("newest_first", [False, True])
@pytest.mark.parametrize("days_before_end", [0, 3])
def test_the_first_interval_is_that_of_the_schedule(newest_first, days_before_end) -> None:
    """A trigger that starts somewhere covers as much with its first run as with the others."""
    first = datetime(2026, 11, 20, 6, tzinfo=UTC)
    last = first + days_before_end * DAY
    for trigger in (cron("0 6 * * *", start=first), every(86_400, anchor=first, start=first)):
        plan = planned(trigger, first, last, newest_first=newest_first)
        made = walk(trigger, first, last, {}, newest_first=newest_first)
        for found in (plan.next, made):
            earliest = min(found, key=lambda each: each.at)
            (scheduled,) = plan_due(trigger, first, first, Policies()).slots
            assert (earliest.at, earliest.interval_start) == (first, first - DAY)
            assert earliest.interval_start == scheduled.interval_start


def test_inv9_ten_million_intervals_are_too_many() -> None:
    """Whatever the person says, and found out without looking at each."""
    for trigger in (every(1, anchor=NOW), cron("* * * * *")):
        with pytest.raises(BadInput) as caught:
            planned(trigger, datetime(2000, 1, 1, tzinfo=UTC), NOW, confirm=True)
        assert caught.value.field == "last"


@pytest.mark.parametrize(
    ("text", "is_last", "at"),
    [
        ("2026-01-31", False, "2026-01-30T23:00:00+00:00"),
        ("2026-01-31", True, "2026-01-31T22:59:59.999999+00:00"),
        ("2026-03-29", True, "2026-03-29T21:59:59.999999+00:00"),
        ("2026-01-31T06:00", True, "2026-01-31T05:00:00+00:00"),
        ("2026-01-31T06:00:00Z", False, "2026-01-31T06:00:00+00:00"),
        ("2026-01-31T06:00-05:00", False, "2026-01-31T11:00:00+00:00"),
    ],
)
def test_days_and_times_are_read_in_the_zone_of_the_trigger(text, is_last, at) -> None:
    """A day is meant whole; an offset is taken as it is."""
    read = instant_of(text, "Europe/Berlin", field="to", is_last=is_last)
    assert read.isoformat() == at


@pytest.mark.parametrize("text", ["", "soon", "2026-02-30", "9999-12-31", "2026-01-31T25:00"])
def test_inv9_what_is_no_day_is_refused(text: str) -> None:
    """With the field that it was given for."""
    with pytest.raises(BadInput) as caught:
        instant_of(text, "America/New_York", field="to", is_last=True)
    assert caught.value.field == "to"

"""Every kind of trigger in every zone: due instants tile time, and plans account for them."""

import calendar
import random
from datetime import UTC, datetime, timedelta
from itertools import islice, pairwise
from zoneinfo import ZoneInfo

from cron_cases import FIRST, LAST, ODD_ZONES, WEEKDAYS, ZONES, before_a_change, random_expression
from hypothesis import assume, event, given, settings
from hypothesis import strategies as st
from store_kit import cron, every

from jupyter_orch.domain.model import Policies, Trigger
from jupyter_orch.domain.schedule import interval_start, next_fire, previous_fire, timetable
from jupyter_orch.domain.schedule_cron import expand
from jupyter_orch.domain.schedule_plan import Plan, plan_due

INSTANT = timedelta(microseconds=1)
MONTHS = {"month": 1, "year": 12}
DAYS = {"day": 1, "week": 7}
SECONDS = int((LAST - FIRST).total_seconds())


@st.composite
def moments(draw: st.DrawFn, zone: str) -> datetime:
    """Any instant, half of them shortly before clocks change in the zone."""
    at = FIRST + timedelta(seconds=draw(st.integers(0, SECONDS)))
    if draw(st.booleans()):
        at = before_a_change(at, ZoneInfo(zone)) + timedelta(minutes=draw(st.integers(0, 2160)))
    return at.replace(second=0) if draw(st.booleans()) else at


@st.composite
def unbounded(draw: st.DrawFn) -> tuple[Trigger, datetime]:
    """A trigger without limits, and a moment to look at it from."""
    zone = draw(st.sampled_from(ODD_ZONES) | st.sampled_from(ZONES))
    at = draw(moments(zone))
    kind = draw(st.sampled_from(["cron", "cron", "interval", "calendar", "once"]))
    if kind == "cron":
        trigger = cron(random_expression(random.Random(draw(st.integers(0)))), zone)  # noqa: S311
        try:
            expand(trigger.cron or "")
        except ValueError:
            assume(False)  # never fires
        return trigger, at
    anchor = at + timedelta(minutes=draw(st.integers(-200_000, 3000)))
    if kind == "interval":
        return every(draw(st.integers(1, 10**7)), anchor=anchor, time_zone=zone), at
    if kind == "once":
        return Trigger(id="t", kind="once", at=anchor, time_zone=zone), at
    return draw(calendars(zone, anchor)), at


@st.composite
def calendars(draw: st.DrawFn, zone: str, anchor: datetime) -> Trigger:
    """Every so many days, weeks, months or years."""
    return Trigger(
        id="t",
        kind="calendar",
        calendar_every=draw(st.integers(1, 5)),
        calendar_unit=draw(st.sampled_from([*DAYS, *MONTHS])),
        anchor=anchor,
        time_zone=zone,
    )


@st.composite
def limited(draw: st.DrawFn) -> tuple[Trigger, datetime]:
    """The same, some of them with a start, an end, and days left out."""
    trigger, at = draw(unbounded())
    values = vars(trigger).copy()
    if draw(st.booleans()):
        values["start"] = at + timedelta(hours=draw(st.integers(-100, 100)))
    if draw(st.booleans()):
        values["end"] = at + timedelta(hours=draw(st.integers(100, 10_000)))
    if draw(st.booleans()):
        values["exclude_weekdays"] = tuple(
            draw(st.lists(st.sampled_from(WEEKDAYS), max_size=5, unique=True))
        )
    days = draw(st.lists(st.integers(-3, 9), max_size=3))
    values["exclude_dates"] = tuple((at + timedelta(days=day)).date().isoformat() for day in days)
    return Trigger(**values), at


@settings(max_examples=150, deadline=None)
@given(limited())
def test_inv11_due_instants_of_every_kind_tile(given_) -> None:
    """The interval of each begins where the one before ends, from whatever moment one looks."""
    trigger, at = given_
    table = timetable(trigger, anchor=at)
    fires = list(islice(table.after(at), 12))
    event(f"{trigger.kind}, {min(len(fires), 2)} or more")
    assert fires == sorted(set(fires))
    assert all(fire.tzinfo is UTC and fire > at for fire in fires)
    assert next_fire(trigger, at) == (fires[0] if fires else None)
    for earlier, later in pairwise(fires):
        assert interval_start(trigger, later) == earlier
        middle = earlier + (later - earlier) / 2
        for look in (earlier, middle, later - INSTANT):
            assert next_fire(trigger, look) == later
        for look in (earlier + INSTANT, middle + INSTANT, later):
            assert previous_fire(trigger, look) == earlier
    if fires:
        assert table.count(fires[0], fires[-1]) == len(fires)
        assert table.count(at + INSTANT, fires[-1]) == len(fires)
        backwards = list(islice(table.before(fires[-1] + INSTANT), len(fires)))
        assert backwards == fires[::-1]


@settings(max_examples=100, deadline=None)
@given(st.data())
def test_inv11_a_calendar_keeps_the_day_and_the_time_of_its_anchor(data) -> None:
    """Or the end of the gap that swallows it, or the last day of a month that is too short."""
    name = data.draw(st.sampled_from(ODD_ZONES) | st.sampled_from(ZONES))
    at, zone = data.draw(moments(name)), ZoneInfo(name)
    anchor = at - timedelta(minutes=data.draw(st.integers(0, 200_000)))
    trigger = data.draw(calendars(name, anchor))
    start = anchor.astimezone(zone).replace(tzinfo=None)
    fires = list(islice(timetable(trigger, anchor=at).after(at), 8))
    walls = {step: wall_of(trigger, start, step) for step in range(200_000 // 1440 + 20)}
    for fire in fires:
        shown = fire.astimezone(zone).replace(tzinfo=None)
        before = (fire - INSTANT).astimezone(zone).replace(tzinfo=None)
        wanted = {wall for wall in walls.values() if wall == shown or before < wall < shown}
        assert wanted, f"{trigger} at {shown}"
        assert fire.astimezone(zone).fold == 0 or shown not in wanted


def wall_of(trigger: Trigger, start: datetime, step: int) -> datetime:
    """What the clock should show, counted from the anchor."""
    number = step * (trigger.calendar_every or 1)
    if trigger.calendar_unit in DAYS:
        return start + timedelta(days=number * DAYS[trigger.calendar_unit])
    months = start.year * 12 + start.month - 1 + number * MONTHS[str(trigger.calendar_unit)]
    year, month = months // 12, months % 12 + 1
    return start.replace(
        year=year, month=month, day=min(start.day, calendar.monthrange(year, month)[1])
    )


POLICIES = st.builds(
    Policies,
    catch_up=st.sampled_from(["none", "latest", "all"]),
    max_catch_up=st.integers(1, 8),
    max_staleness_seconds=st.none() | st.integers(0, 10**6),
)


@settings(max_examples=100, deadline=None)
@given(limited(), POLICIES, st.integers(0, 15), st.floats(0, 0.999) | st.just(0.0))
def test_inv1_a_plan_accounts_for_every_due_instant(given_, policies, passed, part) -> None:
    """After any downtime and under every policy: runs and one skipped span, without a rest."""
    trigger, at = given_
    table = timetable(trigger, anchor=at)
    fires = list(islice(table.after(at), passed + 2))
    assume(fires)
    overdue = fires[: passed + 1]
    following = fires[passed + 1] if len(fires) > passed + 1 else None
    until = following - INSTANT if following else overdue[-1] + timedelta(days=9)
    now = overdue[-1] + (until - overdue[-1]) * part
    plan = plan_due(trigger, overdue[0], now, policies)
    assert accounted(plan, overdue) == overdue
    assert (plan.next_due, plan.last_due) == (following, overdue[-1])
    on_time = now - overdue[-1] <= timedelta(seconds=60)
    wanted = {"latest": 1, "all": policies.max_catch_up, "none": int(on_time)}
    stale = policies.max_staleness_seconds
    runs = [
        due
        for due in overdue[max(0, len(overdue) - wanted[policies.catch_up]) :]
        if stale is None or now - due <= timedelta(seconds=stale)
    ]
    assert [slot.at for slot in plan.slots] == runs
    for slot in plan.slots:
        assert slot.interval_start == interval_start(trigger, slot.at)


def accounted(plan: Plan, overdue: list[datetime]) -> list[datetime]:
    """The due instants that the skipped span stands for, and those of the runs."""
    skipped = plan.skipped
    if skipped is None:
        return [slot.at for slot in plan.slots]
    inside = overdue[: skipped.count]
    assert (inside[0], inside[-1]) == (skipped.first, skipped.last)
    return inside + [slot.at for slot in plan.slots]

"""Catch-up arithmetic: which due instants run, and which one row stands for the others."""

from datetime import timedelta
from itertools import pairwise

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from store_kit import NOW, cron, every

from jupyter_orch.domain.model import Policies
from jupyter_orch.domain.schedule import timetable
from jupyter_orch.domain.schedule_plan import Span, passed, plan_due

MINUTE = timedelta(minutes=1)
WEEK = timedelta(days=7)


def test_a_due_instant_on_time_is_one_run() -> None:
    """Nothing is skipped, and the interval begins at the due instant before."""
    plan = plan_due(every(60, anchor=NOW), NOW, NOW + timedelta(seconds=2), Policies())
    (slot,) = plan.slots
    assert (slot.at, slot.interval_start) == (NOW, NOW - MINUTE)
    assert (plan.skipped, plan.next_due, plan.last_due) == (None, NOW + MINUTE, NOW)


@pytest.mark.parametrize("trigger", [cron("* * * * *", "Europe/Berlin"), every(60)])
def test_inv1_a_week_down_is_one_run_and_one_skipped_row(trigger) -> None:
    """Ten thousand instants of an every-minute job leave two rows, exactly counted."""
    due = NOW - WEEK
    plan = plan_due(trigger, due, NOW, Policies(catch_up="latest"))
    (slot,) = plan.slots
    assert (slot.at, slot.interval_start) == (NOW, NOW - MINUTE)
    assert plan.skipped == Span(count=7 * 24 * 60, first=due, last=NOW - MINUTE)
    assert plan.next_due == NOW + MINUTE


def test_catch_up_none_skips_what_is_late() -> None:
    """Only an instant that is on time runs; everything else is in the skipped row."""
    policies = Policies(catch_up="none")
    daily = cron("0 6 * * *")
    due = NOW.replace(hour=6) - timedelta(days=2)
    plan = plan_due(daily, due, NOW, policies)
    assert plan.slots == ()
    assert plan.skipped == Span(count=3, first=due, last=NOW.replace(hour=6))
    assert plan.next_due == NOW.replace(hour=6) + timedelta(days=1)
    on_time = plan_due(daily, due, NOW.replace(hour=6, second=59), policies)
    assert [slot.at for slot in on_time.slots] == [NOW.replace(hour=6)]
    assert on_time.skipped == Span(count=2, first=due, last=due + timedelta(days=1))


def test_catch_up_all_runs_the_newest_up_to_its_limit() -> None:
    """Older instants become the skipped row; the runs come oldest first."""
    plan = plan_due(every(60), NOW - 9 * MINUTE, NOW, Policies(catch_up="all", max_catch_up=4))
    assert [slot.at for slot in plan.slots] == [NOW - n * MINUTE for n in (3, 2, 1, 0)]
    assert plan.skipped == Span(count=6, first=NOW - 9 * MINUTE, last=NOW - 4 * MINUTE)
    everything = plan_due(every(60), NOW - 9 * MINUTE, NOW, Policies(catch_up="all"))
    assert (len(everything.slots), everything.skipped) == (10, None)


def test_a_job_every_second_stays_quick_after_years() -> None:
    """Three hundred million instants are counted, not walked."""
    due = NOW - timedelta(days=3650)
    plan = plan_due(every(1), due, NOW, Policies())
    assert plan.skipped == Span(count=3650 * 86400, first=due, last=NOW - timedelta(seconds=1))
    minutes = plan_due(cron("* * * * *", "Europe/Berlin"), due, NOW, Policies())
    assert minutes.skipped is not None
    assert minutes.skipped.count == 3650 * 1440


def test_after_an_edit_the_interval_continues_from_the_last_due_instant() -> None:
    """No data falls between the old schedule and the new one."""
    last = NOW - timedelta(minutes=17)
    plan = plan_due(every(3600, anchor=NOW), NOW, NOW, Policies(), last_due=last)
    assert plan.slots[0].interval_start == last


def test_nothing_is_planned_before_its_time() -> None:
    """A due instant in the future stays where it is."""
    plan = plan_due(every(60), NOW + MINUTE, NOW, Policies())
    assert (plan.slots, plan.skipped, plan.next_due) == ((), None, NOW + MINUTE)
    assert passed(every(60), NOW + MINUTE, NOW) is None


def test_a_due_instant_off_the_grid_still_counts() -> None:
    """Time zone rules may change under a stored due instant; it is fired all the same."""
    due = NOW + timedelta(seconds=30)
    plan = plan_due(cron("0 * * * *"), due, NOW + timedelta(hours=2), Policies(catch_up="all"))
    assert [slot.at for slot in plan.slots] == [
        due, NOW + timedelta(hours=1), NOW + timedelta(hours=2),
    ]  # fmt: skip
    lonely = plan_due(cron("0 * * * *"), due, due, Policies())
    assert [slot.at for slot in lonely.slots] == [due]
    assert lonely.slots[0].interval_start == NOW


@settings(max_examples=100, deadline=None)
@given(
    st.sampled_from([cron("*/20 * * * *", "America/New_York"), cron("30 1 * * *"), every(777)]),
    st.sampled_from(["none", "latest", "all"]),
    st.integers(1, 5),
    st.lists(st.integers(0, 200_000), min_size=1, max_size=6),
)
def test_inv1_wake_ups_account_for_every_due_instant_once(trigger, catch_up, most, pauses) -> None:
    """However long the gaps between wake-ups are: each instant is in one run or one skipped row."""
    policies = Policies(catch_up=catch_up, max_catch_up=most)
    start = now = NOW - timedelta(days=26)  # shortly before clocks go back in New York
    table = timetable(trigger, anchor=start)
    due = first = next(table.after(start))
    last_due, covered, count, slots = None, [], 0, []
    for pause in pauses:
        now += timedelta(seconds=pause)
        if due > now:
            continue
        plan = plan_due(trigger, due, now, policies, last_due=last_due)
        if plan.skipped:
            covered.append((plan.skipped.first, plan.skipped.last))
            count += plan.skipped.count
        covered += [(slot.at, slot.at) for slot in plan.slots]
        count += len(plan.slots)
        slots += plan.slots
        due, last_due = plan.next_due, plan.last_due
    assert due > now
    if not covered:
        return
    assert covered[0][0] == first
    assert count == table.count(first, now)
    for (_, earlier), (later, _) in pairwise(covered):
        assert next(table.after(earlier)) == later
    assert covered[-1][1] == next(table.before(due))
    for slot in slots:
        assert slot.interval_start == next(table.before(slot.at))

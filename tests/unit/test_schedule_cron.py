"""Cron fires in zones whose clocks change."""

from datetime import UTC, datetime, timedelta
from itertools import islice, pairwise
from zoneinfo import ZoneInfo

import pytest
from cronsim import CronSim
from hypothesis import example, given, settings
from hypothesis import strategies as st
from store_kit import NOW, cron, every

from jupyter_orch.domain.schedule import next_fire, preview, previous_fire, timetable
from jupyter_orch.domain.schedule_cron import Cron

# expression, zone, a local midnight, and the fires of the day that begins there
DAYS = [
    # clocks go forward: what does not exist happens at the first instant after the gap
    ("30 2 * * *", "Europe/Berlin", "2026-03-29", ["03:00+02:00"]),
    ("0,30 2 * * *", "Europe/Berlin", "2026-03-29", ["03:00+02:00"]),
    ("30 2,3 * * *", "Europe/Berlin", "2026-03-29", ["03:00+02:00", "03:30+02:00"]),
    ("0 3 * * *", "Europe/Berlin", "2026-03-29", ["03:00+02:00"]),
    ("30 2 * * *", "America/New_York", "2026-03-08", ["03:00-04:00"]),
    ("15 2 * * *", "Australia/Lord_Howe", "2026-10-04", ["02:30+11:00"]),
    ("0 0 * * *", "America/Sao_Paulo", "2018-11-04", ["01:00-02:00"]),
    # clocks go back: the first of two
    ("30 2 * * *", "Europe/Berlin", "2026-10-25", ["02:30+02:00"]),
    ("30 1 * * *", "America/New_York", "2026-11-01", ["01:30-04:00"]),
    ("45 1 * * *", "Australia/Lord_Howe", "2026-04-05", ["01:45+11:00"]),
    # elapsed time
    ("*/30 1 * * *", "America/New_York", "2026-11-01",
     ["01:00-04:00", "01:30-04:00", "01:00-05:00", "01:30-05:00"]),
    ("*/30 2 * * *", "America/New_York", "2026-03-08", []),
    ("0 */6 * * *", "Australia/Lord_Howe", "2026-04-05",
     ["00:00+11:00", "06:00+10:30", "12:00+10:30", "18:00+10:30"]),
    ("0 */2 5 4 *", "Australia/Lord_Howe", "2026-04-05",
     ["00:00+11:00"] + [f"{hour:02}:00+10:30" for hour in range(2, 24, 2)]),
    ("*/15 1-2 * * *", "Australia/Lord_Howe", "2026-04-05",
     ["01:00+11:00", "01:15+11:00", "01:30+11:00", "01:45+11:00",
      "01:30+10:30", "01:45+10:30", "02:00+10:30", "02:15+10:30", "02:30+10:30", "02:45+10:30"]),
]  # fmt: skip

HOURS = [  # fires of `30 * * * *` on a day
    ("Europe/Berlin", "2026-03-29", 23),
    ("Europe/Berlin", "2026-10-25", 25),
    ("America/New_York", "2026-03-08", 23),
    ("America/New_York", "2026-11-01", 25),
    ("Australia/Lord_Howe", "2026-04-05", 25),  # half past one comes twice, half an hour apart
    ("Australia/Lord_Howe", "2026-10-04", 24),
]


def fires_of_day(fields: str, zone: str, day: str) -> list[datetime]:
    """Every fire of one local day."""
    start = datetime.fromisoformat(day).replace(tzinfo=ZoneInfo(zone)).astimezone(UTC)
    table = timetable(cron(fields, zone), anchor=start)
    found = []
    for fire in table.after(start - timedelta(microseconds=1)):
        if fire.astimezone(ZoneInfo(zone)).date().isoformat() != day:
            return found
        found.append(fire)
    return found


@pytest.mark.parametrize(("fields", "zone", "day", "expected"), DAYS)
def test_inv11_fires_when_clocks_change(fields, zone, day, expected) -> None:
    """Fixed times happen once on every day; wildcards run in elapsed time."""
    fires = fires_of_day(fields, zone, day)
    shown = [fire.astimezone(ZoneInfo(zone)).isoformat(timespec="minutes") for fire in fires]
    assert [text[11:] for text in shown] == expected


@pytest.mark.parametrize(("zone", "day", "count"), HOURS)
def test_inv11_hourly_runs_in_elapsed_time(zone, day, count) -> None:
    """A day of 23 or 25 hours has as many fires."""
    assert len(fires_of_day("30 * * * *", zone, day)) == count


@pytest.mark.parametrize("zone", ["America/New_York", "Europe/Berlin", "Australia/Lord_Howe"])
@pytest.mark.parametrize("time", ["0 0", "30 1", "45 1", "0 2", "15 2", "59 2", "0 3", "59 23"])
def test_inv11_a_fixed_time_fires_once_on_each_day_of_a_year(zone, time) -> None:
    """No day is left out and none has two, in zones with both kinds of change."""
    start = datetime(2026, 1, 1, tzinfo=ZoneInfo(zone)) - timedelta(minutes=1)
    table = timetable(cron(f"{time} * * *", zone), anchor=start)
    days = [fire.astimezone(ZoneInfo(zone)).date() for fire in islice(table.after(start), 365)]
    assert [day.toordinal() for day in days] == list(
        range(days[0].toordinal(), days[0].toordinal() + 365)
    )


def test_an_instant_in_the_second_of_two_hours_never_leads_back() -> None:
    """The first 01:50 has passed when it is 01:45 for the second time."""
    second = datetime(2026, 11, 1, 6, 45, tzinfo=UTC)
    trigger = cron("50 1 * * *", "America/New_York")
    assert next_fire(trigger, second) == datetime(2026, 11, 2, 6, 50, tzinfo=UTC)
    assert previous_fire(trigger, second) == datetime(2026, 11, 1, 5, 50, tzinfo=UTC)


FIELD_VALUES = st.sampled_from
EXPRESSIONS = st.builds(
    lambda *fields: " ".join(fields),
    FIELD_VALUES(["0", "30", "59", "*", "*/7", "*/15", "0,45", "10-20"]),
    FIELD_VALUES(["0", "1", "2", "3", "*", "*/2", "1-3", "0,2", "23"]),
    FIELD_VALUES(["*", "*", "1", "L", "13", "*/5", "29"]),
    FIELD_VALUES(["*", "*", "3,10,11", "2-4"]),
    FIELD_VALUES(["*", "*", "1-5", "SUN", "5#2", "7", "6L"]),
)
ZONES = FIELD_VALUES(
    ["UTC", "America/New_York", "Europe/Berlin", "Australia/Lord_Howe", "Asia/Kolkata",
     "America/Sao_Paulo", "Africa/Casablanca", "Pacific/Apia", "America/St_Johns"]
)  # fmt: skip
INSTANTS = st.datetimes(
    min_value=datetime(2005, 1, 1),  # noqa: DTZ001
    max_value=datetime(2030, 1, 1),  # noqa: DTZ001
    timezones=st.just(UTC),
)
#: Starts shortly before a change of clocks, where the mistakes are.
CHANGES = FIELD_VALUES(
    [datetime(2026, 3, 8, tzinfo=UTC), datetime(2026, 11, 1, tzinfo=UTC),
     datetime(2026, 3, 28, 20, tzinfo=UTC), datetime(2026, 10, 24, 20, tzinfo=UTC),
     datetime(2026, 4, 4, 12, tzinfo=UTC), datetime(2026, 10, 3, 12, tzinfo=UTC),
     datetime(2018, 11, 3, 20, tzinfo=UTC), datetime(2011, 12, 29, 20, tzinfo=UTC)]
)  # fmt: skip
STARTS = INSTANTS | st.builds(
    lambda change, minutes: change + timedelta(minutes=minutes), CHANGES, st.integers(0, 900)
)
TRIGGERS = st.builds(cron, EXPRESSIONS, ZONES) | st.builds(
    lambda seconds, anchor: every(seconds, anchor=anchor), st.integers(1, 10**6), INSTANTS
)


@settings(max_examples=150, deadline=None)
@given(TRIGGERS, STARTS)
def test_inv11_intervals_of_consecutive_fires_tile(trigger, start) -> None:
    """Forwards and backwards give the same fires, without a gap and without an overlap."""
    fires = list(islice(timetable(trigger, anchor=start).after(start), 20))
    assert all(fire.tzinfo is UTC for fire in fires)
    assert fires == sorted(set(fires))
    assert next_fire(trigger, start) == fires[0]
    for earlier, later in pairwise(fires):
        assert next_fire(trigger, earlier) == later
        assert previous_fire(trigger, later) == earlier
        middle = earlier + (later - earlier) / 2
        assert next_fire(trigger, middle) == later
        assert previous_fire(trigger, middle + timedelta(microseconds=1)) == earlier
    table = timetable(trigger, anchor=start)
    assert table.count(fires[0], fires[-1]) == len(fires)
    assert table.count(start, fires[-1]) == len(fires) + (previous_fire(trigger, fires[0]) == start)
    backwards = list(islice(table.before(fires[-1] + timedelta(seconds=1)), len(fires)))
    assert backwards == fires[::-1]


@settings(max_examples=60, deadline=None)
@given(EXPRESSIONS, ZONES, STARTS)
def test_inv11_wildcards_match_the_wall_clock_minute_by_minute(fields, zone, start) -> None:
    """Every minute whose wall clock matches fires, and no other."""
    minute, hour, *_ = fields.split()
    fields = " ".join(["*/5" if not (minute + hour).count("*") else minute, *fields.split()[1:]])
    start = start.replace(second=0, microsecond=0)
    end = start + timedelta(hours=30)
    local = start.astimezone(ZoneInfo(zone)).replace(tzinfo=None) - timedelta(hours=26)
    walls = set()
    for wall in CronSim(fields, local):
        if wall > local + timedelta(hours=84):
            break
        walls.add(wall)
    minutes = (start + timedelta(minutes=n) for n in range(1, 30 * 60 + 1))
    expected = [at for at in minutes if at.astimezone(ZoneInfo(zone)).replace(tzinfo=None) in walls]
    found = []
    for fire in timetable(cron(fields, zone), anchor=start).after(start):
        if fire > end:
            break
        found.append(fire)
    assert found == expected


@settings(max_examples=30, deadline=None)
@given(EXPRESSIONS, ZONES, STARTS, st.integers(0, 40))
@example("0 0 * * 1-5", "Pacific/Apia", datetime(2011, 12, 30, 10, tzinfo=UTC), 3)
def test_counting_days_equals_counting_fires(fields, zone, start, days) -> None:
    """Arithmetic over whole days gives what one by one gives."""
    table = timetable(cron(fields, zone), anchor=start)
    end = start + timedelta(days=days)
    one_by_one = 0
    for fire in table.after(start - timedelta(microseconds=1)):
        if fire > end:
            break
        one_by_one += 1
    assert table.count(start, end) == one_by_one


def test_the_preview_marks_days_when_clocks_change() -> None:
    """People see the local time with its offset, and why it is odd."""
    trigger = cron("30 2 * * *", "Europe/Berlin")
    fires = preview(trigger, datetime(2026, 3, 28, tzinfo=UTC), 3)
    assert [(fire.local, fire.note) for fire in fires] == [
        ("2026-03-28T02:30:00+01:00", None),
        ("2026-03-29T03:00:00+02:00", "clocks go forward"),
        ("2026-03-30T02:30:00+02:00", None),
    ]
    assert fires[1].at == datetime(2026, 3, 29, 1, tzinfo=UTC)
    autumn = preview(trigger, datetime(2026, 10, 24, 12, tzinfo=UTC), 1)
    assert autumn[0].note == "clocks go back"


def test_an_hour_that_comes_twice_over_midnight_is_counted_in_a_few_looks(monkeypatch) -> None:
    """Clocks went back at one past midnight in St. John's: a day ended, began and ended again."""
    looks = []
    after = Cron.after
    monkeypatch.setattr(
        Cron, "after", lambda self, instant: (looks.append(instant), after(self, instant))[1]
    )
    table = timetable(cron("*/10 * * * *", "America/St_Johns"), anchor=NOW)
    start = datetime(2006, 10, 29, 2, tzinfo=UTC)
    assert table.count(start, start + timedelta(hours=2)) == 13
    assert len(looks) < 6

"""Random schedules, and what has to be equal when ours and the walk along the clock look at one.

Used by the tests and by benchmarks/cron_oracle.py. Everything comes from one random number
generator, so that a seed repeats it.
"""

import random
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from itertools import takewhile
from zoneinfo import ZoneInfo, available_timezones

from minute_walk import LONGEST, MinuteWalk
from store_kit import cron

from jupyter_orch.domain.model import Trigger, Weekday
from jupyter_orch.domain.schedule import next_fire, previous_fire, timetable
from jupyter_orch.domain.schedule_cron import expand
from jupyter_orch.domain.schedule_plan import Span, passed

INSTANT = timedelta(microseconds=1)
DAY = timedelta(days=1)
#: Every due instant this long before and after the case's instant is compared, and the next one.
AROUND = (DAY, 3 * DAY)
#: From the first year in which every zone is whole minutes ahead of UTC.
FIRST, LAST = datetime(1973, 1, 1, tzinfo=UTC), datetime(2060, 1, 1, tzinfo=UTC)
ZONES = sorted(available_timezones() - {"localtime"})
#: Half an hour, a midnight, a whole day, a week: where mistakes would be.
ODD_ZONES = [
    "Europe/Berlin", "America/New_York", "Australia/Lord_Howe", "America/Sao_Paulo",
    "America/St_Johns", "Africa/Casablanca", "Pacific/Apia", "Antarctica/Vostok", "Asia/Gaza",
    "America/Recife", "Africa/Cairo", "Antarctica/Troll", "Pacific/Chatham", "Asia/Tehran",
]  # fmt: skip
WEEKDAYS: tuple[Weekday, ...] = ("mon", "tue", "wed", "thu", "fri", "sat", "sun")
DAY_NAMES = ("SUN", "Mon", "tue", "WED", "THU", "FRI", "SAT")
MONTH_NAMES = ("JAN", "feb", "MAR", "APR", "MAY", "JUN", "JUL", "AUG", "SEP", "Oct", "NOV", "DEC")
ALIASES = ("@hourly", "@daily", "@midnight", "@weekly", "@monthly", "@yearly", "@annually")


@dataclass(frozen=True)
class Case:
    """A trigger, looked at from an instant."""

    trigger: Trigger
    at: datetime

    def __str__(self) -> str:
        set_values = {
            key: value
            for key in ("start", "end", "exclude_dates", "exclude_weekdays")
            if (value := getattr(self.trigger, key))
        }
        return f"{self.trigger.cron!r} in {self.trigger.time_zone} at {self.at} {set_values or ''}"


def random_case(rng: random.Random) -> Case:
    """Any expression and zone; every second one shortly before clocks change."""
    zone = rng.choice(ODD_ZONES if rng.random() < 0.5 else ZONES)
    at = FIRST + timedelta(seconds=rng.randrange(int((LAST - FIRST).total_seconds())))
    if rng.random() < 0.5:
        at = before_a_change(at, ZoneInfo(zone)) + timedelta(minutes=rng.randrange(36 * 60))
    if rng.random() < 0.3:
        at = at.replace(second=0)
    elif rng.random() < 0.5:
        at += rng.randrange(10**6) * INSTANT
    return Case(cron(random_expression(rng), zone, **_limits(rng, at)), at)


def _limits(rng: random.Random, at: datetime) -> dict[str, object]:
    """Bounds and exclusions of some of the cases."""
    limits: dict[str, object] = {}
    if rng.random() < 0.2:
        limits["start"] = at + timedelta(minutes=rng.randrange(-1440, 2880))
    if rng.random() < 0.2:
        limits["end"] = at + timedelta(minutes=rng.randrange(2880, 6000))
    if rng.random() < 0.2:
        days = rng.sample(range(-1, 5), rng.randrange(1, 4))
        limits["exclude_dates"] = tuple((at + day * DAY).date().isoformat() for day in days)
    if rng.random() < 0.2:
        limits["exclude_weekdays"] = tuple(rng.sample(WEEKDAYS, rng.randrange(1, 6)))
    return limits


def before_a_change(at: datetime, zone: ZoneInfo) -> datetime:
    """A day before the next change of clocks within 400 days, or `at` itself."""
    offset = at.astimezone(zone).utcoffset()
    for day in range(1, 401):
        if (at + day * DAY).astimezone(zone).utcoffset() != offset:
            return at + (day - 2) * DAY
    return at


def random_expression(rng: random.Random) -> str:
    """Anything that the docs promise to read."""
    if rng.random() < 0.04:
        return rng.choice(ALIASES)
    narrow = rng.random() < 0.7  # times at which clocks change
    return " ".join(
        (
            _field(rng, 0, 59, star=0.2),
            _field(rng, 0, 3, most=23, star=0.25) if narrow else _field(rng, 0, 23, star=0.25),
            _day_of_month(rng),
            _field(rng, 1, 12, star=0.75, names=MONTH_NAMES),
            _day_of_week(rng),
        )
    )


def _day_of_month(rng: random.Random) -> str:
    draw = rng.random()
    if draw < 0.06:
        return rng.choice(("L", "LW", "L,15", "1,LW"))
    return _field(rng, 1, 31, star=0.65)


def _day_of_week(rng: random.Random) -> str:
    draw = rng.random()
    if draw < 0.06:
        return f"{rng.choice([*DAY_NAMES, *range(8)])}#{rng.randrange(1, 6)}"
    if draw < 0.12:
        return f"{rng.randrange(8)}L"
    return _field(rng, 0, 7, star=0.65, names=DAY_NAMES)


def _field(
    rng: random.Random,
    low: int,
    high: int,
    *,
    star: float,
    most: int | None = None,
    names: tuple[str, ...] = (),
) -> str:
    if rng.random() < star:
        return "*" if rng.random() < 0.6 else f"*/{rng.randrange(1, (most or high) + 1)}"
    terms = [_term(rng, low, high, names) for _ in range(rng.choice((1, 1, 1, 2, 3)))]
    return ",".join(terms)


def _term(rng: random.Random, low: int, high: int, names: tuple[str, ...]) -> str:
    def written(value: int) -> str:
        if names and value - low < len(names) and rng.random() < 0.4:
            return names[value - low]
        return str(value)

    first = rng.randint(low, high)
    draw = rng.random()
    if draw < 0.6:
        return written(first)
    last = rng.randint(first, high)
    step = f"/{rng.randrange(1, high + 1)}"
    if draw < 0.8:
        return f"{written(first)}-{written(last)}"
    return f"{written(first)}{step}" if draw < 0.9 else f"{first}-{last}{step}"


def check(case: Case, rng: random.Random) -> int:
    """Compares forwards, backwards, and what is counted without walking.

    Returns:
        How many due instants the walk found.

    Raises:
        AssertionError: Ours and the walk differ; names the case.
    """
    trigger, at = case.trigger, case.at
    begin = at - AROUND[0]
    walked, end = walk(trigger, begin, at)
    try:
        expand(trigger.cron or "")
    except ValueError:  # never fires
        assert not walked, case
        return 0
    table = timetable(trigger, anchor=at)
    later = [due for due in walked if due > at]
    assert list(takewhile(lambda due: due <= end, table.after(at))) == later, case
    backwards = takewhile(lambda due: due >= begin, table.before(end + INSTANT))
    assert list(backwards)[::-1] == walked, case
    following, preceding = next_fire(trigger, at), previous_fire(trigger, at)
    assert following == later[0] if later else following is None or following > end, case
    earlier = [due for due in walked if due < at]
    assert preceding == earlier[-1] if earlier else preceding is None or preceding < begin, case
    for _ in range(3):
        _check_counts(case, rng, walked, begin, end)
    return len(walked)


def walk(trigger: Trigger, begin: datetime, at: datetime) -> tuple[list[datetime], datetime]:
    """What is due from `begin` to some days after `at` and at least once, and where it ends."""
    oracle = MinuteWalk(trigger.cron or "", trigger.time_zone)
    zone = ZoneInfo(trigger.time_zone)
    enough, limit = at + AROUND[1], at + LONGEST
    limit = limit if trigger.end is None else min(limit, trigger.end)
    found: list[datetime] = []
    for due in oracle.fires(max(begin, trigger.start or begin), limit):
        if found and due > enough and found[-1] > at:
            return found, found[-1]
        local = due.astimezone(zone)
        excluded = WEEKDAYS[local.weekday()] in trigger.exclude_weekdays
        if not excluded and local.date().isoformat() not in trigger.exclude_dates:
            found.append(due)
    return found, limit


def _check_counts(
    case: Case, rng: random.Random, walked: list[datetime], begin: datetime, end: datetime
) -> None:
    """The number, the first and the last due instant of any window, as one row stands for them."""
    length = int((end - begin).total_seconds())
    low, high = (begin + timedelta(seconds=rng.randint(0, length)) for _ in range(2))
    low, high = min(low, high), max(low, high)
    if walked and rng.random() < 0.5:
        low = rng.choice(walked)  # the edges belong to the window
    if walked and rng.random() < 0.5:
        high = rng.choice(walked)
    inside = [due for due in walked if low <= due <= high]
    shown = f"{case}, from {low} to {high}"
    assert timetable(case.trigger, anchor=low).count(low, high) == len(inside), shown
    if inside:
        span = Span(count=len(inside), first=inside[0], last=inside[-1])
        assert passed(case.trigger, inside[0], high) == span, shown

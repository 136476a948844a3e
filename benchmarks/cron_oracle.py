"""Cron against a walk along the clock on the wall: random schedules, all of which must be equal.

Prints one JSON line with the cases that differ, and what the next due instant costs beside bare
cronsim, which does less, and APScheduler's own trigger, which answers otherwise.
"""

import argparse
import json
import os
import platform
import random
import sys
import time
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from importlib.metadata import version
from pathlib import Path
from zoneinfo import ZoneInfo

from apscheduler.triggers.cron import CronTrigger
from cronsim import CronSim

from jupyter_orch.domain.model import Trigger
from jupyter_orch.domain.schedule import next_fire

sys.path.insert(0, str(Path(__file__).parents[1] / "tests"))
from cron_cases import Case, check, random_case

LOOKS = 5000
#: What is timed; on one of its days clocks go forward.
TIMED, ZONE = "*/20 6-18 * * 1-5", "Europe/Berlin"


def compare(cases: int, seed: int) -> tuple[int, list[str]]:
    """How many due instants were compared, and the cases that differ."""
    rng = random.Random(seed)  # noqa: S311 - a seed repeats the run
    compared, differing = 0, []
    for number in range(cases):
        case: Case = random_case(rng)
        try:
            compared += check(case, rng)
        except AssertionError:
            differing.append(f"{number}: {case}")
        if number and not number % 500:
            print(f"{number} cases, {len(differing)} differ", file=sys.stderr, flush=True)
    return compared, differing


def micros_per_look(look: Callable[[datetime], object]) -> float:
    """Processor time of one look, from instants over three months."""
    start = datetime(2026, 2, 1, tzinfo=UTC)
    looks = [start + timedelta(minutes=25 * number) for number in range(LOOKS)]
    began = time.process_time()
    for at in looks:
        look(at)
    return (time.process_time() - began) / LOOKS * 1e6


def main() -> None:
    """Runs it."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--cases", type=int, default=10_000)
    parser.add_argument("--seed", type=int, help="repeats the cases of an earlier run")
    given = parser.parse_args()
    seed = random.SystemRandom().randrange(10**9) if given.seed is None else given.seed
    began = time.process_time()
    compared, differing = compare(given.cases, seed)
    seconds = time.process_time() - began
    zone = ZoneInfo(ZONE)
    trigger = Trigger(id="t", kind="cron", cron=TIMED, time_zone=ZONE)
    apscheduler = CronTrigger.from_crontab(TIMED, timezone=zone)
    ours = micros_per_look(lambda at: next_fire(trigger, at))
    bare = micros_per_look(lambda at: next(CronSim(TIMED, at.astimezone(zone))))
    theirs = micros_per_look(lambda at: apscheduler.get_next_fire_time(None, at))
    figures = {
        "benchmark": "cron_oracle",
        "cases": given.cases,
        "seed": seed,
        "due_instants_compared": compared,
        "cases_that_differ": len(differing),
        "cpu_seconds": round(seconds),
        "next_us": {"ours": round(ours), "cronsim": round(bare), "apscheduler": round(theirs)},
        "next_ours_to_apscheduler": round(ours / theirs, 2),
        "load": os.getloadavg()[0],
        "python": platform.python_version(),
        "versions": {name: version(name) for name in ("cronsim", "apscheduler", "tzdata")},
    }
    print(json.dumps(figures))
    for case in differing:
        print(case)
    sys.exit(bool(differing))


if __name__ == "__main__":
    main()

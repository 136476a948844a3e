"""One process that does everything, on SQLite, killed again and again wherever it is.

`make chaos` does the same for longer.
"""

import json
import random
import time
from collections.abc import Callable
from contextlib import closing
from dataclasses import asdict
from pathlib import Path

import chaos_kit
import pytest
from chaos_kit import fence, machine, wrong_rows
from fleet_kit import SCHEDULER, WORKER, Fleet, add_schedule, wait_done
from noop_launcher import SECONDS, TABLE

from jupyter_orch.store.sql import SqlStore

ALL = f"{SCHEDULER},{WORKER}"
SPAN = chaos_kit.SECONDS / 2  # seconds of due instants
LEASE = 2.0  # seconds
LIFE = 1.5  # seconds that it works, on average
LEAST_DEATHS = 4
EARLY_SHARE = 0.2  # of the deaths: before it has begun to work
TABLES = ("default.only",)


@pytest.mark.slow
@pytest.mark.timeout(10 * chaos_kit.SECONDS + 600)
def test_inv1_inv5_inv7_kill_9_in_a_loop_misses_doubles_and_loses_nothing(
    tmp_path: Path, say: Callable[[str], None]
) -> None:
    """It dies at any line; the next one goes on, and each due instant has one result."""
    url = f"sqlite:///{tmp_path / 'state.db'}"
    chance = random.Random(chaos_kit.SEED)  # noqa: S311 - moments, no secret
    say(f"seed {chaos_kit.SEED} (CHAOS_SEED repeats it)")
    deaths = 0
    with closing(SqlStore(url)) as store, Fleet(tmp_path, url, lease_seconds=LEASE) as fleet:
        schedules = [
            add_schedule(
                fleet,
                store,
                jobs=jobs,
                every_seconds=1,
                seconds=SPAN,
                parameters=parameters,
            )
            for jobs, parameters in (
                (1, [{TABLE: TABLES[0]}]),
                (9, [{}, {SECONDS: 0.1}, {SECONDS: 0.8}]),
            )
        ]
        end = time.monotonic() + SPAN
        while time.monotonic() < end or deaths < LEAST_DEATHS:
            member = fleet.start(ALL)
            if chance.random() < EARLY_SHARE:
                time.sleep(chance.uniform(0.0, LIFE))
            else:
                fleet.wait_ready()
                time.sleep(chance.expovariate(1 / LIFE))
            member.kill()
            deaths += 1
        last = fleet.start(ALL)
        count = wait_done(url, schedules, seconds=4 * chaos_kit.SECONDS + 300)
        assert last.drain() == 0
        late = fence(fleet)
        wrong = wrong_rows(fleet, schedules, TABLES)
        say(json.dumps({**machine(), "kills": deaths, **asdict(count), "wrong": wrong}))
        assert count.flawless, count
        assert (late.believed, late.wronged) == (0, 0), late
        assert wrong == 0

"""Schedulers and workers are killed and frozen at random; each due instant has one result.

`make chaos` does the same for ten minutes and more jobs.
"""

import json
import random
from collections.abc import Callable
from contextlib import closing
from dataclasses import asdict
from pathlib import Path

import chaos_kit
import pytest
from chaos_kit import fence, machine, rage, wrong_rows
from fleet_kit import SCHEDULER, WORKER, Fleet, add_schedule, wait_done
from noop_launcher import SECONDS, TABLE
from postgres_fixture import PostgresServer

from jupyter_orch.store.sql import SqlStore

SCHEDULERS, WORKERS = 3, 4
LEASE = 5.0  # seconds
PERIOD = 5  # seconds
#: Of each worker: half of them could execute everything, so that what is lost is made up for.
SLOTS = max(8, chaos_kit.JOBS // 15)
TABLES = ("default.first", "default.second")
#: Of a hundred jobs two publish; the others take a moment, or longer than a blow is away.
PLAIN = [{SECONDS: 0.1}, {SECONDS: 0.5}, {}, {SECONDS: 2.0}] * 24
PATIENCE = 300 + 2 * chaos_kit.SECONDS


@pytest.mark.slow
@pytest.mark.timeout(chaos_kit.SECONDS + PATIENCE + 300)
def test_inv1_inv3_inv5_inv7_chaos_misses_doubles_and_loses_nothing(
    tmp_path: Path,
    postgresql_server: PostgresServer,
    say: Callable[[str], None],
) -> None:
    """3 schedulers, 4 workers; kill -9 and SIGSTOP beyond the lease; late writers are refused."""
    url = postgresql_server.new_database()
    catalog = postgresql_server.new_database().replace("postgresql:", "postgresql+psycopg:")
    chance = random.Random(chaos_kit.SEED)  # noqa: S311 - moments and victims, no secret
    say(f"seed {chaos_kit.SEED} (CHAOS_SEED repeats it)")
    with (
        closing(SqlStore(url)) as store,
        Fleet(
            tmp_path, url, lease_seconds=LEASE, slots=SLOTS, WAREHOUSE__CATALOG_URI=catalog
        ) as fleet,
    ):
        for role in [SCHEDULER] * SCHEDULERS + [WORKER] * WORKERS:
            fleet.start(role)
        fleet.wait_ready()
        publishing = [{TABLE: table} for table in TABLES]
        schedules = [
            add_schedule(
                fleet,
                store,
                jobs=jobs,
                every_seconds=PERIOD,
                seconds=chaos_kit.SECONDS,
                parameters=parameters,
            )
            for jobs, parameters in ((len(TABLES), publishing), (chaos_kit.JOBS - 2, PLAIN))
        ]
        toll = rage(fleet, chance, seconds=chaos_kit.SECONDS, lease_seconds=LEASE)
        count = wait_done(url, schedules, seconds=PATIENCE)
        late = fence(fleet)
        wrong = wrong_rows(fleet, schedules, TABLES)
        figures = {**machine(), **asdict(toll), **asdict(count), **asdict(late), "wrong": wrong}
        say(json.dumps(figures))
        assert toll.kills, "nobody was killed"
        assert count.flawless, count
        assert (late.believed, late.wronged) == (0, 0), late
        assert wrong == 0

"""Hosts whose clocks are minutes apart: only the database's counts."""

from contextlib import closing
from pathlib import Path

import pytest
from fleet_kit import SCHEDULER, WORKER, Fleet, add_schedule, ask, wait_done
from noop_launcher import SECONDS
from skewed_clock import program

from jupyter_orch.store.sql import SqlStore

APART = (-120.0, 0.0, 120.0)  # seconds
LEASE = 20.0  # seconds; far less than the clocks are apart, and more than a busy machine sleeps
LONG = 8.0  # seconds; the lease is renewed meanwhile


@pytest.mark.slow
@pytest.mark.timeout(600)
def test_inv4_inv1_clocks_that_are_minutes_apart_change_nothing(
    tmp_path: Path, postgresql_url: str
) -> None:
    """Every instant is fired once, and a lease that is kept is never taken for a lost one."""
    url = postgresql_url
    with (
        closing(SqlStore(url)) as store,
        Fleet(tmp_path, url, lease_seconds=LEASE, slots=4) as fleet,
    ):
        for seconds in APART:
            for role in (SCHEDULER, WORKER):
                fleet.start(role, program=program(tmp_path, seconds))
        fleet.wait_ready()
        quick = add_schedule(fleet, store, jobs=10, every_seconds=1, seconds=10)
        long = add_schedule(
            fleet, store, jobs=9, every_seconds=5, seconds=5, parameters=[{SECONDS: LONG}]
        )
        done = wait_done(url, [quick, long])
        assert done.flawless, done
        assert done.taken_over == 0, done
        assert done.executed_again == 0, done
        workers = {name.split("-")[-2] for (name,) in ask(url, "SELECT worker FROM attempt")}
        assert workers == {str(each.process.pid) for each in fleet.living(WORKER)}
        told = {each["member"] for each in fleet.journal() if each["event"] == "clock.differs"}
        assert len(told) == 2 * len([seconds for seconds in APART if seconds])

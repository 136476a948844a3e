"""A rolling restart under load: every member ends in order, one by one, and nobody notices."""

from contextlib import closing
from pathlib import Path

import pytest
from fleet_kit import (
    SCHEDULER,
    WORKER,
    Fleet,
    Member,
    Schedule,
    add_schedule,
    ask,
    until,
    wait_done,
)
from noop_launcher import SECONDS

from jupyter_orch.store.sql import SqlStore

SHORT, LONG = 0.2, 6.0  # seconds that a run takes: less than a drain allows, and more
DRAIN = 1.0  # seconds
ROLES = (SCHEDULER, WORKER, SCHEDULER, WORKER)


@pytest.mark.slow
@pytest.mark.timeout(600)
def test_inv7_a_rolling_restart_loses_nothing_and_costs_no_attempt(
    tmp_path: Path, postgresql_url: str
) -> None:
    """What runs is finished or handed back; what is due meanwhile is fired by the others."""
    with (
        closing(SqlStore(postgresql_url)) as store,
        Fleet(tmp_path, postgresql_url, SERVICE__DRAIN_SECONDS=str(DRAIN)) as fleet,
    ):
        old = [fleet.start(role) for role in ROLES]
        new = [fleet.start(role) for role in ROLES]
        fleet.wait_ready()
        short = add_schedule(
            fleet, store, jobs=16, every_seconds=2, seconds=10, parameters=[{SECONDS: SHORT}]
        )
        schedules = [short]
        for member in old:
            while member.roles == WORKER and not is_busy(postgresql_url, member):
                long = add_schedule(
                    fleet, store, jobs=2, every_seconds=1, seconds=0, parameters=[{SECONDS: LONG}]
                )
                schedules.append(long)
                until(lambda due=long: has_begun(postgresql_url, due), "the long runs have begun")
            assert member.drain() == 0
        done = wait_done(postgresql_url, schedules)
        assert done.flawless, done
        assert done.taken_over == 0, done
        assert done.handed_back > 0, done
        assert [member.drain() for member in new] == [0, 0, 0, 0]
    spent = ask(postgresql_url, "SELECT DISTINCT attempt - free_attempts FROM run")
    assert spent == [(1,)]


def has_begun(url: str, schedule: Schedule) -> bool:
    """Whether all of its runs have been taken by a worker."""
    begun = ask(url, "SELECT job_id FROM run WHERE started_at IS NOT NULL")
    return {job.id for job in schedule.jobs} <= {job_id for (job_id,) in begun}


def is_busy(url: str, worker: Member) -> bool:
    """Whether it executes a run that takes longer than it will have."""
    held = ask(
        url,
        "SELECT parameters FROM run WHERE state = 'running'"
        f" AND owner LIKE '%-{worker.process.pid}-%'",
    )
    return any(parameters[SECONDS] == LONG for (parameters,) in held)

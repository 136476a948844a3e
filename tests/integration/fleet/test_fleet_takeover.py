"""When a process dies, the others do its work; how soon, `benchmarks/takeover.py` measures."""

from contextlib import closing
from pathlib import Path

import pytest
from fleet_kit import SCHEDULER, WORKER, Fleet, add_schedule, ask, until, wait_done
from noop_launcher import SECONDS

from jupyter_orch.store.sql import SqlStore

LEASE = 2.0  # seconds
LONG = 3 * LEASE  # seconds that a run takes: it outlives the lease of a worker that died


@pytest.mark.slow
@pytest.mark.timeout(600)
def test_inv4_others_fire_what_is_due_and_retake_what_a_killed_worker_held(
    tmp_path: Path, postgresql_url: str
) -> None:
    """A run that is held goes on, one whose holder died begins again: once, after its lease."""
    with (
        closing(SqlStore(postgresql_url)) as store,
        Fleet(tmp_path, postgresql_url, lease_seconds=LEASE, slots=2) as fleet,
    ):
        members = [fleet.start(role) for role in (SCHEDULER, SCHEDULER, WORKER, WORKER)]
        fleet.wait_ready()
        schedule = add_schedule(
            fleet, store, jobs=4, every_seconds=60, seconds=0, parameters=[{SECONDS: LONG}]
        )
        members[0].kill()
        holders = "SELECT DISTINCT owner FROM run WHERE state = 'running'"
        until(lambda: len(ask(postgresql_url, holders)) == 2, "both workers hold runs")
        members[2].kill()
        done = wait_done(postgresql_url, [schedule])
        assert done.flawless, done
        assert done.taken_over == done.executed_again > 0, done
        attempts = ask(
            postgresql_url,
            "SELECT run_id, number, worker, started_at, ended_at FROM attempt ORDER BY number",
        )
        mine = f"-{members[2].process.pid}-"
        assert {each.number for each in attempts if mine in each.worker} == {1}
        first = {each.run_id: each for each in attempts if each.number == 1}
        for second in (each for each in attempts if each.number == 2):
            lost = first[second.run_id]
            assert mine in lost.worker
            assert lost.started_at + LEASE * 1e6 <= lost.ended_at <= second.started_at

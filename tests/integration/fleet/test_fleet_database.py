"""The database goes away under load, in each way that it can: the fleet recovers by itself."""

import signal
import time
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import pytest
from fleet_kit import SCHEDULER, WORKER, Fleet, add_schedule, ask, until, wait_done
from noop_launcher import SECONDS
from postgres_fixture import PostgresServer, name_in, running_postgres

from jupyter_orch.store.sql import SqlStore

ROLES = (SCHEDULER, WORKER, SCHEDULER, WORKER)
AWAY = 3.0  # seconds
#: Events that say that somebody met the fault.
MET = {"worker.database_away", "scheduler.wake_up_failed", "chore.postponed"}

pytestmark = [pytest.mark.slow, pytest.mark.timeout(600)]  # seconds; a busy machine takes its time


@pytest.fixture
def server() -> Iterator[PostgresServer]:
    """One that the test may stop."""
    with running_postgres() as started:
        yield started


def test_inv4_inv7_connections_and_servers_that_end_cost_nothing(
    server: PostgresServer, tmp_path: Path
) -> None:
    """Cut connections, a stop and a crash of the server: nothing missed, doubled or lost."""
    url = server.new_database()
    with closing(SqlStore(url)) as store, Fleet(tmp_path, url) as fleet:
        members = [fleet.start(roles) for roles in ROLES]
        fleet.wait_ready()
        load = add_schedule(
            fleet,
            store,
            jobs=15,
            every_seconds=2,
            seconds=24,
            parameters=[{}, {SECONDS: 1.0}],
            overlap="parallel",
        )
        until(lambda: ask(url, "SELECT 1 FROM run WHERE state = 'running'"), "it is at work")
        for _ in range(3):
            server.cut(name_in(url))
            time.sleep(1.0)
        for how in (signal.SIGINT, signal.SIGQUIT):  # an orderly stop, then a crash
            server.stop(how)
            time.sleep(AWAY)
            server.start()
            until(lambda: ask(url, "SELECT 1 FROM run WHERE ended_at IS NULL"), "it goes on")
        done = wait_done(url, [load])
        assert done.flawless, done
        assert {each["event"] for each in fleet.journal()} & MET
        assert all(member.alive for member in members)  # nobody had to start them again
        assert [member.drain() for member in members] == [0] * len(members)

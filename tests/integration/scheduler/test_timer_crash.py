"""Many processes on one database, some of them killed: each due instant exactly once."""

import random
import subprocess
import sys
import time
from collections import Counter
from datetime import timedelta
from pathlib import Path

import pytest
from store_kit import add_job, every, spec_of

from jupyter_orch.domain.ids import DEFAULT_TEAM
from jupyter_orch.domain.model import Job, Run
from jupyter_orch.store.sql import SqlStore

PROGRAM = Path(__file__).with_name("timer_process.py")
TESTS = PROGRAM.parents[2]
JOBS = 8
DEATHS = 5
SECOND = timedelta(seconds=1)


class Member:
    """One process with a timer."""

    def __init__(self, url: str) -> None:
        self.process = subprocess.Popen(
            [sys.executable, str(PROGRAM), url],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            env={"PYTHONPATH": str(TESTS), "PATH": ""},
        )

    def started(self) -> None:
        """Waits until it fires."""
        assert self.process.stdout is not None
        assert self.process.stdout.readline() == b"started\n"

    def kill(self) -> None:
        """Kill -9, wherever it is."""
        self.process.kill()
        self._reap()

    def stop(self) -> None:
        """Ends it in order."""
        assert self.process.stdin is not None
        self.process.stdin.close()
        assert self.process.wait(60) == 0
        self._reap()

    def _reap(self) -> None:
        self.process.wait(60)
        for pipe in (self.process.stdin, self.process.stdout):
            assert pipe is not None
            pipe.close()


def all_rows(store: SqlStore) -> list[Run]:
    """Every row there is."""
    rows, cursor = [], None
    while True:
        page = store.list_runs(DEFAULT_TEAM, cursor=cursor, limit=500)
        rows += page.items
        cursor = page.next_cursor
        if cursor is None:
            return rows


def assert_each_instant_once(store: SqlStore, jobs: list[Job], first) -> int:
    """Runs and skipped rows together name every due instant once; answers how many."""
    seen: Counter[tuple] = Counter()
    for row in all_rows(store):
        if row.skipped_count:
            at = row.skipped_first
            assert (row.skipped_last - at) // SECOND + 1 == row.skipped_count
            seen.update((row.job_id, at + n * SECOND) for n in range(row.skipped_count))
        else:
            seen[row.job_id, row.logical_time] += 1
    wanted: set[tuple] = set()
    for job in jobs:
        due = store.get_summary(job.id).next_due
        assert due is not None
        wanted |= {(job.id, first + n * SECOND) for n in range((due - first) // SECOND)}
    assert set(seen) == wanted
    assert set(seen.values()) == {1}
    return len(wanted)


@pytest.fixture
def url(tmp_path: Path) -> str:
    """An empty database."""
    return f"sqlite:///{tmp_path / 'state.db'}"


@pytest.mark.slow
def test_inv2_processes_share_one_database(url: str) -> None:
    """Two timers at work: nothing is missed, nothing doubled, and both go home in order."""
    store = SqlStore(url)
    members = [Member(url) for _ in range(2)]
    for member in members:
        member.started()
    first = store.now() + SECOND
    jobs = [
        add_job(store, spec_of("", every(1, anchor=first), catch_up="all"), due=first)
        for _ in range(JOBS)
    ]
    time.sleep(5)
    for member in members:
        member.stop()
    assert assert_each_instant_once(store, jobs, first) >= JOBS * 3
    store.close()


@pytest.mark.slow
def test_inv1_inv2_kill_9_in_a_loop_misses_and_doubles_nothing(url: str) -> None:
    """Timers die at any line, again and again; every due instant has exactly one row."""
    chance = random.Random(20261124)  # noqa: S311 - the moments of dying, not a secret
    store = SqlStore(url)
    first = store.now()
    jobs = [
        add_job(store, spec_of("", every(1, anchor=first), catch_up=policy), due=first)
        for policy in ["latest", "all", "none"] * 3
    ]
    end, deaths = time.monotonic() + 12, 0
    members = [Member(url), Member(url)]
    # So often, however long a busy machine takes to start a process.
    while time.monotonic() < end or deaths < DEATHS:
        victim = members.pop(0)
        victim.started()
        time.sleep(chance.uniform(0.0, 1.2))
        victim.kill()
        deaths += 1
        members.append(Member(url))
    survivor, other = members
    survivor.started()
    time.sleep(1.5)
    other.kill()
    survivor.stop()
    assert assert_each_instant_once(store, jobs, first) >= len(jobs) * 8
    store.close()

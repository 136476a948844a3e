"""Many processes on one database, all of them killed: each interval of a backfill exactly once."""

import itertools
import random
import subprocess
import sys
import time
from collections import Counter
from datetime import timedelta
from pathlib import Path

import pytest
from store_kit import NOW, add_backfill, add_job, every, spec_of

from jupyter_orch.domain.ids import DEFAULT_TEAM
from jupyter_orch.domain.model import Backfill, Run
from jupyter_orch.store.sql import SqlStore

PROGRAM = Path(__file__).with_name("backfill_process.py")
TESTS = PROGRAM.parents[2]
MINUTE = timedelta(minutes=1)
INTERVALS = 250
ROOM = (1, 4, 9)
DEATHS = 5
PATIENCE = 90  # seconds
_NAMES = itertools.count()


class Member:
    """One process that feeds and works."""

    def __init__(self, url: str) -> None:
        self.process = subprocess.Popen(
            [sys.executable, str(PROGRAM), url, f"w{next(_NAMES)}"],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            env={"PYTHONPATH": f"{TESTS}:{TESTS.parent}", "PATH": ""},
        )

    def started(self) -> None:
        """Waits until it works."""
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


def runs_of(store: SqlStore, backfill: Backfill) -> list[Run]:
    """Every run of it."""
    return list(store.list_runs(DEFAULT_TEAM, backfill_id=backfill.id, limit=1000).items)


def is_any_running(store: SqlStore, backfills: list[Backfill]) -> bool:
    """Whether there is anything left to do."""
    return any(store.get_backfill(DEFAULT_TEAM, each.id).state == "running" for each in backfills)


def assert_fits(store: SqlStore, backfills: list[Backfill]) -> None:
    """None has more runs at a time than it may have."""
    for backfill in backfills:
        counts = store.get_backfill(DEFAULT_TEAM, backfill.id).counts
        assert counts.get("queued", 0) + counts.get("running", 0) <= backfill.concurrency


@pytest.mark.slow
def test_inv1_inv7_kill_9_in_a_loop_runs_each_interval_once(tmp_path: Path) -> None:
    """Feeders die at any line, again and again; no interval is lost, none runs twice."""
    chance = random.Random(20260105)  # noqa: S311 - the moments of dying, not a secret
    url = f"sqlite:///{tmp_path / 'state.db'}"
    store = SqlStore(url)
    backfills = []
    for room in ROOM:
        trigger = every(60, anchor=NOW)
        job = add_job(store, spec_of("", trigger, overlap="parallel", retries=90))
        backfills.append(
            add_backfill(
                store,
                job,
                first=NOW,
                last=NOW + (INTERVALS - 1) * MINUTE,
                planned=INTERVALS,
                concurrency=room,
                newest_first=room == ROOM[1],
            )
        )
    deaths, cursors = 0, set()
    members = [Member(url), Member(url)]
    end = time.monotonic() + 12
    # So often, however long a busy machine takes to start a process.
    while time.monotonic() < end or (deaths < DEATHS and is_any_running(store, backfills)):
        victim = members.pop(0)
        victim.started()
        time.sleep(chance.uniform(0.0, 0.6))
        victim.kill()
        deaths += is_any_running(store, backfills)
        assert_fits(store, backfills)
        cursors.add(store.get_backfill(DEFAULT_TEAM, backfills[0].id).cursor)
        members.append(Member(url))
    for member in members:
        member.started()
    last = time.monotonic() + PATIENCE
    while is_any_running(store, backfills):
        assert time.monotonic() < last, "the backfills never ended"
        time.sleep(0.1)
    for member in members:
        member.stop()
    assert deaths >= DEATHS
    assert len(cursors) >= 3  # it died in the middle, not before or after
    for backfill in backfills:
        ended = store.get_backfill(DEFAULT_TEAM, backfill.id)
        assert (ended.state, ended.counts) == ("succeeded", {"succeeded": INTERVALS})
        times = Counter(run.logical_time for run in runs_of(store, backfill))
        assert times == Counter(NOW + n * MINUTE for n in range(INTERVALS))
        tries = [store.attempts(run.id) for run in runs_of(store, backfill)]
        for attempts in tries:
            assert [attempt.state for attempt in attempts].count("succeeded") == 1
    store.close()

"""kill -9 of workers at random moments while they stage, check and publish sets of tables.

`make table-chaos` does it for longer.
"""

import json
import os
import random
import sys
import time
from collections import Counter

import pytest
from table_kit import Sets, TableWorker, judge, until

from jupyter_orch.domain.states import TERMINAL, RunState

#: How many writers are killed, half in each world; `make table-chaos` sets more.
KILLS = int(os.environ.get("TABLE_KILLS", "20"))
#: Repeats the same moments.
SEED = int(os.environ.get("TABLE_SEED") or random.randrange(10**6))  # noqa: S311
LATE = 0.3  # of the kills: in the time that publishing takes, which is short
WORKERS = 2  # at a time, so that tables move on while one of them is written to


@pytest.mark.slow
@pytest.mark.timeout(300 + 10 * KILLS)
def test_inv5_inv7_writers_killed_at_any_moment_lose_double_and_leave_nothing(
    sets: Sets, capsys: pytest.CaptureFixture[str]
) -> None:
    """Appends, slices, upserts and first versions, two workers at a time, each replaced soon."""
    chance = random.Random(SEED)  # noqa: S311 - moments, no secret
    began = time.monotonic()
    whole, publishing = _one_set(sets)
    hits: Counter[str] = Counter()
    working: list[tuple[TableWorker, float]] = []
    while hits.total() - hits["idle"] < KILLS // 2:
        _feed(sets)
        while len(working) < WORKERS:
            # The first set of a worker is late by its first connections.
            working.append((sets.worker(), time.monotonic() + chance.uniform(0, 2 * whole)))
        working.sort(key=lambda each: each[1])
        worker, moment = working.pop(0)
        time.sleep(max(0.0, moment - time.monotonic()))
        if chance.random() < LATE:
            until(lambda held=worker.name: _publishes(sets, held))
            time.sleep(chance.uniform(0, publishing))
        worker.kill()
        hits[_hit(sets, worker)] += 1
    for _ in range(WORKERS):
        sets.worker()
    until(lambda: all(sets.get(run).state in TERMINAL for run in sets.runs))
    sets.sweep()
    judge(sets)
    figures = {"seed": SEED, **hits, "runs": len(sets.runs), "set": round(whole, 2)}
    figures |= {"publishing": hits["publishing"], "publish": round(publishing, 2)}
    figures["attempts"] = sum(sets.get(run).attempt for run in sets.runs)
    figures["seconds"] = round(time.monotonic() - began)
    with capsys.disabled():
        sys.stdout.write(f"\n{json.dumps(figures)} (TABLE_SEED repeats the moments)\n")


def _one_set(sets: Sets) -> tuple[float, float]:
    """Seconds that an undisturbed worker takes from its start, and for publishing alone."""
    first = sets.worker()
    sets.wait(sets.add())
    run = sets.add()
    began = time.monotonic()
    sets.wait(run, RunState.PUBLISHING, *TERMINAL)
    published = time.monotonic()
    sets.wait(run)
    ended = time.monotonic()
    first.kill()
    return ended - began, ended - published


def _publishes(sets: Sets, name: str) -> bool:
    """Whether the worker publishes, or there is nothing that it could."""
    _feed(sets)
    return any(run.state is RunState.PUBLISHING for run in sets.held_by(name))


def _feed(sets: Sets) -> None:
    """There is always something to write."""
    while sum(sets.get(run).state is RunState.QUEUED for run in sets.runs[-10:]) < WORKERS + 1:
        sets.add()


def _hit(sets: Sets, worker: TableWorker) -> str:
    """What the worker was at."""
    held = sets.held_by(worker.name)
    if not held:
        return "idle"
    run = held[-1]  # an older one is no longer held, which the next beat of its heart will tell
    if run.state is RunState.RUNNING:
        staged = sets.settings.warehouse.folder / ".staging" / run.id / str(run.attempt)
        return "staging" if staged.exists() else "starting"
    return "publishing"

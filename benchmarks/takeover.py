"""How long it takes until others do what a killed process did. Prints a table and one JSON line.

On PostgreSQL, with three schedulers and three workers as processes of their own; runs execute no
notebook. A scheduler is killed just before jobs are due: how late do their rows come? A worker is
killed while it holds a run: when does the run's next attempt begin? Each beside the same without a
death, as far as there is one.
"""

import argparse
import json
import os
import platform
import random
import statistics
import sys
import tempfile
import time
from contextlib import closing
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).parents[1] / "tests"))

from fleet_kit import SCHEDULER, WORKER, Fleet, Schedule, add_schedule, ask, until
from noop_launcher import SECONDS
from postgres_fixture import running_postgres

from jupyter_orch.store.sql import SqlStore

SCHEDULERS = WORKERS = 3
JOBS = 20
LEASE = 5.0  # seconds
GOALS = {"due": 1.0, "due after a kill": 1.0, "retaken after a kill": LEASE + 2}


def due_rows(fleet: Fleet, store: SqlStore, chance: random.Random, *, kill: bool) -> float:
    """Seconds from due to the last of the jobs' rows; with `kill` a scheduler dies in between."""
    fleet.wait_ready()
    schedule = add_schedule(fleet, store, jobs=JOBS, every_seconds=60, seconds=0, begin_in=2)
    if kill:
        victim = chance.choice(fleet.living(SCHEDULER))
        due = schedule.first.timestamp()
        time.sleep(max(0.0, due - time.time() + chance.uniform(-0.5, 0.1)))
        victim.kill()
    jobs = {job.id for job in schedule.jobs}

    def late() -> list[float]:
        rows = ask(fleet.url, "SELECT job_id, created_at - logical_time AS late FROM run")
        return [row.late / 1e6 for row in rows if row.job_id in jobs]

    until(lambda: len(late()) == JOBS, "every due job has its row")
    if kill:
        fleet.start(SCHEDULER)
    return max(late())


def retaken(fleet: Fleet, store: SqlStore, chance: random.Random) -> float:
    """Seconds from the death of a worker to the next attempt of a run that it held."""
    fleet.wait_ready()
    schedule = add_schedule(
        fleet,
        store,
        jobs=WORKERS,
        every_seconds=60,
        seconds=0,
        parameters=[{SECONDS: 3 * LEASE}],
        begin_in=1,
    )
    until(lambda: len(held(fleet, schedule)) == WORKERS, "the runs have begun")
    time.sleep(chance.uniform(0.0, LEASE / 3))  # a beat is as old as it happens to be
    owners = held(fleet, schedule)
    owner = chance.choice(sorted(set(owners.values())))
    victim = next(each for each in fleet.living(WORKER) if f"-{each.process.pid}-" in owner)
    lost = {run_id for run_id, name in owners.items() if name == owner}
    died = time.time()
    victim.kill()

    def begun() -> list[float]:
        rows = ask(fleet.url, "SELECT run_id, started_at FROM attempt WHERE number = 2")
        return [row.started_at / 1e6 for row in rows if row.run_id in lost]

    until(lambda: len(begun()) == len(lost), "the runs have been taken over")
    fleet.start(WORKER)
    return max(begun()) - died


def held(fleet: Fleet, schedule: Schedule) -> dict[str, str]:
    """Who holds which run of the schedule."""
    jobs = {job.id for job in schedule.jobs}
    rows = ask(fleet.url, "SELECT id, job_id, owner FROM run WHERE state = 'running'")
    return {row.id: row.owner for row in rows if row.job_id in jobs}


def main() -> None:
    """Kills, measures, prints."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rounds", type=int, default=10)
    parser.add_argument("--seed", type=int, default=1)
    given = parser.parse_args()
    chance = random.Random(given.seed)  # noqa: S311 - moments and victims, no secret
    seconds: dict[str, list[float]] = {name: [] for name in GOALS}
    with (
        running_postgres() as server,
        tempfile.TemporaryDirectory(prefix="orch-") as folder,
        closing(SqlStore(url := server.new_database())) as store,
        Fleet(Path(folder), url, lease_seconds=LEASE) as fleet,
    ):
        for role in [SCHEDULER] * SCHEDULERS + [WORKER] * WORKERS:
            fleet.start(role)
        for _ in range(given.rounds):
            seconds["due"].append(due_rows(fleet, store, chance, kill=False))
            seconds["due after a kill"].append(due_rows(fleet, store, chance, kill=True))
            seconds["retaken after a kill"].append(retaken(fleet, store, chance))
    report(seconds, rounds=given.rounds)


def report(seconds: dict[str, list[float]], *, rounds: int) -> None:
    """The table, and the same as JSON."""
    figures: dict[str, Any] = {
        "benchmark": "takeover",
        "at": datetime.now(UTC).isoformat(timespec="seconds"),
        "load": [round(load, 1) for load in os.getloadavg()],
        "python": platform.python_version(),
        "rounds": rounds,
        "lease_seconds": LEASE,
    }
    line = "{:24} {:>8} {:>8} {:>8}"
    print(line.format("seconds", "median", "longest", "goal"))
    for name, values in seconds.items():
        median, longest = round(statistics.median(values), 2), round(max(values), 2)
        print(line.format(name, median, longest, f"<= {GOALS[name]:g}"))
        figures[name.replace(" ", "_")] = {"median": median, "longest": longest}
    print(json.dumps(figures))


if __name__ == "__main__":
    main()

"""Days of a busy installation in fast motion: the product's parts under a simulated clock.

Ten thousand workflows with triggers of every kind in several time zones, over a change of clocks;
attempts do nothing, take simulated time and fail now and then; workers and whole services die,
people edit jobs and run backfills, and retention removes what is old. Afterwards every due instant
and every attempt is accounted for. Prints one JSON line; exits with 1 when something is wrong.
"""

import argparse
import json
import logging
import os
import platform
import random
import sqlite3
import sys
import tempfile
import time
from collections import Counter
from dataclasses import asdict
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import sqlalchemy as sa
from motion.audit import Audit, Findings
from motion.fleet import fleet
from motion.gauge import BEYOND, LASTING, Sample, sample, slope
from motion.installation import Installation
from motion.oracle import Oracle
from motion.world import SECOND, World

from jupyter_orch.domain.ids import DEFAULT_TEAM
from jupyter_orch.server.collector import spare
from jupyter_orch.store.changes import KEPT_CHANGES
from jupyter_orch.store.rows import micros

#: Clocks go back in Europe one hour into it.
START = datetime(2026, 10, 25, tzinfo=UTC)
HOUR, DAY = 3600, 86_400  # seconds
EDIT_EVERY, BACKFILL_EVERY, LOSS_EVERY = 120, 1200, 4 * HOUR
#: When the service is down, from the beginning of each day, and for how long.
DOWN_AT, DOWN_FOR = 1.75 * HOUR, 900
#: Tables that grow to a size of their own.
MOST_MB_A_DAY = 5.0
MOST_ROWS = {"change": KEPT_CHANGES + 2000}


class Simulation:
    """One run of the benchmark."""

    def __init__(self, given: argparse.Namespace, folder: Path) -> None:
        self._given = given
        self._folder = folder
        self._end = micros(START) + int(given.days * DAY) * SECOND
        self.world = World(micros(START))
        url = given.url or f"sqlite:///{folder}/state.db"
        self.installation = Installation(
            self.world, url, folder, seed=given.seed, days=given.keep_days
        )
        workflows = list(
            fleet(
                given.seed,
                given.workflows,
                given.executions,
                START,
                str(self.installation.notebook),
            )
        )
        self.installation.add_fleet(workflows)
        start, end = micros(START) // SECOND, self._end // SECOND
        specs = [each.spec for each in workflows]
        self.audit = Audit(Oracle(start, end), specs, given.seed)
        self.samples: list[Sample] = []
        self._began = 0.0

    def run(self) -> dict[str, Any]:
        """Lets the days pass; answers the figures."""
        world, life = self.world, self.installation
        every = min(HOUR, self._given.keep_days * DAY / 4)
        world.every(every, self._look)
        for seconds, action in (
            (EDIT_EVERY, life.edit_some_job),
            (BACKFILL_EVERY, life.backfill_some_job),
            (LOSS_EVERY, life.lose_worker),
        ):
            self._repeat(seconds, action)
        for day in range(int(self._given.days) + 1):
            down = micros(START + timedelta(days=day, seconds=DOWN_AT))
            if down + DOWN_FOR * SECOND < self._end:
                world.at(down, life.stop)
                world.at(down + DOWN_FOR * SECOND, life.begin)
        spare()  # as the service does
        self._began, cpu = time.perf_counter(), time.process_time()
        life.begin()
        world.run(self._end)
        seconds, cpu = time.perf_counter() - self._began, time.process_time() - cpu
        life.fire_no_more()
        world.run(self._end + DAY * SECOND, unless=self._all_ended)
        world.micros += 1  # what ended just now counts, too
        self._look()
        found = self.audit.close()
        return self._figures(found, seconds, cpu)

    def _repeat(self, seconds: int, action: Any) -> None:
        for at in range(micros(START) + seconds * SECOND, self._end, seconds * SECOND):
            self.world.at(at, action)

    def _all_ended(self) -> bool:
        if self.world.micros % (60 * SECOND):
            return False
        with self.installation.store._database.reading() as connection:  # noqa: SLF001
            left = connection.execute(
                sa.text(
                    "SELECT (SELECT count(*) FROM run WHERE ended_at IS NULL)"
                    " + (SELECT count(*) FROM notice)"
                    " + (SELECT count(*) FROM backfill WHERE state = 'running')"
                )
            ).scalar_one()
        return not left

    def _look(self) -> None:
        day = (self.world.micros - micros(START)) / SECOND / DAY
        with self.installation.store._database.reading() as connection:  # noqa: SLF001
            self.audit.read(connection, self.world.micros)
            self.samples.append(sample(connection, day, self._folder))
        if self._given.progress:
            last = self.samples[-1]
            print(
                f"{last.day:6.2f} d {time.perf_counter() - self._began:7.0f} s"
                f" {last.rss_mb:6.1f} MB {last.file_mb:6.1f} MB {last.rows}",
                file=sys.stderr,
                flush=True,
            )

    def _figures(self, found: Findings, seconds: float, cpu: float) -> dict[str, Any]:
        store, tally = self.installation.store, self.installation.tally
        unended = sum(store.counts(DEFAULT_TEAM).values())
        shorter = [
            backfill.id
            for backfill in store.list_backfills(DEFAULT_TEAM, limit=10_000).items
            if sum(backfill.counts.values()) != backfill.planned or backfill.state == "running"
        ]
        backfills = self.installation.backfills
        undone = sum(self.audit.backfilled[each] != planned for each, planned in backfills.items())
        steady = [each for each in self.samples if each.day > 2 * self._given.keep_days]
        figures = {
            "benchmark": "fast_motion",
            "database": "sqlite" if store._database.sqlite else "postgresql",  # noqa: SLF001
            "days": self._given.days,
            "keep_days": self._given.keep_days,
            "workflows": self._given.workflows,
            "executions": tally.begun,
            "executions_per_day": round(tally.begun / self._given.days),
            "seconds": round(seconds, 1),
            "cpu_seconds": round(cpu, 1),
            "times_real_time": round(self._given.days * DAY / seconds),
            "times_real_time_by_cpu": round(self._given.days * DAY / cpu),
            "executions_per_second": round(tally.begun / seconds, 1),
            "unended": unended,
            "backfills": len(backfills),
            "backfills_undone": undone,
            "backfills_miscounted": len(shorter),
            "told": dict(self.installation.courier.told),
            "messages": self.installation.courier.messages,
            "worker_ends": dict(tally.ended),
            "refused": tally.refused,
            "lost": tally.lost,
            **{name: _plain(value) for name, value in vars(found).items()},
            "growth_per_day": _growth(steady),
            "rows_most": _most(steady),
            "samples": [asdict(each) for each in _some(self.samples)],
            "load": [round(each, 1) for each in os.getloadavg()],
            "versions": {
                "python": platform.python_version(),
                "sqlite": sqlite3.sqlite_version,
                "sqlalchemy": sa.__version__,
            },
        }
        figures["faults"] = _faults(figures)
        return figures


def _growth(steady: list[Sample]) -> dict[str, float]:
    """By how much each size grows in a simulated day, once retention has set in."""
    found = {
        "rss_mb": slope([(each.day, each.rss_mb) for each in steady]),
        "file_mb": slope([(each.day, each.file_mb) for each in steady]),
    }
    for name in steady[0].rows if steady else ():
        found[name] = slope([(each.day, each.rows[name]) for each in steady])
    return {name: round(value, 3) for name, value in found.items()}


def _most(steady: list[Sample]) -> dict[str, list[int]]:
    """The most rows of each table in the first and in the second half of the steady time."""
    half = len(steady) // 2
    return {
        name: [max(each.rows[name] for each in part) for part in (steady[:half], steady[half:])]
        for name in (steady[0].rows if half else ())
    }


def _plain(value: Any) -> Any:
    return dict(value) if isinstance(value, Counter) else value


def _some(samples: list[Sample]) -> list[Sample]:
    return samples[:: max(1, len(samples) // 24)]


def _faults(figures: dict[str, Any]) -> list[str]:
    """What must be nothing, and is not."""
    nothing = ("missing", "doubled", "invented", "wrong", "unended", "refused")
    found = [
        name for name in (*nothing, "backfills_undone", "backfills_miscounted") if figures[name]
    ]
    if figures["attempts"].get("worker_lost", 0) != figures["lost"]:
        found.append("lost")
    if sum(figures["attempts"].values()) != figures["executions"]:
        found.append("attempts")
    long = figures["days"] > figures["keep_days"] + 2
    for name, (earlier, later) in figures["rows_most"].items():
        most = 1.1 * earlier + 100
        if name.endswith(BEYOND):  # what came in the time that is kept, and a day's outage on top
            most = max(most, 2 * figures["keep_days"] * figures["executions_per_day"])
        if (long or name not in LASTING) and later > max(most, MOST_ROWS.get(name, 0)):
            found.append(f"{name} grows")
    if long and figures["growth_per_day"]["rss_mb"] > MOST_MB_A_DAY:
        found.append("memory grows")
    if figures["told"].get("failed", 0) != figures["to_tell"]:
        found.append("told")
    return found


def main() -> None:
    """Simulates, prints, judges."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--days", type=float, default=7.0)
    parser.add_argument("--workflows", type=int, default=10_000)
    parser.add_argument("--executions", type=int, default=100_000, help="a day")
    parser.add_argument("--keep-days", type=float, default=1.0, help="retention")
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--url", help="an empty PostgreSQL database; absent: a SQLite file")
    parser.add_argument("--folder", type=Path, help="where to work; absent: a temporary folder")
    parser.add_argument("--progress", action="store_true", help="one line an hour on stderr")
    given = parser.parse_args()
    logging.basicConfig(level=logging.CRITICAL)
    random.seed(given.seed)
    with tempfile.TemporaryDirectory(dir=given.folder) as folder:
        simulation = Simulation(given, Path(folder))
        try:
            figures = simulation.run()
        finally:
            simulation.installation.store.close()
    print(json.dumps(figures))
    sys.exit(1 if figures["faults"] else 0)


if __name__ == "__main__":
    main()

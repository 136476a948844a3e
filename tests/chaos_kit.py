"""What befalls a fleet: processes killed and frozen at random, and what that must not change."""

import os
import random
import time
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any

from fleet_kit import Fleet, Member, Schedule, ask
from noop_launcher import TABLE

from jupyter_orch.warehouse.catalog import open_catalog

#: Seconds of chaos; `make chaos` sets more.
SECONDS = float(os.environ.get("CHAOS_SECONDS", "30"))
#: Jobs that are due every five seconds meanwhile.
JOBS = int(os.environ.get("CHAOS_JOBS", "100"))
#: Repeats the same victims in the same order, at about the same moments.
SEED = int(os.environ.get("CHAOS_SEED") or random.randrange(10**6))  # noqa: S311
PAUSE = 3.0  # seconds from one blow to the next, on average
FROZEN_SHARE = 0.25  # of the blows; the others kill
LONGER_THAN_LEASE = 3.0  # seconds that a frozen member sleeps on after its lease


@dataclass
class Toll:
    """Who was hit how often, by role."""

    kills: dict[str, int] = field(default_factory=dict)
    freezes: dict[str, int] = field(default_factory=dict)


def rage(fleet: Fleet, chance: random.Random, *, seconds: float, lease_seconds: float) -> Toll:
    """Kills and freezes members; killed ones are replaced soon, frozen ones thaw when it is late.

    The last member of a role that works is spared, so that what is due can be fired on time. All
    are well again at the end.
    """
    toll = Toll()
    reborn: list[tuple[float, str]] = []
    asleep: list[tuple[float, Member]] = []
    end = time.monotonic() + seconds
    blow = time.monotonic()
    while (now := time.monotonic()) < end or reborn or asleep:
        over = now >= end
        for at, roles in [each for each in reborn if over or each[0] <= now]:
            reborn.remove((at, roles))
            fleet.start(roles)
        for at, member in [each for each in asleep if each[0] <= now]:
            asleep.remove((at, member))
            member.thaw()
        if not over and now >= blow:
            blow = now + chance.expovariate(1 / PAUSE)
            victim = _victim(fleet, chance)
            if victim is None:
                continue
            if chance.random() < FROZEN_SHARE:
                victim.freeze()
                _add(toll.freezes, victim)
                asleep.append((now + lease_seconds + LONGER_THAN_LEASE, victim))
            else:
                victim.kill()
                _add(toll.kills, victim)
                reborn.append((now + chance.uniform(0.5, 3.0), victim.roles))
        time.sleep(0.02)
    return toll


def _add(hits: dict[str, int], victim: Member) -> None:
    hits[victim.roles] = hits.get(victim.roles, 0) + 1


def _victim(fleet: Fleet, chance: random.Random) -> Member | None:
    working = [member for member in fleet.living() if member.ready]
    of_role = Counter(member.roles for member in working)
    targets = [member for member in working if of_role[member.roles] > 1]
    return chance.choice(targets) if targets else None


# --------------------------------------------------------------------------- late writers


@dataclass(frozen=True, kw_only=True)
class Fence:
    """What became of writers that came too late."""

    #: Attempts that told their end after somebody else had taken the run over, and were refused.
    refused: int
    #: The same, but believed. Has to be nothing.
    believed: int
    #: Attempts that were refused although they held their run. Has to be nothing.
    wronged: int


def fence(fleet: Fleet) -> Fence:
    """Compares what members say they were answered with what the database says of the attempts."""
    lost = {
        (row.run_id, row.number)
        for row in ask(
            fleet.url,
            "SELECT run_id, number FROM attempt WHERE state = 'failed' AND reason = 'worker_lost'",
        )
    }
    said = Counter(
        (line["event"], (line["run_id"], line["attempt"]) in lost)
        for line in fleet.journal()
        if line["event"] in {"run.finished", "run.lost"}
    )
    return Fence(
        refused=said["run.lost", True],
        believed=said["run.finished", True],
        wronged=said["run.lost", False],
    )


# --------------------------------------------------------------------------- published rows


def wrong_rows(fleet: Fleet, schedules: Sequence[Schedule], tables: Sequence[str]) -> int:
    """Due instants whose row in their table is missing, doubled, or not of the run that succeeded.

    The jobs that write a table are known by their parameter.
    """
    wrong = 0
    for table in tables:
        owners = [
            job
            for schedule in schedules
            for job in schedule.jobs
            if job.spec.parameters.get(TABLE) == table
        ]
        runs = ask(fleet.url, "SELECT id, job_id FROM run WHERE state = 'succeeded'")
        wanted = Counter(row.id for row in runs if row.job_id in {job.id for job in owners})
        found = Counter(rows_of(fleet, table))
        wrong += sum(((wanted - found) + (found - wanted)).values())
    return wrong


def rows_of(fleet: Fleet, table: str) -> list[str]:
    """The runs whose rows readers of the table see."""
    catalog = open_catalog(fleet.settings)
    try:
        return list(catalog.load_table(table).scan().to_arrow()["run_id"].to_pylist())
    finally:
        catalog.engine.dispose()


# --------------------------------------------------------------------------- figures


def machine() -> dict[str, Any]:
    """Where and when figures were taken."""
    return {
        "at": datetime.now(UTC).isoformat(timespec="seconds"),
        "load": [round(load, 1) for load in os.getloadavg()],
        "cores": os.cpu_count(),
        "seed": SEED,
    }

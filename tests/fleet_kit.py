"""A fleet of services on one database, as real processes: started, killed, frozen, counted."""

import contextlib
import itertools
import json
import os
import signal
import subprocess
import sys
import time
from collections import Counter
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any, Self

import nbformat
import sqlalchemy as sa
from store_kit import add_job, every, spec_of

from jupyter_orch.domain.model import Job
from jupyter_orch.settings import Settings, load
from jupyter_orch.store.sql import SqlStore

PROGRAM = Path(__file__).with_name("fleet_member.py")
TESTS = PROGRAM.parent
PATIENCE = 300.0  # seconds in which a process starts or ends on a busy machine
SCHEDULER = "scheduler"
WORKER = "worker"


@dataclass(eq=False)
class Member:
    """One process of the fleet."""

    name: str
    #: What it does, separated by commas.
    roles: str
    process: subprocess.Popen[bytes]
    journal: Path
    frozen: bool = False

    @property
    def alive(self) -> bool:
        """Whether the process exists, frozen or not."""
        return self.process.poll() is None

    @property
    def ready(self) -> bool:
        """Whether it has begun its work."""
        return "service.ready" in (self.journal.read_text() if self.journal.exists() else "")

    def kill(self) -> None:
        """Kill -9, wherever it is."""
        self.process.kill()
        self.process.wait(PATIENCE)

    def freeze(self) -> None:
        """Stops it as a suspended virtual machine is stopped; it notices nothing."""
        self.process.send_signal(signal.SIGSTOP)
        self.frozen = True

    def thaw(self) -> None:
        """Lets it go on."""
        self.process.send_signal(signal.SIGCONT)
        self.frozen = False

    def drain(self) -> int:
        """Asks it to end in order, as a rolling restart does; its exit code."""
        self.process.send_signal(signal.SIGTERM)
        return self.process.wait(PATIENCE)


class Fleet:
    """Services that share one database; leaving the block ends them.

    Args:
        folder: For settings, artifacts, tables and journals.
        url: The database.
        lease_seconds: Of each worker.
        slots: Of each worker.
        settings: More of them, as `WORKER__SLOTS="2"`.
    """

    def __init__(
        self,
        folder: Path,
        url: str,
        *,
        lease_seconds: float = 5.0,
        slots: int = 8,
        **settings: str,
    ) -> None:
        self.folder = folder
        self.url = url
        self.members: list[Member] = []
        self.notebook = folder / "notebooks" / "noop.ipynb"
        self.notebook.parent.mkdir(parents=True, exist_ok=True)
        nbformat.write(nbformat.v4.new_notebook(), self.notebook)
        self._names = itertools.count()
        given = {
            "STATE__DIR": str(folder / "state"),
            "STATE__URL": url,
            "NOTEBOOKS__ROOTS": str(self.notebook.parent),
            "WORKER__LEASE_SECONDS": str(lease_seconds),
            "WORKER__SLOTS": str(slots),
            **settings,
        }
        self._environment = {
            **{k: v for k, v in os.environ.items() if not k.startswith("JUPYTER_ORCH__")},
            "PYTHONPATH": os.pathsep.join([str(TESTS), *filter(None, sys.path)]),
            **{f"JUPYTER_ORCH__{name}": value for name, value in given.items()},
        }

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        for member in self.members:
            if member.alive:
                member.kill()

    def start(self, roles: str, *, program: Path = PROGRAM) -> Member:
        """Starts one process; it is ready a moment later."""
        name = f"{roles.replace(',', '-')}-{next(self._names)}"
        journals = self.folder / "journals"
        journals.mkdir(exist_ok=True)
        journal = journals / f"{name}.jsonl"
        with (journals / f"{name}.err").open("wb") as sink:
            process = subprocess.Popen(
                [sys.executable, str(program), roles, str(journal)],
                env=self._environment,
                stdin=subprocess.DEVNULL,
                stdout=sink,
                stderr=sink,
                start_new_session=True,
            )
        member = Member(name, roles, process, journal)
        self.members.append(member)
        return member

    @property
    def settings(self) -> Settings:
        """What its members have read."""
        return load(self._environment)

    def living(self, role: str = "") -> list[Member]:
        """Members that run and are not frozen."""
        return [
            each for each in self.members if each.alive and not each.frozen and role in each.roles
        ]

    def wait_ready(self) -> None:
        """Waits until all living members work."""
        until(lambda: all(each.ready for each in self.living()), "all are ready")

    def journal(self) -> list[dict[str, Any]]:
        """What every member has logged; the last line of a killed one may be cut, and is left."""
        lines = []
        for member in self.members:
            for line in member.journal.read_text().splitlines() if member.journal.exists() else ():
                with contextlib.suppress(ValueError):
                    lines.append({"member": member.name, **json.loads(line)})
        return sorted(lines, key=lambda line: line["at"])


def until(what: Callable[[], Any], said: str, *, seconds: float = PATIENCE) -> None:
    """Waits until it is so."""
    deadline = time.monotonic() + seconds
    while not what():
        assert time.monotonic() < deadline, f"not within {seconds:g} s: {said}"
        time.sleep(0.1)


# --------------------------------------------------------------------------- what is due


@dataclass(frozen=True)
class Schedule:
    """Jobs that are due at the same instants, the first and the last one included."""

    jobs: tuple[Job, ...]
    first: datetime
    last: datetime
    every_seconds: int

    @property
    def instants(self) -> list[datetime]:
        """When each of them is due."""
        step = timedelta(seconds=self.every_seconds)
        count = (self.last - self.first) // step + 1
        return [self.first + number * step for number in range(count)]

    @property
    def due(self) -> int:
        """How many runs there have to be."""
        return len(self.jobs) * len(self.instants)


def add_schedule(
    fleet: Fleet,
    store: SqlStore,
    *,
    jobs: int,
    every_seconds: int,
    seconds: float,
    begin_in: float = 0.0,
    parameters: Sequence[dict[str, Any]] = ({},),
    **policies: Any,
) -> Schedule:
    """Stores jobs that are due again and again for so many seconds, and never after.

    Each instant is to have a run of its own, also those that nobody was there for, and a run may be
    lost by many workers. The jobs take `parameters` in turn.
    """
    second = timedelta(seconds=1)
    first = datetime.now(UTC).replace(microsecond=0) + (1 + round(begin_in)) * second
    last = first + int(seconds // every_seconds) * every_seconds * second
    trigger = every(every_seconds, anchor=first, start=first, end=last)
    given = {"catch_up": "all", "max_catch_up": 1000, "retries": 100, "retry_delay_seconds": 0.1}
    values = itertools.cycle(parameters)
    made = [
        add_job(
            store,
            replace(
                spec_of("", trigger, **(given | policies)),
                notebook=str(fleet.notebook),
                parameters=next(values),
            ),
            due=first,
        )
        for _ in range(jobs)
    ]
    return Schedule(tuple(made), first, last, every_seconds)


# --------------------------------------------------------------------------- what became of it


@dataclass(frozen=True, kw_only=True)
class Count:
    """What became of what was due. The first four have to be nothing."""

    #: Due instants without a row.
    missed: int
    #: Due instants with more than one row, and runs with more than one successful attempt.
    doubled: int
    #: Runs that ended otherwise than well.
    lost: int
    #: Runs that have not ended.
    open: int
    #: Due instants.
    due: int
    #: Runs that took more than one attempt.
    executed_again: int
    #: Attempts whose worker was lost.
    taken_over: int
    #: Attempts that were handed back.
    handed_back: int
    #: Seconds from due to the row: median, 95th of a hundred, longest.
    late: tuple[float, float, float] = field(default=(0.0, 0.0, 0.0))

    @property
    def flawless(self) -> bool:
        """Whether all went as promised."""
        return not (self.missed or self.doubled or self.lost or self.open)


def count(url: str, schedules: Iterable[Schedule]) -> Count:
    """Counts by SQL of its own, apart from the code that it judges."""
    runs = ask(url, "SELECT id, job_id, logical_time, state, attempt, created_at FROM run")
    attempts = ask(url, "SELECT run_id, state, reason FROM attempt")
    rows = Counter((run.job_id, run.logical_time) for run in runs)
    due = {
        (job.id, _micros(instant))
        for schedule in schedules
        for job in schedule.jobs
        for instant in schedule.instants
    }
    accepted = Counter(each.run_id for each in attempts if each.state == "succeeded")
    well = {run.id for run in runs if run.state == "succeeded"}
    ended = {"succeeded", "failed", "cancelled", "skipped"}
    late = sorted((run.created_at - run.logical_time) / 1e6 for run in runs) or [0.0]
    return Count(
        missed=len(due - rows.keys()),
        doubled=sum(times - 1 for times in rows.values())
        + len(rows.keys() - due)
        + sum(accepted[run_id] != 1 for run_id in well)
        + len(accepted.keys() - well),
        lost=sum(run.state in ended and run.state != "succeeded" for run in runs),
        open=sum(run.state not in ended for run in runs),
        due=len(due),
        executed_again=sum(run.attempt > 1 for run in runs),
        taken_over=sum(
            each.reason == "worker_lost" and each.state == "failed" for each in attempts
        ),
        handed_back=sum(each.state == "cancelled" for each in attempts),
        late=(late[len(late) // 2], late[int(len(late) * 0.95)], late[-1]),
    )


def wait_done(url: str, schedules: Sequence[Schedule], *, seconds: float = PATIENCE) -> Count:
    """Waits until every due instant has a run that has ended, and counts."""
    total = sum(each.due for each in schedules)
    deadline = time.monotonic() + seconds
    while time.monotonic() < deadline:
        ((made, still_open),) = ask(
            url, "SELECT count(*), sum(CASE WHEN ended_at IS NULL THEN 1 ELSE 0 END) FROM run"
        )
        if made >= total and not still_open:
            break
        time.sleep(0.25)
    return count(url, schedules)


def ask(url: str, query: str) -> Sequence[sa.Row[Any]]:
    """The answer of the database, apart from the code that is tested."""
    engine = sa.create_engine(url.replace("postgresql:", "postgresql+psycopg:"))
    try:
        with engine.connect() as connection:
            return connection.exec_driver_sql(query.replace("%", "%%")).all()
    finally:
        engine.dispose()


def _micros(at: datetime) -> int:
    return round(at.timestamp() * 1_000_000)

"""Jobs that are all due at one instant: how long until the last of their runs is in the queue.

The product's own timer, with cron expressions in three time zones, notebooks that are read and
frozen as runs are made (ten jobs to a notebook, every tenth notebook edited since), and a database
that keeps what it was told. Beside it APScheduler with its own SQLAlchemyJobStore, a function that
does nothing and twenty threads: the time until the last job's function was called.
"""

import argparse
import json
import time
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import sqlalchemy as sa
from apscheduler.executors.pool import ThreadPoolExecutor
from apscheduler.jobstores.sqlalchemy import SQLAlchemyJobStore
from apscheduler.schedulers.background import BackgroundScheduler
from apscheduler.triggers.cron import CronTrigger
from kit import add_jobs, load, new_databases, report

from jupyter_orch.artifacts.folder import FolderArtifacts
from jupyter_orch.domain.ids import DEFAULT_TEAM, JobId, new_id
from jupyter_orch.domain.model import Job, JobSpec, Trigger
from jupyter_orch.scheduler.timer import Timer
from jupyter_orch.server.collector import spare
from jupyter_orch.service.notebooks import Notebooks
from jupyter_orch.store.sql import SqlStore
from jupyter_orch.store.tables import run

SAMPLE = Path(__file__).parents[1] / "sample_notebooks" / "flight_delays.ipynb"
ZONES = ("UTC", "Europe/Berlin", "America/New_York")
JOBS_PER_NOTEBOOK = 10
EDITED = 10  # every so manieth notebook was edited since it was frozen
THREADS = 20  # of APScheduler's pool
SAVED_OUTPUT = 20_000  # characters of output in a notebook as people save it
LEAD = timedelta(seconds=5)  # between the last preparation and the due instant
LONGEST = 600  # seconds that a measurement may take
LOOK = 1.0  # seconds between two looks whether everything is there: looking costs, too
THEIRS_ADD_SECONDS = 0.01  # that APScheduler's store may take to add a job
BARS = {1000: 1.0, 10_000: 5.0}  # seconds
_called: dict[int, float] = {}


class WallClock:
    """The wall clock."""

    def now(self) -> datetime:
        """Now."""
        return datetime.now(UTC)


def next_minute(spare: timedelta = timedelta(0)) -> datetime:
    """A full minute that leaves time to get ready."""
    ready = datetime.now(UTC) + 2 * LEAD + spare
    return (ready + timedelta(minutes=1)).replace(second=0, microsecond=0)


def trigger(number: int, due: datetime) -> Trigger:
    """Each hour, or each day, in one of the zones; all of them are due at `due`."""
    hour = "*" if number % 2 else str(due.hour)
    zone = ZONES[number % len(ZONES)] if number % 2 else "UTC"
    return Trigger(id="t", kind="cron", cron=f"{due.minute} {hour} * * *", time_zone=zone)


def write_notebooks(folder: Path, count: int) -> list[Path]:
    """Notebooks with code, parameters and an output; no two of them alike."""
    notebook = json.loads(SAMPLE.read_text())
    stream = {"output_type": "stream", "name": "stdout", "text": "x" * SAVED_OUTPUT}
    last = [cell for cell in notebook["cells"] if cell["cell_type"] == "code"][-1]
    last["outputs"] = [stream]
    paths = [folder / f"report_{number}.ipynb" for number in range(count)]
    for path in paths:
        notebook["metadata"]["title"] = path.stem
        path.write_text(json.dumps(notebook))
    return paths


def jobs(count: int, paths: list[Path], due: datetime) -> Iterator[Job]:
    """Tracking jobs with parameters and one trigger."""
    now = datetime.now(UTC)
    for number in range(count):
        yield Job(
            id=JobId(new_id()),
            team=DEFAULT_TEAM,
            version=1,
            spec=JobSpec(
                name=f"report {number}",
                notebook=str(paths[number % len(paths)]),
                parameters={"origin": "JFK", "days": 7, "title": f"Report {number}"},
                triggers=(trigger(number, due),),
            ),
            created_by="ann",
            created_at=now,
            updated_at=now,
        )


def measure_ours(url: str, count: int) -> dict[str, Any]:
    """Seconds from the due instant to the commit of the last run's row."""
    with TemporaryDirectory(prefix="orch-due-") as folder:
        paths = write_notebooks(Path(folder), max(1, count // JOBS_PER_NOTEBOOK))
        notebooks = Notebooks(FolderArtifacts(Path(folder) / "artifacts"), [Path(folder)])
        for path in paths:  # as saving a job does
            notebooks.freeze_file(str(path))
        for path in paths[::EDITED]:
            path.write_text(path.read_text().replace('"title"', '"heading"'))
        store = SqlStore(url)
        due = next_minute()
        add_jobs(store, list(jobs(count, paths, due)), due=due)
        commits: list[float] = []
        timer = Timer(
            store, notebooks.freeze, WallClock(), fired=lambda: commits.append(time.time())
        )
        sleep_until(due - LEAD)
        timer.start()
        try:
            sleep_until(due)
            wait_for(lambda: runs_in(store) == count)
        finally:
            timer.stop()
            store.close()
    return {
        "seconds": round(commits[-1] - due.timestamp(), 3),
        "transactions": len(commits),
        "notebooks": len(paths),
        "edited_notebooks": len(paths[::EDITED]),
    }


def runs_in(store: SqlStore) -> int:
    """Rows of runs, of as many jobs, that wait for a worker."""
    statement = sa.select(sa.func.count(run.c.job_id.distinct())).where(run.c.state == "queued")
    with store._database.reading() as connection:  # noqa: SLF001
        return connection.execute(statement).scalar_one()


def measure_theirs(url: str, count: int) -> dict[str, Any]:
    """Seconds from the due instant until the last function was called."""
    _called.clear()
    due = next_minute(timedelta(seconds=count * THEIRS_ADD_SECONDS))
    store = SQLAlchemyJobStore(url.replace("postgresql:", "postgresql+psycopg:"))
    scheduler = BackgroundScheduler(
        jobstores={"default": store},
        executors={"default": ThreadPoolExecutor(THREADS)},
        job_defaults={"misfire_grace_time": None, "coalesce": True},
        timezone=UTC,
    )
    scheduler.start(paused=True)
    try:
        for number in range(count):
            each = trigger(number, due)
            rule = CronTrigger.from_crontab(each.cron, timezone=each.time_zone)
            scheduler.add_job(call, rule, args=(number,), next_run_time=due)
        if datetime.now(UTC) > due - LEAD:
            raise SystemExit("Adding jobs took longer than was thought: set THEIRS_ADD_SECONDS.")
        sleep_until(due - LEAD)
        scheduler.resume()
        sleep_until(due)
        wait_for(lambda: len(_called) == count)
    finally:
        scheduler.shutdown()
    return {"seconds": round(max(_called.values()) - due.timestamp(), 3)}


def call(number: int) -> None:
    """What APScheduler is to do."""
    _called[number] = time.time()


def sleep_until(at: datetime) -> None:
    """Until then, or not at all."""
    time.sleep(max(0.0, at.timestamp() - time.time()))


def wait_for(done: Callable[[], bool]) -> None:
    """Looks now and then; gives up after a long time."""
    end = time.monotonic() + LONGEST
    while not done():
        if time.monotonic() > end:
            raise SystemExit(f"Not done after {LONGEST} seconds.")
        time.sleep(LOOK)


def main() -> None:
    """Measures side by side, prints."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--jobs", type=int, nargs="+", default=[1000, 10_000])
    parser.add_argument("--databases", nargs="+", default=["sqlite", "postgresql"], metavar="KIND")
    parser.add_argument("--ours-only", action="store_true", help="leave APScheduler's store out")
    parser.add_argument(
        "--confirm-ms",
        type=float,
        default=0.0,
        help="let PostgreSQL wait so long before each flush, as a disk behind a network would",
    )
    given = parser.parse_args()
    # commit_delay is honoured when so many other transactions are open: none need be
    slower = (f"commit_delay={round(given.confirm_ms * 1000)}", "commit_siblings=0")
    spare()  # as the service does
    results = []
    for count in given.jobs:
        with new_databases(given.databases, *(slower if given.confirm_ms else ())) as urls:
            for kind, url in urls.items():
                figures = {"database": kind, "jobs": count, "load": load()}
                if kind == "postgresql":
                    figures["confirm_ms"] = given.confirm_ms
                ours = measure_ours(url, count)
                figures |= {"bar_seconds": BARS.get(count), **ours}
                if not given.ours_only:
                    theirs = measure_theirs(url, count)["seconds"]
                    figures["apscheduler_seconds"] = theirs
                    figures["times_faster"] = round(theirs / ours["seconds"], 1)
                results.append(figures)
    report("due_at_once", results, "APScheduler", "tzdata")


if __name__ == "__main__":
    main()

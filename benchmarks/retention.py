"""How fast old runs go: rows and files, on SQLite, with 100,000 of them. Prints one JSON line.

To keep up with 100,000 runs a day it has to remove 1.2 runs a second.
"""

import argparse
import json
import platform
import statistics
import tempfile
import time
from collections.abc import Iterable
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import sqlalchemy as sa

from jupyter_orch.artifacts.folder import FolderArtifacts
from jupyter_orch.domain.ids import DEFAULT_TEAM, JobId, RunId, new_id
from jupyter_orch.domain.model import Job, JobSpec, Policies, Run
from jupyter_orch.domain.states import RunState
from jupyter_orch.service.retention import Retention
from jupyter_orch.store.rows import micros, run_row
from jupyter_orch.store.sql import SqlStore
from jupyter_orch.store.tables import attempt, query, run

JOBS = 1000
NEEDED = 100_000 / 86_400  # runs a second
LOG = b'{"level": "info", "event": "cell.done"}\n' * 50
NOTEBOOK = b"x" * 20_000


def old_run(number: int, jobs: list[JobId], ended_at: datetime) -> Run:
    """One that ended long ago; every tenth one failed."""
    return Run(
        id=RunId(new_id()),
        team=DEFAULT_TEAM,
        job_id=jobs[number % JOBS],
        job_name=f"job {number % JOBS}",
        job_version=1,
        run_key=f"schedule:t1:{number}",
        kind="schedule",
        trigger_id="t1",
        state=RunState.FAILED if number % 10 == 0 else RunState.SUCCEEDED,
        logical_time=ended_at,
        not_before=ended_at,
        parameters={"day": "2026-11-01", "origin": "JFK"},
        notebook="/notebooks/report.ipynb",
        notebook_sha256=f"{number % JOBS:064x}",
        policies=Policies(),
        attempt=1,
        created_by="ann",
        created_at=ended_at,
        started_at=ended_at,
        ended_at=ended_at,
    )


def job_of(job_id: JobId) -> Job:
    """A job that exists: its last success stays, and has to be told from the others."""
    now = datetime.now(UTC)
    return Job(
        id=job_id,
        team=DEFAULT_TEAM,
        version=1,
        spec=JobSpec(name=job_id, notebook="/notebooks/report.ipynb"),
        created_by="ann",
        created_at=now,
        updated_at=now,
    )


def fill(store: SqlStore, artifacts: FolderArtifacts, count: int) -> None:
    """Stores that many runs, one attempt and two queries of each, and its files."""
    jobs = [JobId(new_id()) for _ in range(JOBS)]
    for job_id in jobs:
        store.add_job(job_of(job_id), next_due={})
    first = datetime.now(UTC) - timedelta(days=200)
    for start in range(0, count, 1000):
        numbers = range(start, min(start + 1000, count))
        runs = [old_run(n, jobs, first + timedelta(seconds=n)) for n in numbers]
        with store._database.writing() as connection:  # noqa: SLF001 - far faster than run by run
            connection.execute(sa.insert(run), [run_row(each) for each in runs])
            connection.execute(sa.insert(attempt), list(attempts(runs)))
            connection.execute(sa.insert(query), list(queries(runs)))
        for each in runs:
            folder = artifacts.attempt_folder(each.id, 1)
            (folder / "log.jsonl").write_bytes(LOG)
            (folder / "notebook.ipynb").write_bytes(NOTEBOOK)


def attempts(runs: Iterable[Run]) -> Iterable[dict[str, Any]]:
    """One of each."""
    for each in runs:
        at = micros(each.created_at)
        yield {"run_id": each.id, "number": 1, "worker": "w", "started_at": at, "ended_at": at}


def queries(runs: Iterable[Run]) -> Iterable[dict[str, Any]]:
    """Two of each."""
    for each in runs:
        for number in range(2):
            yield {
                "run_id": each.id,
                "attempt": 1,
                "query_id": f"20261101_{number}",
                "recorded_at": micros(each.created_at),
            }


def main() -> None:
    """Fills, removes, prints."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--runs", type=int, default=100_000)
    parser.add_argument("--batch", type=int, default=500)
    parser.add_argument("--folder", type=Path, help="where to work; absent: a temporary folder")
    given = parser.parse_args()
    with tempfile.TemporaryDirectory(dir=given.folder) as folder:
        store = SqlStore(f"sqlite:///{folder}/state.db")
        artifacts = FolderArtifacts(Path(folder) / "artifacts")
        fill(store, artifacts, given.runs)
        retention = Retention(store, artifacts, days=90, batch=given.batch)
        removed, batches = 0, []
        began = time.perf_counter()
        while True:
            batch_began = time.perf_counter()
            count = retention.remove_batch()
            if not count:
                break
            removed += count
            batches.append(time.perf_counter() - batch_began)
        seconds = time.perf_counter() - began
        store.close()
    figures = {
        "benchmark": "retention",
        "database": "sqlite",
        "runs": removed,
        "seconds": round(seconds, 1),
        "runs_per_second": round(removed / seconds),
        "needed_per_second": round(NEEDED, 2),
        "batch": given.batch,
        "batch_seconds_median": round(statistics.median(batches), 3),
        "batch_seconds_longest": round(max(batches), 3),
        "python": platform.python_version(),
    }
    print(json.dumps(figures))


if __name__ == "__main__":
    main()

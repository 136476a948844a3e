"""Our service, as `jupyter orch up` starts it: in one process on SQLite, in two on PostgreSQL."""

import json
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import psutil
import sqlalchemy as sa
from kit import add_jobs
from noop_launcher import NoopAttempt
from peers_kit import START_SECONDS, Handled, Marks, process, wait_for
from store_kit import job_of

from jupyter_orch.artifacts.folder import FolderArtifacts
from jupyter_orch.client import Client
from jupyter_orch.domain.ids import DEFAULT_TEAM
from jupyter_orch.domain.model import JobSpec, Trigger
from jupyter_orch.domain.states import RunState
from jupyter_orch.runner.worker import Worker
from jupyter_orch.scheduler.timer import Timer
from jupyter_orch.server.collector import spare
from jupyter_orch.service.notebooks import Notebooks
from jupyter_orch.settings import Settings, load
from jupyter_orch.store.sql import SqlStore
from jupyter_orch.store.tables import run
from jupyter_orch.warehouse.iceberg import IcebergWarehouse
from jupyter_orch.wiring import SystemClock

ONE_PROCESS = ("scheduler,worker,api",)
TWO_PROCESSES = ("scheduler,api", "worker")
SLOTS = 32  # as many as Airflow's LocalExecutor has
FIRE_SECONDS = 5
LOOK_SECONDS = 0.2
PATIENCE = 120.0  # seconds for one run, on a busy machine
_TESTS = Path(__file__).parents[1] / "tests"
#: The service with attempts that execute no notebook, for what comes before a notebook.
_NOOP = """
import functools, pathlib, sys
from noop_launcher import NoopAttempt
from jupyter_orch import wiring
from jupyter_orch.server.app import run
from jupyter_orch.settings import load
wiring.open_service = functools.partial(wiring.open_service, launcher=NoopAttempt)
run(load(), [pathlib.Path.cwd()], frozenset(sys.argv[1].split(",")))
"""


class Ours:
    """One service, up."""

    def __init__(self, name: str, folder: Path, settings: Settings, marks: Marks) -> None:
        self.name = name
        self.processes: list[psutil.Process] = []
        self.log = folder / "0.log"
        self.client = Client(settings=settings)
        self._marks = marks
        self._notebook = str(folder / "notebook.ipynb")
        self._job = ""

    def ready(self, workers: int) -> bool:
        """Whether it answers and a worker has said that it lives."""
        status = self.client.status()
        return bool(status["state"] == "running" and len(status["workers"]) >= workers)

    def prepare(self) -> None:
        """Saves the job that the measures run."""
        self.client.create_job({"name": "noop", "notebook": self._notebook})

    def trigger(self) -> Handled:
        """A run of the job; a notebook only when the service executes some."""
        asked = time.time()
        run = self.client.run("noop")["id"]

        def ended() -> Any:
            detail = self.client.run_detail(run)
            return detail if detail["run"]["ended_at"] else None

        detail = wait_for(ended, seconds=PATIENCE, pause=0.02, log=self.log)
        if detail["run"]["state"] != RunState.SUCCEEDED:
            raise RuntimeError(f"a run ended as {detail['run']}")
        return Handled(
            claimed=_seconds(detail["attempts"][0]["started_at"]) - asked,
            ended=_seconds(detail["run"]["ended_at"]) - asked,
        )

    def notebook(self) -> Handled:
        """The same, with when its cell ran."""
        asked = time.time()
        handled = self.trigger()
        return replace(handled, first_cell=self._marks.newest() - asked)

    def fire(self, *, on: bool) -> None:
        """Every few seconds, by an interval: cron's shortest is a minute; the way is the same."""
        if on:
            trigger = {"kind": "interval", "every_seconds": FIRE_SECONDS}
            spec = {"name": "fires", "notebook": self._notebook, "triggers": [trigger]}
            self._job = self.client.create_job(spec)["id"]
        else:
            self.client.pause(self._job)

    def fires(self) -> list[float]:
        """From the due instant to the first attempt."""
        runs = self.client.runs(job=self._job, limit=200)["items"]
        return [
            _seconds(run["started_at"]) - _seconds(run["logical_time"])
            for run in runs
            if run["kind"] == "schedule" and run["started_at"]
        ]


@contextmanager
def ours(
    name: str, folder: Path, url: str, roles: Sequence[str], *, notebooks: bool
) -> Iterator[Ours]:
    """Started in this folder, on this database; stopped afterwards.

    Args:
        name: How figures call it.
        folder: Empty.
        url: Of the database; empty for SQLite in the folder.
        roles: What each process does.
        notebooks: Whether its attempts execute notebooks; else they succeed at once.
    """
    marks = Marks(folder / "marks")
    (folder / "notebook.ipynb").write_text(marks.notebook)
    given = {"JUPYTER_ORCH__STATE__DIR": str(folder / "state")}
    given |= {"JUPYTER_ORCH__STATE__URL": url} if url else {}
    env = {key: value for key, value in os.environ.items() if not key.startswith("JUPYTER_ORCH")}
    env |= {**given, "PYTHONPATH": os.pathsep.join([str(_TESTS), *filter(None, sys.path)])}
    with ExitStack() as stack:
        peer = Ours(name, folder, load(given, folder / "none.toml"), marks)
        stack.callback(peer.client.close)
        for number, role in enumerate(roles):
            real = ["-m", "jupyter_orch.cli", "up", "--root", str(folder), "--role", role]
            command = [sys.executable, *(real if notebooks else ["-c", _NOOP, role])]
            log = folder / f"{number}.log"
            started = process(command, log=log, env=env, cwd=folder)
            peer.processes.append(stack.enter_context(started))
            if number == 0:  # it makes the tables
                wait_for(lambda: peer.ready(0), seconds=START_SECONDS, pause=0.2, log=peer.log)
        wait_for(lambda: peer.ready(1), seconds=START_SECONDS, pause=0.2, log=peer.log)
        peer.prepare()
        yield peer


def noop_rate(url: str, count: int) -> float:
    """Runs per second through one database: queued by the timer, claimed, done by a worker.

    They are as many jobs, all due at one instant; counted is from that to the end of the last run.
    Timer and worker live in one process of their own; an attempt is a thread in it that succeeds at
    once.
    """
    with tempfile.TemporaryDirectory(prefix="orch-peers-") as folder:
        asked = [
            sys.executable,
            __file__,
            url or f"sqlite:///{folder}/state.db",
            folder,
            str(count),
        ]
        env = os.environ | {"PYTHONPATH": os.pathsep.join([str(_TESTS), *filter(None, sys.path)])}
        done = subprocess.run(asked, check=True, capture_output=True, env=env, timeout=1200)
        return float(json.loads(done.stdout.splitlines()[-1]))


def _noop_rate(url: str, folder: Path, count: int) -> float:
    settings = load({"JUPYTER_ORCH__STATE__DIR": str(folder)}, folder / "none.toml")
    store = SqlStore(url)
    artifacts = FolderArtifacts(folder / "artifacts")
    path = folder / "noop.ipynb"
    path.write_text(Marks(folder / "marks").notebook)
    due = datetime.now(UTC).replace(microsecond=0) + timedelta(seconds=FIRE_SECONDS)
    once = Trigger(id="once", kind="once", at=due)
    spec = JobSpec(name="", notebook=str(path), triggers=(once,))
    add_jobs(store, [job_of(replace(spec, name=f"noop {n}")) for n in range(count)], due=due)
    worker = Worker(
        store,
        artifacts,
        IcebergWarehouse(settings),
        replace(settings, worker_slots=SLOTS),
        launcher=NoopAttempt,
    )
    notebooks = Notebooks(artifacts, [folder])
    timer = Timer(store, notebooks.freeze, SystemClock(), fired=worker.wake)
    spare()  # as the service does
    worker.start()
    timer.start()
    time.sleep(max(0.0, due.timestamp() - time.time()))
    while _ended(store) < count:
        time.sleep(LOOK_SECONDS)
    with store._database.reading() as connection:  # noqa: SLF001
        last = connection.execute(sa.select(sa.func.max(run.c.ended_at))).scalar_one()
    timer.stop()
    worker.stop(0.0)
    others = store.list_runs(DEFAULT_TEAM, states=(RunState.FAILED,), limit=1).items
    if others:
        raise RuntimeError(f"a run failed: {others[0]}")
    store.close()
    return count / (last / 1_000_000 - due.timestamp())


def _ended(store: SqlStore) -> int:
    statement = sa.select(sa.func.count()).where(run.c.ended_at.is_not(None))
    with store._database.reading() as connection:  # noqa: SLF001
        return connection.execute(statement).scalar_one()


def _seconds(at: str) -> float:
    return datetime.fromisoformat(at).astimezone(UTC).timestamp()


if __name__ == "__main__":
    print(json.dumps(_noop_rate(sys.argv[1], Path(sys.argv[2]), int(sys.argv[3]))))

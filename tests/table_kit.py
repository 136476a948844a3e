"""Workers that write tables, as real processes; and what their tables have to hold in the end."""

import os
import signal
import subprocess
import sys
import time
from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import nbformat
import table_worker
from pyiceberg.table.refs import SnapshotRefType
from s3_fixture import S3Server
from store_kit import run_of

from jupyter_orch.artifacts.folder import FolderArtifacts
from jupyter_orch.domain.model import Policies, Run
from jupyter_orch.domain.states import TERMINAL, RunState
from jupyter_orch.service.sweep import Sweep
from jupyter_orch.settings import Settings, load
from jupyter_orch.store.sql import SqlStore
from jupyter_orch.warehouse.iceberg import IcebergWarehouse

PROGRAM = Path(table_worker.__file__)
PATIENCE = 120.0  # seconds; a busy machine takes its time
LEASE = 1.0  # seconds


@dataclass(frozen=True)
class TableWorker:
    """One process that works."""

    pid: int
    #: What it and others have logged.
    log: Path

    @property
    def name(self) -> str:
        """What the store knows it by."""
        return f"worker-{self.pid}"

    def kill(self) -> None:
        """Kill -9, wherever it is."""
        os.kill(self.pid, signal.SIGKILL)
        until(lambda: self.state is None)

    def thaw(self) -> None:
        """Lets it go on after it was stopped."""
        os.kill(self.pid, signal.SIGCONT)

    @property
    def state(self) -> str | None:
        """What the system says: `S` asleep, `T` stopped; absent when it has ended."""
        try:
            text = Path(f"/proc/{self.pid}/stat").read_text()
        except OSError:
            return None
        return text.rpartition(")")[2].split()[0]

    def said(self, event: str) -> bool:
        """Whether it has logged this."""
        lines = self.log.read_text().splitlines()
        return any(line.startswith(f"{self.pid} {event}") for line in lines)


class Nursery:
    """A process that has everything loaded, and forks workers."""

    def __init__(self, kind: str, folder: Path, environ: Mapping[str, str]) -> None:
        self._log = folder / f"{kind}.log"
        with self._log.open("ab") as sink:
            self._process = subprocess.Popen(
                [sys.executable, str(PROGRAM), kind],
                env={**os.environ, **environ, "PYTHONPATH": _python_path()},
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=sink,
                cwd=folder,
                text=True,
            )

    def fork(self, point: str = "") -> TableWorker:
        """One more worker."""
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        self._process.stdin.write(f"{point}\n")
        self._process.stdin.flush()
        return TableWorker(int(self._process.stdout.readline()), self._log)

    def close(self) -> None:
        """Ends it with its workers."""
        self._process.kill()
        self._process.communicate(timeout=PATIENCE)


@dataclass
class Sets:
    """Runs that write sets of tables, in a state and a warehouse of their own."""

    folder: Path
    environ: Mapping[str, str]
    settings: Settings
    store: SqlStore
    warehouse: IcebergWarehouse
    artifacts: FolderArtifacts
    #: Where the tables lie, when it is not a folder.
    s3: S3Server | None = None
    runs: list[Run] = field(default_factory=list)
    nurseries: dict[str, Nursery] = field(default_factory=dict)

    def worker(self, kind: str = "sets", point: str = "") -> TableWorker:
        """One that works; `point` is what befalls it."""
        if kind not in self.nurseries:
            self.nurseries[kind] = Nursery(kind, self.folder, self.environ)
        return self.nurseries[kind].fork(point)

    def add(self, notebook: Any = None, *, retries: int = 1000, **parameters: Any) -> Run:
        """A queued run; without a notebook one that writes the next set.

        However often its worker is lost, it is tried again, unless told.
        """
        content = nbformat.writes(notebook or nbformat.v4.new_notebook()).encode()
        run = replace(
            run_of(parameters=parameters or {table_worker.NUMBER: len(self.runs)}),
            notebook=str(self.folder / "sets.ipynb"),
            notebook_sha256=self.artifacts.put_notebook(content),
            policies=Policies(retries=retries, retry_delay_seconds=0.0),
        )
        run = self.store.add_run(run)
        self.runs.append(run)
        return run

    def get(self, run: Run) -> Run:
        """The run as it stands."""
        return self.store.get_run(run.team, run.id)

    def wait(self, run: Run, *states: RunState) -> Run:
        """The run once it is in one of these states, else once it has ended."""
        wanted = set(states) or TERMINAL
        return until(lambda: (now := self.get(run)).state in wanted and now)

    def held_by(self, name: str) -> list[Run]:
        """The runs that this worker executes or publishes."""
        held = [run for run in map(self.get, self.runs[-_RECENT:]) if run.state in _HELD]
        return [run for run in held if self.store.attempts(run.id)[-1].worker == name]

    def sweep(self) -> None:
        """Clears up after lost attempts, as the scheduler does now and then."""
        self.store.reap()
        Sweep(self.store, self.warehouse).do()


_RECENT = 20  # runs that may still go on
_HELD = (RunState.RUNNING, RunState.PUBLISHING)


def until(found: Callable[[], Any], *, seconds: float = PATIENCE) -> Any:
    """The first true answer."""
    deadline = time.monotonic() + seconds
    while not (answer := found()):
        assert time.monotonic() < deadline, "it never came true"
        time.sleep(0.02)
    return answer


@contextmanager
def sets_in(folder: Path, environ: Mapping[str, str], s3: S3Server | None = None) -> Iterator[Sets]:
    """A state of its own, on the warehouse of these settings."""
    own = {**environ, "JUPYTER_ORCH__WORKER__LEASE_SECONDS": str(LEASE)}
    own |= {"JUPYTER_ORCH__WORKER__SLOTS": "1"}
    settings = load(own, folder / "none.toml")
    settings.state_dir.mkdir(exist_ok=True)
    store = SqlStore(settings.state_url)
    made = Sets(
        folder=folder,
        environ=own,
        settings=settings,
        store=store,
        warehouse=IcebergWarehouse(settings),
        artifacts=FolderArtifacts(settings.artifacts_dir),
        s3=s3,
    )
    try:
        yield made
    finally:
        for nursery in made.nurseries.values():
            nursery.close()
        made.warehouse.close()
        store.close()


def _python_path() -> str:
    return os.pathsep.join([str(PROGRAM.parent), *filter(None, sys.path)])


# --------------------------------------------------------------------------- the judgement


def judge(sets: Sets) -> None:
    """Nothing is lost, doubled or left over, and each version is that of one run."""
    ended = {run.id: sets.get(run) for run in sets.runs}
    assert {run.state for run in ended.values()} <= {RunState.SUCCEEDED, RunState.CANCELLED}
    numbers = {run.id: run.parameters[table_worker.NUMBER] for run in ended.values()}
    well = [run for run in ended.values() if run.state is RunState.SUCCEEDED]
    wanted: dict[str, set[str]] = {}
    for run in well:
        tables = table_worker.outputs_of(numbers[run.id])
        published = Counter(version.table for version in sets.store.published(run.id))
        assert published == Counter(list(tables)), "the run does not name its versions"
        for table in tables:
            wanted.setdefault(table, set()).add(run.id)
    tables_there = set(sets.warehouse.heads())
    assert tables_there == set(wanted), tables_there ^ set(wanted)
    for table, runs in wanted.items():
        history = sets.warehouse.history(table).versions
        versions = [version.run_id or "" for version in history]
        wrong = Counter(versions)
        wrong.subtract(runs)
        assert not any(wrong.values()), f"{table} has not one version of each run: {wrong}"
        found = sets.warehouse.load(table).scan().to_arrow().to_pylist()
        expected = _replayed(table, [(ended[run_id], numbers[run_id]) for run_id in versions])
        assert sorted(map(str, found)) == sorted(map(str, expected)), f"rows of {table}"
    left = left_over(sets)
    assert not left, left


def _replayed(table: str, published: Sequence[tuple[Run, int]]) -> list[dict[str, Any]]:
    """What the table holds after these runs published to it in this order."""
    rows: list[dict[str, Any]] = []
    for run, number in published:
        new = table_worker.rows_of(number, run.id, run.attempt)
        how = table_worker.outputs_of(number)[table]
        if how["mode"] == "upsert":
            keys = {row["key"] for row in new}
            rows = [row for row in rows if row["key"] not in keys]
        elif how["mode"] == "replace":
            rows = [row for row in rows if row["part"] != number % table_worker.SLICES]
        rows += new
    return rows


def left_over(sets: Sets) -> list[str]:
    """Branches of attempts, and staged files here and in the bucket."""
    found = []
    for table in sets.warehouse.heads():
        loaded = sets.warehouse.load(table)
        refs = loaded.refs()
        versions = {version.snapshot_id for version in sets.warehouse.history(table).versions}
        found += [
            f"{table}: branch {name}"
            for name, ref in refs.items()
            if ref.snapshot_ref_type is SnapshotRefType.BRANCH and name != "main"
        ]
        found += [
            f"{table}: snapshot {snapshot.snapshot_id}"
            for snapshot in loaded.snapshots()
            if snapshot.snapshot_id not in versions
        ]
    staging = sets.settings.warehouse.folder / ".staging"
    found += [str(path) for path in staging.rglob("*")]
    if sets.s3 is not None:
        names = sets.s3.files(sets.settings.warehouse.location)
        found += [name for name in names if name.startswith(".staging/")]
    return found

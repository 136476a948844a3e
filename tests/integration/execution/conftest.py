"""A worker with a real database, real artifacts, a real warehouse and real kernels."""

import os
import threading
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import nbformat
import psutil
import pytest

from jupyter_orch.artifacts.folder import FolderArtifacts
from jupyter_orch.domain.ids import DEFAULT_TEAM, RunId, new_id
from jupyter_orch.domain.model import Policies, Run
from jupyter_orch.domain.states import TERMINAL, RunState
from jupyter_orch.ports import Warehouse
from jupyter_orch.runner.worker import Worker
from jupyter_orch.settings import Settings, load
from jupyter_orch.store.sql import SqlStore

_PATIENCE = 90  # seconds; a loaded machine starts a kernel in twenty


def notebook(*sources: str, parameters: str | None = None, **kernelspec: str) -> Any:
    """A Python notebook of these cells; `parameters` becomes its tagged first cell."""
    nb = nbformat.v4.new_notebook()
    nb.metadata["kernelspec"] = {"name": "python3", "language": "python", "display_name": "P"}
    nb.metadata["kernelspec"] |= kernelspec
    nb.metadata["language_info"] = {"name": "python"}
    if parameters is not None:
        nb.cells.append(nbformat.v4.new_code_cell(parameters, metadata={"tags": ["parameters"]}))
    nb.cells += [nbformat.v4.new_code_cell(source) for source in sources]
    for number, cell in enumerate(nb.cells):
        cell["id"] = f"cell-{number}"
    return nb


def text_of(nb: Any) -> str:
    """Everything that the cells printed and returned."""
    outputs = [output for cell in nb.cells for output in cell.get("outputs", [])]
    return "".join(
        output.get("text") or output.get("data", {}).get("text/plain", "") for output in outputs
    )


@dataclass
class House:
    """What a service would hold, without the service."""

    folder: Path
    settings: Settings
    store: SqlStore
    artifacts: FolderArtifacts
    warehouse: Warehouse
    workers: list[Worker] = field(default_factory=list)

    def worker(self, **options: Any) -> Worker:
        """A started worker, stopped at the end of the test."""
        worker = Worker(
            self.store, self.artifacts, self.warehouse, replace(self.settings, **options)
        )
        self.workers.append(worker)
        worker.start()
        return worker

    def add(
        self,
        nb: Any,
        *,
        parameters: dict[str, Any] | None = None,
        policies: Policies | None = None,
        kernel: str | None = None,
        notebook: str | None = None,
    ) -> Run:
        """A queued run of this notebook."""
        now = datetime.now(UTC)
        run_id = RunId(new_id())
        return self.store.add_run(
            Run(
                id=run_id,
                team=DEFAULT_TEAM,
                job_id=None,
                job_name="test",
                job_version=None,
                run_key=f"manual:{run_id}",
                kind="manual",
                state=RunState.QUEUED,
                logical_time=now,
                not_before=now,
                parameters=parameters or {},
                notebook=notebook or str(self.folder / "test.ipynb"),
                notebook_sha256=self.artifacts.put_notebook(nbformat.writes(nb).encode()),
                kernel=kernel,
                policies=policies or Policies(),
                created_by="tester",
                created_at=now,
            )
        )

    def get(self, run: Run) -> Run:
        """The run as it stands."""
        return self.store.get_run(run.team, run.id)

    def wait(self, run: Run, *states: RunState) -> Run:
        """The run once it is in one of these states, else once it has ended."""
        wanted = set(states) or TERMINAL
        return until(lambda: (now := self.get(run)).state in wanted and now)

    def executed(self, run: Run, attempt: int = 1) -> Any:
        """The executed notebook of an attempt."""
        content = self.artifacts.read(run.id, attempt, "notebook.ipynb")
        assert content is not None
        return nbformat.reads(content.decode(), as_version=4)

    def log(self, run: Run, attempt: int = 1) -> str:
        """The log of an attempt."""
        content = self.artifacts.read(run.id, attempt, "log.jsonl")
        assert content is not None
        return content.decode()


def until(found: Callable[[], Any], *, patience: float = _PATIENCE) -> Any:
    """The first true answer."""
    deadline = time.monotonic() + patience
    while not (answer := found()):
        assert time.monotonic() < deadline, "it never came true"
        time.sleep(0.05)
    return answer


def marked(word: str, names: Sequence[str] = ("environ", "cmdline")) -> list[int]:
    """Processes that carry this word in their environment or command line."""
    found = []
    for entry in Path("/proc").iterdir():
        if not entry.name.isdigit() or int(entry.name) == os.getpid():
            continue
        try:
            stat = (entry / "stat").read_text().rpartition(")")[2].split()[0]
            if stat != "Z" and any(word.encode() in (entry / name).read_bytes() for name in names):
                found.append(int(entry.name))
        except OSError:
            continue
    return found


def left_of_attempts(house: House) -> list[int]:
    """Processes of this house's attempts: kernels, and what kernels have started."""
    found = []
    for pid in marked(str(house.settings.state_dir), ("environ",)):
        with suppress(OSError):
            forked = (Path("/proc") / str(pid) / "comm").read_text().startswith("orch-")
            if (
                forked
                or b"JUPYTER_ORCH_CHANNEL=" in (Path("/proc") / str(pid) / "environ").read_bytes()
            ):
                found.append(pid)
    return found


def executors() -> list[psutil.Process]:
    """Executors of this process's workers."""
    found = []
    for process in psutil.Process().children():
        with suppress(psutil.Error):  # it has just ended
            if "jupyter_orch.runner.executor_main" in process.cmdline():
                found.append(process)
    return found


@pytest.fixture
def house(tmp_path: Path) -> Iterator[House]:
    """A house of its own for each test."""
    with built_house(tmp_path, {"JUPYTER_ORCH__STATE__DIR": str(tmp_path / "state")}) as built:
        yield built


@contextmanager
def built_house(tmp_path: Path, environ: Mapping[str, str]) -> Iterator[House]:
    """A house with these settings; its workers end with it."""
    from jupyter_orch.warehouse.iceberg import IcebergWarehouse

    settings = load(
        {
            **environ,
            "JUPYTER_ORCH__WORKER__LEASE_SECONDS": "6",
            "JUPYTER_ORCH__WAREHOUSE__MEMORY_LIMIT": "500MB",
        },
        tmp_path / "none.toml",
    )
    settings.state_dir.mkdir(exist_ok=True)
    folder = tmp_path / "notebooks"
    folder.mkdir()
    store = SqlStore(settings.state_url)
    warehouse = IcebergWarehouse(settings)
    built = House(
        folder=folder,
        settings=settings,
        store=store,
        artifacts=FolderArtifacts(settings.artifacts_dir),
        warehouse=warehouse,
    )
    yield built
    for worker in built.workers:
        worker.stop(0)
    store.close()
    warehouse.close()
    assert not [t for t in threading.enumerate() if t.name.startswith("run-")]

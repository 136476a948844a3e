"""`papermill --engine jupyter_orch` is papermill, with a history."""

import copy
import os
import shutil
import subprocess
import sys
import tempfile
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import nbformat
import pytest

from jupyter_orch.domain.ids import DEFAULT_TEAM, JobId, new_id
from jupyter_orch.domain.model import Job, JobSpec
from jupyter_orch.domain.states import Reason, RunState

from .conftest import House, notebook, text_of, until

PAPERMILL = str(Path(sys.executable).parent / "papermill")
WRITE = (
    "import jupyter_orch, pandas\n"
    "with jupyter_orch.output('analytics.sales') as out:\n"
    "    out.write(pandas.DataFrame({'n': [1, 2]}))\n"
)
EVERYTHING = [
    "print('out'); import sys; print('err', file=sys.stderr)",
    "x + 1",
    (
        "from IPython.display import display, HTML, Markdown\n"
        "display(HTML('<b>b</b>'), Markdown('*m*'))\n"
        "handle = display('one', display_id='d'); handle.update('two')"
    ),
    "import asyncio; await asyncio.sleep(0); 'awaited'",
    "%config InlineBackend.figure_format = 'png'\n!echo shell",
    "from IPython.display import clear_output; print('gone'); clear_output(); print('stays')",
    "import pandas as pd; pd.DataFrame({'a': [1, 2]})",
    "",
    "text",
]


def papermill(
    house: House, nb: Any, *arguments: str, engine: str | None = "jupyter_orch", name: str = "in"
) -> "subprocess.CompletedProcess[str]":
    """The command line, as a person would call it."""
    nbformat.write(nb, house.folder / f"{name}.ipynb")
    chosen = ["--engine", engine] if engine else []
    return subprocess.run(
        [PAPERMILL, f"{name}.ipynb", f"{name}-out.ipynb", *arguments, *chosen],
        cwd=house.folder,
        env={**os.environ, "JUPYTER_ORCH__STATE__DIR": str(house.settings.state_dir)},
        capture_output=True,
        text=True,
        timeout=150,
        check=False,
    )


def result(house: House, name: str = "in") -> Any:
    """What papermill wrote."""
    return nbformat.read(house.folder / f"{name}-out.ipynb", as_version=4)


def timeless(nb: Any) -> dict[str, Any]:
    """The notebook without times, ids and the path of its output."""
    nb = copy.deepcopy(nb)
    for cell in nb.cells:
        cell.pop("id", None)
        for name in ("start_time", "end_time", "duration"):
            cell.metadata.get("papermill", {}).pop(name, None)
        cell.metadata.pop("execution", None)
    for name in ("start_time", "end_time", "duration", "output_path", "input_path"):
        nb.metadata.papermill.pop(name, None)
    return dict(nb)


@pytest.mark.slow
@pytest.mark.parametrize("failing", [False, True])
def test_inv12_the_engine_gives_the_cells_that_papermill_gives(house: House, failing: bool) -> None:
    """Worker, engine and plain papermill write equal notebooks, and exit alike."""
    nb = notebook(*EVERYTHING, *(["1 / 0", "2"] if failing else []), parameters="x = 1\ntext = ''")
    nb.cells.insert(1, nbformat.v4.new_markdown_cell("# Words"))
    given = ["-p", "x", "2", "-p", "text", '"; import os']
    plain = papermill(house, nb, *given, engine=None, name="plain")
    ours = papermill(house, nb, *given, name="ours")
    assert plain.returncode == ours.returncode == int(failing), ours.stderr
    expected = timeless(result(house, "plain"))
    assert timeless(result(house, "ours")) == expected

    house.worker()
    run = house.add(
        nb, parameters={"x": 2, "text": '"; import os'}, notebook=str(house.folder / "in.ipynb")
    )
    house.wait(run)
    assert timeless(house.executed(run)) == expected


def test_inv10_the_engine_masks_the_warehouses_password(
    house: House, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Its kernel has the user's own environment; what is in it of the password is not shown."""
    monkeypatch.setenv("TRINO_PASSWORD", "hunter2-hunter2")
    monkeypatch.setenv("JUPYTER_ORCH__WAREHOUSE__TRINO__PASSWORD", "env:TRINO_PASSWORD")
    done = papermill(house, notebook("import os; print('password', os.environ['TRINO_PASSWORD'])"))
    assert done.returncode == 0, done.stderr
    (run,) = house.store.list_runs(DEFAULT_TEAM).items
    assert "password ••••••" in text_of(house.executed(run))
    assert "hunter2" not in house.log(run) + str(result(house)) + done.stderr + done.stdout


def test_the_engine_records_and_publishes(house: House) -> None:
    """The run is in the history as an ad-hoc run, with notebook, log and version."""
    done = papermill(house, notebook(WRITE, parameters="day = ''"), "-p", "day", "2013-02-01")
    assert done.returncode == 0, done.stderr
    assert "alembic" not in done.stderr
    (run,) = house.store.list_runs(DEFAULT_TEAM).items
    assert (run.state, run.kind, run.job_id) == (RunState.SUCCEEDED, "adhoc", None)
    assert run.parameters == {"day": "2013-02-01"}
    assert run.notebook == str(house.folder / "in.ipynb")
    assert (run.cells_done, run.cells_total) == (3, 3)
    assert text_of(house.executed(run)) == text_of(result(house))
    assert [version.rows for version in house.store.published(run.id)] == [2]


def test_the_engine_belongs_to_the_job_that_knows_the_notebook(house: House) -> None:
    """A run of a scheduled notebook appears in its job's history."""
    now = datetime.now(UTC)
    job = house.store.add_job(
        Job(
            id=JobId(new_id()),
            team=DEFAULT_TEAM,
            version=1,
            spec=JobSpec(name="sales", notebook=str(house.folder / "in.ipynb")),
            created_by="tester",
            created_at=now,
            updated_at=now,
        ),
        next_due={},
    )
    assert papermill(house, notebook("1")).returncode == 0
    (run,) = house.store.list_runs(DEFAULT_TEAM).items
    assert (run.job_id, run.job_name) == (job.id, "sales")


def test_a_failure_under_the_engine_is_recorded_and_publishes_nothing(house: House) -> None:
    """Exit code and traceback are papermill's; the run has its reason."""
    done = papermill(house, notebook(WRITE, "1 / 0"))
    assert done.returncode == 1
    assert "ZeroDivisionError" in done.stderr
    (run,) = house.store.list_runs(DEFAULT_TEAM).items
    assert (run.state, run.reason) == (RunState.FAILED, Reason.USER_ERROR)
    assert not house.store.published(run.id)
    assert "analytics.sales" not in house.warehouse.heads()


def test_a_kernel_that_dies_gives_papermills_exit_code(house: House) -> None:
    """138, as papermill's own engine; the run is failed with kernel_died."""
    done = papermill(house, notebook("import os; os._exit(1)"))
    assert done.returncode == 138
    (run,) = house.store.list_runs(DEFAULT_TEAM).items
    assert (run.state, run.reason) == (RunState.FAILED, Reason.KERNEL_DIED)


def test_without_a_history_the_notebook_still_runs(house: House) -> None:
    """When nothing can be recorded it says so, and executes as papermill alone."""
    shutil.rmtree(house.settings.state_dir)
    house.settings.state_dir.write_text("not a folder")
    done = papermill(house, notebook("print('ran')"))
    house.settings.state_dir.unlink()
    house.settings.state_dir.mkdir()
    assert done.returncode == 0, done.stderr
    assert "jupyter_orch: this run is not recorded" in done.stderr
    assert "ran" in text_of(result(house))


@pytest.mark.slow
def test_a_killed_papermill_leaves_a_failed_run_and_nothing_else(house: House) -> None:
    """Its run fails when its lease is over; the next worker removes its folder."""
    mark = house.folder / "mark"
    wait = f"import time\nopen({str(mark)!r}, 'w').close()\ntime.sleep(600)"
    nbformat.write(notebook(wait), house.folder / "in.ipynb")
    environment = {
        **os.environ,
        "JUPYTER_ORCH__STATE__DIR": str(house.settings.state_dir),
        "JUPYTER_ORCH__WORKER__LEASE_SECONDS": "3",
    }
    command = [PAPERMILL, "in.ipynb", "out.ipynb", "--engine", "jupyter_orch"]
    process = subprocess.Popen(
        command, cwd=house.folder, env=environment, stderr=subprocess.DEVNULL
    )
    try:
        until(mark.exists)
    finally:
        process.kill()
        process.wait()
    folders = f"jorch-{process.pid}-*"
    assert list(Path(tempfile.gettempdir()).glob(folders))

    house.worker(lease_seconds=3.0)
    assert not list(Path(tempfile.gettempdir()).glob(folders))
    (run,) = house.store.list_runs(DEFAULT_TEAM).items
    done = house.wait(run)
    assert (done.state, done.reason) == (RunState.FAILED, Reason.WORKER_LOST)

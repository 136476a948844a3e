"""kill -9 of a worker, of a child or of a kernel leaves no orphan and no run that never ends."""

import json
import os
import signal
import subprocess
import sys
import tempfile
from pathlib import Path

import psutil
import pytest

from jupyter_orch.domain.model import Policies, Run
from jupyter_orch.domain.states import Reason, RunState
from jupyter_orch.service.sweep import Sweep

from .conftest import House, executors, left_of_attempts, marked, notebook, until

WORKER = """
import sys, threading
from pathlib import Path
from jupyter_orch.artifacts.folder import FolderArtifacts
from jupyter_orch.runner.worker import Worker
from jupyter_orch.settings import load
from jupyter_orch.store.sql import SqlStore
from jupyter_orch.warehouse.iceberg import IcebergWarehouse
settings = load(None, Path("none.toml"))
worker = Worker(SqlStore(settings.state_url), FolderArtifacts(settings.artifacts_dir),
                IcebergWarehouse(settings), settings)
worker.start()
threading.Event().wait()
"""
CELL = (
    "import subprocess, time\n"
    "subprocess.Popen(['sleep', number], start_new_session=True)\n"
    "open(mark, 'w').close()\n"
    "time.sleep(600)"
)


def start_worker(house: House) -> "subprocess.Popen[bytes]":
    """A worker in a process of its own."""
    environment = {
        **os.environ,
        "JUPYTER_ORCH__STATE__DIR": str(house.settings.state_dir),
        "JUPYTER_ORCH__WORKER__LEASE_SECONDS": "3",
    }
    return subprocess.Popen([sys.executable, "-c", WORKER], env=environment, cwd=house.folder)


def asleep(house: House, number: int, *, policies: Policies | None = None) -> Run:
    """A run that sleeps, with a sleeping grandchild of its own session."""
    mark = house.folder / "asleep"
    mark.unlink(missing_ok=True)
    return house.add(
        notebook(CELL, parameters="mark = ''\nnumber = ''"),
        parameters={"mark": str(mark), "number": str(number)},
        policies=policies,
    )


def alive(house: House) -> list[int]:
    """Processes of this house's attempts."""
    return marked(str(house.settings.state_dir / "warehouse"), ("environ",))


@pytest.mark.slow
def test_inv7_a_killed_worker_leaves_no_kernel_and_its_run_is_taken_again(house: House) -> None:
    """Executor and kernel die with the worker, and all that they left; the next one goes on."""
    run = asleep(house, 6177)
    first = start_worker(house)
    try:
        until((house.folder / "asleep").exists)
    finally:
        first.kill()
        first.wait()
    until(lambda: not alive(house))
    assert not marked("sleep\x006177", ("cmdline",))  # what it had started in the background
    assert house.get(run).state is RunState.RUNNING  # its lease still runs

    (house.folder / "asleep").unlink()
    house.worker(lease_seconds=3.0)
    assert not list(Path(tempfile.gettempdir()).glob(f"jorch-{first.pid}-*"))
    assert not marked("sleep\x006177", ("cmdline",))
    again = until(lambda: (now := house.get(run)).attempt == 2 and now)
    assert again.state is RunState.RUNNING
    assert house.store.attempts(run.id)[0].reason is Reason.WORKER_LOST


@pytest.mark.slow
def test_inv7_a_killed_executor_fails_the_run_and_takes_its_kernel_along(house: House) -> None:
    """The reason is platform_error, and nothing of the attempt is alive afterwards."""
    house.worker()
    run = asleep(house, 6178)
    until((house.folder / "asleep").exists)
    (executor,) = executors()
    executor.send_signal(signal.SIGKILL)
    done = house.wait(run)
    assert (done.state, done.reason) == (RunState.FAILED, Reason.PLATFORM_ERROR)
    assert not left_of_attempts(house)
    nb = house.executed(run)
    assert json.dumps(nb)  # whole, as it was after the last cell that ended


@pytest.mark.slow
def test_inv7_a_killed_kernel_fails_the_run(house: House) -> None:
    """The reason is kernel_died."""
    house.worker()
    run = asleep(house, 6179)
    until((house.folder / "asleep").exists)
    (kernel,) = [
        process
        for process in psutil.Process().children(recursive=True)
        if process.name().startswith("orch-")
    ]
    kernel.send_signal(signal.SIGKILL)
    done = house.wait(run)
    assert (done.state, done.reason) == (RunState.FAILED, Reason.KERNEL_DIED)
    assert not marked("sleep\x006179", ("cmdline",))


@pytest.mark.slow
def test_what_a_lost_attempt_staged_is_cleared_away_without_another_attempt(house: House) -> None:
    """Its branch and its files go as soon as its lease is over, whoever executes the run again."""
    house.worker()
    write = (
        "import jupyter_orch, pandas\n"
        "with jupyter_orch.output('analytics.sales', mode='append') as out:\n"
        "    out.write(pandas.DataFrame({'n': [1, 2]}))\n"
    )
    house.wait(house.add(notebook(write)))  # a branch needs a table
    house.workers.pop().stop(0)

    mark = house.folder / "asleep"
    wait = f"import time\nopen({str(mark)!r}, 'w').close()\ntime.sleep(600)"
    run = house.add(notebook(write, wait))
    lost = start_worker(house)
    try:
        until(mark.exists)
    finally:
        lost.kill()
        lost.wait()
    assert set(house.warehouse.load("analytics.sales").refs()) > {f"run-{run.id.lower()}-1"}
    staged = house.warehouse.staging_folder(run.id, 1)
    assert list(staged.rglob("*.parquet"))

    sweep = Sweep(house.store, house.warehouse)
    assert sweep.do() == 0  # its lease still runs
    until(house.store.reap)
    assert sweep.do() == 1
    assert sweep.do() == 0
    assert house.get(run).state is RunState.QUEUED
    left = house.warehouse.load("analytics.sales").refs()
    assert not [name for name in left if run.id.lower() in name]
    assert not list(staged.rglob("*.parquet"))


@pytest.mark.slow
def test_an_executor_that_hangs_is_ended_and_another_one_takes_its_place(house: House) -> None:
    """A run that somebody cancels ends all the same, and nothing of it is left."""
    worker = house.worker()
    run = asleep(house, 6181)
    until((house.folder / "asleep").exists)
    (executor,) = executors()
    executor.suspend()
    house.store.request_cancel(run.id, user="tester")
    worker.wake()
    done = house.wait(run)
    assert (done.state, done.reason) == (RunState.CANCELLED, Reason.CANCELLED_BY_USER)
    assert not executor.is_running()
    until(lambda: not left_of_attempts(house))
    assert not marked("sleep\x006181", ("cmdline",))
    assert house.wait(house.add(notebook("print('next')"))).state is RunState.SUCCEEDED


def test_an_executor_rests_when_there_is_nothing_to_do(house: House) -> None:
    """It is ended after its warm seconds, and started again for the next run."""
    house.worker(lease_seconds=1.5, warm_seconds=0.5)
    house.wait(house.add(notebook("print(1)")))
    until(lambda: not executors())
    assert house.wait(house.add(notebook("print(2)"))).state is RunState.SUCCEEDED


def test_an_executor_that_cannot_start_fails_its_runs(
    house: House, monkeypatch: pytest.MonkeyPatch
) -> None:
    """With the system's words; the worker lives, and goes on when it can be started."""
    monkeypatch.setattr("jupyter_orch.runner.executor.sys.executable", "/nowhere/python")
    house.worker()
    done = house.wait(house.add(notebook("print(1)")))
    assert (done.state, done.reason) == (RunState.FAILED, Reason.PLATFORM_ERROR)
    assert done.error is not None
    assert "/nowhere/python" in done.error.traceback
    monkeypatch.undo()
    assert house.wait(house.add(notebook("print(2)"))).state is RunState.SUCCEEDED

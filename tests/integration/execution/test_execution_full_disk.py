"""A disk that is full: the run says so, what was saved stays whole, and the next run works."""

import contextlib
import json
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from jupyter_orch.domain.states import Reason, RunState

from .conftest import House, executors, left_of_attempts, notebook, text_of, until
from .test_execution_worker import sleeping


def _mounted(folder: Path) -> bool:
    """Mounts a disk of four megabytes there, which root may, outside of some containers."""
    command = ["mount", "-t", "tmpfs", "-o", "size=4m,mode=700", "tmpfs", str(folder)]
    try:
        return subprocess.run(command, check=False, capture_output=True).returncode == 0
    except OSError:
        return False


def fill(disk: Path) -> None:
    """Leaves no byte on it."""
    with (disk / "filler").open("ab", buffering=0) as file:
        for size in (65536, 1024, 1):
            with contextlib.suppress(OSError):
                while file.write(b"x" * size):
                    pass


FILL = (
    "import os\n"
    "with open(os.path.join(disk, 'filler'), 'wb') as file:\n"
    "    try:\n"
    "        while True:\n            file.write(b'x' * 100_000)\n            file.flush()\n"
    "    except OSError as error:\n        said = error.strerror\n"
)


@pytest.fixture
def disk(house: House) -> Iterator[Path]:
    """What attempts leave lies on a disk of four megabytes."""
    runs = house.settings.artifacts_dir / "runs"
    if not _mounted(runs):
        pytest.skip("a small disk cannot be mounted here")
    yield runs
    for worker in house.workers:
        worker.stop(0)
    subprocess.run(["umount", "-l", str(runs)], check=True)


@pytest.mark.parametrize("fork", [True, False], ids=["forked", "stock"])
def test_a_run_on_a_full_disk_fails_with_one_sentence(house: House, disk: Path, fork: bool) -> None:
    """Its notebook is as it was saved last, nothing lies beside it, and the next run succeeds."""
    worker = house.worker(fork_kernels=fork)
    nb = notebook("print('kept')", FILL, "print('x' * 100_000)", parameters="disk = ''")
    run = house.add(nb, parameters={"disk": str(disk)})
    done = house.wait(run)
    assert (done.state, done.reason) == (RunState.FAILED, Reason.PLATFORM_ERROR)
    assert done.error is not None
    assert (
        done.error.message == "The executed notebook could not be saved: No space left on device."
    )
    assert done.error.traceback == ""
    executed = house.executed(run)
    assert text_of(executed) == "kept\n"
    files = {path.name for path in house.artifacts.attempt_folder(run.id, 1).iterdir()}
    assert files == {"notebook.ipynb", "log.jsonl"}
    assert not left_of_attempts(house)
    assert worker.alive

    (disk / "filler").unlink()
    again = house.add(notebook("print('next')"))
    assert house.wait(again).state is RunState.SUCCEEDED
    assert text_of(house.executed(again)) == "next\n"


def test_a_disk_that_is_full_for_a_while_costs_nothing(house: House, disk: Path) -> None:
    """A later save makes up for those that failed."""
    house.worker()
    empty = "os.unlink(os.path.join(disk, 'filler')); print(said)"
    nb = notebook(FILL, "print('x' * 100_000)", empty, parameters="disk = ''")
    run = house.add(nb, parameters={"disk": str(disk)})
    assert house.wait(run).state is RunState.SUCCEEDED, house.log(run)
    assert text_of(house.executed(run)).endswith("x\nNo space left on device\n")
    lines = [json.loads(line) for line in house.log(run).splitlines()]
    assert lines[-1]["event"] == "attempt.ended"


def test_a_cell_that_finds_no_room_names_it(house: House, disk: Path) -> None:
    """It raises as anywhere; that the notebook is not up to date is said as well."""
    house.worker()
    write = "open(os.path.join(disk, 'more'), 'wb', buffering=0).write(b'x' * 100_000)"
    nb = notebook(FILL, "print('x' * 100_000)\n" + write, parameters="disk = ''")
    done = house.wait(house.add(nb, parameters={"disk": str(disk)}))
    assert (done.state, done.reason) == (RunState.FAILED, Reason.USER_ERROR)
    assert done.error is not None
    assert done.error.name == "OSError"
    assert "could not be saved" in done.error.message


def test_an_attempt_that_cannot_even_begin_fails_with_the_systems_words(
    house: House, disk: Path
) -> None:
    """No thread hangs on it, and a run that is cancelled then ends as ever."""
    fill(disk)
    house.worker()
    done = house.wait(house.add(notebook("print(1)")))
    assert (done.state, done.reason) == (RunState.FAILED, Reason.PLATFORM_ERROR)
    assert done.error is not None
    assert "No space left on device" in done.error.message
    assert done.error.traceback == ""

    (disk / "filler").unlink()
    assert house.wait(house.add(notebook("print(1)"))).state is RunState.SUCCEEDED


def test_a_full_disk_does_not_keep_a_run_from_being_cancelled(house: House, disk: Path) -> None:
    """Neither its log nor its notebook has room."""
    worker = house.worker()
    run, mark = sleeping(house)
    until(lambda: Path(mark).exists())
    fill(disk)
    house.store.request_cancel(run.id, user="tester")
    worker.wake()
    assert house.wait(run).state is RunState.CANCELLED
    assert json.dumps(house.executed(run))
    assert executors()

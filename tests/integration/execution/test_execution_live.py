"""A run is watched while it goes on: the running cell, its outputs, its queries."""

import asyncio
import json
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from jupyter_orch.domain.live import CELL_FILE, FILES, Live
from jupyter_orch.domain.model import Run
from jupyter_orch.domain.states import Reason, RunState
from jupyter_orch.execution.live import LiveCell
from jupyter_orch.execution.mask import Masker
from jupyter_orch.service.live import live_of

from .conftest import House, executors, notebook, text_of, until

#: Prints a line each fifth of a second until there is a file.
STEPS = """\
import itertools, pathlib, time
for step in itertools.count():
    print("step", step, flush=True)
    if pathlib.Path(stop).exists():
        break
    time.sleep(0.2)"""
CROSS_JOIN = (
    "SELECT count(*) FROM {table} CROSS JOIN UNNEST(sequence(1, 10000)) a(x)"
    " CROSS JOIN UNNEST(sequence(1, {times})) b(y) WHERE mod(n * x * y, 7) = 1"
)


@pytest.fixture
def stop(house: House) -> Path:
    """The file that ends the steps."""
    return house.folder / "stop"


def stepping(house: House, stop: Path, *before: str, **options: Any) -> Run:
    """A run that goes on until there is the file."""
    nb = notebook(*before, STEPS, parameters="stop = ''")
    return house.add(nb, parameters={"stop": str(stop)}, **options)


def live(house: House, run: Run) -> Live:
    """What the API answers."""
    return live_of(house.artifacts, house.get(run))


def seen(house: House, run: Run, which: Callable[[str, Live], Any]) -> Any:
    """The first true answer about the running cell's texts."""

    def look() -> Any:
        now = live(house, run)
        texts = [each.get("text", "") for each in now.cell.outputs] if now.cell else []
        return which("".join(texts), now)

    return until(look)


def files(house: House, run: Run) -> list[Path]:
    """What is there only while the attempt goes on."""
    folder = house.artifacts.attempt_folder(run.id, 1)
    return [folder / name for name in FILES if (folder / name).exists()]


@pytest.mark.parametrize("fork", [True, False], ids=["forked", "stock"])
def test_the_running_cell_is_seen_with_its_outputs(house: House, stop: Path, *, fork: bool) -> None:
    """It grows while it runs, and is gone when it has ended."""
    house.worker(fork_kernels=fork)
    run = stepping(house, stop, "print('done before')")
    assert live(house, run).cell is None
    first = seen(house, run, lambda text, now: "step 3\n" in text and now)
    assert first.cell.index == 3
    assert "itertools.count" in first.cell.source
    assert first.cells_total == 4
    assert "done before" not in str(first)
    later = seen(house, run, lambda text, now: "step 8\n" in text and now)
    assert later.cell.started_at == first.cell.started_at
    stop.touch()
    done = house.wait(run)
    assert done.state is RunState.SUCCEEDED, house.log(run)
    assert (live(house, run).cell, live(house, run).queries) == (None, ())
    assert files(house, run) == []


def test_short_cells_write_nothing(house: House) -> None:
    """There is nothing to see of them."""
    run = house.add(notebook(*["print(1)"] * 5))
    folder = house.artifacts.attempt_folder(run.id, 1)
    (folder / CELL_FILE).mkdir()  # writing would fail, and say so in the executor's log
    house.worker()
    assert house.wait(run).state is RunState.SUCCEEDED
    assert not list(folder.glob(".writing-*"))


def test_who_cannot_be_watched_runs_nevertheless(house: House) -> None:
    """A full disk, say: the run matters more."""
    run = house.add(notebook("import time\nprint('x')\ntime.sleep(1.5)"))
    (house.artifacts.attempt_folder(run.id, 1) / CELL_FILE / "in the way").mkdir(parents=True)
    house.worker()
    assert house.wait(run).state is RunState.SUCCEEDED, house.log(run)


def test_secrets_and_carriage_returns(
    house: House, stop: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Known values are masked, a progress bar is one line, cleared outputs are gone."""
    monkeypatch.setenv("JUPYTER_ORCH_SECRET_DB_PASSWORD", "hunter2-hunter2")
    house.worker()
    cell = (
        "import sys, IPython.display as d, jupyter_orch as orch\n"
        "print('to be cleared', flush=True)\nd.clear_output()\n"
        "value = orch.secret('db/password')\n"
        "print('it is', value, flush=True)\nd.display(d.HTML(f'<i>{value}</i>'))\n"
        "for step in range(50):\n    print(f'\\r{step} of 50', end='', flush=True)\nprint()\n"
    )
    nb = notebook(cell + STEPS, parameters="stop = ''")
    run = house.add(nb, parameters={"stop": str(stop)})
    text, now = seen(house, run, lambda text, now: "step 2\n" in text and (text, now))
    assert "hunter2" not in str(now)
    assert "<i>••••••</i>" in str(now)
    assert "it is ••••••\n" in text
    assert "49 of 50\n" in text
    assert "48 of 50" not in text
    assert "to be cleared" not in text
    stop.touch()
    assert house.wait(run).state is RunState.SUCCEEDED, house.log(run)


def test_a_cell_that_prints_without_end_stays_small(house: House, stop: Path) -> None:
    """A hundred megabytes; what is kept of them is the notebook's limit, and what is shown less."""
    house.worker()
    flood = "for _ in range(100):\n    print('x' * 99 * 10_101)\n"
    run = house.add(notebook(flood + STEPS, parameters="stop = ''"), parameters={"stop": str(stop)})
    path = house.artifacts.attempt_folder(run.id, 1) / CELL_FILE
    until(path.exists)
    largest = 0
    while b"longer than" not in path.read_bytes():
        largest = max(largest, path.stat().st_size)
    largest = max(largest, path.stat().st_size)
    assert largest < 100_000
    stop.touch()
    assert house.wait(run).state is RunState.SUCCEEDED, house.log(run)


def test_a_killed_executor_leaves_the_notebook_with_its_outputs(house: House, stop: Path) -> None:
    """It is saved every ten seconds while a cell runs; nothing else is left."""
    house.worker()
    run = stepping(house, stop)
    until(lambda: live(house, run).cell)
    until(lambda: "step 3\n" in text_of(house.executed(run)))
    (executor,) = executors()
    executor.kill()
    done = house.wait(run)
    assert done.reason is Reason.PLATFORM_ERROR
    nb = house.executed(run)
    assert "step 3\n" in text_of(nb)
    assert nb.cells[-1].metadata.papermill.status == "running"
    assert files(house, run) == []


def test_a_file_that_somebody_spoilt_is_as_none(house: House, stop: Path) -> None:
    """A notebook may write wherever its user may."""
    house.worker()
    run = stepping(house, stop)
    until(lambda: live(house, run).cell)
    going_on = house.get(run)
    path = house.artifacts.attempt_folder(run.id, 1) / CELL_FILE
    whole = json.loads(path.read_text())
    for content in (
        "{",
        "[" * 100_000,
        "x" * 5_000_000,
        json.dumps(whole | {"more": 1}),
        json.dumps(whole | {"index": "one"}),
        json.dumps(whole | {"outputs": [1]}),
    ):
        path.write_text(content)
        assert live_of(house.artifacts, going_on).cell is None
    stop.touch()
    house.wait(run)


def test_a_cell_that_ended_a_moment_ago_does_not_run(house: House, stop: Path) -> None:
    """The file may be older than the row."""
    house.worker()
    run = stepping(house, stop)
    until(lambda: live(house, run).cell)
    assert live_of(house.artifacts, replace(house.get(run), cells_done=3)).cell is None
    stop.touch()
    house.wait(run)


def test_cells_that_end_soon_leave_nothing(tmp_path: Path) -> None:
    """Neither in the folder nor in the loop."""

    async def run_them() -> None:
        watched = LiveCell(tmp_path, Masker())
        for index in range(1000):
            watched.begin({}, index)
            watched.changed()
            watched.end()

    asyncio.run(run_them())
    assert list(tmp_path.iterdir()) == []


def waiting(house: House, sql: str) -> Run:
    """A run whose cell waits for a query."""
    return house.add(
        notebook(
            f"import jupyter_orch as orch\norch.connect().cursor().execute({sql!r}).fetchall()"
        )
    )


def test_a_query_of_the_embedded_engine_is_seen(house: House) -> None:
    """That it runs and how long; the engine knows of no percentage."""
    house.worker()
    run = waiting(house, CROSS_JOIN.format(table="(VALUES 1, 2) t(n)", times=10_000 * 3))
    (query,) = until(lambda: live(house, run).queries)
    assert query.query_id in house.store.queries(run.id)
    assert (query.state, query.percent) == ("RUNNING", None)
    assert query.elapsed_seconds >= 1
    house.store.request_cancel(run.id, user="tester")
    assert house.wait(run).state is RunState.CANCELLED
    assert files(house, run) == []


@pytest.mark.trino
@pytest.mark.timeout(1800)
def test_a_query_of_a_real_trino_is_seen_with_its_percentage(
    house: House, trino_server: Any
) -> None:
    """State, percent and rows, until it has ended."""
    from jupyter_orch.warehouse.connect import open_connection

    cursor = open_connection(trino_server.settings).cursor()
    cursor.execute("CREATE SCHEMA IF NOT EXISTS live").fetchall()
    # a file each: Trino counts the files that are done
    partitioned = "CREATE TABLE live.parts (n bigint) WITH (partitioning = ARRAY['n'])"
    cursor.execute(partitioned).fetchall()
    cursor.execute("INSERT INTO live.parts SELECT * FROM UNNEST(sequence(1, 24))").fetchall()
    house.worker(warehouse=trino_server.settings.warehouse)
    run = waiting(house, CROSS_JOIN.format(table="live.parts", times=300))
    told = []

    def ended() -> bool:
        told.extend(live(house, run).queries)
        return house.get(run).ended_at is not None

    until(ended, patience=300)
    assert house.get(run).state is RunState.SUCCEEDED, house.log(run)
    percents = [query.percent for query in told if query.percent is not None]
    assert len(set(percents)) > 1
    assert all(0 <= percent <= 100 for percent in percents)
    assert max(percents) > 0
    assert {query.query_id for query in told} <= set(house.store.queries(run.id))
    assert max(query.rows for query in told) > 0
    assert files(house, run) == []

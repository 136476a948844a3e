"""kill -9 of a worker while real notebooks write two tables: the set is whole, and written once."""

import os
import random
import time
from collections import Counter

import pytest
from table_kit import Sets, left_over

from jupyter_orch.domain.states import RunState

from .conftest import notebook

#: How many workers are killed at random moments, in each world; `make table-chaos` sets more.
KILLS = int(os.environ.get("TABLE_NOTEBOOK_KILLS", "1"))
SEED = int(os.environ.get("TABLE_SEED") or random.randrange(10**6))  # noqa: S311
TABLES = ("pair.first", "pair.second")
LONGEST = 6.0  # seconds from a worker's start to a moment at which it may be killed

COUNT = "with open(counter, 'a') as lines:\n    lines.write(f'{orch.context().attempt}\\n')\n"
WRITE = (
    "import pandas, jupyter_orch as orch\n"
    + COUNT
    + "who = {'run_id': [orch.context().run_id] * 2, 'attempt': [orch.context().attempt] * 2}\n"
    "with orch.output('pair.first', mode='append') as out:\n"
    "    out.write(pandas.DataFrame(who | {'n': [1, 2]}))\n"
    "    out.check(rows_min=2)\n"
)
SECOND = (
    "with orch.output('pair.second', mode='append') as out:\n"
    "    out.write(pandas.DataFrame(who | {'n': [3, 4]}))\n"
)


def pair(sets: Sets) -> str:
    """Queues a run of the notebook; answers the file that its cell counts in."""
    counter = str(sets.folder / f"counter-{len(sets.runs)}")
    sets.add(notebook(WRITE, SECOND, parameters="counter = ''"), counter=counter)
    return counter


def attempts_in(counter: str) -> list[int]:
    """The attempt of each time that the cell ran."""
    with open(counter) as lines:  # noqa: PTH123
        return [int(line) for line in lines]


def check(sets: Sets) -> None:
    """Each run has one version of each table, with the rows of the attempt that succeeded."""
    runs = [sets.get(run) for run in sets.runs]
    assert {run.state for run in runs} == {RunState.SUCCEEDED}
    for table in TABLES:
        versions = Counter(version.run_id for version in sets.warehouse.history(table).versions)
        assert versions == Counter(run.id for run in runs)
        rows = sets.warehouse.load(table).scan().to_arrow().to_pylist()
        found = Counter((row["run_id"], row["attempt"]) for row in rows)
        assert found == {(run.id, run.attempt): 2 for run in runs}
    assert left_over(sets) == []


@pytest.mark.slow
@pytest.mark.parametrize("new", [True, False])
def test_inv5_a_set_is_completed_without_running_a_cell_again(sets: Sets, new: bool) -> None:
    """The worker dies between its two commits; what was staged is published by the next one."""
    if not new:
        first = sets.worker("notebooks")
        pair(sets)
        sets.wait(sets.runs[-1])
        first.kill()
    dying = sets.worker("notebooks", "kill before IcebergWarehouse.publish 2")
    counter = pair(sets)
    while dying.state is not None:
        time.sleep(0.05)
    assert sets.get(sets.runs[-1]).state is RunState.PUBLISHING
    published = [sets.warehouse.history(table).versions for table in sets.warehouse.heads()]
    assert sum(map(len, published)) == (1 if new else 3)
    sets.worker("notebooks")
    done = sets.wait(sets.runs[-1])
    assert (done.state, done.attempt) == (RunState.SUCCEEDED, 1)
    assert attempts_in(counter) == [1]
    check(sets)


@pytest.mark.slow
@pytest.mark.timeout(300 + 30 * KILLS)
def test_inv5_inv7_notebooks_whose_worker_is_killed_at_any_moment_write_once(sets: Sets) -> None:
    """Kernels, too, are killed with their worker; the next one begins again or completes."""
    chance = random.Random(SEED)  # noqa: S311 - moments, no secret
    for _ in range(KILLS):
        pair(sets)
        worker = sets.worker("notebooks")
        time.sleep(chance.uniform(0.5, LONGEST))
        worker.kill()
    sets.worker("notebooks")
    for run in sets.runs:
        sets.wait(run)
    sets.sweep()
    check(sets)

"""What saving a notebook after each step costs, papermill's way and ours. Prints one JSON line.

No kernel: papermill's manager and ours are driven through the same cells, one after the other, and
only their saves are measured. With many small cells: all saves of a run. With one large output in
the first cell: each save of the cells after it.
"""

import argparse
import statistics
import tempfile
import time
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import nbformat
from kit import report
from nbformat.v4 import new_code_cell, new_notebook, new_output
from papermill.engines import NotebookExecutionManager

from jupyter_orch.execution.saving import SavingManager

LINE = "x" * 99 + "\n"


@dataclass(frozen=True)
class Cost:
    """Seconds."""

    cpu: float
    wall: float


class Saves:
    """What the saves of a manager have cost, cell by cell."""

    def __init__(self, manager: Any) -> None:
        self.costs = [Cost(0.0, 0.0)]
        self._save = manager.save
        manager.save = self._measured

    def _measured(self, **options: Any) -> None:
        wall, cpu = time.perf_counter(), time.process_time()
        self._save(**options)
        last = self.costs[-1]
        used, took = time.process_time() - cpu, time.perf_counter() - wall
        self.costs[-1] = Cost(last.cpu + used, last.wall + took)

    def next_cell(self) -> None:
        """What follows is of the next cell."""
        self.costs.append(Cost(0.0, 0.0))

    def of(self, choose: Callable[[Iterable[float]], float], which: slice = slice(None)) -> Cost:
        """Sum, median or another choice of some of them."""
        costs = self.costs[which]
        return Cost(choose([each.cpu for each in costs]), choose([each.wall for each in costs]))


def managers(cells: int, folder: Path) -> dict[str, Any]:
    """Papermill's manager and ours, each of a notebook of its own."""

    def notebook() -> Any:
        nb = new_notebook(cells=[new_code_cell(f"print({number})") for number in range(cells)])
        nb.metadata.papermill = {}
        return nb

    theirs = str(folder / "papermill.ipynb")
    return {
        "papermill": NotebookExecutionManager(notebook(), output_path=theirs, progress_bar=False),
        "ours": SavingManager(notebook(), folder / "ours.ipynb", lambda _done, _total: None),
    }


def run(manager: Any, texts: Sequence[str]) -> Saves:
    """Does to the notebook what a run does whose cells print these texts."""
    saves = Saves(manager)
    manager.notebook_start()
    for number, text in enumerate(texts):
        cell = manager.nb.cells[number]
        manager.cell_start(cell, number)
        cell.execution_count = number + 1
        cell.outputs = [new_output("stream", name="stdout", text=text)]
        manager.cell_complete(cell, number)
        saves.next_cell()
    manager.notebook_complete()
    last = {"durable": True} if isinstance(manager, SavingManager) else {}
    manager.save(**last)  # papermill writes once more, too
    return saves


def many_cells(cells: int, folder: Path) -> dict[str, Any]:
    """All saves of a run."""
    texts = [f"{number}\n" for number in range(cells)]
    costs = {}
    for name, manager in managers(cells, folder).items():
        costs[name] = run(manager, texts).of(sum)
        check(manager, folder / f"{name}.ipynb")
    return {"cells": cells, "cost_of": "all saves", **compared(costs)}


def large_output(megabytes: int, later: int, folder: Path) -> list[dict[str, Any]]:
    """The saves that are the first to have the output, and those of each cell after them."""
    texts = [LINE * (megabytes * 1_000_000 // len(LINE))] + ["1\n"] * later
    saves = {}
    for name, manager in managers(later + 1, folder).items():
        saves[name] = run(manager, texts)
        check(manager, folder / f"{name}.ipynb")
    with_it, later_ones = slice(0, 2), slice(2, -1)  # ours has it as the second cell starts
    shared = {"cells": later + 1, "output_mb": megabytes}
    choices: dict[str, Callable[[Saves], Cost]] = {
        "the first two cells, the output in the first": lambda each: each.of(sum, with_it),
        "a later cell, median": lambda each: each.of(statistics.median, later_ones),
        "a later cell, slowest": lambda each: each.of(max, later_ones),
    }
    return [
        {**shared, "cost_of": what, **compared({name: of(each) for name, each in saves.items()})}
        for what, of in choices.items()
    ]


def check(manager: Any, path: Path) -> None:
    """Refuses a figure of a file that is not the notebook."""
    if path.read_bytes() != nbformat.writes(manager.nb).encode():
        raise SystemExit(f"{path.name} is not what nbformat writes")


def compared(costs: dict[str, Cost]) -> dict[str, float]:
    """Milliseconds of both, and how many times ours papermill's are."""
    theirs, ours = costs["papermill"], costs["ours"]
    return {
        "papermill_cpu_ms": round(theirs.cpu * 1000, 2),
        "ours_cpu_ms": round(ours.cpu * 1000, 2),
        "cpu_ratio": round(theirs.cpu / ours.cpu, 1),
        "papermill_wall_ms": round(theirs.wall * 1000, 2),
        "ours_wall_ms": round(ours.wall * 1000, 2),
        "wall_ratio": round(theirs.wall / ours.wall, 1),
    }


def main() -> None:
    """Saves, measures, prints."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--cells", type=int, nargs="*", default=[50, 200, 500])
    parser.add_argument("--megabytes", type=int, default=100, help="of the large output; 0: none")
    parser.add_argument("--later", type=int, default=5, help="cells after the large output")
    given = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="orch-saves-") as name:
        folder = Path(name)
        results = [many_cells(cells, folder) for cells in given.cells]
        if given.megabytes:
            results += large_output(given.megabytes, given.later, folder)
    report("saves", results, "papermill", "nbformat")


if __name__ == "__main__":
    main()

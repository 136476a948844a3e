"""What executing a short notebook costs: ours in forked and stock kernels, papermill, a bare fork.

All in one run, in turns, of the same environment. Papermill is measured in a process that has it
imported, and from its command line. Processor time is that of all processes that take part; what a
process costs that kernels are forked from stands apart, as it is paid once. Prints one JSON line.
"""

import argparse
import asyncio
import json
import os
import resource
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Awaitable, Callable, Sequence
from pathlib import Path
from typing import Any

import nbformat
import psutil
from kit import report
from nbformat.v4 import new_code_cell, new_notebook

from jupyter_orch.execution.kernels import pool as pool_module
from jupyter_orch.execution.kernels.pool import KernelPool
from jupyter_orch.execution.log import RunLog
from jupyter_orch.execution.mask import Masker
from jupyter_orch.execution.pipeline import NotebookRequest, NotebookRun

CELLS = {
    "trivial": "print(x + 1)",
    "pandas, pyarrow, trino": (
        "import pandas as pd, pyarrow as pa, trino\n"
        "df = pd.DataFrame({'a': range(10)})\nint(df.a.sum()) + x"
    ),
}
HELD = 10  # kernels whose memory is measured
TICKS = os.sysconf("SC_CLK_TCK")
#: Executes a notebook some times with papermill imported; prints wall and processor time of each.
PAPERMILL = """
import json, resource, sys, time, papermill
source, target, count = sys.argv[1], sys.argv[2], int(sys.argv[3])
def cpu():
    used = [resource.getrusage(who) for who in (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN)]
    return sum(each.ru_utime + each.ru_stime for each in used)
costs = []
for _ in range(count + 1):
    began, before = time.perf_counter(), cpu()
    papermill.execute_notebook(source, target, parameters={"x": 1}, progress_bar=False)
    costs.append((time.perf_counter() - began, cpu() - before))
print(json.dumps(costs[1:]))
"""
#: Forks a process of the same imports, which executes the cells and ends; prints seconds of each.
BARE = """
import importlib, json, os, sys, time
cells, count = json.loads(sys.argv[1]), int(sys.argv[2])
from jupyter_orch.execution.kernels.preload import ALWAYS
for name in (*ALWAYS, "ipykernel.kernelapp", *sys.argv[3:]):
    importlib.import_module(name)
costs = []
for _ in range(count):
    began = time.perf_counter()
    pid = os.fork()
    if pid == 0:
        names = {"x": 1}
        for cell in cells:
            exec(cell, names)
        os._exit(0)
    os.waitpid(pid, 0)
    costs.append(time.perf_counter() - began)
print(json.dumps(costs))
"""


class Engine:
    """Our pipeline in this process's loop, as an executor has it."""

    def __init__(self, folder: Path, source: Path) -> None:
        self._folder = folder
        self._source = source
        self._kernels = KernelPool()
        self._log = RunLog(folder / "log.jsonl")
        self._count = 0

    async def execute(self, *, fork: bool = True, source: Path | None = None) -> None:
        """One notebook, which must succeed."""
        self._count += 1
        name = f"{self._count}"
        request = NotebookRequest(
            input=str(source or self._source),
            output=str(self._folder / f"{name}.ipynb"),
            notebook=str(self._source),
            parameters={"x": 1},
            cwd=str(self._folder),
            sockets=str(self._folder / name),
            console=str(self._folder / "console"),
            fork=fork,
        )
        run = NotebookRun(
            request, run_log=self._log, masker=Masker(), progress=lambda _done, _total: None
        )
        result = await run.execute(dict(os.environ), self._kernels)
        if result.reason is not None:
            raise RuntimeError(f"The notebook failed: {result}")
        Path(request.output).unlink()

    def close(self) -> None:
        """Ends what it has started."""
        self._kernels.close()


def cpu() -> float:
    """Seconds of this process, of its children, and of theirs that have ended."""
    used = [resource.getrusage(who) for who in (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN)]
    total = sum(each.ru_utime + each.ru_stime for each in used)
    for child in psutil.Process().children():
        stat = Path("/proc", str(child.pid), "stat").read_text().rpartition(")")[2].split()
        total += sum(map(int, stat[11:15])) / TICKS
    return total


async def measured(
    action: Callable[[], Awaitable[None]], count: int, at_once: int = 1
) -> dict[str, float]:
    """Wall and processor time of each, and how many a second, so many at a time."""
    walls: list[float] = []
    room = asyncio.Semaphore(at_once)

    async def one() -> None:
        async with room:
            began = time.perf_counter()
            await action()
            walls.append(time.perf_counter() - began)

    began, before = time.perf_counter(), cpu()
    await asyncio.gather(*(one() for _ in range(count)))
    return {
        "wall_ms": statistics.median(walls) * 1e3,
        "cpu_ms": (cpu() - before) / count * 1e3,
        "per_second": count / (time.perf_counter() - began),
    }


def papermill(source: Path, target: Path, count: int) -> dict[str, float]:
    """In a process that has it imported."""
    arguments = [str(source), str(target), str(count)]
    costs = json.loads(output([sys.executable, "-c", PAPERMILL, *arguments]).splitlines()[-1])
    return {
        "wall_ms": statistics.median(wall for wall, _ in costs) * 1e3,
        "cpu_ms": statistics.fmean(used for _, used in costs) * 1e3,
    }


def command_line(source: Path, folder: Path, count: int) -> dict[str, float]:
    """From its command line, one after the other; then as many again, two at a time."""
    program = str(Path(sys.executable).parent / "papermill")

    def start(number: int) -> "subprocess.Popen[bytes]":
        target = str(folder / f"cli-{number}.ipynb")
        quiet = {"stdout": subprocess.DEVNULL, "stderr": subprocess.DEVNULL}
        return subprocess.Popen(
            [program, str(source), target, "-p", "x", "1", "--no-progress-bar"], **quiet
        )

    walls, before = [], cpu()
    for number in range(count):
        began = time.perf_counter()
        ended([start(number)])
        walls.append(time.perf_counter() - began)
    used = (cpu() - before) / count
    began = time.perf_counter()
    for number in range(count):
        ended([start(number), start(count + number)])
    seconds = time.perf_counter() - began
    return {
        "wall_ms": statistics.median(walls) * 1e3,
        "cpu_ms": used * 1e3,
        "per_second": 2 * count / seconds,
    }


def ended(processes: "Sequence[subprocess.Popen[bytes]]") -> None:
    """Waits for all of them, which must succeed."""
    for process in processes:
        if process.wait() != 0:
            raise RuntimeError(f"{process.args} failed.")


def output(command: Sequence[str]) -> str:
    """What a command prints."""
    return subprocess.run(command, check=True, capture_output=True, text=True).stdout


async def memory(engine: Engine, folder: Path, cell: str) -> dict[str, float]:
    """Megabytes (PSS) of a kernel that has executed the cell, and of what it is forked from."""
    source = folder / "held.ipynb"
    waiting = "import time, os\nwhile not os.path.exists('go'): time.sleep(0.05)"
    write(source, cell, "import os; open(f'ready-{os.getpid()}', 'w').close()", waiting)
    running = [asyncio.ensure_future(engine.execute(source=source)) for _ in range(HELD)]
    while len(list(folder.glob("ready-*"))) < HELD:
        await asyncio.sleep(0.1)
    kernels = [int(path.name.removeprefix("ready-")) for path in folder.glob("ready-*")]
    parent = psutil.Process(kernels[0]).ppid()
    found = {
        "kernel_mb": statistics.fmean(map(pss, kernels)),
        "parent_mb": pss(parent),
    }
    (folder / "go").touch()
    await asyncio.gather(*running)
    for path in (*folder.glob("ready-*"), folder / "go"):
        path.unlink()
    return found


def pss(pid: int) -> float:
    """Megabytes of a process; pages that it shares count in parts."""
    return psutil.Process(pid).memory_full_info().pss / 1e6


def write(path: Path, *cells: str) -> None:
    """A notebook with a parameters cell and these."""
    parameters = new_code_cell("x = 0", metadata={"tags": ["parameters"]})
    spec = {"name": "python3", "display_name": "Python 3", "language": "python"}
    metadata = {"kernelspec": spec}
    nb = new_notebook(cells=[parameters, *map(new_code_cell, cells)], metadata=metadata)
    nbformat.write(nb, path)


async def compare(kind: str, given: argparse.Namespace) -> list[dict[str, Any]]:
    """Every way to execute one kind of notebook."""
    with tempfile.TemporaryDirectory(prefix="orch-exec-") as name:
        folder = Path(name)
        source = folder / "notebook.ipynb"
        write(source, CELLS[kind])
        engine = Engine(folder, source)
        try:
            await learned(engine)
            found: dict[str, dict[str, float]] = {}
            found["papermill, in process"] = papermill(source, folder / "p.ipynb", given.stock)
            found["papermill, command line"] = command_line(source, folder, given.stock)
            found["ours, forked"] = await measured(engine.execute, given.runs)
            found["ours, stock"] = await measured(lambda: engine.execute(fork=False), given.stock)
            for at_once in (2, 10, 50):
                many = await measured(engine.execute, max(given.runs, 2 * at_once), at_once)
                found[f"ours, forked, {at_once} at a time"] = many
            imports = [] if kind == "trivial" else ["pandas", "pyarrow", "trino"]
            cells = json.dumps([CELLS[kind]])
            command = [sys.executable, "-c", BARE, cells, str(given.runs), *imports]
            bare = json.loads(output(command).splitlines()[-1])
            found["a bare fork"] = {"wall_ms": statistics.median(bare) * 1e3}
            found["memory"] = await memory(engine, folder, CELLS[kind])
        finally:
            engine.close()
    return [row(kind, way, figures, found) for way, figures in found.items()]


async def learned(engine: Engine) -> None:
    """Until the parent has imported what the notebook imports."""
    pool_module._LEARN_PAUSE = -1.0  # noqa: SLF001
    for _ in range(4):
        await engine.execute()
    await asyncio.sleep(4.0)
    await engine.execute()


def row(
    kind: str, way: str, figures: dict[str, float], found: dict[str, dict[str, float]]
) -> dict[str, Any]:
    """One line of the table, with its ratios to papermill and to a bare fork."""
    line: dict[str, Any] = {"notebook": kind, "way": way}
    line |= {name: round(value, 1) for name, value in figures.items()}
    if not way.startswith("ours"):
        return line
    for word, other in (
        ("in_process", "papermill, in process"),
        ("command_line", "papermill, command line"),
        ("bare", "a bare fork"),
    ):
        for unit in ("wall_ms", "cpu_ms"):
            if unit in found[other] and unit in figures:
                ratio = found[other][unit] / figures[unit]
                line[f"{unit[:-3]}_x_{word}"] = round(ratio, 2 if word == "bare" else 1)
    theirs = found["papermill, command line"]["per_second"]
    line["per_second_x_command_line"] = round(figures["per_second"] / theirs, 1)
    return line


def main() -> None:
    """Measures, and prints."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--runs", type=int, default=100, help="of ours")
    parser.add_argument("--stock", type=int, default=5, help="of papermill, and of stock kernels")
    given = parser.parse_args()
    results = [line for kind in CELLS for line in asyncio.run(compare(kind, given))]
    report("execution", results, "papermill", "ipykernel", "ipython", "nbclient", "pandas")


if __name__ == "__main__":
    main()

"""Notebooks of many cells: saves take a small part of their time, and none waits for long."""

import asyncio
from collections.abc import Awaitable, Callable
from pathlib import Path

import nbformat
import pytest

from .conftest import notebook, text_of
from .test_execution_forked import Bench, bench

__all__ = ["bench"]
Run = Callable[[Callable[[Bench], Awaitable[None]]], None]
CELLS = 1500


def written() -> int:
    """Bytes that this process, which is the executor here, has written to files and sockets."""
    lines = Path("/proc/self/io").read_text().splitlines()
    return int(dict(line.split(": ") for line in lines)["wchar"])


@pytest.mark.slow
def test_the_saves_of_many_cells_are_not_quadratic(bench: Run) -> None:
    """Each save writes the whole file, so that there may not be one after each of them."""

    async def test(bench: Bench) -> None:
        await bench.text("print(1)")
        before = written()
        _, result, target = bench.begin(notebook(*(f"print({n})" for n in range(CELLS))))
        assert (await result).reason is None
        assert text_of(nbformat.read(target, 4)).split() == [str(n) for n in range(CELLS)]
        assert written() - before < 200 * target.stat().st_size

    bench(test)


def test_a_save_that_had_to_wait_is_made_while_the_next_cell_runs(bench: Run) -> None:
    """A reader sees what all cells before it have printed, however long it takes."""
    wait = (
        "import os, time\nprint('begun', flush=True)\n"
        "while not os.path.exists('go'): time.sleep(0.02)"
    )

    async def test(bench: Bench) -> None:
        cells = [*(f"print({n})" for n in range(100)), wait]
        _, result, target = bench.begin(notebook(*cells))
        for _ in range(1000):
            await asyncio.sleep(0.05)
            if target.exists() and "99" in text_of(nbformat.read(target, 4)).split():
                break
        else:
            raise AssertionError("It was never saved.")
        assert not result.done()
        (bench.folder / "go").touch()
        assert (await result).reason is None

    bench(test)

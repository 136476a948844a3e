"""Cells that publish too much, or what is none of Jupyter's: what the notebook then holds."""

import asyncio
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any

import nbformat
import psutil
import pytest

from jupyter_orch.domain.states import Reason

from .conftest import notebook, text_of
from .test_execution_forked import Bench, bench

__all__ = ["bench"]
Run = Callable[[Callable[[Bench], Awaitable[None]]], None]
LIMIT = 100_000  # bytes
kinds = pytest.mark.parametrize("fork", [True, False], ids=["forked", "stock"])


def executed(path: Path) -> Any:
    """The notebook, which has to be valid and small."""
    assert path.stat().st_size < 20 * LIMIT
    nb = nbformat.read(path, 4)
    nbformat.validate(nb)
    return nb


@kinds
def test_displays_that_grow_are_capped(bench: Run, fork: bool) -> None:
    """A progress bar stays as it was drawn last; one that takes too much becomes a note."""
    bar = (
        "from IPython.display import HTML, display\n"
        "bar = display(HTML('0'), display_id=True)\n"
        "for n in range(100):\n    bar.update(HTML(f'{n}' + 'x' * 2000))\n"
    )
    many = (
        "for _ in range(50):\n    display(HTML('small'), display_id='many')\n"
        "large = display(HTML('small'), display_id=True)"
    )
    grow = "bar.update(HTML('y' * 90_000))\ndisplay(HTML('z' * 5000), display_id='many')\n"
    grow += "large.update(HTML('w' * 5_000_000))"

    async def test(bench: Bench) -> None:
        _, result, target = bench.begin(notebook(bar, many, grow), output_limit=LIMIT, fork=fork)
        assert (await result).reason is None
        first, second, _ = executed(target).cells
        assert first.outputs[0].data["text/html"] == "y" * 90_000
        assert all("longer than 0.1 MB" in shown.data["text/plain"] for shown in second.outputs)

    bench(test)


@kinds
def test_the_message_of_an_error_is_capped(bench: Run, fork: bool) -> None:
    """In the notebook and in what people are told; so are errors that are shown in a loop."""
    loop = (
        "for n in range(200):\n"
        "    try:\n        raise ValueError('e' * 10_000)\n"
        "    except ValueError:\n        get_ipython().showtraceback()\n"
    )

    async def test(bench: Bench) -> None:
        cells = notebook(loop, "raise ValueError('x' * 5_000_000)")
        _, result, target = bench.begin(cells, output_limit=LIMIT, fork=fork)
        ended = await result
        assert ended.error is not None
        assert ended.error.name == "ValueError"
        assert len(ended.error.message) < 200_000
        executed(target)

    bench(test)


def test_the_state_of_widgets_is_capped(bench: Run) -> None:
    """What is too large is not in the notebook; the others are, and the log says so."""
    cell = (
        "import ipywidgets\n"
        "slider = ipywidgets.IntSlider(value=7)\n"
        "large = ipywidgets.HTML('x' * 3_000_000)\n"
        "image = ipywidgets.Image(value=b'y' * 3_000_000)\n"
        "display(slider, large, image)"
    )

    async def test(bench: Bench) -> None:
        _, result, target = bench.begin(notebook(cell), output_limit=LIMIT)
        assert (await result).reason is None
        (state,) = executed(target).metadata.widgets.values()
        values = [model["state"].get("value") for model in state["state"].values()]
        assert 7 in values
        assert len(bench.events("widgets.too_large")) == 1

    bench(test)


@pytest.mark.slow
def test_a_flood_of_output_takes_little_memory(bench: Run) -> None:
    """Neither the executor's, which is this process, nor the kernel's; file and log are bounded."""
    flood = (
        "import resource\nline = 'x' * 99_999\nfor _ in range(3000):\n    print(line)\n"
        "open('peak', 'w').write(str(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss))"
    )

    async def test(bench: Bench) -> None:
        await bench.text("print(1)")
        me = psutil.Process()
        before = peak = me.memory_info().rss
        _, result, target = bench.begin(notebook(flood, "print('after')"), output_limit=LIMIT)
        while not result.done():
            peak = max(peak, me.memory_info().rss)
            await asyncio.sleep(0.01)
        assert (await result).reason is None
        assert peak - before < 150_000_000
        assert int(await bench.written("peak")) * 1024 < 300_000_000
        assert text_of(executed(target)).endswith("more of it]\nafter\n")
        assert (bench.folder / "log.jsonl").stat().st_size < 110_000_000
        assert bench.events("log.full")

    bench(test)


@pytest.mark.slow
@kinds
def test_a_display_of_two_hundred_megabytes_becomes_a_note(bench: Run, fork: bool) -> None:
    """The log has no room for it either, and names its size."""
    cell = "from IPython.display import HTML, display\ndisplay(HTML('y' * 200_000_000))"

    async def test(bench: Bench) -> None:
        await bench.text("print(1)")
        me = psutil.Process()
        before = peak = me.memory_info().rss
        _, result, target = bench.begin(notebook(cell, "print('after')"), fork=fork)
        while not result.done():
            peak = max(peak, me.memory_info().rss)
            await asyncio.sleep(0.01)
        assert (await result).reason is None
        assert peak - before < 900_000_000  # the message, a few times
        first, second = executed(target).cells
        assert "longer than 10 MB" in first.outputs[0].data["text/plain"]
        assert second.outputs[0].text == "after\n"
        (left_out,) = bench.events("output.left_out")
        assert left_out["bytes"] > 200_000_000

    bench(test)


NONSENSE = {
    "a name that is a list": (
        "'display_data', {'data': {}, 'metadata': {}, 'transient': {'display_id': [1]}}"
    ),
    "no data": "'display_data', {}",
    "no text": "'stream', {'name': 'stdout', 'text': 5}",
    "a widget of nobody": (
        "'comm_open', {'target_name': 'jupyter.widget', 'comm_id': 'a', 'data': 5}"
    ),
    "a status without a state": "'status', {}",
    "an error without lines": "'error', {'ename': 'E', 'evalue': 'v', 'traceback': 5}",
}


@pytest.mark.parametrize("said", NONSENSE.values(), ids=NONSENSE.keys())
def test_what_is_no_message_fails_the_run_as_the_users(bench: Run, said: str) -> None:
    """It says which message it was; the next notebook runs."""
    cell = (
        "kernel = get_ipython().kernel\n"
        f"kernel.session.send(kernel.iopub_socket, {said}, parent=kernel.get_parent())"
    )

    async def test(bench: Bench) -> None:
        _, result, target = bench.begin(notebook("print('kept')", cell, "print('never')"))
        ended = await result
        assert ended.reason is Reason.USER_ERROR
        assert ended.error is not None
        assert ended.error.cell_index == 1
        assert "message" in ended.error.message or ended.error.name == "NotebookValidationError"
        assert text_of(executed(target)) == "kept\n"
        assert await bench.text("print('next')") == "next\n"

    bench(test)

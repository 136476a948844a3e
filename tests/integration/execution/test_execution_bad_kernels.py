"""Kernels that do not start, and cells that take their own kernel apart."""

import asyncio
import json
import sys
from collections.abc import Awaitable, Callable, Sequence
from pathlib import Path

import nbformat
import pytest

from jupyter_orch.domain.states import Reason, RunState
from jupyter_orch.execution import pipeline

from .conftest import House, marked, notebook, text_of, until
from .test_execution_forked import Bench, bench

__all__ = ["bench"]
Run = Callable[[Callable[[Bench], Awaitable[None]]], None]
kinds = pytest.mark.parametrize("fork", [True, False], ids=["forked", "stock"])
SILENT = ("sleep", "6201")


def kernelspec(folder: Path, name: str, argv: Sequence[str]) -> None:
    """A kernelspec that starts this."""
    place = folder / "kernels" / name
    place.mkdir(parents=True)
    spec = {"argv": list(argv), "display_name": name, "language": "python"}
    (place / "kernel.json").write_text(json.dumps(spec))


@pytest.mark.parametrize(
    ("argv", "said"),
    [
        (("/nowhere/python", "-f", "{connection_file}"), "/nowhere/python"),
        (("/dev/null", "{connection_file}"), "/dev/null"),
        ((sys.executable, "-c", "import sys; sys.exit('no licence')"), "ended before it answered"),
        (SILENT, "did not answer within 1 s"),
    ],
    ids=["no program", "no permission", "ends at once", "never answers"],
)
def test_a_kernel_that_does_not_start_fails_its_run(
    bench: Run, monkeypatch: pytest.MonkeyPatch, argv: Sequence[str], said: str
) -> None:
    """With a sentence and its last words; nothing of it is left, and the next notebook runs."""
    monkeypatch.setattr(pipeline, "_KERNEL_START_TIMEOUT", 1)

    async def test(bench: Bench) -> None:
        kernelspec(bench.folder, "broken", argv)
        monkeypatch.setenv("JUPYTER_PATH", str(bench.folder))
        bench.pool._specs.kernel_dirs.insert(0, str(bench.folder / "kernels"))
        _, result, target = bench.begin(notebook("print('never')"), kernel="broken")
        ended = await result
        assert ended.reason is Reason.KERNEL_DIED
        assert ended.error is not None
        assert ended.error.name == "KernelNotStarted"
        assert said in ended.error.message
        if "licence" in argv[-1]:
            assert "no licence" in ended.error.traceback
        assert text_of(nbformat.read(target, 4)) == ""
        assert not marked("\0".join(SILENT), ("cmdline",))
        monkeypatch.setattr(pipeline, "_KERNEL_START_TIMEOUT", 60)
        assert await bench.text("print('next')") == "next\n"

    bench(test)


def test_a_run_whose_kernel_never_answers_can_be_cancelled(
    house: House, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Long before the time is over in which a kernel has to answer."""
    kernelspec(house.folder, "silent", SILENT)
    monkeypatch.setenv("JUPYTER_PATH", str(house.folder))
    worker = house.worker()
    run = house.add(notebook("print('never')"), kernel="silent")
    until(lambda: marked("\0".join(SILENT), ("cmdline",)))
    house.store.request_cancel(run.id, user="tester")
    worker.wake()
    done = house.wait(run)
    assert (done.state, done.reason) == (RunState.CANCELLED, Reason.CANCELLED_BY_USER)
    assert not marked("\0".join(SILENT), ("cmdline",))
    assert house.wait(house.add(notebook("print('next')"))).state is RunState.SUCCEEDED


@kinds
def test_a_cell_that_kills_its_process_group_kills_nobody_else(bench: Run, fork: bool) -> None:
    """Another notebook, which runs beside it, goes on."""
    wait = (
        "import os, time\nopen('begun', 'w').write('x')\n"
        "while not os.path.exists('go'): time.sleep(0.05)\nprint('went on')"
    )

    async def test(bench: Bench) -> None:
        _, other, target = bench.begin(notebook(wait), fork=fork)
        await bench.written("begun")
        _, result, _ = bench.begin(notebook("import os\nos.killpg(0, 9)"), fork=fork)
        ended = await result
        assert ended.reason is Reason.KERNEL_DIED
        assert ended.error is not None
        assert "SIGKILL" in ended.error.message
        (bench.folder / "go").touch()
        assert (await other).reason is None
        assert text_of(nbformat.read(target, 4)) == "went on\n"

    bench(test)


@kinds
@pytest.mark.parametrize(
    "cell",
    ["import os\nos.closerange(3, 200)", "import os\nos._exit(3)", "import os\nos.abort()"],
    ids=["closes all", "exits", "aborts"],
)
def test_a_kernel_that_takes_itself_apart_ends_its_run(bench: Run, fork: bool, cell: str) -> None:
    """Without its file descriptors it can answer nobody; the end is noticed all the same."""

    async def test(bench: Bench) -> None:
        _, result, target = bench.begin(
            notebook("print('kept')", cell, "print('never')"), fork=fork
        )
        ended = await asyncio.wait_for(result, 60)
        assert ended.reason is Reason.KERNEL_DIED
        assert text_of(nbformat.read(target, 4)) == "kept\n"
        assert await bench.text("print('next')", fork=fork) == "next\n"

    bench(test)


@kinds
def test_a_cell_that_closes_its_standard_streams_is_heard_all_the_same(
    bench: Run, monkeypatch: pytest.MonkeyPatch, fork: bool
) -> None:
    """What it prints does not go through them; a console that takes nothing hurts nobody either."""
    monkeypatch.delenv("PYTEST_CURRENT_TEST")  # with it, ipykernel watches no file descriptors
    close = "import os, sys\nos.close(1)\nos.close(2)"
    after = "print('out')\nprint('err', file=sys.stderr)\n'value'"

    async def test(bench: Bench) -> None:
        text = await bench.text(close, after, fork=fork)
        assert sorted(text.split()) == ["'value'", "err", "out"]
        if fork:
            lost = "import os, sys\nos.close(sys.stdout._original_stdstream_copy)"
            heard = "import subprocess\nprint(subprocess.run(['echo', 'heard']).returncode)"
            text = await bench.text(lost, heard, heard)
            assert text.split().count("heard") == 2

    bench(test)

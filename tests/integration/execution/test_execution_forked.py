"""Forked kernels: what is fresh in each, what they learn, what they leave, and how they die."""

import asyncio
import contextlib
import json
import os
import signal
import sys
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any

import nbformat
import psutil
import pytest

from jupyter_orch.domain.model import Policies
from jupyter_orch.domain.states import Reason, RunState
from jupyter_orch.execution.kernels import pool as pool_module
from jupyter_orch.execution.kernels.pool import KernelPool
from jupyter_orch.execution.log import RunLog
from jupyter_orch.execution.mask import Masker
from jupyter_orch.execution.pipeline import COLD_TAG, NotebookRequest, NotebookResult, NotebookRun

from .conftest import House, executors, left_of_attempts, marked, notebook, text_of, until


class Bench:
    """A pool of kernels and notebooks that run in it, in this process's loop."""

    def __init__(self, folder: Path, pool: KernelPool) -> None:
        self.folder = folder
        self.pool = pool
        self._count = 0
        self.log = RunLog(folder / "log.jsonl")

    def begin(
        self, nb: Any, **options: Any
    ) -> tuple[NotebookRun, "asyncio.Future[NotebookResult]", Path]:
        """Starts a notebook; answers the run, its result and where the notebook will be."""
        self._count += 1
        source = self.folder / f"in{self._count}.ipynb"
        target = self.folder / f"out{self._count}.ipynb"
        nbformat.write(nb, source)
        env = {**os.environ, **options.pop("env", {})}
        request = NotebookRequest(
            input=str(source),
            output=str(target),
            notebook=str(source),
            cwd=str(self.folder),
            sockets=str(self.folder / f"k{self._count}"),
            console=str(self.folder / "console"),
            **options,
        )
        run = NotebookRun(
            request, run_log=self.log, masker=Masker(), progress=lambda _done, _total: None
        )
        return run, asyncio.ensure_future(run.execute(env, self.pool)), target

    async def text(self, *cells: str, **options: Any) -> str:
        """What the cells print, of a run that succeeds."""
        _, result, target = self.begin(notebook(*cells), **options)
        ended = await result
        assert ended.reason is None, ended
        return text_of(nbformat.read(target, 4))

    async def written(self, name: str) -> str:
        """What a notebook has written to a file, as soon as there is something."""
        file = self.folder / name
        for _ in range(1000):
            if file.exists() and (said := file.read_text()):
                return said
            await asyncio.sleep(0.05)
        raise AssertionError(f"Nobody wrote {name}.")

    def events(self, name: str) -> list[dict[str, Any]]:
        """What the log says under this name."""
        lines = (self.folder / "log.jsonl").read_text().splitlines()
        return [event for line in lines if (event := json.loads(line))["event"] == name]


@pytest.fixture
def bench(tmp_path: Path) -> Callable[[Callable[[Bench], Awaitable[None]]], None]:
    """Runs a test's coroutine with a pool of its own."""

    def run(test: Callable[[Bench], Awaitable[None]]) -> None:
        async def main() -> None:
            pool = KernelPool()
            try:
                await test(Bench(tmp_path, pool))
            finally:
                pool.close()

        asyncio.run(main())

    return run


Run = Callable[[Callable[[Bench], Awaitable[None]]], None]


def test_each_fork_has_seeds_folders_and_variables_of_its_own(bench: Run) -> None:
    """What forks of one parent would share is as different as between two stock kernels."""
    facts = (
        "import random, uuid, numpy, os, tempfile, multiprocessing, sys\n"
        "print(random.random(), uuid.uuid4(), numpy.random.rand(), os.urandom(4),"
        " multiprocessing.current_process().authkey, os.getpid())\n"
    )
    place = "print(os.environ['MINE'], tempfile.gettempdir(), os.getcwd(), os.getsid(0))"

    async def test(bench: Bench) -> None:
        here = []
        for name in ("one", "two"):
            (bench.folder / name).mkdir()
            env = {"MINE": name, "TMPDIR": str(bench.folder / name)}
            here.append((await bench.text(facts, place, env=env)).splitlines())
        first, second = here
        assert not set(first[0].split()) & set(second[0].split())
        pid = first[0].split()[-1]
        assert first[1].split() == ["one", str(bench.folder / "one"), str(bench.folder), pid]
        assert second[1].split()[:2] == ["two", str(bench.folder / "two")]
        assert not bench.events("kernel.stock")

    bench(test)


def test_exit_handlers_run_and_open_files_are_written(bench: Run) -> None:
    """A kernel ends as an interpreter does."""
    cell = (
        "import atexit, threading, time\n"
        "atexit.register(lambda: open('handler', 'w').write('ran'))\n"
        "left_open = open('left_open', 'w'); left_open.write('all of it')\n"
        "def slow():\n    time.sleep(0.3); open('thread', 'w').write('joined')\n"
        "threading.Thread(target=slow).start()"
    )

    async def test(bench: Bench) -> None:
        await bench.text(cell)
        said = {
            name: (bench.folder / name).read_text() for name in ("handler", "left_open", "thread")
        }
        assert said == {"handler": "ran", "left_open": "all of it", "thread": "joined"}

    bench(test)


def test_what_most_notebooks_import_is_imported_ahead(
    bench: Run, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A parent is made anew with it, and the next kernel has it before its first cell."""
    monkeypatch.setattr(pool_module, "_LEARN_PAUSE", -1.0)
    loaded = "import sys; print('jinja2' in sys.modules, 'tqdm' in sys.modules)"

    async def test(bench: Bench) -> None:
        assert await bench.text(loaded, "import jinja2") == "False False\n"
        assert await bench.text("import jinja2, tqdm") == ""
        for _ in range(100):
            if await bench.text(loaded) == "True False\n":
                return
            await asyncio.sleep(0.1)
        raise AssertionError("It was never imported ahead.")

    bench(test)


def test_a_package_that_comes_makes_a_new_parent(
    bench: Run, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What is installed while a parent waits is there for the next kernel."""
    monkeypatch.setattr("jupyter_orch.execution.kernels.freshness._PAUSE", -1.0)

    async def test(bench: Bench) -> None:
        packages = bench.folder / "extra" / "site-packages"
        packages.mkdir(parents=True)
        env = {"PYTHONPATH": os.pathsep.join([str(packages), os.environ.get("PYTHONPATH", "")])}
        parent = "import os; print(os.getppid())"
        first = await bench.text(parent, env=env)
        assert await bench.text(parent, env=env) == first
        (packages / "fresh.py").write_text("VALUE = 7")
        assert await bench.text("import fresh; print(fresh.VALUE)", env=env) == "7\n"
        assert await bench.text(parent, env=env) != first

    bench(test)


def test_a_notebook_may_ask_for_a_stock_kernel(bench: Run) -> None:
    """By a tag on a cell, or by the settings; the log says why."""

    async def test(bench: Bench) -> None:
        nb = notebook("print('IPKernelApp' in get_ipython().config)")
        nb.cells[0].metadata["tags"] = [COLD_TAG]
        _, result, _ = bench.begin(nb)
        assert (await result).reason is None
        await bench.text("print(1)", fork=False)
        reasons = [event["reason"] for event in bench.events("kernel.stock")]
        assert len(reasons) == 2
        assert COLD_TAG in reasons[0]
        assert "settings" in reasons[1]

    bench(test)


def test_an_environment_without_the_product_gets_stock_kernels(bench: Run) -> None:
    """Its interpreter cannot make a parent; that is not tried again for every notebook."""

    async def test(bench: Bench) -> None:
        tries = bench.folder / "tries"
        interpreter = bench.folder / "python"
        interpreter.write_text(
            f'#!/bin/sh\ncase "$2" in\njupyter_orch*)\n'
            f'echo x >> {tries}; echo "No module" >&2; exit 1;;\n'
            f'esac\nexec {sys.executable} "$@"\n'
        )
        interpreter.chmod(0o755)
        kernels = bench.folder / "kernels" / "other"
        kernels.mkdir(parents=True)
        argv = [str(interpreter), "-m", "ipykernel_launcher", "-f", "{connection_file}"]
        spec = {"argv": argv, "display_name": "Other", "language": "python"}
        (kernels / "kernel.json").write_text(json.dumps(spec))
        bench.pool._specs.kernel_dirs.insert(0, str(bench.folder / "kernels"))
        with pytest.MonkeyPatch.context() as patch:
            patch.setenv("JUPYTER_PATH", str(bench.folder))
            for _ in range(2):
                assert await bench.text("print(1)", kernel="other") == "1\n"
        assert tries.read_text() == "x\n"
        reasons = [event["reason"] for event in bench.events("kernel.stock")]
        assert len(reasons) == 2
        assert all("No module" in reason for reason in reasons)

    bench(test)


def test_an_interrupt_in_a_flood_of_output_tears_nothing(bench: Run) -> None:
    """What was printed before it is whole, and the error comes after it."""

    async def test(bench: Bench) -> None:
        begun = "n = 0\nopen('begun', 'w').write('x')\n"
        cell = begun + "while True:\n    print(n, flush=True)\n    n += 1"
        run, result, target = bench.begin(notebook(cell))
        await bench.written("begun")
        await asyncio.sleep(0.5)
        run.stop()
        ended = await result
        assert ended.error is not None
        assert ended.error.name == "KeyboardInterrupt"
        (cell,) = [cell for cell in nbformat.read(target, 4).cells if cell.source.startswith("n =")]
        numbers = "".join(output.text for output in cell.outputs if output.output_type == "stream")
        found = [int(line) for line in numbers.splitlines()]
        assert len(found) > 100
        assert found == list(range(len(found)))

    bench(test)


@pytest.mark.parametrize("fork", [True, False], ids=["forked", "stock"])
def test_a_dead_kernel_is_noticed_at_once_and_says_how(bench: Run, fork: bool) -> None:
    """With its last words to the console; what it printed before is in the notebook."""

    async def test(bench: Bench) -> None:
        die = (
            "import os, time\nprint('before', flush=True)\ntime.sleep(0.3)\n"
            "os.write(2, b'last words')\nos.abort()"
        )
        await bench.text("print(1)", fork=fork)
        began = asyncio.get_running_loop().time()
        _, result, target = bench.begin(notebook(die, "print('never')"), fork=fork)
        ended = await result
        assert asyncio.get_running_loop().time() - began < 20
        assert ended.reason is Reason.KERNEL_DIED
        assert ended.error is not None
        assert "SIGABRT" in ended.error.message
        assert "before" in text_of(nbformat.read(target, 4))

    bench(test)


def test_a_dead_parent_is_no_fault_of_the_notebook(bench: Run) -> None:
    """Its kernels end with it; the run fails as the platform's, and the next one has a new one."""

    async def test(bench: Bench) -> None:
        cell = "import os, time\nopen('parent', 'w').write(str(os.getppid()))\ntime.sleep(600)"
        run, result, _ = bench.begin(notebook(cell))
        parent = int(await bench.written("parent"))
        assert run.kernel is not None
        os.kill(parent, signal.SIGKILL)
        ended = await result
        assert ended.reason is Reason.PLATFORM_ERROR
        kernel = Path("/proc") / str(run.kernel.pid) / "stat"
        until(lambda: not kernel.exists() or ") Z " in kernel.read_text())
        assert await bench.text(f"import os; print(os.getppid() != {parent})") == "True\n"

    bench(test)


def test_a_parent_that_nobody_waits_for_any_more_is_ended(bench: Run) -> None:
    """The run was killed while what it wanted to be forked from was still importing."""

    async def test(bench: Bench) -> None:
        def parents() -> list[psutil.Process]:
            family = psutil.Process().children()
            return [
                each for each in family if "jupyter_orch.kernel.forked.parent" in each.cmdline()
            ]

        _, result, _ = bench.begin(notebook("print(1)"))
        while not parents():  # noqa: ASYNC110 - another process begins
            await asyncio.sleep(0.005)
        executing = asyncio.ensure_future(result)
        executing.cancel()
        with contextlib.suppress(asyncio.CancelledError):
            await executing
        assert not parents()
        assert await bench.text("print('next')") == "next\n"

    bench(test)


def test_a_kernel_that_ends_before_anybody_looks_is_known_to_have_ended(bench: Run) -> None:
    """The answer to the fork and the news of the end arrive together."""

    async def test(bench: Bench) -> None:
        await bench.text("print(1)")
        (nursery,) = bench.pool._nurseries.values()
        parent = nursery._parent
        assert parent is not None
        answer = asyncio.get_running_loop().create_future()
        parent._answers[-1] = answer
        parent._handle({"id": -1, "pid": 4_000_000})
        parent._handle({"ended": 4_000_000, "status": 9, "orphans": False})
        forked = await answer
        assert await asyncio.wait_for(forked.exited, 1.0) == 9

    bench(test)


def test_few_environments_have_parents_at_a_time(bench: Run) -> None:
    """The one used longest ago makes room; its kernels go on, and it goes with the last of them."""

    async def test(bench: Bench) -> None:
        wait = "import time, os\nopen('begun', 'w').write(str(os.getppid()))\n"
        wait += "while not os.path.exists('go'): time.sleep(0.05)"
        _, result, _ = bench.begin(notebook(wait), env={"MINE": "0"})
        first = int(await bench.written("begun"))
        for number in range(1, pool_module._MOST_PARENTS + 1):
            await bench.text("print(1)", env={"MINE": str(number)})
        assert psutil.pid_exists(first)
        (bench.folder / "go").touch()
        ended = await result
        assert ended.reason is None
        assert not psutil.pid_exists(first)
        assert len(psutil.Process().children()) == pool_module._MOST_PARENTS

    bench(test)


def test_the_next_notebook_finds_a_fork_that_waits(bench: Run) -> None:
    """It was made while the one before ran, is used once, and ends unused with what it serves."""

    async def test(bench: Bench) -> None:
        await bench.text("pass")
        parent = int(await bench.text("import os; print(os.getppid())"))
        waiting = await ahead(parent)
        used = [int(await bench.text("import os; print(os.getpid())")) for _ in range(3)]
        assert used[0] == waiting
        assert len(set(used)) == len(used)
        last = await ahead(parent)
        os.kill(last, signal.SIGKILL)
        await asyncio.sleep(0.5)  # until the pool has been told
        assert await bench.text("print(7)") == "7\n"
        last = await ahead(parent)
        bench.pool.close()
        until(lambda: not psutil.pid_exists(last))

    async def ahead(parent: int) -> int:
        for _ in range(500):
            found = [child.pid for child in psutil.Process(parent).children()]
            if len(found) == 1:
                return found[0]
            await asyncio.sleep(0.02)
        raise AssertionError("There is no fork ahead.")

    bench(test)


def test_a_thousand_forks_leave_nothing_behind(bench: Run) -> None:
    """No file descriptor, process, file or memory; `SOAK_FORKS` says how many."""
    count = int(os.environ.get("SOAK_FORKS", "1000"))

    async def test(bench: Bench) -> None:
        me = psutil.Process()

        def state() -> tuple[int, int, int]:
            children = me.children(recursive=True)
            return me.num_fds(), len(children), len(list(bench.folder.iterdir()))

        async def settled() -> tuple[int, int, int]:
            """Once the fork ahead of the next notebook is made."""
            found = state()
            while True:
                await asyncio.sleep(0.5)
                last, found = found, state()
                if found == last:
                    return found

        async def one() -> None:
            nb = notebook("print(1)")
            _, result, target = bench.begin(nb)
            assert (await result).reason is None
            for file in (target, target.with_name(target.name.replace("out", "in"))):
                file.unlink()

        async def many(number: int) -> None:
            for _ in range(number):
                await one()

        await asyncio.gather(*(many(5) for _ in range(4)))
        before, memory = await settled(), me.memory_info().rss
        await asyncio.gather(*(many(count // 4) for _ in range(4)))
        assert await settled() == before
        assert me.memory_info().rss - memory < 60_000_000

    bench(test)


def test_inv7_what_a_forked_kernel_leaves_is_ended_with_it(house: House) -> None:
    """What it forked or started in sessions of their own, whether it ends or is killed."""
    house.worker()
    leave = (
        "import os, subprocess, time\n"
        "subprocess.Popen(['sleep', '6188'], start_new_session=True)\n"
        "if os.fork() == 0:\n"
        "    os.setsid()\n"
        "    if os.fork() == 0:\n"
        "        time.sleep(600)\n"
        "    os._exit(0)\n"
        "time.sleep(0.2)\n"
    )
    done = house.wait(house.add(notebook(leave)))
    assert done.state is RunState.SUCCEEDED
    until(lambda: not left_of_attempts(house))
    assert not marked("sleep\x006188", ("cmdline",))

    killed = house.add(notebook(leave, "os.kill(os.getpid(), 9)"))
    assert house.wait(killed).reason is Reason.KERNEL_DIED
    until(lambda: not left_of_attempts(house))
    assert not marked("sleep\x006188", ("cmdline",))


def test_inv7_a_run_whose_executor_was_killed_is_tried_again(house: House) -> None:
    """With the retries that its policies give to the platform."""
    house.worker()
    mark = house.folder / "asleep"
    cell = (
        f"import os, time\nfirst = not os.path.exists({str(mark)!r})\n"
        f"open({str(mark)!r}, 'w').close()\nif first: time.sleep(600)\nprint('done')"
    )
    run = house.add(notebook(cell), policies=Policies(retries=1, retry_delay_seconds=0))
    until(mark.exists)
    (executor,) = executors()
    executor.kill()
    done = house.wait(run)
    assert (done.state, done.attempt) == (RunState.SUCCEEDED, 2)
    first = house.store.attempts(run.id)[0]
    assert first.reason is Reason.PLATFORM_ERROR


@pytest.mark.parametrize("fork", [True, False], ids=["forked", "stock"])
def test_a_kernel_that_never_replies_ends_the_run(
    bench: Run, monkeypatch: pytest.MonkeyPatch, fork: bool
) -> None:
    """A kernel fails on some errors itself, and says nothing more of the cell."""
    monkeypatch.setattr("jupyter_orch.execution.cells._LAST_REPLY", 0.5)
    silent = "get_ipython().kernel.do_execute = None"

    async def test(bench: Bench) -> None:
        _, result, _ = bench.begin(notebook(silent, "print('never')"), fork=fork)
        ended = await result
        assert ended.reason is Reason.USER_ERROR
        assert ended.error is not None
        assert (ended.error.name, ended.error.cell_index) == ("NoReply", 1)

    bench(test)


@pytest.mark.parametrize(
    "content", [b"{}", b"no notebook", b'{"nbformat": 2, "nbformat_minor": 0, "metadata": {}}']
)
def test_what_is_no_notebook_is_the_users_error(bench: Run, content: bytes) -> None:
    """Whatever nbformat raises on it; nothing is executed."""

    async def test(bench: Bench) -> None:
        source = bench.folder / "in.ipynb"
        source.write_bytes(content)
        request = NotebookRequest(
            input=str(source), output=str(bench.folder / "out.ipynb"), notebook=str(source)
        )
        run = NotebookRun(
            request, run_log=bench.log, masker=Masker(), progress=lambda _done, _total: None
        )
        ended = await run.execute({}, bench.pool)
        assert ended.reason is Reason.USER_ERROR
        assert ended.error is not None
        assert ended.error.message
        assert not (bench.folder / "out.ipynb").exists()

    bench(test)


def test_what_no_notebook_can_hold_is_the_users_error(bench: Run) -> None:
    """A cell that publishes an object under a type that is text."""
    cell = "display({'text/html': {'not': 'text'}}, raw=True)"

    async def test(bench: Bench) -> None:
        _, result, _ = bench.begin(notebook(cell))
        ended = await result
        assert ended.reason is Reason.USER_ERROR
        assert ended.error is not None
        assert ended.error.name == "NotebookValidationError"

    bench(test)

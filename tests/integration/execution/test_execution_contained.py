"""Kernels in control groups: held to limits, told apart by how they died, ended whole."""

import asyncio
import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import psutil
import pytest

from jupyter_orch.domain.states import Reason
from jupyter_orch.execution.kernels.cgroup import Cgroups, Limits, cgroups

from .conftest import House, executors, left_of_attempts, marked, notebook, until
from .test_execution_forked import Bench, bench

__all__ = ["bench"]
MEGABYTE = 1_000_000
pytestmark = pytest.mark.skipif(
    cgroups().memory is None or cgroups().pids is None, reason="no control groups can be made here"
)
Run = Callable[[Callable[[Bench], object]], None]


def groups() -> list[Path]:
    """Groups of this process that are still there."""
    return [path for folder in cgroups().folders for path in folder.glob(f"jorch-{os.getpid()}-*")]


async def assert_none_left(bench: Bench) -> None:
    """But for the group of the fork that waits for the next notebook, which goes with the pool."""
    assert len({path.name for path in groups()}) <= 1
    bench.pool.close()
    await asyncio.sleep(0.1)  # one that is being made goes a moment later
    assert not groups()


@pytest.mark.parametrize("fork", [True, False], ids=["forked", "stock"])
def test_a_kernel_that_takes_too_much_memory_says_so(bench: Run, fork: bool) -> None:
    """It is killed alone, and told apart from one that somebody killed."""

    async def test(bench: Bench) -> None:
        greedy = "keep = [b'x' * 10_000_000 for _ in range(100)]"
        _, result, _ = bench.begin(notebook(greedy), fork=fork, memory_limit=300 * MEGABYTE)
        ended = await result
        assert ended.reason is Reason.KERNEL_DIED
        assert ended.error is not None
        assert ended.error.name == "OutOfMemory"
        assert "300 MB" in ended.error.message
        assert ended.error.cell_source == greedy

        killed = "import os\nos.kill(os.getpid(), 9)"
        _, result, _ = bench.begin(notebook(killed), fork=fork, memory_limit=300 * MEGABYTE)
        ended = await result
        assert ended.error is not None
        assert ended.error.name == "KernelDied"
        assert await bench.text("print('next')", fork=fork) == "next\n"
        await assert_none_left(bench)

    bench(test)


def test_a_fork_bomb_ends_at_the_limit(bench: Run) -> None:
    """The cell fails, nothing of it is left, and others go on."""

    async def test(bench: Bench) -> None:
        bomb = (
            "import os, time\nmade = 0\n"
            "try:\n"
            "    while made < 200:\n"
            "        if os.fork() == 0:\n"
            "            os.setsid()\n"
            "            time.sleep(600)\n"
            "        made += 1\n"
            "except BlockingIOError:\n"
            "    print('stopped', made < 40)\n"
        )
        before = len(psutil.pids())
        assert await bench.text(bomb, process_limit=40) == "stopped True\n"
        assert len(psutil.pids()) < before + 20
        await assert_none_left(bench)

    bench(test)


def test_a_group_is_ended_whole() -> None:
    """Also what left its session, and what forks on."""
    group = cgroups().make(Limits(processes=100))
    assert group is not None
    script = "import os, time\ninput()\nfor _ in range(5):\n    os.fork()\ntime.sleep(600)"
    command = [sys.executable, "-c", script]
    process = psutil.Popen(command, start_new_session=True, stdin=subprocess.PIPE)
    group.add(process.pid)
    process.stdin.write(b"go\n")
    process.stdin.close()
    until(lambda: len(psutil.Process(process.pid).children(recursive=True)) > 20)
    family = psutil.Process(process.pid).children(recursive=True)
    group.end()
    process.wait()
    until(lambda: not any(each.is_running() and each.status() != "zombie" for each in family))
    assert not groups()


def test_groups_of_a_process_that_is_no_more_are_swept() -> None:
    """Their processes end; those of living processes stay."""
    gone = psutil.Popen(["true"])
    gone.wait()
    sleeper = psutil.Popen(["sleep", "6190"])
    mine = cgroups().make(Limits())
    assert mine is not None
    for folder in cgroups().folders:
        left = folder / f"jorch-{gone.pid}-1"
        left.mkdir()
        (left / "cgroup.procs").write_text(str(sleeper.pid))
    cgroups().sweep()
    assert sleeper.wait(10) != 0
    cgroups().sweep()
    assert not [path for folder in cgroups().folders for path in folder.glob(f"jorch-{gone.pid}-*")]
    assert groups()
    mine.end()


def test_without_control_groups_there_is_none() -> None:
    """And nothing is limited or known by one."""
    assert Cgroups().make(Limits(memory_bytes=1)) is None
    assert not Cgroups().folders


@pytest.mark.slow
def test_inv7_a_killed_executor_leaves_nothing_in_sessions_of_their_own(house: House) -> None:
    """Its groups are ended by the worker; so is what was started in the background."""
    house.worker()
    mark = house.folder / "asleep"
    leave = (
        "import os, subprocess, time\n"
        "subprocess.Popen(['sleep', '6191'], start_new_session=True, env={})\n"
        f"open({str(mark)!r}, 'w').close()\ntime.sleep(600)"
    )
    run = house.add(notebook(leave))
    until(mark.exists)
    (executor,) = executors()
    executor.kill()
    assert house.wait(run).reason is Reason.PLATFORM_ERROR
    until(lambda: not left_of_attempts(house))
    until(lambda: not marked("sleep\x006191", ("cmdline",)))


def test_groups_go_with_their_kernels_when_many_run_at_once(bench: Run) -> None:
    """Twenty at a time, some of which fail."""

    async def test(bench: Bench) -> None:
        cells = ["print(1)", "1/0", "import os; os._exit(3)", "import sys; sys.exit()"]
        begun = [bench.begin(notebook(cells[number % 4]))[1] for number in range(20)]
        await asyncio.gather(*begun)
        await assert_none_left(bench)

    bench(test)

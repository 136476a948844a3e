"""kill -9 of one process after the other, at random moments, while notebooks run.

Each of them leaves processes in sessions of their own. `make kills` does it for longer.
"""

import itertools
import json
import os
import random
import signal
import statistics
import subprocess
import sys
import time
from collections import Counter
from collections.abc import Iterator, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import psutil
import pytest

from jupyter_orch.domain.model import Policies, Run
from jupyter_orch.domain.states import TERMINAL, Reason, RunState
from jupyter_orch.execution.kernels.cgroup import cgroups

from .conftest import House, notebook, until

#: How many processes are killed; `make kills` sets more.
KILLS = int(os.environ.get("KILLS", "20"))
#: Repeats the same victims in the same order, at about the same moments.
SEED = int(os.environ.get("KILLS_SEED") or random.randrange(10**6))  # noqa: S311
PAUSE = 0.5  # seconds from one kill to the next, on average
SLOTS = 2  # runs at a time, of each worker
#: Two workers, so that one goes on while another begins.
PROCESSES = ("worker-1", "worker-2", "scheduler", "api")
VICTIMS = ("kernel", "parent", "executor", "worker", "scheduler", "api")
#: What may end an attempt whose kernel, parent, executor or worker was killed.
CAUSES = {Reason.KERNEL_DIED, Reason.PLATFORM_ERROR, Reason.WORKER_LOST}
_GONE = (
    10.0  # seconds in which what a killed attempt left has to end; a busy machine takes its time
)
_NOTICED = 2.0  # seconds, at the median
_PATIENCE = 60.0  # seconds in which an attempt has ended, by itself or otherwise

LEAVE = (
    "import json, os, subprocess, time\n"
    "children = [subprocess.Popen(['sleep', '6200'], start_new_session=True).pid]\n"
    "read, write = os.pipe()\n"
    "if os.fork() == 0:\n"
    "    os.setsid()\n"
    "    if (left := os.fork()) == 0:\n"
    "        time.sleep(600)\n"
    "    os.write(write, str(left).encode())\n"
    "    os._exit(0)\n"
    "children.append(int(os.read(read, 20)))\n"
    "parent = os.getppid()\n"
    "executor = int(open(f'/proc/{parent}/stat').read().rpartition(')')[2].split()[1])\n"
    "facts = {'run': run, 'kernel': os.getpid(), 'parent': parent, 'executor': executor}\n"
    "facts['left'] = children\n"
    "name = f'{folder}/{run}-{os.getpid()}'\n"
    "open(f'{name}.new', 'w').write(json.dumps(facts))\n"
    "os.rename(f'{name}.new', f'{name}.json')\n"
)


@dataclass
class Service:
    """The service in processes of one role each, which are started again when they were killed."""

    house: House
    processes: dict[str, "subprocess.Popen[bytes]"] = field(default_factory=dict)

    def start(self, name: str) -> None:
        """Starts a process; its name begins with its role."""
        environment = {
            **os.environ,
            "JUPYTER_ORCH__STATE__DIR": str(self.house.settings.state_dir),
            "JUPYTER_ORCH__WORKER__LEASE_SECONDS": "3",
            "JUPYTER_ORCH__WORKER__SLOTS": str(SLOTS),
        }
        command = [sys.executable, "-m", "jupyter_orch.cli", "up", "--role", name.partition("-")[0]]
        with (self.house.folder / f"{name}.log").open("ab") as sink:
            self.processes[name] = subprocess.Popen(
                [*command, "--root", str(self.house.folder)],
                env=environment,
                cwd=self.house.folder,
                stdin=subprocess.DEVNULL,
                stdout=sink,
                stderr=sink,
                start_new_session=True,
            )

    def kill(self, name: str) -> None:
        """Kills it, and starts another one."""
        self.processes[name].kill()
        self.processes[name].wait()
        self.start(name)

    def worker_of(self, executor: int) -> str:
        """The name of the worker whose executor this is."""
        pid = psutil.Process(executor).ppid()
        return next(name for name, process in self.processes.items() if process.pid == pid)


@dataclass(frozen=True)
class Attempt:
    """What a notebook says of itself once it has left its processes."""

    run: str
    kernel: int
    parent: int
    executor: int
    left: tuple[int, ...]

    @property
    def alive(self) -> bool:
        """Whether its kernel lives."""
        return alive(self.kernel)


def alive(pid: int) -> bool:
    """Whether a process exists and has not ended."""
    with suppress(psutil.Error):
        return bool(psutil.Process(pid).status() != psutil.STATUS_ZOMBIE)
    return False


def attempts(folder: Path) -> list[Attempt]:
    """All that have got so far."""
    facts = [json.loads(path.read_text()) for path in sorted(folder.glob("*.json"))]
    return [Attempt(**{**each, "left": tuple(each["left"])}) for each in facts]


@pytest.fixture
def service(house: House) -> Iterator[Service]:
    """A service of four processes."""
    started = Service(house)
    for name in PROCESSES:
        started.start(name)
    yield started
    for process in started.processes.values():
        process.terminate()
    for process in started.processes.values():
        process.wait(60)


class Stream:
    """Small notebooks, a few at a time; every second run is tried again when it fails."""

    def __init__(self, house: House, chance: random.Random) -> None:
        self.house = house
        self.runs: list[Run] = []
        self._chance = chance
        self._names = itertools.count()

    def flow(self) -> None:
        """Adds runs until there are enough that have not ended."""
        while len([run for run in self.runs if self.house.get(run).state not in TERMINAL]) < (
            2 * SLOTS + 2
        ):
            number = next(self._names)
            wait = f"time.sleep({self._chance.uniform(0.5, 3.0)})"
            self.runs.append(
                self.house.add(
                    notebook(LEAVE, wait, "print('done')", parameters="run = folder = ''"),
                    parameters={"run": str(number), "folder": str(self.house.folder)},
                    policies=Policies(retries=(0, 50)[number % 2], retry_delay_seconds=0.1),
                )
            )

    def of(self, attempt: Attempt) -> Run:
        """The run as it stands."""
        return self.house.get(self.runs[int(attempt.run)])


def hit(kind: str, service: Service, one: Attempt) -> None:
    """Kills the process of this kind that has to do with the attempt."""
    if kind in ("scheduler", "api"):
        service.kill(kind)
    elif kind == "worker":
        service.kill(service.worker_of(one.executor))
    else:
        os.kill(getattr(one, kind), signal.SIGKILL)


def hit_with(kind: str, one: Attempt, running: Sequence[Attempt]) -> list[Attempt]:
    """The attempts that end with such a kill."""
    if kind == "kernel":
        return [one]
    if kind == "parent":
        return [each for each in running if each.parent == one.parent]
    if kind in ("executor", "worker"):
        return [each for each in running if each.executor == one.executor]
    return []


def wait_gone(ended: Sequence[Attempt]) -> float:
    """Seconds until nothing of them is alive."""
    began = time.monotonic()
    pids = {pid for each in ended for pid in (each.kernel, *each.left)}
    until(lambda: not any(map(alive, pids)), patience=_GONE)
    return time.monotonic() - began


def wait_ended(stream: Stream, one: Attempt, number: int) -> tuple[RunState, float]:
    """How the attempt ended, and in how many seconds from now."""
    began = time.monotonic()
    run = stream.runs[int(one.run)]
    while (state := stream.house.store.attempts(run.id)[number - 1].state) not in TERMINAL:
        assert time.monotonic() - began < _PATIENCE, "it has never ended"
        time.sleep(0.005)
    return state, time.monotonic() - began


def whole_notebooks(house: House) -> int:
    """How many executed notebooks there are; each has to be valid JSON."""
    paths = list((house.settings.artifacts_dir / "runs").rglob("*.ipynb"))
    for path in paths:
        assert json.loads(path.read_text("utf-8"))["nbformat"] == 4
    return len(paths)


@pytest.mark.slow
@pytest.mark.timeout(300 + 20 * KILLS)
@pytest.mark.skipif(not cgroups().folders, reason="no control groups can be made here")
def test_inv7_whatever_is_killed_nothing_is_left_and_no_run_hangs(
    house: House, service: Service, capsys: pytest.CaptureFixture[str]
) -> None:
    """Runs are tried again or fail with their cause; scheduler and API are not missed by them."""
    say(capsys, f"seed {SEED} (KILLS_SEED repeats it)")
    chance = random.Random(SEED)  # noqa: S311 - moments and victims, no secret
    stream = Stream(house, chance)
    noticed: list[float] = []
    clean: list[float] = []
    kills: Counter[str] = Counter()
    order: list[str] = []
    while kills.total() < KILLS:
        order = order or chance.sample(VICTIMS, len(VICTIMS))
        stream.flow()
        time.sleep(chance.expovariate(1 / PAUSE))
        stream.flow()
        running = until(lambda: [each for each in attempts(house.folder) if each.alive])
        one = chance.choice(running)
        numbers = {each: stream.of(each).attempt for each in running}
        try:
            hit(order[-1], service, one)
        except (ProcessLookupError, psutil.NoSuchProcess):  # it has just ended
            continue
        kind = order.pop()
        kills[kind] += 1
        if kind == "kernel":
            noticed.append(wait_ended(stream, one, numbers[one])[1])
        if ended := hit_with(kind, one, running):
            clean.append(wait_gone(ended))
        else:
            states = {wait_ended(stream, each, numbers[each])[0] for each in running}
            assert states == {RunState.SUCCEEDED}, "a run did not go on"
        whole_notebooks(house)
    for run in stream.runs:
        judge(house, house.wait(run))
    until(lambda: not any(alive(pid) for each in attempts(house.folder) for pid in each.left))
    assert whole_notebooks(house) >= len(stream.runs) / 2
    figures: dict[str, Any] = {"seed": SEED, **kills, "runs": len(stream.runs)}
    figures |= {"noticed": summary(noticed), "clean": summary(clean)}
    say(capsys, json.dumps(figures))
    assert statistics.median(noticed) < _NOTICED


def judge(house: House, run: Run) -> None:
    """It succeeded, or failed by a cause that a kill explains; each of its attempts as well."""
    assert run.state in {RunState.SUCCEEDED, RunState.FAILED}
    for attempt in house.store.attempts(run.id):
        assert attempt.state is RunState.SUCCEEDED or attempt.reason in CAUSES, attempt
    if run.state is RunState.FAILED:
        assert run.error is not None
        assert run.error.message


def say(capsys: pytest.CaptureFixture[str], text: str) -> None:
    """Prints past the capture: seed and figures are wanted when all is well, too."""
    with capsys.disabled():
        sys.stdout.write(f"\n{text}\n")


def summary(seconds: Sequence[float]) -> dict[str, float]:
    """Median and longest."""
    return {"median": round(statistics.median(seconds), 3), "longest": round(max(seconds), 3)}

"""Who stands still, what everybody else does meanwhile, and how long that takes them."""

import contextlib
import itertools
import random
import threading
import time
from collections.abc import Callable, Iterator, Mapping
from datetime import UTC, datetime, timedelta
from typing import Any, Self

import psutil
from fleet_kit import until
from store_kit import add_job, claim, every, run_of, spec_of

from jupyter_orch.client import Client
from jupyter_orch.domain.errors import Unavailable
from jupyter_orch.domain.ids import DEFAULT_TEAM
from jupyter_orch.store.sql import SqlStore

LONGEST = 5.0  # seconds that anybody waits for somebody who is frozen: the promise
FROZEN = 7.0  # seconds
POOL = "shared"
Act = Callable[[], object]

# --------------------------------------------------------------------------- everybody else


class Others:
    """What everybody else does, again and again, each kind of it in a thread of its own.

    Args:
        acts: What is done, by name.
        pause: Seconds from the end of one to the beginning of the next.
    """

    def __init__(self, acts: Mapping[str, Act], *, pause: float = 0.05) -> None:
        self.longest: dict[str, float] = {}
        self.failed: list[BaseException] = []
        self._pause = pause
        self._stopping = threading.Event()
        self._threads = {
            name: threading.Thread(target=self._again, args=(name, act), daemon=True)
            for name, act in acts.items()
        }

    def _again(self, name: str, act: Act) -> None:
        while not self._stopping.is_set():
            try:
                self.once(name, act)
            except BaseException as error:  # noqa: BLE001 - told by the test
                self.failed.append(error)
                return
            time.sleep(self._pause)

    def once(self, name: str, act: Act) -> Any:
        """Does something until it is done, as the loops of the product do; its wait counts."""
        began = time.monotonic()
        try:
            while True:
                try:
                    return act()
                except Unavailable:
                    if self._stopping.is_set():
                        return None
                    time.sleep(0.05)
        finally:
            waited = time.monotonic() - began
            self.longest[name] = max(waited, self.longest.get(name, 0.0))

    def __enter__(self) -> Self:
        for thread in self._threads.values():
            thread.start()
        until(lambda: self.failed or self._threads.keys() <= self.longest.keys(), "all are at work")
        return self

    def __exit__(self, *_: object) -> None:
        self._stopping.set()
        for name, thread in self._threads.items():
            thread.join(60)
            if thread.is_alive():
                self.failed.append(TimeoutError(name))

    @property
    def figures(self) -> dict[str, float]:
        """The longest wait of each kind."""
        return {name: round(seconds, 2) for name, seconds in sorted(self.longest.items())}

    def check(self) -> None:
        """All of them worked, and nobody waited longer than is promised."""
        assert self.failed == []
        assert max(self.longest.values()) <= LONGEST, self.figures


def on_store(store: SqlStore) -> dict[str, Act]:
    """Every kind of writer, and a reader; the runs that are made are also taken."""

    def take() -> None:
        held = [(run.id, run.attempt) for run in claim(store, limit=2)]
        store.heartbeat("w", held, lease_seconds=60)

    return {
        **beside_workers(store),
        "make a run": lambda: store.add_run(run_of()),
        "take and renew": take,
    }


def beside_workers(store: SqlStore) -> dict[str, Act]:
    """The same where others work in earnest: the runs are made for tomorrow, nobody takes any."""
    numbers = itertools.count()
    tomorrow = datetime.now(UTC) + timedelta(days=1)

    def fire() -> None:
        with store.wake_up(limit=10):
            pass

    return {
        "size the pool": lambda: store.set_pool(DEFAULT_TEAM, POOL, slots=5),
        "make a run": lambda: store.add_run(run_of(not_before=tomorrow)),
        "save a job": lambda: add_job(store, spec_of(f"job {next(numbers)}", every(3600))),
        "fire": fire,
        "read": lambda: store.list_runs(DEFAULT_TEAM, limit=50),
    }


def by_client(client: Client, notebook: str, *, names: str) -> dict[str, Act]:
    """What people ask for; none of it starts a run. The jobs' names begin with `names`."""
    numbers = itertools.count()
    spec = {"notebook": notebook, "triggers": []}
    job = client.create_job({**spec, "name": names})["id"]
    return {
        "size the pool": lambda: client.set_pool(POOL, 5),
        "save a job": lambda: client.create_job({**spec, "name": f"{names} {next(numbers)}"}),
        "pause": lambda: client.pause(job),
        "resume": lambda: client.resume(job),
        "list runs": lambda: client.runs(limit=50),
    }


# --------------------------------------------------------------------------- who stands still


def is_stopped(process: psutil.Process) -> bool:
    """Whether it stands still; somebody may have let it go on."""
    return bool(process.status() == psutil.STATUS_STOPPED)


def stands_still(process: psutil.Process) -> bool:
    """Waits until it has stood still for long, or somebody has woken it; whether it was woken."""
    end = time.monotonic() + FROZEN
    while is_stopped(process):
        if time.monotonic() > end:
            return False
        time.sleep(0.05)
    return True


@contextlib.contextmanager
def frozen(process: psutil.Process) -> Iterator[None]:
    """The process stands still, wherever it is."""
    process.suspend()
    try:
        until(lambda: is_stopped(process), "it stands still")
        yield
    finally:
        process.resume()


@contextlib.contextmanager
def frozen_while(
    process: psutil.Process,
    holds: Callable[[], bool],
    chance: random.Random,
    *,
    aimed: bool = False,
    settle: float = 0.0,
) -> Iterator[int]:
    """The process stands still while it holds something; answers how often it was stopped.

    It is stopped at random moments, or `aimed` at those when it holds it. After `settle` seconds
    what it had said has arrived, and others have come to wait for it.
    """
    deadline = time.monotonic() + 60
    for tries in itertools.count(1):
        time.sleep(chance.uniform(0, 0.05))
        while aimed and not holds() and time.monotonic() < deadline:
            time.sleep(0.001)
        with frozen(process):
            time.sleep(settle)
            if holds():
                yield tries
                return
        assert time.monotonic() < deadline, f"never stopped at the wrong moment in {tries} times"

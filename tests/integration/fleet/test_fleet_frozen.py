"""Processes that stand still at the worst moment: nobody else waits longer than five seconds."""

import itertools
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from pathlib import Path
from typing import Self

import pytest
from fleet_kit import until
from store_kit import add_job, claim, every, run_of, spec_of

from jupyter_orch.domain.errors import Unavailable
from jupyter_orch.domain.ids import DEFAULT_TEAM
from jupyter_orch.store.sql import SqlStore

PROGRAM = Path(__file__).with_name("frozen_writer.py")
TESTS = PROGRAM.parents[2]
LONGEST = 5.0  # seconds that anybody waits for somebody who is frozen: the promise
FROZEN = 7.0  # seconds
POOL = "shared"

pytestmark = [pytest.mark.slow, pytest.mark.timeout(600)]  # seconds; a busy machine takes its time


@pytest.fixture(params=["sqlite", "postgresql"])
def url(request: pytest.FixtureRequest, tmp_path: Path) -> str:
    """Each kind of database."""
    if request.param == "postgresql":
        return str(request.getfixturevalue("postgresql_url"))
    return f"sqlite:///{tmp_path / 'state.db'}"


class Others:
    """What everybody else does, again and again, each kind of it in a thread of its own."""

    def __init__(self, store: SqlStore) -> None:
        self.longest: dict[str, float] = {}
        self.failed: list[BaseException] = []
        self._store = store
        self._stopping = threading.Event()
        numbers = itertools.count()
        acts: dict[str, Callable[[], object]] = {
            "size the pool": lambda: store.set_pool(DEFAULT_TEAM, POOL, slots=5),
            "make a run": lambda: store.add_run(run_of()),
            "take and renew": self._take,
            "save a job": lambda: add_job(store, spec_of(f"job {next(numbers)}", every(3600))),
            "fire": self._fire,
            "read": lambda: store.list_runs(DEFAULT_TEAM, limit=50),
        }
        self._threads = [
            threading.Thread(target=self._again, args=act, daemon=True) for act in acts.items()
        ]

    def _take(self) -> None:
        held = [(run.id, run.attempt) for run in claim(self._store, limit=2)]
        self._store.heartbeat("w", held, lease_seconds=60)

    def _fire(self) -> None:
        with self._store.wake_up(limit=10):
            pass

    def _again(self, name: str, act: Callable[[], object]) -> None:
        while not self._stopping.is_set():
            began = time.monotonic()
            try:
                self._until_done(act)
            except BaseException as error:  # noqa: BLE001 - told by the test
                self.failed.append(error)
                return
            waited = time.monotonic() - began
            self.longest[name] = max(waited, self.longest.get(name, 0.0))
            time.sleep(0.05)

    def _until_done(self, act: Callable[[], object]) -> None:
        """As the loops of the product do: what could not be done is tried again."""
        while True:
            try:
                act()
            except Unavailable:
                if self._stopping.is_set():
                    return
                time.sleep(0.05)
            else:
                return

    def __enter__(self) -> Self:
        for thread in self._threads:
            thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._stopping.set()
        for thread in self._threads:
            thread.join(60)


@contextmanager
def frozen_writer(url: str) -> Iterator[subprocess.Popen[bytes]]:
    """A process that stands still with a transaction open."""
    process = subprocess.Popen(
        [sys.executable, str(PROGRAM), url, POOL],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        env={"PYTHONPATH": f"{TESTS}:{TESTS.parent}", "PATH": ""},
    )
    assert process.stdin is not None
    assert process.stdout is not None
    with process.stdin, process.stdout:
        assert process.stdout.readline() == b"holding\n"
        process.send_signal(signal.SIGSTOP)
        yield process
        process.kill()
        process.wait(60)


def test_inv4_a_client_frozen_in_a_transaction_keeps_nobody_waiting(url: str) -> None:
    """Its transaction is ended for it, or it is made to end it; everybody goes on."""
    with closing(SqlStore(url)) as store:
        store.set_pool(DEFAULT_TEAM, POOL, slots=5)
        with Others(store) as others:
            until(lambda: len(others.longest) == 6, "all are at work")
            with frozen_writer(url) as writer:
                if store._database.sqlite:
                    # What it was stopped in is over before it can go on: it waits for its input.
                    assert writer.stdin is not None
                    writer.stdin.close()
                time.sleep(FROZEN)
    assert others.failed == []
    assert len(others.longest) == 6
    assert max(others.longest.values()) <= LONGEST, others.longest

"""The real loop, in real time."""

import threading
import time
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from store_kit import SystemClock, add_job, every, spec_of

from jupyter_orch.domain.errors import Unavailable
from jupyter_orch.domain.ids import DEFAULT_TEAM
from jupyter_orch.domain.states import RunState
from jupyter_orch.scheduler.timer import Timer
from jupyter_orch.store.sql import SqlStore

PATIENCE = 30  # seconds


def until(condition: Callable[[], bool]) -> None:
    """Waits until it holds."""
    end = time.monotonic() + PATIENCE
    while not condition():
        assert time.monotonic() < end, "it never happened"
        time.sleep(0.02)


@pytest.fixture
def store(tmp_path: Path) -> Iterator[SqlStore]:
    """An empty store."""
    opened = SqlStore(f"sqlite:///{tmp_path / 'state.db'}")
    yield opened
    opened.close()


@pytest.fixture
def timer(store: SqlStore) -> Iterator[Timer]:
    """A running timer."""
    made = Timer(store, lambda _job: "00" * 32, SystemClock())
    assert (made.alive, made.last_tick) == (False, None)
    made.start()
    yield made
    made.stop()


def runs(store: SqlStore, state: RunState) -> int:
    """How many runs stand there."""
    return len(store.list_runs(DEFAULT_TEAM, states=[state], limit=1000).items)


def test_a_new_job_fires_and_goes_on_firing(store: SqlStore, timer: Timer) -> None:
    """The loop is woken by a save, ticks, and ends when it is told to."""
    until(lambda: timer.last_tick is not None)
    now = store.now()
    add_job(store, spec_of("tick", every(1, anchor=now)), due=now)
    timer.wake()
    until(lambda: runs(store, RunState.QUEUED) >= 3)
    assert timer.alive
    assert timer.last_tick is not None
    assert datetime.now(UTC) - timer.last_tick < timedelta(seconds=PATIENCE)
    timer.stop()
    assert not timer.alive
    made = runs(store, RunState.QUEUED)
    timer.wake()
    timer.stop()
    assert runs(store, RunState.QUEUED) == made
    timer.start()
    until(lambda: runs(store, RunState.QUEUED) > made)


def test_a_save_by_another_process_is_found_without_a_wake(store: SqlStore, timer: Timer) -> None:
    """The poll sees it."""
    until(lambda: timer.last_tick is not None)
    add_job(store, spec_of("tick", every(3600)), due=store.now())
    until(lambda: runs(store, RunState.QUEUED) == 1)


def test_inv8_the_loop_survives_whatever_is_raised(store: SqlStore, timer: Timer) -> None:
    """A database that fails in every call for a while costs nothing but time."""
    until(lambda: timer.last_tick is not None)
    methods = ("wake_up", "next_due")
    failed = {name: threading.Event() for name in methods}

    def failing(name: str):
        def fail(**_values):
            failed[name].set()
            raise Unavailable("away") if name == "wake_up" else MemoryError

        return fail

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(store, "wake_up", failing("wake_up"))
        timer.wake()
        assert failed["wake_up"].wait(PATIENCE)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(store, "next_due", failing("next_due"))
        assert failed["next_due"].wait(PATIENCE)
    assert timer.alive
    add_job(store, spec_of("tick", every(3600)), due=store.now())
    until(lambda: runs(store, RunState.QUEUED) == 1)

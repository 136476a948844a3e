"""Chores, in real time."""

import threading
import time
from collections.abc import Callable
from pathlib import Path

from store_kit import claim, run_of

from jupyter_orch.domain.errors import Unavailable
from jupyter_orch.domain.ids import DEFAULT_TEAM
from jupyter_orch.domain.states import RunState
from jupyter_orch.scheduler.chores import Chore, Chores
from jupyter_orch.store.sql import SqlStore

PATIENCE = 30  # seconds


def until(condition: Callable[[], bool]) -> None:
    """Waits until it holds."""
    end = time.monotonic() + PATIENCE
    while not condition():
        assert time.monotonic() < end, "it never happened"
        time.sleep(0.02)


def test_inv4_lost_attempts_are_reaped(tmp_path: Path) -> None:
    """Nobody has to ask: the run is queued again by itself."""
    store = SqlStore(f"sqlite:///{tmp_path / 'state.db'}")
    chores = Chores([Chore(name="reap", every_seconds=0.1, do=store.reap)])
    chores.start()
    try:
        store.add_run(run_of())
        until(lambda: bool(claim(store, lease=0.01)))
        until(lambda: bool(store.list_runs(DEFAULT_TEAM, states=[RunState.QUEUED]).items))
    finally:
        chores.stop()
        store.close()


def test_inv8_a_chore_that_fails_or_hangs_hurts_only_itself() -> None:
    """The others keep their pace; the failing one is tried again."""
    failures, turns, hanging = [], [], threading.Event()

    def fail() -> None:
        failures.append(1)
        raise Unavailable("away") if len(failures) == 1 else MemoryError

    chores = Chores(
        [
            Chore(name="fails", every_seconds=0.05, do=fail),
            Chore(name="hangs", every_seconds=0.05, do=hanging.wait),
            Chore(name="works", every_seconds=0.05, do=lambda: turns.append(1)),
        ]
    )
    chores.start()
    try:
        until(lambda: len(failures) >= 3 and len(turns) >= 3)
    finally:
        hanging.set()
        chores.stop()
    done = len(turns)
    time.sleep(0.2)
    assert len(turns) == done

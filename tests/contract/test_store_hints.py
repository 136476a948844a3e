"""Hints that there may be work, from one process to another."""

from collections.abc import Callable

import pytest
from postgres_fixture import PostgresServer, name_in
from store_kit import add_job, claim, every, run_of, spec_of

from jupyter_orch.domain.errors import Unavailable
from jupyter_orch.domain.model import Run
from jupyter_orch.domain.states import RunState
from jupyter_orch.ports import QueueHints
from jupyter_orch.store.sql import SqlStore

PATIENCE = 10.0
Change = Callable[[SqlStore, Run], object]


def heard(hints: QueueHints) -> bool:
    """Whether a hint comes, however slow the machine is."""
    return any(hints.wait(0.1) for _ in range(int(PATIENCE / 0.1)))


def add(store: SqlStore, _running: Run) -> None:
    """Somebody runs a job now."""
    store.add_run(run_of())


def fire(store: SqlStore, _running: Run) -> None:
    """A trigger is due."""
    job = add_job(store, spec_of("fires", every(60)), due=store.now())
    with store.wake_up(limit=10) as wake:
        wake.insert([run_of(job)])
        wake.advance(job.id, "t", None, last_due=None)


def cancel(store: SqlStore, running: Run) -> None:
    """Somebody wants the run to stop."""
    store.request_cancel(running.id, user="ada")


def hand_back(store: SqlStore, running: Run) -> None:
    """An attempt failed, and another one may begin."""
    store.finish("w", running.id, 1, state=RunState.FAILED, retry_in_seconds=0.0)


@pytest.mark.parametrize("change", [add, fire, cancel, hand_back])
def test_a_worker_elsewhere_hears_of_what_it_has_to_look_for(
    store_url: str, change: Change
) -> None:
    """It was made in another process, or by a thread with another connection."""
    here, there = SqlStore(store_url), SqlStore(store_url)
    here.add_run(run_of())
    (running,) = claim(here)
    with there.queue_hints() as hints:
        while hints.wait(0.2):
            pass
        change(here, running)
        assert heard(hints)
    here.close()
    there.close()


def test_looking_is_no_reason_to_look(store_url: str) -> None:
    """Else workers would wake one another for ever."""
    here, there = SqlStore(store_url), SqlStore(store_url)
    with there.queue_hints() as hints:
        while hints.wait(0.2):
            pass
        here.news("w", [], room=True)
        claim(here)
        assert not hints.wait(0.3)
    here.close()
    there.close()


def test_a_listener_is_told_that_its_connection_ended(
    postgresql_url: str, postgresql_server: PostgresServer
) -> None:
    """So that it makes another one."""
    store = SqlStore(postgresql_url)
    with store.queue_hints() as hints:
        postgresql_server.cut(name_in(postgresql_url))
        with pytest.raises(Unavailable):
            heard(hints)
    store.close()

"""Attempts of lost workers stay on the list until somebody has cleared up after them."""

import time

from store_kit import add_job, claim, run_of, spec_of

from jupyter_orch.domain.ids import RunId
from jupyter_orch.domain.states import Reason, RunState
from jupyter_orch.ports import LostAttempt
from jupyter_orch.store.sql import SqlStore

LEASE = 0.05  # seconds


def lose(store: SqlStore, *queries: str, worker: str = "gone") -> LostAttempt:
    """A claimed run whose worker goes away without a word."""
    (run,) = claim(store, worker, lease=LEASE)
    for query in queries:
        store.record_query(worker, run.id, run.attempt, query)
    time.sleep(2 * LEASE)
    assert store.reap() == 1
    return LostAttempt(run_id=run.id, number=run.attempt, queries=queries[::-1])


def test_a_lost_attempt_is_listed_with_its_own_queries(store: SqlStore) -> None:
    """Each attempt for itself, the latest query first."""
    store.add_run(run_of(add_job(store, spec_of())))
    first = lose(store, "q1", "q2")
    second = lose(store, "q3")
    assert first.run_id == second.run_id
    assert store.lost_attempts(limit=10) == (first, second)
    assert store.lost_attempts(limit=1) == (first,)


def test_a_swept_attempt_is_listed_no_more(store: SqlStore) -> None:
    """Whoever says it, and however often; others stay."""
    store.add_run(run_of(add_job(store, spec_of())))
    first, second = lose(store), lose(store)
    store.attempt_swept(first.run_id, first.number)
    store.attempt_swept(first.run_id, first.number)
    store.attempt_swept(RunId("unknown"), 1)
    assert store.lost_attempts(limit=10) == (second,)


def test_attempts_that_ended_in_their_own_words_are_not_listed(store: SqlStore) -> None:
    """Succeeded, failed, or handed back by a worker that stops: they cleared up themselves."""
    for _ in range(3):
        store.add_run(run_of())
    done, failed, back = claim(store)
    store.finish("w", done.id, 1, state=RunState.SUCCEEDED)
    store.finish("w", failed.id, 1, state=RunState.FAILED, reason=Reason.USER_ERROR)
    store.finish(
        "w",
        back.id,
        1,
        state=RunState.CANCELLED,
        reason=Reason.WORKER_LOST,
        retry_in_seconds=0,
    )
    assert store.lost_attempts(limit=10) == ()


def test_a_lost_attempt_goes_with_its_run(store: SqlStore) -> None:
    """Retention leaves nothing to sweep that is not there any more."""
    store.add_run(run_of(kind="adhoc"))
    lost = lose(store)
    assert store.delete_runs([lost.run_id]) == 1
    assert store.lost_attempts(limit=10) == ()

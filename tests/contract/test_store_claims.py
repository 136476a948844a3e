"""The order of the queue, overlap and pools, in every store, also when many claim at once."""

import threading
import time
from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from datetime import timedelta

import pytest
import sqlalchemy as sa
from store_kit import add_job, claim, job_of, run_of, spec_of

from jupyter_orch.domain.errors import StaleWrite
from jupyter_orch.domain.ids import DEFAULT_TEAM, BackfillId, new_id
from jupyter_orch.domain.model import Run
from jupyter_orch.domain.states import RunState
from jupyter_orch.store.claims import _Turns
from jupyter_orch.store.rows import run_row
from jupyter_orch.store.sql import SqlStore
from jupyter_orch.store.tables import run as run_table


def queue(store: SqlStore, job=None, *, ago: float = 1, **policies) -> Run:
    """A queued run that may begin since `ago` seconds; keywords are policies of the run alone."""
    new = run_of(job, not_before=store.now() - timedelta(seconds=ago))
    return store.add_run(replace(new, policies=replace(new.policies, **policies)))


def end(store: SqlStore, run: Run) -> None:
    """The run succeeds."""
    assert store.finish("w", run.id, run.attempt, state=RunState.SUCCEEDED)


def ids(runs) -> list[str]:
    """Their ids."""
    return [run.id for run in runs]


def test_a_higher_priority_goes_first_and_then_the_earliest(store: SqlStore) -> None:
    """Priority is worth more than any wait, and negative ones come last."""
    low = queue(store, ago=99, priority=-10)
    late, early = queue(store, ago=1), queue(store, ago=9)
    urgent = queue(store, ago=0.1, priority=5)
    assert ids(claim(store)) == ids([urgent, early, late, low])


@pytest.mark.parametrize("overlap", ["queue", "skip", "cancel_running", "latest_only"])
def test_one_run_of_a_job_at_a_time(store: SqlStore, overlap) -> None:
    """The first one by priority and time; the next one when it has ended."""
    job = add_job(store, spec_of(overlap=overlap))
    early, late = queue(store, job, ago=9), queue(store, job, ago=1)
    urgent = queue(store, job, ago=0.5, priority=1)
    for expected in (urgent, early, late):
        (held,) = claim(store)
        assert held.id == expected.id
        assert claim(store) == []
        end(store, held)


def test_parallel_runs_of_a_job_are_limited_when_it_says_so(store: SqlStore) -> None:
    """As many as `max_parallel`, in order; without it all of them."""
    job = add_job(store, spec_of(overlap="parallel", max_parallel=2))
    runs = [queue(store, job, ago=9 - number) for number in range(5)]
    first = claim(store)
    assert ids(first) == ids(runs[:2])
    assert claim(store) == []
    end(store, first[0])
    assert ids(claim(store)) == ids(runs[2:3])
    free = add_job(store, spec_of(overlap="parallel"))
    many = [queue(store, free, ago=9 - number) for number in range(5)]
    assert ids(claim(store)) == ids(many)


def test_runs_of_a_backfill_neither_wait_nor_are_waited_for(store: SqlStore) -> None:
    """A backfill has a limit of its own."""
    job = add_job(store, spec_of())
    ordinary = queue(store, job, ago=1)
    backfill = BackfillId(new_id())
    filling = [
        store.add_run(
            replace(
                run_of(job, run_key=f"backfill:{number}", kind="backfill"), backfill_id=backfill
            )
        )
        for number in range(3)
    ]
    waiting = queue(store, job, ago=0.5)
    taken = claim(store)
    assert set(ids(taken)) == set(ids([ordinary, *filling]))
    end(store, next(run for run in taken if run.id == ordinary.id))
    assert ids(claim(store)) == [waiting.id]


def test_a_blocked_job_lets_the_jobs_behind_it_pass(store: SqlStore) -> None:
    """However long its queue is, and in one claim."""
    job, other = add_job(store, spec_of()), add_job(store, spec_of())
    queue(store, job, ago=99)
    claim(store)
    since = store.now() - timedelta(seconds=50)
    with store._database.writing() as connection:
        blocked = [run_of(job, not_before=since) for _ in range(2000)]
        connection.execute(sa.insert(run_table), [run_row(run) for run in blocked])
    assert not store.news("w", [], room=True).claimable
    behind = [queue(store, other, ago=1), queue(store, ago=0.5)]
    assert store.news("w", [], room=True).claimable
    assert ids(claim(store, limit=2)) == ids(behind)


def test_a_pool_limits_what_goes_on_at_a_time(store: SqlStore) -> None:
    """Over all jobs and workers; whoever needs another pool does not wait behind it."""
    store.set_pool(DEFAULT_TEAM, "db", slots=2)
    waiting = [queue(store, ago=9 - number, pool="db") for number in range(4)]
    others = [queue(store, ago=1), queue(store, ago=0.5, pool="without a row")]
    taken = claim(store)
    assert ids(taken) == ids([*waiting[:2], *others])
    assert not store.news("w", [], room=True).claimable
    assert claim(store) == []
    assert store.begin_publishing("w", taken[0].id, 1, [])
    assert claim(store) == [], "publishing needs its slot"
    end(store, taken[0])
    assert store.news("w", [], room=True).claimable
    assert ids(claim(store)) == ids(waiting[2:3])
    store.delete_pool(DEFAULT_TEAM, "db")
    assert ids(claim(store)) == ids(waiting[3:])


def test_a_pool_without_slots_holds_everything(store: SqlStore) -> None:
    """Until it gets some."""
    store.set_pool(DEFAULT_TEAM, "default", slots=0)
    run = queue(store)
    assert claim(store) == []
    store.set_pool(DEFAULT_TEAM, "default", slots=None)
    assert ids(claim(store)) == [run.id]


def test_pools_are_listed_with_what_they_hold(store: SqlStore) -> None:
    """`default` is always there; a team sees its own."""
    assert [(pool.name, pool.slots) for pool in store.pools(DEFAULT_TEAM)] == [("default", None)]
    made = store.set_pool(DEFAULT_TEAM, "db", slots=1)
    assert (made.name, made.slots, made.used, made.queued) == ("db", 1, 0, 0)
    for _ in range(3):
        queue(store, pool="db")
    queue(store)
    claim(store)
    after = store.last_change()
    assert store.set_pool(DEFAULT_TEAM, "db", slots=7).slots == 7
    listed = [(pool.name, pool.slots, pool.used, pool.queued) for pool in store.pools(DEFAULT_TEAM)]
    assert listed == [("db", 7, 1, 2), ("default", None, 1, 0)]
    assert [(change.kind, change.key) for change in store.changes(after=after)] == [("pool", "db")]
    assert [pool.name for pool in store.pools("elsewhere")] == ["default"]
    for _ in range(2):
        store.delete_pool(DEFAULT_TEAM, "db")
    assert [pool.name for pool in store.pools(DEFAULT_TEAM)] == ["default"]


def test_news_are_what_there_is_to_do(store: SqlStore) -> None:
    """A due run, a publication that was left, a request to cancel; nothing else, and no change."""
    now = store.now()
    store.add_run(run_of(not_before=now + timedelta(seconds=60)))
    assert not store.news("w", [], room=True).claimable
    run = queue(store)
    assert store.news("w", [], room=True).claimable
    assert not store.news("w", [], room=False).claimable
    claim(store)
    assert store.news("w", [run.id], room=True) == store.news("w", [], room=True)
    store.request_cancel(run.id, user="ada")
    assert store.news("w", [run.id], room=False).cancelled == (run.id,)
    assert store.news("other", [run.id], room=False).cancelled == ()
    store.begin_publishing("w", run.id, 1, [])
    assert not store.news("w", [], room=True).claimable
    store.heartbeat("w", [(run.id, 1)], lease_seconds=-1)
    assert store.news("x", [], room=True).claimable


class Watch:
    """Counts what is held at a time, as the workers see it."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._now: Counter[str] = Counter()
        self.most: Counter[str] = Counter()
        self.order: dict[str, list[str]] = {}

    def begin(self, run: Run) -> None:
        """A claim has answered with this run."""
        with self._lock:
            for key in (f"pool {run.policies.pool}", f"job {run.job_id}"):
                self._now[key] += 1
                self.most[key] = max(self.most[key], self._now[key])
            self.order.setdefault(str(run.job_id), []).append(run.id)

    def end(self, run: Run) -> None:
        """The run is about to end."""
        with self._lock:
            for key in (f"pool {run.policies.pool}", f"job {run.job_id}"):
                self._now[key] -= 1


@pytest.mark.parametrize("limit", ["job", "pool"])
def test_inv3_a_claim_that_is_not_committed_yet_counts(store: SqlStore, limit) -> None:
    """Who claims at the same moment waits or goes without: it never trusts what it saw before."""
    policies = {"overlap": "parallel", "max_parallel": 2} if limit == "job" else {"pool": "two"}
    store.set_pool(DEFAULT_TEAM, "two", slots=2)
    job = add_job(store, spec_of(**policies | {"overlap": "parallel"}))
    for _ in range(4):
        queue(store, job)
    claim(store, limit=1)
    with ThreadPoolExecutor(1) as thread:
        with store._database.writing() as connection:
            first = _Turns(store._database, connection, "first", 60.0)
            assert first.take(1)
            second = thread.submit(claim, store, "second")
            time.sleep(0.3)
        assert second.result() == []
    assert len(first.taken) == 1


@pytest.mark.slow
def test_inv3_many_claims_at_once_keep_every_limit(store_url: str) -> None:
    """Eight workers, runs that come meanwhile and push in: neither overlap nor pool is exceeded."""
    stores = [SqlStore(store_url) for _ in range(8)]
    store = stores[0]
    store.set_pool(DEFAULT_TEAM, "three", slots=3)
    jobs = [
        add_job(store, spec_of(pool="three")),
        add_job(store, spec_of(overlap="skip", pool="three")),
        add_job(store, spec_of(overlap="parallel", max_parallel=2)),
        add_job(store, spec_of(overlap="parallel", pool="three")),
    ]
    watch, filled, wanted = Watch(), threading.Event(), 80

    def fill() -> None:
        for number in range(wanted // 4):
            for job in jobs:
                # Each one may come before those that wait already.
                queue(store, job, ago=(number * 7) % 13, priority=(number * 5) % 3)
            time.sleep(0.002)
        filled.set()

    def work(mine: SqlStore) -> int:
        done = 0
        while True:
            over = filled.is_set()
            taken = claim(mine, limit=3)
            for run in taken:
                watch.begin(run)
            time.sleep(0.003)
            for run in taken:
                watch.end(run)
                end(mine, run)
            done += len(taken)
            if over and not taken and not sum(mine.counts(DEFAULT_TEAM).values()):
                return done

    with ThreadPoolExecutor(9) as threads:
        filling = threads.submit(fill)
        done = sum(threads.map(work, stores))
        filling.result()
    for each in stores:
        each.close()
    assert done == wanted
    limits = {f"job {jobs[0].id}": 1, f"job {jobs[1].id}": 1, f"job {jobs[2].id}": 2}
    limits["pool three"] = 3
    assert {key: watch.most[key] for key in limits if watch.most[key] > limits[key]} == {}
    assert watch.most["pool three"] > 1, "nothing ran at the same time: this proves nothing"


@pytest.mark.slow
def test_runs_of_one_job_begin_in_order_however_many_claim(store_url: str) -> None:
    """A worker that is slower never lets a later run of the job overtake an earlier one."""
    stores = [SqlStore(store_url) for _ in range(6)]
    job = add_job(stores[0], spec_of())
    wanted = ids(queue(stores[0], job, ago=100 - number) for number in range(30))
    watch = Watch()

    def work(mine: SqlStore) -> None:
        while sum(mine.counts(DEFAULT_TEAM).values()):
            for run in claim(mine, limit=2):
                watch.begin(run)
                watch.end(run)
                end(mine, run)

    with ThreadPoolExecutor(len(stores)) as threads:
        list(threads.map(work, stores))
    for each in stores:
        each.close()
    assert watch.order[job.id] == wanted


def test_a_run_of_a_job_that_is_gone_is_claimed_as_any_other(store: SqlStore) -> None:
    """History outlives jobs, and so do repetitions of it."""
    run = queue(store, job_of(spec_of()))
    assert ids(claim(store)) == [run.id]


def test_a_pool_that_somebody_else_changed_is_not_overwritten(store) -> None:
    """Neither set nor removed; without an expectation the last one wins."""
    store.set_pool(DEFAULT_TEAM, "db", slots=1)
    store.set_pool(DEFAULT_TEAM, "db", slots=2, expected="1")
    for stale in (
        lambda: store.set_pool(DEFAULT_TEAM, "db", slots=9, expected="1"),
        lambda: store.delete_pool(DEFAULT_TEAM, "db", expected="1"),
        lambda: store.set_pool(DEFAULT_TEAM, "new", slots=9, expected="1"),
        lambda: store.set_pool(DEFAULT_TEAM, "default", slots=9, expected="4"),
    ):
        with pytest.raises(StaleWrite):
            stale()
    slots = {pool.name: pool.slots for pool in store.pools(DEFAULT_TEAM)}
    assert slots == {"db": 2, "default": None}
    assert store.set_pool(DEFAULT_TEAM, "default", slots=4, expected="none").slots == 4
    assert store.set_pool(DEFAULT_TEAM, "db", slots=None).tag == "none"
    store.delete_pool(DEFAULT_TEAM, "db", expected="none")
    assert [pool.name for pool in store.pools(DEFAULT_TEAM)] == ["default"]

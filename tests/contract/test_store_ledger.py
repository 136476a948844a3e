"""Leases, fences and ends, in every store."""

from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta

import pytest
import sqlalchemy as sa
from store_kit import NOW, add_job, claim, every, run_of, spec_of, staged_of, version_of

from jupyter_orch.domain.ids import DEFAULT_TEAM
from jupyter_orch.domain.model import RunError
from jupyter_orch.domain.states import Reason, RunState
from jupyter_orch.ports import WorkerInfo
from jupyter_orch.store.ends import End
from jupyter_orch.store.progress import Progress
from jupyter_orch.store.sql import SqlStore
from jupyter_orch.store.tables import run as run_table

OOPS = RunError(name="ValueError", message="oops", cell_index=1)
EXPIRED = -1.0  # seconds: a lease that has run out when it is given


def state_of(store: SqlStore, run) -> RunState:
    """Where the run stands now."""
    return store.get_run(DEFAULT_TEAM, run.id).state


def test_a_claim_takes_what_is_due_in_order(store: SqlStore) -> None:
    """The earliest first, no more than asked, nothing whose time has not come."""
    now = store.now()
    late, early, future = (
        store.add_run(run_of(not_before=now + timedelta(seconds=delay))) for delay in (-1, -9, 60)
    )
    (first,) = claim(store, "one", limit=1)
    assert (first.id, first.state, first.attempt) == (early.id, RunState.RUNNING, 1)
    assert first.started_at is not None
    assert [run.id for run in claim(store, "two")] == [late.id]
    assert claim(store, "three") == []
    assert state_of(store, future) is RunState.QUEUED
    (attempt,) = store.attempts(early.id)
    assert (attempt.number, attempt.worker, attempt.ended_at) == (1, "one", None)


def test_no_two_workers_claim_the_same_run(store: SqlStore) -> None:
    """Many threads that claim at once share the queue without doubles."""
    wanted = {store.add_run(run_of()).id for _ in range(40)}

    def drain(name: str) -> list[str]:
        taken = []
        while found := claim(store, name, limit=3):
            taken += [run.id for run in found]
        return taken

    with ThreadPoolExecutor(4) as pool:
        shares = list(pool.map(drain, "abcd"))
    everything = [run_id for share in shares for run_id in share]
    assert len(everything) == len(wanted)
    assert set(everything) == wanted


@pytest.mark.parametrize("overlap", ["queue", "skip", "parallel"])
def test_a_run_waits_for_the_other_run_of_its_job(store: SqlStore, overlap) -> None:
    """Unless the job allows parallel runs; runs of other jobs do not wait."""
    job, other = add_job(store, spec_of(overlap=overlap)), add_job(store, spec_of())
    first, second = store.add_run(run_of(job)), store.add_run(run_of(job))
    third = store.add_run(run_of(other))
    taken = {run.id for run in claim(store)}
    if overlap == "parallel":
        assert taken == {first.id, second.id, third.id}
        return
    assert taken == {min(first, second, key=lambda run: (run.not_before, run.id)).id, third.id}
    (waiting,) = {first.id, second.id} - taken
    (running,) = {first.id, second.id} & taken
    assert store.begin_publishing("w", running, 1, [])
    assert claim(store) == []
    assert store.finish("w", running, 1, state=RunState.SUCCEEDED)
    assert [run.id for run in claim(store)] == [waiting]


def test_a_run_that_waits_for_its_retry_lets_others_pass(store: SqlStore) -> None:
    """Only what may start now holds back the runs behind it."""
    job = add_job(store, spec_of(retries=5))
    first = store.add_run(run_of(job))
    claim(store)
    store.finish("w", first.id, 1, state=RunState.FAILED, error=OOPS, retry_in_seconds=60)
    second = store.add_run(run_of(job))
    assert [run.id for run in claim(store)] == [second.id]


def test_a_run_goes_through_its_states(store: SqlStore) -> None:
    """From the queue to published tables, with everything on record."""
    run = store.add_run(run_of())
    (held,) = claim(store)
    assert store.progress("w", run.id, 1, done=3, total=9)
    assert store.record_query("w", run.id, 1, "q1")
    assert store.record_query("w", run.id, 1, "q2")
    staged = [staged_of("a.b"), staged_of("a.c")]
    assert store.begin_publishing("w", run.id, 1, staged)
    assert store.begin_publishing("w", run.id, 1, staged), "a repeated request is harmless"
    versions = (version_of("a.b", run), version_of("a.c", run))
    after = store.last_change()
    assert store.finish("w", run.id, 1, state=RunState.SUCCEEDED, versions=versions)
    ended = store.get_run(DEFAULT_TEAM, run.id)
    assert (ended.state, ended.cells_done, ended.cells_total) == (RunState.SUCCEEDED, 3, 9)
    assert ended.started_at == held.started_at
    assert ended.ended_at is not None
    assert store.published(run.id) == versions
    assert store.queries(run.id) == ("q1", "q2")
    (attempt,) = store.attempts(run.id)
    assert attempt.state is RunState.SUCCEEDED
    told = {(change.kind, change.key) for change in store.changes(after=after)}
    assert told == {("run", run.id), ("table", "a.b"), ("table", "a.c")}


@pytest.mark.parametrize("retry", [None, 0.0])
def test_the_end_tells_the_last_cells(store: SqlStore, retry) -> None:
    """So that a short run needs no word in between; without them those told before stay."""
    run = store.add_run(run_of())
    claim(store)
    ends = {"state": RunState.FAILED, "retry_in_seconds": retry}
    assert store.finish("w", run.id, 1, cells=(4, 9), **ends)
    told = store.get_run(DEFAULT_TEAM, run.id)
    assert (told.cells_done, told.cells_total) == (4, 9)


def test_what_is_told_together_is_judged_one_by_one(store: SqlStore) -> None:
    """Of many who tell how far they are only those count who hold their run."""
    first, second = store.add_run(run_of()), store.add_run(run_of())
    claim(store)
    told = [
        Progress(worker="w", run_id=first.id, attempt=1, done=1, total=3),
        Progress(worker="other", run_id=second.id, attempt=1, done=2, total=3),
        Progress(worker="w", run_id=first.id, attempt=2, done=3, total=3),
        Progress(worker="w", run_id=first.id, attempt=1, done=2, total=3),
    ]
    assert store.progress_all(told) == (True, False, False, True)
    found = [store.get_run(DEFAULT_TEAM, run.id).cells_done for run in (first, second)]
    assert found == [2, 0]


def test_inv3_only_the_holder_of_the_attempt_changes_anything(store: SqlStore) -> None:
    """Another worker, another attempt and a stranger's run are all refused."""
    run = store.add_run(run_of())
    claim(store, "w")
    for worker, number in (("other", 1), ("w", 2), ("w", 0)):
        assert not store.progress(worker, run.id, number, done=1, total=1)
        assert not store.record_query(worker, run.id, number, "q")
        assert not store.begin_publishing(worker, run.id, number, [staged_of("a.b")])
        assert not store.finish(worker, run.id, number, state=RunState.SUCCEEDED)
        assert store.heartbeat(worker, [(run.id, number)], lease_seconds=9) == ()
    untouched = store.get_run(DEFAULT_TEAM, run.id)
    assert (untouched.state, untouched.cells_done) == (RunState.RUNNING, 0)
    assert store.queries(run.id) == ()


def test_inv3_a_frozen_worker_that_comes_back_is_refused(store: SqlStore) -> None:
    """Its run was taken over: it can neither publish nor end it, under its own name either."""
    run = store.add_run(run_of())
    claim(store, "w", lease=EXPIRED)
    assert store.reap() == 1
    (again,) = claim(store, "w")
    assert again.attempt == 2
    assert not store.begin_publishing("w", run.id, 1, [staged_of("a.b")])
    assert not store.finish("w", run.id, 1, state=RunState.SUCCEEDED)
    assert store.finish("w", run.id, 2, state=RunState.SUCCEEDED)


@pytest.mark.parametrize("says", [RunState.CANCELLED, RunState.FAILED])
def test_inv3_who_was_given_up_is_refused_even_the_end_that_came(store: SqlStore, says) -> None:
    """It ended nothing, and hears so, also when it wants what became of the run without it."""
    run = store.open_adhoc(run_of(kind="adhoc"), worker="w", lease_seconds=EXPIRED)
    if says is RunState.CANCELLED:
        store.request_cancel(run.id, user="ada")
    store.reap()
    assert state_of(store, run) is says
    assert store.news("w", [run.id], room=False).cancelled == ()
    assert not store.finish("w", run.id, 1, state=says)


def test_inv3_an_end_is_final(store: SqlStore) -> None:
    """The holder hears the same answer again, and no other end replaces it."""
    run = store.add_run(run_of())
    claim(store)
    versions = (version_of("a.b", run),)
    for _ in range(2):
        assert store.finish("w", run.id, 1, state=RunState.SUCCEEDED, versions=versions)
    assert not store.finish("w", run.id, 1, state=RunState.FAILED, reason=Reason.USER_ERROR)
    assert state_of(store, run) is RunState.SUCCEEDED
    assert store.published(run.id) == versions


def test_inv3_publishing_only_rolls_forward(store: SqlStore) -> None:
    """After the intent is on record the run is neither queued again nor cancelled."""
    run = store.add_run(run_of())
    claim(store)
    store.begin_publishing("w", run.id, 1, [staged_of("a.b")])
    assert not store.finish("w", run.id, 1, state=RunState.CANCELLED)
    assert state_of(store, run) is RunState.PUBLISHING


def test_inv3_a_publication_is_taken_over_with_its_intent(store: SqlStore) -> None:
    """Only after the lease ran out; the worker that lost it is refused."""
    run = store.add_run(run_of())
    claim(store, "w")
    staged = (staged_of("a.c"), staged_of("a.b"))
    store.begin_publishing("w", run.id, 1, staged)
    assert store.claim_publications("x", limit=5, lease_seconds=60) == ()
    assert not store.news("x", [], room=True).publications
    store.heartbeat("w", [(run.id, 1)], lease_seconds=EXPIRED)
    assert store.news("x", [], room=True).publications
    assert store.reap() == 0
    ((taken, intent),) = store.claim_publications("x", limit=5, lease_seconds=60)
    assert (taken.id, taken.attempt, intent) == (run.id, 1, staged)
    assert store.heartbeat("w", [(run.id, 1)], lease_seconds=60) == ()
    assert not store.finish("w", run.id, 1, state=RunState.SUCCEEDED)
    assert store.finish("x", run.id, 1, state=RunState.SUCCEEDED)


def test_inv4_a_lost_worker_costs_no_retry_the_first_time(store: SqlStore) -> None:
    """Queued again once more than the policy says, then failed with the reason: never for ever."""
    job = add_job(store, spec_of(retries=1))
    run = store.add_run(run_of(job))
    for number in (1, 2):
        (held,) = claim(store, lease=EXPIRED)
        assert held.attempt == number
        assert store.reap() == 1
        waiting = store.get_run(DEFAULT_TEAM, run.id)
        assert (waiting.state, waiting.reason) == (RunState.QUEUED, Reason.WORKER_LOST)
    claim(store, lease=EXPIRED)
    assert store.reap() == 1
    assert store.reap() == 0
    lost = store.get_run(DEFAULT_TEAM, run.id)
    assert (lost.state, lost.reason) == (RunState.FAILED, Reason.WORKER_LOST)
    assert lost.error is not None
    assert {attempt.reason for attempt in store.attempts(run.id)} == {Reason.WORKER_LOST}
    assert len(store.attempts(run.id)) == 3


def test_a_lost_worker_is_no_retry_of_a_policy_that_does_not_name_it(store: SqlStore) -> None:
    """The free one remains, whatever `retry_on` says, and no further one follows."""
    job = add_job(store, spec_of(retries=5, retry_on=("user_error",)))
    run = store.add_run(run_of(job))
    for expected in (RunState.QUEUED, RunState.FAILED):
        claim(store, lease=EXPIRED)
        assert store.reap() == 1
        assert state_of(store, run) is expected
    assert store.get_run(DEFAULT_TEAM, run.id).free_attempts == 1


def test_handing_back_costs_no_retry(store: SqlStore) -> None:
    """However often: the run is in the queue at once, and its attempts are told apart."""
    job = add_job(store, spec_of(retries=0))
    run = store.add_run(run_of(job))
    for number in (1, 2, 3):
        (held,) = claim(store)
        assert (held.attempt, held.free_attempts) == (number, number - 1)
        assert store.finish(
            "w",
            run.id,
            number,
            state=RunState.CANCELLED,
            reason=Reason.WORKER_LOST,
            retry_in_seconds=0,
        )
    claim(store, lease=EXPIRED)
    assert store.reap() == 1
    assert state_of(store, run) is RunState.QUEUED, "the first lost worker is free all the same"
    states = [(attempt.state, attempt.reason) for attempt in store.attempts(run.id)]
    assert states == [(RunState.CANCELLED, Reason.WORKER_LOST)] * 3 + [
        (RunState.FAILED, Reason.WORKER_LOST)
    ]


def test_inv8_a_row_that_nobody_can_read_keeps_nobody_waiting(store: SqlStore) -> None:
    """The runs behind it are claimed, and other lost runs are reaped."""
    bad, lost, good = (store.add_run(run_of()) for _ in range(3))
    claim(store, limit=2, lease=EXPIRED)
    with store._database.writing() as connection:
        spoil = sa.update(run_table).where(run_table.c.id == bad.id)
        connection.execute(spoil.values(policies={"retries": "many"}))
    store.reap()
    assert state_of(store, lost) is RunState.QUEUED
    with store._database.writing() as connection:
        connection.execute(spoil.values(state="queued", priority=9))
    assert {run.id for run in claim(store)} == {lost.id, good.id}


def test_a_run_that_waits_too_long_fails(store: SqlStore) -> None:
    """Only before its first attempt: one that is tried again has been served already."""
    job = add_job(store, spec_of(queue_timeout_seconds=1, retries=1, overlap="parallel"))
    ago = store.now() - timedelta(seconds=5)
    tried, stale = (store.add_run(run_of(job, not_before=ago)) for _ in range(2))
    fresh = store.add_run(run_of(job, not_before=store.now()))
    (held,) = claim(store, limit=1)
    assert held.id in {tried.id, stale.id}
    tried, stale = (tried, stale) if held.id == tried.id else (stale, tried)
    store.finish("w", tried.id, 1, state=RunState.FAILED, error=OOPS, retry_in_seconds=0)
    assert store.sweep_queue() == 1
    failed = store.get_run(DEFAULT_TEAM, stale.id)
    assert (failed.state, failed.reason) == (RunState.FAILED, Reason.QUEUE_TIMEOUT)
    assert failed.error is not None
    assert failed.ended_at is not None
    assert {state_of(store, run) for run in (tried, fresh)} == {RunState.QUEUED}
    assert store.sweep_queue() == 0


def test_a_newer_run_takes_the_place_of_those_that_wait(store: SqlStore) -> None:
    """Runs by schedule are skipped, a tried one is cancelled; runs by hand stay."""
    job = add_job(store, spec_of(retries=1))
    tried = store.add_run(run_of(job, kind="schedule"))
    claim(store)
    store.finish("w", tried.id, 1, state=RunState.FAILED, error=OOPS, retry_in_seconds=60)
    waiting = store.add_run(run_of(job, kind="schedule"))
    by_hand = store.add_run(run_of(job))
    with store.wake_up(limit=1) as wake:
        assert wake.supersede(job.id, running=False) == 2
    skipped, cancelled = (store.get_run(DEFAULT_TEAM, run.id) for run in (waiting, tried))
    assert (skipped.state, skipped.reason) == (RunState.SKIPPED, Reason.SUPERSEDED)
    span = (skipped.skipped_count, skipped.skipped_first, skipped.skipped_last)
    assert span == (1, waiting.logical_time, waiting.logical_time)
    assert (cancelled.state, cancelled.reason) == (RunState.CANCELLED, Reason.SUPERSEDED)
    assert state_of(store, by_hand) is RunState.QUEUED


@pytest.mark.parametrize("says", ["cancelled", "failed", "succeeded", "lost"])
def test_a_run_that_had_to_make_room_says_so(store: SqlStore, says) -> None:
    """Whatever its worker says in the end; but what succeeded meanwhile has succeeded."""
    job = add_job(store, spec_of(retries=3))
    run = store.add_run(run_of(job))
    claim(store, lease=EXPIRED if says == "lost" else 60)
    with store.wake_up(limit=1) as wake:
        assert wake.supersede(job.id, running=True) == 1
        assert wake.supersede(job.id, running=True) == 0
    assert store.news("w", [run.id], room=False).cancelled == (run.id,)
    if says == "lost":
        store.reap()
    elif says == "cancelled":
        ends = {"state": RunState.CANCELLED, "reason": Reason.CANCELLED_BY_USER}
        assert store.finish("w", run.id, 1, **ends)
        assert store.attempts(run.id)[0].reason is Reason.SUPERSEDED
    elif says == "failed":
        ends = {"state": RunState.FAILED, "reason": Reason.USER_ERROR, "retry_in_seconds": 0}
        assert store.finish("w", run.id, 1, **ends)
    else:
        assert store.finish("w", run.id, 1, state=RunState.SUCCEEDED)
    ended = store.get_run(DEFAULT_TEAM, run.id)
    expected = (RunState.CANCELLED, Reason.SUPERSEDED)
    assert (ended.state, ended.reason) == (
        (RunState.SUCCEEDED, None) if says == "succeeded" else expected
    )


def test_inv4_a_heartbeat_keeps_the_lease(store: SqlStore) -> None:
    """A lease that was renewed in time is not reaped; one that was not is missing in the answer."""
    runs = [store.add_run(run_of()) for _ in range(2)]
    claim(store, lease=EXPIRED)
    held = store.heartbeat("w", [(runs[0].id, 1)], lease_seconds=60)
    assert [lease.run_id for lease in held] == [runs[0].id]
    assert store.reap() == 1
    pairs = [(run.id, 1) for run in runs]
    assert [lease.run_id for lease in store.heartbeat("w", pairs, lease_seconds=60)] == [runs[0].id]


def test_a_failure_is_queued_again_while_the_worker_says_so(store: SqlStore) -> None:
    """The attempt ends, the run waits; the error stays to be seen until the next attempt."""
    run = store.add_run(run_of())
    claim(store)
    ends = {"state": RunState.FAILED, "reason": Reason.USER_ERROR, "error": OOPS}
    assert store.finish("w", run.id, 1, **ends, retry_in_seconds=0)
    waiting = store.get_run(DEFAULT_TEAM, run.id)
    assert (waiting.state, waiting.error, waiting.ended_at) == (RunState.QUEUED, OOPS, None)
    (again,) = claim(store)
    assert (again.attempt, again.error, again.reason) == (2, None, None)
    assert store.finish("w", run.id, 2, **ends)
    assert state_of(store, run) is RunState.FAILED
    assert [attempt.error for attempt in store.attempts(run.id)] == [OOPS, OOPS]


def test_a_cancelled_run_is_never_queued_again(store: SqlStore) -> None:
    """Neither by a retry nor by a lost worker."""
    runs = [store.add_run(run_of()) for _ in range(2)]
    claim(store, lease=EXPIRED)
    for run in runs:
        store.request_cancel(run.id, user="ada")
    store.finish("w", runs[0].id, 1, state=RunState.FAILED, error=OOPS, retry_in_seconds=0)
    store.reap()
    assert {state_of(store, run) for run in runs} == {RunState.CANCELLED}


def test_an_adhoc_run_belongs_to_its_process(store: SqlStore) -> None:
    """It starts as running, opening it twice is harmless, and nobody else executes it."""
    run = run_of(kind="adhoc")
    for _ in range(2):
        opened = store.open_adhoc(run, worker="w", lease_seconds=EXPIRED)
        assert (opened.id, opened.state, opened.attempt) == (run.id, RunState.RUNNING, 1)
    assert len(store.attempts(run.id)) == 1
    assert claim(store) == []
    assert store.reap() == 1
    lost = store.get_run(DEFAULT_TEAM, run.id)
    assert (lost.state, lost.reason) == (RunState.FAILED, Reason.WORKER_LOST)


def test_workers_are_seen_while_they_beat(store: SqlStore) -> None:
    """The latest word of each worker counts, at the database's time."""
    for busy in (0, 2):
        store.beat(
            WorkerInfo(
                name="w", host="h", pid=1, slots=2, busy=busy, last_seen=NOW.replace(year=1999)
            )
        )
    (seen,) = store.workers()
    assert (seen.name, seen.busy) == ("w", 2)
    assert store.now() - seen.last_seen < timedelta(seconds=60)


def test_inv2_a_wake_up_is_all_or_nothing(store: SqlStore) -> None:
    """A failure inside it leaves neither run nor advance; a second one claims the same trigger."""
    due = store.now() - timedelta(seconds=1)
    job = add_job(store, spec_of("daily", every(60, anchor=due)), due=due)

    def wake(fail: bool) -> None:
        with store.wake_up(limit=10) as wake:
            (found,) = wake.due
            assert (found.job, found.due, found.last_due) == (job, due, None)
            assert not wake.has_active_run(job.id)
            wake.insert([run_of(job, run_key="schedule:t:1")])
            wake.insert([run_of(job, run_key="schedule:t:1")])
            assert wake.has_active_run(job.id)
            wake.advance(job.id, "t", due + timedelta(hours=1), last_due=due)
            if fail:
                raise RuntimeError

    with pytest.raises(RuntimeError):
        wake(fail=True)
    assert store.list_runs(DEFAULT_TEAM).items == ()
    assert store.next_due() == due
    wake(fail=False)
    assert len(store.list_runs(DEFAULT_TEAM).items) == 1
    assert store.next_due() == due + timedelta(hours=1)
    with store.wake_up(limit=10) as empty:
        assert empty.due == ()


def test_a_wake_up_claims_the_earliest_first(store: SqlStore) -> None:
    """No more than asked, and neither paused nor broken jobs."""
    now = store.now()
    jobs = [
        add_job(store, spec_of("", every(60)), due=now - timedelta(seconds=ago))
        for ago in (1, 5, 3, 4)
    ]
    store.set_paused(jobs[3].id, paused=True, next_due={}, user="ada")
    with store.wake_up(limit=2) as wake:
        assert [found.job.id for found in wake.due] == [jobs[1].id, jobs[2].id]
        assert wake.now >= now
        wake.disable(jobs[1].id, "oops")
    with store.wake_up(limit=10) as wake:
        assert [found.job.id for found in wake.due] == [jobs[2].id, jobs[0].id]


def test_attempts_that_end_together_end_as_they_would_alone(store: SqlStore) -> None:
    """Succeeded, failed, tried again, stopped, lost to another worker, said twice: in one go."""
    for _ in range(5):
        store.add_run(run_of())
    done, failed, again, stopped, lost = claim(store, limit=5)
    store.request_cancel(stopped.id, user="ada")
    ends = [
        End(worker="w", run_id=done.id, attempt=1, state=RunState.SUCCEEDED),
        End(worker="w", run_id=done.id, attempt=1, state=RunState.SUCCEEDED),
        End(worker="w", run_id=done.id, attempt=1, state=RunState.FAILED),
        End(worker="w", run_id=failed.id, attempt=1, state=RunState.FAILED),
        End(worker="w", run_id=again.id, attempt=1, state=RunState.FAILED, retry_in_seconds=9),
        End(worker="w", run_id=again.id, attempt=1, state=RunState.SUCCEEDED),
        End(worker="w", run_id=stopped.id, attempt=1, state=RunState.FAILED, retry_in_seconds=9),
        End(worker="other", run_id=lost.id, attempt=1, state=RunState.SUCCEEDED),
        End(worker="w", run_id=lost.id, attempt=2, state=RunState.SUCCEEDED),
    ]
    answers = store.finish_all(ends)
    assert answers == (True, True, False, True, True, False, True, False, False)
    states = [store.get_run(DEFAULT_TEAM, run.id).state for run in (done, failed, again)]
    assert states == [RunState.SUCCEEDED, RunState.FAILED, RunState.QUEUED]
    assert store.get_run(DEFAULT_TEAM, stopped.id).state is RunState.CANCELLED
    assert store.get_run(DEFAULT_TEAM, stopped.id).reason is Reason.CANCELLED_BY_USER
    assert store.get_run(DEFAULT_TEAM, lost.id).state is RunState.RUNNING
    for run, state in ((done, "succeeded"), (failed, "failed"), (again, "failed")):
        (only,) = store.attempts(run.id)
        assert only.state == state
    assert store.finish_all([]) == ()

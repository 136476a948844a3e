"""The outbox: who is told what, and who takes it, in every store."""

from contextlib import closing
from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest
import sqlalchemy as sa
from store_kit import add_job, claim, run_of, spec_of

from jupyter_orch.domain.fingerprint import fingerprint
from jupyter_orch.domain.ids import BackfillId, new_id
from jupyter_orch.domain.model import Job, Notification, Run, RunError
from jupyter_orch.domain.states import Reason, RunState
from jupyter_orch.store.sql import SqlStore
from jupyter_orch.store.tables import job_version

OOPS = RunError(
    name="ValueError",
    message="no rows",
    cell_index=2,
    traceback="Cell In[3], line 2\n----> 2 check(rows)\n\nValueError: no rows",
)
ANN = "email:ann@example.com"
BOTH = (Notification(email=("ann@example.com",), channels=("ops",)),)


def job_that_tells(store: SqlStore, *wanted: Notification, **values) -> Job:
    """A job; without more words all is told to Ann and to the channel ops."""
    return add_job(store, spec_of(notifications=wanted or BOTH, overlap="parallel", **values))


def ended(store: SqlStore, job: Job, state: RunState, **values) -> Run:
    """A run of the job that was executed and ended so."""
    run = store.add_run(run_of(job, **values))
    (held,) = claim(store)
    assert held.id == run.id
    assert store.finish(
        "w", run.id, held.attempt, state=state, error=OOPS if state is RunState.FAILED else None
    )
    return run


def told(store: SqlStore, *, limit: int = 100, lease_seconds: float = 60) -> list[tuple[str, str]]:
    """Kind and target of all that may be sent now."""
    notices = store.claim_notices(limit=limit, lease_seconds=lease_seconds)
    return sorted((notice.kind, notice.target) for notice in notices)


def test_failed_then_recovered_is_told_once_to_each_target(store: SqlStore) -> None:
    """A job that goes on to succeed, or to fail, says so each time that it is news."""
    job = job_that_tells(store)
    ended(store, job, RunState.SUCCEEDED)
    assert told(store) == []
    run = ended(store, job, RunState.FAILED)
    first, _ = store.claim_notices(limit=10, lease_seconds=60)
    assert (first.kind, first.run_id, first.job_name) == ("failed", run.id, job.spec.name)
    assert first.facts["error"] == {
        "name": "ValueError",
        "message": "no rows",
        "cell_index": 2,
        "place": "Cell In[3], line 2: check(rows)",
    }
    assert first.facts["fingerprint"] == fingerprint(None, OOPS)
    assert datetime.fromisoformat(first.facts["logical_time"]) == run.logical_time
    ended(store, job, RunState.SUCCEEDED)
    assert told(store) == [("recovered", "channel:ops"), ("recovered", ANN)]
    ended(store, job, RunState.SUCCEEDED)
    assert told(store) == []


def test_each_hears_what_it_asked_for(store: SqlStore) -> None:
    """Kinds are chosen for each entry, and who is named twice hears once."""
    job = job_that_tells(
        store,
        Notification(on=("failed",), channels=("ops", "ops")),
        Notification(on=("failed",), channels=("ops",)),
        Notification(on=("recovered",), email=("ann@example.com",)),
    )
    ended(store, job, RunState.FAILED)
    ended(store, job, RunState.SUCCEEDED)
    assert told(store) == [("failed", "channel:ops"), ("recovered", ANN)]


def test_the_current_version_of_the_job_says_whom(store: SqlStore) -> None:
    """An edit counts for runs that exist; a deleted job tells nobody."""
    job = job_that_tells(store)
    first, second = (store.add_run(run_of(job)) for _ in range(2))
    claim(store)
    store.update_job(
        job.id,
        expected_version=1,
        spec=replace(job.spec, notifications=(Notification(channels=("night",)),)),
        notebook_sha256=None,
        next_due={},
        user="ada",
    )
    store.finish("w", first.id, 1, state=RunState.FAILED)
    assert told(store) == [("failed", "channel:night")]
    store.delete_job(job.id, user="ada")
    assert store.finish("w", second.id, 1, state=RunState.FAILED)
    assert told(store) == []


def test_cancelled_skipped_backfilled_and_adhoc_runs_tell_nobody(store: SqlStore) -> None:
    """A person knows already, or hears of the whole."""
    job = job_that_tells(store)
    cancelled = store.add_run(run_of(job))
    store.request_cancel(cancelled.id, user="ada")
    store.add_run(run_of(job, state=RunState.SKIPPED))
    ended(store, job, RunState.FAILED, kind="backfill", backfill_id=BackfillId(new_id()))
    adhoc = store.open_adhoc(run_of(job, kind="adhoc"), worker="w", lease_seconds=60)
    store.finish("w", adhoc.id, 1, state=RunState.FAILED)
    ended(store, job, RunState.SUCCEEDED)  # nothing that counts had failed
    assert told(store) == []


def test_the_run_that_ended_before_counts_not_the_one_made_before(store: SqlStore) -> None:
    """With runs side by side the last one to end says how the job stood."""
    job = job_that_tells(store)
    slow, quick = (store.add_run(run_of(job)) for _ in range(2))
    claim(store)
    store.finish("w", quick.id, 1, state=RunState.SUCCEEDED)
    store.finish("w", slow.id, 1, state=RunState.FAILED)
    told(store)
    ended(store, job, RunState.SUCCEEDED)
    assert [kind for kind, _ in told(store)] == ["recovered", "recovered"]


def test_a_run_that_failed_before_it_began_is_told(store: SqlStore) -> None:
    """A notebook that is gone fails its run in the wake-up; that is news, too."""
    job = job_that_tells(store)
    error = RunError(name="notebook_missing", message="It is gone.")
    gone = run_of(job, state=RunState.FAILED, reason=Reason.NOTEBOOK_MISSING, error=error)
    for _ in range(2):
        store.add_run(gone)
    notices = store.claim_notices(limit=10, lease_seconds=60)
    assert {notice.facts["reason"] for notice in notices} == {"notebook_missing"}
    assert len(notices) == 2


def test_a_lost_worker_is_told_when_no_attempt_is_left(store: SqlStore) -> None:
    """An attempt that is tried again is no news."""
    job = job_that_tells(store)
    store.add_run(run_of(job))
    for expected in (0, 2):
        claim(store, lease=-1)
        store.reap()
        assert len(told(store)) == expected


def test_late_runs_are_told_once(store: SqlStore) -> None:
    """Late is what has not begun by due and tolerance; what begins afterwards is forgotten."""
    job = job_that_tells(store, late_after_seconds=60)
    now = datetime.now(UTC)
    late = replace(run_of(job), logical_time=now - timedelta(seconds=61))
    early = replace(run_of(job), logical_time=now - timedelta(seconds=30))
    running = replace(late, id=run_of(job).id, run_key="manual:running")
    store.add_run(running)
    claim(store)
    store.add_run(late)
    store.add_run(early)
    assert store.note_late_runs() == 1
    notices = store.claim_notices(limit=10, lease_seconds=60)
    assert {(notice.kind, notice.run_id) for notice in notices} == {("late", late.id)}
    assert store.note_late_runs() == 0
    assert told(store) == []


def test_a_claim_takes_all_of_a_target_and_is_exclusive(store: SqlStore) -> None:
    """Many become one digest, and while it is sent nobody else sends it."""
    job = job_that_tells(store)
    for _ in range(3):
        ended(store, job, RunState.FAILED)
    first = store.claim_notices(limit=1, lease_seconds=60)
    assert len(first) == 3
    assert len({notice.target for notice in first}) == 1
    second = store.claim_notices(limit=1, lease_seconds=60)
    assert len(second) == 3
    assert {notice.target for notice in first}.isdisjoint({notice.target for notice in second})
    assert store.claim_notices(limit=1, lease_seconds=60) == ()


def test_inv7_a_lease_that_ran_out_frees_what_was_claimed(store: SqlStore) -> None:
    """Whoever died between claim and send is replaced; what was sent is forgotten."""
    ended(store, job_that_tells(store), RunState.FAILED)
    first = store.claim_notices(limit=10, lease_seconds=-1)
    again = store.claim_notices(limit=10, lease_seconds=-1)
    assert [notice.id for notice in again] == [notice.id for notice in first]
    assert {notice.tries for notice in again} == {2}
    store.notices_sent([notice.id for notice in again])
    assert told(store) == []


def test_what_failed_is_tried_later(store: SqlStore) -> None:
    """It waits as long as it was told to."""
    ended(store, job_that_tells(store), RunState.FAILED)
    ids = [notice.id for notice in store.claim_notices(limit=10, lease_seconds=-1)]
    store.notices_failed(ids[:1], error="refused", retry_in_seconds=3600)
    store.notices_failed(ids[1:], error="x" * 100_000, retry_in_seconds=0)
    assert [each.id for each in store.claim_notices(limit=10, lease_seconds=60)] == ids[1:]


def test_notices_outlive_the_process(store_url: str) -> None:
    """They are in the database from the moment that the run has ended."""
    with closing(SqlStore(store_url)) as store:
        ended(store, job_that_tells(store), RunState.FAILED)
    with closing(SqlStore(store_url)) as other:
        assert len(told(other)) == 2


@pytest.mark.parametrize("rubbish", [[{"on": ["moon"]}], "x", {"a": 1}, None, [None]])
def test_inv8_unreadable_notifications_keep_no_run_from_ending(store: SqlStore, rubbish) -> None:
    """What newer or broken code wrote is told to nobody, and hurts nobody."""
    job, sound = job_that_tells(store), job_that_tells(store)
    with store._database.writing() as connection:
        spec = connection.execute(
            sa.select(job_version.c.spec).where(job_version.c.job_id == job.id)
        ).scalar_one()
        connection.execute(
            sa.update(job_version)
            .where(job_version.c.job_id == job.id)
            .values(spec={**spec, "notifications": rubbish})
        )
    ended(store, job, RunState.FAILED)
    assert told(store) == []
    ended(store, sound, RunState.FAILED)
    assert len(told(store)) == 2

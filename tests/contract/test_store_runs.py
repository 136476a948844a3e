"""Runs as people see them, in every store."""

from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest
from store_kit import NOW, add_job, claim, note_change, run_of, spec_of, staged_of

from jupyter_orch.domain.errors import BadInput, NotFound, Refused
from jupyter_orch.domain.ids import DEFAULT_TEAM, JobId, RunId, TeamId, new_id
from jupyter_orch.domain.model import Job, RunError
from jupyter_orch.domain.states import Reason, RunState
from jupyter_orch.store.sql import SqlStore


def test_a_run_comes_back_as_it_was_stored(store: SqlStore) -> None:
    """Every field survives, to the microsecond."""
    job = add_job(store, spec_of("daily", retries=2))
    run = replace(
        run_of(job, parameters={"text": "'; DROP TABLE run; --\n\0", "n": 2**63}),
        logical_time=NOW + timedelta(microseconds=1),
        interval_start=NOW - timedelta(days=1),
        interval_end=NOW,
        kernel="python3",
        state=RunState.FAILED,
        reason=Reason.NOTEBOOK_MISSING,
        error=RunError(name="missing", message="It is gone.", cell_index=3, traceback="t" * 10_000),
        rerun_of=RunId(new_id()),
        skipped_count=2**40,
        skipped_first=NOW,
        skipped_last=NOW,
        ended_at=NOW,
    )
    assert store.add_run(run) == run
    assert store.get_run(DEFAULT_TEAM, run.id) == run


def test_inv1_the_same_run_key_is_one_run(store: SqlStore) -> None:
    """Whoever repeats a request gets the run of the first time, with a job and without."""
    job, other = add_job(store, spec_of()), add_job(store, spec_of())
    first = store.add_run(run_of(job, run_key="manual:1"))
    assert store.add_run(run_of(job, run_key="manual:1")) == first
    assert store.add_run(run_of(other, run_key="manual:1")).id != first.id
    adhoc = store.add_run(run_of(run_key="manual:1"))
    assert adhoc.id != first.id
    assert store.add_run(run_of(run_key="manual:1")) == adhoc
    assert len(store.list_runs(DEFAULT_TEAM).items) == 3


def test_runs_of_another_team_are_not_found(store: SqlStore) -> None:
    """An id alone opens nothing."""
    run = store.add_run(run_of())
    for team, run_id in ((TeamId("other"), run.id), (DEFAULT_TEAM, RunId("0" * 26))):
        with pytest.raises(NotFound):
            store.get_run(team, run_id)
    assert store.list_runs(TeamId("other")).items == ()
    with pytest.raises(NotFound):
        store.request_cancel(RunId("0" * 26), user="ada")


def test_lists_runs_newest_first_in_pages_with_ties(store: SqlStore) -> None:
    """Runs of one millisecond are neither lost nor doubled over pages, also while new ones come."""
    job = add_job(store, spec_of("Täglich"))
    stamp = new_id()[:20]
    runs = [replace(run_of(job), id=RunId(f"{stamp}{n:06}")) for n in range(25)]
    for run in runs:
        store.add_run(run)
    seen, cursor = [], None
    while True:
        page = store.list_runs(DEFAULT_TEAM, job_id=job.id, search="tÄg", cursor=cursor, limit=10)
        seen += [run.id for run in page.items]
        cursor = page.next_cursor
        if cursor is None:
            break
        store.add_run(replace(run_of(job), id=RunId(f"z{new_id()[1:]}")))
    assert seen == [run.id for run in reversed(runs)]


def test_lists_runs_by_state_and_job(store: SqlStore) -> None:
    """Filters combine; a wrong cursor is bad input."""
    job, other = add_job(store, spec_of("daily")), add_job(store, spec_of("weekly"))
    store.add_run(run_of(job))
    failed = store.add_run(run_of(job, state=RunState.FAILED))
    skipped = store.add_run(run_of(other, state=RunState.SKIPPED))

    def found(**values):
        return {run.id for run in store.list_runs(DEFAULT_TEAM, **values).items}

    assert found(states=[RunState.FAILED]) == {failed.id}
    assert found(states=[RunState.FAILED, RunState.SKIPPED]) == {failed.id, skipped.id}
    assert found(job_id=other.id, states=[RunState.FAILED]) == set()
    assert found(search="WEEK") == {skipped.id}
    assert found(search="100%") == set()
    with pytest.raises(BadInput):
        found(cursor="rubbish")


def test_durations_are_those_of_the_newest_successful_runs(store: SqlStore) -> None:
    """Of any kind; those of other jobs, failed ones and ones that never began tell nothing."""
    job, other = add_job(store, spec_of()), add_job(store, spec_of())

    def add(job: Job, seconds: float, **values: Any) -> None:
        began = {"started_at": NOW, "ended_at": NOW + timedelta(seconds=seconds)}
        store.add_run(run_of(job, **{"state": RunState.SUCCEEDED, **began, **values}))

    for seconds, kind in ((1, "schedule"), (2, "manual"), (3.5, "schedule"), (4, "backfill")):
        add(job, seconds, kind=kind)
    add(job, 100, state=RunState.FAILED)
    add(job, 100, started_at=None)
    add(other, 100)
    assert sorted(store.durations(job.id, limit=20)) == [1, 2, 3.5, 4]
    assert sorted(store.durations(job.id, limit=4)) == [2, 3.5, 4]  # the newest never began
    assert store.durations(JobId(new_id()), limit=20) == ()


def test_counts_what_has_not_ended(store: SqlStore) -> None:
    """Ended runs are never counted: there may be millions of them."""
    job = add_job(store, spec_of(overlap="parallel"))
    for _ in range(3):
        store.add_run(run_of(job))
    store.add_run(run_of(job, state=RunState.FAILED))
    claim(store, limit=1)
    expected = {RunState.QUEUED: 2, RunState.RUNNING: 1, RunState.PUBLISHING: 0}
    assert store.counts(DEFAULT_TEAM) == expected


def test_cancel_ends_a_queued_run_and_asks_for_a_running_one(store: SqlStore) -> None:
    """The holder of a running one hears it with its next heartbeat."""
    queued = store.add_run(run_of())
    ended = store.request_cancel(queued.id, user="ada")
    assert (ended.state, ended.reason) == (RunState.CANCELLED, Reason.CANCELLED_BY_USER)
    with pytest.raises(Refused):
        store.request_cancel(queued.id, user="ada")
    store.add_run(run_of())
    (running,) = claim(store)
    assert store.request_cancel(running.id, user="ada").cancel_requested
    (held,) = store.heartbeat("w", [(running.id, 1)], lease_seconds=60)
    assert held.cancel_requested
    assert store.begin_publishing("w", running.id, 1, [staged_of("a.b")])
    with pytest.raises(Refused):
        store.request_cancel(running.id, user="ada")


def test_changes_tell_what_moved_in_order(store: SqlStore) -> None:
    """Each change has a cursor; asking after the last one gives nothing."""
    assert store.last_change() == 0
    job = add_job(store, spec_of())
    run = store.add_run(run_of(job))
    note_change(store, "a.b")
    changes = store.changes(after=0)
    assert [(change.kind, change.key) for change in changes] == [
        ("job", job.id),
        ("run", run.id),
        ("table", "a.b"),
    ]
    assert store.last_change() == changes[-1].cursor
    assert store.changes(after=changes[0].cursor, limit=1) == changes[1:2]
    assert store.changes(after=store.last_change()) == ()


def test_old_changes_are_forgotten_and_cursors_go_on(
    store: SqlStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Pruning keeps the newest ones, and a cursor never comes back."""
    monkeypatch.setattr("jupyter_orch.store.changes.KEPT_CHANGES", 2)
    for number in range(5):
        note_change(store, f"a.t{number}")
    last = store.last_change()
    store.reap()
    assert [change.key for change in store.changes(after=0)] == ["a.t3", "a.t4"]
    note_change(store, "a.t5")
    assert store.last_change() == last + 1

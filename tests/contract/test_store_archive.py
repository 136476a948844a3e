"""What retention may remove, and what it never does, in every store."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest
import sqlalchemy as sa
from store_kit import (
    NOW,
    add_backfill,
    add_job,
    claim,
    every,
    run_of,
    spec_of,
    staged_of,
    version_of,
)

from jupyter_orch.domain.errors import NotFound
from jupyter_orch.domain.ids import DEFAULT_TEAM, RunId
from jupyter_orch.domain.model import Backfill, Job, Run
from jupyter_orch.domain.states import RunState
from jupyter_orch.store.sql import SqlStore
from jupyter_orch.store.tables import (
    attempt,
    backfill,
    job_version,
    publish_intent,
    published_version,
    query,
)

LONG_AFTER = datetime(2100, 1, 1, tzinfo=UTC)


def ended(store: SqlStore, job: Job | None, state: RunState = RunState.FAILED, **values) -> Run:
    """A run that ended at `at`, by default now."""
    at = values.pop("at", NOW)
    return store.add_run(replace(run_of(job, state=state, **values), ended_at=at))


def ends_last(store: SqlStore, job: Job) -> Run:
    """One more run, so that the others are not the one that the job shows."""
    run = store.add_run(run_of(job))
    claim(store)
    store.finish("w", run.id, 1, state=RunState.FAILED)
    return run


def expired(store: SqlStore, *, before: datetime = LONG_AFTER, limit: int = 100) -> list[RunId]:
    """What may go."""
    return [each.run_id for each in store.expired_runs(ended_before=before, limit=limit)]


def test_the_oldest_go_first(store: SqlStore) -> None:
    """Only what ended before the instant, a batch at a time."""
    days = [ended(store, None, at=NOW + timedelta(days=day)) for day in (3, 1, 2)]
    store.add_run(run_of())
    third, first, second = (run.id for run in days)
    assert expired(store, limit=2) == [first, second]
    assert expired(store, before=NOW + timedelta(days=3)) == [first, second]
    assert store.delete_runs([first, second]) == 2
    assert expired(store) == [third]


def test_a_run_goes_with_all_that_belongs_to_it(store: SqlStore) -> None:
    """Attempts, queries, intents and versions are no orphans."""
    store.add_run(run_of())
    (run,) = claim(store)
    store.record_query("w", run.id, 1, "q1")
    store.begin_publishing("w", run.id, 1, [staged_of("a.b")])
    store.finish("w", run.id, 1, state=RunState.SUCCEEDED, versions=[version_of("a.b", run)])
    before = store.last_change()
    assert store.delete_runs([run.id]) == 1
    with pytest.raises(NotFound):
        store.get_run(DEFAULT_TEAM, run.id)
    with store._database.reading() as connection:
        for table in (attempt, query, publish_intent, published_version):
            assert connection.execute(sa.select(sa.func.count()).select_from(table)).scalar() == 0
    assert [change.kind for change in store.changes(after=before)] == ["run"]


def test_removing_twice_is_harmless(store: SqlStore) -> None:
    """Two processes may do it at once; unknown runs are nothing."""
    run = ended(store, None)
    assert store.delete_runs([run.id, run.id]) == 1
    before = store.last_change()
    assert store.delete_runs([run.id]) == 0
    assert store.delete_runs([]) == 0
    assert store.last_change() == before


def test_a_run_that_has_not_ended_never_goes(store: SqlStore) -> None:
    """Not even by name."""
    queued = store.add_run(run_of())
    held = store.add_run(run_of())
    claim(store, limit=1)
    assert expired(store) == []
    assert store.delete_runs([queued.id, held.id]) == 0


def test_pinned_runs_stay_until_they_are_let_go(store: SqlStore) -> None:
    """A pin that comes between finding and removing counts, too."""
    run = ended(store, None)
    assert expired(store) == [run.id]
    before = store.last_change()
    assert store.set_pinned(run.id, pinned=True, user="ada").pinned
    assert store.set_pinned(run.id, pinned=True, user="ada").pinned
    assert len(store.changes(after=before)) == 1
    assert store.delete_runs([run.id]) == 0
    assert expired(store) == []
    assert not store.set_pinned(run.id, pinned=False, user="ada").pinned
    assert store.delete_runs([run.id]) == 1
    with pytest.raises(NotFound):
        store.set_pinned(run.id, pinned=True, user="ada")


def test_the_last_success_of_a_job_stays(store: SqlStore) -> None:
    """However old it is and whatever failed since; a deleted job keeps nothing."""
    job, other = add_job(store, spec_of()), add_job(store, spec_of())
    old = ended(store, job, RunState.SUCCEEDED)
    last = ended(store, job, RunState.SUCCEEDED, at=NOW + timedelta(hours=1))
    failed = ended(store, job, at=NOW + timedelta(hours=2))
    only = ended(store, other, RunState.SUCCEEDED, at=NOW + timedelta(hours=3))
    for each in (job, other):
        ends_last(store, each)
    assert expired(store) == [old.id, failed.id]
    assert store.delete_runs([old.id, last.id, failed.id, only.id]) == 2
    store.delete_job(other.id, user="ada")
    assert only.id in expired(store)


def test_the_run_of_a_job_that_ended_last_stays(store: SqlStore) -> None:
    """A job that stands still shows for ever how it ended; a deleted one shows nothing."""
    job = add_job(store, spec_of())
    runs = [ends_last(store, job) for _ in range(2)]
    assert expired(store) == [runs[0].id]
    assert store.delete_runs([run.id for run in runs]) == 1
    last = store.get_summary(job.id).last_run
    assert last is not None
    assert last.id == runs[1].id
    store.delete_job(job.id, user="ada")
    assert expired(store) == [runs[1].id]


def test_runs_that_a_backfill_looks_at_stay(store: SqlStore) -> None:
    """Its own and those in its range, until it has ended."""
    job, other = add_job(store, spec_of()), add_job(store, spec_of())
    row = {
        "id": "b" * 26,
        "team_id": DEFAULT_TEAM,
        "job_id": job.id,
        "job_name": job.spec.name,
        "job_version": 1,
        "trigger": {},
        "first": int((NOW - timedelta(days=2)).timestamp() * 1_000_000),
        "last": int(NOW.timestamp() * 1_000_000),
        "only": "missing",
        "newest_first": False,
        "concurrency": 1,
        "priority": 0,
        "parameters": {},
        "state": "running",
        "planned": 3,
        "created_by": "ada",
        "created_at": 0,
    }
    with store._database.writing() as connection:
        connection.execute(sa.insert(backfill).values(**row))
    inside = ended(store, job)
    own = ended(store, job, kind="backfill", backfill_id=row["id"])
    after = store.add_run(
        replace(
            run_of(job, state=RunState.FAILED),
            logical_time=NOW + timedelta(days=1),
            ended_at=NOW + timedelta(days=1),
        )
    )
    foreign = ended(store, other, at=NOW + timedelta(days=2))
    for each in (job, other):
        ends_last(store, each)
    assert expired(store) == [after.id, foreign.id]
    with store._database.writing() as connection:
        connection.execute(sa.update(backfill).values(state="succeeded"))
    assert set(expired(store)) == {inside.id, own.id, after.id, foreign.id}


def cancelled(store: SqlStore, job: Job, *states: RunState) -> tuple[Backfill, list[Run]]:
    """A backfill that a person ended, with runs that ended so."""
    found = add_backfill(store, job)
    runs = [ended(store, job, state, kind="backfill", backfill_id=found.id) for state in states]
    ends_last(store, job)
    store.cancel_backfill(found.id, user="ada")
    return store.get_backfill(DEFAULT_TEAM, found.id), runs


def test_a_backfill_counts_its_runs_after_they_are_gone(store: SqlStore) -> None:
    """Whichever of them go first, and however many at a time."""
    job = add_job(store, spec_of("", every(3600)))
    failed, stopped = RunState.FAILED, RunState.CANCELLED
    before, runs = cancelled(store, job, failed, failed, stopped)
    assert before.counts == {"failed": 2, "cancelled": 1}
    for going in (runs[:1], runs[1:]):
        assert store.delete_runs([run.id for run in going]) == len(going)
        assert store.get_backfill(DEFAULT_TEAM, before.id) == before
        assert list(store.list_backfills(DEFAULT_TEAM).items) == [before]


def test_an_ended_backfill_goes_after_its_runs(store: SqlStore) -> None:
    """Not before it is old, not while one of its runs is there, and never while it goes on."""
    job = add_job(store, spec_of("", every(3600)))
    running = add_backfill(store, job, first=NOW + timedelta(days=9), last=NOW + timedelta(days=10))
    old, (run,) = cancelled(store, job, RunState.FAILED)
    assert store.delete_backfills(ended_before=LONG_AFTER, limit=10) == 0
    store.delete_runs([run.id])
    assert old.ended_at is not None
    assert store.delete_backfills(ended_before=old.ended_at, limit=10) == 0
    assert store.delete_backfills(ended_before=LONG_AFTER, limit=10) == 1
    assert [each.id for each in store.list_backfills(DEFAULT_TEAM).items] == [running.id]


def saved(store: SqlStore, job: Job, **values) -> Job:
    """The next version of the job."""
    return store.update_job(
        job.id,
        expected_version=job.version,
        spec=replace(job.spec, **values),
        notebook_sha256=job.notebook_sha256,
        next_due={},
        user="ada",
    )


def versions(store: SqlStore, job: Job) -> list[int]:
    """Those that there are."""
    with store._database.reading() as connection:
        wanted = sa.select(job_version.c.version).where(job_version.c.job_id == job.id)
        return sorted(connection.execute(wanted).scalars())


def test_old_job_versions_go_when_nothing_names_them(store: SqlStore) -> None:
    """The current one stays, and so do those of runs and backfills until these are gone."""
    first = add_job(store, spec_of("", every(3600)))
    run = ended(store, first)
    second = saved(store, first, description="2")
    cancelled(store, second)
    third = saved(store, second, description="3")
    last = saved(store, third, description="4")
    long_before = datetime(2000, 1, 1, tzinfo=UTC)
    assert store.delete_versions(superseded_before=long_before, limit=10) == 0
    assert store.delete_versions(superseded_before=LONG_AFTER, limit=10) == 1
    assert versions(store, last) == [1, 2, 4]
    store.delete_runs([run.id])
    assert store.delete_versions(superseded_before=LONG_AFTER, limit=10) == 1
    assert versions(store, last) == [2, 4]
    assert store.get_job(DEFAULT_TEAM, last.id).spec.description == "4"


def test_a_few_versions_go_at_a_time(store: SqlStore) -> None:
    """As the batch says; each one is removed once."""
    job = add_job(store, spec_of())
    for number in range(5):
        job = saved(store, job, description=str(number))
    counts = [store.delete_versions(superseded_before=LONG_AFTER, limit=2) for _ in range(4)]
    assert counts == [2, 2, 1, 0]
    assert versions(store, job) == [6]


def test_notebooks_that_nobody_names_are_found(store: SqlStore) -> None:
    """Runs and job versions hold on to theirs."""
    of_run, of_job, of_nobody = ("1" * 64, "2" * 64, "3" * 64)
    add_job(store, spec_of(source="pinned"), notebook_sha256=of_job)
    run = store.add_run(replace(run_of(), notebook_sha256=of_run))
    assert store.unused_notebooks([of_run, of_job, of_nobody]) == {of_nobody}
    assert store.unused_notebooks([]) == frozenset()
    store.request_cancel(run.id, user="ada")
    store.delete_runs([run.id])
    assert store.unused_notebooks([of_run, of_job]) == {of_run}

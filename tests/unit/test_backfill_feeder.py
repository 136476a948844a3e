"""What the feeder makes of backfills: runs in order, within their room, in spite of others."""

from collections.abc import Iterator
from dataclasses import replace
from datetime import timedelta
from pathlib import Path

import pytest
import sqlalchemy as sa
from store_kit import NOW, add_backfill, add_job, claim, cron, every, run_of, spec_of

from jupyter_orch.domain.errors import BadInput, Unavailable
from jupyter_orch.domain.ids import DEFAULT_TEAM
from jupyter_orch.domain.model import Backfill, Job, Run
from jupyter_orch.domain.states import Reason, RunState
from jupyter_orch.scheduler.backfill import Feeder
from jupyter_orch.store.sql import SqlStore
from jupyter_orch.store.tables import backfill as backfill_table

HOUR = timedelta(hours=1)
SHA = "ab" * 32


@pytest.fixture
def store(tmp_path: Path) -> Iterator[SqlStore]:
    """An empty store."""
    opened = SqlStore(f"sqlite:///{tmp_path / 'state.db'}")
    yield opened
    opened.close()


@pytest.fixture
def feeder(store: SqlStore) -> Feeder:
    """A feeder for whom every notebook is there."""
    return Feeder(store, lambda _job: SHA)


def hourly(store: SqlStore, **values) -> Job:
    """A job that is due every hour."""
    return add_job(store, spec_of("", every(3600, anchor=NOW), overlap="parallel", **values))


def hours(store: SqlStore, job: Job, count: int, **values) -> Backfill:
    """A backfill of so many intervals."""
    last = NOW + (count - 1) * HOUR
    return add_backfill(store, job, first=NOW, last=last, planned=count, **values)


def runs(store: SqlStore, backfill: Backfill) -> list[Run]:
    """Its runs, in the order that they were made in."""
    found = store.list_runs(DEFAULT_TEAM, backfill_id=backfill.id, limit=500).items
    return list(reversed(found))


def now(store: SqlStore, backfill: Backfill) -> Backfill:
    """The backfill as it is."""
    return store.get_backfill(DEFAULT_TEAM, backfill.id)


def work(store: SqlStore, state: RunState = RunState.SUCCEEDED) -> int:
    """Takes all that waits and ends it so."""
    taken = claim(store, limit=100)
    for run in taken:
        assert store.finish("w", run.id, run.attempt, state=state)
    return len(taken)


def test_a_run_carries_its_interval_and_the_values_of_all_layers(store, feeder) -> None:
    """The backfill's values win over the trigger's, and those over the job's; it is never late."""
    trigger = cron("0 6 * * *", parameters={"b": "trigger", "c": "trigger"}, name="night")
    policies = {"retries": 2, "late_after_seconds": 5.0, "queue_timeout_seconds": 60.0}
    spec = spec_of("daily", trigger, parameters=dict.fromkeys("abc", "job"), **policies)
    job = add_job(store, spec)
    at = NOW.replace(hour=6)
    backfill = add_backfill(
        store, job, first=at, last=at, parameters={"c": "backfill"}, priority=-4
    )
    feeder.feed()
    (run,) = runs(store, backfill)
    assert (run.kind, run.state, run.trigger_id) == ("backfill", "queued", "night")
    assert run.run_key == f"backfill:{backfill.id}:night:2026-11-24T06:00:00Z"
    assert (run.interval_start, run.interval_end) == (at - timedelta(days=1), at)
    assert run.logical_time == at
    assert abs(run.not_before - store.now()) < timedelta(minutes=1)
    assert run.parameters == {"a": "job", "b": "trigger", "c": "backfill"}
    wanted = replace(job.spec.policies, priority=-4, late_after_seconds=None)
    assert (run.policies, run.notebook_sha256) == (wanted, SHA)
    assert (run.job_id, run.job_version, run.created_by) == (job.id, 1, backfill.created_by)


def test_each_run_renders_the_values_of_all_layers_by_its_own_interval(store) -> None:
    """By the schema of its notebook; a run that cannot have them has failed."""
    schema = {"properties": {"day": {"type": "string", "format": "date"}, "n": {"type": "integer"}}}
    asked = []

    def schema_of(sha256: str):
        asked.append(sha256)
        return schema

    trigger = cron("0 6 * * *", "Asia/Tokyo", parameters={"n": "{{ interval_end | %H }}"})
    job = add_job(store, spec_of("daily", trigger, parameters={"day": "{{ interval_start }}"}))
    last = NOW.replace(hour=21)
    span = {"first": last - timedelta(days=1), "last": last, "concurrency": 5}
    good = add_backfill(store, job, **span)
    bad = add_backfill(store, job, **span, only="all", parameters={"n": "{{ job }}"})
    Feeder(store, lambda _job: SHA, schema_of).feed()
    made = runs(store, good)
    assert [run.parameters for run in made] == [
        {"day": (run.interval_start + timedelta(hours=9)).date().isoformat(), "n": 6}
        for run in made
    ]
    assert len(made) == 2
    failed = runs(store, bad)
    assert {(run.state, run.reason) for run in failed} == {(RunState.FAILED, Reason.USER_ERROR)}
    assert failed[0].parameters["n"] == "{{ job }}"
    assert "parameters.n: The parameter n, once rendered, is 'daily'" in failed[0].error.message
    assert now(store, bad).state == "failed"
    assert set(asked) == {SHA}
    assert work(store) == 2


@pytest.mark.parametrize("newest_first", [False, True])
def test_runs_are_made_in_order_and_no_more_than_fit(store, feeder, newest_first) -> None:
    """As many at a time as it may have, until all of them succeeded."""
    backfill = hours(store, hourly(store), 7, concurrency=3, newest_first=newest_first)
    made = []
    for expected in (3, 3, 1):
        feeder.feed()
        feeder.feed()
        assert len(runs(store, backfill)) == len(made) + expected
        taken = claim(store)
        made += [run.logical_time for run in taken]
        assert len(taken) == expected
        for run in taken:
            assert store.finish("w", run.id, run.attempt, state=RunState.SUCCEEDED)
    feeder.feed()
    order = [NOW + n * HOUR for n in range(7)]
    assert made == (order[::-1] if newest_first else order)
    assert (now(store, backfill).state, now(store, backfill).counts) == (
        "succeeded",
        {"succeeded": 7},
    )


def test_the_plans_notebook_wins_over_the_one_of_today(store) -> None:
    """Frozen bytes are taken as they are; the file is not even looked at."""
    backfill = hours(store, hourly(store), 1, notebook_sha256="cd" * 32)

    def refuse(_job: Job) -> str:
        raise BadInput("There is no notebook.")

    Feeder(store, refuse).feed()
    (run,) = runs(store, backfill)
    assert run.notebook_sha256 == "cd" * 32


def test_what_got_its_result_meanwhile_is_not_run_again(store, feeder) -> None:
    """The interval is looked at when its turn comes, not only when it is planned."""
    job = hourly(store)
    backfill = hours(store, job, 3)
    feeder.feed()
    done = run_of(job, trigger_id="t", state=RunState.SUCCEEDED)
    store.add_run(replace(done, logical_time=NOW + HOUR))
    assert work(store) == 1
    feeder.feed()
    assert [run.logical_time for run in runs(store, backfill)] == [NOW, NOW + 2 * HOUR]


def test_a_paused_or_broken_job_is_filled_all_the_same(store, feeder) -> None:
    """Only the schedule is stopped."""
    job = hourly(store)
    store.set_paused(job.id, paused=True, next_due={}, user="ada")
    backfill = hours(store, job, 1)
    feeder.feed()
    assert len(runs(store, backfill)) == 1


def test_inv8_a_poisoned_backfill_fails_alone_with_its_reason(store) -> None:
    """A trigger that raises, a notebook that is missing, a row that nobody can read."""
    good, homeless = hourly(store), hourly(store, description="homeless")

    def freeze(job: Job) -> str:
        if job.id == homeless.id:
            raise BadInput("There is no notebook at /notebooks/a.ipynb.")
        return SHA

    first = hours(store, good, 2)
    raising = hours(store, good, 2, trigger=cron("0 6 * * *", "No/Such_Zone"))
    missing = hours(store, homeless, 2)
    unreadable = hours(store, good, 2)
    last = hours(store, good, 2)
    with store._database.writing() as connection:
        connection.execute(
            sa.update(backfill_table)
            .where(backfill_table.c.id == unreadable.id)
            .values(trigger={"kind": "moon"})
        )
    feeder = Feeder(store, freeze)
    for _ in range(3):
        feeder.feed()
        work(store)
    for backfill in (first, last):
        assert now(store, backfill).state == "succeeded"
    broken = now(store, raising)
    assert (broken.state, broken.counts) == ("failed", {})
    assert "No/Such_Zone" in (broken.error or "")
    assert now(store, missing).error == (
        "It cannot go on: There is no notebook at /notebooks/a.ipynb."
    )
    listed = store.list_backfills(DEFAULT_TEAM).items
    assert {each.id for each in listed} == {first.id, raising.id, missing.id, last.id}


def test_inv8_storage_that_is_away_postpones_that_backfill_alone(store) -> None:
    """It is tried again in each round, and the others go on meanwhile."""
    good, away = hourly(store), hourly(store)
    tries: list[Job] = []

    def freeze(job: Job) -> str:
        if job.id == away.id:
            tries.append(job)
            if len(tries) < 3:
                raise Unavailable("The disk is away.")
        return SHA

    late, fine = hours(store, away, 1), hours(store, good, 1)
    feeder = Feeder(store, freeze)
    feeder.feed()
    assert (len(runs(store, fine)), len(runs(store, late)), len(tries)) == (1, 0, 1)
    feeder.feed()
    feeder.feed()
    assert len(runs(store, late)) == 1


def test_a_deleted_job_has_no_more_runs(store, feeder) -> None:
    """A backfill whose job is gone is told so."""
    job = hourly(store)
    backfill = hours(store, job, 2)
    with store._database.writing() as connection:
        connection.execute(sa.text("DELETE FROM job"))
    feeder.feed()
    assert (now(store, backfill).state, now(store, backfill).error) == (
        "failed",
        "The job was deleted.",
    )


def test_inv8_a_database_that_is_away_costs_only_time(store, feeder, monkeypatch) -> None:
    """The chore says so; nobody's backfill fails for it."""
    backfill = hours(store, hourly(store), 1)

    def fail(*_values, **_more):
        raise Unavailable("away")

    with monkeypatch.context() as patch:
        patch.setattr("jupyter_orch.store.backfills.insert_run", fail)
        with pytest.raises(Unavailable):
            feeder.feed()
    feeder.feed()
    assert len(runs(store, backfill)) == 1


def test_a_round_ends_however_much_there_is_to_do(store, feeder, monkeypatch) -> None:
    """So that a stop waits for no longer; the next round goes on with those that waited."""
    monkeypatch.setattr("jupyter_orch.scheduler.backfill.MOST_STEPS", 2)
    job = hourly(store)
    made = [hours(store, job, 1, only="all") for _ in range(5)]
    for fed in (2, 4, 5):
        feeder.feed()
        assert sum(bool(runs(store, backfill)) for backfill in made) == fed


def test_a_backfill_holds_up_no_schedule(store, feeder) -> None:
    """A job that skips while it runs counts the runs of its schedule only."""
    job = add_job(store, spec_of("", every(3600, anchor=NOW), overlap="skip"), due=NOW)
    hours(store, job, 1)
    feeder.feed()
    claim(store)
    with store.wake_up(limit=10) as wake:
        assert not wake.has_active_run(job.id)
    store.add_run(run_of(job))
    with store.wake_up(limit=10) as wake:
        assert wake.has_active_run(job.id)

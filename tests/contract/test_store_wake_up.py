"""Bulk wake-ups, in every store: everything at once, and what is broken hurts only itself."""

from dataclasses import replace
from datetime import datetime, timedelta
from typing import Any

import pytest
import sqlalchemy as sa
from store_kit import add_job, every, run_of, spec_of

from jupyter_orch.domain.ids import DEFAULT_TEAM
from jupyter_orch.domain.model import Job, Run
from jupyter_orch.domain.states import RunState
from jupyter_orch.store.sql import SqlStore
from jupyter_orch.store.tables import job_version


def due_job(store: SqlStore, due: datetime, **values: Any) -> Job:
    """A job that is due."""
    return add_job(store, spec_of("", every(3600, anchor=due), **values), due=due)


def due_run(job: Job, due: datetime, **values: Any) -> Run:
    """The run of a due instant."""
    return run_of(job, kind="schedule", run_key=f"schedule:t:{due.isoformat()}", **values)


def make_unreadable(store: SqlStore, job: Job) -> None:
    """What newer code might have written."""
    with store._database.writing() as connection:
        connection.execute(
            sa.update(job_version)
            .where(job_version.c.job_id == job.id)
            .values(spec={"name": job.spec.name, "notebook": "/a", "source": "moon"})
        )


def fire(store: SqlStore, due: datetime, **values: Any) -> list[str]:
    """One wake-up that makes a run of each due trigger; answers the jobs that were due."""
    with store.wake_up(limit=500) as wake:
        for found in wake.due:
            wake.insert([due_run(found.job, due, **values)])
            wake.advance(
                found.job.id, found.trigger.id, due + timedelta(hours=1), last_due=found.due
            )
        return [found.job.id for found in wake.due]


def test_inv1_inv2_a_wake_up_writes_everything_at_its_end(store: SqlStore) -> None:
    """Runs, due instants and changes of many jobs come together, each run once."""
    due = store.now() - timedelta(seconds=1)
    jobs = [due_job(store, due) for _ in range(120)]
    done = store.add_run(due_run(jobs[0], due))
    start = store.last_change()
    assert sorted(fire(store, due)) == sorted(job.id for job in jobs)
    runs = store.list_runs(DEFAULT_TEAM, limit=500).items
    assert sorted(run.job_id or "" for run in runs) == sorted(job.id for job in jobs)
    assert done in runs
    assert store.next_due() == due + timedelta(hours=1)
    assert fire(store, due) == []
    told = [(change.kind, change.key) for change in store.changes(after=start)]
    assert sorted(key for kind, key in told if kind == "run") == sorted(
        run.id for run in runs if run != done
    )
    assert sorted(key for kind, key in told if kind == "job") == sorted(job.id for job in jobs)


def test_an_active_run_is_seen_whenever_it_was_made(store: SqlStore) -> None:
    """A run from before the wake-up counts, and one that the wake-up itself has asked for."""
    due = store.now() - timedelta(seconds=1)
    busy, idle, ended = (due_job(store, due) for _ in range(3))
    store.add_run(run_of(busy))
    store.add_run(run_of(ended, state=RunState.SUCCEEDED))
    with store.wake_up(limit=10) as wake:
        assert [wake.has_active_run(job.id) for job in (busy, idle, ended)] == [True, False, False]
        wake.insert([due_run(idle, due), due_run(ended, due, state=RunState.SKIPPED)])
        assert [wake.has_active_run(job.id) for job in (busy, idle, ended)] == [True, True, False]


@pytest.mark.parametrize("poison", [{"parameters": {"a": object()}}, {"run_key": "\ud800"}])
def test_inv8_a_run_that_cannot_be_stored_stops_its_job_alone(
    store: SqlStore, poison: dict[str, Any]
) -> None:
    """The others of the same wake-up fire; the one at fault says why, and is not due again."""
    due = store.now() - timedelta(seconds=1)
    good, bad, other = (due_job(store, due) for _ in range(3))
    with store.wake_up(limit=10) as wake:
        for job in (good, bad, other):
            new = due_run(job, due)
            wake.insert([replace(new, **poison) if job == bad else new])
            wake.advance(job.id, "t", due + timedelta(hours=1), last_due=due)
    rows = store.list_runs(DEFAULT_TEAM).items
    assert {row.job_id for row in rows} == {good.id, other.id}
    broken = store.get_summary(bad.id)
    assert broken.job.error is not None
    assert broken.job.error.startswith("Its runs cannot be stored: ")
    assert store.next_due() == due + timedelta(hours=1)


def test_inv8_a_job_that_this_code_cannot_read_is_left_alone(store: SqlStore) -> None:
    """Newer code will fire it: it stays due, costs the others nothing, and is listed as it is."""
    due = store.now() - timedelta(seconds=5)
    strange, good = due_job(store, due), due_job(store, due + timedelta(seconds=1))
    make_unreadable(store, strange)
    assert fire(store, due) == [good.id]
    assert store.next_due() == due + timedelta(hours=1)
    listed = {item.job.id: item.job for item in store.list_jobs(DEFAULT_TEAM).items}
    assert listed[good.id] == good
    assert listed[strange.id].spec.name == strange.spec.name
    assert listed[strange.id].error is not None
    with store._database.reading() as connection:
        left = connection.execute(
            sa.text("SELECT next_due FROM trigger WHERE job_id = :id"), {"id": strange.id}
        ).scalar_one()
    assert left == (due - datetime.fromtimestamp(0, due.tzinfo)) // timedelta(microseconds=1)


def test_inv8_a_job_that_was_mended_fires_again(store: SqlStore) -> None:
    """What this code could not read is only that version of the job."""
    due = store.now() - timedelta(seconds=5)
    strange = due_job(store, due)
    make_unreadable(store, strange)
    assert fire(store, due) == []
    with store._database.writing() as connection:
        connection.execute(sa.text("UPDATE job SET version = 2"))
        connection.execute(sa.text("UPDATE job_version SET version = 2"))
    with store._database.writing() as connection:
        spec = {
            "name": strange.spec.name,
            "notebook": "/a",
            "triggers": [{"id": "t", "kind": "once"}],
        }
        connection.execute(sa.update(job_version).values(spec=spec))
    assert fire(store, due) == [strange.id]

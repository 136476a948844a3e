"""What becomes of due instants when a trigger's times change, in every store."""

from dataclasses import replace
from datetime import timedelta

import pytest
from store_kit import NOW, add_job, cron, every, spec_of

from jupyter_orch.domain.ids import DEFAULT_TEAM
from jupyter_orch.domain.states import Reason
from jupyter_orch.store.sql import SqlStore

HOUR = timedelta(hours=1)
MOVES = {
    "cron": {"cron": "0 7 * * *"},
    "time zone": {"time_zone": "Europe/Berlin"},
    "start": {"start": NOW},
    "end": {"end": NOW + timedelta(days=3650)},
    "dates": {"exclude_dates": ("2026-12-25",)},
    "weekdays": {"exclude_weekdays": ("sat",)},
    "kind": {"kind": "calendar", "calendar_every": 1, "calendar_unit": "day", "anchor": NOW},
}
KEEPS = {
    "jitter": {"jitter_seconds": 60},
    "parameters": {"parameters": {"day": "2013-02-01"}},
}


def save(store: SqlStore, job, trigger, following):
    """The next version of a job of one trigger."""
    return store.update_job(
        job.id,
        expected_version=job.version,
        spec=replace(job.spec, triggers=(trigger,)),
        notebook_sha256=None,
        next_due={"t": following},
        user="bob",
    )


@pytest.mark.parametrize("what", MOVES)
def test_inv1_what_an_edit_passes_over_is_skipped_as_edited(store: SqlStore, what: str) -> None:
    """Whatever field moves the due instants: the old ones are one row that says so."""
    now = store.now()
    old, due, following = cron("0 * * * *"), now - HOUR, now + 2 * HOUR
    job = add_job(store, spec_of("daily", old), due=due)
    save(store, job, replace(old, **MOVES[what]), following)
    (row,) = store.list_runs(DEFAULT_TEAM).items
    assert (row.state, row.reason, row.skipped_first) == ("skipped", Reason.EDITED, due)
    assert store.next_due() == following


@pytest.mark.parametrize("what", KEEPS)
def test_an_edit_that_moves_nothing_keeps_the_due_instant(store: SqlStore, what: str) -> None:
    """What is overdue is caught up with by policy, as if nobody had edited."""
    trigger, due = cron("0 * * * *"), store.now() - HOUR
    job = add_job(store, spec_of("daily", trigger), due=due)
    save(store, job, replace(trigger, **KEEPS[what]), store.now() + HOUR)
    assert store.list_runs(DEFAULT_TEAM).items == ()
    assert store.next_due() == due


def test_an_edit_of_a_paused_job_says_that_it_was_paused(store: SqlStore) -> None:
    """The pause came first: it is why nobody fired."""
    now = store.now()
    job = add_job(store, spec_of("daily", every(3600, anchor=now)), due=now - HOUR)
    paused = store.set_paused(job.id, paused=True, next_due={}, user="ada")
    save(store, paused, every(60, anchor=now), now + HOUR)
    (row,) = store.list_runs(DEFAULT_TEAM).items
    assert (row.reason, row.skipped_count) == (Reason.PAUSED, 2)


def test_a_trigger_that_ended_while_paused_is_accounted_for(store: SqlStore) -> None:
    """Nothing is due any more, and what was is in the history."""
    end = store.now() - timedelta(minutes=30)
    trigger = every(3600, anchor=end - 3 * HOUR, end=end)
    job = add_job(store, spec_of("daily", trigger), due=end - 3 * HOUR)
    store.set_paused(job.id, paused=True, next_due={}, user="ada")
    store.set_paused(job.id, paused=False, next_due={"t": None}, user="ada")
    (row,) = store.list_runs(DEFAULT_TEAM).items
    assert (row.reason, row.skipped_count, row.skipped_last) == (Reason.PAUSED, 4, end)
    assert store.next_due() is None

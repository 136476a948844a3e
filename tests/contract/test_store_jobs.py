"""Jobs and their versions, in every store."""

from dataclasses import replace
from datetime import timedelta

import pytest
from store_kit import NOW, add_job, claim, cron, every, job_of, run_of, spec_of

from jupyter_orch.domain.errors import BadInput, NotFound, Refused, StaleWrite
from jupyter_orch.domain.ids import DEFAULT_TEAM, JobId, TeamId
from jupyter_orch.domain.model import Job
from jupyter_orch.domain.states import Reason, RunState
from jupyter_orch.store.sql import SqlStore

SOON = NOW + timedelta(days=3650)


def save(store: SqlStore, job: Job, spec, **values):
    """The next version of a job."""
    given = {"expected_version": job.version, "notebook_sha256": None, "next_due": {}, **values}
    return store.update_job(job.id, spec=spec, user="bob", **given)


def test_a_job_comes_back_as_it_was_stored(store: SqlStore) -> None:
    """Every field survives, also long and foreign text and nested values."""
    trigger = every(90, anchor=NOW, parameters={"day": "2013-02-01", "list": [1, None, "ß"]})
    spec = spec_of(
        "Ünïcode 🚀 " + "x" * 5000,
        trigger,
        cron("0 6 * * *", "Europe/Berlin", name="c"),
        parameters={"text": '"; import os\n\0', "nested": {"a": [1.5, True]}},
        retries=3,
        timeout_seconds=1.5,
        overlap="skip",
        description="d" * 100_000,
        kernel="python3",
        source="pinned",
    )
    job = job_of(spec, notebook_sha256="ab" * 32)
    assert store.add_job(job, next_due={"t": SOON, "c": None}) == job
    assert store.get_job(DEFAULT_TEAM, job.id) == job
    assert store.get_job(DEFAULT_TEAM, spec.name) == job
    assert store.get_summary(job.id).next_due == SOON


def test_a_name_is_unique_in_its_team(store: SqlStore) -> None:
    """The second job of a name is refused, and nothing of it is stored."""
    first = add_job(store, spec_of("daily"))
    with pytest.raises(Refused) as caught:
        store.add_job(job_of(spec_of("daily", every(5))), next_due={"t": SOON})
    assert caught.value.field == "name"
    assert store.next_due() is None
    other = replace(job_of(spec_of("daily")), team=TeamId("other"))
    assert store.add_job(other, next_due={}) == other
    second = add_job(store, spec_of("weekly"))
    with pytest.raises(Refused) as caught:
        save(store, second, spec_of("daily"))
    assert caught.value.field == "name"
    assert store.get_job(DEFAULT_TEAM, "weekly") == second
    assert store.get_job(DEFAULT_TEAM, "daily") == first


def test_a_stale_write_is_refused(store: SqlStore) -> None:
    """Of two people who edit the same version the second one is told, and nothing is lost."""
    job = add_job(store, spec_of("daily"))
    saved = save(store, job, replace(job.spec, description="first"))
    assert (saved.version, saved.spec.description) == (2, "first")
    with pytest.raises(StaleWrite):
        save(store, job, replace(job.spec, description="second"))
    assert store.get_job(DEFAULT_TEAM, job.id) == saved


def test_what_is_not_there_is_not_found(store: SqlStore) -> None:
    """Each way of asking for an unknown job says so."""
    add_job(store, spec_of("daily"))
    unknown = JobId("0" * 26)
    for ask in (
        lambda: store.get_job(DEFAULT_TEAM, "weekly"),
        lambda: store.get_job(TeamId("other"), "daily"),
        lambda: store.get_summary(unknown),
        lambda: store.delete_job(unknown, user="ada"),
        lambda: store.set_paused(unknown, paused=True, next_due={}, user="ada"),
        lambda: save(store, replace(job_of(spec_of()), id=unknown), spec_of()),
    ):
        with pytest.raises(NotFound):
            ask()


def test_an_edit_keeps_due_instants_of_unchanged_times(store: SqlStore) -> None:
    """Only triggers whose times changed, or which are new, take the new due instants."""
    kept, changed, gone = (
        cron("0 6 * * *", name="kept"),
        every(5, name="changed"),
        every(7, name="g"),
    )
    job = add_job(store, spec_of("daily", kept, changed, gone), due=SOON)
    edited = spec_of(
        "daily", replace(kept, parameters={"a": 1}), every(6, name="changed"), every(8, name="new")
    )
    dues = {name: SOON + timedelta(days=n) for n, name in enumerate(("new", "changed", "kept"), 1)}
    saved = save(store, job, edited, next_due=dues)
    assert store.get_summary(job.id).next_due == SOON
    resumed = {"kept": SOON + timedelta(days=9)}
    store.set_paused(job.id, paused=True, next_due={}, user="ada")
    store.set_paused(job.id, paused=False, next_due=resumed, user="ada")
    assert store.get_summary(saved.id).next_due == dues["new"]


def test_inv1_due_instants_that_an_edit_passes_over_leave_a_skipped_row(store: SqlStore) -> None:
    """What was due under the old times and never fired is in the history."""
    now = store.now()
    job = add_job(store, spec_of("daily", every(60, anchor=now)), due=now - timedelta(seconds=300))
    save(store, job, spec_of("daily"))
    (row,) = store.list_runs(DEFAULT_TEAM).items
    assert (row.state, row.reason, row.skipped_count) == (RunState.SKIPPED, Reason.EDITED, 6)
    assert (row.skipped_first, row.skipped_last) == (now - timedelta(seconds=300), now)


def test_a_save_mends_a_broken_job(store: SqlStore) -> None:
    """The error goes away, and the trigger is due again."""
    due = store.now() - timedelta(seconds=5)
    job = add_job(store, spec_of("daily", every(60, anchor=due)), due=due)
    with store.wake_up(limit=10) as wake:
        wake.disable(job.id, "it raised")
    broken = store.get_summary(job.id)
    assert (broken.job.error, broken.next_due) == ("it raised", None)
    assert store.next_due() is None
    saved = save(store, broken.job, broken.job.spec)
    assert saved.error is None
    assert store.next_due() == due


def test_pausing_stops_the_triggers_and_resuming_accounts_for_the_time(store: SqlStore) -> None:
    """Instants that passed meanwhile are one skipped row; saying it twice is fine."""
    now = store.now()
    due = now - timedelta(seconds=90)
    job = add_job(store, spec_of("daily", every(60, anchor=due)), due=due)
    for _ in range(2):
        assert store.set_paused(job.id, paused=True, next_due={}, user="ada").paused
    assert store.next_due() is None
    assert store.get_summary(job.id).next_due is None
    following = due + timedelta(seconds=120)
    for _ in range(2):
        resumed = store.set_paused(job.id, paused=False, next_due={"t": following}, user="ada")
        assert not resumed.paused
    assert store.next_due() == following
    (row,) = store.list_runs(DEFAULT_TEAM).items
    assert (row.reason, row.skipped_count) == (Reason.PAUSED, 2)
    assert resumed.version == job.version


def test_only_the_version_that_was_seen_is_deleted(store: SqlStore) -> None:
    """Who deletes does not take away what somebody else has just changed."""
    job = add_job(store, spec_of("daily", every(5)), due=SOON)
    saved = save(store, job, spec_of("daily", every(6)))
    with pytest.raises(StaleWrite):
        store.delete_job(job.id, user="ada", expected_version=job.version)
    assert store.get_job(DEFAULT_TEAM, "daily") == saved
    store.delete_job(job.id, user="ada", expected_version=saved.version)
    with pytest.raises(NotFound):
        store.get_job(DEFAULT_TEAM, "daily")


def test_deleting_cancels_what_waits_and_keeps_history(store: SqlStore) -> None:
    """The job is gone, its name is free, queued runs end, ended ones stay to be read."""
    job = add_job(store, spec_of("daily", every(5)), due=SOON)
    run = store.add_run(run_of(job))
    store.delete_job(job.id, user="ada")
    with pytest.raises(NotFound):
        store.get_job(DEFAULT_TEAM, "daily")
    cancelled = store.get_run(DEFAULT_TEAM, run.id)
    assert (cancelled.state, cancelled.reason) == (RunState.CANCELLED, Reason.CANCELLED_BY_USER)
    assert cancelled.ended_at is not None
    assert store.next_due() is None
    assert add_job(store, spec_of("daily")).id != job.id


def test_lists_jobs_by_name_in_pages(store: SqlStore) -> None:
    """Names sort and match without case; pages neither lose nor repeat a job."""
    names = ["beta", "Alpha", "ÄRGER", "alpha", "100%", "a_b", "axb", "gamma"]
    for name in names:
        add_job(store, spec_of(name, notebook="/n/g.ipynb" if name == "gamma" else "/n/a.ipynb"))
    seen, cursor = [], None
    while True:
        page = store.list_jobs(DEFAULT_TEAM, cursor=cursor, limit=3)
        seen += [item.job.spec.name for item in page.items]
        cursor = page.next_cursor
        if cursor is None:
            break
    assert sorted(seen, key=str.casefold) == sorted(names, key=str.casefold)
    assert [name.casefold() for name in seen] == sorted(name.casefold() for name in names)

    def found(**values):
        return [item.job.spec.name for item in store.list_jobs(DEFAULT_TEAM, **values).items]

    assert found(search="ärg") == ["ÄRGER"]
    assert found(search="%") == ["100%"]
    assert found(search="a_b") == ["a_b"]
    assert found(notebook="/n/g.ipynb") == ["gamma"]
    assert store.list_jobs(TeamId("other")).items == ()


def test_inv9_a_cursor_that_nobody_gave_is_refused(store: SqlStore) -> None:
    """Rubbish in a cursor is bad input, not an error of the database."""
    for cursor in ("x", "!!", "W10", "WzFd", "bnVsbA", "é"):
        with pytest.raises(BadInput) as caught:
            store.list_jobs(DEFAULT_TEAM, cursor=cursor)
        assert caught.value.field == "cursor"


def test_inv9_text_that_is_not_unicode_is_refused(store: SqlStore) -> None:
    """Half a surrogate pair is bad input."""
    with pytest.raises(BadInput):
        add_job(store, spec_of("\ud800"))
    assert store.list_jobs(DEFAULT_TEAM).items == ()


def test_a_summary_tells_last_and_active_run(store: SqlStore) -> None:
    """A skipped row is no run; the active one is that which goes on, else the first that waits."""
    job = add_job(store, spec_of("daily", overlap="parallel"))
    assert (store.get_summary(job.id).last_run, store.get_summary(job.id).active_run) == (
        None,
        None,
    )
    first = store.add_run(run_of(job))
    second = store.add_run(replace(run_of(job), id=first.id[:-1] + "~"))
    store.add_run(replace(run_of(job), id="z" * 26, state=RunState.SKIPPED))
    summary = store.get_summary(job.id)
    assert (summary.last_run, summary.active_run) == (None, first)
    store.request_cancel(first.id, user="ada")
    summary = store.get_summary(job.id)
    assert summary.last_run.id == first.id
    assert summary.active_run == second


def test_lists_failing_and_running_jobs(store: SqlStore) -> None:
    """The run that ended last decides, whatever goes on meanwhile; skipped rows do not count."""

    def names(state: str) -> list[str]:
        return [item.job.spec.name for item in store.list_jobs(DEFAULT_TEAM, state=state).items]

    jobs = {name: add_job(store, spec_of(name)) for name in ("bad", "good", "idle")}
    for name, end in (("bad", RunState.FAILED), ("good", RunState.SUCCEEDED)):
        store.add_run(run_of(jobs[name]))
        (held,) = claim(store)
        assert store.finish("w", held.id, held.attempt, state=end)
    assert (names("failing"), names("running"), store.failing(DEFAULT_TEAM)) == (["bad"], [], 1)
    first, second = (store.add_run(run_of(jobs["bad"])) for _ in range(2))
    assert (names("failing"), names("running")) == (["bad"], ["bad"])
    (held,) = claim(store)
    summary = store.get_summary(jobs["bad"].id)
    assert held.id == first.id == summary.active_run.id
    assert summary.last_run.state is RunState.FAILED
    assert store.finish("w", held.id, held.attempt, state=RunState.SUCCEEDED)
    summary = store.get_summary(jobs["bad"].id)
    assert (summary.last_run.id, summary.active_run.id) == (first.id, second.id)
    assert (names("failing"), store.failing(DEFAULT_TEAM)) == ([], 0)
    store.add_run(replace(run_of(jobs["bad"]), state=RunState.FAILED))
    assert names("failing") == ["bad"]
    assert store.list_jobs(TeamId("other"), state="failing").items == ()

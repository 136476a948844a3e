"""Equal failures, on each store."""

import itertools
import json
from datetime import UTC, datetime, timedelta

import pytest
import sqlalchemy as sa
from store_kit import NOW, add_job, claim, run_of, spec_of

from jupyter_orch.domain.errors import BadInput
from jupyter_orch.domain.failures import MOST_NAMED
from jupyter_orch.domain.fingerprint import fingerprint
from jupyter_orch.domain.ids import DEFAULT_TEAM, TeamId
from jupyter_orch.domain.model import Job, Run, RunError
from jupyter_orch.domain.states import Reason, RunState
from jupyter_orch.store.ends import End
from jupyter_orch.store.sql import SqlStore
from jupyter_orch.store.tables import attempt, run

EVER = datetime(2000, 1, 1, tzinfo=UTC)


def oops(key: str = "JFK", **values) -> RunError:
    """An error in a cell."""
    given = {"name": "KeyError", "message": repr(key), "cell_index": 6, "traceback": "…"}
    return RunError(**{**given, "cell_source": "frame.loc[origin]", **values})


def end(
    store: SqlStore, job: Job | None, error: RunError | None, state: RunState = RunState.FAILED
) -> Run:
    """A run of the job that ended so."""
    new = store.add_run(run_of(job))
    (held,) = [each for each in claim(store) if each.id == new.id]
    reason = Reason.USER_ERROR if error else None
    assert store.finish("w", new.id, held.attempt, state=state, reason=reason, error=error)
    return store.get_run(DEFAULT_TEAM, new.id)


def test_an_error_comes_back_with_the_cells_source(store: SqlStore) -> None:
    """Of the run, in lists, and of its attempt."""
    failed = end(store, add_job(store, spec_of()), oops())
    assert failed.error == oops()
    assert store.list_runs(DEFAULT_TEAM).items == (failed,)
    (tried,) = store.attempts(failed.id)
    assert tried.error == oops()


def test_earlier_code_reads_what_this_one_stores(store: SqlStore) -> None:
    """It makes an error of all that the column holds, and refuses a field that it does not know."""
    end(store, None, oops())
    with store._database.reading() as connection:
        stored = [
            dict(value)
            for table in (run, attempt)
            for value in connection.execute(sa.select(table.c.error)).scalars()
        ]
    assert len(stored) == 2
    for each in stored:
        assert set(each) == {"name", "message", "cell_index", "traceback"}


def test_what_earlier_and_later_code_stored_is_read(store: SqlStore) -> None:
    """Without a source and a fingerprint there is no history; an unknown field is left out."""
    failed = end(store, add_job(store, spec_of()), oops())
    later = json.loads(json.dumps({"name": "E", "message": "m", "cell_index": None, "new": 1}))
    with store._database.writing() as connection:
        connection.execute(
            sa.update(run)
            .where(run.c.id == failed.id)
            .values(error=later, cell_source=None, fingerprint=None)
        )
    assert store.get_run(DEFAULT_TEAM, failed.id).error == RunError(name="E", message="m")
    assert store.failure_history(DEFAULT_TEAM, failed.id) is None


def test_a_run_that_is_tried_again_is_no_failure_yet(store: SqlStore) -> None:
    """Only its attempt failed; the run may still succeed, also by the hand of earlier code."""
    new = store.add_run(run_of(add_job(store, spec_of())))
    claim(store)
    told = {"state": RunState.FAILED, "reason": Reason.USER_ERROR, "error": oops()}
    assert store.finish("w", new.id, 1, retry_in_seconds=0, **told)
    with store._database.reading() as connection:
        of_run, of_attempt = (
            connection.execute(sa.select(table.c.fingerprint)).scalar_one()
            for table in (run, attempt)
        )
    assert (of_run, of_attempt) == (None, fingerprint(Reason.USER_ERROR, oops()))
    claim(store)
    assert store.finish("w", new.id, 2, state=RunState.SUCCEEDED)
    assert store.failures(DEFAULT_TEAM, since=EVER).items == ()


def test_a_job_knows_how_often_it_failed_so(store: SqlStore) -> None:
    """Equal failures since the first, the share of its last runs, the last success before."""
    job = add_job(store, spec_of())
    end(store, add_job(store, spec_of()), oops())  # another job's
    first = end(store, job, oops("LGA"))
    end(store, job, oops(name="IndexError"))
    good = end(store, job, None, RunState.SUCCEEDED)
    last = end(store, job, oops("EWR"))
    end(store, job, None, RunState.SUCCEEDED)
    history = store.failure_history(DEFAULT_TEAM, last.id)
    assert history is not None
    assert history.fingerprint == fingerprint(Reason.USER_ERROR, oops())
    assert (history.count, history.first_at) == (2, first.ended_at)
    assert (history.recent_same, history.recent) == (2, 5)
    assert history.last_success is not None
    assert (history.last_success.run_id, history.last_success.ended_at) == (good.id, good.ended_at)
    beginning = store.failure_history(DEFAULT_TEAM, first.id)
    assert beginning is not None
    assert beginning.last_success is None


def test_who_has_no_history(store: SqlStore) -> None:
    """A run of no job, one that went well, another team's."""
    adhoc = end(store, None, oops())
    job = add_job(store, spec_of())
    good, bad = end(store, job, None, RunState.SUCCEEDED), end(store, job, oops())
    for team, each in ((DEFAULT_TEAM, adhoc), (DEFAULT_TEAM, good), (TeamId("other"), bad)):
        assert store.failure_history(team, each.id) is None


def test_runs_are_found_by_how_they_failed(store: SqlStore) -> None:
    """Of a team or of one job, in pages, newest first."""
    one, other = add_job(store, spec_of()), add_job(store, spec_of())
    failed = [end(store, job, oops(str(n))) for n, job in enumerate((one, other, one, one))]
    end(store, one, oops(name="IndexError"))
    wanted = fingerprint(Reason.USER_ERROR, oops())

    def pages(**filters) -> list[Run]:
        found, cursor = list[Run](), None
        while True:
            page = store.list_runs(
                DEFAULT_TEAM, fingerprint=wanted, cursor=cursor, limit=2, **filters
            )
            found += page.items
            cursor = page.next_cursor
            if cursor is None:
                return found

    assert pages() == failed[::-1]
    assert pages(job_id=one.id) == [failed[3], failed[2], failed[0]]
    assert store.list_runs(TeamId("other"), fingerprint=wanted).items == ()
    assert store.list_runs(DEFAULT_TEAM, fingerprint="unknown").items == ()


def test_equal_failures_are_listed_as_one(store: SqlStore) -> None:
    """The latest first, with the words of the last one, and the jobs that are concerned."""
    jobs = [add_job(store, spec_of(f"job {n}")) for n in range(MOST_NAMED + 2)]
    first = end(store, jobs[0], oops("A"))
    for job in jobs[1:]:
        last = end(store, job, oops("Z", cell_index=7))
    other = end(store, jobs[0], oops(name="IndexError"))
    newest, older = store.failures(DEFAULT_TEAM, since=EVER).items
    assert (newest.name, newest.count, newest.jobs) == ("IndexError", 1, ("job 0",))
    assert (newest.last_run_id, newest.first_at, newest.last_at) == (
        other.id,
        other.ended_at,
        other.ended_at,
    )
    assert (older.name, older.message, older.cell_index) == ("KeyError", "'Z'", 7)
    assert older.reason is Reason.USER_ERROR
    assert (older.count, older.job_count) == (len(jobs), len(jobs))
    assert set(older.jobs) < {job.spec.name for job in jobs}
    assert len(older.jobs) == MOST_NAMED
    assert (older.first_at, older.last_at) == (first.ended_at, last.ended_at)
    assert (older.last_run_id, older.last_job_id) == (last.id, jobs[-1].id)
    assert store.failures(TeamId("other"), since=EVER).items == ()


def test_failures_come_in_pages_and_since_a_time(store: SqlStore) -> None:
    """Each once, and none that ended before."""
    failed = [end(store, None, oops(name=f"Error{chr(65 + n)}")) for n in range(5)]
    names, cursor = list[str](), None
    for page in itertools.count():
        listed = store.failures(DEFAULT_TEAM, since=EVER, cursor=cursor, limit=2)
        names += [each.name for each in listed.items]
        cursor = listed.next_cursor
        if cursor is None:
            assert page == 2
            break
    assert names == [each.error.name for each in failed[::-1] if each.error]
    since = failed[3].ended_at
    assert since is not None
    listed = store.failures(DEFAULT_TEAM, since=since)
    assert [each.last_run_id for each in listed.items] == [failed[4].id, failed[3].id]
    later = store.failures(DEFAULT_TEAM, since=since + timedelta(days=1))
    assert later.items == ()


@pytest.mark.parametrize(
    "cursor", ["", "x", "WyIxIl0", "WyJ4IiwgImEiXQ", "WyI5OTk5OTk5OTk5OTk5OTk5OTk5OTkiLCAiYSJd"]
)
def test_a_cursor_of_another_listing_is_refused(store: SqlStore, cursor: str) -> None:
    """With one sentence."""
    with pytest.raises(BadInput, match="The cursor is not one that a listing gave") as refused:
        store.failures(DEFAULT_TEAM, since=EVER, cursor=cursor)
    assert refused.value.field == "cursor"


def test_failures_are_counted_by_whoever_ends_the_run(store: SqlStore) -> None:
    """A worker that was lost, a queue that was too long, a run that could not begin."""
    job = add_job(store, spec_of("late", queue_timeout_seconds=60))
    waiting = store.add_run(run_of(job))
    with store._database.writing() as connection:
        connection.execute(sa.update(run).values(queue_until=1))
    assert store.sweep_queue() == 1
    lost = store.add_run(run_of(None, kind="adhoc"))
    claim(store)
    with store._database.writing() as connection:
        connection.execute(sa.update(run).where(run.c.id == lost.id).values(lease_until=1))
    assert store.reap() == 1
    broken = run_of(
        job, state=RunState.FAILED, reason=Reason.PLATFORM_ERROR, error=oops(), ended_at=NOW
    )
    store.add_run(broken)
    groups = {each.last_run_id: each for each in store.failures(DEFAULT_TEAM, since=EVER).items}
    assert set(groups) == {waiting.id, lost.id, broken.id}
    assert {each.count for each in groups.values()} == {1}
    assert groups[lost.id].jobs == ()
    assert groups[lost.id].last_job_id is None


def test_a_failure_is_counted_once_however_often_it_is_told(store: SqlStore) -> None:
    """The holder may repeat its word."""
    new = store.add_run(run_of(add_job(store, spec_of())))
    claim(store)
    told = {"state": RunState.FAILED, "reason": Reason.USER_ERROR, "error": oops()}
    for _ in range(3):
        assert store.finish("w", new.id, 1, **told)
    (group,) = store.failures(DEFAULT_TEAM, since=EVER).items
    assert group.count == 1


def test_runs_that_end_together_are_all_counted(store: SqlStore) -> None:
    """Several jobs and ways to fail in one transaction."""
    one, other = (add_job(store, spec_of(overlap="parallel")) for _ in range(2))
    owners = (one, one, other, None, None)
    new = [store.add_run(run_of(each)) for each in owners]
    numbers = {each.id: each.attempt for each in claim(store, limit=len(new))}
    ends = [
        End(
            worker="w",
            run_id=each.id,
            attempt=numbers[each.id],
            state=RunState.FAILED,
            reason=Reason.USER_ERROR,
            error=oops(name="KeyError" if owner else "IndexError"),
        )
        for each, owner in zip(new, owners, strict=True)
    ]
    assert store.finish_all(ends) == (True,) * 5
    groups = {each.name: each for each in store.failures(DEFAULT_TEAM, since=EVER).items}
    assert (groups["KeyError"].count, groups["KeyError"].job_count) == (3, 2)
    assert (groups["IndexError"].count, groups["IndexError"].job_count) == (2, 0)
    history = store.failure_history(DEFAULT_TEAM, new[0].id)
    assert history is not None
    assert history.count == 2


def test_a_failure_is_known_as_long_as_a_run_of_it_is_kept(store: SqlStore) -> None:
    """Its count goes on; when the last run of it is removed it is forgotten."""
    job = add_job(store, spec_of())
    first, second, third = (end(store, job, oops(str(n))) for n in range(3))
    adhoc = end(store, None, oops(name="IndexError"))
    end(store, job, None, RunState.SUCCEEDED)  # so that none of them is the job's last end
    store.set_pinned(second.id, pinned=True, user="ada")
    assert store.delete_runs([first.id, third.id, adhoc.id]) == 3
    (group,) = store.failures(DEFAULT_TEAM, since=EVER).items
    assert (group.count, group.first_at, group.last_at) == (3, first.ended_at, third.ended_at)
    assert (group.last_run_id, group.message) == (second.id, "'1'")
    store.set_pinned(second.id, pinned=False, user="ada")
    assert store.delete_runs([second.id]) == 1
    assert store.failures(DEFAULT_TEAM, since=EVER).items == ()

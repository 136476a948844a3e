"""Backfills, in every store: kept, gone on with in turn, ended and cancelled."""

from datetime import datetime, timedelta

import pytest
from store_kit import (
    NOW,
    add_backfill,
    add_job,
    backfill_of,
    claim,
    every,
    job_of,
    later,
    run_of,
    spec_of,
)

from jupyter_orch.domain.errors import BadInput, NotFound, Refused
from jupyter_orch.domain.ids import DEFAULT_TEAM, BackfillId, TeamId
from jupyter_orch.domain.model import Backfill, Job
from jupyter_orch.domain.states import RunState
from jupyter_orch.store.sql import SqlStore

HOUR = timedelta(hours=1)


@pytest.fixture
def job(store: SqlStore) -> Job:
    """A job that is due every hour and whose runs may go on at the same time."""
    return add_job(store, spec_of("", every(3600, anchor=NOW), overlap="parallel"))


def run_at(job: Job, backfill: Backfill | None, at: datetime, **values):
    """A run of one interval."""
    return run_of(
        job,
        kind="backfill" if backfill else "schedule",
        run_key=f"{backfill.id if backfill else 'schedule'}:{at.isoformat()}",
        backfill_id=backfill.id if backfill else None,
        trigger_id="t",
        **values,
    )


def make(store: SqlStore, job: Job, *instants: datetime, exhausted: bool = False) -> Backfill:
    """Goes on with whichever backfill is next: a run for each instant; answers which one it was."""
    with store.feed_backfill() as feed:
        assert feed is not None
        feed.insert([later(run_at(job, feed.backfill, at), logical_time=at) for at in instants])
        feed.advance(instants[-1] if instants else NOW, exhausted=exhausted)
        return feed.backfill


def end(store: SqlStore, state: RunState, *, limit: int = 1) -> int:
    """A worker takes runs and ends them so."""
    taken = claim(store, limit=limit)
    for run in taken:
        assert store.finish("w", run.id, run.attempt, state=state)
    return len(taken)


def is_fed(store: SqlStore) -> bool:
    """Whether there is anything to go on with."""
    with store.feed_backfill() as feed:
        return feed is not None


def test_a_backfill_comes_back_as_it_was_stored(store: SqlStore, job: Job) -> None:
    """Every field survives, and the same id is stored once."""
    wanted = backfill_of(
        job,
        only="all",
        newest_first=True,
        concurrency=7,
        priority=-3,
        parameters={"day": "2026-01-01", "deep": [1, {"a": None}]},
        notebook_sha256="ab" * 32,
    )
    assert store.add_backfill(wanted) == wanted
    assert store.add_backfill(later(wanted, concurrency=1)) == wanted
    assert store.get_backfill(DEFAULT_TEAM, wanted.id) == wanted
    with pytest.raises(NotFound):
        store.get_backfill(TeamId("other"), wanted.id)
    with pytest.raises(NotFound):
        store.get_backfill(DEFAULT_TEAM, BackfillId("nope"))


def test_backfills_are_listed_newest_first_in_pages(store: SqlStore, job: Job) -> None:
    """By when they were asked for, whatever their ids are; of one job when it is named."""
    other = add_job(store, spec_of("", every(5)))
    made = [
        add_backfill(store, job, id=BackfillId(name), created_at=NOW + number * HOUR)
        for number, name in enumerate(("z", "a", "m"))
    ]
    add_backfill(store, other, created_at=NOW)
    first = store.list_backfills(DEFAULT_TEAM, job_id=job.id, limit=2)
    assert list(first.items) == [made[2], made[1]]
    rest = store.list_backfills(DEFAULT_TEAM, job_id=job.id, limit=2, cursor=first.next_cursor)
    assert (list(rest.items), rest.next_cursor) == ([made[0]], None)
    assert len(store.list_backfills(DEFAULT_TEAM).items) == 4
    assert store.list_backfills(TeamId("other")).items == ()
    with pytest.raises(BadInput):
        store.list_backfills(DEFAULT_TEAM, cursor="!")


def test_a_feed_has_the_job_as_it_is_and_room_for_runs(store: SqlStore, job: Job) -> None:
    """What was made takes the room; the rest of it is there as soon as a run has ended."""
    wanted = add_backfill(store, job, concurrency=2)
    before = store.now()
    with store.feed_backfill() as feed:
        assert feed is not None
        assert (feed.backfill, feed.job, feed.room) == (wanted, job, 2)
        assert feed.now >= before
        feed.insert([later(run_at(job, wanted, NOW), logical_time=NOW)])
        feed.advance(NOW, exhausted=False)
    with store.feed_backfill() as feed:
        assert feed is not None
        assert (feed.room, feed.backfill.cursor) == (1, NOW)
        assert feed.backfill.counts == {"queued": 1}
        feed.insert([later(run_at(job, wanted, NOW + HOUR), logical_time=NOW + HOUR)])
    assert not is_fed(store)
    claim(store, limit=1)
    assert not is_fed(store)
    assert store.get_backfill(DEFAULT_TEAM, wanted.id).counts == {"queued": 1, "running": 1}
    assert end(store, RunState.SUCCEEDED) == 1
    with store.feed_backfill() as feed:
        assert feed is not None
        assert feed.room == 1


def test_inv2_runs_and_cursor_move_together_or_not_at_all(store: SqlStore, job: Job) -> None:
    """An exception in the middle leaves the backfill as it was."""
    wanted = add_backfill(store, job)

    def break_off() -> None:
        with store.feed_backfill() as feed:
            assert feed is not None
            feed.insert([run_at(job, wanted, NOW)])
            feed.advance(NOW, exhausted=True)
            raise RuntimeError

    with pytest.raises(RuntimeError):
        break_off()
    assert store.get_backfill(DEFAULT_TEAM, wanted.id) == wanted
    assert store.list_runs(DEFAULT_TEAM).items == ()
    assert is_fed(store)


def test_backfills_take_turns(store: SqlStore, job: Job) -> None:
    """One that always has room does not keep the others waiting."""
    ids = {add_backfill(store, job, concurrency=100).id for _ in range(3)}
    turns = [make(store, job).id for _ in range(6)]
    assert set(turns[:3]) == set(turns[3:]) == ids


def test_a_backfill_whose_runs_all_succeeded_has_succeeded(store: SqlStore, job: Job) -> None:
    """It ends in the feed after its last run has, and is not fed again."""
    wanted = add_backfill(store, job, concurrency=2)
    make(store, job, NOW, NOW + HOUR, exhausted=True)
    assert not is_fed(store)
    assert end(store, RunState.SUCCEEDED, limit=2) == 2
    before = store.last_change()
    with store.feed_backfill() as feed:
        assert feed is not None
        assert (feed.backfill.state, feed.room) == ("succeeded", 0)
    ended = store.get_backfill(DEFAULT_TEAM, wanted.id)
    assert (ended.state, ended.counts, ended.error) == ("succeeded", {"succeeded": 2}, None)
    assert ended.ended_at is not None
    assert ("backfill", wanted.id) in {
        (change.kind, change.key) for change in store.changes(after=before)
    }
    assert not is_fed(store)


def test_a_backfill_with_nothing_to_run_ends_at_once(store: SqlStore, job: Job) -> None:
    """It has succeeded."""
    wanted = add_backfill(store, job)
    make(store, job, exhausted=True)
    assert is_fed(store)
    assert store.get_backfill(DEFAULT_TEAM, wanted.id).state == "succeeded"


@pytest.mark.parametrize("state", [RunState.FAILED, RunState.CANCELLED])
def test_a_backfill_with_a_run_that_did_not_succeed_has_failed(
    store: SqlStore, job: Job, state: RunState
) -> None:
    """The others are made all the same."""
    wanted = add_backfill(store, job)
    make(store, job, NOW)
    assert end(store, state) == 1
    make(store, job, NOW + HOUR, exhausted=True)
    assert end(store, RunState.SUCCEEDED) == 1
    assert is_fed(store)
    ended = store.get_backfill(DEFAULT_TEAM, wanted.id)
    assert (ended.state, ended.counts) == ("failed", {state.value: 1, "succeeded": 1})


def test_inv8_one_that_cannot_go_on_fails_with_its_reason(store: SqlStore, job: Job) -> None:
    """What it has in the queue is cancelled; nobody else notices."""
    wanted, other = (add_backfill(store, job, concurrency=9) for _ in range(2))
    assert make(store, job, NOW).id == wanted.id
    assert make(store, job, NOW + HOUR).id == other.id
    with store.feed_backfill() as feed:
        assert feed is not None
        assert feed.backfill.id == wanted.id
        feed.fail("The trigger raised.")
    failed = store.get_backfill(DEFAULT_TEAM, wanted.id)
    assert (failed.state, failed.error) == ("failed", "The trigger raised.")
    assert failed.counts == {"cancelled": 1}
    assert make(store, job).id == other.id
    assert make(store, job).id == other.id


def test_cancelling_ends_what_waits_and_stops_what_runs(store: SqlStore, job: Job) -> None:
    """In one step; what has ended stays as it is, and other runs are not touched."""
    wanted = add_backfill(store, job, concurrency=9)
    make(store, job, NOW)
    assert end(store, RunState.SUCCEEDED) == 1
    make(store, job, NOW + HOUR)
    (running,) = claim(store)
    make(store, job, NOW + 2 * HOUR)
    mine = store.add_run(run_of(job))
    cancelled = store.cancel_backfill(wanted.id, user="ada")
    assert cancelled.state == "cancelled"
    assert cancelled.ended_at is not None
    assert cancelled.counts == {"succeeded": 1, "running": 1, "cancelled": 1}
    assert store.get_run(DEFAULT_TEAM, running.id).cancel_requested
    assert store.get_run(DEFAULT_TEAM, mine.id).state == "queued"
    assert not is_fed(store)
    assert store.cancel_backfill(wanted.id, user="ada") == cancelled
    with pytest.raises(NotFound):
        store.cancel_backfill(BackfillId("nope"), user="ada")


def test_what_ended_by_itself_cannot_be_cancelled(store: SqlStore, job: Job) -> None:
    """It keeps its state."""
    wanted = add_backfill(store, job)
    make(store, job, exhausted=True)
    assert is_fed(store)
    with pytest.raises(Refused):
        store.cancel_backfill(wanted.id, user="ada")
    assert store.get_backfill(DEFAULT_TEAM, wanted.id).state == "succeeded"


def test_deleting_a_job_ends_its_backfills(store: SqlStore, job: Job) -> None:
    """Those that go on are cancelled, those that ended stay as they are."""
    done = add_backfill(store, job)
    make(store, job, exhausted=True)
    assert is_fed(store)
    wanted = add_backfill(store, job)
    make(store, job, NOW)
    other = add_job(store, spec_of("", every(5)))
    stays = add_backfill(store, other)
    store.delete_job(job.id, user="ada")
    ended = store.get_backfill(DEFAULT_TEAM, wanted.id)
    assert (ended.state, ended.counts) == ("cancelled", {"cancelled": 1})
    assert store.get_backfill(DEFAULT_TEAM, done.id).state == "succeeded"
    with store.feed_backfill() as feed:
        assert feed is not None
        assert (feed.backfill.id, feed.job) == (stays.id, other)


def test_a_feed_without_its_job_says_so(store: SqlStore) -> None:
    """A backfill of a job that nobody knows is fed, so that it can be ended."""
    add_backfill(store, job_of(spec_of("", every(5))))
    with store.feed_backfill() as feed:
        assert feed is not None
        assert feed.job is None


def test_intervals_stand_as_their_best_run_does(store: SqlStore, job: Job) -> None:
    """Whatever kinds of run there are of it; other triggers and other times do not count."""
    S = RunState  # noqa: N806 - the table below is easier to read

    def add(hour: int, *states: RunState, trigger: str | None = "t") -> None:
        for number, state in enumerate(states):
            kind = ("schedule", "manual", "rerun", "backfill")[number % 4]
            at = NOW + hour * HOUR
            run = run_of(job, kind=kind, trigger_id=trigger, state=state)
            store.add_run(later(run, logical_time=at))

    add(0, S.FAILED, S.SUCCEEDED, S.QUEUED)
    add(1, S.CANCELLED, S.QUEUED, S.FAILED)
    add(2, S.SKIPPED, S.CANCELLED, S.FAILED)
    add(3, S.CANCELLED, S.SKIPPED)
    add(4, S.SKIPPED)
    add(5, S.SUCCEEDED, trigger="other")
    add(5, S.SUCCEEDED, trigger=None)
    add(6, S.PUBLISHING, S.FAILED)
    add(7, S.SUCCEEDED)
    found = store.interval_states(job.id, "t", NOW, NOW + 6 * HOUR)
    assert found == {
        NOW: "succeeded",
        NOW + HOUR: "queued",
        NOW + 2 * HOUR: "failed",
        NOW + 3 * HOUR: "cancelled",
        NOW + 4 * HOUR: "skipped",
        NOW + 6 * HOUR: "publishing",
    }
    assert store.interval_states(job.id, "none", NOW, NOW + 6 * HOUR) == {}
    with store.feed_backfill() as feed:
        assert feed is None
    add_backfill(store, job)
    with store.feed_backfill() as feed:
        assert feed is not None
        assert feed.states(NOW, NOW) == {NOW: "succeeded"}


def test_runs_are_found_by_backfill_and_by_kind(store: SqlStore, job: Job) -> None:
    """The filters of the list, alone and together."""
    wanted = add_backfill(store, job, concurrency=9)
    make(store, job, NOW, NOW + HOUR)
    store.add_run(run_of(job))
    of_backfill = store.list_runs(DEFAULT_TEAM, backfill_id=wanted.id).items
    assert {run.logical_time for run in of_backfill} == {NOW, NOW + HOUR}
    assert store.list_runs(DEFAULT_TEAM, kind="backfill").items == of_backfill
    assert len(store.list_runs(DEFAULT_TEAM, kind="manual").items) == 1
    assert store.list_runs(DEFAULT_TEAM, backfill_id=wanted.id, kind="manual").items == ()
    assert store.list_runs(DEFAULT_TEAM, backfill_id=BackfillId("nope")).items == ()

"""What a due trigger leaves in the database: runs, skipped rows, failed rows, broken jobs."""

from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from store_kit import add_job, claim, cron, every, run_of, spec_of

from jupyter_orch.domain.errors import BadInput, NotFound, Unavailable
from jupyter_orch.domain.ids import DEFAULT_TEAM
from jupyter_orch.domain.model import Job, Run
from jupyter_orch.domain.states import Reason, RunState
from jupyter_orch.scheduler import claiming
from jupyter_orch.scheduler.claiming import BATCH, ClaimingJobStore, EnqueueExecutor
from jupyter_orch.scheduler.enqueue import takes_anything
from jupyter_orch.store.sql import SqlStore

MINUTE = timedelta(minutes=1)
SHA = "ab" * 32


def freeze(_job: Job) -> str:
    """Every notebook is there."""
    return SHA


class Wakes:
    """APScheduler's calls of one wake-up, in its order, without its loop."""

    def __init__(self, store: SqlStore) -> None:
        self.store = store
        self.ticks = 0
        self.claiming = ClaimingJobStore(store, self._tick)

    def _tick(self) -> None:
        self.ticks += 1

    def once(self, freeze=freeze, schema_of=takes_anything) -> datetime | None:
        """One wake-up; answers when the next one is wanted."""
        executor = EnqueueExecutor(self.claiming, freeze, schema_of)
        now = datetime.now(UTC)
        for job in self.claiming.get_due_jobs(now):
            times = job._get_run_times(now)
            assert len(times) == 1
            executor.submit_job(job, times)
            job.next_run_time = job.trigger.get_next_fire_time(times[-1], now)
            self.claiming.update_job(job)
        return self.claiming.get_next_run_time()

    def rows(self) -> list[Run]:
        """Every row, earliest first."""
        return list(reversed(self.store.list_runs(DEFAULT_TEAM, limit=1000).items))


@pytest.fixture
def store(tmp_path: Path) -> Iterator[SqlStore]:
    """An empty store."""
    opened = SqlStore(f"sqlite:///{tmp_path / 'state.db'}")
    yield opened
    opened.close()


@pytest.fixture
def wakes(store: SqlStore) -> Wakes:
    """Wake-ups over the empty store."""
    return Wakes(store)


def test_a_due_trigger_becomes_a_queued_run(wakes: Wakes) -> None:
    """It carries everything that a worker needs, frozen at the moment of firing."""
    due = wakes.store.now() - timedelta(seconds=1)
    trigger = every(60, anchor=due, name="night", parameters={"day": "2013-02-02"})
    spec = spec_of("daily", trigger, parameters={"day": "x", "n": 1}, kernel="py", retries=2)
    job = add_job(wakes.store, spec, due=due)
    wakes.once()
    (run,) = wakes.rows()
    assert (run.state, run.kind, run.job_id, run.job_version) == ("queued", "schedule", job.id, 1)
    assert run.run_key == f"schedule:night:{due.isoformat().replace('+00:00', 'Z')}"
    assert (run.logical_time, run.not_before) == (due, due)
    assert (run.interval_start, run.interval_end) == (due - MINUTE, due)
    assert run.parameters == {"day": "2013-02-02", "n": 1}
    assert (run.notebook_sha256, run.kernel, run.policies) == (SHA, "py", spec.policies)
    assert run.created_by == job.created_by
    assert wakes.store.next_due() == due + MINUTE
    assert [found.id for found in claim(wakes.store)] == [run.id]


def test_a_schema_is_asked_for_only_when_something_is_to_be_rendered(wakes: Wakes) -> None:
    """And once for all runs of a wake-up; a notebook that cannot be read fails its runs."""
    due = wakes.store.now() - timedelta(seconds=95)
    asked = []

    def schema_of(sha256: str):
        asked.append(sha256)
        if sha256 != SHA:
            raise NotFound("The frozen notebook is not there.")
        return takes_anything(sha256)

    backlog = every(30, anchor=due, parameters={"due": "{{ logical_time | %s }} {{ run_id }}"})
    add_job(wakes.store, spec_of("plain", every(60), parameters={"a": ["{ {"]}), due=due)
    wakes.once(schema_of=schema_of)
    assert asked == []
    job = add_job(wakes.store, spec_of("dynamic", backlog, catch_up="all"), due=due)
    gone = add_job(wakes.store, spec_of("gone", backlog, notebook="/gone.ipynb"), due=due)
    sha_of = lambda job: "cd" * 32 if job.id == gone.id else SHA  # noqa: E731
    wakes.once(freeze=sha_of, schema_of=schema_of)
    assert sorted(asked) == sorted([SHA, "cd" * 32])
    runs = [run for run in wakes.rows() if run.job_id == job.id]
    assert len(runs) == 4
    for run in runs:
        at = int(run.logical_time.timestamp())
        assert run.parameters == {"due": f"{at} {run.id}"}
    failed = [run for run in wakes.rows() if run.job_id == gone.id][-1]
    assert (failed.state, failed.reason) == ("failed", Reason.NOTEBOOK_MISSING)
    assert failed.parameters == backlog.parameters


def test_the_loop_looks_again_in_time_and_never_spins(wakes: Wakes) -> None:
    """At the next due instant, at most a second later, and after a full batch at once."""
    following = wakes.once()
    assert following is not None
    assert timedelta() < following - datetime.now(UTC) <= timedelta(seconds=1)
    now = wakes.store.now()
    for _ in range(BATCH + 1):
        add_job(wakes.store, spec_of("", every(3600)), due=now)
    again = wakes.once()
    assert again is not None
    assert again <= datetime.now(UTC)
    assert len(wakes.rows()) == BATCH
    wakes.once()
    assert len(wakes.rows()) == BATCH + 1


def test_a_wake_up_that_takes_long_takes_less_the_next_time(wakes: Wakes, monkeypatch) -> None:
    """And more again once it is quick: a slow disk must not keep a transaction open for ever."""
    monkeypatch.setattr(wakes.claiming, "_limit", 4)
    now = wakes.store.now()
    for _ in range(12):
        add_job(wakes.store, spec_of("", every(3600)), due=now)
    made = []
    for longest in (-1, -1, 3600, 3600):
        monkeypatch.setattr(claiming, "LONG", longest)
        before = len(wakes.rows())
        wakes.once()
        made.append(len(wakes.rows()) - before)
    assert made == [4, 2, 1, 2]


def test_a_few_that_take_long_are_taken_in_halves_at_once(wakes: Wakes, monkeypatch) -> None:
    """The step down is from what was taken, however much there might have been."""
    monkeypatch.setattr(claiming, "LONG", -1)
    for _ in range(2):
        now = wakes.store.now()
        for _ in range(4):
            add_job(wakes.store, spec_of("", every(3600)), due=now)
        before = len(wakes.rows())
        wakes.once()
    assert len(wakes.rows()) - before == 2


def test_those_who_are_due_together_read_their_notebook_once(wakes: Wakes, monkeypatch) -> None:
    """Over all transactions of the burst; whoever is due later reads it again."""
    monkeypatch.setattr(wakes.claiming, "_limit", 2)
    monkeypatch.setattr(claiming, "BATCH", 2)
    monkeypatch.setattr(claiming, "BURST", 3600)
    read = []

    def freeze(job: Job) -> str:
        read.append(Path(job.spec.notebook).name)
        return SHA

    now = wakes.store.now()
    for notebook in ("/a.ipynb", "/b.ipynb", "/a.ipynb", "/a.ipynb", "/b.ipynb"):
        add_job(wakes.store, spec_of("", every(3600), notebook=notebook), due=now)
    for _ in range(3):
        wakes.once(freeze)
    assert (len(wakes.rows()), sorted(read)) == (5, ["a.ipynb", "b.ipynb"])
    add_job(wakes.store, spec_of("", every(3600), notebook="/a.ipynb"), due=now)
    wakes.once(freeze)
    assert sorted(read) == ["a.ipynb", "a.ipynb", "b.ipynb"]


def test_inv1_a_week_down_leaves_one_run_and_one_skipped_row(wakes: Wakes) -> None:
    """The skipped row says how many instants it stands for; it comes before the run."""
    now = wakes.store.now()
    due = (now - timedelta(days=7)).replace(second=0, microsecond=0)
    add_job(wakes.store, spec_of("daily", cron("* * * * *", "Europe/Berlin")), due=due)
    wakes.once()
    skipped, run = wakes.rows()
    assert (skipped.state, skipped.reason) == (RunState.SKIPPED, Reason.CATCH_UP)
    assert (skipped.skipped_first, skipped.skipped_last) == (due, run.logical_time - MINUTE)
    assert skipped.skipped_count == (run.logical_time - due) // MINUTE
    assert skipped.ended_at is not None
    assert run.interval_start == skipped.skipped_last
    assert now - run.logical_time < MINUTE
    wakes.once()
    assert len(wakes.rows()) in {2, 3}  # three when a minute has just begun


def test_inv1_catch_up_all_makes_runs_and_none_makes_a_row(wakes: Wakes) -> None:
    """Each policy leaves nothing unsaid."""
    due = wakes.store.now() - timedelta(hours=5, seconds=61)
    every_hour = every(3600, anchor=due)
    everything = add_job(
        wakes.store, spec_of("all", every_hour, catch_up="all", max_catch_up=4), due=due
    )
    nothing = add_job(wakes.store, spec_of("none", every_hour, catch_up="none"), due=due)
    wakes.once()
    rows = wakes.rows()
    made = [row for row in rows if row.job_id == everything.id]
    assert [row.state for row in made] == ["skipped", *["queued"] * 4]
    assert made[0].skipped_count == 2
    assert [row.logical_time for row in made] == sorted(row.logical_time for row in made)
    (row,) = [row for row in rows if row.job_id == nothing.id]
    assert (row.state, row.skipped_count) == (RunState.SKIPPED, 6)


def test_overlap_skip_leaves_a_row_that_says_so(wakes: Wakes) -> None:
    """While a run of the job has not ended a due instant is skipped; afterwards it runs again."""
    due = wakes.store.now() - timedelta(seconds=3)
    job = add_job(wakes.store, spec_of("d", every(3600, anchor=due), overlap="skip"), due=due)
    busy = wakes.store.add_run(run_of(job))
    wakes.once()
    row = next(row for row in wakes.rows() if row.kind == "schedule")
    assert (row.state, row.reason, row.skipped_count) == ("skipped", Reason.OVERLAP, 1)
    assert (row.skipped_first, row.skipped_last) == (due, due)
    wakes.store.request_cancel(busy.id, user="ada")
    with wakes.store.wake_up(limit=1) as wake:
        wake.advance(job.id, "t", due + timedelta(seconds=1), last_due=due)
    wakes.once()
    assert [row.state for row in wakes.rows() if row.kind == "schedule"] == ["skipped", "queued"]


def test_overlap_skip_counts_runs_of_the_same_wake_up(wakes: Wakes) -> None:
    """Two triggers at one instant, or a backlog: one run, the others say why not."""
    due = wakes.store.now() - timedelta(seconds=95)
    two = (every(3600, name="a"), every(3600, name="b"))
    first = add_job(wakes.store, spec_of("two", *two, overlap="skip"), due=due)
    backlog = add_job(
        wakes.store, spec_of("backlog", every(30), overlap="skip", catch_up="all"), due=due
    )
    wakes.once()
    rows = wakes.rows()
    assert sorted(row.state for row in rows if row.job_id == first.id) == ["queued", "skipped"]
    run, skipped = (row for row in rows if row.job_id == backlog.id)
    assert (run.logical_time, skipped.skipped_count) == (due, 3)
    assert skipped.reason is Reason.OVERLAP


@pytest.mark.parametrize("overlap", ["latest_only", "cancel_running"])
def test_the_latest_run_takes_the_place_of_all_before_it(wakes: Wakes, overlap) -> None:
    """A backlog is one run and one row; what waited is skipped, what runs is asked to stop."""
    due = wakes.store.now() - timedelta(seconds=95)
    spec = spec_of("", every(30, anchor=due), overlap=overlap, catch_up="all")
    job = add_job(wakes.store, spec, due=due)
    running, waiting = (wakes.store.add_run(run_of(job, kind="schedule")) for _ in range(2))
    (held,) = claim(wakes.store)
    waiting = waiting if held.id == running.id else running
    wakes.once()
    states = {row.id: row for row in wakes.rows()}
    ended = states.pop(waiting.id)
    assert (ended.state, ended.reason) == (RunState.SKIPPED, Reason.SUPERSEDED)
    asked = states.pop(held.id)
    assert asked.state is RunState.RUNNING
    assert asked.cancel_requested is (overlap == "cancel_running")
    skipped, newest = states.values()
    assert (skipped.reason, skipped.skipped_count) == (Reason.SUPERSEDED, 3)
    assert (newest.state, newest.logical_time) == (RunState.QUEUED, due + 3 * MINUTE / 2)
    assert claim(wakes.store) == [], "it waits until the other one has ended"
    wakes.store.finish("w", held.id, 1, state=RunState.CANCELLED, reason=Reason.CANCELLED_BY_USER)
    assert [run.id for run in claim(wakes.store)] == [newest.id]


def test_overlap_queue_and_parallel_make_every_run(wakes: Wakes) -> None:
    """Whether they run at the same time is the worker's claim to decide."""
    due = wakes.store.now() - timedelta(seconds=1)
    for overlap in ("queue", "parallel"):
        job = add_job(wakes.store, spec_of("", every(3600), overlap=overlap), due=due)
        wakes.store.add_run(run_of(job))
    wakes.once()
    assert [row.state for row in wakes.rows() if row.kind == "schedule"] == ["queued", "queued"]


@pytest.mark.parametrize(
    ("error", "reason"),
    [
        (NotFound("The notebook a.ipynb is gone."), Reason.NOTEBOOK_MISSING),
        (BadInput("The notebook a.ipynb is not JSON.", field="notebook"), Reason.NOTEBOOK_MISSING),
        (Unavailable("The disk is full."), Reason.PLATFORM_ERROR),
        (OSError(28, "No space left on device"), Reason.PLATFORM_ERROR),
    ],
)
def test_inv8_a_missing_notebook_is_a_failed_run(wakes: Wakes, error, reason) -> None:
    """It says why, the schedule goes on, and everybody else runs."""
    due = wakes.store.now() - timedelta(seconds=1)
    bad = add_job(wakes.store, spec_of("bad", every(60)), due=due)
    good = add_job(wakes.store, spec_of("good", every(60)), due=due)

    def freeze_some(job: Job) -> str:
        if job.id == bad.id:
            raise error
        return SHA

    wakes.once(freeze_some)
    rows = {row.job_id: row for row in wakes.rows()}
    failed = rows[bad.id]
    assert (failed.state, failed.reason) == (RunState.FAILED, reason)
    assert failed.error is not None
    assert failed.error.message.endswith(".")
    assert failed.ended_at is not None
    assert rows[good.id].state is RunState.QUEUED
    assert wakes.store.get_summary(bad.id).job.error is None
    assert wakes.store.get_summary(bad.id).next_due == due + MINUTE


def test_inv8_a_poisoned_trigger_stops_its_own_job_only(wakes: Wakes) -> None:
    """The job shows the error until it is saved again; others in the same wake-up run."""
    due = wakes.store.now() - timedelta(seconds=1)
    poisons = [cron("rubbish"), cron("@daily", "Mars/Base"), every(0), cron("")]
    bad = [add_job(wakes.store, spec_of("", poison), due=due) for poison in poisons]
    good = add_job(wakes.store, spec_of("good", every(60)), due=due)
    wakes.once()
    assert [row.job_id for row in wakes.rows()] == [good.id]
    for job in bad:
        summary = wakes.store.get_summary(job.id)
        assert summary.job.error is not None
        assert summary.job.error.startswith("The trigger 't' raised: ")
        assert summary.next_due is None
    assert wakes.ticks == 1
    wakes.once()
    assert len(wakes.rows()) == 1


def test_inv8_a_job_that_cannot_be_enqueued_spoils_one_wake_up_only(wakes: Wakes) -> None:
    """That wake-up is rolled back whole; the next one stops the culprit and fires the others."""
    due = wakes.store.now() - timedelta(seconds=1)
    bad = add_job(wakes.store, spec_of("bad", every(60)), due=due)
    good = add_job(wakes.store, spec_of("good", every(60)), due=due)
    insert = wakes.store.wake_up

    def poisoned(*, limit: int):
        return _Poisoned(insert(limit=limit), bad)

    wakes.store.wake_up = poisoned  # type: ignore[method-assign]
    wakes.once()
    assert wakes.rows() == []
    assert (wakes.ticks, wakes.store.next_due()) == (0, due)
    wakes.once()
    assert [row.job_id for row in wakes.rows()] == [good.id]
    assert wakes.store.get_summary(bad.id).job.error == "The trigger 't' raised: no such value."
    assert wakes.ticks == 1


class _Poisoned:
    """A wake-up in which one job's rows cannot be inserted."""

    def __init__(self, inner, bad: Job) -> None:
        self._inner = inner
        self._bad = bad

    def __enter__(self):
        wake = self._inner.__enter__()
        insert = wake.insert

        def refuse(runs) -> None:
            if any(run.job_id == self._bad.id for run in runs):
                raise ValueError("no such value")
            insert(runs)

        wake.insert = refuse
        return wake

    def __exit__(self, *error):
        return self._inner.__exit__(*error)


def test_a_database_that_is_away_is_nobodys_fault(wakes: Wakes) -> None:
    """Nothing is disabled, nothing is lost; the next wake-up tries again."""
    due = wakes.store.now() - timedelta(seconds=1)
    job = add_job(wakes.store, spec_of("daily", every(60)), due=due)
    healthy = wakes.store.wake_up

    def away(*, limit: int):
        raise Unavailable("The database cannot be used: disk I/O error.")

    wakes.store.wake_up = away  # type: ignore[method-assign]
    following = wakes.once()
    assert following is not None
    assert wakes.ticks == 0
    wakes.store.wake_up = healthy  # type: ignore[method-assign]
    wakes.once()
    assert (len(wakes.rows()), wakes.ticks) == (1, 1)
    assert wakes.store.get_summary(job.id).job.error is None


def test_a_store_that_is_shut_down_claims_nothing(wakes: Wakes) -> None:
    """APScheduler wakes once more after its shutdown: what is due stays for the next process."""
    due = wakes.store.now() - timedelta(seconds=1)
    add_job(wakes.store, spec_of("daily", every(60)), due=due)
    wakes.claiming.shutdown()
    assert wakes.once() is None
    assert (wakes.rows(), wakes.store.next_due()) == ([], due)


def test_after_an_edit_the_data_interval_continues(wakes: Wakes) -> None:
    """The first run of the new times begins where the last one of the old times ended."""
    due = wakes.store.now() - timedelta(seconds=10)
    job = add_job(wakes.store, spec_of("daily", every(3600, anchor=due)), due=due)
    wakes.once()
    following = due + timedelta(seconds=5)
    edited = replace(job.spec, triggers=(every(1800, anchor=following),))
    wakes.store.update_job(
        job.id,
        expected_version=1,
        spec=edited,
        notebook_sha256=None,
        next_due={"t": following},
        user="ada",
    )
    wakes.once()
    first, second = wakes.rows()
    assert (second.interval_start, second.interval_end) == (first.interval_end, following)

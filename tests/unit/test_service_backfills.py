"""Use cases of backfills, on real parts."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest

from jupyter_orch.domain.backfill import MANY, BackfillRequest
from jupyter_orch.domain.errors import BadInput, Forbidden, NotFound, Refused
from jupyter_orch.domain.ids import DEFAULT_TEAM, BackfillId, TeamId
from jupyter_orch.domain.model import Actor, JobSpec, Trigger
from jupyter_orch.domain.states import RunState

FIRST = datetime(2026, 1, 1, tzinfo=UTC)
DAY = timedelta(days=1)
DAILY = Trigger(id="night", kind="cron", cron="0 6 * * *", parameters={"x": 2})
MONTH = BackfillRequest(first=FIRST, last=FIRST + 31 * DAY)


@pytest.fixture
def job(service, ann, notebook):
    """A daily job."""
    notebook(parameters="x: int = 1\ny: str = ''")
    return service.jobs.create(
        ann, JobSpec(name="report", notebook="report.ipynb", triggers=(DAILY,))
    )


def ended(service, job, day: int, state: RunState) -> None:
    """A run of that day's interval that has ended so, or goes on."""
    run = service.jobs.run(Actor(user="ann", team=DEFAULT_TEAM), job.id, {})
    at = FIRST + timedelta(days=day, hours=6)
    service.ledger.add_run(
        replace(
            run,
            id=f"{day:026}",
            run_key=f"day {day}",
            trigger_id="night",
            logical_time=at,
            state=state,
        )
    )


def test_a_plan_counts_and_stores_nothing(service, ann, job) -> None:
    """A month of daily intervals, some of which have run."""
    for day, state in enumerate((RunState.SUCCEEDED, RunState.FAILED, RunState.QUEUED)):
        ended(service, job, day, state)
    plan = service.backfills.plan(ann, "report", MONTH)
    assert (plan.trigger, plan.intervals) == ("night", 31)
    assert (plan.missing, plan.failed, plan.done, plan.running) == (28, 1, 1, 1)
    assert (plan.runs, plan.needs_confirm, plan.future_left_out) == (29, False, False)
    (shown, *_) = plan.next
    assert (shown.at, shown.standing) == (FIRST + timedelta(days=1, hours=6), "failed")
    assert shown.interval_start == shown.at - DAY
    assert service.backfills.list(ann).items == ()


def test_a_backfill_freezes_trigger_values_and_notebook(service, ann, job, notebook) -> None:
    """What is edited afterwards does not change it, unless it is asked to take the latest."""
    request = replace(
        MONTH, parameters={"y": "b"}, concurrency=4, priority=7, newest_first=True, only="all"
    )
    made = service.backfills.create(ann, job.id, request)
    assert (made.job_id, made.job_name, made.job_version) == (job.id, "report", 1)
    assert (made.state, made.planned, made.trigger) == ("running", 31, job.spec.triggers[0])
    assert (made.first, made.last) == (
        FIRST + timedelta(hours=6),
        FIRST + timedelta(days=30, hours=6),
    )
    assert (made.concurrency, made.priority, made.newest_first, made.only) == (4, 7, True, "all")
    assert (made.parameters, made.created_by) == ({"y": "b"}, "ann")
    assert made.notebook_sha256 == service.notebooks.freeze(job)
    notebook(parameters="x: int = 9")
    assert made.notebook_sha256 != service.notebooks.freeze(job)
    latest = service.backfills.create(ann, job.id, replace(MONTH, latest_notebook=True))
    assert latest.notebook_sha256 is None
    assert service.backfills.get(ann, made.id) == made
    assert service.backfills.list(ann, job="report").items == (latest, made)


def test_a_key_makes_a_backfill_once(service, ann, job) -> None:
    """Also after the first one has ended and the job is gone; for each person it is another."""
    first = service.backfills.create(ann, job.id, MONTH, idempotency_key="k")
    assert service.backfills.create(ann, job.id, MONTH, idempotency_key="k") == first
    bob = Actor(user="bob", team=DEFAULT_TEAM)
    assert service.backfills.create(bob, job.id, MONTH, idempotency_key="k").id != first.id
    service.jobs.delete(ann, job.id)
    again = service.backfills.create(ann, job.id, MONTH, idempotency_key="k")
    assert (again.id, again.state) == (first.id, "cancelled")


def test_a_paused_job_can_be_filled(service, ann, job) -> None:
    """Only its schedule stands still."""
    service.jobs.pause(ann, job.id)
    assert service.backfills.create(ann, job.id, MONTH).state == "running"


def test_a_backfill_is_cancelled_as_one(service, ann, job) -> None:
    """Saying it twice is harmless."""
    made = service.backfills.create(ann, job.id, MONTH)
    assert service.backfills.cancel(ann, made.id).state == "cancelled"
    assert service.backfills.cancel(ann, made.id).state == "cancelled"


def test_a_rerun_of_its_run_stands_alone(service, ann, job) -> None:
    """It covers the same interval, and is no part of the backfill any more."""
    made = service.backfills.create(ann, job.id, MONTH)
    at = FIRST + timedelta(hours=6)
    run = service.jobs.run(ann, job.id, {})
    of_backfill = replace(
        run,
        id="0" * 26,
        run_key="backfill",
        kind="backfill",
        backfill_id=made.id,
        trigger_id="night",
        logical_time=at,
        state=RunState.FAILED,
    )
    service.ledger.add_run(of_backfill)
    assert service.runs.list(ann, backfill=made.id).items == (of_backfill,)
    assert service.runs.list(ann, kind="backfill").items == (of_backfill,)
    again = service.runs.rerun(ann, of_backfill.id, {})
    assert (again.backfill_id, again.trigger_id, again.logical_time) == (None, "night", at)
    assert service.backfills.get(ann, made.id).counts == {"failed": 1}


NOON = FIRST.replace(hour=12)
BAD = {
    "ends before it starts": ({"last": FIRST - DAY}, "last"),
    "naive start": ({"first": FIRST.replace(tzinfo=None)}, "first"),
    "naive end": ({"last": FIRST.replace(tzinfo=None)}, "last"),
    "nothing due": ({"first": NOON, "last": NOON}, "last"),
    "all of it in the future": (
        {"first": FIRST.replace(year=2126), "last": FIRST.replace(year=2127)},
        "last",
    ),
    "before calendars": ({"first": FIRST.replace(year=1800)}, "first"),
    "unknown trigger": ({"trigger": "day"}, "trigger"),
    "no run at a time": ({"concurrency": 0}, "concurrency"),
    "101 runs at a time": ({"concurrency": 101}, "concurrency"),
    "absurd priority": ({"priority": 2**40}, "priority"),
    "unknown parameter": ({"parameters": {"z": 1}}, "parameters.z"),
    "value that does not fit": ({"parameters": {"x": "many"}}, "parameters.x"),
}


@pytest.mark.parametrize("case", BAD)
def test_inv9_bad_input_is_refused_with_its_field(service, ann, job, case: str) -> None:
    """By the plan and by the backfill alike, and nothing is stored."""
    values, field = BAD[case]
    request = replace(MONTH, **values)
    for use in (service.backfills.plan, service.backfills.create):
        with pytest.raises(BadInput) as caught:
            use(ann, job.id, request)
        assert caught.value.field == field
    assert service.backfills.list(ann).items == ()


def test_inv9_a_job_without_triggers_has_no_intervals(service, ann, notebook) -> None:
    """The hint says what to do instead."""
    notebook()
    service.jobs.create(ann, JobSpec(name="by hand", notebook="report.ipynb"))
    with pytest.raises(BadInput) as caught:
        service.backfills.plan(ann, "by hand", MONTH)
    assert (caught.value.field, bool(caught.value.hint)) == ("trigger", True)


def test_inv9_one_of_several_triggers_has_to_be_named(service, ann, notebook) -> None:
    """The hint names them."""
    notebook()
    hourly = Trigger(id="hour", kind="cron", cron="0 * * * *")
    spec = JobSpec(name="both", notebook="report.ipynb", triggers=(DAILY, hourly))
    service.jobs.create(ann, spec)
    with pytest.raises(BadInput) as caught:
        service.backfills.plan(ann, "both", MONTH)
    assert caught.value.field == "trigger"
    assert "night, hour" in (caught.value.hint or "")
    plan = service.backfills.plan(ann, "both", replace(MONTH, trigger="hour"))
    assert plan.intervals == 31 * 24 + 1


def test_inv9_a_range_before_the_trigger_starts_is_refused(service, ann, notebook) -> None:
    """There is no such interval."""
    notebook()
    late = replace(DAILY, start=FIRST + 10 * DAY)
    service.jobs.create(ann, JobSpec(name="late", notebook="report.ipynb", triggers=(late,)))
    with pytest.raises(BadInput) as caught:
        service.backfills.create(ann, "late", MONTH)
    assert caught.value.field == "first"


def test_inv9_very_many_intervals_need_a_word(service, ann, notebook) -> None:
    """The plan says how many there are; ten million are too many whatever is said."""
    notebook()
    busy = Trigger(id="t", kind="interval", every_seconds=60, anchor=FIRST)
    service.jobs.create(ann, JobSpec(name="busy", notebook="report.ipynb", triggers=(busy,)))
    request = BackfillRequest(first=FIRST - timedelta(minutes=MANY), last=FIRST)
    assert service.backfills.plan(ann, "busy", request).needs_confirm
    with pytest.raises(BadInput) as caught:
        service.backfills.create(ann, "busy", request)
    assert caught.value.field == "confirm"
    assert service.backfills.list(ann).items == ()
    made = service.backfills.create(ann, "busy", replace(request, confirm=True))
    assert made.planned == MANY + 1
    centuries = replace(request, first=FIRST.replace(year=1950), confirm=True)
    for use in (service.backfills.plan, service.backfills.create):
        with pytest.raises(BadInput) as caught:
            use(ann, "busy", centuries)
        assert caught.value.field == "last"


def test_inv9_a_notebook_that_is_gone_is_named(service, ann, job, root) -> None:
    """There is nothing to freeze."""
    (root / "report.ipynb").unlink()
    with pytest.raises(BadInput) as caught:
        service.backfills.create(ann, job.id, MONTH)
    assert caught.value.field == "notebook"


def test_what_is_not_there_is_not_found(service, ann, job) -> None:
    """Neither a job nor a backfill; and other teams' are not there."""
    other = Actor(user="eve", team=TeamId("other"))
    made = service.backfills.create(ann, job.id, MONTH)
    nope = BackfillId("nope")
    for attempt in (
        lambda: service.backfills.plan(ann, "nope", MONTH),
        lambda: service.backfills.create(ann, "nope", MONTH),
        lambda: service.backfills.get(ann, nope),
        lambda: service.backfills.cancel(ann, nope),
        lambda: service.backfills.list(ann, job="nope"),
        lambda: service.backfills.get(other, made.id),
        lambda: service.backfills.cancel(other, made.id),
    ):
        with pytest.raises(NotFound):
            attempt()
    assert service.backfills.list(other).items == ()


def test_nobody_may_do_anything(service, job) -> None:
    """Every use case asks who is there."""
    nobody = Actor(user="", team=DEFAULT_TEAM)
    one = BackfillId("one")
    for attempt in (
        lambda: service.backfills.plan(nobody, job.id, MONTH),
        lambda: service.backfills.create(nobody, job.id, MONTH),
        lambda: service.backfills.get(nobody, one),
        lambda: service.backfills.list(nobody),
        lambda: service.backfills.cancel(nobody, one),
    ):
        with pytest.raises(Forbidden):
            attempt()


def test_what_has_ended_by_itself_is_not_cancelled(service, ann, job) -> None:
    """The refusal says how it ended."""
    made = service.backfills.create(ann, job.id, MONTH)
    with service.ledger.feed_backfill() as feed:
        feed.fail("It cannot go on.")
    with pytest.raises(Refused) as caught:
        service.backfills.cancel(ann, made.id)
    assert "failed" in caught.value.message

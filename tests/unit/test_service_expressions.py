"""Dates of the run in values: what is saved, what a run gets, and what is refused at the door."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest
from service_kit import wait_for

from jupyter_orch.domain.backfill import BackfillRequest
from jupyter_orch.domain.errors import BadFields, BadInput
from jupyter_orch.domain.model import JobSpec, Trigger
from jupyter_orch.domain.schedule import next_fire
from jupyter_orch.domain.states import Reason, RunState
from jupyter_orch.service.intervals import Wanted

DAILY = Trigger(id="tokyo", kind="cron", cron="0 6 * * *", time_zone="Asia/Tokyo")
SPEC = JobSpec(name="report", notebook="report.ipynb", triggers=(DAILY,))
START, END = datetime(2026, 10, 31, 21, tzinfo=UTC), datetime(2026, 11, 1, 21, tzinfo=UTC)
#: The day that ends at six in the morning of 2 November in Tokyo.
DAY = Wanted(interval_start=START, interval_end=END)
CELL = 'day: date = date(2013, 1, 1)\nyear: int = 2013\nword: str = "a"'


def fields(caught) -> list[str | None]:
    """What a refusal is about."""
    return [error.field for error in caught.value.errors]


@pytest.fixture
def job(service, ann, notebook):
    """A job whose day is the one that has just ended in Tokyo."""
    notebook(parameters=CELL)
    values = {"day": "{{ interval_start }}", "year": "{{ interval_start | %Y }}"}
    return service.jobs.create(ann, replace(SPEC, parameters=values))


def test_expressions_are_saved_as_they_are_written(service, ann, job) -> None:
    """The form shows them again; a schema takes them as defaults."""
    assert job.spec.parameters == {
        "day": "{{ interval_start }}",
        "year": "{{ interval_start | %Y }}",
    }
    shown = service.jobs.schema(ann, "report")["properties"]["day"]["default"]
    assert shown == "{{ interval_start }}"


@pytest.mark.parametrize(
    ("value", "words"),
    [
        ("{{ __import__('os') }}", "'('"),
        ("{{", "not closed"),
        ("{{" * 500, "is "),
        ("{{ nope }}", "the name nope"),
        ("{{ interval_start | %Y }}", "must be a date"),
    ],
)
def test_inv9_each_value_that_no_run_could_get_is_named(
    service, ann, notebook, value: str, words: str
) -> None:
    """Those of the job and those of each trigger, all at once; nothing is stored."""
    notebook(parameters=CELL)
    both = (DAILY, replace(DAILY, id="b", parameters={"day": value}))
    with pytest.raises(BadFields) as caught:
        service.jobs.create(ann, replace(SPEC, parameters={"day": value}, triggers=both))
    assert fields(caught) == ["parameters.day", "triggers.1.parameters.day"]
    assert all(words in error.message for error in caught.value.errors)
    assert service.jobs.list(ann).items == ()


def test_a_run_of_one_date_has_no_interval_to_speak_of(service, ann, notebook) -> None:
    """It is refused when it is saved, and not when it fails a year later."""
    notebook(parameters=CELL)
    at = datetime.now(UTC) + timedelta(days=1)
    once = Trigger(id="once", kind="once", at=at)
    spec = replace(SPEC, parameters={"day": "{{ interval_start }}"}, triggers=(DAILY, once))
    with pytest.raises(BadFields, match="needs interval_start") as caught:
        service.jobs.create(ann, spec)
    assert fields(caught) == ["triggers.1.parameters.day"]
    given = replace(once, parameters={"day": "{{ logical_time }}"})
    job = service.jobs.create(ann, replace(spec, triggers=(DAILY, given)))
    run = service.jobs.run(ann, job.id, {}, wanted=Wanted(trigger="once"))
    assert (run.trigger_id, run.interval_end) == (None, None)


def test_a_run_by_hand_takes_the_last_complete_interval(service, ann, job) -> None:
    """In the zone of the trigger: six in Tokyo is the day before in UTC."""
    run = service.jobs.run(ann, "report", {"word": "{{ interval_end.utc.date }}"}, wanted=DAY)
    assert run.parameters == {"day": "2026-11-01", "year": 2026, "word": "2026-11-01"}
    assert (run.trigger_id, run.interval_start, run.interval_end) == ("tokyo", START, END)
    run = service.jobs.run(ann, "report", {})
    assert run.interval_end is not None
    assert run.interval_end <= run.logical_time < run.interval_end + timedelta(days=1)
    assert run.interval_start == run.interval_end - timedelta(days=1)
    tokyo = run.interval_start + timedelta(hours=9)
    assert run.parameters["day"] == tokyo.date().isoformat()


def test_the_interval_is_shown_before_it_runs(service, ann, job) -> None:
    """With the values that it gives."""
    shown = service.jobs.interval(ann, "report", wanted=DAY)
    assert (shown.trigger, shown.time_zone) == ("tokyo", "Asia/Tokyo")
    assert (shown.interval_start, shown.interval_end) == (START, END)
    assert shown.parameters == {"day": "2026-11-01", "year": 2026}
    chosen = service.jobs.interval(ann, "report")
    run = service.jobs.run(ann, "report", {})
    assert (run.interval_start, run.interval_end) == (chosen.interval_start, chosen.interval_end)


def test_the_chosen_trigger_brings_its_own_values(service, ann, notebook) -> None:
    """They win over the job's, and those that are given win over them."""
    notebook(parameters=CELL)
    hourly = Trigger(
        id="hourly", kind="interval", every_seconds=3600, parameters={"word": "{{ job }}"}
    )
    spec = replace(SPEC, triggers=(DAILY, hourly), parameters={"word": "of the job", "year": 1})
    service.jobs.create(ann, spec)
    first = service.jobs.run(ann, "report", {})
    assert (first.trigger_id, first.parameters["word"]) == ("tokyo", "of the job")
    chosen = service.jobs.run(ann, "report", {"year": 2}, wanted=Wanted(trigger="hourly"))
    assert chosen.parameters == {"word": "report", "year": 2}
    assert chosen.interval_end - chosen.interval_start == timedelta(hours=1)


def test_a_job_without_triggers_runs_without_an_interval(service, ann, notebook) -> None:
    """Only what needs one is refused, unless one is given."""
    notebook(parameters=CELL)
    spec = replace(SPEC, triggers=(), parameters={"word": "{{ run_id }} {{ job }}"})
    service.jobs.create(ann, spec)
    shown = service.jobs.interval(ann, "report")
    assert (shown.trigger, shown.time_zone, shown.interval_end) == (None, "UTC", None)
    assert shown.parameters == {"word": "{{ run_id }} {{ job }}"}
    run = service.jobs.run(ann, "report", {})
    assert (run.interval_end, run.parameters) == (None, {"word": f"{run.id} report"})
    with pytest.raises(BadFields, match="needs interval_start") as caught:
        service.jobs.run(ann, "report", {"day": "{{ interval_start }}"})
    assert fields(caught) == ["parameters.day"]
    run = service.jobs.run(ann, "report", {"day": "{{ interval_start }}"}, wanted=DAY)
    assert (run.trigger_id, run.parameters["day"]) == (None, "2026-10-31")


@pytest.mark.parametrize(
    ("wanted", "field"),
    [
        (Wanted(trigger="moon"), "trigger"),
        (Wanted(interval_start=START), "interval_end"),
        (Wanted(interval_end=START), "interval_start"),
        (Wanted(interval_start=START, interval_end=START), "interval_end"),
        (Wanted(interval_start=END, interval_end=START), "interval_end"),
        (Wanted(interval_start=START.replace(tzinfo=None), interval_end=END), "interval_start"),
    ],
)
def test_inv9_an_interval_that_is_none_is_named(service, ann, job, wanted, field) -> None:
    """One error, by the field; no run is made."""
    with pytest.raises(BadInput) as caught:
        service.jobs.run(ann, "report", {}, wanted=wanted)
    assert caught.value.field == field
    with pytest.raises(BadInput) as caught:
        service.jobs.interval(ann, "report", wanted=wanted)
    assert caught.value.field == field
    assert service.runs.list(ann).items == ()


def test_a_rerun_keeps_the_interval_and_what_the_run_had(service, ann, job) -> None:
    """Its values are what they are, however they look; new ones are of its interval."""
    run = service.jobs.run(ann, "report", {"word": "{{{{ job }}"}, wanted=DAY)
    assert run.parameters["word"] == "{{ job }}"
    again = service.runs.rerun(ann, run.id, {"word": "{{ job }}"})
    assert again.parameters == run.parameters
    assert (again.interval_start, again.interval_end) == (START, END)
    other = service.runs.rerun(ann, again.id, {"word": "{{ interval_end | %d %H:%M }}"})
    assert other.parameters["word"] == "02 06:00"
    assert (other.trigger_id, other.interval_end) == ("tokyo", END)


def test_a_backfill_keeps_expressions_until_its_runs_are_made(service, ann, job) -> None:
    """They are tried when it is planned."""
    request = BackfillRequest(first=END - timedelta(days=2), last=END, parameters={})
    given = replace(request, parameters={"word": "{{ interval_start.date }}"})
    assert service.backfills.create(ann, "report", given).parameters == given.parameters
    with pytest.raises(BadFields) as caught:
        service.backfills.plan(ann, "report", replace(request, parameters={"day": "{{ job }}"}))
    assert fields(caught) == ["parameters.day"]


def test_parameters_of_our_name_are_the_interval(service, ann, notebook) -> None:
    """A notebook that declares them gets them of every trigger that has intervals."""
    notebook(parameters="orch_interval_start: datetime\norch_interval_end: date = None\nx = 1")
    hourly = Trigger(id="h", kind="interval", every_seconds=3600)
    fixed = {"orch_interval_start": "2013-01-01T00:00:00"}
    both = (DAILY, replace(hourly, parameters=fixed))
    job = service.jobs.create(ann, replace(SPEC, triggers=both))
    assert job.spec.parameters == {}
    assert [trigger.parameters for trigger in job.spec.triggers] == [
        {"orch_interval_start": "{{ interval_start }}", "orch_interval_end": "{{ interval_end }}"},
        {**fixed, "orch_interval_end": "{{ interval_end }}"},
    ]
    run = service.jobs.run(ann, "report", {}, wanted=DAY)
    assert run.parameters == {
        "orch_interval_start": "2026-11-01T06:00:00+09:00",
        "orch_interval_end": "2026-11-02",
    }


# --------------------------------------------------------------------------- runs by schedule


def fire(service, ann, job, *, by: timedelta = timedelta(days=2)):
    """Lets the schedule make what was due since a while ago; its runs, earliest first."""
    store = service.ledger
    (trigger,) = job.spec.triggers
    store.set_paused(job.id, paused=True, next_due={}, user="ann")
    due = next_fire(trigger, datetime.now(UTC) - by)
    store.set_paused(job.id, paused=False, next_due={trigger.id: due}, user="ann")
    timer = service._timer
    timer.start()
    try:
        wait_for(lambda: [run for run in service.runs.list(ann).items if run.kind == "schedule"])
    finally:
        timer.stop()
    return [run for run in reversed(service.runs.list(ann).items) if run.kind == "schedule"]


def test_a_schedule_renders_each_run_by_its_own_interval(service, ann, job) -> None:
    """What was skipped keeps the values as they are written."""
    skipped, run = fire(service, ann, job)
    assert skipped.state is RunState.SKIPPED
    assert skipped.parameters == job.spec.parameters
    assert (run.state, run.interval_end) == (RunState.QUEUED, run.logical_time)
    tokyo = run.interval_start + timedelta(hours=9)
    assert run.parameters == {"day": tokyo.date().isoformat(), "year": tokyo.year}


def test_inv8_values_that_cannot_be_rendered_fail_their_run_alone(
    service, ann, job, notebook
) -> None:
    """The notebook has changed since the job was saved: the run says so, the schedule goes on."""
    notebook(parameters="day: int = 1\nyear: int = 1")
    *_, run = fire(service, ann, job)
    assert (run.state, run.reason, run.attempt) == (RunState.FAILED, Reason.USER_ERROR, 0)
    assert run.error is not None
    assert run.error.message.startswith("parameters.day: The parameter day, once rendered, is '20")
    assert "must be a whole number" in run.error.message
    assert service.jobs.show(ann, job.id).next_due > datetime.now(UTC)
    assert service.jobs.show(ann, job.id).job.error is None
    with pytest.raises(BadFields, match="once rendered"):
        service.runs.rerun(ann, run.id, {})
    again = service.runs.rerun(ann, run.id, {"day": "{{ interval_start | %d }}"})
    assert again.parameters["day"] == (run.interval_start + timedelta(hours=9)).day

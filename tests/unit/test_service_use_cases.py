"""What people do with jobs, runs and tables, and who may."""

import hashlib
from dataclasses import replace

import pytest

from jupyter_orch.domain.errors import BadFields, BadInput, Forbidden, NotFound, Refused, StaleWrite
from jupyter_orch.domain.ids import RunId, TeamId
from jupyter_orch.domain.model import Actor, JobSpec, Trigger
from jupyter_orch.domain.states import RunState

SPEC = JobSpec(
    name="report",
    notebook="report.ipynb",
    triggers=(Trigger(id="", kind="interval", every_seconds=3600),),
)


@pytest.fixture
def job(service, ann, notebook):
    """A job of one notebook, due every hour."""
    notebook()
    return service.jobs.create(ann, SPEC)


def test_new_job_has_ids_anchor_and_due_time(service, ann, job) -> None:
    """What the person left open is filled in."""
    (trigger,) = job.spec.triggers
    assert trigger.id
    assert trigger.anchor is not None
    summary = service.jobs.show(ann, "report")
    assert summary.job == job
    assert summary.next_due is not None
    assert summary.last_run is None


def test_same_key_makes_one_job(service, ann, notebook) -> None:
    """A request that is sent twice answers twice with the same job."""
    notebook()
    first = service.jobs.create(ann, SPEC, idempotency_key="k")
    assert service.jobs.create(ann, SPEC, idempotency_key="k") == first
    with pytest.raises(Refused):
        service.jobs.create(ann, SPEC, idempotency_key="other")


def test_same_key_makes_one_run(service, ann, job) -> None:
    """A double click runs once."""
    first = service.jobs.run(ann, job.id, {}, idempotency_key="k")
    again = service.jobs.run(ann, job.id, {}, idempotency_key="k")
    assert again.id == first.id
    assert len(service.runs.list(ann).items) == 1


def test_stale_edit_is_refused(service, ann, job) -> None:
    """Of two people who edit one job the second is told, and loses nothing of the first."""
    service.jobs.update(ann, job.id, replace(job.spec, description="one"), expected_version=1)
    with pytest.raises(StaleWrite):
        service.jobs.update(ann, job.id, replace(job.spec, description="two"), expected_version=1)
    assert service.jobs.show(ann, job.id).job.spec.description == "one"


def test_a_job_in_the_list_says_how_long_its_run_may_take(service, ann, job) -> None:
    """By the runs that have ended; one that waits, and one without history, say nothing."""
    ledger = service.ledger

    def usual():
        (listed,) = service.jobs.list(ann).items
        assert service.jobs.show(ann, job.id) == listed
        return listed.usual

    def execute() -> RunId:
        run = service.jobs.run(ann, job.id, {})
        assert usual() is None
        assert ledger.claim_runs("w", limit=1, lease_seconds=60)
        return run.id

    ended = 0
    for state in (RunState.SUCCEEDED, RunState.FAILED, RunState.SUCCEEDED):
        run_id = execute()
        found = usual()
        assert (found.runs if found else 0) == ended
        ledger.finish("w", run_id, 1, state=state)
        ended += state is RunState.SUCCEEDED
        assert usual() is None
    assert ended == 2


def test_pause_and_resume(service, ann, job) -> None:
    """A paused job is due never, a resumed one again; both may be said twice."""
    assert service.jobs.pause(ann, job.id).paused
    assert service.jobs.pause(ann, job.id).paused
    assert service.jobs.show(ann, job.id).next_due is None
    assert not service.jobs.resume(ann, job.id).paused
    assert not service.jobs.resume(ann, job.id).paused
    assert service.jobs.show(ann, job.id).next_due is not None


def test_deleted_job_is_gone_and_its_runs_stay(service, ann, job) -> None:
    """History outlives the job; what was queued is cancelled."""
    run = service.jobs.run(ann, job.id, {})
    service.jobs.delete(ann, "report")
    with pytest.raises(NotFound):
        service.jobs.show(ann, job.id)
    detail = service.runs.detail(ann, run.id)
    assert detail["job"] is None
    assert detail["run"].state is RunState.CANCELLED


def test_run_takes_the_notebook_as_it_is_now(service, ann, job, notebook) -> None:
    """Tracking follows the file; a run keeps the bytes that it was made with."""
    first = service.jobs.run(ann, job.id, {})
    path = notebook(parameters="x: int = 2")
    second = service.jobs.run(ann, job.id, {})
    assert first.notebook_sha256 != second.notebook_sha256
    assert second.notebook_sha256 == hashlib.sha256(path.read_bytes()).hexdigest()


def test_pinned_job_keeps_the_bytes_of_its_save(service, ann, notebook) -> None:
    """Pinned means that editing the file changes no run until the job is saved again."""
    before = hashlib.sha256(notebook().read_bytes()).hexdigest()
    job = service.jobs.create(ann, replace(SPEC, source="pinned"))
    path = notebook(parameters="y: int = 2")
    assert service.jobs.run(ann, job.id, {"x": 5}).notebook_sha256 == before
    path.unlink()
    assert service.jobs.run(ann, job.id, {}).notebook_sha256 == before


def test_run_of_a_notebook_that_went_away_says_so(service, ann, job, root) -> None:
    """The field is `notebook`, and no run is made."""
    (root / "report.ipynb").unlink()
    with pytest.raises(BadInput) as caught:
        service.jobs.run(ann, job.id, {})
    assert caught.value.field == "notebook"
    assert service.runs.list(ann).items == ()


def test_values_of_a_run_lie_over_those_of_the_job(service, ann, notebook) -> None:
    """What is not given stays as the job has it."""
    notebook(parameters="x: int = 1\ny: int = 2")
    service.jobs.create(ann, replace(SPEC, parameters={"x": 10, "y": 20}))
    assert service.jobs.run(ann, "report", {"y": 3}).parameters == {"x": 10, "y": 3}
    assert service.jobs.schema(ann, "report")["properties"]["x"]["default"] == 10


def test_rerun_repeats_bytes_and_values(service, ann, job, notebook) -> None:
    """A rerun is the same again, whatever became of the file."""
    run = service.jobs.run(ann, job.id, {"x": 7})
    notebook(parameters="z: int = 0")
    again = service.runs.rerun(ann, run.id, {})
    assert again.id != run.id
    assert again.kind == "rerun"
    assert again.rerun_of == run.id
    assert again.notebook_sha256 == run.notebook_sha256
    assert again.parameters == {"x": 7}
    assert again.logical_time == run.logical_time


def test_rerun_with_other_values_is_checked(service, ann, job) -> None:
    """Against the bytes that will be executed."""
    run = service.jobs.run(ann, job.id, {"x": 7})
    assert service.runs.rerun(ann, run.id, {"x": 8}).parameters == {"x": 8}
    with pytest.raises(BadFields) as caught:
        service.runs.rerun(ann, run.id, {"x": "eight", "y": 1})
    assert [error.field for error in caught.value.errors] == ["parameters.x", "parameters.y"]


def test_rerun_of_the_latest_notebook_drops_what_it_no_longer_takes(
    service, ann, job, notebook
) -> None:
    """Values of the old notebook do not stand in the way of the new one."""
    run = service.jobs.run(ann, job.id, {"x": 7})
    notebook(parameters="z: int = 0")
    again = service.runs.rerun(ann, run.id, {}, latest_notebook=True)
    assert again.parameters == {}
    assert again.notebook_sha256 != run.notebook_sha256


def test_queued_run_is_cancelled_at_once(service, ann, job) -> None:
    """And an ended one cannot be cancelled any more."""
    run = service.jobs.run(ann, job.id, {})
    assert service.runs.cancel(ann, run.id).state is RunState.CANCELLED
    with pytest.raises(Refused):
        service.runs.cancel(ann, run.id)


def test_hundreds_of_runs_come_in_pages(service, ann, job) -> None:
    """Pages have no gap and no overlap, newest first, also when runs are added meanwhile."""
    made = [service.jobs.run(ann, job.id, {"x": n}).id for n in range(205)]
    seen: list[str] = []
    cursor = None
    while True:
        page = service.runs.list(ann, job="report", cursor=cursor, limit=50)
        seen += [run.id for run in page.items]
        cursor = page.next_cursor
        if cursor is None:
            break
        service.jobs.run(ann, job.id, {})
    assert seen == made[::-1]


def test_run_without_files_says_so(service, ann, job) -> None:
    """No notebook yet is `not found`, no log yet is an empty one."""
    run = service.jobs.run(ann, job.id, {})
    with pytest.raises(NotFound):
        service.runs.notebook(ann, run.id)
    assert service.runs.log(ann, run.id) == {"lines": [], "truncated": False}


def test_long_log_is_cut_at_the_front(service, ann, job, state_dir) -> None:
    """The end is what people want to see, in whole lines."""
    run = service.jobs.run(ann, job.id, {})
    assert service.ledger.claim_runs("w", limit=1, lease_seconds=60)
    folder = state_dir / "artifacts" / "runs" / run.id / "1"
    folder.mkdir(parents=True)
    line = '{"event": "x", "text": "' + "y" * 1000 + '"}\n'
    (folder / "log.jsonl").write_text(line * 5000 + '{"event": "last"}\n{"event": "half')
    log = service.runs.log(ann, run.id, attempt=1)
    for attempt in (0, 2, -1):
        with pytest.raises(NotFound):
            service.runs.log(ann, run.id, attempt=attempt)
    assert log["truncated"]
    assert log["lines"][-1] == {"event": "last"}
    assert all(each["event"] in {"x", "last"} for each in log["lines"])


@pytest.mark.parametrize("run_id", ["nope", "../../etc", ""])
def test_unknown_run_is_not_found(service, ann, run_id: str) -> None:
    """Also when its id is hostile."""
    with pytest.raises(NotFound):
        service.runs.detail(ann, RunId(run_id))


def test_nobody_may_do_nothing(service, notebook) -> None:
    """Every use case asks who is there."""
    notebook()
    nobody = Actor(user="", team=TeamId("default"))
    for use in (
        lambda: service.jobs.create(nobody, SPEC),
        lambda: service.jobs.list(nobody),
        lambda: service.jobs.show(nobody, "report"),
        lambda: service.runs.list(nobody),
        lambda: service.tables.list(nobody),
        lambda: service.system.status(nobody),
        lambda: service.notebooks.inspect(nobody, "report.ipynb"),
    ):
        with pytest.raises(Forbidden):
            use()


def test_another_team_sees_nothing(service, ann, job) -> None:
    """Jobs and runs of a team do not exist for others."""
    run = service.jobs.run(ann, job.id, {})
    bob = Actor(user="bob", team=TeamId("other"))
    assert service.jobs.list(bob).items == ()
    assert service.runs.list(bob).items == ()
    for use in (
        lambda: service.jobs.show(bob, job.id),
        lambda: service.jobs.delete(bob, job.id),
        lambda: service.jobs.run(bob, job.id, {}),
        lambda: service.runs.detail(bob, run.id),
        lambda: service.runs.cancel(bob, run.id),
        lambda: service.runs.rerun(bob, run.id, {}),
        lambda: service.runs.notebook(bob, run.id),
        lambda: service.runs.log(bob, run.id),
    ):
        with pytest.raises(NotFound):
            use()


def test_every_change_is_told(service, ann, notebook) -> None:
    """Whoever waits for changes hears of jobs and runs, in order."""
    start = service.system.changes(ann, after=-1)["cursor"]
    notebook()
    job = service.jobs.create(ann, SPEC)
    run = service.jobs.run(ann, job.id, {})
    page = service.system.changes(ann, after=start)
    assert {(change.kind, change.key) for change in page["changes"]} >= {
        ("job", job.id),
        ("run", run.id),
    }
    assert service.system.changes(ann, after=page["cursor"])["changes"] == ()


def test_trigger_that_is_being_typed_is_previewed(service, ann) -> None:
    """Five instants and a sentence, or the field that is wrong."""
    preview = service.system.preview(ann, Trigger(id="", kind="cron", cron="0 6 * * *"))
    assert len(preview["fires"]) == 5
    assert preview["description"]
    with pytest.raises(BadInput) as caught:
        service.system.preview(ann, Trigger(id="", kind="cron", cron="0 0 31 2 *"))
    assert caught.value.field == "trigger.cron"


def test_service_that_stands_still_is_unwell(service) -> None:
    """Health tells of every part whether it works; here no thread was started."""
    health = service.system.health()
    assert not health.well
    assert health.database is None
    assert health.scheduler
    assert health.worker

"""The ledger over the wire says the same as the ledger itself."""

import json
from datetime import UTC, datetime

import pytest

from jupyter_orch.client import LedgerClient
from jupyter_orch.domain.errors import BadFields, BadInput, NotFound
from jupyter_orch.domain.ids import RunId
from jupyter_orch.domain.model import JobSpec, Run, RunError, Trigger
from jupyter_orch.domain.outputs import StagedOutput
from jupyter_orch.domain.states import Reason, RunState
from jupyter_orch.ports import WorkerInfo
from jupyter_orch.server.call import Call
from jupyter_orch.server.ledger import METHODS, call_ledger
from jupyter_orch.wire import dump, dump_bytes, load

STAGED = StagedOutput(
    table="a.b",
    mode="replace",
    slice={"day": "2013-02-01"},
    keys=(),
    branch=None,
    snapshot_id=None,
    base_snapshot_id=2**62,
    files=("/a.parquet",),
    rows=3,
)


class Line:
    """Everything that HTTP does to a call: JSON there and back."""

    def __init__(self, ledger, actor) -> None:
        self._ledger = ledger
        self._actor = actor

    def call_ledger(self, method, arguments):
        """As `Client.call_ledger`."""
        body = json.loads(json.dumps(arguments))
        call = Call(actor=self._actor, key=method, query={}, body=body)
        return json.loads(dump_bytes(call_ledger(self._ledger, call)))


@pytest.fixture
def far(service, ann) -> LedgerClient:
    """The service's ledger, seen from elsewhere."""
    return LedgerClient(Line(service.ledger, ann))


@pytest.fixture
def run(service, ann, notebook) -> Run:
    """A queued run."""
    notebook(parameters="x: float = 1.5\ny: list = []")
    job = service.jobs.create(ann, JobSpec(name="report", notebook="report.ipynb"))
    return service.jobs.run(ann, job.id, {"x": 2.5, "y": [1, None, "é"]})


def test_run_is_claimed_executed_and_finished(service, ann, far, run) -> None:
    """A whole life of a run, by a worker elsewhere."""
    (claimed,) = far.claim_runs("w", limit=5, lease_seconds=30)
    assert claimed == service.runs.detail(ann, run.id)["run"]
    assert far.progress("w", run.id, 1, done=1, total=2)
    assert far.record_query("w", run.id, 1, "q1")
    assert [held.run_id for held in far.heartbeat("w", [(run.id, 1)], lease_seconds=30)] == [run.id]
    assert far.begin_publishing("w", run.id, 1, [STAGED])
    assert not far.begin_publishing("other", run.id, 1, [STAGED])
    assert far.finish("w", run.id, 1, state=RunState.SUCCEEDED)
    assert service.runs.detail(ann, run.id)["queries"] == ("q1",)


def test_failure_arrives_with_its_words(service, ann, far, run) -> None:
    """Reason and error are what people read later."""
    far.claim_runs("w", limit=1, lease_seconds=30)
    error = RunError(name="KeyError", message="'JFK'", cell_index=7, traceback="…")
    assert far.finish("w", run.id, 1, state=RunState.FAILED, reason=Reason.USER_ERROR, error=error)
    ended = service.runs.detail(ann, run.id)["run"]
    assert (ended.state, ended.reason, ended.error) == (
        RunState.FAILED,
        Reason.USER_ERROR,
        error,
    )


class OlderLine(Line):
    """The same to a service that does not know a cell's source yet."""

    def call_ledger(self, method, arguments):
        """Refused as whatever has a field too much."""
        name = "error.cell_source"
        if "cell_source" in (arguments.get("error") or {}):
            raise BadFields([BadInput(f"There is no field {name}.", field=name)])
        return super().call_ledger(method, arguments)


def test_failure_arrives_at_a_service_of_earlier_code(service, ann, run) -> None:
    """Without what that one does not know."""
    far = LedgerClient(OlderLine(service.ledger, ann))
    far.claim_runs("w", limit=1, lease_seconds=30)
    error = RunError(name="KeyError", message="'JFK'", cell_index=7, cell_source="x[y]")
    assert far.finish("w", run.id, 1, state=RunState.FAILED, reason=Reason.USER_ERROR, error=error)
    ended = service.runs.detail(ann, run.id)["run"]
    assert ended.error == RunError(name="KeyError", message="'JFK'", cell_index=7)


def test_publication_that_was_left_is_taken_over(far, run) -> None:
    """The publish intent comes back as it was recorded."""
    far.claim_runs("w", limit=1, lease_seconds=0.001)
    far.heartbeat("w", [(run.id, 1)], lease_seconds=30)
    far.begin_publishing("w", run.id, 1, [STAGED])
    far.heartbeat("w", [(run.id, 1)], lease_seconds=-1)
    found = far.claim_publications("v", limit=5, lease_seconds=30)
    assert [(each.id, staged) for each, staged in found] == [(run.id, (STAGED,))]


def test_workers_know_one_another(far) -> None:
    """A worker that beats is seen."""
    seen = datetime.now(UTC)
    info = WorkerInfo(name="w", host="h", pid=1, slots=2, busy=0, last_seen=seen)
    far.beat(info)
    assert [worker.name for worker in far.workers()] == ["w"]
    assert far.reap() == 0


def test_only_the_ledgers_methods_are_served(service, ann) -> None:
    """Nothing else of the store can be reached."""
    assert {"claim_runs", "finish", "reap"} <= METHODS
    for method in ("close", "delete_job", "__class__", "_database"):
        with pytest.raises(NotFound):
            call_ledger(service.ledger, Call(actor=ann, key=method, query={}, body={}))
    with pytest.raises(BadInput):
        call_ledger(service.ledger, Call(actor=ann, key="reap", query={}, body={"x": 1}))
    with pytest.raises(BadInput):
        call_ledger(service.ledger, Call(actor=ann, key="reap", query={}, body=[]))


def test_values_survive_the_wire(run) -> None:
    """What is dumped is loaded as the same value."""
    assert load(Run, dump(run)) == run
    trigger = Trigger(id="t", kind="interval", every_seconds=5, anchor=datetime.now(UTC))
    assert load(Trigger, json.loads(dump_bytes(trigger))) == trigger


def test_misspelt_and_coerced_values_are_refused() -> None:
    """Each by its dotted name, all at once."""
    body = {
        "name": "a",
        "notebok": "x",
        "triggers": [{"id": "t", "kind": "cron", "corn": "* * * * *"}],
        "policies": {"retries": "3"},
    }
    with pytest.raises(BadFields) as caught:
        load(JobSpec, body)
    fields = [error.field for error in caught.value.errors]
    assert sorted(fields) == ["notebok", "notebook", "policies.retries", "triggers.0.corn"]


def test_json_has_no_word_for_nan() -> None:
    """It becomes null, so that every reader can parse the answer."""
    assert json.loads(dump_bytes({"x": float("nan"), "y": float("inf")})) == {"x": None, "y": None}


def test_unknown_run_is_not_ours(far) -> None:
    """Every fenced call says no instead of failing."""
    assert not far.progress("w", RunId("nope"), 1, done=0, total=1)
    assert far.heartbeat("w", [(RunId("nope"), 1)], lease_seconds=5) == ()

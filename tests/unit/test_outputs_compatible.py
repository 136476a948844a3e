"""What other versions of the code said about outputs, and what they understand of ours."""

import json
from dataclasses import asdict
from typing import Any

import pytest

from jupyter_orch import wire
from jupyter_orch.domain.errors import BadFields
from jupyter_orch.domain.outputs import (
    CheckResult,
    Checks,
    OutputRequest,
    StagedOutput,
    TableVersion,
)
from jupyter_orch.store.rows import staged_from, to_json, version_from

#: As the first version of the code wrote them.
REQUEST = {
    "table": "analytics.flights",
    "mode": "replace",
    "slice": {"day": "2013-01-01"},
    "keys": [],
    "files": ["a/part-00000.parquet"],
    "checks": {"rows_min": 1, "rows_max": None, "not_null": ["day"], "unique": ["day", "carrier"]},
}
STAGED = {
    "table": "analytics.flights",
    "mode": "replace",
    "slice": {},
    "keys": [],
    "branch": "run-a-1",
    "snapshot_id": 2,
    "base_snapshot_id": 1,
    "files": ["/a/part-00000.parquet"],
    "rows": 3,
    "sequence": 1,
}
VERSION = {
    "table": "analytics.flights",
    "snapshot_id": 2,
    "run_id": "a",
    "job_name": "flights",
    "notebook_sha256": None,
    "parameters": {},
    "rows": 3,
    "total_rows": 3,
    "operation": "replace",
    "user": "ada",
    "committed_at": "2013-01-01T00:00:00Z",
    "current": True,
}


def test_a_request_of_the_first_kernels_is_understood() -> None:
    """Fields that came later have their defaults."""
    request = wire.load(OutputRequest, REQUEST)
    assert request.checks == Checks(rows_min=1, not_null=("day",), unique=("day", "carrier"))
    assert (request.evolve, request.partition_by, request.more_checks) == (None, None, ())


@pytest.mark.parametrize("read", [staged_from, lambda value: wire.load(StagedOutput, value)])
def test_an_intent_of_the_first_workers_is_rolled_forward(read: Any) -> None:
    """As the database has it, and as the service hands it on."""
    staged = read(STAGED)
    assert (staged.branch, staged.fence_branch, staged.checks) == ("run-a-1", None, ())


@pytest.mark.parametrize("read", [version_from, lambda value: wire.load(TableVersion, value)])
def test_a_version_of_the_first_workers_has_no_checks(read: Any) -> None:
    """What was recorded stays readable."""
    assert read(VERSION).checks == ()


def test_all_of_it_comes_back_from_the_database_and_the_wire() -> None:
    """Each field, with tuples as tuples."""
    result = CheckResult(name="rows_min", severity="warn", passed=False, seen="1 row came")
    staged = StagedOutput(
        **{**STAGED, "keys": (), "files": ("/a",), "branch": None},
        checks=(result,),
        partition_by=("day(ts)",),
        sort_by=("ts DESC",),
        evolve="add",
        fence_branch="run-a-1",
        fence_snapshot_id=7,
    )
    assert staged_from(json.loads(json.dumps(to_json(staged)))) == staged
    assert wire.load(StagedOutput, wire.dump(staged)) == staged
    checks = Checks(
        accepted={"a": ("x", 1, None)},
        between={"b": (0, None), "c": ("2013-01-01", 2.5)},
        fresh={"d": 60.0},
        sql=("SELECT 1 FROM {output}",),
        rows_change=(None, 2.0),
        nulls_change={"e": 0.1},
        severity="warn",
    )
    request = OutputRequest(
        table="a.b", mode="append", files=(), checks=Checks(rows_min=1), more_checks=(checks,)
    )
    assert wire.load(OutputRequest, json.loads(json.dumps(wire.lean(request)))) == request
    assert wire.load(OutputRequest, json.loads(json.dumps(asdict(request)))) == request


def test_a_field_of_newer_code_is_refused_rather_than_overlooked() -> None:
    """A check that nobody tests would be worse than a run that fails with its name."""
    for place in ({"new": 1}, {"checks": {"new": 1}}, {"more_checks": [{"new": 1}]}):
        with pytest.raises(BadFields, match=r"There is no field .*new"):
            wire.load(OutputRequest, REQUEST | place, field="request")

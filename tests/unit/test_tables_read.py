"""Reading tables and their versions from a notebook."""

import datetime as dt
import subprocess
import sys
from dataclasses import replace
from typing import Any

import pandas as pd
import pytest

import jupyter_orch as orch
from jupyter_orch.domain.errors import BadInput, NotFound, Refused
from jupyter_orch.domain.outputs import TableVersion
from jupyter_orch.kernel.tables import Versions

TABLE = "analytics.delays"


def put(*numbers: int | None) -> TableVersion:
    """Replaces the table."""
    frame = pd.DataFrame({"n": pd.array(list(numbers), "Int64"), "word": ["w"] * len(numbers)})
    with orch.output(TABLE) as out:
        out.write(frame)
    assert out.version is not None
    return out.version


def test_read_by_version_run_and_time() -> None:
    """Each way finds the same old rows."""
    old = put(1, 2)
    put(3)
    for way in (
        {"version": old.snapshot_id},
        {"run": old.run_id},
        {"as_of": old.committed_at},
        {"as_of": old.committed_at.replace(tzinfo=None).isoformat()},
    ):
        assert list(orch.read(TABLE, **way)["n"]) == [1, 2]
    assert list(orch.read(TABLE)["n"]) == [3]


def test_whole_numbers_stay_whole_beside_missing_ones() -> None:
    """A NULL does not turn a column into floats."""
    put(1, None)
    found = orch.read(TABLE)
    assert found["n"].dtype == pd.Int64Dtype()
    assert found["n"].isna().tolist() == [False, True]


def test_columns_and_limit() -> None:
    """Only what was asked for is read."""
    put(1, 2, 3)
    found = orch.read(TABLE, columns=["n"], limit=2)
    assert (list(found.columns), len(found)) == (["n"], 2)


def test_a_frame_is_whole_or_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    """More rows than `warehouse.frame_rows` have to be asked for."""
    put(1, 2, 3)
    monkeypatch.setenv("JUPYTER_ORCH__WAREHOUSE__FRAME_ROWS", "2")
    statement = f"SELECT n FROM {TABLE}"
    for too_many in (lambda: orch.read(TABLE), lambda: orch.query(statement)):
        with pytest.raises(BadInput, match="more than 2 rows") as caught:
            too_many()
        assert caught.value.field == "limit"
    assert [len(orch.read(TABLE, limit=n)) for n in (1, 5)] == [1, 3]
    assert [len(orch.query(statement, limit=n)) for n in (1, 5)] == [1, 3]
    for setting in ("3", "0"):
        monkeypatch.setenv("JUPYTER_ORCH__WAREHOUSE__FRAME_ROWS", setting)
        assert len(orch.read(TABLE)) == len(orch.query(statement)) == 3


def test_a_query_is_a_frame_of_the_types_of_the_table() -> None:
    """Small or large, embedded or not: `query` gives what `read` gives; lists are Python's."""
    put(1, None)
    pd.testing.assert_frame_equal(orch.query(f"SELECT * FROM {TABLE}"), orch.read(TABLE))
    empty = orch.query(f"SELECT n, ARRAY[n] AS l FROM {TABLE} WHERE n > ?", [5])
    assert (len(empty), str(empty["n"].dtype), list(empty)) == (0, "Int64", ["n", "l"])
    row = orch.query("SELECT ARRAY[1, NULL] AS l, MAP(ARRAY['k'], ARRAY[1]) AS m, 1 AS l").iloc[0]
    assert row.tolist() == [[1, None], {"k": 1}, 1]
    assert orch.query("SELECT 1 AS n", arrow=True).to_pylist() == [{"n": 1}]
    with pytest.raises(BadInput, match="same name"):
        orch.query("SELECT 1 AS n, 2 AS n", arrow=True)


@pytest.mark.parametrize(
    ("arguments", "error", "field"),
    [
        ({"limit": -1}, BadInput, "limit"),
        ({"table": "nope.nope"}, NotFound, "table"),
        ({"version": 1}, NotFound, "version"),
        ({"run": "no-such-run"}, NotFound, "run"),
        ({"as_of": "2001-01-01"}, NotFound, "as_of"),
        ({"as_of": "yesterday"}, BadInput, "as_of"),
        ({"columns": ["nope"]}, BadInput, "columns"),
        ({"version": 1, "run": "x"}, BadInput, "version"),
    ],
)
def test_what_is_not_there_is_named(
    arguments: dict[str, Any], error: type[Exception], field: str
) -> None:
    """Each argument has its own message."""
    put(1)
    with pytest.raises(error) as caught:
        orch.read(**{"table": TABLE} | arguments)
    assert caught.value.field == field


def test_a_handle_lists_previews_and_rolls_back() -> None:
    """The table's own page, in a notebook."""
    old = put(1, 2)
    put(3)
    handle = orch.table("Analytics.Delays")
    assert repr(handle) == "<table analytics.delays>"
    assert [version.operation for version in handle.versions()] == ["replace", "replace"]
    assert len(handle.versions(limit=1)) == 1
    assert len(handle.preview(version=old.snapshot_id, limit=1)) == 1
    assert handle.rollback(old.snapshot_id).operation == "rollback"
    assert list(orch.read(TABLE)["n"]) == [1, 2]
    assert list(handle.versions().to_frame()["operation"]) == ["rollback", "replace", "replace"]
    with pytest.raises(Refused):
        handle.rollback(handle.versions()[0].snapshot_id)


def test_a_handle_compares_undoes_and_pins() -> None:
    """Without a service: the catalog and the engine are all it needs."""
    old, new = put(1, 2), put(2, 3)
    handle = orch.table(TABLE)
    found = handle.diff(old.snapshot_id, new.snapshot_id)
    assert (found.added, found.removed, found.changed) == (1, 1, 0)
    assert repr(found) == "Rows 2 → 2: 1 added, 1 removed, 0 changed."
    assert list(found.to_frame()["change"]) == ["added", "removed"]
    assert "<table" in found._repr_html_()
    assert handle.pin(old.snapshot_id).pinned
    (undone,) = handle.undo(new.run_id or "", reason="wrong file")
    assert (undone.operation, undone.reason) == ("undo", "wrong file")
    assert list(orch.read(TABLE)["n"]) == [1, 2]
    with pytest.raises(NotFound):
        handle.undo("no-such-run")


def test_versions_are_shown_without_markup_of_others() -> None:
    """A job's name is text, whatever it holds."""
    version = TableVersion(
        table=TABLE,
        snapshot_id=7,
        run_id=None,
        job_name="<script>alert(1)</script>",
        notebook_sha256=None,
        parameters=None,
        rows=None,
        total_rows=1,
        operation="append",
        user=None,
        committed_at=dt.datetime(2013, 1, 1, tzinfo=dt.UTC),
        current=True,
    )
    shown = Versions([version])
    assert "<script>" not in shown._repr_html_()
    assert "7 (current)" in repr(shown)
    gone = replace(version, current=False, expired=True)
    assert "7 (expired)" in repr(Versions([gone]))


def test_importing_costs_nothing_heavy() -> None:
    """A kernel that only imports us loads no data library."""
    heavy = ("pandas", "pyarrow", "pyiceberg", "sqlalchemy", "duckdb", "pydantic")
    code = (
        "import sys, jupyter_orch\n"
        "jupyter_orch.output, jupyter_orch.read, jupyter_orch.table\n"
        f"print([name for name in {heavy!r} if name in sys.modules])"
    )
    done = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, timeout=60, check=True
    )
    assert done.stdout.strip() == "[]"

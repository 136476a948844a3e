"""New columns and wider types come with the rows that need them, or not at all."""

import contextlib
import datetime as dt
import threading
from decimal import Decimal
from typing import Any

import pyarrow as pa
import pytest
from pyiceberg.catalog.sql import SqlCatalog

from jupyter_orch.domain.errors import BadInput, CheckFailed, Refused
from jupyter_orch.domain.outputs import Checks
from jupyter_orch.warehouse import publish
from jupyter_orch.warehouse.connect import open_connection
from jupyter_orch.warehouse.iceberg import IcebergWarehouse

from .conftest import Lake, days

TABLE = "analytics.flights"
FIRST = {"day": "2013-01-01"}


def wider(day: str, *numbers: int, name: str = "more", kind: Any = None) -> pa.Table:
    """Rows of one day with one more column."""
    return days(day, *numbers).append_column(name, pa.array(numbers, kind or pa.int64()))


def shape(lake: Lake) -> dict[str, str]:
    """The table's columns."""
    found = lake.warehouse.load(TABLE).schema().fields
    return {field.name: str(field.field_type) for field in found}


def ask(lake: Lake, statement: str) -> list[Any]:
    """Rows of a query by the embedded engine."""
    connection = open_connection(lake.settings)
    try:
        return list(connection.cursor().execute(statement).fetchall())
    finally:
        connection.close()


def test_a_new_column_is_refused_and_the_hint_says_how(lake: Lake) -> None:
    """Unless it is asked for, a table's columns are fixed."""
    lake.write(TABLE, days("2013-01-01", 1))
    with pytest.raises(BadInput, match="more is not in the table") as caught:
        lake.stage(TABLE, wider("2013-01-01", 1))
    assert 'evolve="add"' in (caught.value.hint or "")


def test_a_new_column_comes_with_its_rows(lake: Lake) -> None:
    """Until the publish nobody sees it; older rows have none; older versions keep their shape."""
    first = lake.write(TABLE, days("2013-01-01", 1))
    staged, who = lake.stage(TABLE, wider("2013-01-02", 2), mode="append", evolve="add")
    assert list(shape(lake)) == ["day", "n", "text"]
    assert len(lake.warehouse.load(TABLE).metadata.schemas) == 1
    version = lake.warehouse.publish(staged, who)
    assert (version.rows, version.total_rows) == (1, 2)
    assert list(shape(lake)) == ["day", "n", "text", "more"]
    assert [row["more"] for row in lake.rows(TABLE)] == [None, 2]
    assert not lake.warehouse.load(TABLE).schema().find_field("more").required
    assert ask(lake, f"SELECT n, more FROM {TABLE} ORDER BY n") == [[1, None], [2, 2]]
    old = f"SELECT * FROM {TABLE} FOR VERSION AS OF {first.snapshot_id}"
    assert ask(lake, old) == [[dt.date(2013, 1, 1), 1, "row 1"]]
    assert lake.warehouse.publish(staged, who) == version
    assert sorted(lake.warehouse.load(TABLE).refs()) == sorted(
        ["main", *(f"run-{one.run_id}" for one in lake.warehouse.versions(TABLE).items)]
    )
    assert not list((lake.settings.warehouse.folder / ".staging").iterdir())


def test_types_become_wider_and_never_narrower(lake: Lake) -> None:
    """What Iceberg can widen without writing old files anew; slices find old and new rows."""
    kinds = {
        "i": (pa.int32(), pa.int64(), 1, 1 << 40),
        "f": (pa.float32(), pa.float64(), 0.5, 2.0**300),
        "d": (pa.decimal128(5, 2), pa.decimal128(12, 2), Decimal("1.10"), Decimal("12345678.90")),
    }
    old = pa.table({name: pa.array([one], kind) for name, (kind, _, one, _) in kinds.items()})
    new = pa.table({name: pa.array([one], kind) for name, (_, kind, _, one) in kinds.items()})
    lake.write(TABLE, old, slice={"i": 1})
    lake.write(TABLE, new, slice={"i": 1 << 40}, evolve="add")
    assert shape(lake) == {"i": "long", "f": "double", "d": "decimal(12, 2)"}
    assert lake.rows(TABLE) == sorted([*old.to_pylist(), *new.to_pylist()], key=str)
    lake.write(TABLE, old, slice={"i": 1}, evolve="add")  # what is narrower is converted
    assert lake.write(TABLE, old.slice(0, 0), slice={"i": 1}).total_rows == 1
    assert ask(lake, f"SELECT i, f, d FROM {TABLE}") == [
        [1 << 40, 2.0**300, Decimal("12345678.90")]
    ]


@pytest.mark.parametrize("mode", ["replace", "slice", "upsert"])
def test_rows_that_stay_are_read_with_the_new_columns(lake: Lake, mode: str) -> None:
    """A file that holds rows of other slices or keys too is written anew in the new shape."""
    lake.write(TABLE, pa.concat_tables([days("2013-01-01", 1), days("2013-01-02", 2)]))
    how: dict[str, Any] = {
        "replace": {},
        "slice": {"slice": FIRST},
        "upsert": {"mode": "upsert", "keys": ("n",)},
    }[mode]
    lake.write(TABLE, wider("2013-01-01", 1), evolve="add", **how)
    found = [(row["n"], row["more"]) for row in lake.rows(TABLE)]
    assert found == ([(1, 1)] if mode == "replace" else [(1, 1), (2, None)])


@pytest.mark.parametrize(
    ("frame", "said"),
    [
        (days("2013-01-01", 1).drop_columns("text"), "no text"),
        (days("2013-01-01", 1).rename_columns(["day", "n", "txt"]), "no text"),
        (days("2013-01-01", 1).set_column(1, "n", [["a"]]), "n is string instead of int64"),
        (days("2013-01-01", 1).set_column(1, "n", [[0.5]]), "n is double instead of int64"),
        (days("2013-01-01", 1).append_column("TEXT", [["a"]]), "the same name for SQL"),
        (days("2013-01-01", 1).append_column("x", pa.nulls(1)), "type is unknown"),
    ],
)
def test_nothing_is_dropped_renamed_or_guessed(lake: Lake, frame: pa.Table, said: str) -> None:
    """The message has the difference; neither table nor branch is touched."""
    lake.write(TABLE, days("2013-01-01", 1))
    before = lake.warehouse.load(TABLE).metadata
    with pytest.raises(BadInput) as caught:
        lake.stage(TABLE, frame, evolve="add")
    assert said in caught.value.message
    assert caught.value.field == "frame"
    assert lake.warehouse.load(TABLE).metadata == before


def test_inv6_a_failed_check_leaves_the_columns_as_they_were(lake: Lake) -> None:
    """The check sees the new column; the table never gets it."""
    lake.write(TABLE, days("2013-01-01", 1))
    before = lake.warehouse.load(TABLE).metadata
    wanted = Checks(between={"more": (5, None)}, sql=("SELECT * FROM {output} WHERE more < 5",))
    with pytest.raises(CheckFailed, match=r"not 5 or more.*answers 1 row"):
        lake.stage(TABLE, wider("2013-01-01", 1), evolve="add", checks=wanted)
    assert lake.warehouse.load(TABLE).metadata == before


def test_inv3_an_attempt_that_was_discarded_changes_no_columns(lake: Lake) -> None:
    """Its branch is gone, and its files."""
    lake.write(TABLE, days("2013-01-01", 1))
    staged, who = lake.stage(TABLE, wider("2013-01-01", 2), evolve="add")
    assert staged.fence_branch in lake.warehouse.load(TABLE).refs()
    lake.warehouse.discard(who.run_id, 1)
    with pytest.raises(Refused, match="may not publish"):
        lake.warehouse.publish(staged, who)
    assert list(shape(lake)) == ["day", "n", "text"]
    assert len(lake.warehouse.load(TABLE).refs()) == 2


def test_inv3_the_commit_itself_refuses_a_zombie(
    lake: Lake, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The branch is dropped between the look and the commit: no column comes of it."""
    lake.write(TABLE, days("2013-01-01", 1))
    staged, who = lake.stage(TABLE, wider("2013-01-01", 2), evolve="add")
    other = IcebergWarehouse(lake.settings)
    stopped = threading.Event()
    meanwhile(monkeypatch, lambda: (stopped.set(), other.discard(who.run_id, 1)))
    with pytest.raises(Refused):
        lake.warehouse.publish(staged, who)
    other.close()
    assert stopped.is_set()
    assert list(shape(lake)) == ["day", "n", "text"]


@pytest.mark.parametrize("kind", [pa.int64(), pa.int32()])
def test_the_same_column_by_two_runs_is_one_column(lake: Lake, kind: pa.DataType) -> None:
    """Whoever is second finds it, and puts the rows behind; a narrower type is converted."""
    lake.write(TABLE, days("2013-01-01", 1))
    one, first = lake.stage(TABLE, wider("2013-01-02", 2), mode="append", evolve="add")
    two, second = lake.stage(TABLE, wider("2013-01-03", 3, kind=kind), mode="append", evolve="add")
    lake.warehouse.publish(one, first)
    lake.warehouse.publish(two, second)
    assert [row["more"] for row in lake.rows(TABLE)] == [None, 2, 3]
    assert len(lake.warehouse.load(TABLE).metadata.schemas) == 2


def test_the_same_column_of_another_type_is_a_conflict(lake: Lake) -> None:
    """The message says whose it is now."""
    lake.write(TABLE, days("2013-01-01", 1))
    one, first = lake.stage(TABLE, wider("2013-01-02", 2), mode="append", evolve="add")
    text = days("2013-01-03", 3).append_column("more", [["x"]])
    two, second = lake.stage(TABLE, text, mode="append", evolve="add")
    lake.warehouse.publish(one, first)
    with pytest.raises(Refused, match="more is string instead of int64"):
        lake.warehouse.publish(two, second)
    assert lake.values(TABLE) == [1, 2]


def test_columns_changed_at_the_last_moment_are_seen(
    lake: Lake, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The commit requires the columns that it was planned on, and is planned anew."""
    lake.write(TABLE, days("2013-01-01", 1))
    staged, who = lake.stage(TABLE, wider("2013-01-02", 2), mode="append", evolve="add")
    other = IcebergWarehouse(lake.settings)

    def add() -> None:
        with other.load(TABLE).update_schema() as update:
            update.add_column("more", update._schema.find_field("n").field_type)

    meanwhile(monkeypatch, add)
    version = lake.warehouse.publish(staged, who)
    other.close()
    assert version.total_rows == 2
    assert [row["more"] for row in lake.rows(TABLE)] == [None, 2]
    assert len(lake.warehouse.load(TABLE).metadata.schemas) == 2


def test_rows_staged_for_the_older_columns_are_a_conflict(lake: Lake) -> None:
    """A run that knew less is told to run again, and then finds what it lacks."""
    lake.write(TABLE, days("2013-01-01", 1))
    staged, who = lake.stage(TABLE, days("2013-01-02", 2), mode="append")
    lake.write(TABLE, wider("2013-01-03", 3), mode="append", evolve="add")
    with pytest.raises(Refused, match=r"columns of analytics\.flights were changed"):
        lake.warehouse.publish(staged, who)


def test_two_outputs_of_one_run_may_bring_one_column(lake: Lake) -> None:
    """Both wait until the run has succeeded; the first brings the column."""
    lake.write(TABLE, days("2013-01-01", 1))
    who = lake.provenance()
    staged = [
        lake.stage(TABLE, wider("2013-01-02", number), who, mode="append", evolve="add")[0]
        for number in (2, 3)
    ]
    for item in staged:
        lake.warehouse.publish(item, who)
    assert [row["more"] for row in lake.rows(TABLE)] == [None, 2, 3]


def test_a_table_without_versions_evolves_too(lake: Lake) -> None:
    """It has no main to branch from."""
    catalog = lake.warehouse._lake.catalog
    catalog.create_namespace("analytics")
    catalog.create_table(TABLE, days("2013-01-01", 1).schema)
    version = lake.write(TABLE, wider("2013-01-01", 1), evolve="add")
    assert (version.total_rows, lake.rows(TABLE)[0]["more"]) == (1, 1)


def meanwhile(patch: pytest.MonkeyPatch, act: Any) -> None:
    """Does something once, right before the next commit, without waiting for its lock."""
    real, done = SqlCatalog.commit_table, []

    def late(self: SqlCatalog, *arguments: Any) -> Any:
        if not done:
            done.append(1)
            with patch.context() as inner:
                inner.setattr(
                    publish, "committing", lambda *_: contextlib.nullcontext(lambda: None)
                )
                act()
        return real(self, *arguments)

    patch.setattr(SqlCatalog, "commit_table", late)

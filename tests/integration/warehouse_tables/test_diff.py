"""What changed from one version to another, found out by the engine."""

import datetime as dt
import threading
from decimal import Decimal
from typing import Any

import pyarrow as pa
import pytest
from pyiceberg.types import LongType

from jupyter_orch.domain.errors import BadInput, NotFound, Refused
from jupyter_orch.domain.outputs import Checks
from jupyter_orch.domain.versions import RowSample, TableDiff

from .conftest import Lake, days, folder_only

TABLE = "analytics.flights"


def table(**columns: pa.Array) -> pa.Table:
    """Rows of these columns."""
    return pa.table(columns)


def diff(lake: Lake, before: int, after: int, **more: Any) -> TableDiff:
    """Two versions compared."""
    return lake.warehouse.diff(TABLE, before, after, **more)


def two(lake: Lake, old: pa.Table, new: pa.Table, **more: Any) -> TableDiff:
    """Two versions of these rows, compared."""
    first = lake.write(TABLE, old)
    second = lake.write(TABLE, new)
    return diff(lake, first.snapshot_id, second.snapshot_id, **more)


def test_rows_with_a_key_are_added_removed_or_changed(lake: Lake) -> None:
    """Equal rows are not mentioned."""
    old = table(k=pa.array([1, 2, 3]), v=pa.array(["a", "b", "c"]))
    new = table(k=pa.array([2, 3, 4]), v=pa.array(["b", "x", "d"]))
    found = two(lake, old, new, keys=["k"])
    assert (found.added, found.removed, found.changed) == (1, 1, 1)
    assert (found.rows_before, found.rows_after, found.keys) == (3, 3, ("k",))
    assert set(found.sample) == {
        RowSample(change="added", before=None, after=(4, "d")),
        RowSample(change="removed", before=(1, "a"), after=None),
        RowSample(change="changed", before=(3, "c"), after=(3, "x")),
    }
    assert not found.truncated


def test_rows_without_a_key_are_counted_as_except_all_does(lake: Lake) -> None:
    """Two equal rows are two rows, and NULL equals NULL."""
    old = table(v=pa.array([1, 1, 1, None, 2], pa.int64()))
    new = table(v=pa.array([1, None, None, 2], pa.int64()))
    found = two(lake, old, new)
    assert (found.added, found.removed, found.changed) == (1, 2, 0)
    assert set(found.sample) == {
        RowSample(change="removed", before=(1,), after=None, times=2),
        RowSample(change="added", before=None, after=(None,)),
    }


def test_columns_that_were_checked_to_be_unique_are_keys(lake: Lake) -> None:
    """Within a slice together with it; where they name no row, whole rows are compared."""
    checks = Checks(unique=("n",))
    lake.write(TABLE, days("2013-01-01", 1, 2), slice={"day": "2013-01-01"}, checks=checks)
    new = days("2013-01-02", 1, 2)
    first = lake.write(TABLE, new, slice={"day": "2013-01-02"}, checks=checks)
    new = new.set_column(2, "text", pa.array(["row 1", "other"]))
    second = lake.write(TABLE, new, slice={"day": "2013-01-02"}, checks=checks)
    found = diff(lake, first.snapshot_id, second.snapshot_id)
    assert (found.keys, found.added, found.removed, found.changed) == (("day", "n"), 0, 0, 1)
    third = lake.write(TABLE, days("2013-01-03", 1, 1), mode="append")
    found = diff(lake, second.snapshot_id, third.snapshot_id)
    assert (found.keys, found.added) == ((), 2)
    fourth = lake.write(TABLE, days("2013-01-04", 1), checks=Checks(unique=("n",), severity="warn"))
    fifth = lake.write(TABLE, days("2013-01-04", 2))
    found = diff(lake, fourth.snapshot_id, fifth.snapshot_id)
    assert (found.keys, found.added, found.removed) == (("n",), 1, 1)


def test_keys_of_an_upsert_are_known(lake: Lake) -> None:
    """Nobody has to name them."""
    first = lake.write(TABLE, days("2013-01-01", 1, 2), mode="upsert", keys=("n",))
    second = lake.write(TABLE, days("2013-01-02", 2), mode="upsert", keys=("n",))
    found = diff(lake, first.snapshot_id, second.snapshot_id)
    assert (found.keys, found.added, found.removed, found.changed) == (("n",), 0, 0, 1)


def test_keys_that_rows_share_are_refused(lake: Lake) -> None:
    """Only unique ones tell rows apart."""
    old = table(k=pa.array([1, 1]), v=pa.array([1, 2]))
    new = table(k=pa.array([1, 1]), v=pa.array([3, 4]))
    with pytest.raises(BadInput, match="do not tell rows apart"):
        two(lake, old, new, keys=["k"])
    first, second = (each.snapshot_id for each in lake.warehouse.versions(TABLE).items)
    with pytest.raises(BadInput, match="'nothing' is not a column of both"):
        diff(lake, first, second, keys=["nothing"])


def test_columns_that_came_went_or_widened_are_named(lake: Lake) -> None:
    """Rows are compared by what both versions have."""
    first = lake.write(TABLE, table(a=pa.array([1], pa.int32()), gone=pa.array(["x"])))
    with lake.warehouse.load(TABLE).update_schema() as update:
        update.update_column("a", LongType())
        update.delete_column("gone")
        update.add_column("late", LongType())
    second = lake.write(TABLE, table(a=pa.array([1, 5]), late=pa.array([1, 2])))
    found = diff(lake, first.snapshot_id, second.snapshot_id)
    assert {(each.name, each.change, each.before, each.after) for each in found.schema} == {
        ("gone", "removed", "varchar", None),
        ("late", "added", None, "bigint"),
        ("a", "type", "integer", "bigint"),
    }
    assert (found.compared, found.added, found.removed) == (("a",), 1, 0)


def test_facts_of_each_column(lake: Lake) -> None:
    """Null rate, different values, least, most, and the mean of numbers."""
    old = table(n=pa.array([1, 3, None], pa.int64()), t=pa.array(["a", "b", "b"]))
    new = table(n=pa.array([4, 4, 7], pa.int64()), t=pa.array([None, "c", "d"]))
    found = {column.name: column for column in two(lake, old, new).columns}
    before, after = found["n"].before, found["n"].after
    assert (before.distinct, before.least, before.most, before.mean) == (2, 1, 3, 2.0)
    assert before.null_rate == pytest.approx(1 / 3)
    assert (after.null_rate, after.distinct, after.mean) == (0, 2, 5.0)
    assert (found["t"].after.least, found["t"].after.mean) == ("c", None)


def test_every_type_is_compared(lake: Lake) -> None:
    """Also nested ones, and those that JSON does not have."""

    def rows(shift: int) -> pa.Table:
        moment = dt.datetime(2013, 3, 10, 2, 30, tzinfo=dt.UTC) + dt.timedelta(days=shift)
        return table(
            k=pa.array([1]),
            day=pa.array([moment.date()], pa.date32()),
            at=pa.array([moment.replace(tzinfo=None)], pa.timestamp("us")),
            instant=pa.array([moment], pa.timestamp("us", "UTC")),
            money=pa.array([Decimal("1.10") + shift], pa.decimal128(12, 2)),
            part=pa.array([float("nan") if shift else 0.5]),
            yes=pa.array([bool(shift)]),
            raw=pa.array([b"\x00" * shift], pa.binary()),
            many=pa.array([[1, shift]], pa.list_(pa.int64())),
            pair=pa.array([{"x": shift}], pa.struct([("x", pa.int64())])),
        )

    found = two(lake, rows(0), rows(1), keys=["k"])
    (row,) = found.sample
    assert row.before is not None
    assert row.after is not None
    assert dict(zip(found.compared, row.after, strict=True)) == {
        "k": 1,
        "day": "2013-03-11",
        "at": "2013-03-11T02:30:00",
        "instant": "2013-03-11T02:30:00Z",
        "money": "2.10",
        "part": "nan",
        "yes": True,
        "raw": "AA==",
        "many": [1, 1],
        "pair": [1],
    }


def test_hostile_names_of_columns_are_only_names(lake: Lake) -> None:
    """Quotes, semicolons and words of SQL."""
    name = 'a"; DROP TABLE x; --'
    old = pa.table({name: [1], "select": ["x"], "c0": [1]})
    new = pa.table({name: [2], "select": ["y"], "c0": [1]})
    found = two(lake, old, new, keys=["c0"])
    assert (found.compared, found.changed) == ((name, "select", "c0"), 1)


def test_the_sample_is_bounded(lake: Lake) -> None:
    """Some of each kind, and long texts only as far as anybody would read."""
    old = table(k=pa.array(range(1000)), v=pa.array(["x" * 5000] * 1000))
    new = table(k=pa.array(range(500, 1500)), v=pa.array(["y" * 5000] * 1000))
    found = two(lake, old, new, keys=["k"])
    assert (found.added, found.removed, found.changed) == (500, 500, 500)
    assert len(found.sample) == 100
    assert found.truncated
    assert {row.change for row in found.sample} == {"added", "removed", "changed"}
    assert all(len(str((row.before or row.after or ("", ""))[1])) == 300 for row in found.sample)


@folder_only
def test_files_of_both_versions_are_not_compared(lake: Lake, monkeypatch: Any) -> None:
    """What they share cancels out unread; the answer is the same."""
    asked: list[str] = []
    from jupyter_orch.warehouse.ask import Asking

    real = Asking.rows
    monkeypatch.setattr(Asking, "rows", lambda self, sql: asked.append(sql) or real(self, sql))
    first = lake.write(TABLE, days("2013-01-01", 1, 2), slice={"day": "2013-01-01"})
    second = lake.write(TABLE, days("2013-01-02", 3), slice={"day": "2013-01-02"})
    found = diff(lake, first.snapshot_id, second.snapshot_id)
    assert (found.added, found.removed) == (1, 0)
    assert found.sample[0].after == ("2013-01-02", 3, "row 3")
    assert any('"$path" IN' in sql for sql in asked)
    assert (diff(lake, second.snapshot_id, first.snapshot_id).removed) == 1


def test_a_version_compared_with_itself_is_equal(lake: Lake) -> None:
    """Nothing is added, removed or changed."""
    only = lake.write(TABLE, days("2013-01-01", 1)).snapshot_id
    found = diff(lake, only, only)
    assert (found.added, found.removed, found.changed, found.sample) == (0, 0, 0, ())


def test_an_unknown_version_is_named(lake: Lake) -> None:
    """It may have expired."""
    only = lake.write(TABLE, days("2013-01-01", 1)).snapshot_id
    with pytest.raises(NotFound, match="no version 5"):
        diff(lake, only, 5)


def test_a_comparison_that_nobody_waits_for_ends(lake: Lake) -> None:
    """The engine is told, and stops in the middle of a query."""
    many = pa.table({"k": pa.array(range(3_000_000)), "v": pa.array(["x"] * 3_000_000)})
    first = lake.write(TABLE, many)
    second = lake.write(TABLE, many.set_column(1, "v", pa.array(["y"] * 3_000_000)))
    left = threading.Event()
    threading.Timer(0.2, left.set).start()
    with pytest.raises(Refused, match="nobody waits"):
        diff(lake, first.snapshot_id, second.snapshot_id, keys=["k"], gone=left.is_set)

"""How a table's files are laid out: given when it is made, kept afterwards."""

import datetime as dt
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from jupyter_orch.domain.errors import BadInput, Refused
from jupyter_orch.warehouse import layout

from .conftest import Lake, days, folder_only

TABLE = "analytics.flights"
FIRST = {"day": "2013-01-01"}


def events(*hours: int) -> pa.Table:
    """An event in each of these hours of 2013."""
    start = dt.datetime(2013, 1, 1, tzinfo=dt.UTC)
    return pa.table(
        {
            "ts": pa.array(
                [start + dt.timedelta(hours=hour) for hour in hours], pa.timestamp("us", tz="UTC")
            ),
            "id": pa.array(hours, pa.int64()),
            "name": [f"name {hour}" for hour in hours],
            "n": pa.array(hours, pa.int64()),
        }
    )


def fields(lake: Lake) -> list[tuple[str, str]]:
    """Names and transforms of the partitions."""
    found = lake.warehouse.load(TABLE).spec().fields
    return [(field.name, str(field.transform)) for field in found]


@pytest.mark.parametrize(
    ("wanted", "found"),
    [
        (("name",), [("name", "identity")]),
        (('"name"',), [("name", "identity")]),
        (("year(ts)",), [("ts_year", "year")]),
        (("month(ts)",), [("ts_month", "month")]),
        (("day(ts)", "bucket(16, id)"), [("ts_day", "day"), ("id_bucket", "bucket[16]")]),
        (("HOUR( ts )",), [("ts_hour", "hour")]),
        (("bucket(id, 16)",), [("id_bucket", "bucket[16]")]),
        (("truncate(name, 4)",), [("name_trunc", "truncate[4]")]),
        ((), []),
        (None, []),
    ],
)
def test_partitions_are_written_as_trino_users_know_them(
    lake: Lake, wanted: Any, found: list[tuple[str, str]]
) -> None:
    """Names are Trino's too; the rows come back, also by a replace."""
    for _ in range(2):
        lake.write(TABLE, events(1, 30, 2000), partition_by=wanted)
    assert fields(lake) == found
    assert lake.values(TABLE) == [1, 30, 2000]


def test_a_slice_partitions_unless_it_is_told_otherwise(lake: Lake) -> None:
    """The slice's columns by default; a transform of them, or none at all, when it is said."""
    lake.write(TABLE, days("2013-01-01", 1), slice=FIRST)
    assert fields(lake) == [("day", "identity")]
    for name, wanted in (("b", ("month(day)", "n")), ("c", ())):
        for number in (1, 2):
            frame = days("2013-01-01", number)
            lake.write(f"analytics.{name}", frame, slice=FIRST, partition_by=wanted)
        assert lake.values(f"analytics.{name}") == [2]
        spec = lake.warehouse.load(f"analytics.{name}").spec()
        assert len(spec.fields) == len(wanted)


@pytest.mark.parametrize(
    ("wanted", "said"),
    [
        ("nope", "'nope', which is not a column"),
        ("day(nope)", "not a column"),
        ("week(ts)", "'week(ts)' is not a partition"),
        ("bucket(id)", "not a partition"),
        ("bucket(0, id)", "not a partition"),
        ("day(ts, 3)", "not a partition"),
        ("day(ts) desc", "not a partition"),
        ("", "not a partition"),
        ("day(name)", "'name' is a column of type string"),
        ("truncate(3, ts)", "'ts' is a column of type timestamptz"),
    ],
)
def test_a_partition_that_cannot_be_is_named(lake: Lake, wanted: str, said: str) -> None:
    """Nothing is staged."""
    with pytest.raises(BadInput) as caught:
        lake.stage(TABLE, events(1), partition_by=("id", wanted))
    assert said in caught.value.message
    assert caught.value.field == "partition_by"


@pytest.mark.parametrize(
    ("wanted", "said"),
    [(("n",), "partition_by leaves out"), (("day", "day"), "twice")],
)
def test_partitions_that_do_not_go_together_are_refused(
    lake: Lake, wanted: tuple[str, ...], said: str
) -> None:
    """Above all those by which a run for one slice would write the files of others anew."""
    with pytest.raises(BadInput, match=said) as caught:
        lake.stage(TABLE, days("2013-01-01", 1), slice=FIRST, partition_by=wanted)
    assert caught.value.field == "partition_by"


def test_another_partitioning_than_the_tables_is_refused_with_both(lake: Lake) -> None:
    """The same one may be said again, in any order and spelling."""
    lake.write(TABLE, events(1), partition_by=("day(ts)", "bucket(id, 4)"))
    lake.write(TABLE, events(2), partition_by=("bucket(4, id)", "DAY(ts)"), mode="append")
    lake.write(TABLE, events(3), mode="append")
    who = lake.provenance()
    with pytest.raises(BadInput) as caught:
        lake.stage(TABLE, events(4), who, partition_by=("month(ts)",))
    assert caught.value.message == (
        f"{TABLE} is partitioned by day(ts), bucket(id, 4), not by month(ts)."
    )
    assert caught.value.field == "partition_by"
    assert len(lake.warehouse.load(TABLE).refs()) == 4  # main and three tags


def test_a_table_made_meanwhile_with_another_layout_is_a_conflict(lake: Lake) -> None:
    """The rows are not forced into it."""
    staged, who = lake.stage(TABLE, events(1), partition_by=("day(ts)",))
    lake.write(TABLE, events(2), partition_by=("month(ts)",))
    with pytest.raises(Refused, match=r"partitioned by month\(ts\), not by day\(ts\)"):
        lake.warehouse.publish(staged, who)


@folder_only
def test_more_partitions_than_anybody_wants_are_refused(
    lake: Lake, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Each of them would be a file; found before any is written."""
    monkeypatch.setattr(layout, "MOST_PARTITIONS", 10)
    lake.write(TABLE, events(*range(10)), partition_by=("id",))
    with pytest.raises(BadInput, match="more than 10 partitions by id") as caught:
        lake.stage(TABLE, events(*range(11)))
    assert caught.value.field == "partition_by"
    (folder,) = (lake.settings.warehouse.folder / "analytics").glob("flights-*")
    assert len(list(folder.rglob("*.parquet"))) == 10


def test_rows_are_sorted_within_each_file_and_the_table_says_so(lake: Lake) -> None:
    """Also rows of a later output that says nothing of it."""
    order = ("name DESC NULLS FIRST", "n")
    frame = pa.table({"name": ["a", None, "b", "b"], "n": [1, 2, 4, 3]})
    lake.write(TABLE, frame, sort_by=order)
    lake.write(TABLE, frame, mode="append")
    lake.write(TABLE, frame, mode="append", sort_by=order)
    table = lake.warehouse.load(TABLE)
    shown = [
        (
            table.schema().find_column_name(field.source_id),
            field.direction.name,
            field.null_order.name,
        )
        for field in table.sort_order().fields
    ]
    assert shown == [("name", "DESC", "NULLS_FIRST"), ("n", "ASC", "NULLS_FIRST")]
    files = [task.file.file_path for task in table.scan().plan_files()]
    assert len(files) == 3
    for file in files:
        rows = pq.read_table(table.io.new_input(file).open()).to_pydict()
        assert rows == {"name": [None, "b", "b", "a"], "n": [2, 3, 4, 1]}


def test_an_order_may_be_given_to_files_of_a_table_that_has_none(lake: Lake) -> None:
    """The table's own order stays as it is: the files are sorted, and that is all."""
    lake.write(TABLE, days("2013-01-01", 3, 1, 2))
    lake.write(TABLE, days("2013-01-01", 3, 1, 2), sort_by=("n",))
    table = lake.warehouse.load(TABLE)
    (file,) = [task.file.file_path for task in table.scan().plan_files()]
    read = pq.read_table(table.io.new_input(file).open())
    assert read.column("n").to_pylist() == [1, 2, 3]
    assert table.sort_order().is_unsorted


@pytest.mark.parametrize(
    ("wanted", "said"),
    [
        ("nope", "'nope', which is not a column"),
        ("n upwards", "not an order"),
        ("many", "no order"),
        ("n desc", "twice"),
        ("", "not an order"),
    ],
)
@pytest.mark.parametrize("exists", [False, True])
def test_an_order_that_cannot_be_is_named(lake: Lake, wanted: str, said: str, exists: bool) -> None:
    """Whether or not the table exists, nothing is staged."""
    frame = pa.table({"n": [1], "many": [[1]]})
    if exists:
        lake.write(TABLE, frame)
    with pytest.raises(BadInput, match=said) as caught:
        lake.stage(TABLE, frame, sort_by=("n", wanted))
    assert caught.value.field == "sort_by"


def test_another_order_than_the_tables_is_refused_with_both(lake: Lake) -> None:
    """The table has one order."""
    lake.write(TABLE, days("2013-01-01", 1), sort_by=("n",))
    with pytest.raises(BadInput) as caught:
        lake.stage(TABLE, days("2013-01-01", 1), sort_by=("n desc",))
    assert "sorted by n ASC NULLS FIRST, not by n DESC NULLS LAST" in caught.value.message
    assert caught.value.field == "sort_by"

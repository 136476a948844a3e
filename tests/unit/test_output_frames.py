"""Frames become Arrow tables exactly, or are refused by the column's name."""

import datetime as dt
from decimal import Decimal
from typing import Any

import numpy as np
import pandas as pd
import pyarrow as pa
import pytest

from jupyter_orch.domain.errors import BadInput
from jupyter_orch.warehouse import frames
from jupyter_orch.warehouse.results import arrow_type


def whole(frame: Any) -> pa.Table:
    """All pieces of a frame."""
    return pa.concat_tables(frames.tables(frame))


@pytest.mark.parametrize(
    ("column", "kind", "values"),
    [
        (pd.array([1, None], "Int8"), pa.int32(), [1, None]),
        (pd.array([1, None], "UInt32"), pa.int64(), [1, None]),
        (np.array([1.5, np.nan], "float32"), pa.float32(), [1.5, None]),
        (pd.Categorical(["a", None]), pa.string(), ["a", None]),
        ([Decimal("1.10"), None], pa.decimal128(3, 2), [Decimal("1.10"), None]),
        ([dt.date(2013, 1, 1), None], pa.date32(), [dt.date(2013, 1, 1), None]),
        ([dt.time(6, 30), None], pa.time64("us"), [dt.time(6, 30), None]),
        ([True, None], pa.bool_(), [True, None]),
        ([b"x", None], pa.binary(), [b"x", None]),
        ([[1, 2], None], pa.list_(pa.int64()), [[1, 2], None]),
        (
            pd.to_datetime(["2013-03-10 02:30:00.123456", None]).as_unit("ns"),
            pa.timestamp("us"),
            [dt.datetime.fromisoformat("2013-03-10T02:30:00.123456"), None],
        ),
    ],
)
def test_pandas_columns_keep_their_values(
    column: Any, kind: pa.DataType, values: list[Any]
) -> None:
    """Each type that a notebook has gets the type that tables have."""
    found = whole(pd.DataFrame({"x": column}))
    assert found.schema.field("x").type == kind
    assert found.column("x").to_pylist() == values


def test_instants_become_utc() -> None:
    """A time zone is an instant; the zone itself is not kept."""
    berlin = pd.Series(pd.to_datetime(["2013-07-01 12:00"]).tz_localize("Europe/Berlin"))
    found = whole(pd.DataFrame({"x": berlin}))
    assert found.schema.field("x").type == pa.timestamp("us", tz="UTC")
    assert found.column("x").to_pylist()[0].isoformat() == "2013-07-01T10:00:00+00:00"


def test_a_named_index_is_kept_and_another_dropped() -> None:
    """What `groupby` makes is data; a row number is not."""
    frame = pd.DataFrame({"carrier": ["UA", "UA", "AA"], "delay": [1, 2, 3]})
    assert whole(frame.groupby("carrier").sum()).column_names == ["carrier", "delay"]
    assert whole(frame.iloc[1:]).column_names == ["carrier", "delay"]


@pytest.mark.parametrize(
    ("frame", "said"),
    [
        (pd.DataFrame({"x": [pd.Timedelta(1)]}), "'x' has the type duration"),
        (pd.DataFrame({"x": [1, "a"]}), "column x"),
        (pd.DataFrame({"x": [1 + 2j]}), "x"),
        (pd.DataFrame({"x": np.array([1 << 63], "uint64")}), "'x'"),
        (pd.DataFrame({"x": pd.to_datetime(["2013-01-01"]) + pd.Timedelta("1ns")}), "'x'"),
        (pd.DataFrame({0: [1]}), "0 is not text"),
        (pd.DataFrame({" ": [1]}), "is not text"),
        (pd.DataFrame([[1, 2]], columns=["a", "A"]), "the same name for SQL"),
        (pd.DataFrame([[1, 2]], columns=["a", "a"]), "the same name for SQL"),
        (pd.DataFrame(), "no columns"),
        ([{"a": 1}], "A list cannot be written"),
        (pa.table({"x": pa.array([1], pa.duration("s"))}), "'x' has the type duration"),
        (pa.table({"x": pa.array([{"y": None}], pa.struct([("y", pa.duration("s"))]))}), "'x.y'"),
    ],
)
def test_what_has_no_place_in_a_table_is_refused_by_name(frame: Any, said: str) -> None:
    """One sentence, with the column."""
    with pytest.raises(BadInput, match=said) as caught:
        whole(frame)
    assert caught.value.field == "frame"


def test_arrow_in_every_shape() -> None:
    """Tables, batches, readers and streams are the same rows."""
    table = pa.table({"x": [1, 2]})
    batch = table.to_batches()[0]
    reader = pa.RecordBatchReader.from_batches(table.schema, [batch, batch])
    assert whole(table).equals(whole(batch))
    assert whole(reader).num_rows == 4

    class Stream:
        def __arrow_c_stream__(self, requested_schema: object = None) -> object:
            return table.__arrow_c_stream__()

    assert whole(Stream()).equals(whole(table))


@pytest.mark.parametrize(
    ("text", "kind"),
    [
        ("bigint", pa.int64()),
        ("decimal(12,2)", pa.decimal128(12, 2)),
        ("varchar(7)", pa.string()),
        ("char(2)", pa.string()),
        ("timestamp(3)", pa.timestamp("us")),
        ("timestamp(6) with time zone", pa.timestamp("us", tz="UTC")),
        ("array(map(varchar, decimal(3, 1)))", pa.list_(pa.map_(pa.string(), pa.decimal128(3, 1)))),
        (
            'row(a bigint, "b c" array(date))',
            pa.struct([("a", pa.int64()), ("b c", pa.list_(pa.date32()))]),
        ),
        ("unknown", pa.null()),
    ],
)
def test_types_of_queries(text: str, kind: pa.DataType) -> None:
    """A query's type is read as Trino writes it."""
    assert arrow_type(text, "x") == kind


@pytest.mark.parametrize(
    "text", ["interval day to second", "time(3) with time zone", "hyperloglog"]
)
def test_types_that_tables_lack_name_the_column(text: str) -> None:
    """The way out is a cast in the query."""
    with pytest.raises(BadInput, match="'x' has the type") as caught:
        arrow_type(text, "x")
    assert "CAST" in (caught.value.hint or "")

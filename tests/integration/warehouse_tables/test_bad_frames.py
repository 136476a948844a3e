"""Frames that no table should get: one clear message, and nothing left behind."""

import datetime as dt
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from sqlalchemy import text

import jupyter_orch as orch
from jupyter_orch.domain.errors import BadInput, OrchError
from jupyter_orch.domain.outputs import Checks
from jupyter_orch.settings import load
from jupyter_orch.warehouse import publish
from jupyter_orch.warehouse.iceberg import IcebergWarehouse

from .conftest import Lake, days

TABLE = "analytics.flights"
FRAME = pd.DataFrame({"day": [dt.date(2013, 1, 1)] * 2, "n": [1, 2], "text": ["a", "b"]})


@pytest.fixture(autouse=True)
def state_dir(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Path:
    """State of the notebook's own."""
    monkeypatch.setenv("JUPYTER_ORCH__STATE__DIR", str(tmp_path / "state"))
    monkeypatch.setenv("JUPYTER_ORCH_CONFIG", str(tmp_path / "none.toml"))
    return tmp_path / "state"


def left(state_dir: Path) -> tuple[set[str], list[Path], list[Path]]:
    """Branches and tags of the table, files of its folder, and what is staged."""
    warehouse = IcebergWarehouse(load())
    try:
        refs = set(warehouse.load(TABLE).refs())
    except OrchError:
        refs = set()
    finally:
        warehouse.close()
    folder = state_dir / "warehouse"
    staged = [path for path in folder.glob(".staging/**/*") if path.is_file()]
    return refs, sorted(folder.glob("analytics/**/*.parquet")), staged


@pytest.mark.parametrize("exists", [False, True])
@pytest.mark.parametrize(
    ("arguments", "frame", "field", "said"),
    [
        ({}, FRAME.rename(columns={"text": "N"}), "frame", "the same name for SQL"),
        ({}, pd.concat([FRAME, FRAME["n"]], axis=1), "frame", "the same name for SQL"),
        ({}, FRAME.rename(columns={"text": ""}), "frame", "is not text"),
        ({}, FRAME.rename(columns={"text": 7}), "frame", "7 is not text"),
        ({}, FRAME.assign(n=[1, "a"]), "frame", "column n"),
        ({}, FRAME.assign(n=[1 + 1j, 2]), "frame", "n"),
        ({}, FRAME.assign(text=pd.Timedelta("1s")), "frame", "duration"),
        (
            {},
            FRAME.assign(text=pd.Timestamp("2013-01-01") + pd.Timedelta("1ns")),
            "frame",
            "'text'",
        ),
        ({}, FRAME.assign(n=np.array([1, 1 << 63], "uint64")), "frame", "'n'"),
        ({}, FRAME.assign(day=["2013-01-01", None]).assign(text=None), "frame", "text|day"),
        ({"slice": {"day": "2013-01-02"}}, FRAME, "slice", "2 of 2 rows lie outside the slice"),
        ({"slice": {"day": "soon"}}, FRAME, "slice", "'soon'"),
        ({"slice": {"dey": "2013-01-01"}}, FRAME, "slice", "not a column"),
        ({"mode": "upsert", "keys": ["day"]}, FRAME, "keys", "more than once"),
        (
            {"mode": "upsert", "keys": ["text"]},
            FRAME.assign(text=[None, "a"]),
            "keys",
            "without the",
        ),
        ({"partition_by": ["week(day)"]}, FRAME, "partition_by", "not a partition"),
        ({"sort_by": ["nope"]}, FRAME, "sort_by", "not a column"),
        ({}, days("2013-01-01"), "checks", "0 rows came"),
        ({}, None, "frame", "NoneType cannot be written"),
        ({}, [1, 2], "frame", "list cannot be written"),
    ],
)
def test_a_bad_frame_is_one_message_and_nothing_else(
    *,
    state_dir: Path,
    exists: bool,
    arguments: dict[str, Any],
    frame: Any,
    field: str,
    said: str,
) -> None:
    """By the block as a notebook uses it, for a table that is there and for one that is not."""
    if exists:
        with orch.output(TABLE) as out:
            out.write(FRAME)
    before = left(state_dir)
    with pytest.raises(OrchError, match=said) as caught, orch.output(TABLE, **arguments) as out:
        out.write(frame).check(rows_min=1)
    assert caught.value.field == field
    assert "\n" not in caught.value.message
    assert left(state_dir) == before


@pytest.mark.parametrize(
    ("arguments", "field"),
    [
        ({"partition_by": "day(", "table": TABLE}, None),
        ({"partition_by": [3], "table": TABLE}, "partition_by"),
        ({"partition_by": 3, "table": TABLE}, "partition_by"),
        ({"sort_by": [None], "table": TABLE}, "sort_by"),
        ({"evolve": "drop", "table": TABLE}, "evolve"),
        ({"evolve": True, "table": TABLE}, "evolve"),
        ({"table": "analytics.$files"}, "table"),
        ({"table": "analytics.flights$snapshots"}, "table"),
        ({"table": "system.runtime"}, "table"),
        ({"table": "analytics." + "x" * 200}, "table"),
        ({"table": ""}, "table"),
        ({"table": None}, "table"),
        ({"table": "../analytics.flights"}, "table"),
    ],
)
def test_bad_arguments_fail_the_call(arguments: dict[str, Any], field: str | None) -> None:
    """Before anything is computed; what needs the columns is found when the block is left."""
    if field is None:
        orch.output(**arguments)
        return
    with pytest.raises(BadInput) as caught:
        orch.output(**arguments)
    assert caught.value.field == field


@pytest.mark.parametrize(
    "arguments",
    [
        {"severity": "info"},
        {"rows_min": "3"},
        {"rows_max": True},
        {"accepted": ["JFK"]},
        {"accepted": {"text": "JFK"}},
        {"accepted": {"text": range(10_001)}},
        {"accepted": {"text": [object()]}},
        {"between": {"n": 3}},
        {"between": {"n": (5, 3)}},
        {"between": {"n": (None, None)}},
        {"between": {"n": (0, float("nan"))}},
        {"fresh": {"day": "yesterday"}},
        {"fresh": {"day": -1}},
        {"fresh": {"day": dt.timedelta(-1)}},
        {"rows_change": 0.5},
        {"rows_change": (2, 0.5)},
        {"rows_change": ("a", None)},
        {"nulls_change": {"n": 10}},
        {"nulls_change": 0.1},
    ],
)
def test_bad_checks_fail_the_call(state_dir: Path, arguments: dict[str, Any]) -> None:
    """Field `checks`, and the block is left as by any exception."""
    with pytest.raises(BadInput) as caught, orch.output(TABLE) as out:
        out.write(FRAME).check(**arguments)
    assert caught.value.field == "checks"
    assert left(state_dir) == (set(), [], [])


@pytest.mark.slow
def test_ten_thousand_columns_are_a_table(lake: Lake) -> None:
    """It is no good idea, and works; the difference of another frame stays short."""
    wide = pa.table({f"column_{number}": [number] for number in range(10_000)})
    assert lake.write(TABLE, wide, checks=Checks(not_null=("column_9999",))).rows == 1
    assert lake.rows(TABLE)[0]["column_9999"] == 9999
    with pytest.raises(BadInput) as caught:
        lake.stage(TABLE, days("2013-01-01", 1))
    assert len(caught.value.message) < 1000
    assert "and 9,983 more" in caught.value.message


def test_numbers_that_are_none_are_kept_as_they_are(lake: Lake) -> None:
    """Arrow's NaN and infinity are values of a double; pandas' NaN is a missing value."""
    lake.write(TABLE, pa.table({"x": [1.0, float("nan"), float("inf"), None]}))
    found = lake.warehouse.load(TABLE).scan().to_arrow().column("x")
    assert found.null_count == 1
    assert str(found.to_pylist()) == "[1.0, nan, inf, None]"
    with orch.output(TABLE) as out:
        out.write(pd.DataFrame({"x": [1.0, np.nan, np.inf]}))
    assert orch.read(TABLE, arrow=True).column("x").to_pylist() == [1.0, None, float("inf")]


@pytest.mark.parametrize(
    ("value", "kind"),
    [
        (dt.date(1, 1, 1), pa.date32()),
        (dt.date(9999, 12, 31), pa.date32()),
        (dt.datetime.fromisoformat("0001-01-01T00:00:00"), pa.timestamp("us")),
        (dt.datetime.fromisoformat("9999-12-31T23:59:59.999999"), pa.timestamp("us")),
    ],
)
def test_the_first_and_the_last_day_are_kept(lake: Lake, value: Any, kind: pa.DataType) -> None:
    """Python's whole calendar."""
    lake.write(TABLE, pa.table({"x": pa.array([value], kind)}), slice={"x": value.isoformat()})
    assert lake.rows(TABLE) == [{"x": value}]


@pytest.mark.parametrize(
    ("column", "kind"),
    [
        (pa.array([1 << 40], pa.int64()).cast(pa.timestamp("s")), "timestamp"),
        (pa.array([4_000_000], pa.int32()).cast(pa.date32()), "date"),
        (pa.array([-1_000_000], pa.int32()).cast(pa.date32()), "date"),
    ],
)
def test_days_beyond_the_calendar_are_refused(state_dir: Path, column: Any, kind: str) -> None:
    """No client could show them; the message has the column."""
    with pytest.raises(BadInput, match="'when'") as caught, orch.output(TABLE) as out:
        out.write(pa.table({"when": column}))
    assert left(state_dir) == (set(), [], [])
    assert caught.value.field == "frame"
    assert kind in caught.value.message
    assert "9999" in (caught.value.hint or "") + caught.value.message


def test_timestamps_of_any_zone_are_instants(lake: Lake) -> None:
    """A zone is not kept, and does not meet timestamps without one."""
    berlin = pd.DataFrame({"x": pd.to_datetime(["2013-07-01 12:00"]).tz_localize("Europe/Berlin")})
    with orch.output(TABLE) as out:
        out.write(berlin)
    (found,) = orch.read(TABLE, arrow=True).column("x").to_pylist()
    assert found.isoformat() == "2013-07-01T10:00:00+00:00"
    with (
        pytest.raises(BadInput, match=r"x is timestamp\[us\] instead of timestamp\[us, tz=UTC\]"),
        orch.output(TABLE) as out,
    ):
        out.write(berlin.assign(x=berlin["x"].dt.tz_localize(None)))


def test_a_table_of_others_takes_our_versions_and_keeps_theirs(lake: Lake) -> None:
    """Whoever may write to the catalog may write to its tables; their history stays."""
    catalog = lake.warehouse._lake.catalog
    catalog.create_namespace("analytics")
    theirs = catalog.create_table(TABLE, days("2013-01-01", 1).schema)
    theirs.append(days("2013-01-01", 1))
    version = lake.write(TABLE, days("2013-01-02", 2), mode="append", checks=Checks(rows_min=1))
    assert (version.total_rows, [item.name for item in version.checks]) == (2, ["rows_min"])
    ours, before = lake.warehouse.versions(TABLE).items
    assert (before.run_id, before.operation, before.rows, before.checks) == (None, "append", 1, ())
    assert ours.run_id is not None


def test_a_view_of_that_name_is_no_table(lake: Lake, monkeypatch: pytest.MonkeyPatch) -> None:
    """Nothing is written beside it."""
    monkeypatch.setattr(publish, "TRIES", 2)
    lake.write("analytics.other", days("2013-01-01", 1))
    with lake.warehouse._lake.catalog.engine.begin() as connection:
        connection.execute(
            text(
                "INSERT INTO iceberg_tables (catalog_name, table_namespace, table_name, "
                "metadata_location, iceberg_type) SELECT catalog_name, table_namespace, 'flights', "
                "metadata_location, 'VIEW' FROM iceberg_tables "
                "WHERE catalog_name = :catalog AND table_name = 'other'"
            ),
            {"catalog": lake.settings.warehouse.catalog},
        )
    who = lake.provenance()
    with pytest.raises(OrchError):
        lake.warehouse.publish(*lake.stage(TABLE, days("2013-01-01", 1), who))
    lake.warehouse.discard(who.run_id, 1)
    assert not list((lake.settings.warehouse.folder / ".staging").iterdir())


def test_a_staged_file_that_is_no_parquet_is_refused(lake: Lake) -> None:
    """A kernel may put anything into its folder."""
    who = lake.provenance()
    folder = lake.warehouse.staging_folder(who.run_id, who.attempt)
    good = folder / "good.parquet"
    pq.write_table(days("2013-01-01", 1), good)
    (folder / "bad.parquet").write_bytes(good.read_bytes()[:-10])
    with pytest.raises(BadInput, match=r"bad\.parquet is not Parquet") as caught:
        lake.stage(TABLE, days("2013-01-01", 1), who, files=("good.parquet", "bad.parquet"))
    assert caught.value.field == "files"

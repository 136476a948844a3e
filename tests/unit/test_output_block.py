"""The `output` block as a notebook uses it, outside a run and inside one."""

import datetime as dt
import tempfile
from collections.abc import Iterator
from decimal import Decimal
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

import jupyter_orch as orch
from jupyter_orch import wire
from jupyter_orch.domain.errors import BadInput, CheckFailed, NotFound, Refused
from jupyter_orch.domain.outputs import Checks, OutputRequest
from jupyter_orch.execution.channel_server import ChannelServer
from jupyter_orch.kernel.spill import Spill

TABLE = "analytics.delays"
FRAME = pd.DataFrame({"day": [dt.date(2013, 1, 1)] * 2, "delay": [3, 5]})


def test_leaving_the_block_outside_a_run_publishes(capsys: pytest.CaptureFixture[str]) -> None:
    """The version is there at once, and the block says so."""
    with orch.output(TABLE) as out:
        assert out.write(FRAME).write(FRAME) is out
    assert out.version is not None
    assert out.rows == 4
    assert str(out.version.snapshot_id) in capsys.readouterr().out
    assert f"{TABLE}: 4 rows, version" in repr(out)
    assert (out.version.run_id or "").startswith("interactive-")
    assert list(orch.read(TABLE)["delay"]) == [3, 5, 3, 5]


def test_an_exception_in_the_block_leaves_everything_as_it_was(state_dir: Path) -> None:
    """Nothing is staged, published or left on disk."""
    out = orch.output(TABLE)
    with pytest.raises(ZeroDivisionError), out:
        out.write(FRAME.assign(ratio=1 / len(FRAME.iloc[:0])))
    assert "abandoned" in repr(out)
    with pytest.raises(NotFound):
        orch.read(TABLE)
    assert not list(state_dir.rglob("*.parquet"))


def test_a_failed_check_leaves_everything_as_it_was(state_dir: Path) -> None:
    """The exception says what failed; the staged file is gone."""
    with (
        pytest.raises(CheckFailed, match="2 rows came, at least 3"),
        orch.output(TABLE) as out,
    ):
        out.write(FRAME).check(rows_min=3).check(not_null="delay", unique=["delay"])
    assert not list(state_dir.rglob("*.parquet"))


def test_a_block_without_a_write_is_refused() -> None:
    """A table is cleared by an empty frame, never by forgetting to write."""
    with orch.output(TABLE) as out:
        out.write(FRAME)
    with pytest.raises(BadInput, match="Nothing was written"), orch.output(TABLE):
        pass
    assert len(orch.read(TABLE)) == 2
    with orch.output(TABLE) as out:
        out.write(FRAME.iloc[:0])
    assert len(orch.read(TABLE)) == 0


def test_an_output_is_used_in_a_block_and_once() -> None:
    """Writing outside the block says how to."""
    out = orch.output(TABLE)
    with pytest.raises(Refused, match="not open"):
        out.write(FRAME)
    with out:
        out.write(FRAME)
    with pytest.raises(Refused, match="used already"):
        out.__enter__()


@pytest.mark.parametrize(
    ("value", "column"),
    [
        (dt.date(2013, 1, 1), [dt.date(2013, 1, 1)]),
        (pd.Timestamp("2013-01-01"), [dt.date(2013, 1, 1)]),
        ("2013-01-01", [dt.date(2013, 1, 1)]),
        (pd.Timestamp("2013-01-01 06:00"), pd.to_datetime(["2013-01-01 06:00"])),
        (Decimal("1.10"), [Decimal("1.10")]),
        (np.int64(3), [3]),
        (np.str_("EWR"), ["EWR"]),
        (np.bool_(True), [True]),
    ],
)
def test_a_slice_takes_the_values_that_notebooks_have(value: Any, column: Any) -> None:
    """Dates, pandas and NumPy scalars, decimals: all are told by value."""
    for number in (1, 2):
        with orch.output(TABLE, slice={"part": value}) as out:
            out.write(pd.DataFrame({"part": column, "n": [number]}))
    assert list(orch.read(TABLE)["n"]) == [2]


@pytest.mark.parametrize(
    ("arguments", "field"),
    [
        ({"table": "no such name!"}, "table"),
        ({"table": "information_schema.tables"}, "table"),
        ({"table": TABLE, "mode": "overwrite"}, "mode"),
        ({"table": TABLE, "mode": "upsert"}, "keys"),
        ({"table": TABLE, "keys": "id"}, "keys"),
        ({"table": TABLE, "mode": "append", "slice": {"a": 1}}, "slice"),
        ({"table": TABLE, "slice": {"a": 1.5}}, "slice"),
        ({"table": TABLE, "slice": {"a": [1]}}, "slice"),
    ],
)
def test_bad_arguments_are_refused_before_anything_is_computed(
    arguments: dict[str, Any], field: str
) -> None:
    """The call itself fails, and names the argument."""
    with pytest.raises(BadInput) as caught:
        orch.output(**arguments)
    assert caught.value.field == field


def test_frames_with_other_columns_are_refused_as_they_are_written() -> None:
    """The message has both lists."""
    with orch.output(TABLE) as out:
        out.write(FRAME)
        with pytest.raises(BadInput, match="day, delay; this one has day"):
            out.write(FRAME.drop(columns="delay"))


def test_frames_whose_types_widen_become_one_column() -> None:
    """A column without values, whole numbers and wider ones meet in one type."""
    with orch.output(TABLE) as out:
        out.write(pa.table({"n": pa.nulls(1), "m": pa.array([1], pa.int32())}))
        out.write(pa.table({"m": pa.array([1 << 40]), "n": pa.array([7])}))
    assert orch.read(TABLE, arrow=True).to_pydict() == {"n": [None, 7], "m": [1, 1 << 40]}


def test_rows_go_to_disk_as_they_come(tmp_path: Path) -> None:
    """However much is written, little is held."""
    spill = Spill(tmp_path / "rows")
    part = pa.table({"n": pa.array(range(50_000), pa.int64())})
    for _ in range(10):
        spill.add(part)
        assert spill._held_rows < 131_072 + 50_000
    (file,) = spill.close()
    assert pq.read_metadata(file).num_rows == 500_000
    assert pq.read_metadata(file).num_row_groups >= 3


def test_a_query_becomes_a_version_with_its_types() -> None:
    """`sql` keeps decimals, dates and NULLs, and takes parameters."""
    with orch.output(TABLE) as out:
        out.sql(
            "SELECT n, CAST(n AS decimal(10,2)) / 4 AS quarter, DATE '2013-01-01' AS day, "
            "CAST(NULL AS varchar) AS word FROM UNNEST(sequence(1, ?)) AS t(n)",
            [3],
        )
    found = orch.read(TABLE, arrow=True)
    assert found.column("quarter").to_pylist() == [
        Decimal("0.25"),
        Decimal("0.50"),
        Decimal("0.75"),
    ]
    assert found.column("day").to_pylist() == [dt.date(2013, 1, 1)] * 3
    assert found.schema.field("n").type == pa.int64()
    assert found.column("word").null_count == 3


class _Worker:
    """The worker's side of a run: keeps what is staged."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.sent: list[dict[str, Any]] = []
        self.requests: list[OutputRequest] = []
        self.rows = 0

    def context(self, _: Any) -> Any:
        return {"staging_folder": str(self.folder)}

    def stage(self, message: Any) -> Any:
        self.sent.append(message["request"])
        request = wire.load(OutputRequest, message["request"])
        self.requests.append(request)
        self.rows = sum(pq.read_metadata(self.folder / name).num_rows for name in request.files)
        if request.checks.rows_min == 99:
            raise CheckFailed("too few", field="checks")
        return {"rows": self.rows}


@pytest.fixture
def worker(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Iterator[_Worker]:
    """A run around the test."""
    made = _Worker(tmp_path)
    with tempfile.TemporaryDirectory() as folder:
        handlers = {"context": made.context, "stage": made.stage}
        server = ChannelServer(Path(folder) / "channel", handlers)
        for name, value in server.environment.items():
            monkeypatch.setenv(name, value)
        yield made
        server.close()


def test_leaving_the_block_inside_a_run_hands_the_files_to_the_worker(worker: _Worker) -> None:
    """The kernel writes files and asks; it touches no table."""
    with orch.output(TABLE, mode="replace", slice={"day": dt.date(2013, 1, 1)}) as out:
        out.write(FRAME).check(rows_min=1, unique=["delay"])
    (request,) = worker.requests
    assert (request.table, request.slice) == (TABLE, {"day": "2013-01-01"})
    assert request.checks == Checks(rows_min=1, unique=("delay",))
    assert out.rows == worker.rows == 2
    assert out.version is None
    assert "published when the run succeeds" in repr(out)


def test_a_refusal_of_the_worker_is_raised_in_the_cell(worker: _Worker) -> None:
    """The words are the worker's; the files are gone."""
    with pytest.raises(CheckFailed, match="too few"), orch.output(TABLE) as out:
        out.write(FRAME).check(rows_min=99)
    assert not list(worker.folder.rglob("*.parquet"))


def test_checks_of_several_calls_reach_the_worker(worker: _Worker) -> None:
    """What can be said in one group is; warnings and a second check of a kind are further ones."""
    with orch.output(TABLE) as out:
        out.write(FRAME).check(not_null="day", severity="warn").check(rows_min=1)
        out.check(not_null="delay", sql="SELECT 1 FROM {output} WHERE delay < 0")
        out.check(rows_min=2, fresh={"day": dt.timedelta(days=2)}, between={"delay": (0, None)})
        out.check(unique="day", accepted={"delay": {3, 5}}).check(unique=["day", "delay"])
        out.check(rows_change=[0.5, 2], nulls_change={"delay": np.float64(0.1)}, severity="warn")
    (request,) = worker.requests
    first, second, *others = request.checks, *request.more_checks
    assert sorted([first.rows_min, second.rows_min]) == [1, 2]
    groups = [first, second, *others]
    assert [group.severity for group in groups] == ["error", "error", "warn"]
    assert {group.unique for group in groups} == {("day",), ("day", "delay"), ()}
    by_one = next(group for group in groups if group.rows_min == 1)
    assert by_one.not_null == ("delay",)
    assert by_one.sql == ("SELECT 1 FROM {output} WHERE delay < 0",)
    by_two = next(group for group in groups if group.rows_min == 2)
    assert (by_two.fresh, by_two.between) == ({"day": 172800.0}, {"delay": (0, None)})
    assert (others[0].rows_change, others[0].nulls_change) == ((0.5, 2.0), {"delay": 0.1})


def test_a_warning_alone_is_never_taken_for_an_error(worker: _Worker) -> None:
    """Code that knows no warnings must not see one in the field that it knows."""
    with orch.output(TABLE) as out:
        out.write(FRAME).check(rows_min=5, severity="warn")
    (request,) = worker.requests
    assert request.checks == Checks()
    assert request.more_checks == (Checks(rows_min=5, severity="warn"),)


def test_code_of_another_version_is_told_only_what_is_used(
    worker: _Worker,
) -> None:
    """A worker of older code refuses fields that it does not know: it gets none without need."""
    with orch.output(TABLE, slice={"day": dt.date(2013, 1, 1)}) as out:
        out.write(FRAME).check(rows_min=1, unique=["delay"]).check(not_null="day")
    with orch.output(TABLE, mode="append", partition_by=["day(ts)"], sort_by="n") as out:
        out.write(FRAME)
    first, second = worker.sent
    assert set(first) == {"table", "mode", "slice", "files", "checks"}
    assert first["checks"] == {"rows_min": 1, "unique": ["delay"], "not_null": ["day"]}
    assert set(second) == {"table", "mode", "files", "partition_by", "sort_by"}


def test_results_come_back_and_warnings_are_printed(capsys: pytest.CaptureFixture[str]) -> None:
    """Outside a run; the version has them too."""
    with orch.output(TABLE) as out:
        out.write(FRAME).check(rows_min=1).check(rows_min=9, severity="warn")
    assert out.version is not None
    assert out.version.checks == out.checks
    assert [(item.name, item.passed) for item in out.checks] == [
        ("rows_min", True),
        ("rows_min", False),
    ]
    assert "Warning of a check: rows_min: 2 rows came, at least 9" in capsys.readouterr().out
    assert "⚠ 1 of 2" in repr(orch.table(TABLE).versions())
    with pytest.raises(CheckFailed, match="at most 1"), orch.output(TABLE) as out:
        out.write(FRAME).check(rows_max=1).check(rows_min=9, severity="warn")
    assert "at least 9" in capsys.readouterr().out

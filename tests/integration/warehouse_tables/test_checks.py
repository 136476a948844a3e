"""What a check finds, what it says, and what is left when it does not hold."""

import datetime as dt
import json
import os
import subprocess
import sys
from dataclasses import replace
from decimal import Decimal
from typing import Any

import pyarrow as pa
import pytest

from jupyter_orch.domain.errors import BadInput, CheckFailed
from jupyter_orch.domain.outputs import CheckResult, Checks
from jupyter_orch.warehouse import check_results, staging

from .conftest import Lake, days

TABLE = "analytics.flights"
FIRST, SECOND = {"day": "2013-01-01"}, {"day": "2013-01-02"}
FLIGHTS = pa.table(
    {
        "day": pa.array([dt.date(2013, 1, 1)] * 4),
        "origin": ["JFK", "LGA", None, "XXX"],
        "delay": pa.array([1, -5, None, 2000], pa.int32()),
        "share": pa.array([0.5, float("nan"), None, float("inf")]),
        "fare": pa.array([Decimal("1.10"), Decimal("99.99"), None, Decimal("100.00")]),
        "ts": pa.array(
            [dt.datetime(2013, 1, 1, hour, tzinfo=dt.UTC) for hour in (1, 2, 3)] + [None],
            pa.timestamp("us", tz="UTC"),
        ),
    }
)


def result_of(lake: Lake, wanted: Checks, frame: pa.Table = FLIGHTS, **more: Any) -> CheckResult:
    """The only result of the checks, as warnings."""
    staged, who = lake.stage(TABLE, frame, checks=replace(wanted, severity="warn"), **more)
    lake.warehouse.discard(who.run_id, 1)
    (result,) = staged.checks
    return result


@pytest.mark.parametrize(
    ("wanted", "passed", "seen"),
    [
        (Checks(rows_min=4), True, "4 rows came"),
        (Checks(rows_min=5), False, "4 rows came, at least 5 are wanted"),
        (Checks(rows_max=3), False, "4 rows came, at most 3 are wanted"),
        (Checks(not_null=("day",)), True, "all 4 rows have day"),
        (Checks(not_null=("origin",)), False, "1 of 4 rows have no origin"),
        (Checks(unique=("origin",)), True, "each origin comes once"),
        (Checks(unique=("day",)), False, "1 values of day come more than once, such as day = 2013"),
        (Checks(accepted={"origin": ("JFK", "LGA", "XXX")}), True, "one of 3"),
        (Checks(accepted={"origin": ("JFK", "LGA")}), False, "1 of 4 rows have another origin"),
        (Checks(accepted={"delay": (1, -5)}), False, "such as 2000"),
        (Checks(accepted={"day": ("2013-01-01",)}), True, "every day"),
        (Checks(accepted={"fare": ("1.1", 99.99)}), False, "such as 100.00"),
        (Checks(between={"delay": (-5, 2000)}), True, "between -5 and 2000"),
        (
            Checks(between={"delay": (0, 1000)}),
            False,
            "2 of 4 rows have a delay that is not between 0 and",
        ),
        (Checks(between={"delay": (None, 10.5)}), False, "10.5 or less, such as 2000"),
        (Checks(between={"share": (0, 1)}), False, "2 of 4 rows have a share that is not"),
        (Checks(between={"fare": ("1.10", None)}), True, "1.10 or more"),
        (Checks(between={"fare": (0, 50.5)}), False, "2 of 4"),
        (Checks(between={"day": ("2013-01-01", "2013-01-01")}), True, "every day"),
        (Checks(between={"ts": ("2013-01-01T02:00:00+00:00", None)}), False, "1 of 4"),
        (Checks(sql=("SELECT * FROM {output} WHERE delay > 5000",)), True, "no rows"),
        (
            Checks(sql=("SELECT origin, delay FROM {output} WHERE delay < 0",)),
            False,
            "answers 1 row, such as origin = LGA, delay = -5",
        ),
        (Checks(sql=('SELECT 1 FROM {output} AS o WHERE o."share" IS NULL',)), False, "1 row"),
        (Checks(rows_change=(0.5, 2)), True, "none before"),
        (Checks(nulls_change={"origin": 0.1}), True, "no two versions"),
    ],
)
def test_a_check_says_what_it_saw(lake: Lake, wanted: Checks, passed: bool, seen: str) -> None:
    """Whether it holds or not, in words and numbers."""
    found = result_of(lake, wanted)
    assert (found.passed, found.severity) == (passed, "warn")
    assert seen in found.seen


@pytest.mark.parametrize(
    ("column", "seconds", "passed"),
    [
        ("ts", 3600 * 21, True),
        ("ts", 3600 * 21 - 1, False),
        ("day", 86400, True),
        ("day", 1, False),
    ],
)
def test_freshness_is_measured_at_the_end_of_the_interval(
    lake: Lake, column: str, seconds: float, passed: bool
) -> None:
    """A rerun of an old day finds what the first run found; a date is its midnight in UTC."""
    who = replace(lake.provenance(), interval_end=dt.datetime(2013, 1, 2, tzinfo=dt.UTC))
    wanted = Checks(fresh={column: seconds}, severity="warn")
    staged, _ = lake.stage(TABLE, FLIGHTS, who, checks=wanted)
    (found,) = staged.checks
    assert found.passed == passed
    assert "before 2013-01-02 00:00:00 UTC" in found.seen
    by_hand = lake.provenance()
    staged, _ = lake.stage(TABLE, FLIGHTS, by_hand, checks=wanted)
    assert not staged.checks[0].passed  # 2013 is long ago


def test_freshness_of_nothing_does_not_hold(lake: Lake) -> None:
    """No row says how new it is."""
    found = result_of(lake, Checks(fresh={"ts": 60.0}), FLIGHTS.slice(0, 0))
    assert (found.passed, found.seen) == (False, "there is no ts")


def test_change_is_against_the_same_slice(lake: Lake) -> None:
    """Rows of other slices do not count; of the slice all do, wherever they lie."""
    lake.write(TABLE, pa.concat_tables([days("2013-01-01", *range(10)), days("2013-01-02", 1)]))
    half = days("2013-01-01", *range(5))
    found = result_of(lake, Checks(rows_change=(0.5, 2.0)), half, slice=FIRST)
    assert (found.passed, found.seen) == (
        True,
        "5 rows came, 0.50 times the 10 of the version before",
    )
    found = result_of(lake, Checks(rows_change=(0.6, None)), half, slice=FIRST)
    assert found.seen.endswith("; at least 0.6 times are wanted")
    found = result_of(
        lake, Checks(rows_change=(None, 4)), days("2013-01-02", *range(5)), slice=SECOND
    )
    assert (found.passed, "5.00 times the 1" in found.seen) == (False, True)
    found = result_of(lake, Checks(rows_change=(0.9, 1.1)), days("2013-01-03", 1))
    assert not found.passed  # the whole table would be replaced by one row
    new = {"day": "2013-01-05"}
    assert result_of(lake, Checks(rows_change=(0.9, 1.1)), days("2013-01-05", 1), slice=new).passed


def test_an_append_is_compared_with_the_append_before(lake: Lake) -> None:
    """What the table holds is no measure for what is added to it."""
    lake.write(TABLE, days("2013-01-01", *range(100)))
    lake.write(TABLE, days("2013-01-02", 1, 2), mode="append")
    wanted = Checks(rows_change=(0.5, 2.0))
    found = result_of(lake, wanted, days("2013-01-03", 1, 2, 3), mode="append")
    assert (found.passed, "the 2 of the version before" in found.seen) == (True, True)
    assert not result_of(lake, wanted, days("2013-01-03", *range(5)), mode="append").passed


def test_the_share_of_nulls_may_grow_a_little(lake: Lake) -> None:
    """Read from the files' own counts, or from rows where a file holds other slices too."""

    def texts(day: str, nulls: int) -> pa.Table:
        values = [None] * nulls + ["x"] * (10 - nulls)
        return days(day, *range(10)).set_column(2, "text", pa.array(values, pa.string()))

    lake.write(TABLE, pa.concat_tables([texts("2013-01-01", 2), texts("2013-01-02", 9)]))
    wanted = Checks(nulls_change={"text": 0.1})
    assert result_of(lake, wanted, texts("2013-01-01", 3), slice=FIRST).passed
    found = result_of(lake, wanted, texts("2013-01-01", 4), slice=FIRST)
    assert (found.passed, found.seen) == (
        False,
        (
            "40.0% of the rows have no text, 20.0% in the version before; "
            "at most 10.0% more are wanted"
        ),
    )
    assert result_of(lake, wanted, texts("2013-01-01", 6)).passed  # 11 of 20 in the whole table
    assert not result_of(lake, wanted, texts("2013-01-01", 7)).passed


def test_sql_may_ask_other_tables(lake: Lake) -> None:
    """A foreign key, as a query; tables are those that readers see."""
    lake.write("analytics.airports", pa.table({"code": ["JFK", "LGA"]}))
    lost = (
        "SELECT o.origin FROM {output} o LEFT JOIN analytics.airports a ON a.code = o.origin "
        "WHERE o.origin IS NOT NULL AND a.code IS NULL"
    )
    found = result_of(lake, Checks(sql=(lost,)))
    assert (found.passed, found.name) == (
        False,
        f"sql {lost}"[:199] + ("…" if len(lost) > 196 else ""),
    )
    assert "such as origin = XXX" in found.seen


@pytest.mark.parametrize(
    ("wanted", "said"),
    [
        (Checks(not_null=("nope",)), "'nope', which is not a column"),
        (Checks(between={"nope": (1, 2)}), "not a column"),
        (Checks(between={"delay": ("a", None)}), "gives a for 'delay'"),
        (Checks(between={"day": (3, None)}), "gives 3 for 'day'"),
        (Checks(accepted={"delay": ("x",)}), "gives x for 'delay'"),
        (Checks(accepted={"origin": (3,)}), "gives 3 for 'origin'"),
        (Checks(fresh={"origin": 60.0}), "fresh looks at dates and timestamps"),
        (Checks(nulls_change={"nope": 0.1}), "not a column"),
        (Checks(sql=("SELECT * FROM analytics.flights",)), "does not look at the rows"),
        (Checks(sql=("SELEC * FROM {output}",)), "cannot be run"),
        (Checks(sql=("SELECT nope FROM {output}",)), "cannot be run: .*nope"),
        (Checks(sql=("SELECT * FROM {output}, analytics.gone",)), "cannot be run: .*gone"),
        (Checks(sql=("DELETE FROM {output}",)), "is not a query"),
        (Checks(sql=("SHOW COLUMNS FROM {output}",)), "is not a query|cannot be run"),
        (Checks(sql=("SELECT 1 FROM {output}; DROP TABLE analytics.flights",)), "exactly one"),
        (Checks(sql=("SELECT * FROM {output}, read_csv('/etc/passwd')",)), "cannot be run"),
    ],
)
@pytest.mark.parametrize("severity", ["error", "warn"])
def test_a_check_that_cannot_be_tested_publishes_nothing(
    lake: Lake, wanted: Checks, said: str, severity: Any
) -> None:
    """One message, field `checks`; a warning that cannot be tested is a mistake as well."""
    lake.write(TABLE, FLIGHTS)
    before = lake.warehouse.load(TABLE).metadata
    who = lake.provenance()
    with pytest.raises(BadInput, match=said) as caught:
        lake.stage(TABLE, FLIGHTS, who, checks=replace(wanted, severity=severity))
    assert caught.value.field == "checks"
    assert lake.warehouse.load(TABLE).metadata == before
    lake.warehouse.discard(who.run_id, 1)
    assert not list((lake.settings.warehouse.folder / ".staging").iterdir())


def test_inv6_a_failure_names_every_check_that_failed_and_no_warning(lake: Lake) -> None:
    """Warnings are results like the others; they do not stop anything."""
    wanted = (
        Checks(rows_min=9, sql=("SELECT * FROM {output} WHERE delay < 0",)),
        Checks(not_null=("origin",), severity="warn"),
        Checks(accepted={"origin": ("JFK",)}),
    )
    with pytest.raises(CheckFailed) as caught:
        lake.stage(TABLE, FLIGHTS, checks=wanted[0], more_checks=wanted[1:])
    message = caught.value.message
    for said in ("at least 9 are wanted", "answers 1 row", "have another origin"):
        assert said in message
    assert "no origin" not in message
    assert [item.passed for item in caught.value.results] == [False, False, False, False]
    assert not lake.warehouse.heads()


@pytest.mark.parametrize("exists", [False, True])
def test_results_are_kept_with_the_version(lake: Lake, exists: bool) -> None:
    """Whoever finds the version finds what was checked, also when it was put onto a moved main."""
    if exists:
        lake.write(TABLE, days("2013-01-01", 1), mode="append")
    staged, who = lake.stage(
        TABLE,
        days("2013-01-02", 2),
        mode="append",
        checks=Checks(rows_min=1),
        more_checks=(Checks(rows_min=7, severity="warn"),),
    )
    if exists:
        lake.write(TABLE, days("2013-01-01", 3), mode="append")
    version = lake.warehouse.publish(staged, who)
    assert (
        version.checks
        == lake.warehouse.versions(TABLE).items[0].checks
        == (
            CheckResult(name="rows_min", severity="error", passed=True, seen="1 row came"),
            CheckResult(
                name="rows_min",
                severity="warn",
                passed=False,
                seen="1 row came, at least 7 are wanted",
            ),
        )
    )
    assert lake.write(TABLE, days("2013-01-01", 3)).checks == ()


def test_results_have_an_end() -> None:
    """What does not fit into a property is counted, and failures are kept before successes."""
    results = [
        CheckResult(name=f"check {n}", severity="error", passed=n != 900, seen="é" * 100)
        for n in range(1000)
    ]
    text = check_results.to_text(results)
    assert len(text.encode()) <= check_results.MOST_BYTES
    found = check_results.from_text(text)
    assert (found[0].name, found[0].passed) == ("check 900", False)
    assert found[-1].seen == f"{1000 - len(found) + 1:,} more checks, of which 0 do not hold"
    assert check_results.from_text("{") == check_results.from_text('[{"name": 1}]') == ()
    assert check_results.from_text(json.dumps(7)) == ()


def test_keys_of_many_rows_are_compared_on_disk(
    lake: Lake, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The same answer, with nulls and with more rows than a piece holds."""
    monkeypatch.setattr(staging, "PIECE_ROWS", 2)
    frame = pa.table({"a": [1, 1, None, None, 5], "b": ["x", "x", None, None, "y"]})
    found = result_of(lake, Checks(unique=("a", "b")), frame)
    assert (found.passed, found.seen.startswith("2 values of a, b")) == (False, True)
    assert result_of(lake, Checks(unique=("a", "b")), frame.slice(1, 2)).passed
    nested = pa.table({"n": [[1], [1]], "m": [{"a": 1}, {"a": 2}]})
    assert not result_of(lake, Checks(unique=("n",)), nested).passed
    assert result_of(lake, Checks(unique=("m",)), nested).passed


_MANY = """
import re
from pathlib import Path
import pyarrow as pa, pyarrow.compute as pc, pyarrow.parquet as pq
from jupyter_orch.domain.outputs import Checks, OutputRequest, Provenance
from jupyter_orch.settings import load
from jupyter_orch.warehouse.iceberg import IcebergWarehouse
warehouse = IcebergWarehouse(load())
who = Provenance(run_id="many", attempt=1, job_name="", notebook="", notebook_sha256="",
                 parameters="{}", user="")
file = warehouse.staging_folder("many", 1) / "rows.parquet"
rows, step = 12_000_000, 500_000
schema = pa.schema([("key", pa.string()), ("n", pa.int64())])
with pq.ParquetWriter(file, schema) as writer:
    for start in range(0, rows, step):
        numbers = pa.array(range(start, start + step), pa.int64())
        keys = pc.binary_join_element_wise("key of this row ", numbers.cast(pa.string()), "")
        writer.write_table(pa.table([keys, numbers], schema=schema))
wanted = Checks(unique=("key",), not_null=("key",), between={"n": (0, rows)},
                sql=("SELECT * FROM {output} WHERE n < 0",))
from jupyter_orch.warehouse import snapshots
snapshots.write = lambda *a: ()  # the checks alone
request = OutputRequest(table="a.many", mode="replace", files=(file.name,), checks=wanted)
staged = warehouse.stage(request, who)
assert all(item.passed for item in staged.checks), staged.checks
# not ru_maxrss, which begins with that of the process that started this one
print(int(re.search(r"VmHWM:\\s+(\\d+) kB", Path("/proc/self/status").read_text())[1]) // 1024)
"""


@pytest.mark.slow
def test_memory_of_checks_has_a_bound(lake: Lake) -> None:
    """Twelve million keys of half a gigabyte are checked within the engine's limit and a piece."""
    environ = os.environ | {
        "JUPYTER_ORCH__STATE__DIR": str(lake.settings.state_dir),
        "JUPYTER_ORCH__WAREHOUSE__MEMORY_LIMIT": "300MB",
    }
    done = subprocess.run(
        [sys.executable, "-c", _MANY], env=environ, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr
    assert int(done.stdout) < 1000  # MB; the keys alone are 330, and twice that in a hash table

"""Large answers of a real Trino travel as files, and are the same as row by row."""

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta

import pandas as pd
import pyarrow as pa
import pytest
from trino.exceptions import TrinoQueryError
from trino_fixture import TrinoServer

import jupyter_orch as orch
from jupyter_orch.domain.errors import BadInput
from jupyter_orch.warehouse import fetch, scratch, scratch_way
from jupyter_orch.warehouse.names import SCRATCH_SCHEMA

from .conftest import Lake, days, listed

pytestmark = pytest.mark.trino

#: Every type that goes both ways, with NULLs, under names that no table could have.
TYPES = """
SELECT n AS "a", n AS "a", CAST(n AS tinyint), CAST(n AS smallint) AS "B c", CAST(n AS integer) i,
  if(n % 3 = 0, NULL, n * 10000000000) big, n % 2 = 0 yes, CAST(n AS real) / 3 r, n / 3e0 d,
  if(n = 1, nan(), infinity()) odd, CAST(n AS decimal(38, 2)) / 4 m, 'é' || CAST(n AS varchar) w,
  CAST('ab' AS varchar(5)) v, X'00ff' raw, DATE '1969-12-31' + n * INTERVAL '1' DAY day,
  TIME '01:02:03.123456' t, TIMESTAMP '1969-12-31 23:59:59.123456' + n * INTERVAL '1' SECOND ts,
  TIMESTAMP '2013-03-10 07:30:00.123 America/New_York' z, ARRAY[n, NULL] many, MAP(ARRAY['k'], ARRAY[n]) mapped
FROM (SELECT * FROM UNNEST(sequence(1, 40)) AS u(n))
"""  # noqa: E501


@pytest.fixture
def shared(trino_server: TrinoServer, monkeypatch: pytest.MonkeyPatch) -> Iterator[Lake]:
    """The warehouse that the server reads, also for the notebook's own words."""
    for name, value in trino_server.environ.items():
        monkeypatch.setenv(name, value)
    made = Lake(trino_server.settings)
    yield made
    made.warehouse.close()


@pytest.fixture
def at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    """Any answer is large, once its first rows are there."""
    monkeypatch.setattr(fetch, "_PRICE", -1e9)


def left(lake: Lake) -> list[str]:
    """Scratch tables in the catalog, and markers in folders."""
    catalog = lake.warehouse._lake.catalog
    markers = (lake.settings.warehouse.folder / ".staging").glob("*/*/.scratch/*")
    return [name for _, name in scratch.tables(catalog)] + [path.name for path in markers]


def test_inv12_both_ways_give_the_same_frame(
    shared: Lake, monkeypatch: pytest.MonkeyPatch, at_once: None
) -> None:
    """Types, values, NULLs, names and order; nothing is left of the way."""
    ways: list[str] = []
    rows = scratch_way.ScratchWay.rows

    def watched(self: scratch_way.ScratchWay) -> Iterator[list]:
        ways.append("files")
        return rows(self)

    monkeypatch.setattr(scratch_way.ScratchWay, "rows", watched)
    for order in ("ORDER BY 1 -- a remark", "ORDER BY big DESC, i", "ORDER BY w DESC LIMIT 7"):
        by_files = orch.query(TYPES + order)
        with monkeypatch.context() as patch:
            patch.setattr(fetch, "plan", lambda *_, **__: None)
            by_client = orch.query(TYPES + order)
        pd.testing.assert_frame_equal(by_files, by_client)
    assert ways == ["files"] * 3
    assert list(by_files.columns[:4]) == ["a", "a", "_col2", "B c"]
    assert len(by_files) == 7
    some = orch.query("SELECT n FROM UNNEST(sequence(1, ?)) AS u(n)", [50], limit=20, arrow=True)
    assert (some.num_rows, some.schema) == (20, pa.schema([("n", pa.int64())]))
    assert ways == ["files"] * 4
    assert left(shared) == []
    assert not [name for name in listed(shared) if name.startswith(SCRATCH_SCHEMA)]


@pytest.mark.parametrize(
    "statement",
    [
        "SELECT x FROM (VALUES 1e0, 2e0) AS t(x) ORDER BY x",
        "SELECT x FROM (VALUES 1, NULL) AS t(x) ORDER BY x NULLS FIRST",
        "SELECT x FROM (VALUES 1, 2) AS t(x) ORDER BY -x",
        "SELECT CAST(x AS char(3)) FROM (VALUES 'a', 'b') AS t(x)",
        "SELECT INTERVAL '1' DAY FROM (VALUES 1, 2) AS t(x)",
        "SELECT * FROM TABLE(sequence(1, 3))",
        "SHOW CATALOGS",
    ],
)
def test_what_only_the_client_reads_rightly_is_left_to_it(
    shared: Lake, at_once: None, monkeypatch: pytest.MonkeyPatch, statement: str
) -> None:
    """An order that files cannot give back, types that no table has, functions that may do more."""
    monkeypatch.setattr(scratch_way.ScratchWay, "rows", lambda _: pytest.fail("by files"))
    assert len(orch.query(statement)) > 1


def test_few_rows_come_by_the_client_alone(shared: Lake, monkeypatch: pytest.MonkeyPatch) -> None:
    """No second query is run for them."""
    monkeypatch.setattr(scratch_way.ScratchWay, "rows", lambda _: pytest.fail("by files"))
    assert len(orch.query("SELECT * FROM UNNEST(sequence(1, 1000))")) == 1000


@pytest.mark.parametrize("why", ["no catalog", "no right"])
def test_who_may_not_make_tables_gets_all_rows_all_the_same(
    shared: Lake, at_once: None, monkeypatch: pytest.MonkeyPatch, why: str
) -> None:
    """Row by row, once each; Trino is asked once only."""
    if why == "no catalog":
        monkeypatch.setenv("JUPYTER_ORCH__WAREHOUSE__CATALOG_URI", "worker:")
    else:  # a catalog that takes no tables, to a Trino
        monkeypatch.setattr(scratch_way.ScratchWay, "_name", lambda *_: "tpch.tiny.x")
    monkeypatch.setattr(scratch_way, "_closed", {})
    for _ in range(2):
        found = orch.query("SELECT n FROM UNNEST(sequence(1, 10000)) AS u(n)")
        assert found["n"].sum() == 50_005_000
    assert len(scratch_way._closed) == (1 if why == "no right" else 0)
    assert left(shared) == []


def test_a_query_that_fails_on_its_second_run_says_so(
    shared: Lake, at_once: None, monkeypatch: pytest.MonkeyPatch
) -> None:
    """No table, no marker, and Trino's own words."""
    large = scratch_way.Large
    monkeypatch.setattr(
        large, "query", property(lambda _: "SELECT 1 / (random(1)) FROM (VALUES 1)")
    )
    with pytest.raises(TrinoQueryError, match="Division by zero"):
        orch.query("SELECT * FROM (VALUES 1, 2)")
    assert left(shared) == []


@pytest.mark.parametrize("by", ["the attempt's end", "the chore"])
def test_inv7_what_a_killed_kernel_leaves_is_swept(
    shared: Lake, at_once: None, monkeypatch: pytest.MonkeyPatch, by: str
) -> None:
    """The scratch table goes with its files, by the attempt or by age; others keep theirs."""
    monkeypatch.setattr(scratch_way.ScratchWay, "_drop", lambda *_: False)
    for _ in range(2):
        orch.query("SELECT * FROM UNNEST(sequence(1, 100)) AS u(n)")
    tables = [name for _, name in scratch.tables(shared.warehouse._lake.catalog)]
    assert len(tables) == 2
    found = dict(zip(tables, map(scratch.maker, tables), strict=True))
    if by == "the chore":
        since = datetime.now(UTC) + timedelta(minutes=1)
        assert set(found.values()) <= set(shared.warehouse.leftovers(untouched_since=since))
    for name, maker in found.items():
        assert maker is not None
        shared.warehouse.discard(*maker)
        assert name not in str(left(shared))
        tables.remove(name)
        assert [each for _, each in scratch.tables(shared.warehouse._lake.catalog)] == tables
    if not shared.settings.warehouse.in_s3:
        data = shared.settings.warehouse.folder / SCRATCH_SCHEMA
        assert [path for path in data.rglob("*") if path.suffix in (".parquet", ".avro")] == []


def test_out_sql_takes_the_same_way(shared: Lake, at_once: None) -> None:
    """The rows of a large query reach a table as they are."""
    with orch.output("analytics.trino_by_files") as out:
        out.sql("SELECT n, CAST(n AS smallint) s, 'x' w FROM UNNEST(sequence(1, 5000)) AS u(n)")
    found = orch.read("analytics.trino_by_files", arrow=True)
    assert (found.num_rows, len(set(found["n"].to_pylist()))) == (5000, 5000)
    assert found.schema.types == [pa.int64(), pa.int32(), pa.string()]
    assert left(shared) == []


def test_no_output_goes_where_scratch_tables_are(shared: Lake) -> None:
    """It would be dropped sooner or later."""
    with pytest.raises(BadInput, match="dropped"):
        shared.stage(f"{SCRATCH_SCHEMA}.mine", days("2013-01-01", 1))


def test_a_query_that_runs_too_long_ends_with_one_message(
    shared: Lake, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Trino itself ends it, and the message names the setting."""
    monkeypatch.setenv("JUPYTER_ORCH__WAREHOUSE__TRINO__QUERY_SECONDS", "1")
    endless = (
        "SELECT count(*) FROM tpch.sf10000.lineitem WHERE quantity > 1 AND comment LIKE '%x%y'"
    )
    for ask in (orch.query, lambda sql: orch.connect().cursor().execute(sql).fetchall()):
        with pytest.raises(TrinoQueryError) as caught:
            ask(endless)
        assert caught.value.error_name == "EXCEEDED_TIME_LIMIT"
        assert "1.00s" in caught.value.message
        assert caught.value.message.count("warehouse.trino.query_seconds") == 1
    own = {"query_max_run_time": "5m"}
    (shown,) = (
        row
        for row in orch.connect(session_properties=own).cursor().execute("SHOW SESSION").fetchall()
        if row[0] == "query_max_run_time"
    )
    assert shown[1] == "5m"

"""What an output does to a table's columns and files, as a real Trino sees it."""

import datetime as dt
from collections.abc import Callable, Iterator
from decimal import Decimal
from typing import Any

import pyarrow as pa
import pytest

from jupyter_orch.domain.errors import BadInput, CheckFailed
from jupyter_orch.domain.outputs import Checks
from jupyter_orch.settings import Settings
from jupyter_orch.warehouse.connect import open_connection
from tests.trino_fixture import TrinoServer

from .conftest import Lake, days

pytestmark = pytest.mark.trino

Ask = Callable[[Settings, str], list[Any]]


@pytest.fixture
def shared(trino_server: TrinoServer) -> Iterator[Lake]:
    """The warehouse that the server reads, as a worker beside it uses it."""
    made = Lake(trino_server.settings)
    yield made
    made.warehouse.close()


@pytest.fixture
def ask() -> Ask:
    """Rows of a query by the engine that the settings name."""

    def query(settings: Settings, statement: str) -> list[Any]:
        connection = open_connection(settings)
        try:
            return connection.cursor().execute(statement).fetchall()
        finally:
            connection.close()

    return query


def test_inv12_new_columns_come_with_their_rows_and_not_before(
    trino_server: TrinoServer, shared: Lake, ask: Ask
) -> None:
    """Neither a staged output nor one whose check fails shows anything; the publish shows all."""
    table = "analytics.trino_evolved"
    engines = (trino_server.settings, trino_server.embedded)

    def columns(settings: Settings) -> list[str]:
        return [row[0] for row in ask(settings, f"SHOW COLUMNS FROM {table}")]

    old = pa.table(
        {
            "i": pa.array([1], pa.int32()),
            "f": pa.array([0.5], pa.float32()),
            "d": pa.array([Decimal("1.10")], pa.decimal128(5, 2)),
        }
    )
    new = pa.table(
        {
            "i": [1 << 40],
            "f": [2.0**300],
            "d": pa.array([Decimal("12345678.90")], pa.decimal128(12, 2)),
            "more": ["x"],
        }
    )
    first = shared.write(table, old)
    failing = Checks(sql=("SELECT * FROM {output} WHERE more = 'x'",))
    with pytest.raises(CheckFailed):
        shared.stage(table, new, mode="append", evolve="add", checks=failing)
    staged, who = shared.stage(table, new, mode="append", evolve="add")
    for settings in engines:
        assert columns(settings) == ["i", "f", "d"]
        assert ask(settings, f"SELECT * FROM {table}") == [[1, 0.5, Decimal("1.10")]]
    shared.warehouse.publish(staged, who)
    wanted = [[1, 0.5, Decimal("1.10"), None], [1 << 40, 2.0**300, Decimal("12345678.90"), "x"]]
    for settings in engines:
        assert columns(settings) == ["i", "f", "d", "more"]
        assert ask(settings, f"SELECT * FROM {table} ORDER BY i") == wanted
        assert ask(settings, f"SELECT f FROM {table} WHERE i = 1") == [[0.5]]
        assert ask(settings, f"SELECT f FROM {table} WHERE i = {1 << 40}") == [[2.0**300]]
        old_version = f"SELECT * FROM {table} FOR VERSION AS OF {first.snapshot_id}"
        assert ask(settings, old_version) == [[1, 0.5, Decimal("1.10")]]
    ask(trino_server.settings, f"INSERT INTO {table} VALUES (7, 7, 7, 'by trino')")
    ask(trino_server.settings, f"ALTER TABLE {table} ADD COLUMN theirs bigint")
    theirs = new.append_column("theirs", pa.array([5], pa.int64()))
    assert shared.write(table, theirs, mode="append", evolve="add").total_rows == 4
    with pytest.raises(BadInput, match="no theirs"):
        shared.stage(table, new, mode="append", evolve="add")


@pytest.mark.parametrize(
    ("wanted", "shown"),
    [
        (("day(ts)",), "day(ts)"),
        (("month(ts)", "region"), "month(ts)|region"),
        (("bucket(16, id)",), "bucket(id, 16)"),
        (("truncate(name, 4)",), "truncate(name, 4)"),
    ],
)
def test_partitions_and_order_are_what_trino_shows(
    trino_server: TrinoServer, shared: Lake, ask: Ask, wanted: tuple[str, ...], shown: str
) -> None:
    """Its words are ours, and what it makes by them is the same to us."""
    table = f"analytics.laid_out_{abs(hash(shown))}"
    frame = pa.table(
        {
            "ts": pa.array(
                [dt.datetime(2013, 1, day, tzinfo=dt.UTC) for day in (3, 1, 2)],
                pa.timestamp("us", tz="UTC"),
            ),
            "region": ["north", "south", None],
            "id": [3, 1, 2],
            "name": ["abcdef", "abcdxx", None],
        }
    )
    how = {"partition_by": wanted, "sort_by": ("id DESC", "name")}
    shared.write(table, frame, **how)
    (row,) = ask(trino_server.settings, f"SHOW CREATE TABLE {table}")
    for part in shown.split("|"):
        assert f"'{part}'" in row[0]
    assert "'id DESC NULLS LAST','name ASC NULLS FIRST'" in row[0].replace("', '", "','")
    ask(trino_server.settings, f"INSERT INTO {table} SELECT * FROM {table} WHERE id = 2")
    shared.write(table, frame, mode="append", **how)
    for settings in (trino_server.settings, trino_server.embedded):
        counted = f"SELECT id, count(*) FROM {table} GROUP BY id ORDER BY id"
        assert ask(settings, counted) == [[1, 2], [2, 3], [3, 2]]
    theirs = f"{table}_theirs"
    texts = ", ".join(f"'{part}'" for part in shown.split("|"))
    ask(
        trino_server.settings,
        f"CREATE TABLE {theirs} (ts timestamp(6) with time zone, region varchar, id bigint, "
        f"name varchar) WITH (partitioning = ARRAY[{texts}], sorted_by = ARRAY['id DESC', 'name'])",
    )
    assert shared.write(theirs, frame, mode="append", **how).total_rows == 3


def test_results_of_checks_can_be_queried(
    trino_server: TrinoServer, shared: Lake, ask: Ask
) -> None:
    """They are in the summary of the snapshot."""
    table = "analytics.trino_checked"
    version = shared.write(table, days("2013-01-01", 1), checks=Checks(rows_min=1))
    statement = (
        "SELECT json_extract_scalar(element_at(summary, 'orch.checks'), '$[0].seen') "
        f'FROM analytics."trino_checked$snapshots" WHERE snapshot_id = {version.snapshot_id}'
    )
    assert ask(trino_server.settings, statement) == [["1 row came"]]

"""The same tables through the embedded engine and through a real Trino."""

import datetime as dt
from collections.abc import Callable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import contextmanager
from decimal import Decimal
from typing import Any

import pyarrow as pa
import pytest
from store_kit import run_of
from trino.exceptions import TrinoQueryError
from trino_fixture import TrinoServer

from jupyter_orch.domain.errors import Unavailable
from jupyter_orch.domain.ids import RunId
from jupyter_orch.service.sweep import Sweep
from jupyter_orch.settings import Settings, load
from jupyter_orch.store.memory import MemoryStore
from jupyter_orch.warehouse.connect import open_connection
from jupyter_orch.warehouse.iceberg import IcebergWarehouse

from .conftest import Lake, days

pytestmark = pytest.mark.trino

TABLE = "analytics.trino_flights"
LOCAL = ("2013-03-10T02:30:00.123456", None, "1969-12-31")
EVERY_TYPE = pa.table(
    {
        "whole": pa.array([1, None, -3], pa.int64()),
        "small": pa.array([1, 2, None], pa.int32()),
        "part": pa.array([1.5, None, -0.25], pa.float64()),
        "money": pa.array([Decimal("1.10"), None, Decimal("-99999.99")], pa.decimal128(12, 2)),
        "word": pa.array(["a", None, "é\n'\""], pa.string()),
        "yes": pa.array([True, None, False], pa.bool_()),
        "day": pa.array([dt.date(2013, 1, 1), None, dt.date(1969, 12, 31)], pa.date32()),
        "local": pa.array(
            [dt.datetime.fromisoformat(text) if text else None for text in LOCAL],
            pa.timestamp("us"),
        ),
        "instant": pa.array(
            [dt.datetime(2013, 3, 10, 7, 30, tzinfo=dt.UTC), None, None],
            pa.timestamp("us", tz="UTC"),
        ),
        "raw": pa.array([b"\x00\xff", None, b""], pa.binary()),
        "many": pa.array([[1, 2], None, []], pa.list_(pa.int64())),
    }
)

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


def test_inv12_every_type_reads_the_same(trino_server: TrinoServer, shared: Lake, ask: Ask) -> None:
    """Values and NULLs of a published table are equal on both engines and by a scan."""
    shared.write("analytics.every_type", EVERY_TYPE)
    for name in EVERY_TYPE.column_names:
        statement = f"SELECT {name} FROM analytics.every_type ORDER BY whole NULLS LAST"
        by_trino = ask(trino_server.settings, statement)
        assert by_trino == ask(trino_server.embedded, statement), name
        wanted = sorted(
            EVERY_TYPE.to_pylist(), key=lambda row: (row["whole"] is None, row["whole"] or 0)
        )
        assert [row[0] for row in by_trino] == [row[name] for row in wanted], name


def test_inv12_versions_read_the_same_by_number_and_by_run(
    trino_server: TrinoServer, shared: Lake, ask: Ask
) -> None:
    """`FOR VERSION AS OF` finds each version on both engines; the tag names the run."""
    made = [
        shared.write(TABLE, days("2013-01-01", 1, 2), slice={"day": "2013-01-01"}),
        shared.write(TABLE, days("2013-01-02", 3), slice={"day": "2013-01-02"}),
        shared.write(TABLE, days("2013-01-01", 9), slice={"day": "2013-01-01"}),
    ]
    for version, wanted in zip(made, [[1, 2], [1, 2, 3], [3, 9]], strict=True):
        statement = f"SELECT n FROM {TABLE} FOR VERSION AS OF {version.snapshot_id} ORDER BY n"
        for settings in (trino_server.settings, trino_server.embedded):
            assert [row[0] for row in ask(settings, statement)] == wanted
        by_run = f"SELECT n FROM {TABLE} FOR VERSION AS OF 'run-{version.run_id}' ORDER BY n"
        assert [row[0] for row in ask(trino_server.settings, by_run)] == wanted


def test_trinos_writes_are_versions_and_our_slices_respect_them(
    trino_server: TrinoServer, shared: Lake, ask: Ask
) -> None:
    """INSERT, DELETE and MERGE by Trino, then a slice, an upsert and a rollback of ours."""
    table = "analytics.both_write"
    first = shared.write(table, days("2013-01-01", 1, 2), slice={"day": "2013-01-01"})
    ask(trino_server.settings, f"INSERT INTO {table} VALUES (DATE '2013-01-02', 3, 'by trino')")
    ask(trino_server.settings, f"DELETE FROM {table} WHERE n = 2")
    newest, insert = shared.warehouse.versions(table).items[:2]
    assert (insert.operation, insert.rows, insert.run_id) == ("append", 1, None)
    assert (newest.operation, newest.total_rows, newest.current) == ("delete", 2, True)
    assert newest.user
    upsert = shared.write(table, days("2013-01-05", 3, 4), mode="upsert", keys=("n",))
    assert upsert.total_rows == 3
    slice_ = shared.write(table, days("2013-01-01", 7), slice={"day": "2013-01-01"})
    assert slice_.total_rows == 3
    count = f"SELECT array_sort(array_agg(n)) FROM {table}"
    assert ask(trino_server.settings, count) == [[[3, 4, 7]]]
    assert shared.values(table) == [3, 4, 7]
    shared.warehouse.rollback(table, first.snapshot_id, user="grace")
    assert ask(trino_server.settings, count) == [[[1, 2]]]
    ask(trino_server.settings, f"ALTER TABLE {table} EXECUTE optimize")
    assert shared.write(table, days("2013-01-03", 8), mode="append").total_rows == 3


def test_what_trino_makes_takes_our_outputs(
    trino_server: TrinoServer, shared: Lake, ask: Ask
) -> None:
    """A schema and a table made by Trino are there for us, and the other way round."""
    ask(trino_server.settings, "CREATE SCHEMA IF NOT EXISTS made_by_trino")
    ask(
        trino_server.settings,
        "CREATE TABLE made_by_trino.flights (day date, n bigint, text varchar) "
        "WITH (partitioning = ARRAY['month(day)'])",
    )
    shared.write("made_by_trino.flights", days("2013-01-01", 1, 2), mode="append")
    shared.write("made_by_trino.flights", days("2013-01-01", 5), slice={"day": "2013-01-01"})
    assert ask(trino_server.settings, "SELECT n FROM made_by_trino.flights") == [[5]]
    assert "made_by_trino.flights" in shared.warehouse.heads()


@pytest.mark.parametrize("keys", [(), ("whole", "word")])
def test_inv12_a_diff_is_the_same_on_both_engines(
    trino_server: TrinoServer, shared: Lake, keys: tuple[str, ...]
) -> None:
    """Counts, facts and sample, with and without keys; also where versions share files."""
    name = f"analytics.compared_{len(keys)}"
    first = shared.write(name, EVERY_TYPE.slice(0, 2), mode="append")
    second = shared.write(name, EVERY_TYPE.slice(2, 1), mode="append")
    third = shared.write(name, EVERY_TYPE.slice(2, 1))
    embedded = IcebergWarehouse(trino_server.embedded)
    try:
        for old, new in ((first, second), (second, third), (first, third)):
            versions = old.snapshot_id, new.snapshot_id
            by_trino = shared.warehouse.diff(name, *versions, keys=keys)
            assert by_trino == embedded.diff(name, *versions, keys=keys)
            assert by_trino.added + by_trino.removed + by_trino.changed > 0
    finally:
        embedded.close()


def test_undo_and_retention_leave_what_trino_can_read(
    trino_server: TrinoServer, shared: Lake, ask: Ask
) -> None:
    """After a version was taken back and others were taken away."""
    name = "analytics.taken_back"
    for number in range(6):
        shared.write(name, days("2013-01-01", number), slice={"day": "2013-01-01"})
    wrong = shared.write(name, days("2013-01-02", 9), slice={"day": "2013-01-02"})
    ask(trino_server.settings, f"UPDATE {name} SET text = 'seen' WHERE n = 5")
    shared.warehouse.undo(RunId(wrong.run_id or ""), [wrong], user="ada")
    later = dt.datetime.now(dt.UTC) + dt.timedelta(hours=1)
    expiry = shared.warehouse.plan_expiry(name, keep=2, superseded_before=later)
    assert expiry is not None
    assert shared.warehouse.expire(expiry)
    shared.warehouse.delete_files(name, expiry.files)
    assert ask(trino_server.settings, f"SELECT n, text FROM {name}") == [[5, "seen"]]
    (snapshots,) = ask(
        trino_server.settings, 'SELECT count(*) FROM analytics."taken_back$snapshots"'
    )
    assert snapshots == [2]


def test_dropping_a_renamed_table_leaves_the_new_one_of_its_old_name(
    trino_server: TrinoServer, shared: Lake, ask: Ask
) -> None:
    """Trino's DROP TABLE removes the table's folder, which is no other table's."""
    shared.write("analytics.moved", days("2013-01-01", 1))
    ask(trino_server.settings, "ALTER TABLE analytics.moved RENAME TO analytics.moved_away")
    shared.write("analytics.moved", days("2013-01-01", 2))
    ask(trino_server.settings, "DROP TABLE analytics.moved_away")
    assert ask(trino_server.settings, "SELECT n FROM analytics.moved") == [[2]]
    assert shared.values("analytics.moved") == [2]


def test_strange_slices_have_strange_folders_that_trino_finds(
    trino_server: TrinoServer, shared: Lake, ask: Ask
) -> None:
    """A partition's value may hold anything that text may hold."""
    values = ["a/b c%é=1 + ../x", "b" * 400, "c\n'\""]
    for value in values:
        frame = pa.table({"part": [value], "n": [1]})
        shared.write("analytics.strange", frame, slice={"part": value})
    statement = "SELECT part FROM analytics.strange ORDER BY part"
    for settings in (trino_server.settings, trino_server.embedded):
        assert [row[0] for row in ask(settings, statement)] == values


@contextmanager
def endless_query(trino_server: TrinoServer, ask: Ask) -> "Iterator[tuple[str, Future[object]]]":
    """A query that runs until somebody ends it: its id, and what becomes of it."""
    slow = open_connection(trino_server.settings, source="slow")
    slow.max_attempts = 1
    endless = "SELECT count(*) FROM tpch.sf1000.lineitem a, tpch.sf1000.orders b"
    running = (
        "SELECT query_id FROM system.runtime.queries WHERE source = 'slow' AND state = 'RUNNING'"
    )
    with ThreadPoolExecutor(1) as pool:
        answer = pool.submit(lambda: slow.cursor().execute(endless).fetchall())
        try:
            while not (found := ask(trino_server.settings, running)):
                assert not answer.done()
            yield str(found[0][0]), answer
        finally:
            slow.close()


def killed(answer: "Future[object]") -> bool:
    """Whether the query was told that it was killed."""
    with pytest.raises(TrinoQueryError) as caught:
        answer.result(timeout=60)
    return bool(caught.value.error_name == "ADMINISTRATIVELY_KILLED")


def test_cancelling_ends_a_query_and_forgives_one_that_has_ended(
    trino_server: TrinoServer, shared: Lake, ask: Ask
) -> None:
    """One that never was is fine as well."""
    with endless_query(trino_server, ask) as (query_id, answer):
        shared.warehouse.cancel_query(query_id)
        assert killed(answer)
    shared.warehouse.cancel_query(query_id)
    shared.warehouse.cancel_query("20130101_000000_00000_aaaaa")


def test_a_query_of_a_lost_worker_is_ended(
    trino_server: TrinoServer, shared: Lake, ask: Ask
) -> None:
    """Nobody waits for its answer any more."""
    store = MemoryStore()
    store.add_run(run_of())
    (run,) = store.claim_runs("gone", limit=1, lease_seconds=0)
    with endless_query(trino_server, ask) as (query_id, answer):
        assert store.record_query("gone", run.id, 1, query_id)
        assert store.reap() == 1
        assert Sweep(store, shared.warehouse).do() == 1
        assert killed(answer)
    store.close()


def test_the_warehouse_says_which_engine_answers(trino_server: TrinoServer, shared: Lake) -> None:
    """Pinged and described; a server that is not there is named."""
    shared.warehouse.ping()
    assert shared.warehouse.describe()["engine"] == "trino"
    nowhere = load(
        {**trino_server.environ, "JUPYTER_ORCH__WAREHOUSE__TRINO__URL": "http://127.0.0.1:9"},
        trino_server.settings.state_dir / "none.toml",
    )
    lake = Lake(nowhere)
    with pytest.raises(Unavailable, match="127"):
        lake.warehouse.ping()
    lake.warehouse.close()

"""Statements that change tables: each is one Iceberg commit, or nothing."""

from datetime import date
from decimal import Decimal

import pytest
from trino.exceptions import TrinoUserError

from jupyter_orch.warehouse.catalog import open_catalog
from jupyter_orch.warehouse.engine import shared_engine
from jupyter_orch.warehouse.iceberg import IcebergWarehouse


@pytest.fixture
def table(query):
    """nyc.f with three rows."""
    query("CREATE SCHEMA nyc")
    query("CREATE TABLE nyc.f (id integer NOT NULL, day date, fare decimal(10,2), name varchar)")
    query("INSERT INTO nyc.f VALUES (1, DATE '2013-01-01', 1.5, 'a'), (2, NULL, NULL, 'b')")
    query("INSERT INTO nyc.f (name, id) SELECT 'c', 3")
    return "nyc.f"


def _snapshots(settings, name="nyc.f"):
    catalog = open_catalog(settings)
    try:
        return catalog.load_table(name).snapshots()
    finally:
        catalog.engine.dispose()


def test_insert_appends_by_position_or_name(query, table):
    """Columns that are not named are NULL."""
    assert query("SELECT * FROM nyc.f ORDER BY id") == [
        [1, date(2013, 1, 1), Decimal("1.50"), "a"],
        [2, None, None, "b"],
        [3, None, None, "c"],
    ]


def test_insert_answers_the_number_of_rows(connection, table):
    """As Trino: one row, and the cursor's rowcount."""
    cursor = connection.cursor()
    assert cursor.execute("INSERT INTO nyc.f (id) VALUES 4, 5").fetchall() == [[2]]
    assert cursor.rowcount == 2
    assert cursor.update_type == "INSERT"


def test_update_delete_and_merge(query, table):
    """Rows change; typed rewrites hold there too."""
    query("UPDATE nyc.f SET fare = fare / 4, name = upper(name) WHERE id = 1")
    assert query("SELECT fare, name FROM nyc.f WHERE id = 1") == [[Decimal("0.38"), "A"]]
    assert query("DELETE FROM nyc.f WHERE id / 2 = 1") == [[2]]
    assert query("SELECT id FROM nyc.f") == [[1]]
    assert query(
        "MERGE INTO nyc.f t USING (VALUES (1, 'z'), (9, 'n')) s(id, name) ON t.id = s.id "
        "WHEN MATCHED THEN UPDATE SET name = s.name "
        "WHEN NOT MATCHED THEN INSERT (id, name) VALUES (s.id, s.name)"
    ) == [[2]]
    assert query("SELECT id, name FROM nyc.f ORDER BY id") == [[1, "z"], [9, "n"]]


def test_merge_deletes(query, table):
    """WHEN MATCHED AND … THEN DELETE."""
    query("MERGE INTO nyc.f USING (VALUES 1, 2) s(id) ON f.id = s.id WHEN MATCHED THEN DELETE")
    assert query("SELECT id FROM nyc.f") == [[3]]


def test_delete_of_nothing_commits_nothing(settings, query, table):
    """No snapshot without a change."""
    before = len(_snapshots(settings))
    assert query("DELETE FROM nyc.f WHERE id = 99") == [[0]]
    assert len(_snapshots(settings)) == before


_MERGE = (
    "MERGE INTO nyc.f t USING (VALUES 1, 9) s(id) ON t.id = s.id "
    "WHEN MATCHED THEN DELETE WHEN NOT MATCHED THEN INSERT (id) VALUES (s.id)"
)


@pytest.mark.usefixtures("table")
@pytest.mark.parametrize(
    ("statement", "changed", "left"),
    [
        ("UPDATE nyc.f SET name = 'x' WHERE id < 3", 2, 3),
        ("DELETE FROM nyc.f WHERE id = 1", 1, 2),
        ("DELETE FROM nyc.f WHERE id > 0", 3, 0),
        (_MERGE, 2, 3),
    ],
)
def test_inv6_a_change_of_rows_is_one_version(settings, query, statement, changed, left):
    """Time travel goes from the rows before straight to the rows after, with nothing between."""
    warehouse = IcebergWarehouse(settings)
    before = [entry.snapshot_id for entry in warehouse.load("nyc.f").metadata.snapshot_log]
    assert query(statement) == [[changed]]
    log = [entry.snapshot_id for entry in warehouse.load("nyc.f").metadata.snapshot_log]
    (newest,) = warehouse.versions("nyc.f", limit=1).items
    warehouse.close()
    assert log[:-1] == before
    assert query(f"SELECT count(*) FROM nyc.f FOR VERSION AS OF {log[-1]}") == [[left]]
    assert query('SELECT count(*) FROM nyc."f$history"') == [[len(log)]]
    word = statement.split(" ", 1)[0].lower()
    assert (newest.operation, newest.rows, newest.total_rows) == (word, changed, left)


def test_truncate_and_delete_without_condition(query, table):
    """Both empty the table, and history stays."""
    assert query("DELETE FROM nyc.f") == [[3]]
    query("INSERT INTO nyc.f (id) VALUES 7")
    query("TRUNCATE TABLE nyc.f")
    assert query("SELECT count(*) FROM nyc.f") == [[0]]


def test_create_table_as_is_one_commit_with_data(settings, query, table):
    """Nobody ever sees the table empty."""
    assert query("CREATE TABLE nyc.g AS SELECT id, fare * 2 AS twice FROM nyc.f") == [[3]]
    assert len(_snapshots(settings, "nyc.g")) == 1
    assert query("SELECT twice FROM nyc.g WHERE id = 1") == [[Decimal("3.00")]]
    assert query("CREATE TABLE IF NOT EXISTS nyc.g AS SELECT 1 AS id") == [[0]]


def test_partitioned_table(query, table):
    """Partition transforms are those of Trino's Iceberg connector."""
    query(
        "CREATE TABLE nyc.p (id integer, day date, name varchar) "
        "WITH (partitioning = ARRAY['month(day)', 'bucket(id, 4)', 'name'], format = 'PARQUET')"
    )
    query("INSERT INTO nyc.p SELECT id, day, name FROM nyc.f")
    assert query("SELECT id FROM nyc.p WHERE day = DATE '2013-01-01'") == [[1]]
    assert query("SELECT count(*) FROM nyc.p") == [[3]]


def test_evolved_table_reads_old_and_new_files(query, table):
    """Added, renamed and dropped columns are read by their field ids."""
    query("ALTER TABLE nyc.f ADD COLUMN seats integer")
    query("INSERT INTO nyc.f (id, seats) VALUES (4, 180)")
    query("ALTER TABLE nyc.f RENAME COLUMN name TO title")
    query("ALTER TABLE nyc.f DROP COLUMN fare")
    query("INSERT INTO nyc.f (id, title) VALUES (5, 'e')")
    assert query("SELECT id, title, seats FROM nyc.f ORDER BY id") == [
        [1, "a", None],
        [2, "b", None],
        [3, "c", None],
        [4, None, 180],
        [5, "e", None],
    ]
    query("ALTER TABLE nyc.f RENAME TO nyc.h")
    assert query("SELECT count(*) FROM nyc.h") == [[5]]


def test_time_travel(settings, query, table):
    """By id, by name, by instant; each statement reads one snapshot."""
    first = _snapshots(settings)[0]
    assert query(f"SELECT count(*) FROM nyc.f FOR VERSION AS OF {first.snapshot_id}") == [[2]]
    assert query("SELECT count(*) FROM nyc.f FOR VERSION AS OF 'main'") == [[3]]
    both = "SELECT count(*) FROM nyc.f n JOIN nyc.f FOR VERSION AS OF ? o ON n.id = o.id"
    assert query(both.replace("?", str(first.snapshot_id))) == [[2]]
    assert query("SELECT count(*) FROM nyc.f FOR TIMESTAMP AS OF current_timestamp") == [[3]]
    for bad in (
        "VERSION AS OF 1",
        "VERSION AS OF 'nope'",
        "TIMESTAMP AS OF TIMESTAMP '2001-01-01 00:00:00'",
    ):
        with pytest.raises(TrinoUserError):
            query(f"SELECT * FROM nyc.f FOR {bad}")


def test_metadata_tables(query, table):
    """Snapshots, history, references, properties and files."""
    operations = query(
        "SELECT operation, element_at(summary, 'added-records') FROM nyc.\"f$snapshots\""
    )
    assert operations == [["append", "2"], ["append", "1"]]
    assert query('SELECT count(*) FROM nyc."f$history" WHERE is_current_ancestor') == [[2]]
    assert query('SELECT name, type FROM nyc."f$refs"') == [["main", "BRANCH"]]
    assert query('SELECT sum(record_count) FROM nyc."f$files"') == [[3]]
    assert query('SELECT count(*) FROM nyc."f$properties"')[0][0] >= 0


def test_show_describe_explain(query, table):
    """What people type first."""
    assert query("SHOW CATALOGS") == [["lake"]]
    assert query("SHOW SCHEMAS LIKE 'n%'") == [["nyc"]]
    assert query("SHOW SCHEMAS FROM lake") == [["information_schema"], ["nyc"]]
    assert query("SHOW TABLES FROM lake.nyc LIKE '_'") == [["f"]]
    assert query("SHOW COLUMNS FROM nyc.f")[2] == ["fare", "decimal(10,2)", "", ""]
    assert query("DESCRIBE nyc.f") == query("DESC lake.nyc.f")
    assert "CREATE TABLE lake.nyc.f" in query("SHOW CREATE TABLE nyc.f")[0][0]
    assert query("EXPLAIN SELECT count(*) FROM nyc.f")[0][0]


def test_use_changes_the_schema_of_the_connection(query, table):
    """Later statements need not name it."""
    query("USE lake.nyc")
    assert query("SELECT count(*) FROM f") == [[3]]
    with pytest.raises(TrinoUserError):
        query("USE nope")


@pytest.mark.parametrize(
    ("sql", "name"),
    [
        ("CREATE SCHEMA nyc", "SCHEMA_ALREADY_EXISTS"),
        ("DROP SCHEMA nyc", "SCHEMA_NOT_EMPTY"),
        ("DROP SCHEMA nope", "SCHEMA_NOT_FOUND"),
        ("DROP TABLE nyc.nope", "TABLE_NOT_FOUND"),
        ("CREATE TABLE nyc.f (x integer)", "TABLE_ALREADY_EXISTS"),
        ("CREATE TABLE nope.f (x integer)", "SCHEMA_NOT_FOUND"),
        ("CREATE TABLE nyc.x AS SELECT 1", "MISSING_COLUMN_NAME"),
        ("CREATE TABLE nyc.x (a tinyint)", "NOT_SUPPORTED"),
        ("CREATE TABLE nyc.x (a integer) WITH (format = 'ORC')", "NOT_SUPPORTED"),
        ("CREATE TABLE nyc.x (a integer) WITH (sorted_by = ARRAY['a'])", "NOT_SUPPORTED"),
        ("CREATE TABLE nyc.x (a integer) WITH (partitioning = ARRAY['b'])", "COLUMN_NOT_FOUND"),
        (
            "CREATE TABLE nyc.x (a date) WITH (partitioning = ARRAY['f(a)'])",
            "INVALID_TABLE_PROPERTY",
        ),
        ("CREATE OR REPLACE TABLE nyc.f AS SELECT 1 AS x", "NOT_SUPPORTED"),
        ("INSERT INTO nyc.f (id) VALUES ('x')", "TYPE_MISMATCH"),
        ("INSERT INTO nyc.f (id, name) VALUES (1)", "TYPE_MISMATCH"),
        ("INSERT INTO nyc.f (nope) VALUES (1)", "COLUMN_NOT_FOUND"),
        ("INSERT INTO nyc.f (name) VALUES ('x')", "CONSTRAINT_VIOLATION"),
        ("UPDATE nyc.f SET id = NULL", "CONSTRAINT_VIOLATION"),
        ("UPDATE nyc.f SET fare = 'x'", "TYPE_MISMATCH"),
        ("UPDATE nyc.f SET fare = 1 / (id - id)", "DIVISION_BY_ZERO"),
        ("SELECT * FROM other.nyc.f", "CATALOG_NOT_FOUND"),
        ("SELECT * FROM f", "SCHEMA_NOT_FOUND"),
        ('CREATE TABLE nyc."../x" (a integer)', "GENERIC_USER_ERROR"),
    ],
)
def test_inv9_refused_statement_changes_nothing(settings, query, table, sql, name):
    """One error, no snapshot, no table."""
    before = len(_snapshots(settings))
    with pytest.raises(TrinoUserError) as error:
        query(sql)
    assert error.value.error_name == name
    assert len(_snapshots(settings)) == before
    assert query("SHOW TABLES FROM nyc") == [["f"]]


def test_table_is_created_anew_after_drop(settings, query, table):
    """A new table never meets the files of an old one of its name."""
    query("DROP TABLE nyc.f")
    query("CREATE TABLE nyc.f (other varchar)")
    assert query("SELECT * FROM nyc.f") == []
    assert query("DROP TABLE IF EXISTS nyc.f") == [[True]]
    assert query("DROP TABLE IF EXISTS nyc.f") == [[True]]
    query("DROP SCHEMA nyc")
    assert not shared_engine(settings).catalog.namespace_exists("nyc")


def test_a_partition_s_value_is_the_one_in_the_file(query, settings):
    """Writers escape it in the folder's name, which readers must not take for the value."""
    import pyarrow as pa
    from pyiceberg.partitioning import PartitionField, PartitionSpec
    from pyiceberg.schema import Schema
    from pyiceberg.transforms import IdentityTransform
    from pyiceberg.types import LongType, NestedField, StringType

    query("CREATE SCHEMA nyc")
    schema = Schema(NestedField(1, "place", StringType()), NestedField(2, "n", LongType()))
    spec = PartitionSpec(PartitionField(1, 1000, IdentityTransform(), "place"))
    catalog = open_catalog(settings)
    try:
        table = catalog.create_table("nyc.places", schema=schema, partition_spec=spec)
        table.append(pa.table({"place": ["a b", "c/d=1"], "n": [1, 2]}))
    finally:
        catalog.engine.dispose()
    assert query("SELECT place, n FROM nyc.places ORDER BY n") == [["a b", 1], ["c/d=1", 2]]

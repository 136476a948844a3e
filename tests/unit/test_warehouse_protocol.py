"""The client protocol in this process: what the real trino client sees."""

import threading
import uuid
from datetime import UTC, date, datetime, time, timedelta
from decimal import Decimal

import pytest
import trino.dbapi
from trino.exceptions import TrinoQueryError, TrinoUserError

from jupyter_orch.domain.errors import BadInput, Unavailable
from jupyter_orch.settings import load
from jupyter_orch.warehouse import connect as connect_module
from jupyter_orch.warehouse.connect import open_connection, ping
from jupyter_orch.warehouse.engine import PAGE_ROWS, shared_engine

TYPES = [
    ("true", True, "boolean"),
    ("CAST(1 AS tinyint)", 1, "tinyint"),
    ("CAST(1 AS smallint)", 1, "smallint"),
    ("1", 1, "integer"),
    ("CAST(1 AS bigint)", 1, "bigint"),
    ("CAST(0.1 AS real)", 0.1, "real"),
    ("1.5e0", 1.5, "double"),
    ("infinity()", float("inf"), "double"),
    ("CAST(1.5 AS decimal(10,2))", Decimal("1.50"), "decimal(10, 2)"),
    ("'é'", "é", "varchar"),
    ("X'0041'", b"\x00A", "varbinary"),
    ("DATE '2024-02-29'", date(2024, 2, 29), "date"),
    ("TIME '10:11:12.5'", time(10, 11, 12, 500000), "time(6)"),
    (
        "TIMESTAMP '2024-01-01 00:00:00.123456'",
        datetime.fromisoformat("2024-01-01 00:00:00.123456"),
        "timestamp(6)",
    ),
    (
        "TIMESTAMP '2024-01-01 00:00:00.123456 UTC'",
        datetime(2024, 1, 1, 0, 0, 0, 123456, UTC),
        "timestamp(6) with time zone",
    ),
    ("INTERVAL '2' DAY", timedelta(2), "INTERVAL DAY TO SECOND"),
    ("-INTERVAL '90' MINUTE", timedelta(minutes=-90), "INTERVAL DAY TO SECOND"),
    ("ARRAY[1, NULL]", [1, None], "array(integer)"),
    ("map(ARRAY['a'], ARRAY[DECIMAL '1.5'])", {"a": Decimal("1.5")}, "map(varchar, decimal(2, 1))"),
    ("CAST(ROW(1, 'x') AS row(a integer, b varchar))", (1, "x"), "row(a integer, b varchar)"),
    (
        "CAST('12151fd2-7586-11e9-8f9e-2a86e4085a59' AS uuid)",
        uuid.UUID("12151fd2-7586-11e9-8f9e-2a86e4085a59"),
        "uuid",
    ),
    ("json_parse('{\"a\":1}')", '{"a":1}', "json"),
    ("CAST(NULL AS integer)", None, "integer"),
]


@pytest.fixture(scope="module")
def settings(tmp_path_factory):
    """Settings of one warehouse for the module."""
    given = {
        "JUPYTER_ORCH__STATE__DIR": str(tmp_path_factory.mktemp("state")),
        "JUPYTER_ORCH__WAREHOUSE__MEMORY_LIMIT": "300MB",
    }
    made = load(given, tmp_path_factory.mktemp("none") / "none.toml")
    yield made
    shared_engine(made).close()


@pytest.fixture
def cursor(settings):
    """A cursor of the real client."""
    connection = open_connection(settings)
    yield connection.cursor()
    connection.close()


@pytest.mark.parametrize(("expression", "value", "kind"), TYPES)
def test_type_makes_the_way_through_the_client(cursor, expression, value, kind):
    """Python value, its type and the SQL type are those that Trino gives."""
    rows = cursor.execute(f"SELECT {expression} AS v").fetchall()
    assert rows == [[value]]
    assert cursor.description[0][:2] == ("v", kind)
    if value is not None and not isinstance(value, tuple):
        assert type(rows[0][0]) is type(value)


@pytest.mark.parametrize(
    "value",
    [
        1,
        -1,
        "o'hara",
        None,
        True,
        1.5,
        Decimal("1.50"),
        date(2024, 1, 1),
        datetime.fromisoformat("2024-01-01 05:00"),
        [1, 2],
        b"ab",
    ],
)
def test_parameter_is_bound_as_a_value(cursor, value):
    """What is passed for `?` comes back as it was."""
    assert cursor.execute("SELECT ?", [value]).fetchall() == [[value]]


def test_hostile_parameter_stays_text(cursor):
    """Quotes and comments in a value are no SQL."""
    hostile = "'; DROP SCHEMA nyc; --\n? :x"
    assert cursor.execute("SELECT ?, ?", [hostile, 2]).fetchall() == [[hostile, 2]]


def test_prepared_statement_of_the_session(cursor):
    """PREPARE, EXECUTE and DEALLOCATE go by the client's session headers."""
    connection = cursor.connection
    connection.cursor().execute("PREPARE plus FROM SELECT ? + 1").fetchall()
    assert connection.cursor().execute("EXECUTE plus USING 41").fetchall() == [[42]]
    connection.cursor().execute("DEALLOCATE PREPARE plus").fetchall()
    with pytest.raises(TrinoUserError) as error:
        connection.cursor().execute("EXECUTE minus USING 41").fetchall()
    assert error.value.error_name == "NOT_FOUND"


def test_session_properties_are_kept_and_mean_nothing(cursor):
    """SET SESSION is for clusters; a notebook that has it runs all the same."""
    cursor.execute("SET SESSION query_max_run_time = '1h'").fetchall()
    assert cursor.execute("SELECT 1").fetchall() == [[1]]


def test_long_result_comes_in_pages(cursor):
    """All rows arrive, in order, over several answers."""
    rows = 2 * PAGE_ROWS + 7
    cursor.execute(f"SELECT x FROM unnest(sequence(1, {rows})) t(x) ORDER BY x")
    assert [row[0] for row in cursor.fetchall()] == list(range(1, rows + 1))
    assert cursor.stats["processedRows"] == rows


@pytest.mark.parametrize("rows", [0, PAGE_ROWS])
def test_result_that_fills_its_pages_ends(cursor, rows):
    """No row and exactly one page are results too."""
    cursor.execute(f"SELECT x FROM unnest(sequence(1, {PAGE_ROWS})) t(x) LIMIT {rows}")
    assert len(cursor.fetchall()) == rows
    assert cursor.description[0][0] == "x"


def test_columns_are_named_as_trino_names_them(cursor):
    """Expressions without a name are `_col` and their place."""
    cursor.execute("SELECT 1, count(*) AS n, X FROM (VALUES 1) t(x) GROUP BY x")
    assert [column[0] for column in cursor.description] == ["_col0", "n", "X"]


def test_query_ids_differ(cursor):
    """Each statement has an id of Trino's form."""
    first = cursor.execute("SELECT 1").query_id
    second = cursor.execute("SELECT 1").query_id
    assert first != second
    assert len(first.split("_")) == 4


def test_syntax_error_has_its_place(cursor):
    """Line and column are where the words go wrong."""
    with pytest.raises(TrinoUserError) as error:
        cursor.execute("SELECT 1\nFORM x y z")
    assert error.value.error_name == "SYNTAX_ERROR"
    assert error.value.error_location[0] == 2


def test_cancel_stops_a_running_statement(cursor):
    """Cancelling from another thread ends the wait at once with USER_CANCELED."""
    endless = (
        "WITH n AS (SELECT x FROM unnest(sequence(1, 100000)) t(x)) "
        "SELECT count(*) FROM n a, n b WHERE a.x % 7 = b.x % 11 AND a.x * b.x % 3 = 1"
    )
    connection = cursor.connection
    threading.Timer(0.3, connection.close).start()
    with pytest.raises(TrinoUserError) as error:
        cursor.execute(endless).fetchall()
    assert error.value.error_name == "USER_CANCELED"


def test_cancelled_before_its_first_page_never_runs(settings):
    """A statement that is stopped early changes nothing."""
    from jupyter_orch.warehouse.engine import EngineSession
    from jupyter_orch.warehouse.translate.errors import SqlError

    session = EngineSession(user="u", catalog="lake", schema="default")
    statement = shared_engine(settings).open("CREATE SCHEMA never", session)
    statement.cancel()
    with pytest.raises(SqlError):
        statement.run()
    assert not shared_engine(settings).catalog.namespace_exists("never")


def test_ping_of_the_embedded_engine(settings):
    """It answers, and leaves nothing behind."""
    ping(settings)
    assert shared_engine(settings).catalog.list_namespaces() == []


def test_unreachable_trino_is_unavailable(tmp_path):
    """One sentence with the address and the setting, soon."""
    url = "http://127.0.0.1:9"
    given = {
        "JUPYTER_ORCH__STATE__DIR": str(tmp_path),
        "JUPYTER_ORCH__WAREHOUSE__TRINO__URL": url,
    }
    settings = load(given, tmp_path / "none.toml")
    for ask in (ping, open_connection):
        with pytest.raises(Unavailable) as error:
            ask(settings)
        assert url in error.value.message
        assert error.value.field == "warehouse.trino.url"


@pytest.mark.parametrize(
    "url", ["trino:8080", "ftp://host", "http://", "http://me:pw@host", "http://host:x"]
)
def test_address_that_is_none_is_refused(tmp_path, url):
    """Before anything is sent anywhere."""
    given = {
        "JUPYTER_ORCH__STATE__DIR": str(tmp_path),
        "JUPYTER_ORCH__WAREHOUSE__TRINO__URL": url,
    }
    with pytest.raises(BadInput) as error:
        open_connection(load(given, tmp_path / "none.toml"))
    assert error.value.field == "warehouse.trino.url"


def test_inv10_password_is_a_reference_and_needs_https(tmp_path, monkeypatch):
    """It is read from where the reference points, and never sent in the clear."""
    monkeypatch.setenv("TRINO_PASSWORD", "s3cret")
    given = {
        "JUPYTER_ORCH__STATE__DIR": str(tmp_path),
        "JUPYTER_ORCH__WAREHOUSE__TRINO__URL": "http://127.0.0.1:9",
        "JUPYTER_ORCH__WAREHOUSE__TRINO__PASSWORD": "env:TRINO_PASSWORD",
    }
    with pytest.raises(BadInput) as error:
        open_connection(load(given, tmp_path / "none.toml"))
    assert "https" in error.value.message
    secret = tmp_path / "password"
    secret.write_text("from-file\n")
    assert connect_module._resolve("env:TRINO_PASSWORD") == "s3cret"
    assert connect_module._resolve(f"file:{secret}") == "from-file"
    for reference in ("env:MISSING", "file:/nowhere", "s3cret"):
        with pytest.raises(BadInput) as error:
            connect_module._resolve(reference)
        assert "s3cret" not in error.value.message


def test_the_module_is_light():
    """`import jupyter_orch.warehouse.connect` pulls in no engine."""
    import subprocess
    import sys

    code = (
        "import sys, jupyter_orch.warehouse.connect; "
        "print(*{'duckdb', 'pyiceberg', 'trino', 'sqlglot', 'pyarrow'} & set(sys.modules))"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == ""


def test_connection_is_the_real_clients(cursor):
    """Nothing of the DB-API is ours."""
    assert isinstance(cursor.connection, trino.dbapi.Connection)
    assert issubclass(TrinoUserError, TrinoQueryError)

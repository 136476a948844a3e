"""Trino's meaning on DuckDB: each line is a fact about Trino that DuckDB alone gets wrong."""

from datetime import UTC, date, datetime, time, timedelta
from decimal import Decimal

import pytest

from jupyter_orch.settings import load
from jupyter_orch.warehouse.engine import EmbeddedEngine, EngineSession
from jupyter_orch.warehouse.signatures import display
from jupyter_orch.warehouse.translate.errors import SqlError, from_duckdb
from jupyter_orch.warehouse.translate.macros import double_text
from jupyter_orch.warehouse.translate.patterns import strftime

RECURSIVE = "WITH RECURSIVE t(n) AS (VALUES 1 UNION ALL SELECT n + 1 FROM t WHERE n < 4)"
DECIMALS = "(VALUES DECIMAL '1.0', DECIMAL '1.1') t(x)"
ROUNDED = [(Decimal("1.0"),), (Decimal("1.1"),)]
DAYS = "sequence(DATE '2024-02-28', DATE '2024-03-01')"
PAIRS = "unnest(ARRAY['a','b'], ARRAY[1]) WITH ORDINALITY t(k, v, n)"
VALUES = "(VALUES (1, 7, 2), (2, -7, 2), (3, NULL, 2)) t(id, a, b)"


@pytest.fixture(scope="module")
def engine(tmp_path_factory):
    """One engine over an empty warehouse."""
    given = {
        "JUPYTER_ORCH__STATE__DIR": str(tmp_path_factory.mktemp("state")),
        "JUPYTER_ORCH__WAREHOUSE__MEMORY_LIMIT": "300MB",
    }
    made = EmbeddedEngine(load(given, tmp_path_factory.mktemp("none") / "none.toml"))
    yield made
    made.close()


@pytest.fixture
def run(engine):
    """Rows and types of a query."""

    def answer(sql):
        session = EngineSession(user="tester", catalog="lake", schema="default")
        statement = engine.open(sql, session)
        try:
            made = statement.run()
            return made.fetch(), [display(kind) for _, kind in made.columns]
        finally:
            statement.close()

    return answer


@pytest.mark.parametrize(
    ("expression", "value", "kind"),
    [
        ("7 / 2", 3, "integer"),
        ("-7 / 2", -3, "integer"),
        ("-7 % 3", -1, "integer"),
        ("CAST(7 AS bigint) / 2", 3, "bigint"),
        ("7 / 2e0", 3.5, "double"),
        ("1.0 / 3", Decimal("0.3"), "decimal(2, 1)"),
        ("0.05 + 0.1", Decimal("0.15"), "decimal(3, 2)"),
        ("1.5 * 2", Decimal("3.0"), "decimal(12, 1)"),
        ("DECIMAL '199.99' / 3", Decimal("66.66"), "decimal(5, 2)"),
        ("DECIMAL '2.00' / 3", Decimal("0.67"), "decimal(3, 2)"),
        ("DECIMAL '-2.00' / 3", Decimal("-0.67"), "decimal(3, 2)"),
        ("DECIMAL '199.99' % 3", Decimal("1.99"), "decimal(5, 2)"),
        ("round(DECIMAL '199.99', 1)", Decimal("200.00"), "decimal(6, 2)"),
        ("CAST(2.5e0 AS integer)", 3, "integer"),
        ("CAST(-2.5e0 AS bigint)", -3, "bigint"),
        ("DATE '2024-01-31' + INTERVAL '1' MONTH", date(2024, 2, 29), "date"),
        ("DATE '2024-03-01' - DATE '2024-02-01'", timedelta(29), "INTERVAL DAY TO SECOND"),
        ("date_trunc('month', DATE '2024-03-15')", date(2024, 3, 1), "date"),
        ("date_add('day', 1, DATE '2024-02-28')", date(2024, 2, 29), "date"),
        (
            "date_diff('hour', TIMESTAMP '2024-01-01 10:59:00', TIMESTAMP '2024-01-01 12:00:00')",
            1,
            "bigint",
        ),
        ("extract(dow FROM DATE '2024-03-17')", 7, "bigint"),
        ("day_of_week(DATE '2024-03-17')", 7, "bigint"),
        ("millisecond(TIMESTAMP '2024-01-01 00:00:07.250')", 250, "bigint"),
        ("format_datetime(TIMESTAMP '2024-03-05 07:08:09', 'yyyy/MM/dd')", "2024/03/05", "varchar"),
        (
            "from_unixtime(1700000000)",
            datetime(2023, 11, 14, 22, 13, 20, tzinfo=UTC),
            "timestamp(6) with time zone",
        ),
        ("date_add('minute', 5, TIME '10:00:00')", time(10, 5), "time(6)"),
        ("greatest(1, NULL)", None, "integer"),
        ("split_part('a,b', ',', 5)", None, "varchar"),
        ("regexp_extract('abc', 'z')", None, "varchar"),
        ("regexp_replace('ab', '(a)(b)', '$2$1')", "ba", "varchar"),
        ("json_extract_scalar('{\"a\":{\"b\":5}}', '$.a')", None, "varchar"),
        ("substr('hello', 0)", "", "varchar"),
        ("concat('a', CAST(NULL AS varchar))", None, "varchar"),
        ("CAST(1.5e0 AS varchar)", "1.5E0", "varchar"),
        ("CAST(0.1 AS varchar)", "0.1", "varchar"),
        ("CAST('abc' AS varchar(2))", "ab", "varchar"),
        ("TRY_CAST('1.5' AS integer)", None, "integer"),
        ("slice(ARRAY[1,2,3], 2, 2)", [2, 3], "array(integer)"),
        ("slice(ARRAY[1,2,3], -2, 2)", [2, 3], "array(integer)"),
        ("element_at(ARRAY[1,2], 5)", None, "integer"),
        ("array_distinct(ARRAY[2,1,2])", [2, 1], "array(integer)"),
        ("transform(ARRAY[7], x -> x / 2)", [3], "array(integer)"),
        ("reduce(ARRAY[1,2], 0, (s, x) -> s + x, s -> s / 2)", 1, "integer"),
        ("sequence(3, 1)", [3, 2, 1], "array(bigint)"),
        ("TRY(1 / 0)", None, "integer"),
        ("bitwise_and(5, 3)", 1, "bigint"),
        ("cbrt(27)", 3.0, "double"),
        ("ARRAY[1] || 3", [1, 3], "array(integer)"),
        ("0 || ARRAY[1] || ARRAY[2]", [0, 1, 2], "array(integer)"),
    ],
)
def test_expression_means_what_trino_means(run, expression, value, kind):
    """Value and type of one expression."""
    rows, kinds = run(f"SELECT {expression}")
    assert (rows, kinds) == ([(value,)], [kind])


@pytest.mark.parametrize(
    ("sql", "rows"),
    [
        (f"SELECT a / b FROM {VALUES} ORDER BY id", [(3,), (-3,), (None,)]),
        (f"SELECT sum(a / b) / 2 FROM {VALUES}", [(0,)]),
        (f"SELECT id FROM {VALUES} ORDER BY a DESC", [(1,), (2,), (3,)]),
        (f"SELECT id FROM {VALUES} ORDER BY a", [(2,), (1,), (3,)]),
        (f"WITH h AS (SELECT a / b AS x FROM {VALUES}) SELECT max(x / 2) FROM h", [(1,)]),
        (f"SELECT max(x) FROM (SELECT (SELECT t.a / t.b) AS x FROM {VALUES})", [(3,)]),
        (f"SELECT a / b AS h FROM {VALUES} ORDER BY h / 2 DESC, id LIMIT 1", [(3,)]),
        (f"{RECURSIVE} SELECT sum(n) / 3 FROM t", [(3,)]),
        (f"SELECT avg(x) FROM {DECIMALS}", [(Decimal("1.1"),)]),
        (f"SELECT avg(x) OVER (ORDER BY x) FROM {DECIMALS} ORDER BY 1", ROUNDED),
        (f"SELECT max(d) FROM unnest({DAYS}) t(d)", [(date(2024, 3, 1),)]),
        (f"SELECT k, n FROM {PAIRS} ORDER BY n", [("a", 1), ("b", 2)]),
    ],
)
def test_query_means_what_trino_means(run, sql, rows):
    """Typed rewrites reach into subqueries, common tables, windows and aliases."""
    assert run(sql)[0] == rows


@pytest.mark.parametrize(
    ("sql", "name", "words"),
    [
        ("SELECT 1 / 0", "DIVISION_BY_ZERO", "Division by zero"),
        ("SELECT DECIMAL '1.0' / 0", "DIVISION_BY_ZERO", "Division by zero"),
        ("SELECT 1 = '1'", "TYPE_MISMATCH", "Cannot apply operator: integer = varchar"),
        ("SELECT DATE '2024-01-01' + 1", "TYPE_MISMATCH", "date + integer"),
        ("SELECT 'a' + 1", "TYPE_MISMATCH", "varchar + integer"),
        ("SELECT CAST('1.5' AS integer)", "INVALID_CAST_ARGUMENT", "'1.5'"),
        ("SELECT 2147483647 + 1", "NUMERIC_VALUE_OUT_OF_RANGE", "range"),
        ("SELECT ARRAY[1][2]", "INVALID_FUNCTION_ARGUMENT", "outside of the array"),
        ("SELECT map(ARRAY['a'], ARRAY[1])['z']", "INVALID_FUNCTION_ARGUMENT", "Key not present"),
        ("SELECT nope", "COLUMN_NOT_FOUND", "'nope'"),
        ("SELEC 1", "SYNTAX_ERROR", "mismatched input"),
        ("SELECT 1; SELECT 2", "SYNTAX_ERROR", "exactly one"),
        ("", "SYNTAX_ERROR", "exactly one"),
        ("SELECT ?", "INVALID_PARAMETER_USAGE", "expected 1 but found 0"),
    ],
)
def test_error_has_trinos_name_and_a_sentence(run, sql, name, words):
    """No DuckDB text reaches a user."""
    with pytest.raises(SqlError) as error:
        run(sql)
    assert error.value.name == name
    assert words in error.value.message
    assert "LINE 1" not in error.value.message


@pytest.mark.parametrize(
    ("sql", "named"),
    [
        ("SELECT word_stem('running')", "The function word_stem"),
        ("SELECT format('%s', 1)", "The function format"),
        ("SELECT json_object('a' : 1)", "The function json_object"),
        ("SELECT json_query('{}', 'lax $.a')", "The function json_query"),
        ("SELECT read_csv('/etc/passwd')", "The function read_csv"),
        ("SELECT getenv('HOME')", "The function getenv"),
        ("SELECT x FROM (VALUES 1) t(x) FETCH FIRST 1 ROW WITH TIES", "WITH TIES"),
        ("SELECT count(*) FROM (VALUES 1) t(x) TABLESAMPLE BERNOULLI (50)", "TABLESAMPLE"),
        ("SELECT TIMESTAMP '2024-07-01 10:00:00 UTC' AT TIME ZONE 'Asia/Tokyo'", "AT TIME ZONE"),
        ("WITH FUNCTION f(x integer) RETURNS integer RETURN x SELECT f(1)", "A function defined"),
        ("START TRANSACTION", "START"),
        ("SELECT INTERVAL '3' MONTH", "An interval of months"),
        ("SELECT CAST('a' AS char(3))", "The type char"),
        ("CREATE VIEW default.v AS SELECT 1 AS x", "CREATE VIEW"),
        ("GRANT SELECT ON t TO me", "GRANT"),
        ("CALL lake.system.rollback_to_snapshot('a', 'b', 1)", "CALL"),
    ],
)
def test_what_is_not_supported_is_refused_by_name(run, sql, named):
    """One sentence names it and the way to a real Trino."""
    with pytest.raises(SqlError) as error:
        run(sql)
    assert error.value.name == "NOT_SUPPORTED"
    assert named in error.value.message
    assert "warehouse.trino.url" in error.value.message
    assert "\n" not in error.value.message


@pytest.mark.parametrize(
    "sql",
    [
        "SELECT * FROM read_csv('/etc/passwd')",
        "SELECT * FROM read_text('/etc/passwd')",
        "SELECT * FROM glob('/etc/*')",
        'SELECT * FROM "/etc/passwd"',
        "COPY (SELECT 1) TO '/tmp/x.csv'",
        "ATTACH '/tmp/x.db'",
        "SET memory_limit = '100GB'",
        "INSTALL httpfs",
        "PRAGMA version",
    ],
)
def test_nothing_but_the_warehouse_can_be_reached(run, sql):
    """DuckDB's own statements and file functions are no way out."""
    with pytest.raises(SqlError):
        run(sql)


def test_duckdb_itself_may_open_no_file(engine):
    """A second fence below the allow-list."""
    import duckdb

    cursor = engine.cursor()
    for sql in ("SELECT * FROM read_text('/etc/passwd')", "SET enable_external_access = true"):
        with pytest.raises(duckdb.Error):
            cursor.execute(sql)
    cursor.close()


def test_unknown_duckdb_text_is_not_passed_on():
    """An error that nobody foresaw says its kind only."""
    error = from_duckdb(RuntimeError("Internal Error: secret /path/to/file"))
    assert error.name == "GENERIC_INTERNAL_ERROR"
    assert "/path" not in error.message


@pytest.mark.parametrize(
    ("value", "text"),
    [(1.5, "1.5E0"), (1e10, "1.0E10"), (1.234e-5, "1.234E-5"), (-100.0, "-1.0E2"), (0.0, "0.0E0")],
)
def test_double_as_text(value, text):
    """Doubles are written as Java writes them."""
    assert double_text(value) == text


def test_joda_pattern():
    """Quoted text stays, percent signs are escaped, unknown letters are refused."""
    assert strftime("yyyy-MM-dd'T'HH:mm '100%' ''") == "%Y-%m-%dT%H:%M 100%% '"
    with pytest.raises(SqlError):
        strftime("G")

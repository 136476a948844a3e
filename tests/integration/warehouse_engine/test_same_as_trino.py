"""The embedded engine and a real Trino answer alike: values, Python types, names, SQL types."""

import re
from datetime import UTC, datetime
from typing import Any

import pytest
from integration.warehouse_engine.probes import ANSWERED, REFUSED, SETUP

from jupyter_orch.warehouse.connect import open_connection
from jupyter_orch.warehouse.engine import shared_engine


@pytest.fixture(scope="module")
def both(trino_server):
    """Connections to Trino and to the embedded engine over the same tables."""
    real = open_connection(trino_server.settings)
    embedded = open_connection(trino_server.embedded)
    for statement in SETUP:
        embedded.cursor().execute(statement).fetchall()
    yield real, embedded
    for connection in (real, embedded):
        connection.cursor().execute("DROP TABLE IF EXISTS probe.flights").fetchall()
        connection.cursor().execute("DROP TABLE IF EXISTS probe.airlines").fetchall()
        connection.close()
    shared_engine(trino_server.embedded).close()


def _answer(connection, sql: str) -> tuple[Any, ...]:
    cursor = connection.cursor()
    rows = cursor.execute(sql).fetchall()
    columns = [(item.name, _documented(item.type_code)) for item in cursor.description]
    return [[_plain(value) for value in row] for row in rows], columns


def _documented(kind: str) -> str:
    """Without lengths of text and digits of a second, which the embedded engine does not keep."""
    return re.sub(r"(varchar|timestamp|time)\(\d+\)", r"\1", kind)


def _plain(value: Any) -> Any:
    if isinstance(value, float):
        return ("float", f"{value:.12g}")
    if isinstance(value, list | tuple):
        return [_plain(item) for item in value]
    if isinstance(value, datetime) and value.tzinfo:
        return value.astimezone(UTC)
    return (type(value).__name__, str(value))


@pytest.mark.trino
@pytest.mark.parametrize("sql", ANSWERED)
def test_inv12_same_answer(both, sql):
    """Values, their types and the columns are those of Trino."""
    real, embedded = both
    assert _answer(embedded, sql) == _answer(real, sql)


@pytest.mark.trino
@pytest.mark.parametrize("sql", REFUSED)
def test_inv12_same_refusal(both, sql):
    """What Trino refuses is refused under the same error name."""
    names = []
    for connection in both:
        with pytest.raises(Exception) as refused:
            connection.cursor().execute(sql).fetchall()
        names.append(refused.value.error_name)
    assert names[0] == names[1]


@pytest.mark.trino
def test_inv12_each_reads_what_the_other_wrote(both):
    """Row-level deletes of Trino are honoured; commits of the embedded engine are seen by Trino."""
    real, embedded = both
    rows = "(VALUES (1, 'a'), (2, 'b'), (3, 'c')) t(id, s)"
    steps = [
        (real, f"CREATE TABLE probe.w AS SELECT * FROM {rows}"),
        (real, "DELETE FROM probe.w WHERE id = 2"),
        (embedded, "INSERT INTO probe.w VALUES (4, 'd')"),
        (real, "ALTER TABLE probe.w ADD COLUMN n decimal(10,2)"),
        (embedded, "UPDATE probe.w SET n = id / 3.0 WHERE id > 1"),
        (real, "MERGE INTO probe.w USING (VALUES 1) s(id) ON w.id = s.id WHEN MATCHED THEN DELETE"),
        (embedded, "DELETE FROM probe.w WHERE id = 3"),
    ]
    for engine, statement in steps:
        engine.cursor().execute(statement).fetchall()
        seen = [_answer(reader, "SELECT * FROM probe.w ORDER BY id") for reader in both]
        assert seen[0] == seen[1], statement
    embedded.cursor().execute("DROP TABLE probe.w").fetchall()

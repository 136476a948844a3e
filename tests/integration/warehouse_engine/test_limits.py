"""Limits and neighbours: time, memory, many writers, other clients, a run's kernel."""

import json
import os
import socket
import subprocess
import sys
import threading
from dataclasses import replace

import pandas as pd
import pytest
import sqlalchemy as sa
from trino.exceptions import TrinoQueryError

from jupyter_orch.warehouse.connect import engine, open_connection
from jupyter_orch.warehouse.engine import shared_engine

ENDLESS = (
    "WITH n AS (SELECT x FROM unnest(sequence(1, 100000)) t(x)) "
    "SELECT count(*) FROM n a, n b WHERE a.x % 7 = b.x % 11 AND a.x * b.x % 3 = 1"
)


def test_statement_that_takes_too_long_is_stopped(with_timeout):
    """The limit's name is Trino's, the limit is told."""
    with pytest.raises(TrinoQueryError) as error:
        with_timeout(0.5).cursor().execute(ENDLESS).fetchall()
    assert error.value.error_name == "EXCEEDED_TIME_LIMIT"
    assert "0.5 seconds" in error.value.message


def test_statement_that_needs_too_much_memory_fails_alone(settings):
    """It is refused by name, and the next statement runs."""
    small = replace(settings, warehouse=replace(settings.warehouse, memory_limit="60MB"))
    connection = open_connection(small)
    with pytest.raises(TrinoQueryError) as error:
        connection.cursor().execute(
            "SELECT cardinality(array_agg(lpad(CAST(x AS varchar), 100, 'x'))) "
            "FROM unnest(sequence(1, 1500000)) t(x)"
        ).fetchall()
    assert error.value.error_name == "EXCEEDED_LOCAL_MEMORY_LIMIT"
    assert connection.cursor().execute("SELECT 1").fetchall() == [[1]]
    connection.close()
    shared_engine(small).close()


def test_threads_of_one_connection(connection):
    """The client's level of thread safety holds: each thread its cursor."""
    answers = {}

    def ask(number):
        answers[number] = connection.cursor().execute("SELECT ? * 2", [number]).fetchall()

    threads = [threading.Thread(target=ask, args=(number,)) for number in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(30)
    assert answers == {number: [[number * 2]] for number in range(8)}


_WRITER = """
import jupyter_orch
connection = jupyter_orch.connect()
for _ in range(4):
    connection.cursor().execute("INSERT INTO nyc.t VALUES 1").fetchall()
    connection.cursor().execute("UPDATE nyc.t SET x = x + 1 WHERE x < 0").fetchall()
"""


def test_two_processes_insert_into_one_table(settings, query):
    """No row is lost or doubled."""
    query("CREATE SCHEMA nyc")
    query("CREATE TABLE nyc.t (x integer)")
    environ = os.environ | {"JUPYTER_ORCH__STATE__DIR": str(settings.state_dir)}
    writers = [subprocess.Popen([sys.executable, "-c", _WRITER], env=environ) for _ in range(2)]
    assert [writer.wait(120) for writer in writers] == [0, 0]
    assert query("SELECT count(*), sum(x) FROM nyc.t") == [[8, 8]]


def test_inv6_reader_keeps_its_snapshot(connection, query):
    """A result that is being read does not change under its reader."""
    query("CREATE SCHEMA nyc")
    query("CREATE TABLE nyc.t AS SELECT x FROM unnest(sequence(1, 20000)) t(x)")
    reader = connection.cursor().execute("SELECT x FROM nyc.t ORDER BY x")
    first = reader.fetchmany(10)
    query("DELETE FROM nyc.t")
    assert len(first) + len(reader.fetchall()) == 20000
    assert query("SELECT count(*) FROM nyc.t") == [[0]]


def test_sqlalchemy_and_pandas(settings, query):
    """Named parameters, frames, and the inspector's tables and columns."""
    query("CREATE SCHEMA nyc")
    query("CREATE TABLE nyc.t AS SELECT 1 AS id, DATE '2013-01-01' AS day")
    bind = engine(settings)
    with bind.connect() as opened:
        frame = pd.read_sql(
            sa.text("SELECT id / 2 AS h FROM nyc.t WHERE id = :k"), opened, params={"k": 1}
        )
        assert frame.to_dict("records") == [{"h": 0}]
        inspector = sa.inspect(opened)
        assert inspector.get_table_names("nyc") == ["t"]
        assert inspector.has_table("t", "nyc")
        assert [column["name"] for column in inspector.get_columns("t", "nyc")] == ["id", "day"]
        assert "nyc" in inspector.get_schema_names()
    bind.dispose()


def test_sql_magic(settings, query):
    """A `%%sql` cell answers a frame."""
    code = """
from IPython.testing.globalipapp import start_ipython
shell = start_ipython()
shell.run_line_magic("load_ext", "sql")
shell.run_line_magic("config", "SqlMagic.autopandas = True")
shell.run_line_magic("config", "SqlMagic.displaycon = False")
from jupyter_orch.warehouse.connect import engine
shell.user_ns["lake"] = engine()
shell.run_line_magic("sql", "lake")
print("answer", shell.run_cell_magic("sql", "", "SELECT 7 / 2 AS a").iloc[0, 0])
"""
    environ = os.environ | {"JUPYTER_ORCH__STATE__DIR": str(settings.state_dir)}
    done = subprocess.run(
        [sys.executable, "-W", "ignore", "-c", code],
        env=environ,
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )
    assert "answer 3" in done.stdout, done.stderr


def test_kernel_of_a_run_reports_its_queries(settings, tmp_path, monkeypatch):
    """The worker hears each query's id; a channel that is gone fails no query."""
    path = tmp_path / "c.sock"
    heard = []

    def serve(listener):
        peer, _address = listener.accept()
        with peer, peer.makefile("rwb") as file:
            file.readline()  # the token
            heard.append(json.loads(file.readline()))
            file.write(b'{"ok": true}\n')

    monkeypatch.setenv("JUPYTER_ORCH_CHANNEL", str(path))
    monkeypatch.setenv("JUPYTER_ORCH_TOKEN", "t")
    with socket.socket(socket.AF_UNIX) as listener:
        listener.bind(str(path))
        listener.listen()
        worker = threading.Thread(target=serve, args=(listener,), daemon=True)
        worker.start()
        connection = open_connection(settings)
        identity = connection.cursor().execute("SELECT 1").query_id
        worker.join(30)
    assert [(message["do"], message["query_id"]) for message in heard] == [("query_id", identity)]
    path.unlink()
    assert connection.cursor().execute("SELECT 1").fetchall() == [[1]]
    connection.close()


def test_engine_is_shared_and_closed(settings):
    """All connections of a process share one memory limit; closing frees it."""
    first = shared_engine(settings)
    assert shared_engine(settings) is first
    first.close()
    with open_connection(settings) as connection:
        assert connection.cursor().execute("SELECT 1").fetchall() == [[1]]

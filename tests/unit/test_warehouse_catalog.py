"""The catalog: one private file in the schema that Trino opens, and a lock between processes."""

import os
import sqlite3
import stat
import subprocess
import sys
import time
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from dataclasses import replace

import pyarrow as pa
import pytest

from jupyter_orch.domain.errors import Unavailable
from jupyter_orch.settings import load
from jupyter_orch.warehouse import locks
from jupyter_orch.warehouse.catalog import open_catalog
from jupyter_orch.warehouse.locks import committing


@pytest.fixture
def settings(tmp_path):
    """Settings with a warehouse of their own."""
    return load({"JUPYTER_ORCH__STATE__DIR": str(tmp_path / "state")}, tmp_path / "none.toml")


def test_catalog_is_private_and_in_wal_mode(settings):
    """Nobody else may read the file or the folder; readers do not wait for writers."""
    open_catalog(settings).engine.dispose()
    folder = settings.warehouse.folder
    assert stat.S_IMODE(folder.stat().st_mode) == 0o700
    assert stat.S_IMODE((folder / "catalog.db").stat().st_mode) == 0o600
    with closing(sqlite3.connect(folder / "catalog.db")) as connection:
        assert connection.execute("PRAGMA journal_mode").fetchone() == ("wal",)


def test_catalog_has_the_schema_that_trino_expects(settings):
    """V1: tables know that they are tables, under the configured catalog's name."""
    catalog = open_catalog(settings)
    catalog.create_namespace("nyc")
    catalog.create_table("nyc.t", pa.schema([("id", pa.int64())]))
    catalog.engine.dispose()
    with closing(sqlite3.connect(settings.warehouse.folder / "catalog.db")) as connection:
        rows = connection.execute(
            "SELECT catalog_name, table_namespace, table_name, iceberg_type FROM iceberg_tables"
        ).fetchall()
    assert rows == [("lake", "nyc", "t", "TABLE")]


def test_catalog_that_cannot_be_opened_is_unavailable(settings, tmp_path):
    """The error names the setting; it is no traceback of a driver."""
    broken = tmp_path / "broken.db"
    broken.write_bytes(b"this is not a database" * 100)
    warehouse = replace(settings.warehouse, catalog_uri=f"sqlite:///{broken}")
    with pytest.raises(Unavailable) as error:
        open_catalog(replace(settings, warehouse=warehouse))
    assert error.value.field == "warehouse.catalog_uri"


_WRITER = """
import sys, pyarrow as pa
from jupyter_orch.settings import load
from jupyter_orch.warehouse.catalog import open_catalog
from jupyter_orch.warehouse.locks import committing
settings = load()
catalog = open_catalog(settings)
for row in range(5):
    with committing(settings, "nyc.t"):
        catalog.load_table("nyc.t").append(pa.table({"id": pa.array([row], pa.int64())}))
"""


def test_two_processes_commit_to_one_table(settings):
    """Under the lock no commit is lost and none fails."""
    catalog = open_catalog(settings)
    catalog.create_namespace("nyc")
    catalog.create_table("nyc.t", pa.schema([("id", pa.int64())]))
    environ = os.environ | {"JUPYTER_ORCH__STATE__DIR": str(settings.state_dir)}
    writers = [subprocess.Popen([sys.executable, "-c", _WRITER], env=environ) for _ in range(2)]
    assert [writer.wait(120) for writer in writers] == [0, 0]
    table = catalog.load_table("nyc.t")
    assert table.scan().count() == 10
    assert len(table.snapshots()) == 10
    catalog.engine.dispose()


def test_a_holder_that_does_not_move_is_not_waited_for(settings, monkeypatch):
    """The lock only saves retries: after its time a writer goes on without it."""
    monkeypatch.setattr(locks, "STILL_SECONDS", 0.2)
    with committing(settings, "nyc.t"):
        started = time.monotonic()
        with committing(settings, "NYC.T"):
            assert time.monotonic() - started >= 0.2
        with committing(settings, "nyc.other"):
            pass


def test_a_holder_that_goes_on_is_waited_for(settings, monkeypatch):
    """However long it takes: who jumps the queue makes everybody's commits fail."""
    monkeypatch.setattr(locks, "STILL_SECONDS", 0.3)
    seen = []

    def second():
        with committing(settings, "nyc.t"):
            seen.append("second")

    def other_process():
        done = subprocess.run(
            [sys.executable, "-c", _WAITER],
            env=os.environ | {"JUPYTER_ORCH__STATE__DIR": str(settings.state_dir)},
            timeout=60,
            check=True,
        )
        seen.append(done.returncode)

    with ThreadPoolExecutor(2) as pool:
        with committing(settings, "nyc.t") as going_on:
            waiting = [pool.submit(second), pool.submit(other_process)]
            end = time.monotonic() + 3
            while time.monotonic() < end:
                time.sleep(0.05)
                going_on()
            assert seen == []
        for each in waiting:
            each.result()
    assert sorted(map(str, seen)) == ["0", "second"]


_WAITER = """
from jupyter_orch.settings import load
from jupyter_orch.warehouse import locks
locks.STILL_SECONDS = 0.3
with locks.committing(load(), "nyc.t"):
    pass
"""

"""A warehouse of its own for each test, and connections that are closed."""

import gc
from collections.abc import Callable, Iterator
from dataclasses import replace
from typing import Any

import pytest
import trino.dbapi

from jupyter_orch.settings import Settings, load
from jupyter_orch.warehouse.connect import open_connection
from jupyter_orch.warehouse.engine import shared_engine


@pytest.fixture
def settings(tmp_path) -> Iterator[Settings]:
    """Settings whose folders are the test's own."""
    given = {
        "JUPYTER_ORCH__STATE__DIR": str(tmp_path / "state"),
        "JUPYTER_ORCH__WAREHOUSE__MEMORY_LIMIT": "400MB",
    }
    made = load(given, tmp_path / "none.toml")
    yield made
    shared_engine(made).close()
    gc.collect()


@pytest.fixture
def connection(settings) -> Iterator[trino.dbapi.Connection]:
    """A connection to the embedded engine."""
    opened = open_connection(settings)
    yield opened
    opened.close()


@pytest.fixture
def query(connection) -> Callable[..., list[list[Any]]]:
    """Runs a statement and answers its rows."""

    def run(sql: str, parameters: list[Any] | None = None) -> list[list[Any]]:
        return connection.cursor().execute(sql, parameters).fetchall()

    return run


@pytest.fixture
def with_timeout(settings) -> Iterator[Callable[[float], trino.dbapi.Connection]]:
    """Connections whose statements may take so many seconds."""
    opened: list[tuple[trino.dbapi.Connection, Settings]] = []

    def make(seconds: float) -> trino.dbapi.Connection:
        warehouse = replace(settings.warehouse, statement_timeout_seconds=seconds)
        changed = replace(settings, warehouse=warehouse)
        opened.append((open_connection(changed), changed))
        return opened[-1][0]

    yield make
    for connection, changed in opened:
        connection.close()
        shared_engine(changed).close()

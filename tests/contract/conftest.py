"""Each store that exists; every contract test runs on each."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from jupyter_orch.store.memory import MemoryStore
from jupyter_orch.store.sql import SqlStore


@pytest.fixture(params=["sqlite", "postgresql"])
def store_url(request: pytest.FixtureRequest, tmp_path: Path) -> str:
    """URL of an empty database, for tests that open it more than once."""
    if request.param == "postgresql":
        return str(request.getfixturevalue("postgresql_url"))
    return f"sqlite:///{tmp_path / 'state.db'}"


@pytest.fixture(params=["sqlite", "postgresql", "memory"])
def store(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[SqlStore]:
    """An empty store."""
    if request.param == "memory":
        opened: SqlStore = MemoryStore()
    elif request.param == "postgresql":
        opened = SqlStore(request.getfixturevalue("postgresql_url"))
    else:
        opened = SqlStore(f"sqlite:///{tmp_path / 'state.db'}")
    yield opened
    opened.close()

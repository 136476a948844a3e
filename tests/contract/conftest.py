"""Each store that exists; every contract test runs on each."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from jupyter_orch.store.sql import SqlStore


@pytest.fixture(params=["sqlite"])
def store_url(request: pytest.FixtureRequest, tmp_path: Path) -> str:
    """URL of an empty database."""
    assert request.param == "sqlite"
    return f"sqlite:///{tmp_path / 'state.db'}"


@pytest.fixture
def store(store_url: str) -> Iterator[SqlStore]:
    """An empty store."""
    opened = SqlStore(store_url)
    yield opened
    opened.close()

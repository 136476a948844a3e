"""A real service for the tests that need one."""

import os
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest
from service_kit import RunningService


@pytest.fixture(scope="session")
def short_folder(pytestconfig: pytest.Config) -> Iterator[Path]:
    """A folder whose path is short enough for sockets."""
    base = Path(os.environ.get("JUPYTER_CONFIG_DIR", tempfile.gettempdir())).parent
    with tempfile.TemporaryDirectory(prefix="s", dir=base) as folder:
        yield Path(folder)


@pytest.fixture(scope="module")
def served(short_folder: Path) -> Iterator[RunningService]:
    """One running service for the tests of a module."""
    folder = Path(tempfile.mkdtemp(dir=short_folder))
    (folder / "notebooks").mkdir()
    running = RunningService(folder / "state", folder / "notebooks").start()
    yield running
    assert running.stop() == 0, running.log.read_text()


@pytest.fixture
def unserved(short_folder: Path) -> Iterator[RunningService]:
    """A service that the test starts, stops and kills itself."""
    folder = Path(tempfile.mkdtemp(dir=short_folder))
    (folder / "notebooks").mkdir()
    running = RunningService(folder / "state", folder / "notebooks", WORKER__LEASE_SECONDS="2")
    yield running
    if running.process is not None:
        running.stop()

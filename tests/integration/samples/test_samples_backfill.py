"""A backfill of many days at a time makes the table that one day after the other makes."""

import os
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest
from flights_kit import fill, prepare, take
from service_kit import RunningService

#: `BACKFILL_DAYS=365` is the full size.
DAYS = int(os.environ.get("BACKFILL_DAYS", "16"))
PATIENCE = 120.0 + 10 * DAYS  # seconds


@pytest.fixture
def service(short_folder: Path) -> Iterator[RunningService]:
    """A service with as many slots as days go at a time."""
    folder = Path(tempfile.mkdtemp(dir=short_folder))
    (folder / "notebooks").mkdir()
    started = RunningService(folder / "state", folder / "notebooks", WORKER__SLOTS="16").start()
    yield started
    assert started.stop() == 0, started.log.read_text()


@pytest.mark.timeout(int(3 * PATIENCE))
def test_inv5_sixteen_days_at_a_time_make_the_table_of_one_at_a_time(
    service: RunningService,
) -> None:
    """Row for row, by the real notebook, service, worker and warehouse."""
    prepare(service)
    fill(service, DAYS, concurrency=16, seconds=PATIENCE)
    beside = take(service)
    fill(service, DAYS, concurrency=1, seconds=PATIENCE)
    assert beside.num_rows > DAYS
    assert len(set(beside.column("day").to_pylist())) == DAYS
    assert beside.equals(take(service))

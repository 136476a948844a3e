"""A service of earlier code and one of this code, side by side on one database."""

import io
import subprocess
import tarfile
import tempfile
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import closing
from datetime import timedelta
from pathlib import Path

import pytest
from postgres_fixture import PostgresServer
from service_kit import RunningService
from service_kit import wait_for as wait_for_soon

from jupyter_orch.domain.ids import DEFAULT_TEAM
from jupyter_orch.domain.model import Attempt, Run
from jupyter_orch.domain.states import TERMINAL
from jupyter_orch.store.sql import SqlStore

REPOSITORY = Path(__file__).parents[3]
EVERY = timedelta(seconds=3)
BY_OLD, BY_NEW = "by old", "by new"


#: Whatever came last: what a rolling restart meets.
EARLIER = "HEAD~1"
pytestmark = [pytest.mark.slow, pytest.mark.timeout(900)]  # seconds; a busy machine takes its time


@pytest.fixture
def place(short_folder: Path) -> Path:
    """An empty folder with a short path."""
    return Path(tempfile.mkdtemp(dir=short_folder))


@pytest.fixture
def code(place: Path) -> Path:
    """A folder with the earlier code; where its history is not at hand there is no test."""
    command = ["git", "-C", str(REPOSITORY), "archive", EARLIER, "jupyter_orch"]
    try:
        packed = subprocess.run(command, capture_output=True, check=True).stdout
    except (OSError, subprocess.CalledProcessError):
        pytest.skip(f"the commit {EARLIER} is not at hand; it needs more than one commit")
    with tarfile.open(fileobj=io.BytesIO(packed)) as archive:
        archive.extractall(place / "code", filter="data")
    return place / "code"


@pytest.fixture
def url(postgresql_server: PostgresServer) -> Iterator[str]:
    """An empty database, without tables."""
    made = postgresql_server.new_database()
    yield made
    postgresql_server.drop(made)


@pytest.fixture
def services(place: Path, url: str, code: Path) -> Iterator[tuple[RunningService, RunningService]]:
    """The old and the new one, with all but their sockets in common; not started yet."""
    (place / "notebooks").mkdir()
    shared = {
        "STATE__URL": url,
        "ARTIFACTS__DIR": str(place / "artifacts"),
        "WAREHOUSE__LOCATION": str(place / "warehouse"),
        "WORKER__SLOTS": "1",
    }
    old, new = (
        RunningService(place / name, place / "notebooks", **shared) for name in ("old", "new")
    )
    old.environment["PYTHONPATH"] = str(code)
    yield old, new
    for service in (old, new):
        if service.process is not None:
            service.stop()


def wait_for(what: Callable[[], bool]) -> None:
    """Waits until it is so; executing notebooks takes its time where many share a machine."""
    wait_for_soon(what, seconds=400)


class Ledger:
    """What the database says, whoever wrote it."""

    def __init__(self, store: SqlStore) -> None:
        self.store = store

    def runs(self) -> list[Run]:
        """Every row."""
        found, cursor = [], None
        while True:
            page = self.store.list_runs(DEFAULT_TEAM, limit=500, cursor=cursor)
            found += page.items
            cursor = page.next_cursor
            if cursor is None:
                return found

    def attempts(self, run: Run) -> tuple[Attempt, ...]:
        """Its attempts."""
        return self.store.attempts(run.id)

    def executed(self) -> Counter[tuple[str, str]]:
        """How many runs of each job each process has brought to success, by its id."""
        return Counter(
            (run.job_name, each.worker.split("-")[-2])
            for run in self.runs()
            for each in self.attempts(run)
            if each.state == "succeeded"
        )


def assert_each_instant_once(rows: list[Run]) -> None:
    """From the first due instant to the last there is one row for each, and no two."""
    times: Counter = Counter()
    for row in rows:
        if row.skipped_first is not None:
            times.update(row.skipped_first + n * EVERY for n in range(row.skipped_count or 0))
        else:
            times[row.logical_time] += 1
    first, last = min(times), max(times)
    assert times == Counter(first + n * EVERY for n in range((last - first) // EVERY + 1))


def test_inv1_inv3_earlier_code_and_this_one_share_a_database(services, url: str) -> None:
    """Jobs made by either are fired once and run by either, and the old service goes in order."""
    old, new = services
    old.write("tick.ipynb", "print('tick')")
    schedule = ("schedule", "tick.ipynb", "--every", "3s", "--overlap", "skip", "--name")
    old.start()
    assert old.shell(*schedule, BY_OLD).returncode == 0
    new.start()
    assert new.shell(*schedule, BY_NEW).returncode == 0
    by_hand = [service.json("run", BY_NEW)["id"] for service in (old, new)]
    wanted = {BY_OLD, BY_NEW, *(str(service.process.pid) for service in services)}
    with closing(SqlStore(url)) as store:
        ledger = Ledger(store)
        wait_for(lambda: wanted <= {name for each in ledger.executed() for name in each})
        assert old.stop() == 0, old.log.read_text()
        before = ledger.executed()
        alone = {(job, str(new.process.pid)) for job in (BY_OLD, BY_NEW)}
        wait_for(lambda: all(ledger.executed()[each] > before[each] for each in alone))
        for job in (BY_OLD, BY_NEW):
            assert new.shell("pause", job).returncode == 0
        wait_for(lambda: all(run.state in TERMINAL for run in ledger.runs()))
        runs = ledger.runs()
        for job in (BY_OLD, BY_NEW):
            due = [run for run in runs if run.job_name == job and run.kind != "manual"]
            assert len(due) > 1
            assert_each_instant_once(due)
        executed = [run for run in runs if run.skipped_first is None]
        assert {run.state for run in executed} == {"succeeded"}
        assert {run.id for run in executed if run.kind == "manual"} == set(by_hand)
        for run in executed:
            states = [each.state for each in ledger.attempts(run)]
            assert states.count("succeeded") == 1

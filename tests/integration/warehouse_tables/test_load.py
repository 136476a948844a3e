"""Many publish to one table while Trino writes to it, and readers beside replaces by both."""

import os
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any

import pytest
from publish_load import SHARED_DAY, Load, row, run, write
from trino.exceptions import TrinoQueryError
from trino_fixture import TrinoServer

from jupyter_orch.domain.outputs import Selection
from jupyter_orch.warehouse.connect import open_connection

from .conftest import Lake, days

pytestmark = [pytest.mark.trino, pytest.mark.timeout(900)]

#: `PUBLISHES=100 REPLACES=100` is the full size.
PUBLISHES = int(os.environ.get("PUBLISHES", "20"))
REPLACES = int(os.environ.get("REPLACES", "12"))
PROCESSES = 8 if PUBLISHES > 50 else 4
#: Seconds between writes of Trino, which queues for no lock.
PAUSE = 0.5
#: What Trino says when another commit was in its way, and its own is not there.
CONFLICTS = {"ICEBERG_COMMIT_ERROR", "TRANSACTION_CONFLICT"}
SLICE = {"day": "2013-01-01"}


@pytest.fixture
def shared(trino_server: TrinoServer) -> Iterator[Lake]:
    """The warehouse that the server reads, as a worker beside it uses it."""
    made = Lake(trino_server.settings)
    yield made
    made.warehouse.close()


@dataclass
class TrinoWriter:
    """Inserts rows with negative numbers, and marks each afterwards."""

    server: TrinoServer
    table: str
    inserted: list[int] = field(default_factory=list)
    marked: list[int] = field(default_factory=list)
    conflicts: int = 0
    unexpected: list[str] = field(default_factory=list)

    def work(self, done: threading.Event) -> None:
        """Until told to end, and once at least."""
        number = 0
        while number == 0 or not done.wait(PAUSE):
            number -= 1
            insert = f"VALUES (DATE '2020-01-01', BIGINT '{number}', 'by trino')"
            if self._landed(f"INSERT INTO {self.table} {insert}"):
                self.inserted.append(number)
                update = f"UPDATE {self.table} SET text = 'marked' WHERE day = DATE '2020-01-01'"
                if self._landed(f"{update} AND n = {number}"):
                    self.marked.append(number)

    def _landed(self, statement: str) -> bool:
        connection = open_connection(self.server.settings)
        try:
            connection.cursor().execute(statement).fetchall()
        except TrinoQueryError as error:
            if error.error_name in CONFLICTS:
                self.conflicts += 1
            else:
                self.unexpected.append(f"{error.error_name}: {error.message}")
            return False
        finally:
            connection.close()
        return True


@contextmanager
def beside(work: Callable[[threading.Event], None]) -> Iterator[None]:
    """Does something in a thread as long as the block lasts."""
    done = threading.Event()
    thread = threading.Thread(target=work, args=(done,))
    thread.start()
    try:
        yield
    finally:
        done.set()
        thread.join()


def test_inv5_publishers_beside_trinos_writes_lose_and_double_nothing(
    trino_server: TrinoServer, shared: Lake
) -> None:
    """Appends, slices and upserts of many processes: each row is there once."""
    table = "analytics.load"
    write(
        shared.warehouse,
        table,
        row(0, SHARED_DAY),
        mode="replace",
        slice={"day": SHARED_DAY.isoformat()},
    )
    trino = TrinoWriter(trino_server, table)
    numbers = range(1, 1 + PUBLISHES)
    with beside(trino.work):
        ended = run(Load(trino_server.settings, table, numbers, PROCESSES))
    assert trino.unexpected == []
    assert trino.inserted
    assert ended.refused == {}
    rows = shared.rows(table)
    found = sorted(each["n"] for each in rows)
    assert found == sorted([0, *ended.landed, *trino.inserted])
    marked = sorted(each["n"] for each in rows if each["text"] == "marked")
    assert marked == sorted(trino.marked)
    runs = [each.run_id for each in shared.warehouse.versions(table, limit=500).items]
    ours = [each for each in runs if each]
    assert len(set(ours)) == len(ours) == 1 + len(ended.landed)
    connection = open_connection(trino_server.settings)
    seen = connection.cursor().execute(f"SELECT n FROM {table} ORDER BY n").fetchall()
    connection.close()
    assert [n for (n,) in seen] == found


def test_inv6_readers_by_trino_and_by_arrow_see_whole_versions_only(
    trino_server: TrinoServer, shared: Lake, tmp_path: Any
) -> None:
    """Polling through replaces, and afterwards through all that main pointed at."""
    table = "analytics.polled"
    shared.write(table, days("2013-01-02", -1), slice={"day": "2013-01-02"})
    shared.write(table, days("2013-01-01", 0, 0, 0), slice=SLICE)
    by_trino: list[tuple[int, ...]] = []
    by_scan: list[tuple[int, ...]] = []
    by_export: list[int] = []

    def ask_trino(done: threading.Event) -> None:
        connection = open_connection(trino_server.settings)
        while not done.is_set():
            found = connection.cursor().execute(f"SELECT n FROM {table}").fetchall()
            by_trino.append(tuple(sorted(n for (n,) in found)))
        connection.close()

    def read(done: threading.Event) -> None:
        reader = Lake(trino_server.settings)
        while not done.is_set():
            by_scan.append(tuple(reader.values(table)))
            rows = reader.warehouse.export(Selection(table=table), tmp_path / "rows.arrow")
            by_export.append(rows)
        reader.warehouse.close()

    with beside(ask_trino), beside(read):
        for number in range(1, 1 + REPLACES):
            shared.write(table, days("2013-01-01", number, number, number), slice=SLICE)
    whole = [(-1, number, number, number) for number in range(1 + REPLACES)]
    for seen in (by_trino, by_scan):
        assert seen
        assert set(seen) <= set(whole)
        assert seen == sorted(seen)
    assert set(by_export) == {4}
    log = shared.warehouse.load(table).metadata.snapshot_log[1:]
    assert [tuple(shared.values(table, each.snapshot_id)) for each in log] == whole
    connection = open_connection(trino_server.settings)
    for entry, wanted in zip(log, whole, strict=True):
        asked = f"SELECT n FROM {table} FOR VERSION AS OF {entry.snapshot_id} ORDER BY n"
        assert tuple(n for (n,) in connection.cursor().execute(asked).fetchall()) == wanted
    connection.close()

"""Writers that are frozen (SIGSTOP) in the middle, replaced or cancelled, and go on afterwards."""

import os
import pickle
import subprocess
import sys
from pathlib import Path

import pytest
from table_kit import PROGRAM, Sets, TableWorker, judge, until
from table_worker import LOCK_WAIT

from jupyter_orch.domain.states import RunState
from jupyter_orch.warehouse import locks

from .conftest import Lake, days

TABLE = "analytics.flights"
_LATER = "since SqlStore.begin_publishing"
STAGING = ["before snapshots.build 1", "before SqlStore.begin_publishing 1"]
PUBLISHING = [f"after SqlCatalog._write_metadata 2 {_LATER}"]
CANCELLED = ["after snapshots.build 2"]
if "TABLE_KILLS" in os.environ:  # `make table-chaos` has the time for more points
    STAGING += CANCELLED
    PUBLISHING += [
        "after SqlStore.begin_publishing 1",
        f"after SqlCatalog.commit_table 1 {_LATER}",
    ]
    CANCELLED += STAGING[:2]

_ZOMBIE = """
import pickle, sys
from table_worker import befall
from jupyter_orch.domain.errors import Refused
from jupyter_orch.warehouse.iceberg import IcebergWarehouse
with open(sys.argv[1], "rb") as file:
    settings, staged, who = pickle.load(file)
befall(sys.argv[2])
try:
    print(IcebergWarehouse(settings).publish(staged, who).snapshot_id)
except Refused as error:
    print(error.message)
"""


@pytest.fixture(autouse=True)
def _soon(monkeypatch: pytest.MonkeyPatch) -> None:
    """Who is frozen with the lock of PostgreSQL in hand is waited for a second, not a minute."""
    monkeypatch.setenv(LOCK_WAIT, "1")
    monkeypatch.setattr(locks, "STILL_SECONDS", 1.0)


def frozen(sets: Sets, point: str) -> TableWorker:
    """A worker that stands still at this point of the second set; the tables are there."""
    first = sets.worker()
    sets.wait(sets.add())
    first.kill()
    worker = sets.worker(point=f"stop {point}")
    sets.add()
    until(lambda: worker.state == "T")
    return worker


def thaw(sets: Sets, worker: TableWorker) -> None:
    """It goes on, notices, and is good for the next run."""
    worker.thaw()
    assert sets.wait(sets.add()).state is RunState.SUCCEEDED
    until(lambda: worker.said("run.lost") or worker.said("lease.lost"))
    worker.kill()
    sets.sweep()
    judge(sets)


@pytest.mark.parametrize(
    ("point", "attempt"), [*((each, 2) for each in STAGING), *((each, 1) for each in PUBLISHING)]
)
def test_inv3_inv5_a_frozen_writer_adds_nothing_to_what_another_one_made_of_its_run(
    sets_of_hosts: Sets, point: str, attempt: int
) -> None:
    """The next attempt writes the set, or completes it when the intent to publish is there."""
    sets = sets_of_hosts
    worker = frozen(sets, point)
    other = sets.worker()
    done = sets.wait(sets.runs[-1])
    assert (done.state, done.attempt) == (RunState.SUCCEEDED, attempt)
    other.kill()
    thaw(sets, worker)


@pytest.mark.parametrize("point", CANCELLED)
def test_inv3_a_frozen_writer_of_a_cancelled_run_writes_nothing(
    sets_of_hosts: Sets, point: str
) -> None:
    """The run ends when its lease is over; the tables are as they were before it."""
    sets = sets_of_hosts
    worker = frozen(sets, point)
    sets.store.request_cancel(sets.runs[-1].id, user="ada")

    def cancelled() -> bool:
        sets.sweep()
        return sets.get(sets.runs[-1]).state is RunState.CANCELLED

    until(cancelled)
    thaw(sets, worker)


@pytest.mark.parametrize("exists", [True, False])
def test_inv3_the_commit_refuses_a_process_that_was_frozen_before_it(
    lake: Lake, tmp_path: Path, exists: bool
) -> None:
    """All was ready, down to the metadata; but the attempt was discarded and another one came."""
    if exists:
        lake.write(TABLE, days("2013-01-01", 1))
    staged, who = lake.stage(TABLE, days("2013-01-01", 66), mode="append")
    file = tmp_path / "call.pickle"
    file.write_bytes(pickle.dumps((lake.settings, staged, who)))
    path = os.pathsep.join([str(PROGRAM.parent), *filter(None, sys.path)])
    zombie = subprocess.Popen(
        [sys.executable, "-c", _ZOMBIE, str(file), "stop after SqlCatalog._write_metadata 1"],
        env={**os.environ, "PYTHONPATH": path},
        stdout=subprocess.PIPE,
        text=True,
    )
    frozen = TableWorker(zombie.pid, tmp_path / "none")
    until(lambda: frozen.state == "T")
    lake.warehouse.discard(who.run_id, who.attempt)
    new = lake.provenance(who.run_id, attempt=2)
    again, _ = lake.stage(TABLE, days("2013-01-01", 2), new, mode="append")
    version = lake.warehouse.publish(again, new)
    frozen.thaw()
    said, _ = zombie.communicate(timeout=120)
    refused = "may not publish" in said or "files are gone" in said
    assert refused or said.strip() == str(version.snapshot_id), said
    assert lake.values(TABLE) == ([1, 2] if exists else [2])
    assert len(lake.warehouse.versions(TABLE).items) == 1 + exists

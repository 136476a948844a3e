"""Old runs go with their files, a little at a time; what is needed stays."""

import os
import threading
import time
from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
import sqlalchemy as sa
from store_kit import add_backfill, add_job, every, run_of, spec_of

from jupyter_orch.artifacts.folder import FolderArtifacts
from jupyter_orch.domain.ids import DEFAULT_TEAM, RunId, new_id
from jupyter_orch.domain.model import Run
from jupyter_orch.domain.states import RunState
from jupyter_orch.service.retention import (
    IDLE_SECONDS,
    LEFTOVERS_EVERY_SECONDS,
    NOTEBOOK_AGE,
    Retention,
)
from jupyter_orch.store.sql import SqlStore
from jupyter_orch.store.tables import backfill, job_version

OLD = NOTEBOOK_AGE.total_seconds() + 60


@pytest.fixture
def store(tmp_path: Path) -> Iterator[SqlStore]:
    """An empty store."""
    opened = SqlStore(f"sqlite:///{tmp_path / 'state.db'}")
    yield opened
    opened.close()


@pytest.fixture
def artifacts(tmp_path: Path) -> FolderArtifacts:
    """An empty folder of artifacts."""
    return FolderArtifacts(tmp_path / "artifacts")


@pytest.fixture
def retention(store, artifacts) -> Retention:
    """Keeps runs for 30 days, and removes 3 at a time."""
    return Retention(store, artifacts, days=30, batch=3)


def run_of_age(store: SqlStore, artifacts: FolderArtifacts, days: float, **values) -> Run:
    """A run that failed so long ago, and left files."""
    ended_at = datetime.now(UTC) - timedelta(days=days)
    state = values.pop("state", RunState.FAILED)
    run = store.add_run(replace(run_of(values.pop("job", None), state=state), ended_at=ended_at))
    for attempt in (1, 2):
        (artifacts.attempt_folder(run.id, attempt) / "log.jsonl").write_text("{}")
    return run


def left(store: SqlStore) -> set[RunId]:
    """Runs that are still there."""
    return {run.id for run in store.list_runs(DEFAULT_TEAM, limit=500).items}


def folders(tmp_path: Path) -> set[str]:
    """Runs whose files are still there."""
    return {path.name for path in (tmp_path / "artifacts" / "runs").iterdir()}


def test_old_runs_go_with_their_files(store, artifacts, retention, tmp_path) -> None:
    """All of them in one pass, over several batches; young, pinned and needed ones stay."""
    job = add_job(store, spec_of())
    kept = [
        run_of_age(store, artifacts, 29),
        run_of_age(store, artifacts, 100, job=job, state=RunState.SUCCEEDED),
        run_of_age(store, artifacts, 100),
        store.add_run(run_of()),
    ]
    store.set_pinned(kept[2].id, pinned=True, user="ada")
    for _ in range(10):
        run_of_age(store, artifacts, 31)
    retention.do()
    assert left(store) == {run.id for run in kept}
    assert folders(tmp_path) == {run.id for run in kept[:3]}


def test_what_had_to_stay_is_looked_at_again_an_hour_later(store, artifacts) -> None:
    """Passes in between go on where the last one stopped; what may go since then goes at last."""
    now = 0.0
    retention = Retention(store, artifacts, days=30, batch=3, monotonic=lambda: now)
    pinned = run_of_age(store, artifacts, 40)
    store.set_pinned(pinned.id, pinned=True, user="ada")
    run_of_age(store, artifacts, 35)
    retention.do()
    assert left(store) == {pinned.id}
    store.set_pinned(pinned.id, pinned=False, user="ada")
    now += IDLE_SECONDS
    retention.do()
    assert left(store) == {pinned.id}
    now += LEFTOVERS_EVERY_SECONDS
    retention.do()
    assert left(store) == set()


def test_nothing_to_do_is_looked_at_rarely(store, artifacts, retention) -> None:
    """An idle installation is left in peace."""
    retention.do()
    old = run_of_age(store, artifacts, 31)
    retention.do()
    assert left(store) == {old.id}


def test_zero_days_keep_for_ever(store, artifacts) -> None:
    """As the settings say."""
    old = run_of_age(store, artifacts, 36_000)
    Retention(store, artifacts, days=0, batch=3).do()
    assert left(store) == {old.id}


def test_inv7_rows_without_files_are_removed_by_the_next_one(
    store, artifacts, retention, tmp_path
) -> None:
    """Whoever died between files and rows left nothing that stays."""
    runs = [run_of_age(store, artifacts, 31) for _ in range(2)]
    artifacts.delete_run(runs[0].id)
    retention.do()
    assert (left(store), folders(tmp_path)) == (set(), set())


def test_inv8_files_that_cannot_be_removed_hold_up_only_their_run(
    store, artifacts, retention, tmp_path, caplog
) -> None:
    """They stay with their row, are named once, and go when they can."""
    base = tmp_path / "artifacts" / "runs"
    stuck = [run_of_age(store, artifacts, 50) for _ in range(4)]
    for run in stuck:
        (base / run.id).rename(tmp_path / run.id)
        (base / run.id).touch()
    others = [run_of_age(store, artifacts, 31) for _ in range(8)]
    while retention.remove_batch():
        pass
    assert left(store) == {run.id for run in stuck}
    assert folders(tmp_path).isdisjoint({run.id for run in others})
    assert [record.getMessage() for record in caplog.records] == ["retention.stuck"] * 4
    for run in stuck:
        (base / run.id).unlink()
    while retention.remove_batch():
        pass
    assert left(store) == set()


def test_a_link_is_removed_and_never_followed(artifacts, tmp_path) -> None:
    """Somebody's folder is not ours to empty, and no id leads out."""
    mine = tmp_path / "mine"
    mine.mkdir()
    (mine / "file").touch()
    run_id = RunId(new_id())
    (tmp_path / "artifacts" / "runs" / run_id).symlink_to(mine)
    artifacts.attempt_folder(RunId("other"), 1)
    (tmp_path / "artifacts" / "runs" / "other" / "1" / "link").symlink_to(mine)
    for each in (run_id, RunId("other"), RunId("never was")[:5]):
        artifacts.delete_run(each)
        artifacts.delete_run(each)
    assert (mine / "file").exists()
    assert folders(tmp_path) == set()


def test_two_may_remove_at_once(store, artifacts, tmp_path) -> None:
    """Every run goes once, and nobody fails."""
    for _ in range(60):
        run_of_age(store, artifacts, 31)
    failures: list[Exception] = []

    def remove() -> None:
        try:
            Retention(store, artifacts, days=30, batch=7).do()
        except Exception as error:  # noqa: BLE001 - the test looks at it
            failures.append(error)

    threads = [threading.Thread(target=remove) for _ in range(3)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert (failures, left(store), folders(tmp_path)) == ([], set(), set())


def test_what_tells_of_removed_runs_goes_once_an_hour(store, artifacts) -> None:
    """An ended backfill and the version of a job that it named; the clock is the one given."""
    seconds = [0.0]
    retention = Retention(store, artifacts, days=1, batch=3, monotonic=lambda: seconds[0])
    job = add_job(store, spec_of("", every(3600)))
    ended = add_backfill(store, job)
    store.cancel_backfill(ended.id, user="ada")
    with store._database.writing() as connection:
        connection.execute(sa.update(backfill).values(ended_at=1))
    store.update_job(
        job.id,
        expected_version=1,
        spec=job.spec,
        notebook_sha256=None,
        next_due={},
        user="ada",
    )
    with store._database.writing() as connection:
        connection.execute(sa.update(job_version).values(created_at=1))
    Retention(store, artifacts, days=0, batch=3).do()
    assert len(store.list_backfills(DEFAULT_TEAM).items) == 1
    retention.do()
    assert store.list_backfills(DEFAULT_TEAM).items == ()
    assert retention.remove_history() == 0
    again = add_backfill(store, job)
    store.cancel_backfill(again.id, user="ada")
    with store._database.writing() as connection:
        connection.execute(sa.update(backfill).values(ended_at=1))
    retention.do()
    assert len(store.list_backfills(DEFAULT_TEAM).items) == 1
    seconds[0] += LEFTOVERS_EVERY_SECONDS
    retention.do()
    assert store.list_backfills(DEFAULT_TEAM).items == ()


# --------------------------------------------------------------------------- frozen notebooks


def age(tmp_path: Path, sha256: str) -> None:
    """Makes a frozen notebook old."""
    path = tmp_path / "artifacts" / "notebooks" / f"{sha256}.ipynb"
    at = time.time() - OLD
    os.utime(path, (at, at))


def there(tmp_path: Path) -> set[str]:
    """Frozen notebooks that are there."""
    return {path.stem for path in (tmp_path / "artifacts" / "notebooks").iterdir()}


def test_notebooks_that_nobody_names_go_after_a_day(store, artifacts, retention, tmp_path) -> None:
    """Named ones stay, young ones stay, and one that is put again is young again."""
    named, young, again, gone = (artifacts.put_notebook(bytes([n])) for n in range(4))
    store.add_run(replace(run_of(), notebook_sha256=named))
    for sha256 in (named, again, gone):
        age(tmp_path, sha256)
    artifacts.put_notebook(bytes([2]))
    assert retention.remove_notebooks() == 1
    assert there(tmp_path) == {named, young, again}


def test_inv7_a_notebook_that_is_put_is_never_removed(artifacts, tmp_path) -> None:
    """Between put and the row that names it nobody takes it away, however they interleave."""
    content, stop = b"contested", threading.Event()
    sha256 = artifacts.put_notebook(content)

    def sweep() -> None:
        while not stop.is_set():
            artifacts.delete_notebook(sha256, put_before=datetime.now(UTC) - NOTEBOOK_AGE)

    sweepers = [threading.Thread(target=sweep) for _ in range(2)]
    for sweeper in sweepers:
        sweeper.start()
    removed = 0
    try:
        for _ in range(500):
            artifacts.put_notebook(content)
            assert artifacts.get_notebook(sha256) == content
            try:
                age(tmp_path, sha256)
            finally:
                time.sleep(0.0005)
            removed += sha256 not in there(tmp_path)
    finally:
        stop.set()
        for sweeper in sweepers:
            sweeper.join()
    assert removed, "the sweepers never won: the test shows nothing"

"""Publishing under kill -9, lost answers, zombies and rivals: exactly once, or not at all."""

import contextlib
import pickle
import signal
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest
from pyiceberg.catalog.sql import SqlCatalog
from sqlalchemy.exc import OperationalError

from jupyter_orch.domain.errors import OrchError, Refused, Unavailable
from jupyter_orch.warehouse import publish, snapshots
from jupyter_orch.warehouse.iceberg import IcebergWarehouse

from .conftest import Lake, days

TABLE = "analytics.flights"
FIRST, SECOND = {"day": "2013-01-01"}, {"day": "2013-01-02"}

_CHILD = """
import inspect, os, pickle, signal, sys
from pyiceberg.catalog.sql import SqlCatalog
from jupyter_orch.warehouse import attempt_folder, publish, snapshots
from jupyter_orch.warehouse.iceberg import IcebergWarehouse

def die_before(owner, name):
    setattr(owner, name, lambda *a, **k: os.kill(os.getpid(), signal.SIGKILL))

def die_after(owner, name):
    real = getattr(owner, name)
    def call(*a, **k):
        real(*a, **k)
        os.kill(os.getpid(), signal.SIGKILL)
    static = isinstance(inspect.getattr_static(owner, name), staticmethod)
    setattr(owner, name, staticmethod(call) if static else call)

with open(sys.argv[1], "rb") as file:
    settings, action, arguments = pickle.load(file)
when, owner, name = sys.argv[2].split()
owners = {
    "attempt_folder": attempt_folder, "catalog": SqlCatalog,
    "publish": publish, "snapshots": snapshots,
}
owner = owners[owner]
{"before": die_before, "after": die_after}[when](owner, name)
getattr(IcebergWarehouse(settings), action)(*arguments)
"""


@pytest.fixture
def killed(lake: Lake, tmp_path: Path) -> Callable[..., None]:
    """Calls a method of the warehouse in a process that dies by SIGKILL at one point."""

    def call(point: str, action: str, *arguments: Any) -> None:
        file = tmp_path / "call.pickle"
        file.write_bytes(pickle.dumps((lake.settings, action, arguments)))
        done = subprocess.run(
            [sys.executable, "-c", _CHILD, str(file), point],
            capture_output=True,
            timeout=120,
            check=False,
        )
        assert done.returncode == -signal.SIGKILL, done.stderr.decode()

    return call


PUBLISH_POINTS = (
    "after snapshots build",
    "after catalog _write_metadata",
    "after catalog commit_table",
    "before attempt_folder tidy",
)


@pytest.mark.parametrize("point", PUBLISH_POINTS[:3])
def test_inv5_kill_while_a_new_table_is_published_rolls_forward_to_one_version(
    lake: Lake, killed: Callable[..., None], point: str
) -> None:
    """Whoever repeats the publish finds it done, or does it: once."""
    staged, who = lake.stage(TABLE, days("2013-01-01", 1, 2), mode="append")
    killed(point, "publish", staged, who)
    version = lake.warehouse.publish(staged, who)
    assert version.run_id == who.run_id
    assert lake.values(TABLE) == [1, 2]
    assert len(lake.warehouse.versions(TABLE).items) == 1


@pytest.mark.parametrize("point", PUBLISH_POINTS)
def test_inv5_kill_while_an_append_is_replayed_never_doubles_it(
    lake: Lake, killed: Callable[..., None], point: str
) -> None:
    """Main moved since the rows were staged; they still come exactly once."""
    lake.write(TABLE, days("2013-01-01", 1))
    staged, who = lake.stage(TABLE, days("2013-01-01", 7), mode="append")
    lake.write(TABLE, days("2013-01-01", 2), mode="append")
    killed(point, "publish", staged, who)
    assert lake.values(TABLE) in ([1, 2], [1, 2, 7])
    lake.warehouse.publish(staged, who)
    lake.warehouse.publish(staged, who)
    assert lake.values(TABLE) == [1, 2, 7]
    assert len(lake.warehouse.versions(TABLE).items) == 3


@pytest.mark.parametrize(
    "point",
    [
        "after attempt_folder mark",
        "before catalog commit_table",
        "after catalog commit_table",
    ],
)
def test_inv7_kill_while_staging_leaves_nothing_after_the_discard(
    lake: Lake, killed: Callable[..., None], point: str
) -> None:
    """The next attempt drops what the dead one left, and readers saw nothing of it."""
    lake.write(TABLE, days("2013-01-01", 1))
    who = lake.provenance()
    staged, _ = lake.stage(TABLE, days("2013-01-01", 2), who)
    lake.warehouse.discard(who.run_id, 1)
    assert staged.branch is not None
    request = _request(lake, who)
    killed(point, "stage", request, who)
    lake.warehouse.discard(who.run_id, 1)
    assert sorted(lake.warehouse.load(TABLE).refs()) == ["main", _only_tag(lake)]
    assert not lake.warehouse.staging_folder(who.run_id, 2).parent.joinpath("1").exists()
    assert lake.values(TABLE) == [1]


def test_inv3_an_attempt_whose_branch_was_dropped_publishes_nothing(lake: Lake) -> None:
    """A zombie is refused before and after the attempt that replaced it."""
    lake.write(TABLE, days("2013-01-01", 1))
    zombie, old = lake.stage(TABLE, days("2013-01-01", 66), mode="append")
    lake.warehouse.discard(old.run_id, 1)
    with pytest.raises(Refused, match="may not publish"):
        lake.warehouse.publish(zombie, old)
    new = lake.provenance(old.run_id, attempt=2)
    staged, _ = lake.stage(TABLE, days("2013-01-01", 2), new, mode="append")
    version = lake.warehouse.publish(staged, new)
    assert lake.warehouse.publish(zombie, old).snapshot_id == version.snapshot_id
    assert lake.values(TABLE) == [1, 2]


def test_inv3_the_commit_itself_refuses_a_zombie(
    lake: Lake, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The branch is dropped between the zombie's look and its commit: the commit fails."""
    lake.write(TABLE, days("2013-01-01", 1))
    staged, who = lake.stage(TABLE, days("2013-01-01", 66), mode="append")
    other = IcebergWarehouse(lake.settings)
    real = SqlCatalog.commit_table
    stopped = threading.Event()

    def late(self: SqlCatalog, *arguments: Any) -> Any:
        if not stopped.is_set():
            stopped.set()
            with _no_lock(monkeypatch):
                other.discard(who.run_id, 1)
        return real(self, *arguments)

    monkeypatch.setattr(SqlCatalog, "commit_table", late)
    with pytest.raises(Refused, match="may not publish"):
        lake.warehouse.publish(staged, who)
    other.close()
    assert stopped.is_set()
    assert lake.values(TABLE) == [1]


def test_inv3_a_discarded_attempt_makes_no_table_and_stages_no_more(lake: Lake) -> None:
    """Without a table there is no branch; the fence is the attempt's folder."""
    staged, who = lake.stage(TABLE, days("2013-01-01", 1))
    request = _request(lake, who)
    lake.warehouse.discard(who.run_id, 1)
    with pytest.raises(Refused, match="files are gone"):
        lake.warehouse.publish(staged, who)
    with pytest.raises(OrchError):
        lake.warehouse.stage(request, who)
    assert not lake.warehouse.heads()


@pytest.mark.parametrize("exists", [False, True])
def test_inv5_a_lost_answer_never_publishes_twice(
    lake: Lake, monkeypatch: pytest.MonkeyPatch, exists: bool
) -> None:
    """The commit landed and its answer did not: the run's id is found instead of a second try."""
    if exists:
        lake.write(TABLE, days("2013-01-01", 1))
    staged, who = lake.stage(TABLE, days("2013-01-01", 2), mode="append")
    with monkeypatch.context() as patch:
        _lose_answers(patch, [True])
        version = lake.warehouse.publish(staged, who)
    assert version.run_id == who.run_id
    assert lake.values(TABLE) == ([1, 2] if exists else [2])


def test_inv5_a_lost_answer_while_staging_stages_once(
    lake: Lake, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The branch is found instead of made twice."""
    lake.write(TABLE, days("2013-01-01", 1))
    with monkeypatch.context() as patch:
        _lose_answers(patch, [True])
        staged, who = lake.stage(TABLE, days("2013-01-01", 2), mode="append")
    lake.warehouse.publish(staged, who)
    assert lake.values(TABLE) == [1, 2]


def test_a_catalog_that_is_down_leaves_the_publish_open(
    lake: Lake, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It is not a conflict: the same publish succeeds when the catalog is back."""
    staged, who = lake.stage(TABLE, days("2013-01-01", 2))
    with monkeypatch.context() as patch:
        patch.setattr(publish, "TRIES", 2)
        patch.setattr(SqlCatalog, "commit_table", _down)
        with pytest.raises(Unavailable):
            lake.warehouse.publish(staged, who)
    assert lake.warehouse.publish(staged, who).rows == 1


def test_a_change_of_columns_meanwhile_is_a_conflict(lake: Lake) -> None:
    """Rows staged for other columns are not forced in."""
    lake.write(TABLE, days("2013-01-01", 1))
    staged, who = lake.stage(TABLE, days("2013-01-01", 2), mode="append")
    lake.write(TABLE, days("2013-01-01", 3), mode="append")
    with lake.warehouse.load(TABLE).update_schema() as update:
        update.delete_column("text")
    with pytest.raises(Refused, match=r"columns of analytics\.flights were changed"):
        lake.warehouse.publish(staged, who)


def test_a_table_made_meanwhile_takes_the_rows_when_they_fit(lake: Lake) -> None:
    """Two runs may race to make a table."""
    one, first = lake.stage(TABLE, days("2013-01-01", 1), slice=FIRST)
    two, second = lake.stage(TABLE, days("2013-01-02", 2), slice=SECOND)
    lake.warehouse.publish(two, second)
    lake.warehouse.publish(one, first)
    assert lake.values(TABLE) == [1, 2]


def test_a_table_made_meanwhile_with_other_columns_is_a_conflict(lake: Lake) -> None:
    """The later run is refused, and says why."""
    one, first = lake.stage(TABLE, days("2013-01-01", 1))
    lake.write(TABLE, days("2013-01-01", 1).drop_columns("text"))
    with pytest.raises(Refused, match="text is not in the table"):
        lake.warehouse.publish(one, first)


def test_inv5_a_slice_staged_earlier_and_published_later_wins(lake: Lake) -> None:
    """The order of publishing decides, also when both replace the same slice."""
    lake.write(TABLE, days("2013-01-01", 1), slice=FIRST)
    one, first = lake.stage(TABLE, days("2013-01-01", 10), slice=FIRST)
    two, second = lake.stage(TABLE, days("2013-01-01", 20, 21), slice=FIRST)
    lake.warehouse.publish(two, second)
    version = lake.warehouse.publish(one, first)
    assert lake.values(TABLE) == [10]
    assert version.total_rows == 1


@pytest.mark.parametrize("locked", [True, False])
def test_inv5_concurrent_publishes_lose_and_double_nothing(
    lake: Lake, monkeypatch: pytest.MonkeyPatch, locked: bool
) -> None:
    """Twelve writers at once, appends and slices, with the lock and without it."""
    lake.write(TABLE, days("2013-01-01", 0))
    monkeypatch.setattr(publish, "TRIES", 200)
    lock = contextlib.nullcontext(lambda: None) if locked else _no_lock(monkeypatch)
    with lock, ThreadPoolExecutor(6) as pool:
        list(pool.map(lambda number: _write_one(lake, number), range(1, 13)))
    assert lake.values(TABLE) == list(range(13))
    table = lake.warehouse.load(TABLE)
    runs = [version.run_id for version in lake.warehouse.versions(TABLE).items]
    assert len(set(runs)) == len(runs) == 13
    assert sorted(ref for ref in table.refs() if not ref.startswith("run-")) == ["main"]
    assert len([ref for ref in table.refs() if ref.startswith("run-")]) == 13


def test_inv5_processes_publish_beside_one_another(lake: Lake, tmp_path: Path) -> None:
    """Four processes append at once; every row is there once."""
    lake.write(TABLE, days("2013-01-01", 0))
    running = []
    for number in range(1, 5):
        staged, who = lake.stage(TABLE, days("2013-01-01", number), mode="append")
        file = tmp_path / f"{number}.pickle"
        file.write_bytes(pickle.dumps((lake.settings, "publish", (staged, who))))
        code = _CHILD.replace('{"before": die_before, "after": die_after}[when](owner, name)', "")
        command = [sys.executable, "-c", code, str(file), "never publish load"]
        running.append(subprocess.Popen(command, stderr=subprocess.PIPE))
    for process in running:
        _, errors = process.communicate(timeout=120)
        assert process.returncode == 0, errors.decode()
    assert lake.values(TABLE) == [0, 1, 2, 3, 4]


def _write_one(lake: Lake, number: int) -> None:
    day = f"2013-02-{number:02d}"
    if number % 2:
        lake.write(TABLE, days(day, number), mode="append")
    else:
        lake.write(TABLE, days(day, number), slice={"day": day})


def _request(lake: Lake, who: Any) -> Any:
    import pyarrow.parquet as pq

    from jupyter_orch.domain.outputs import OutputRequest

    folder = lake.warehouse.staging_folder(who.run_id, who.attempt)
    pq.write_table(days("2013-01-01", 2), folder / "rows.parquet")
    return OutputRequest(table=TABLE, mode="append", files=("rows.parquet",))


def _only_tag(lake: Lake) -> str:
    return next(name for name in lake.warehouse.load(TABLE).refs() if name != "main")


def _lose_answers(patch: pytest.MonkeyPatch, lose: list[bool]) -> None:
    real = SqlCatalog.commit_table

    def commit(self: SqlCatalog, *arguments: Any) -> Any:
        answer = real(self, *arguments)
        if lose and lose.pop():
            raise OperationalError("UPDATE", {}, OSError("the connection was lost"))
        return answer

    patch.setattr(SqlCatalog, "commit_table", commit)


def _down(*_: Any) -> Any:
    raise OperationalError("UPDATE", {}, OSError("the catalog is down"))


@contextlib.contextmanager
def _no_lock(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    with monkeypatch.context() as patch:
        patch.setattr(publish, "committing", lambda *_: contextlib.nullcontext(lambda: None))
        yield


def test_points_of_death_exist() -> None:
    """A renamed function must not turn a kill test into nothing."""
    assert callable(snapshots.build)
    assert callable(SqlCatalog._write_metadata)

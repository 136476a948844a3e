"""What killed writers leave in a table's folder goes, and nothing that a version needs."""

import datetime as dt
import os
import pickle
import signal
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pyarrow.parquet as pq
import pytest
from pyarrow.fs import FileSelector, FileSystem, FileType
from table_kit import PROGRAM

from jupyter_orch.domain.errors import NotFound, Refused
from jupyter_orch.domain.outputs import OutputRequest
from jupyter_orch.service.table_log import TableLog
from jupyter_orch.service.table_orphans import EVERY, MOST, TableOrphans
from jupyter_orch.service.table_retention import TableRetention
from jupyter_orch.store.memory import MemoryStore
from jupyter_orch.warehouse import orphans

from .conftest import Lake, days, folder_only

TABLE = "analytics.flights"
FIRST = "2013-01-01"
_WRITER = """
import pickle, sys
from table_worker import befall
from jupyter_orch.warehouse.iceberg import IcebergWarehouse
with open(sys.argv[1], "rb") as file:
    settings, request, who = pickle.load(file)
warehouse = IcebergWarehouse(settings)
warehouse.check()
befall(sys.argv[2])
warehouse.stage(request, who)
"""
#: Where a writer is killed, and the kinds of files that it leaves then.
POINTS = {
    "kill before snapshots.build 1": {"parquet"},
    "kill after snapshots.build 1": {"parquet", "avro"},
    "kill after SqlCatalog._write_metadata 1": {"parquet", "avro", "json"},
}


def later() -> dt.datetime:
    """When everything that is there by now is old."""
    return dt.datetime.now(dt.UTC) + dt.timedelta(days=1)


def sweep(lake: Lake) -> int:
    """Deletes all that is not named."""
    return lake.warehouse.delete_orphans(TABLE, older_than=later())


def files(lake: Lake) -> dict[str, FileSystem]:
    """All files in the table's folder, and where they are."""
    table = lake.warehouse.load(TABLE)
    scheme, _, place = table.location().partition("://")
    system = table.io.fs_by_scheme(scheme, place.partition("/")[0])
    found = system.get_file_info(FileSelector(place, recursive=True))
    return {info.path: system for info in found if info.type == FileType.File}


def put(lake: Lake, name: str, like: str = "") -> str:
    """A file in the table's folder that no commit names."""
    system = next(iter(files(lake).values()))
    path = f"{lake.warehouse.load(TABLE).location().partition('://')[2]}/{name}"
    system.create_dir(path.rpartition("/")[0])
    with system.open_output_stream(path) as sink:
        sink.write(like.encode())
    return path


def killed(lake: Lake, folder: Path, point: str) -> None:
    """A writer that is killed at this point of staging."""
    who = lake.provenance()
    place = lake.warehouse.staging_folder(who.run_id, who.attempt)
    pq.write_table(days(FIRST, 66), place / "rows.parquet")
    request = OutputRequest(table=TABLE, mode="append", files=("rows.parquet",))
    file = folder / "call.pickle"
    file.write_bytes(pickle.dumps((lake.settings, request, who)))
    path = os.pathsep.join([str(PROGRAM.parent), *filter(None, sys.path)])
    done = subprocess.run(
        [sys.executable, "-c", _WRITER, str(file), point],
        env={**os.environ, "PYTHONPATH": path},
        timeout=120,
        check=False,
    )
    assert done.returncode == -signal.SIGKILL


def versions(lake: Lake) -> dict[str, Any]:
    """The rows of every version, of every branch and of every tag."""
    table = lake.warehouse.load(TABLE)
    heads = {name: reference.snapshot_id for name, reference in table.metadata.refs.items()}
    heads |= {str(each.snapshot_id): each.snapshot_id for each in table.metadata.snapshots}
    return {name: lake.rows(TABLE, version) for name, version in heads.items()}


@pytest.mark.parametrize("point", POINTS)
def test_inv7_what_a_killed_writer_leaves_goes_and_nothing_else(
    lake: Lake, tmp_path: Path, point: str
) -> None:
    """Every version is what it was; a second look finds nothing."""
    for number in range(3):
        lake.write(TABLE, days(FIRST, number), slice={"day": FIRST})
    before, rows = files(lake), versions(lake)
    killed(lake, tmp_path, point)
    left = files(lake).keys() - before.keys()
    assert {path.rpartition(".")[2] for path in left} == POINTS[point]
    assert sweep(lake) == len(left)
    assert (files(lake).keys(), versions(lake)) == (before.keys(), rows)
    assert sweep(lake) == 0
    lake.write(TABLE, days(FIRST, 9), mode="append")
    assert lake.values(TABLE) == [2, 9]


def test_young_files_stay(lake: Lake, tmp_path: Path) -> None:
    """Their writer may be about to commit."""
    lake.write(TABLE, days(FIRST, 1))
    killed(lake, tmp_path, "kill after snapshots.build 1")
    there = files(lake)
    now = dt.datetime.now(dt.UTC)
    assert lake.warehouse.delete_orphans(TABLE, older_than=now - dt.timedelta(hours=1)) == 0
    assert files(lake).keys() == there.keys()


@folder_only
def test_a_copy_with_the_time_of_its_original_is_young(lake: Lake) -> None:
    """Somebody may be about to add it to the table as it is."""
    lake.write(TABLE, days(FIRST, 1))
    copy = put(lake, "data/copied.parquet")
    os.utime(copy, (1, 1))
    hour_ago = dt.datetime.now(dt.UTC) - dt.timedelta(hours=1)
    assert lake.warehouse.delete_orphans(TABLE, older_than=hour_ago) == 0
    assert sweep(lake) == 1


def test_inv7_nothing_of_a_table_with_a_long_life_goes(lake: Lake) -> None:
    """Pinned, rolled back, undone, expired, upserted, staged: all is there and can go on."""
    made = [lake.write(TABLE, days(FIRST, n), slice={"day": FIRST}) for n in range(6)]
    lake.write(TABLE, days("2013-01-02", 20, 21, 22), mode="append")
    lake.write(TABLE, days("2013-01-02", 21), mode="upsert", keys=("n",))
    lake.warehouse.pin(TABLE, made[0].snapshot_id)
    lake.warehouse.rollback(TABLE, made[2].snapshot_id, user="ada")
    undone = lake.write(TABLE, days("2013-01-03", 30), mode="append")
    assert undone.run_id is not None
    lake.warehouse.undo(undone.run_id, [undone], user="ada")
    staged, who = lake.stage(TABLE, days("2013-01-04", 40), mode="append")
    store = MemoryStore()
    log = TableLog(store, lake.warehouse)
    no_wait = dt.timedelta(seconds=-1)
    TableRetention(store, lake.warehouse, log, keep=4, safe_age=no_wait).do()
    with pytest.raises(NotFound, match="expired"):
        lake.warehouse.preview(TABLE, version=made[1].snapshot_id)
    put(lake, "data/00000-0-left.parquet")
    there, rows = files(lake), versions(lake)
    assert sweep(lake) == 1
    assert len(files(lake)) == len(there) - 1
    assert versions(lake) == rows
    lake.warehouse.publish(staged, who)
    assert lake.values(TABLE) == [2, 40]
    assert lake.values(TABLE, made[0].snapshot_id) == [0]
    lake.warehouse.rollback(TABLE, made[0].snapshot_id, user="ada")
    assert (sweep(lake), lake.values(TABLE)) == (0, [0])
    store.close()


def test_inv7_what_is_committed_during_a_look_stays(
    lake: Lake, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Their files were listed, and the table as it was first loaded did not name them."""
    lake.write(TABLE, days(FIRST, 1))
    listed = orphans._listed

    def slow(*given: Any) -> Any:
        lake.write(TABLE, days(FIRST, 2), mode="append")
        found = listed(*given)
        lake.write(TABLE, days(FIRST, 3), mode="append")
        return found

    with monkeypatch.context() as patched:
        patched.setattr(orphans, "_listed", slow)
        assert sweep(lake) == 0
    assert lake.values(TABLE) == [1, 2, 3]
    assert sweep(lake) == 0


@pytest.mark.parametrize("kind", ["list", "manifest", "metadata"])
@pytest.mark.parametrize("how", ["gone", "broken", "cut"])
def test_inv7_what_cannot_be_read_keeps_everything(lake: Lake, kind: str, how: str) -> None:
    """Nobody knows what it names. The table is named, and the warehouse is not blamed."""
    for number in range(3):
        lake.write(TABLE, days(FIRST, number), mode="append")
    put(lake, "data/00000-0-left.parquet")
    table = lake.warehouse.load(TABLE)
    oldest = table.metadata.snapshots[0]
    paths = {
        "list": oldest.manifest_list,
        "manifest": oldest.manifests(table.io)[0].manifest_path,
        "metadata": table.metadata_location,
    }
    path = paths[kind].partition("://")[2]
    system = files(lake)[path]
    with system.open_input_stream(path) as source:
        content = source.read()
    if how == "gone":
        system.delete_file(path)
    else:
        with system.open_output_stream(path) as sink:
            sink.write(b"nonsense" if how == "broken" else content[: len(content) // 2])
    there = {
        info.path for info in system.get_file_info(FileSelector(_folder(table), recursive=True))
    }
    other = Lake(lake.settings)  # it has not read the metadata yet
    try:
        with pytest.raises(Refused, match=f"files of {TABLE}|table {TABLE} cannot be read"):
            sweep(other)
    finally:
        other.warehouse.close()
    after = {
        info.path for info in system.get_file_info(FileSelector(_folder(table), recursive=True))
    }
    assert after == there


def _folder(table: Any) -> str:
    folder: str = table.location().partition("://")[2]
    return folder


def test_what_is_no_file_of_iceberg_stays(lake: Lake) -> None:
    """People and other engines put what they like into a folder."""
    lake.write(TABLE, days(FIRST, 1))
    mine = {put(lake, name) for name in ("README.md", "metadata/version-hint.text", "data/x.csv")}
    odd = put(lake, "data/a#b?c%20d ü.parquet")
    assert sweep(lake) == 1
    assert mine <= files(lake).keys()
    assert odd not in files(lake)
    assert lake.values(TABLE) == [1]


def test_inv7_a_folder_with_another_table_in_it_is_left_alone(lake: Lake) -> None:
    """Whether this catalog knows that table or another one does."""
    lake.write(TABLE, days(FIRST, 1))
    put(lake, "data/00000-0-left.parquet")
    there = files(lake)
    catalog = lake.warehouse._lake.catalog
    catalog.register_table("analytics.twin", lake.warehouse.load(TABLE).metadata_location)
    with pytest.raises(Refused, match="another table"):
        sweep(lake)
    catalog.drop_table("analytics.twin")
    inner = put(lake, "inner/metadata/00000-ab.metadata.json")
    with pytest.raises(Refused, match="another table"):
        sweep(lake)
    assert files(lake).keys() == {*there, inner}


def test_inv7_an_older_catalog_that_was_put_back_costs_no_files(lake: Lake) -> None:
    """What was committed after the copy was made can still be got back."""
    lake.write(TABLE, days(FIRST, 1))
    catalog = lake.warehouse._lake.catalog
    copied = lake.warehouse.load(TABLE).metadata_location
    for number in (2, 3):
        lake.write(TABLE, days(FIRST, number), mode="append")
    newest = lake.warehouse.load(TABLE).metadata_location
    there = files(lake)
    catalog.drop_table(TABLE)
    catalog.register_table(TABLE, copied)
    with pytest.raises(Refused, match="later versions"):
        sweep(lake)
    assert files(lake).keys() == there.keys()
    catalog.drop_table(TABLE)
    catalog.register_table(TABLE, newest)
    assert (sweep(lake), lake.values(TABLE)) == (0, [1, 2, 3])


def test_tables_elsewhere_are_left_alone(lake: Lake) -> None:
    """They are another engine's; so are those that hold answers for a moment."""
    lake.write(TABLE, days(FIRST, 1))
    put(lake, "data/00000-0-left.parquet")
    there = files(lake)
    elsewhere = replace(
        lake.settings,
        warehouse=replace(lake.settings.warehouse, location=f"{lake.settings.warehouse.location}x"),
    )
    other = Lake(elsewhere)
    assert sweep(other) == 0
    other.warehouse.close()
    assert lake.warehouse.delete_orphans("orch_scratch.anything", older_than=later()) == 0
    assert files(lake).keys() == there.keys()
    with pytest.raises(NotFound):
        lake.warehouse.delete_orphans("analytics.none", older_than=later())


@folder_only
def test_links_are_not_followed(lake: Lake, tmp_path: Path) -> None:
    """What they lead to is somebody else's."""
    lake.write(TABLE, days(FIRST, 1))
    mine = tmp_path / "mine"
    mine.mkdir()
    (mine / "mine.parquet").touch()
    folder = Path("/" + _folder(lake.warehouse.load(TABLE)).lstrip("/"))
    (folder / "data" / "link").symlink_to(mine)
    (folder / "data" / "link.parquet").symlink_to(mine / "mine.parquet")
    assert sweep(lake) == 0
    assert (mine / "mine.parquet").exists()


# --------------------------------------------------------------------------- the chore


class Days(MemoryStore):
    """A store whose time goes on as the test says."""

    #: How far it is ahead.
    ahead = dt.timedelta()

    def now(self) -> dt.datetime:
        """The time there."""
        return super().now() + self.ahead


@pytest.fixture
def store() -> Iterator[Days]:
    """What has the time."""
    made = Days()
    yield made
    made.close()


def test_the_chore_removes_what_is_old_and_says_so(
    lake: Lake, store: Days, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    """Nothing on the first day, as all is young; two side by side do it once."""
    lake.write(TABLE, days(FIRST, 1))
    before = files(lake)
    killed(lake, tmp_path, "kill after snapshots.build 1")
    age = dt.timedelta(days=3)
    chores = [TableOrphans(store, lake.warehouse, age=age, chance=lambda: 0.0) for _ in range(2)]
    with caplog.at_level("INFO", "jupyter_orch.service"):
        for passed in range(4):
            assert len(files(lake)) > len(before)
            store.ahead = dt.timedelta(days=passed, hours=1)
            for chore in chores:
                chore.do()
    assert files(lake).keys() == before.keys()
    (record,) = [each for each in caplog.records if each.getMessage() == "table.orphans_removed"]
    assert (vars(record)["table"], vars(record)["files"]) == (TABLE, 3)


def test_many_files_go_a_part_at_a_time(
    lake: Lake, store: Days, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A table that had some is looked at again in the next round, until none are left."""
    lake.write(TABLE, days(FIRST, 1))
    before = files(lake)
    for number in range(5):
        put(lake, f"data/{number}-left.parquet")
    monkeypatch.setattr(orphans, "MOST", 2)
    store.ahead = dt.timedelta(days=4)
    chore = TableOrphans(store, lake.warehouse, age=dt.timedelta(days=3), chance=lambda: 0.0)
    for left in (3, 1, 0, 0):
        chore.do()
        assert len(files(lake)) == len(before) + left
    put(lake, "data/late-left.parquet")
    chore.do()
    assert len(files(lake)) == len(before) + 1


@folder_only
def test_tables_are_spread_over_the_day_and_looked_at_once(
    lake: Lake, store: Days, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A start does not list everything; a round takes some, and one that resists is no obstacle."""
    names = [f"analytics.t{number}" for number in range(MOST + 2)]
    for name in names:
        lake.write(name, days(FIRST, 1))
    looked: list[str] = []
    real = lake.warehouse.delete_orphans

    def watched(table: str, *, older_than: dt.datetime) -> int:
        looked.append(table)
        if table == names[0]:
            raise Refused("It resists.", field="table")
        return real(table, older_than=older_than)

    monkeypatch.setattr(lake.warehouse, "delete_orphans", watched)
    chance = iter(number / len(names) for number in range(len(names)))
    chore = TableOrphans(
        store, lake.warehouse, age=dt.timedelta(days=3), chance=lambda: next(chance)
    )
    chore.do()
    assert looked == names[:1]
    store.ahead = EVERY / 2
    chore.do()
    assert looked == names[:4]
    store.ahead = EVERY * 0.99
    chore.do()
    chore.do()
    assert looked == names
    store.ahead = EVERY * 2
    for _ in range(3):
        chore.do()
    assert looked == names * 2

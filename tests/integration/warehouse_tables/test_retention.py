"""Old versions go with their files, and nothing that anybody still needs goes with them."""

import datetime as dt
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from jupyter_orch.domain.errors import NotFound
from jupyter_orch.domain.outputs import TableVersion
from jupyter_orch.service.table_log import TableLog
from jupyter_orch.service.table_retention import TableRetention
from jupyter_orch.service.tables import Tables
from jupyter_orch.store.memory import MemoryStore

from .conftest import ADA, Lake, days, folder_only

TABLE = "analytics.flights"
FIRST = "2013-01-01"
NOW = dt.timedelta(seconds=-1)  # everything was superseded before it


@pytest.fixture
def store() -> Iterator[MemoryStore]:
    """What remembers."""
    made = MemoryStore()
    yield made
    made.close()


def retention(lake: Lake, store: MemoryStore, keep: int, **more: Any) -> TableRetention:
    """The chore; by default it waits for no reader."""
    log = TableLog(store, lake.warehouse)
    return TableRetention(store, lake.warehouse, log, keep=keep, **{"safe_age": NOW} | more)


def tables(lake: Lake, store: MemoryStore) -> Tables:
    """What people see."""
    return Tables(store, store, lake.warehouse, TableLog(store, lake.warehouse))


def listed(lake: Lake, store: MemoryStore) -> list[tuple[int, bool]]:
    """Versions of the list, and whether each has expired."""
    found = tables(lake, store).versions(ADA, TABLE, limit=500).items
    return [(each.snapshot_id, each.expired) for each in found]


def files(lake: Lake) -> set[Path]:
    """All files of the table but its metadata's own."""
    (folder,) = (lake.settings.warehouse.folder / "analytics").glob("flights-*")
    return {path for path in folder.rglob("*") if path.is_file() and not path.name.endswith("json")}


def needed(lake: Lake) -> set[Path]:
    """Files that some version holds."""
    table = lake.warehouse.load(TABLE)
    found = set()
    for snapshot in table.metadata.snapshots:
        found.add(snapshot.manifest_list)
        for manifest in snapshot.manifests(table.io):
            found.add(manifest.manifest_path)
            for entry in manifest.fetch_manifest_entry(table.io):
                found.add(entry.data_file.file_path)
    return {Path(path.removeprefix("file://")) for path in found}


def days_replaced(lake: Lake, count: int) -> list[TableVersion]:
    """So many versions of one day, beside another day that nobody touches."""
    lake.write(TABLE, days("2013-01-09", 100), slice={"day": "2013-01-09"})
    return [lake.write(TABLE, days(FIRST, n), slice={"day": FIRST}) for n in range(count)]


@folder_only
def test_only_the_newest_versions_stay(lake: Lake, store: MemoryStore) -> None:
    """The list still has all of them, those that went marked; exactly their files are gone."""
    made = days_replaced(lake, 6)
    retention(lake, store, 2).do()
    found = listed(lake, store)
    assert found[:2] == [(each.snapshot_id, False) for each in reversed(made[-2:])]
    assert [expired for _, expired in found] == [False] * 2 + [True] * 5
    assert lake.values(TABLE) == [5, 100]
    assert lake.values(TABLE, made[-2].snapshot_id) == [4, 100]
    with pytest.raises(NotFound, match="expired"):
        lake.warehouse.rollback(TABLE, made[0].snapshot_id, user="ada")
    assert files(lake) == needed(lake)
    assert sorted(lake.warehouse.load(TABLE).metadata.refs) == [
        "main",
        *sorted(f"run-{each.run_id}" for each in made[-2:]),
    ]


@folder_only
def test_pinned_versions_stay_and_can_be_let_go(lake: Lake, store: MemoryStore) -> None:
    """However old they are."""
    made = days_replaced(lake, 5)
    people = tables(lake, store)
    assert people.pin(ADA, TABLE, made[0].snapshot_id).pinned
    chore = retention(lake, store, 1)
    chore.do()
    assert lake.values(TABLE, made[0].snapshot_id) == [0, 100]
    assert files(lake) == needed(lake)
    pinned = [each for each in people.versions(ADA, TABLE).items if each.pinned]
    assert [each.snapshot_id for each in pinned] == [made[0].snapshot_id]
    people.pin(ADA, TABLE, made[0].snapshot_id, pinned=False)
    chore.do()
    assert dict(listed(lake, store))[made[0].snapshot_id]
    assert files(lake) == needed(lake)


def test_versions_that_were_just_superseded_stay(lake: Lake, store: MemoryStore) -> None:
    """Somebody may still read them."""
    days_replaced(lake, 5)
    retention(lake, store, 1, safe_age=dt.timedelta(hours=1)).do()
    assert not any(expired for _, expired in listed(lake, store))


@folder_only
def test_a_roll_back_keeps_the_files_that_it_brought_back(lake: Lake, store: MemoryStore) -> None:
    """They are older than every version that stays."""
    made = days_replaced(lake, 4)
    lake.warehouse.rollback(TABLE, made[1].snapshot_id, user="ada")
    lake.write(TABLE, days("2013-01-05", 50), slice={"day": "2013-01-05"})
    for keep in (3, 2, 1):
        retention(lake, store, keep).do()
        assert lake.values(TABLE) == [1, 50, 100]
        assert files(lake) == needed(lake)


@folder_only
def test_a_staged_output_keeps_what_it_is_based_on(lake: Lake, store: MemoryStore) -> None:
    """Its branch is older than what stays; it can still be published."""
    days_replaced(lake, 2)
    staged, who = lake.stage(TABLE, days("2013-01-05", 50), slice={"day": "2013-01-05"})
    for number in range(10, 14):
        lake.write(TABLE, days(FIRST, number), slice={"day": FIRST})
    retention(lake, store, 1).do()
    assert files(lake) == needed(lake)
    lake.warehouse.publish(staged, who)
    assert lake.values(TABLE) == [13, 50, 100]


@folder_only
def test_appended_files_stay_as_long_as_readers_see_them(lake: Lake, store: MemoryStore) -> None:
    """Each version holds the files of all before it."""
    for number in range(6):
        lake.write(TABLE, days(FIRST, number), mode="append")
    retention(lake, store, 2).do()
    assert lake.values(TABLE) == [0, 1, 2, 3, 4, 5]
    assert files(lake) == needed(lake)


@folder_only
def test_an_interrupted_removal_is_finished_later(
    lake: Lake, store: MemoryStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The versions were gone, their files were not."""
    days_replaced(lake, 5)
    chore = retention(lake, store, 1)

    def dies(*_: Any) -> None:
        raise KeyboardInterrupt

    with monkeypatch.context() as patched:
        patched.setattr(lake.warehouse, "delete_files", dies)
        with pytest.raises(KeyboardInterrupt):
            chore.do()
    assert files(lake) > needed(lake)
    (note,) = store.removals()
    chore._finish(note)
    assert store.removals() == ()
    assert files(lake) == needed(lake)


def test_a_version_that_is_pinned_meanwhile_does_not_go(lake: Lake, store: MemoryStore) -> None:
    """What was planned is called off."""
    made = days_replaced(lake, 4)
    later = dt.datetime.now(dt.UTC) + dt.timedelta(hours=1)
    expiry = lake.warehouse.plan_expiry(TABLE, keep=1, superseded_before=later)
    assert expiry is not None
    lake.warehouse.pin(TABLE, made[0].snapshot_id)
    assert not lake.warehouse.expire(expiry)
    assert lake.values(TABLE, made[0].snapshot_id) == [0, 100]
    expiry = lake.warehouse.plan_expiry(TABLE, keep=1, superseded_before=later)
    assert expiry is not None
    lake.write(TABLE, days(FIRST, 9))
    assert not lake.warehouse.expire(expiry)


def test_foreign_versions_show_up_and_dropped_tables_go(lake: Lake, store: MemoryStore) -> None:
    """The catalog is followed, whoever writes to it."""
    lake.write("analytics.other", days(FIRST, 1))
    lake.write(TABLE, days(FIRST, 1))
    chore = retention(lake, store, 0)
    chore.do()
    before = store.last_change()
    lake.warehouse.load(TABLE).append(days(FIRST, 2))
    chore.do()
    assert [each.key for each in store.changes(after=before)] == [TABLE]
    newest = tables(lake, store).versions(ADA, TABLE).items[0]
    assert (newest.operation, newest.run_id, newest.current) == ("append", None, True)
    lake.warehouse._lake.catalog.drop_table(TABLE)
    chore.do()
    assert list(store.table_heads()) == ["analytics.other"]
    with pytest.raises(NotFound, match="no table"):
        tables(lake, store).versions(ADA, TABLE)


def test_what_a_killed_session_staged_is_swept_after_a_day(lake: Lake, store: MemoryStore) -> None:
    """Nobody noted it as lost: it was no run of ours."""
    lake.write(TABLE, days(FIRST, 1))
    _, gone = lake.stage(TABLE, days(FIRST, 2), lake.provenance("interactive-gone"))
    _, young = lake.stage(TABLE, days(FIRST, 3), lake.provenance("interactive-young"))
    place = lake.warehouse.staging_folder(gone.run_id, 1)
    old = dt.datetime.now(dt.UTC).timestamp() - 2 * 86400
    import os

    for path in (place, *place.rglob("*")):
        os.utime(path, (old, old))
    retention(lake, store, 0).do()
    assert sorted(lake.warehouse.load(TABLE).metadata.refs) == [
        "main",
        f"run-{lake.warehouse.versions(TABLE).items[0].run_id}",
        f"run-{young.run_id}-1",
    ]
    assert not place.exists()

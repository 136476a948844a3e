"""Versions: listed by pages, made current again, and told apart from foreign writes."""

from pathlib import Path

import pytest

from jupyter_orch.domain.errors import BadInput, NotFound, Refused
from jupyter_orch.settings import load
from jupyter_orch.store.memory import MemoryStore
from jupyter_orch.warehouse.iceberg import IcebergWarehouse

from .conftest import Lake, days, listed

TABLE = "analytics.flights"


def test_versions_are_newest_first_by_pages(lake: Lake) -> None:
    """Pages together are the whole list, also when versions are added meanwhile."""
    made = [lake.write(TABLE, days("2013-01-01", number)).snapshot_id for number in range(5)]
    first = lake.warehouse.versions(TABLE, limit=2)
    lake.write(TABLE, days("2013-01-01", 9))
    second = lake.warehouse.versions(TABLE, cursor=first.next_cursor, limit=2)
    third = lake.warehouse.versions(TABLE, cursor=second.next_cursor, limit=2)
    listed = [item.snapshot_id for page in (first, second, third) for item in page.items]
    assert listed == made[::-1]
    assert third.next_cursor is None
    assert [item.current for item in first.items] == [True, False]


def test_a_cursor_that_was_not_given_out_is_refused(lake: Lake) -> None:
    """Hostile cursors are named."""
    lake.write(TABLE, days("2013-01-01", 1))
    with pytest.raises(BadInput) as caught:
        lake.warehouse.versions(TABLE, cursor="x' or 1")
    assert caught.value.field == "cursor"


def test_numbers_of_versions_are_exact_in_a_browser(lake: Lake) -> None:
    """JavaScript counts to 2**53; a version's number survives the way to the Lab and back."""
    for number in range(3):
        assert lake.write(TABLE, days("2013-01-01", number)).snapshot_id < 1 << 53


def test_rollback_makes_an_old_version_current_and_keeps_history(lake: Lake) -> None:
    """It is a version of its own, and can be rolled back itself."""
    old = lake.write(TABLE, days("2013-01-01", 1, 2))
    new = lake.write(TABLE, days("2013-01-01", 3))
    back = lake.warehouse.rollback(TABLE, old.snapshot_id, user="grace")
    assert (back.operation, back.user, back.total_rows) == ("rollback", "grace", 2)
    assert (back.run_id, back.current) == (None, True)
    assert lake.values(TABLE) == [1, 2]
    assert len(lake.warehouse.versions(TABLE).items) == 3
    lake.warehouse.rollback(TABLE, new.snapshot_id, user="grace")
    assert lake.values(TABLE) == [3]
    assert lake.values(TABLE, back.snapshot_id) == [1, 2]


def test_writing_goes_on_after_a_rollback(lake: Lake) -> None:
    """An append after a rollback adds to the old rows."""
    old = lake.write(TABLE, days("2013-01-01", 1))
    lake.write(TABLE, days("2013-01-01", 2))
    lake.warehouse.rollback(TABLE, old.snapshot_id, user="grace")
    assert lake.write(TABLE, days("2013-01-02", 5), mode="append").total_rows == 2
    assert lake.values(TABLE) == [1, 5]


def test_a_staged_output_survives_a_rollback(lake: Lake) -> None:
    """Main moved by a rollback is main moved: the slice goes onto it."""
    old = lake.write(TABLE, days("2013-01-01", 1))
    lake.write(TABLE, days("2013-01-01", 2))
    staged, who = lake.stage(TABLE, days("2013-01-02", 3), slice={"day": "2013-01-02"})
    lake.warehouse.rollback(TABLE, old.snapshot_id, user="grace")
    lake.warehouse.publish(staged, who)
    assert lake.values(TABLE) == [1, 3]


def test_rollback_to_nowhere_or_here_is_refused(lake: Lake) -> None:
    """An unknown version, a staged one and the current one are no targets."""
    version = lake.write(TABLE, days("2013-01-01", 1))
    staged, _ = lake.stage(TABLE, days("2013-01-01", 2))
    with pytest.raises(NotFound, match="no version 5"):
        lake.warehouse.rollback(TABLE, 5, user="grace")
    with pytest.raises(NotFound):
        lake.warehouse.rollback(TABLE, staged.snapshot_id, user="grace")
    with pytest.raises(Refused, match="current"):
        lake.warehouse.rollback(TABLE, version.snapshot_id, user="grace")


def test_foreign_writes_are_versions_without_a_run(lake: Lake) -> None:
    """What another program wrote keeps its own word for it."""
    lake.write(TABLE, days("2013-01-01", 1))
    lake.warehouse.load(TABLE).append(days("2013-01-01", 2, 3))
    newest = lake.warehouse.versions(TABLE).items[0]
    assert (newest.operation, newest.run_id, newest.rows) == ("append", None, 2)
    assert (newest.total_rows, newest.current) == (3, True)
    assert lake.write(TABLE, days("2013-01-01", 4), mode="append").total_rows == 4


def test_a_table_without_any_snapshot_takes_an_output(lake: Lake) -> None:
    """A table made empty by somebody else is written to like any other."""
    catalog = lake.warehouse._lake.catalog
    catalog.create_namespace("analytics")
    catalog.create_table(TABLE, days("2013-01-01").schema)
    assert not lake.warehouse.history(TABLE).versions
    assert lake.write(TABLE, days("2013-01-01", 1), mode="append").total_rows == 1


def test_preview_has_json_values(lake: Lake) -> None:
    """Columns with Trino's types, rows with values that JSON has."""
    lake.write(TABLE, days("2013-01-01", 1))
    assert lake.warehouse.preview(TABLE, version=None) == {
        "columns": [
            {"name": "day", "type": "date"},
            {"name": "n", "type": "bigint"},
            {"name": "text", "type": "varchar"},
        ],
        "rows": [["2013-01-01", 1, "row 1"]],
    }


def test_runs_with_hostile_ids_have_no_folder(lake: Lake) -> None:
    """An id is a part of a path and of a branch's name."""
    with pytest.raises(BadInput, match="id of a run"):
        lake.warehouse.staging_folder("../../etc", 1)


def test_describing_the_warehouse_tells_no_password(tmp_path: Path) -> None:
    """Somebody wrote one into the address, where it is refused when it is used."""
    url = "http://ada:secret@trino:8080"
    settings = load({"JUPYTER_ORCH__WAREHOUSE__TRINO__URL": url}, tmp_path / "none.toml")
    assert IcebergWarehouse(settings).describe()["url"] == "http://ada:***@trino:8080"


def test_markers_that_a_notebook_made_up_stop_no_discard(lake: Lake) -> None:
    """The staging folder is the kernel's to write in."""
    staged, who = lake.stage(TABLE, days("2013-01-01", 1))
    markers = lake.warehouse.staging_folder(who.run_id, 1) / ".outputs"
    for name in ("a.b.c", "a..1", ".b.2", "a.b.3"):
        (markers / name).touch()
    lake.warehouse.discard(who.run_id, 1)
    assert not markers.exists()
    assert staged.branch is None


def test_old_metadata_goes_with_the_commit_that_no_longer_names_it(lake: Lake) -> None:
    """A file of metadata for each commit would outgrow the table."""
    lake.write(TABLE, days("2013-01-01", 1))
    most = {"write.metadata.previous-versions-max": "3"}
    with lake.warehouse.load(TABLE).transaction() as transaction:
        transaction.set_properties(most)
    made = []
    for number in range(4):
        lake.write(TABLE, days("2013-01-01", number))
        made.append(lake.warehouse.load(TABLE).metadata_location)
    table = lake.warehouse.load(TABLE)
    named = {table.metadata_location, *(each.metadata_file for each in table.metadata.metadata_log)}
    assert len(named) == 4
    there = {place for place in made if table.io.new_input(place).exists()}
    assert there == named.intersection(made) != set(made)


def test_a_table_of_broken_metadata_is_named_and_holds_up_no_other(lake: Lake) -> None:
    """The list goes on, with what was known of it; whoever asks for it reads what is wrong."""
    store = MemoryStore()
    lake.write(TABLE, days("2013-01-01", 1))
    listed(lake, store)
    lake.write(TABLE, days("2013-01-01", 2))
    place = lake.warehouse.load(TABLE).metadata_location
    with lake.warehouse.load(TABLE).io.new_output(place).create(overwrite=True) as file:
        file.write(b'{"format-version": 2, "table-')
    lake.write("analytics.other", days("2013-01-01", 3))
    again = Lake(lake.settings)
    assert set(listed(again, store)) == {TABLE, "analytics.other"}
    with pytest.raises(Refused, match=r"analytics\.flights cannot be read") as caught:
        again.warehouse.load(TABLE)
    assert (caught.value.field, place in caught.value.hint) == ("table", True)
    again.warehouse.close()


def test_a_commit_copies_no_version_that_is_there(lake: Lake) -> None:
    """What a version costs would else grow with how many there are."""
    for number in range(3):
        lake.write(TABLE, days("2013-01-01", number))
    before = lake.warehouse.load(TABLE).metadata.snapshots
    lake.write(TABLE, days("2013-01-01", 4))
    after = {each.snapshot_id: each for each in lake.warehouse.load(TABLE).metadata.snapshots}
    assert len(before) == 3
    assert all(after[each.snapshot_id] is each for each in before)

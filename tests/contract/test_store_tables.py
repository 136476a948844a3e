"""The log of tables' versions: what the catalog once said stays."""

import datetime as dt
from dataclasses import replace

import pytest
from store_kit import add_job, claim, run_of, spec_of

from jupyter_orch.domain.errors import BadInput
from jupyter_orch.domain.ids import RunId
from jupyter_orch.domain.outputs import TableHistory, TableVersion
from jupyter_orch.domain.states import RunState
from jupyter_orch.store.sql import SqlStore

TABLE = "analytics.flights"


def version(number: int, **more: object) -> TableVersion:
    """The version of this number, not the current one."""
    values: dict[str, object] = {
        "table": TABLE,
        "snapshot_id": number,
        "run_id": RunId(f"r{number}"),
        "job_name": "flights",
        "notebook_sha256": None,
        "parameters": {"day": number},
        "rows": 1,
        "total_rows": number,
        "operation": "replace",
        "user": "ada",
        "committed_at": dt.datetime(2013, 1, 1, tzinfo=dt.UTC) + dt.timedelta(minutes=number),
        "current": False,
        **more,
    }
    return TableVersion(**values)  # type: ignore[arg-type]


def history(*versions: TableVersion, at: str, uuid: str = "u1") -> TableHistory:
    """What the catalog says, the last version being the current one."""
    told = (*versions[:-1], replace(versions[-1], current=True)) if versions else ()
    return TableHistory(table=TABLE, uuid=uuid, location=at, versions=told)


def numbers(store: SqlStore) -> list[int]:
    """Numbers of the versions that are listed."""
    return [each.snapshot_id for each in store.logged_versions(TABLE, limit=100).items]


def test_versions_are_listed_newest_first_by_pages(store: SqlStore) -> None:
    """A page follows the other, whatever is published in between."""
    store.note_history(history(*map(version, range(5)), at="a"), seen=None)
    first = store.logged_versions(TABLE, limit=2)
    store.note_history(history(*map(version, range(6)), at="b"), seen="a")
    second = store.logged_versions(TABLE, limit=2, cursor=first.next_cursor)
    third = store.logged_versions(TABLE, limit=2, cursor=second.next_cursor)
    listed = [each.snapshot_id for page in (first, second, third) for each in page.items]
    assert listed == [4, 3, 2, 1, 0]
    assert third.next_cursor is None
    assert [each.snapshot_id for each in first.items if each.current] == [4]
    with pytest.raises(BadInput):
        store.logged_versions(TABLE, cursor="nonsense")


def test_what_the_catalog_forgets_is_expired(store: SqlStore) -> None:
    """It stays in its place, and comes to nothing twice."""
    store.note_history(history(*map(version, range(4)), at="a"), seen=None)
    store.note_history(history(version(2), version(3), version(9), at="b"), seen="a")
    found = store.logged_versions(TABLE).items
    assert [(each.snapshot_id, each.expired, each.current) for each in found] == [
        (9, False, True),
        (3, False, False),
        (2, False, False),
        (1, True, False),
        (0, True, False),
    ]
    assert found[3].parameters == {"day": 1}
    store.note_history(history(version(9), version(10), at="c"), seen="b")
    assert numbers(store) == [10, 9, 3, 2, 1, 0]


def test_versions_that_were_made_while_the_newest_known_expired(store: SqlStore) -> None:
    """Nothing is listed twice, and nothing is left out."""
    store.note_history(history(*map(version, range(4)), at="a"), seen=None)
    store.note_history(history(version(1), version(7), version(8), at="b"), seen="a")
    assert numbers(store) == [8, 7, 3, 2, 1, 0]
    assert [each.expired for each in store.logged_versions(TABLE).items] == [
        False,
        False,
        True,
        True,
        False,
        True,
    ]


def test_the_second_of_two_who_tell_the_same_is_not_heard(store: SqlStore) -> None:
    """Who read an older state must not undo what a newer one said."""
    told = history(version(1), at="a")
    assert store.note_history(told, seen=None)
    assert not store.note_history(told, seen=None)
    assert store.note_history(history(version(1), version(2), at="b"), seen="a")
    assert not store.note_history(told, seen="a")
    assert numbers(store) == [2, 1]
    assert store.table_heads() == {TABLE: "b"}


def test_a_table_that_was_made_anew_has_a_log_of_its_own(store: SqlStore) -> None:
    """Versions of the one that was dropped belong to nobody."""
    store.note_history(history(version(1), version(2), at="a"), seen=None)
    store.note_history(history(version(3), at="b", uuid="u2"), seen="a")
    assert numbers(store) == [3]
    store.forget_tables([TABLE])
    assert numbers(store) == []
    assert store.table_heads() == {}


def test_one_snapshot_may_be_reached_twice(store: SqlStore) -> None:
    """As after a roll back by another engine."""
    again = version(1, committed_at=dt.datetime(2014, 1, 1, tzinfo=dt.UTC), operation="rollback")
    store.note_history(history(version(1), version(2), again, at="a"), seen=None)
    assert numbers(store) == [1, 2, 1]
    newest = store.logged_versions(TABLE).items[0]
    assert (newest.operation, newest.current) == ("rollback", True)


def test_pins_follow_the_catalog(store: SqlStore) -> None:
    """Set and taken away by whoever."""
    store.note_history(history(version(1, pinned=True), version(2), at="a"), seen=None)
    store.note_history(history(version(1), version(2, pinned=True), at="b"), seen="a")
    found = store.logged_versions(TABLE).items
    assert [(each.snapshot_id, each.pinned) for each in found] == [(2, True), (1, False)]


def test_a_run_knows_what_became_of_its_version(store: SqlStore) -> None:
    """It was the current one when the run said so."""
    store.add_run(run_of(add_job(store, spec_of())))
    (run,) = claim(store, "w")
    made = version(1, run_id=run.id, current=True)
    store.finish("w", run.id, 1, state=RunState.SUCCEEDED, versions=[made])
    assert store.published(run.id) == (made,)
    store.note_history(history(version(1, pinned=True), version(2), at="a"), seen=None)
    (found,) = store.published(run.id)
    assert (found.current, found.pinned, found.expired) == (False, True, False)
    store.note_history(history(version(2), at="b"), seen="a")
    assert store.published(run.id)[0].expired


def test_a_line_tells_how_a_table_stands(store: SqlStore) -> None:
    """Also one without any version, as another engine makes them."""
    store.note_history(history(at="a"), seen=None)
    line = store.table_lines([TABLE])[TABLE]
    assert (line.versions, line.total_rows, line.last_version) == (0, 0, None)
    store.note_history(history(version(1), version(2), at="b"), seen="a")
    line = store.table_lines([TABLE, "a.other"])[TABLE]
    assert (line.versions, line.total_rows) == (2, 2)
    assert line.last_version is not None
    assert line.last_version.current


def test_crowded_tables_have_more_than_they_may_keep(store: SqlStore) -> None:
    """Expired versions do not count."""
    store.note_history(history(*map(version, range(4)), at="a"), seen=None)
    assert store.crowded_tables(more_than=3) == (TABLE,)
    assert store.crowded_tables(more_than=4) == ()
    assert store.crowded_tables(more_than=3, among=["a.other"]) == ()
    store.note_history(history(version(2), version(3), at="b"), seen="a")
    assert store.crowded_tables(more_than=3, among=[TABLE]) == ()


def test_a_removal_is_remembered_until_it_is_finished(store: SqlStore) -> None:
    """Whoever dies in between leaves a note."""
    made = store.note_removal(TABLE, [1, 2], ["file:///a", "file:///b"])
    assert store.removals() == (made,)
    assert (made.snapshots, made.files) == ((1, 2), ("file:///a", "file:///b"))
    store.forget_removal(made.id)
    store.forget_removal(made.id)
    assert store.removals() == ()


def test_the_feed_tells_that_a_table_changed(store: SqlStore) -> None:
    """Whoever changed it."""
    before = store.last_change()
    store.note_history(history(version(1), at="a"), seen=None)
    changes = store.changes(after=before)
    assert [(each.kind, each.key) for each in changes] == [("table", TABLE)]

"""Taking back what one run published: exactly that, and nothing of what others did."""

import datetime as dt
from typing import Any

import pyarrow as pa
import pytest

from jupyter_orch.domain.errors import NotFound, Refused, StaleWrite
from jupyter_orch.domain.ids import RunId
from jupyter_orch.domain.outputs import TableVersion
from jupyter_orch.domain.versions import UndoPart

from .conftest import Lake, days

TABLE = "analytics.flights"
FIRST, SECOND = "2013-01-01", "2013-01-02"


def plan(lake: Lake, *published: TableVersion) -> tuple[UndoPart, ...]:
    """What undoing the run of these versions would do."""
    return lake.warehouse.plan_undo(RunId(published[0].run_id or ""), published).parts


def undo(lake: Lake, *published: TableVersion, **more: Any) -> tuple[TableVersion, ...]:
    """Undoes the run of these versions."""
    run = RunId(published[0].run_id or "")
    return lake.warehouse.undo(run, published, user="grace", **more)


def day(lake: Lake, at: str, *numbers: int) -> TableVersion:
    """A run that replaces one day."""
    return lake.write(TABLE, days(at, *numbers), slice={"day": at})


def test_undo_of_a_slice_brings_the_earlier_rows_back(lake: Lake) -> None:
    """Other days keep what later runs wrote to them."""
    day(lake, FIRST, 1, 2)
    wrong = day(lake, FIRST, 3, 4, 5)
    day(lake, SECOND, 6)
    (part,) = plan(lake, wrong)
    assert (part.mode, part.removed, part.restored) == ("replace", 3, 2)
    assert (part.later, part.problem, part.done) == ((), None, None)
    assert (
        part.does
        == "Puts the 2 rows of day = 2013-01-01 back in place of the 3 rows there are now."
    )
    (made,) = undo(lake, wrong, reason="wrong file")
    assert lake.values(TABLE) == [1, 2, 6]
    assert (made.operation, made.undo_of, made.user) == ("undo", wrong.run_id, "grace")
    assert (made.reason, made.rows, made.total_rows) == ("wrong file", 2, 3)
    assert lake.values(TABLE, wrong.snapshot_id) == [3, 4, 5]


def test_undo_twice_is_undo_once(lake: Lake) -> None:
    """A lost answer is asked for again; later versions stay as they are."""
    day(lake, FIRST, 1)
    wrong = day(lake, FIRST, 2)
    tag = lake.warehouse.plan_undo(RunId(wrong.run_id or ""), [wrong]).tag
    first = undo(lake, wrong, expected=tag)
    day(lake, SECOND, 3)
    again = undo(lake, wrong, expected=tag)
    assert [each.snapshot_id for each in again] == [each.snapshot_id for each in first]
    assert lake.values(TABLE) == [1, 3]
    assert plan(lake, wrong)[0].done == first[0].snapshot_id


def test_undo_of_an_undo_that_was_rolled_back_works_again(lake: Lake) -> None:
    """A person may change their mind more than once."""
    day(lake, FIRST, 1)
    wrong = day(lake, FIRST, 2)
    undo(lake, wrong)
    lake.warehouse.rollback(TABLE, wrong.snapshot_id, user="ada")
    assert lake.values(TABLE) == [2]
    assert plan(lake, wrong)[0].done is None
    undo(lake, wrong, force=True)
    assert lake.values(TABLE) == [1]


def test_undo_of_an_append_removes_exactly_its_rows(lake: Lake) -> None:
    """Equal rows of others stay: rows are told apart by their files."""
    lake.write(TABLE, days(FIRST, 1, 1), mode="append")
    wrong = lake.write(TABLE, days(FIRST, 1, 1, 2), mode="append")
    lake.write(TABLE, days(FIRST, 1), mode="append")
    (part,) = plan(lake, wrong)
    assert (part.mode, part.removed, part.restored) == ("append", 3, 0)
    (made,) = undo(lake, wrong)
    assert lake.values(TABLE) == [1, 1, 1]
    assert made.total_rows == 3


def test_an_append_that_was_mixed_with_others_is_refused(lake: Lake) -> None:
    """Whose row is whose cannot be said any more; force does not help."""
    wrong = lake.write(TABLE, pa.concat_tables([days(FIRST, 1), days(SECOND, 1)]), mode="append")
    lake.write(TABLE, days(SECOND, 3), mode="append")
    day(lake, SECOND, 4)  # rewrites the file that held both days
    assert lake.values(TABLE) == [1, 4]
    (part,) = plan(lake, wrong)
    assert part.problem == "None of its files is left: later versions replaced them."
    with pytest.raises(Refused, match="cannot be undone"):
        undo(lake, wrong, force=True)
    assert lake.values(TABLE) == [1, 4]


def test_undo_of_an_upsert_brings_the_keys_rows_back(lake: Lake) -> None:
    """New keys go, known ones get their earlier values, others stay."""
    lake.write(TABLE, days(FIRST, 1, 2), mode="upsert", keys=("n",))
    wrong = lake.write(TABLE, days(SECOND, 2, 3), mode="upsert", keys=("n",))
    lake.write(TABLE, days(FIRST, 9), mode="upsert", keys=("n",))
    (part,) = plan(lake, wrong)
    assert (part.mode, part.keys, part.removed, part.restored) == ("upsert", ("n",), 2, 1)
    assert part.later == ()
    undo(lake, wrong)
    assert [(row["n"], row["day"].isoformat()) for row in lake.rows(TABLE)] == [
        (1, FIRST),
        (2, FIRST),
        (9, FIRST),
    ]


@pytest.mark.parametrize(
    "later",
    [
        pytest.param({"mode": "append"}, id="append"),
        pytest.param({"mode": "replace", "slice": {"day": FIRST}}, id="same slice"),
        pytest.param({"mode": "replace"}, id="whole table"),
        pytest.param({"mode": "upsert", "keys": ("n",)}, id="upsert"),
    ],
)
def test_a_later_run_on_the_same_slice_stands_in_the_way(lake: Lake, later: Any) -> None:
    """It is named; with force its rows go as well."""
    day(lake, FIRST, 1)
    wrong = day(lake, FIRST, 2)
    newer = lake.write(TABLE, days(FIRST, 3), **later)
    (part,) = plan(lake, wrong)
    assert [each.snapshot_id for each in part.later] == [newer.snapshot_id]
    with pytest.raises(Refused, match=f"by flights in run {newer.run_id}"):
        undo(lake, wrong)
    undo(lake, wrong, force=True)
    assert lake.values(TABLE) == [1]


def test_what_others_rewrote_without_changing_it_is_no_obstacle(lake: Lake) -> None:
    """A run on another day that shares no row with this one."""
    both = pa.concat_tables([days(FIRST, 1), days(SECOND, 1)])
    lake.write(TABLE, both)
    wrong = lake.write(TABLE, days(FIRST, 2), slice={"day": FIRST})
    lake.write(TABLE, days(SECOND, 5), slice={"day": SECOND})
    assert plan(lake, wrong)[0].later == ()
    undo(lake, wrong)
    assert lake.values(TABLE) == [1, 5]


def test_undo_of_the_first_rows_leaves_an_empty_table(lake: Lake) -> None:
    """There was nothing before."""
    wrong = lake.write(TABLE, days(FIRST, 1))
    undo(lake, wrong)
    assert lake.values(TABLE) == []


def test_undo_after_a_column_was_added_gives_nulls(lake: Lake) -> None:
    """Rows of before know nothing of it."""
    day(lake, FIRST, 1)
    wrong = day(lake, FIRST, 2)
    from pyiceberg.types import LongType

    with lake.warehouse.load(TABLE).update_schema() as update:
        update.add_column("late", LongType())
    undo(lake, wrong)
    assert lake.rows(TABLE) == [{"day": dt.date(2013, 1, 1), "n": 1, "text": "row 1", "late": None}]


def test_a_slice_whose_column_is_gone_is_refused(lake: Lake) -> None:
    """The rows cannot be named any more."""
    lake.write(TABLE, days(FIRST, 1, 2))
    wrong = lake.write(TABLE, days(SECOND, 1), slice={"n": 1})
    with lake.warehouse.load(TABLE).update_schema() as update:
        update.delete_column("n")
    with pytest.raises(Refused, match="columns have changed"):
        undo(lake, wrong)


def test_undo_of_a_set_undoes_each_table(lake: Lake) -> None:
    """All outputs of the run, two of one table the last one first."""
    other = "analytics.other"
    lake.write(TABLE, days(FIRST, 1))
    lake.write(other, days(FIRST, 1))
    who = lake.provenance()
    made = []
    for table, rows in ((TABLE, days(FIRST, 2)), (other, days(FIRST, 3)), (TABLE, days(FIRST, 4))):
        staged, _ = lake.stage(table, rows, who)
        made.append(lake.warehouse.publish(staged, who))
    assert len(undo(lake, *made)) == 3
    assert (lake.values(TABLE), lake.values(other)) == ([1], [1])


def test_nothing_is_undone_when_a_part_cannot_be(lake: Lake) -> None:
    """All or nothing, as far as it can be seen beforehand."""
    other = "analytics.other"
    lake.write(TABLE, days(FIRST, 1))
    lake.write(other, days(FIRST, 1))
    who = lake.provenance()
    made = []
    for table in (TABLE, other):
        staged, _ = lake.stage(table, days(FIRST, 2), who)
        made.append(lake.warehouse.publish(staged, who))
    lake.write(TABLE, days(FIRST, 7))
    with pytest.raises(Refused, match=TABLE):
        undo(lake, *made)
    assert lake.values(other) == [2]


def test_undo_is_tied_to_what_the_person_saw(lake: Lake) -> None:
    """Another version since: they look again."""
    day(lake, FIRST, 1)
    wrong = day(lake, FIRST, 2)
    tag = lake.warehouse.plan_undo(RunId(wrong.run_id or ""), [wrong]).tag
    day(lake, SECOND, 3)
    with pytest.raises(StaleWrite):
        undo(lake, wrong, expected=tag)
    assert lake.values(TABLE) == [2, 3]


def test_a_run_that_published_nothing_has_nothing_to_undo(lake: Lake) -> None:
    """It says so."""
    with pytest.raises(NotFound, match="published nothing"):
        lake.warehouse.plan_undo(RunId("r"), [])

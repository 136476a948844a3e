"""What a run publishes, in each mode: exactly that, and nothing else."""

import datetime as dt
from decimal import Decimal
from pathlib import Path

import pyarrow as pa
import pytest

from jupyter_orch.domain.errors import BadInput, CheckFailed, OrchError
from jupyter_orch.domain.outputs import Checks

from .conftest import Lake, days, listed

TABLE = "analytics.flights"
FIRST, SECOND = {"day": "2013-01-01"}, {"day": "2013-01-02"}


def test_first_version_makes_the_table_with_its_rows_and_its_run(lake: Lake) -> None:
    """A table that does not exist appears with rows, tag and provenance in one version."""
    staged, who = lake.stage(TABLE, days("2013-01-01", 1, 2))
    assert staged.branch is None
    assert not lake.warehouse.heads()
    version = lake.warehouse.publish(staged, who)
    assert (version.table, version.rows, version.total_rows) == (TABLE, 2, 2)
    assert (version.run_id, version.job_name, version.user) == (who.run_id, "flights", "ada")
    assert version.notebook_sha256 == "ab" * 32
    assert version.parameters == {"day": "2013-01-01"}
    assert version.operation == "replace"
    assert version.current
    table = lake.warehouse.load(TABLE)
    assert table.metadata.refs[f"run-{who.run_id}"].snapshot_id == version.snapshot_id
    assert len(table.metadata.snapshot_log) == 1


def test_no_two_tables_share_a_folder(lake: Lake) -> None:
    """A table made under the old name of another one does not live in that one's files."""
    lake.write(TABLE, days("2013-01-01", 1))
    lake.warehouse._lake.catalog.rename_table(TABLE, "analytics.renamed")
    lake.write(TABLE, days("2013-01-01", 2))
    old, new = (Path(lake.warehouse.load(name).location()) for name in ("analytics.renamed", TABLE))
    assert old.parent == new.parent
    assert old != new


def test_staged_rows_are_seen_by_nobody(lake: Lake) -> None:
    """Staging leaves what readers see, and main's log, as they were."""
    lake.write(TABLE, days("2013-01-01", 1))
    lake.stage(TABLE, days("2013-01-01", 7, 8))
    assert lake.values(TABLE) == [1]
    assert len(lake.warehouse.versions(TABLE).items) == 1


def test_each_version_is_one_entry_of_the_log(lake: Lake) -> None:
    """A replace that also deletes leaves no slice-less snapshot in main's log."""
    lake.write(TABLE, days("2013-01-01", 1, 2))
    lake.write(TABLE, days("2013-01-01", 3))
    log = lake.warehouse.load(TABLE).metadata.snapshot_log
    assert [lake.values(TABLE, entry.snapshot_id) for entry in log] == [[1, 2], [3]]


def test_replace_without_slice_swaps_the_whole_table(lake: Lake) -> None:
    """The table becomes exactly what the run wrote."""
    lake.write(TABLE, days("2013-01-01", 1, 2))
    version = lake.write(TABLE, days("2013-01-02", 3))
    assert lake.values(TABLE) == [3]
    assert (version.rows, version.total_rows) == (1, 1)


def test_inv5_replacing_a_slice_leaves_every_other_row(lake: Lake) -> None:
    """A rerun of a slice replaces exactly that slice."""
    lake.write(TABLE, days("2013-01-01", 1, 2), slice=FIRST)
    lake.write(TABLE, days("2013-01-02", 3, 4), slice=SECOND)
    version = lake.write(TABLE, days("2013-01-01", 9), slice=FIRST)
    assert lake.values(TABLE) == [3, 4, 9]
    assert (version.rows, version.total_rows) == (1, 3)
    assert [field.name for field in lake.warehouse.load(TABLE).spec().fields] == ["day"]


def test_inv5_slice_of_an_unpartitioned_table_keeps_the_other_rows_of_its_files(
    lake: Lake,
) -> None:
    """Rows of other slices survive in files that hold both."""
    both = pa.concat_tables([days("2013-01-01", 1, 2), days("2013-01-02", 3)])
    lake.write(TABLE, both)
    version = lake.write(TABLE, days("2013-01-02", 8, 9), slice=SECOND)
    assert lake.values(TABLE) == [1, 2, 8, 9]
    assert version.total_rows == 4


def test_zero_rows_clear_the_slice(lake: Lake) -> None:
    """An empty frame for a slice is a version without it."""
    lake.write(TABLE, days("2013-01-01", 1), slice=FIRST)
    lake.write(TABLE, days("2013-01-02", 2), slice=SECOND)
    version = lake.write(TABLE, days("2013-01-02"), slice=SECOND)
    assert lake.values(TABLE) == [1]
    assert (version.rows, version.total_rows, version.current) == (0, 1, True)
    again = lake.write(TABLE, days("2013-01-02"), slice=SECOND)
    assert again.snapshot_id != version.snapshot_id


def test_zero_rows_make_an_empty_table(lake: Lake) -> None:
    """A frame without rows still says which columns the table has."""
    version = lake.write(TABLE, days("2013-01-02"))
    assert (version.total_rows, lake.rows(TABLE)) == (0, [])
    assert lake.write(TABLE, days("2013-01-02", 5)).total_rows == 1


def test_append_adds(lake: Lake) -> None:
    """Append keeps what is there."""
    lake.write(TABLE, days("2013-01-01", 1), mode="append")
    version = lake.write(TABLE, days("2013-01-01", 1, 2), mode="append")
    assert lake.values(TABLE) == [1, 1, 2]
    assert (version.operation, version.rows, version.total_rows) == ("append", 2, 3)


def test_upsert_replaces_rows_with_the_same_keys(lake: Lake) -> None:
    """Rows with a known key are replaced, others added, the rest stays."""
    lake.write(TABLE, days("2013-01-01", 1, 2, 3))
    changed = days("2013-01-09", 2, 4)
    version = lake.write(TABLE, changed, mode="upsert", keys=("n",))
    assert lake.values(TABLE) == [1, 2, 3, 4]
    moved = [row["n"] for row in lake.rows(TABLE) if row["day"] == dt.date(2013, 1, 9)]
    assert moved == [2, 4]
    assert (version.rows, version.total_rows) == (2, 4)


def test_an_upsert_of_no_rows_takes_no_rows_away(lake: Lake) -> None:
    """An empty frame names no key, so that the table stays as it is: here and on a moved main."""
    lake.write(TABLE, days("2013-01-01", 1, 2, 3))
    version = lake.write(TABLE, days("2013-01-01"), mode="upsert", keys=("n",))
    assert lake.values(TABLE) == [1, 2, 3]
    assert (version.rows, version.total_rows) == (0, 3)
    staged, who = lake.stage(TABLE, days("2013-01-01"), mode="upsert", keys=("n",))
    lake.write(TABLE, days("2013-01-02", 4), mode="append")
    assert lake.warehouse.publish(staged, who).total_rows == 4
    assert lake.values(TABLE) == [1, 2, 3, 4]


def test_two_outputs_of_a_run_to_one_table_are_two_versions(lake: Lake) -> None:
    """Both are published, in the order of writing, each once."""
    lake.write(TABLE, days("2013-01-01", 1), slice=FIRST)
    who = lake.provenance()
    one, _ = lake.stage(TABLE, days("2013-01-01", 7), who, slice=FIRST)
    two, _ = lake.stage(TABLE, days("2013-01-02", 8), who, slice=SECOND)
    versions = [lake.warehouse.publish(item, who) for item in (one, two)]
    assert versions[0].snapshot_id != versions[1].snapshot_id
    assert lake.values(TABLE) == [7, 8]
    assert [lake.warehouse.publish(item, who).snapshot_id for item in (one, two)] == [
        version.snapshot_id for version in versions
    ]


@pytest.mark.parametrize(
    ("value", "kind", "given"),
    [
        ("EWR", pa.string(), "EWR"),
        ("a/b c%é=1", pa.string(), "a/b c%é=1"),
        (3, pa.int32(), 3),
        (True, pa.bool_(), True),
        (Decimal("1.50"), pa.decimal128(5, 2), "1.5"),
        (
            dt.datetime.fromisoformat("2013-01-01T06:00:00"),
            pa.timestamp("us"),
            "2013-01-01T06:00:00",
        ),
        (
            dt.datetime(2013, 1, 1, 6, tzinfo=dt.UTC),
            pa.timestamp("us", tz="UTC"),
            "2013-01-01T07:00:00+01:00",
        ),
        (None, pa.string(), None),
    ],
)
def test_slices_of_every_type(lake: Lake, value: object, kind: pa.DataType, given: object) -> None:
    """JSON values of a slice are read as the column's type."""
    frame = pa.table({"part": pa.array([value], kind), "n": [1]})
    for _ in range(2):
        version = lake.write(TABLE, frame, slice={"part": given})
    assert version.total_rows == 1


@pytest.mark.parametrize(
    ("request_", "field", "said"),
    [
        ({"slice": SECOND}, "slice", "2 of 2 rows lie outside the slice"),
        ({"slice": {"nope": 1}}, "slice", "not a column"),
        ({"slice": {"day": "tomorrow"}}, "slice", "'tomorrow'"),
        ({"slice": {"day": 3}}, "slice", "gives 3"),
        ({"slice": FIRST, "mode": "append"}, "slice", "takes no slice"),
        ({"mode": "upsert"}, "keys", "needs the key"),
        ({"mode": "upsert", "keys": ("nope",)}, "keys", "not a column"),
        ({"mode": "upsert", "keys": ("day",)}, "keys", "more than once"),
        ({"keys": ("n",)}, "keys", "takes no keys"),
        ({"mode": "merge"}, "mode", "not a way"),
        ({"table": "a.b.c.d"}, "table", "not the name"),
        ({"table": 'x"; drop table y'}, "table", "not the name"),
        ({"checks": Checks(not_null=("nope",))}, "checks", "not a column"),
        ({"files": ("../../../../etc/passwd",)}, "files", "no staged file"),
        ({"files": ("gone.parquet",)}, "files", "no staged file"),
    ],
)
def test_bad_requests_name_their_field_and_leave_nothing(
    lake: Lake, request_: dict[str, object], field: str, said: str
) -> None:
    """Nothing is staged, and the message says what was wrong."""
    lake.write(TABLE, days("2013-01-01", 1))
    before = lake.warehouse.load(TABLE).metadata
    wanted = {"table": TABLE, "data": days("2013-01-01", 1, 2), **request_}
    with pytest.raises(BadInput, match=said) as caught:
        lake.stage(**wanted)
    assert caught.value.field == field
    assert lake.warehouse.load(TABLE).metadata == before


@pytest.mark.parametrize(
    ("frame", "said"),
    [
        (pa.table({"day": ["2013-01-01"], "n": [1], "text": ["x"]}), "day is string"),
        (pa.table({"n": [1]}), "no day; no text"),
        (days("2013-01-01", 1).append_column("more", [[1]]), "more is not in the table"),
    ],
)
def test_other_columns_are_refused_with_the_difference(
    lake: Lake, frame: pa.Table, said: str
) -> None:
    """The message names each column that differs."""
    lake.write(TABLE, days("2013-01-01", 1))
    with pytest.raises(BadInput, match=said) as caught:
        lake.stage(TABLE, frame)
    assert caught.value.field == "frame"


def test_columns_may_come_in_another_order_and_a_narrower_type(lake: Lake) -> None:
    """What loses nothing is converted."""
    lake.write(TABLE, days("2013-01-01", 1))
    frame = pa.table({"text": ["x"], "n": pa.array([2], pa.int8()), "day": [dt.date(2013, 1, 2)]})
    lake.write(TABLE, frame, mode="append")
    assert lake.values(TABLE) == [1, 2]


@pytest.mark.parametrize(
    ("checks", "said"),
    [
        (Checks(rows_min=4), "3 rows came, at least 4"),
        (Checks(rows_max=2), "3 rows came, at most 2"),
        (Checks(not_null=("text",)), "1 of 3 rows have no text"),
        (Checks(unique=("day", "n")), "1 values of day, n come more than once"),
        (Checks(rows_min=9, not_null=("text",)), "9 are wanted; 1 of 3"),
    ],
)
def test_inv6_a_failed_check_publishes_nothing(lake: Lake, checks: Checks, said: str) -> None:
    """The failure says what and how many; readers keep the version before."""
    lake.write(TABLE, days("2013-01-01", 5))
    frame = days("2013-01-01", 1, 1, 2).set_column(2, "text", pa.array(["a", None, "c"]))
    with pytest.raises(CheckFailed, match=said):
        lake.stage(TABLE, frame, checks=checks)
    assert lake.values(TABLE) == [5]
    assert len(lake.warehouse.load(TABLE).metadata.snapshots) == 1


def test_checks_that_hold_let_it_through(lake: Lake) -> None:
    """A check is no obstacle to good rows."""
    checks = Checks(rows_min=1, rows_max=2, not_null=("n",), unique=("n",))
    assert lake.write(TABLE, days("2013-01-01", 1, 2), checks=checks).rows == 2


def test_a_column_without_any_value_needs_a_type_for_a_new_table(lake: Lake) -> None:
    """A type is never guessed; where the table has one, the nulls take it."""
    frame = days("2013-01-01", 1).set_column(2, "text", pa.nulls(1))
    with pytest.raises(BadInput, match="'text' has no values"):
        lake.stage(TABLE, frame)
    lake.write(TABLE, days("2013-01-01", 1))
    lake.write(TABLE, frame)
    assert lake.rows(TABLE)[0]["text"] is None


def test_nothing_is_left_of_what_was_published(lake: Lake) -> None:
    """Staged files, markers and branches go when their output is published."""
    lake.write(TABLE, days("2013-01-01", 1))
    lake.write(TABLE, days("2013-01-01", 2))
    assert list((lake.settings.warehouse.folder / ".staging").iterdir()) == []
    kinds = {ref.snapshot_ref_type.value for ref in lake.warehouse.load(TABLE).refs().values()}
    assert kinds == {"branch", "tag"}
    assert [name for name in lake.warehouse.load(TABLE).refs() if name.endswith("-1")] == []


def test_an_unreadable_table_hides_no_other(lake: Lake) -> None:
    """A table whose metadata is gone is listed without numbers."""
    lake.write(TABLE, days("2013-01-01", 1))
    lake.write("analytics.other", days("2013-01-01", 1))
    other = lake.warehouse.load("analytics.other")
    other.io.delete(other.metadata_location)
    reader = Lake(lake.settings)  # who has written it knows it by heart
    found = {name: info.total_rows for name, info in listed(reader).items()}
    reader.warehouse.close()
    assert found == {TABLE: 1, "analytics.other": None}


def test_unknown_table_and_version_are_named(lake: Lake) -> None:
    """Reading what is not there says what to do."""
    with pytest.raises(OrchError, match=r"no table analytics\.flights"):
        lake.warehouse.versions(TABLE)
    lake.write(TABLE, days("2013-01-01", 1))
    with pytest.raises(OrchError, match="no version 7"):
        lake.warehouse.preview(TABLE, version=7)

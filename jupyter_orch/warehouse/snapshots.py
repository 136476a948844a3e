"""One snapshot per output: new rows in, replaced rows out, as Iceberg sees it.

pyiceberg's own writers make up to three snapshots per replace and always for a branch's head as
it is loaded; here a snapshot is built first and decided upon afterwards, so that a commit is one
list of updates with the requirements that the protocol asks for.
"""

import itertools
import math
import secrets
import uuid
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc
from pyiceberg.expressions import (
    AlwaysTrue,
    And,
    BooleanExpression,
    GreaterThanOrEqual,
    LessThanOrEqual,
    Reference,
)
from pyiceberg.expressions.literals import literal
from pyiceberg.io.pyarrow import ArrowScan, _dataframe_to_data_files
from pyiceberg.manifest import (
    DataFile,
    ManifestContent,
    ManifestEntry,
    ManifestEntryStatus,
    ManifestFile,
)
from pyiceberg.table import CreateTableTransaction, FileScanTask, StagedTable, Table, Transaction
from pyiceberg.table.metadata import TableMetadata
from pyiceberg.table.snapshots import Operation, Snapshot, Summary
from pyiceberg.table.sorting import SortOrder
from pyiceberg.table.update import TableUpdate
from pyiceberg.table.update.snapshot import (
    _ManifestMergeManager,
    _OverwriteFiles,
    _SnapshotProducer,
)

from jupyter_orch.domain.outputs import OutputMode
from jupyter_orch.warehouse import layout
from jupyter_orch.warehouse.slices import Slice
from jupyter_orch.warehouse.staging import arrow_schema
from jupyter_orch.warehouse.storage import whole_or_nothing

WRITE_ID = "orch.write-id"
TOTAL_ROWS = "orch.total-rows"
#: Iceberg's own word for the snapshot that a snapshot was picked from: its files are kept.
SOURCE_SNAPSHOT = "source-snapshot-id"
#: So many manifests are put together, up to a size that grows with the root of the table's files:
#: who replaces one slice reads and writes the manifest that has its file, and the list of all of
#: them. Both together are least when a manifest has about as many files as there are manifests.
_MANY_MANIFESTS = 100
_SMALLEST_MANIFEST, _LARGEST_MANIFEST = 16 * 1024, 256 * 1024  # bytes
_MANIFEST_OF_ONE_FILE = 850  # bytes
_MAX_SNAPSHOT_ID = (1 << 53) - 1
_ROW = "__row"


@dataclass(frozen=True)
class Change:
    """What an output does to a table."""

    mode: OutputMode
    part: Slice
    keys: tuple[str, ...]
    #: The keys' values of the new rows, once each, for mode `upsert`; absent when there are none.
    key_rows: pa.Table | None
    #: Data files of the new rows.
    files: tuple[DataFile, ...]
    rows: int


@dataclass
class _Replaced:
    """Files that a change takes out of the table, and those that keep their other rows."""

    files: list[DataFile] = field(default_factory=list)
    kept: list[DataFile] = field(default_factory=list)
    rows: int = 0


def write(
    table: Table,
    pieces: Iterable[pa.Table],
    write_id: uuid.UUID,
    sorted_by: SortOrder | None = None,
) -> tuple[DataFile, ...]:
    """Writes rows as data files of the table, each in that order; nobody sees them yet.

    Without an order of its own a file takes the table's.
    """
    counter = itertools.count()
    wanted = table.sort_order() if sorted_by is None else sorted_by
    with whole_or_nothing(table.io):
        return tuple(
            file
            for piece in pieces
            if piece.num_rows
            for file in _data_files(
                table,
                table.metadata,
                layout.sort(piece, wanted, table.schema()),
                write_id,
                counter,
            )
        )


def written(table: Table, snapshot: Snapshot) -> tuple[DataFile, ...]:
    """The data files of the new rows that a staged snapshot brought."""
    summary = snapshot.summary
    write_id = summary.additional_properties.get(WRITE_ID) if summary else None
    return tuple(
        entry.data_file
        for manifest in snapshot.manifests(table.io)
        if manifest.added_snapshot_id == snapshot.snapshot_id
        for entry in manifest.fetch_manifest_entry(table.io)
        if entry.status == ManifestEntryStatus.ADDED
        and write_id
        and f"-{write_id}." in entry.data_file.file_path
    )


def build(
    table: Table, change: Change, properties: Mapping[str, str]
) -> tuple[tuple[TableUpdate, ...], int]:
    """Updates that add the snapshot after `main`, and its id; nothing points to it yet.

    For a table that is only staged the updates also make the table.
    """
    parent = table.metadata.current_snapshot()
    replaced = _replaced(table, change) if parent is not None else _Replaced()
    return _rewrite(table, change.files, replaced, reach(change), properties, rows=change.rows)


def remove(
    table: Table, files: Sequence[FileScanTask], properties: Mapping[str, str]
) -> tuple[tuple[TableUpdate, ...], int]:
    """Updates that add a snapshot without these files of `main` after it, and its id."""
    rows = sum(live_rows(table, task) for task in files)
    gone = _Replaced(files=[task.file for task in files], rows=rows)
    return _rewrite(table, (), gone, AlwaysTrue(), properties, rows=0)


def _rewrite(
    table: Table,
    added: Sequence[DataFile],
    replaced: _Replaced,
    predicate: BooleanExpression,
    properties: Mapping[str, str],
    *,
    rows: int,
) -> tuple[tuple[TableUpdate, ...], int]:
    transaction = (
        CreateTableTransaction(table) if isinstance(table, StagedTable) else Planning(table)
    )
    parent = table.metadata.current_snapshot()
    base = total_rows(table, parent) if parent is not None else 0
    producer = _Rewrite(
        operation=Operation.OVERWRITE if replaced.files else Operation.APPEND,
        transaction=transaction,
        io=table.io,
        snapshot_properties={
            **properties,
            TOTAL_ROWS: str(base - replaced.rows + rows),
        },
        branch=None,
    )
    for file in (*added, *replaced.kept):
        producer.append_data_file(file)
    for file in replaced.files:
        producer.delete_data_file(file)
    if replaced.files:
        producer.delete_by_predicate(predicate)
    producer._snapshot_id = _new_id(table)  # noqa: SLF001
    updates, _ = producer._commit()  # noqa: SLF001
    return (*transaction._updates, *updates), producer.snapshot_id  # noqa: SLF001


def restore(
    table: Table, target: Snapshot, properties: Mapping[str, str]
) -> tuple[tuple[TableUpdate, ...], int]:
    """Updates that add a snapshot with an older one's files after `main`, and its id."""
    producer = _Restore(
        operation=Operation.OVERWRITE,
        transaction=Planning(table),
        io=table.io,
        snapshot_properties={**properties, TOTAL_ROWS: str(total_rows(table, target))},
        branch=None,
    )
    producer.target = target
    producer._snapshot_id = _new_id(table)  # noqa: SLF001
    updates, _ = producer._commit()  # noqa: SLF001
    return updates, producer.snapshot_id


def total_rows(table: Table, snapshot: Snapshot) -> int:
    """Live rows at a snapshot: as we noted them, else counted."""
    noted = snapshot.summary.additional_properties.get(TOTAL_ROWS) if snapshot.summary else None
    if noted is not None:
        return int(noted)
    return table.scan(snapshot_id=snapshot.snapshot_id).count()


class Planning(Transaction):
    """A transaction that only plans: pyiceberg's copies the whole metadata at every look."""

    @property
    def table_metadata(self) -> TableMetadata:
        """As it was loaded."""
        return self._table.metadata


class _Rewrite(_OverwriteFiles):
    """Adds and removes files in one snapshot."""

    def _existing_manifests(self) -> list[ManifestFile]:
        parent = self._transaction.table_metadata.current_snapshot()
        if self._deleted_data_files:
            found = super()._existing_manifests()
        else:  # what only adds need not look into the manifests
            found = parent.manifests(self._io) if parent is not None else []
        return _live(found)

    def _deleted_entries(self) -> list[ManifestEntry]:
        return super()._deleted_entries() if self._deleted_data_files else []

    def _process_manifests(self, manifests: list[ManifestFile]) -> list[ManifestFile]:
        """Puts many small ones together: each version lists all of them."""
        data = [item for item in manifests if item.content == ManifestContent.DATA]
        if len(data) < _MANY_MANIFESTS:
            return manifests
        files = sum(
            (each.added_files_count or 0) + (each.existing_files_count or 0) for each in data
        )
        size = round(_MANIFEST_OF_ONE_FILE * math.sqrt(files))
        merge = _ManifestMergeManager(
            target_size_bytes=min(max(size, _SMALLEST_MANIFEST), _LARGEST_MANIFEST),
            min_count_to_merge=_MANY_MANIFESTS,
            merge_enabled=True,
            snapshot_producer=self,
        )
        others = [item for item in manifests if item.content != ManifestContent.DATA]
        return merge.merge_manifests(data) + others


class _Restore(_SnapshotProducer["_Restore"]):
    """The files of an older snapshot, unchanged."""

    target: Snapshot

    def _existing_manifests(self) -> list[ManifestFile]:
        return _live(self.target.manifests(self._io))

    def _deleted_entries(self) -> list[ManifestEntry]:
        return []

    def _summary(self, snapshot_properties: Mapping[str, str] | None = None) -> Summary:
        totals: dict[str, Any] = {}
        if self.target.summary is not None:
            known = self.target.summary.additional_properties
            totals = {name: value for name, value in known.items() if name.startswith("total-")}
        return Summary(operation=self._operation, **totals, **(snapshot_properties or {}))


def _new_id(table: Table) -> int:
    """A new snapshot's id that JavaScript can count to, unlike most of pyiceberg's."""
    while table.metadata.snapshot_by_id(found := 1 + secrets.randbelow(_MAX_SNAPSHOT_ID)):
        continue
    return found


def _live(manifests: Iterable[ManifestFile]) -> list[ManifestFile]:
    """Without those that only tell of removed files, which would be carried along for ever."""
    return [item for item in manifests if item.has_added_files() or item.has_existing_files()]


def _replaced(table: Table, change: Change) -> _Replaced:
    result = _Replaced()
    if change.mode == "append" or (change.mode == "upsert" and change.key_rows is None):
        return result  # without keys there is nothing to replace
    write_id = uuid.uuid4()
    counter = itertools.count()
    for task in table.scan(row_filter=reach(change)).plan_files():
        if wholly(task, change):
            result.files.append(task.file)
            result.rows += live_rows(table, task)
            continue
        rows = read(table, task)
        kept = rows.filter(pc.invert(hits(rows, change)))
        if kept.num_rows == rows.num_rows:
            continue
        result.files.append(task.file)
        result.rows += rows.num_rows - kept.num_rows
        if kept.num_rows:
            result.kept += _data_files(table, table.metadata, kept, write_id, counter)
    return result


def reach(change: Change) -> BooleanExpression:
    """What a change's rows lie in: exactly the slice, or at least around the keys."""
    if change.mode != "upsert":
        return change.part.filter
    expression: BooleanExpression = AlwaysTrue()
    if change.key_rows is None:
        return expression
    for name in change.keys:
        column = change.key_rows.column(name)
        if not (pa.types.is_integer(column.type) or pa.types.is_date(column.type)):
            continue
        least, most = pc.min(column).as_py(), pc.max(column).as_py()
        expression = And(
            expression,
            And(
                GreaterThanOrEqual(term=Reference(name), value=literal(least)),
                LessThanOrEqual(term=Reference(name), value=literal(most)),
            ),
        )
    return expression


def wholly(task: FileScanTask, change: Change) -> bool:
    """Whether the change is about every row of the file, as its statistics say."""
    return change.mode == "replace" and task.residual == AlwaysTrue()


def hits(rows: pa.Table, change: Change) -> Any:
    """For each row whether the change is about it."""
    if change.mode != "upsert" or change.key_rows is None:
        return change.part.mask(rows)
    keyed = rows.select(list(change.keys)).append_column(_ROW, pa.array(range(rows.num_rows)))
    found = keyed.join(change.key_rows, keys=list(change.keys), join_type="left semi").column(_ROW)
    return pc.is_in(keyed.column(_ROW), value_set=found.combine_chunks())


def live_rows(table: Table, task: FileScanTask) -> int:
    """Rows of a file that have not been deleted."""
    if not task.delete_files:
        return task.file.record_count
    rows: int = read(table, task).num_rows
    return rows


def read(table: Table, task: FileScanTask) -> pa.Table:
    """The live rows of a file of any version, in the table's columns of now."""
    schema = table.schema()
    found = ArrowScan(
        table_metadata=table.metadata,
        io=table.io,
        projected_schema=schema,
        row_filter=AlwaysTrue(),
    ).to_table(tasks=[task])
    return found.cast(arrow_schema(schema))


def _data_files(
    table: Table,
    metadata: TableMetadata,
    rows: pa.Table,
    write_id: uuid.UUID,
    counter: "itertools.count[int]",
) -> Iterator[DataFile]:
    yield from _dataframe_to_data_files(
        table_metadata=metadata, df=rows, io=table.io, write_uuid=write_id, counter=counter
    )


def distinct(keys: Sequence[str], pieces: Iterable[pa.Table]) -> pa.Table:
    """The keys' values, once each."""
    whole = pa.concat_tables(pieces)
    return whole.group_by(list(keys)).aggregate([]).select(list(keys))

"""What the version before holds where an output goes: rows, and how many values are missing."""

from collections.abc import Iterator, Sequence

import pyarrow as pa
from pyiceberg.expressions import AlwaysTrue
from pyiceberg.io.pyarrow import ArrowScan
from pyiceberg.table import FileScanTask, Table

from jupyter_orch.domain.outputs import OutputMode
from jupyter_orch.warehouse import versions
from jupyter_orch.warehouse.slices import Slice
from jupyter_orch.warehouse.staging import arrow_schema

#: Rows and nulls of one column.
Counts = tuple[int, int]


def rows(table: Table, part: Slice, mode: OutputMode) -> int | None:
    """Rows that an output of this mode is compared with; None when there is no such version.

    A `replace` is compared with what it replaces; the others with what the last version of their
    kind brought.
    """
    if table.metadata.current_snapshot() is None:
        return None
    if mode == "replace":
        return _count(table, part, ())[0]
    log = versions.Log(table)
    for version in map(log.describe, reversed(log.entries)):
        if version.operation == mode and version.rows is not None:
            return version.rows
    return None


def nulls(
    table: Table, part: Slice, mode: OutputMode, columns: Sequence[str]
) -> dict[str, Counts] | None:
    """By column, rows and nulls: of the slice for a `replace`, of the whole table else.

    A column that the table does not have is left out; None when there is no version.
    """
    if table.metadata.current_snapshot() is None:
        return None
    known = [name for name in columns if name in table.schema().column_names]
    whole = part if mode == "replace" else Slice({}, {})
    total, missing = _count(table, whole, known)
    return {name: (total, missing[name]) for name in known}


def _count(table: Table, part: Slice, columns: Sequence[str]) -> tuple[int, dict[str, int]]:
    """Rows of the part, and nulls of each column; files that say it themselves are not read."""
    total, missing = 0, dict.fromkeys(columns, 0)
    wanted = tuple(dict.fromkeys((*columns, *part.values)))
    ids = {name: table.schema().find_field(name).field_id for name in wanted}
    for task in table.scan(row_filter=part.filter).plan_files():
        noted = task.file.null_value_counts or {}
        if (
            task.residual == AlwaysTrue()
            and not task.delete_files
            and all(ids[name] in noted for name in columns)
        ):
            total += task.file.record_count
            for name in columns:
                missing[name] += noted[ids[name]]
            continue
        for piece in _pieces(table, task, wanted):
            rows = piece.filter(part.mask(piece))
            total += rows.num_rows
            for name in columns:
                missing[name] += rows.column(name).null_count
    return total, missing


def _pieces(table: Table, task: FileScanTask, columns: Sequence[str]) -> Iterator[pa.Table]:
    schema = table.schema()
    chosen = columns or schema.column_names[:1]
    projected = schema.select(*chosen)
    kinds = arrow_schema(projected)
    scan = ArrowScan(
        table_metadata=table.metadata,
        io=table.io,
        projected_schema=projected,
        row_filter=AlwaysTrue(),
    )
    for batch in scan.to_record_batches([task]):
        yield pa.Table.from_batches([batch]).cast(kinds)

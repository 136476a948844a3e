"""What an attempt staged: Parquet files in its own folder, read in bounded pieces."""

from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq
from pyiceberg.io.pyarrow import _pyarrow_to_schema_without_ids, schema_to_pyarrow
from pyiceberg.schema import Schema, assign_fresh_schema_ids

from jupyter_orch.domain.errors import BadInput, listed
from jupyter_orch.warehouse import frames
from jupyter_orch.warehouse.slices import Slice

#: Rows held in memory at a time while staged files become data files.
PIECE_ROWS = 1_000_000
_BATCH_ROWS = 131_072  # as a kernel writes row groups: smaller ones cut them into slices


class StagedFiles:
    """The Parquet files of one output, in the order of writing.

    Raises:
        BadInput: A file lies outside the attempt's folder or is not Parquet (field `files`), or
            two files have different columns (field `frame`).
    """

    def __init__(self, place: Path, files: Sequence[str]) -> None:
        root = place.resolve()
        self.paths = tuple(_inside(root, name) for name in files)
        schemas = [_read_schema(path) for path in self.paths]
        self.schema: pa.Schema | None = _common(schemas) if schemas else None
        self.rows = sum(_rows(path) for path in self.paths)

    def columns(self) -> tuple[str, ...]:
        """Names of the columns; none when there are no files."""
        return tuple(self.schema.names) if self.schema is not None else ()

    def pieces(self, columns: Sequence[str] | None = None) -> Iterator[pa.Table]:
        """The rows as tables of at most `PIECE_ROWS` rows, with `normal` types."""
        for path in self.paths:
            with pq.ParquetFile(path) as file:
                names = list(file.schema_arrow.names if columns is None else columns)
                held: list[pa.RecordBatch] = []
                rows = 0
                for batch in file.iter_batches(_BATCH_ROWS, columns=names):
                    held.append(batch)
                    rows += batch.num_rows
                    if rows >= PIECE_ROWS:
                        yield frames.normalise(pa.Table.from_batches(held))
                        held, rows = [], 0
                if held:
                    yield frames.normalise(pa.Table.from_batches(held))

    def conformed(self, schema: Schema, columns: Sequence[str] | None = None) -> Iterator[pa.Table]:
        """The rows in the column order and types of the table."""
        wanted = arrow_schema(schema)
        if columns is not None:
            wanted = pa.schema([wanted.field(name) for name in columns])
        for piece in self.pieces(columns):
            arrays = [
                frames.convert(piece.column(field.name), field.type, field.name) for field in wanted
            ]
            yield pa.table(arrays, schema=wanted)


def arrow_schema(schema: Schema) -> pa.Schema:
    """The table's columns as Arrow, with `normal` types."""
    found = schema_to_pyarrow(schema, include_field_ids=False)
    return pa.schema([pa.field(item.name, frames.normal(item.type, item.name)) for item in found])


def new_schema(files: StagedFiles, table: str) -> Schema:
    """The columns of a table that does not exist yet.

    Raises:
        BadInput: Nothing was written, or a column has no values to tell its type by.
    """
    if files.schema is None:
        raise BadInput(
            f"The table {table} does not exist yet, and nothing says which columns it has.",
            field="table",
            hint="Write a frame, at least one without rows.",
        )
    for item in files.schema:
        if without_type(item.type):
            raise BadInput(
                f"The column {item.name!r} has no values, so that its type is unknown.",
                field="frame",
                hint=f"Give it one: frame[{item.name!r}].astype('string').",
            )
    return assign_fresh_schema_ids(_pyarrow_to_schema_without_ids(files.schema))


def check_columns(files: StagedFiles, schema: Schema, table: str, *, evolve: bool = False) -> None:
    """Refuses a frame whose columns are not the table's, saying each difference.

    Args:
        files: The frame's rows.
        schema: The table's columns, with what the frame adds to them when it may.
        table: Its name.
        evolve: Whether it may.

    Raises:
        BadInput: Field `frame`.
    """
    if files.schema is None:
        return
    wanted = {item.name: item.type for item in arrow_schema(schema)}
    given = {item.name: item.type for item in files.schema}
    differences = [f"no {name}" for name in wanted if name not in given]
    differences += [f"{name} is not in the table" for name in given if name not in wanted]
    differences += [
        f"{name} is {given[name]} instead of {kind}"
        for name, kind in wanted.items()
        if name in given and not frames.widens(given[name], kind)
    ]
    if differences:
        raise BadInput(
            f"The frame does not have the columns of {table}: {listed(differences, mark='; ')}.",
            field="frame",
            hint="Convert the frame, or write to another table."
            if evolve or not _may_evolve(given, wanted)
            else 'Convert the frame, or let the table take new columns: output(…, evolve="add").',
        )


def _may_evolve(given: Mapping[str, pa.DataType], wanted: Mapping[str, pa.DataType]) -> bool:
    """Whether new columns are all that is in the way, or wider numbers."""
    return all(
        name in given and (frames.widens(given[name], kind) or frames.promotes(kind, given[name]))
        for name, kind in wanted.items()
    )


def check_slice(files: StagedFiles, part: Slice, schema: Schema) -> None:
    """Refuses rows outside the slice.

    Raises:
        BadInput: Field `slice`, with the number of such rows and one of them.
    """
    columns = list(part.values)
    if not columns:
        return
    outside = 0
    example: Mapping[str, Any] = {}
    for piece in files.conformed(schema, columns):
        strangers = piece.filter(pc.invert(part.mask(piece)))
        if strangers.num_rows and not outside:
            example = strangers.slice(0, 1).to_pylist()[0]
        outside += strangers.num_rows
    if outside:
        shown = ", ".join(f"{name} = {value}" for name, value in example.items())
        raise BadInput(
            f"{outside} of {files.rows} rows lie outside the slice, such as {shown}.",
            field="slice",
            hint="Write only the rows that the slice names, or replace the whole table.",
        )


def _inside(root: Path, name: str) -> Path:
    path = (root / name).resolve()
    if not path.is_relative_to(root) or not path.is_file():
        raise BadInput(f"There is no staged file {name!r} in this attempt's folder.", field="files")
    return path


def _read_schema(path: Path) -> pa.Schema:
    try:
        found = pq.read_schema(path)
    except (pa.ArrowInvalid, OSError) as error:
        raise BadInput(f"The staged file {path.name} is not Parquet.", field="files") from error
    frames.check_names(found.names)
    return pa.schema([pa.field(item.name, frames.normal(item.type, item.name)) for item in found])


def _rows(path: Path) -> int:
    rows: int = pq.read_metadata(path).num_rows
    return rows


def _common(schemas: Sequence[pa.Schema]) -> pa.Schema:
    common = schemas[0]
    for schema in schemas[1:]:
        if set(schema.names) != set(common.names):
            raise BadInput(
                f"Frames with different columns were written: {listed(common.names)}; then "
                f"{listed(schema.names)}.",
                field="frame",
            )
        common = pa.schema(
            [pa.field(item.name, _wider(item, schema.field(item.name))) for item in common]
        )
    return common


def _wider(one: pa.Field, other: pa.Field) -> pa.DataType:
    if frames.widens(one.type, other.type):
        return other.type
    if frames.widens(other.type, one.type):
        return one.type
    raise BadInput(
        f"The column {one.name!r} was written as {one.type} and then as {other.type}.",
        field="frame",
        hint="Give it one type in every frame.",
    )


def without_type(kind: pa.DataType) -> bool:
    """Whether there were only nulls to tell it by, in a part of it at least."""
    if pa.types.is_null(kind):
        return True
    if not pa.types.is_nested(kind):
        return False
    return any(without_type(kind.field(index).type) for index in range(kind.num_fields))

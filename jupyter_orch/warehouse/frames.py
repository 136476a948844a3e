"""Frames as Arrow tables of the types that Iceberg and Trino both have.

A column that cannot be kept exactly is refused by its name; nothing is rounded or cut silently.
"""

import sys
from collections.abc import Iterator
from datetime import date
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc

from jupyter_orch.domain.errors import BadInput

_DECIMAL_DIGITS = 38
_FIELD = "frame"
_EPOCH = date(1970, 1, 1)
#: The calendar's first and last day, as Iceberg counts them.
_DAYS = ((date.min - _EPOCH).days, (date.max - _EPOCH).days)
_MICROSECONDS = (_DAYS[0] * 86_400_000_000, (_DAYS[1] + 1) * 86_400_000_000 - 1)


def tables(frame: Any) -> Iterator[pa.Table]:
    """The frame's rows as Arrow tables with `normal` types.

    Takes a pandas DataFrame, an Arrow table, batch or reader, or anything that speaks Arrow's
    C stream interface (Polars, DuckDB). A pandas index is dropped, unless all of its levels have
    names: then they become columns.

    Raises:
        BadInput: A column's type or name has no place in a table (field `frame`).
    """
    pandas = sys.modules.get("pandas")
    if pandas is not None and isinstance(frame, pandas.DataFrame):
        yield normalise(_from_pandas(frame))
    elif isinstance(frame, pa.RecordBatch):
        yield normalise(pa.Table.from_batches([frame]))
    elif isinstance(frame, pa.Table):
        yield normalise(frame)
    elif isinstance(frame, pa.RecordBatchReader):
        yield normalise(frame.schema.empty_table())
        for batch in frame:
            yield normalise(pa.Table.from_batches([batch]))
    elif hasattr(frame, "__arrow_c_stream__"):
        yield from tables(pa.RecordBatchReader.from_stream(frame))
    else:
        raise BadInput(
            f"A {type(frame).__name__} cannot be written to a table.",
            field=_FIELD,
            hint="Give a pandas DataFrame, a Polars frame, or an Arrow table or batch.",
        )


def normalise(table: pa.Table) -> pa.Table:
    """The same rows with `normal` types."""
    check_names(table.schema.names)
    columns = []
    fields = []
    for field, column in zip(table.schema, table.columns, strict=True):
        kind = normal(field.type, field.name)
        converted = convert(column, kind, field.name)
        _check_calendar(converted, field.name)
        columns.append(converted)
        fields.append(pa.field(field.name, kind))
    return pa.table(columns, schema=pa.schema(fields))


def _check_calendar(column: Any, name: str) -> None:
    """Refuses days that Python, and so Trino's client, cannot say."""
    if not (pa.types.is_date(column.type) or pa.types.is_timestamp(column.type)):
        return
    bounds = pc.min_max(column.cast(pa.int32() if pa.types.is_date(column.type) else pa.int64()))
    least, most = bounds["min"].as_py(), bounds["max"].as_py()
    first, last = _DAYS if pa.types.is_date(column.type) else _MICROSECONDS
    if least is not None and not first <= least <= most <= last:
        raise BadInput(
            f"The column {name!r} of type {column.type} has days outside of the years 1 to 9999.",
            field=_FIELD,
            hint="Write them as missing values, or as text.",
        )


def check_names(names: list[Any]) -> None:
    """Refuses names that are empty, or equal but for their case (SQL cannot tell them apart)."""
    if not names:
        raise BadInput("The frame has no columns.", field=_FIELD)
    seen: dict[str, str] = {}
    for name in names:
        if not isinstance(name, str) or not name.strip():
            raise BadInput(
                f"The column name {name!r} is not text.",
                field=_FIELD,
                hint="Rename the columns: frame.rename(columns=str).",
            )
        if name.lower() in seen:
            raise BadInput(
                f"The columns {seen[name.lower()]!r} and {name!r} have the same name for SQL.",
                field=_FIELD,
                hint="Rename one of them.",
            )
        seen[name.lower()] = name


def convert(column: Any, kind: pa.DataType, name: str) -> Any:
    """The column as `kind`, exactly.

    Raises:
        BadInput: A value does not fit, such as nanoseconds in a column of microseconds.
    """
    if pa.types.is_dictionary(column.type):
        column = column.cast(column.type.value_type)
    if column.type == kind:
        return column
    try:
        return column.cast(kind)
    except (pa.ArrowInvalid, pa.ArrowNotImplementedError) as error:
        raise BadInput(
            f"The column {name!r} ({column.type}) does not fit into {kind}: {_line(error)}.",
            field=_FIELD,
            hint=f"Round it first: frame[{name!r}].dt.floor('us')."
            if pa.types.is_timestamp(kind)
            else f"Convert the column {name!r} before writing it.",
        ) from error


def normal(kind: pa.DataType, name: str) -> pa.DataType:  # noqa: C901, PLR0911, PLR0912
    """The type that stands for `kind` in an Iceberg table.

    Raises:
        BadInput: There is none (field `frame`, the column is named).
    """
    types = pa.types
    if types.is_dictionary(kind):
        return normal(kind.value_type, name)
    if types.is_null(kind) or types.is_boolean(kind) or types.is_date32(kind):
        return kind
    if types.is_integer(kind):
        small = kind.bit_width < 32 or kind == pa.int32()  # noqa: PLR2004
        return pa.int32() if small else pa.int64()
    if types.is_floating(kind):
        return pa.float64() if kind == pa.float64() else pa.float32()
    if types.is_string(kind) or types.is_large_string(kind) or types.is_string_view(kind):
        return pa.string()
    if types.is_binary(kind) or types.is_large_binary(kind) or types.is_binary_view(kind):
        return pa.binary()
    if types.is_fixed_size_binary(kind):
        return kind
    if types.is_date64(kind):
        return pa.date32()
    if types.is_timestamp(kind):
        return pa.timestamp("us", tz="UTC" if kind.tz else None)
    if types.is_time(kind):
        return pa.time64("us")
    if types.is_decimal(kind) and kind.precision <= _DECIMAL_DIGITS and kind.scale >= 0:
        return pa.decimal128(kind.precision, kind.scale)
    if types.is_map(kind):
        return pa.map_(normal(kind.key_type, name), normal(kind.item_type, name))
    if types.is_struct(kind):
        return pa.struct(
            [pa.field(field.name, normal(field.type, f"{name}.{field.name}")) for field in kind]
        )
    if types.is_list(kind) or types.is_large_list(kind) or types.is_fixed_size_list(kind):
        return pa.list_(normal(kind.value_type, name))
    raise BadInput(
        f"The column {name!r} has the type {kind}, which tables do not have.",
        field=_FIELD,
        hint="Store a duration as seconds: frame[name].dt.total_seconds()."
        if types.is_duration(kind)
        else "Convert it to text or numbers first.",
    )


def widens(kind: pa.DataType, wanted: pa.DataType) -> bool:  # noqa: PLR0911
    """Whether every value of `kind` has its place in `wanted`; both are `normal`."""
    if kind == wanted or pa.types.is_null(kind):
        return True
    if pa.types.is_integer(kind):
        return bool(wanted == pa.int64() or wanted == pa.float64())
    if kind == pa.float32():
        return bool(wanted == pa.float64())
    if pa.types.is_decimal(kind) and pa.types.is_decimal(wanted):
        whole, wanted_whole = kind.precision - kind.scale, wanted.precision - wanted.scale
        return bool(kind.scale <= wanted.scale and whole <= wanted_whole)
    if pa.types.is_list(kind) and pa.types.is_list(wanted):
        return widens(kind.value_type, wanted.value_type)
    if pa.types.is_map(kind) and pa.types.is_map(wanted):
        return kind.key_type == wanted.key_type and widens(kind.item_type, wanted.item_type)
    if pa.types.is_struct(kind) and pa.types.is_struct(wanted):
        return [field.name for field in kind] == [field.name for field in wanted] and all(
            widens(one.type, other.type) for one, other in zip(kind, wanted, strict=True)
        )
    return False


def promotes(kind: pa.DataType, wanted: pa.DataType) -> bool:
    """Whether a column can become `wanted` while its files stay as they are."""
    if pa.types.is_decimal(kind) and pa.types.is_decimal(wanted):
        return bool(wanted.scale == kind.scale and wanted.precision > kind.precision)
    return (kind, wanted) in ((pa.int32(), pa.int64()), (pa.float32(), pa.float64()))


def _from_pandas(frame: Any) -> pa.Table:
    if all(name is not None for name in frame.index.names):
        frame = frame.reset_index()
    check_names(list(frame.columns))
    try:
        return pa.Table.from_pandas(frame, preserve_index=False).replace_schema_metadata()
    except (pa.ArrowException, ValueError, TypeError, OverflowError) as error:
        raise BadInput(
            f"The frame cannot be written: {_line(error)}.",
            field=_FIELD,
            hint="A column needs values of one type.",
        ) from error


def _line(error: Exception) -> str:
    texts = [str(part).splitlines()[0] for part in error.args if str(part)]
    return ": ".join(reversed(texts)).rstrip(".") or type(error).__name__

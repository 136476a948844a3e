"""How a table's data files are laid out: its partitions and the order of rows, as people write it.

Transforms are written as Trino shows them, `day(ts)` or `bucket(id, 16)`; Spark's order of the
two, `bucket(16, id)`, means the same.
"""

import re
from collections.abc import Callable, Iterable, Sequence
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc
from pyiceberg.partitioning import PartitionField, PartitionSpec
from pyiceberg.schema import Schema
from pyiceberg.table.sorting import NullOrder, SortDirection, SortField, SortOrder
from pyiceberg.transforms import (
    BucketTransform,
    DayTransform,
    HourTransform,
    IdentityTransform,
    MonthTransform,
    Transform,
    TruncateTransform,
    VoidTransform,
    YearTransform,
)
from pyiceberg.types import NestedField

from jupyter_orch.domain.errors import BadInput, listed
from jupyter_orch.warehouse.slices import Slice

#: More partitions than this in one output make more files than any engine likes to plan.
MOST_PARTITIONS = 10_000
_FIRST_PARTITION_FIELD = 1000
_MAX_NUMBER = (1 << 31) - 1

_PARTITION_BY = "partition_by"
_SORT_BY = "sort_by"
_TIMES: dict[str, Callable[[], Transform[Any, Any]]] = {
    "year": YearTransform,
    "month": MonthTransform,
    "day": DayTransform,
    "hour": HourTransform,
}
#: The transform, and what the partition's name ends with, as Trino names it.
_SIZED: dict[str, tuple[Callable[[int], Transform[Any, Any]], str]] = {
    "bucket": (BucketTransform, "bucket"),
    "truncate": (TruncateTransform, "trunc"),
}
_NAME = r'(?:"(?:[^"]|"")+"|[^\s(),"]+)'
_CALL = re.compile(rf"([a-z]+)\s*\(\s*({_NAME})\s*(?:,\s*({_NAME})\s*)?\)", re.IGNORECASE)
_ORDER = re.compile(rf"({_NAME})(?:\s+(asc|desc))?(?:\s+nulls\s+(first|last))?\s*", re.IGNORECASE)


def partitions(wanted: Sequence[str] | None, part: Slice, schema: Schema) -> PartitionSpec:
    """The partitions of a new table: as wanted, else by the slice's columns.

    Raises:
        BadInput: A text cannot be read, a column cannot be used so, or the slice is left out
            (field `partition_by`).
    """
    sliced = part.partitions()
    texts = [_quoted(name) for name in sliced] if wanted is None else wanted
    fields: list[PartitionField] = []
    for text in texts:
        field = _partition(text, schema, _FIRST_PARTITION_FIELD + len(fields))
        if any(field.name == other.name for other in fields):
            raise BadInput(f"{_shown(text)} comes twice.", field=_PARTITION_BY)
        fields.append(field)
    sources = {schema.find_column_name(field.source_id) for field in fields}
    left_out = [name for name in sliced if name not in sources]
    if fields and left_out:
        raise BadInput(
            f"The slice replaces rows by {left_out[0]!r}, which partition_by leaves out: "
            "each run would write files of other slices anew.",
            field=_PARTITION_BY,
            hint=f"Add {left_out[0]!r} or a transform of it to partition_by, "
            "or leave partition_by away: then the slice's columns partition the table.",
        )
    return PartitionSpec(*fields)


def order(wanted: Sequence[str], schema: Schema) -> SortOrder:
    """The order of the rows within a file.

    Raises:
        BadInput: A text cannot be read, or a column has no order (field `sort_by`).
    """
    fields: list[SortField] = []
    for text in wanted:
        found = _ORDER.fullmatch(text.strip()) if isinstance(text, str) else None
        if found is None:
            raise BadInput(
                f"{_shown(text)} is not an order.",
                field=_SORT_BY,
                hint='Write a column, such as "ts", "ts DESC" or "ts DESC NULLS FIRST".',
            )
        name, way, nulls = found.groups()
        column = _column(name, schema, _SORT_BY)
        if not column.field_type.is_primitive:
            raise BadInput(
                f"{column.name!r} of type {column.field_type} has no order.", field=_SORT_BY
            )
        if any(field.source_id == column.field_id for field in fields):
            raise BadInput(f"{column.name!r} comes twice.", field=_SORT_BY)
        down = (way or "").lower() == "desc"
        last = nulls.lower() == "last" if nulls else down
        fields.append(
            SortField(
                source_id=column.field_id,
                transform=IdentityTransform(),
                direction=SortDirection.DESC if down else SortDirection.ASC,
                null_order=NullOrder.NULLS_LAST if last else NullOrder.NULLS_FIRST,
            )
        )
    return SortOrder(*fields) if fields else SortOrder(order_id=0)


def check_same(
    partition_by: Sequence[str] | None,
    sort_by: Sequence[str],
    *,
    schema: Schema,
    spec: PartitionSpec,
    sorted_by: SortOrder,
    table: str,
) -> None:
    """Refuses another layout than the table has: it is given when the table is made.

    Raises:
        BadInput: Field `partition_by` or `sort_by`, with both of them.
    """
    if partition_by is not None:
        wanted = partitions(partition_by, Slice({}, {}), schema)
        if _kinds(wanted) != _kinds(spec):
            raise BadInput(
                f"{table} is partitioned by {_spec_text(spec, schema)}, "
                f"not by {_spec_text(wanted, schema)}.",
                field=_PARTITION_BY,
                hint="partition_by is for a table that is made; leave it away, or write "
                "to a new table.",
            )
    if sort_by and not sorted_by.is_unsorted:
        order_wanted = order(sort_by, schema)
        if order_wanted.fields != sorted_by.fields:
            raise BadInput(
                f"The files of {table} are sorted by {_order_text(sorted_by, schema)}, "
                f"not by {_order_text(order_wanted, schema)}.",
                field=_SORT_BY,
                hint="Leave sort_by away: rows are sorted as the table says.",
            )


def check_count(pieces: Iterable[pa.Table], spec: PartitionSpec, schema: Schema) -> None:
    """Refuses rows that lie in more partitions than a table should get at once.

    Args:
        pieces: The rows, at least with the columns of `sources`.
        spec: How they are partitioned.
        schema: The table's columns.

    Raises:
        BadInput: Field `partition_by`.
    """
    seen: set[tuple[Any, ...]] = set()
    for piece in pieces:
        columns = [
            field.transform.pyarrow_transform(schema.find_type(field.source_id))(
                piece.column(schema.find_column_name(field.source_id))
            )
            for field in spec.fields
        ]
        names = [str(index) for index in range(len(columns))]
        found = pa.table(columns, names=names).group_by(names).aggregate([])
        if found.num_rows <= MOST_PARTITIONS:
            seen.update(zip(*(found.column(name).to_pylist() for name in names), strict=True))
        if max(found.num_rows, len(seen)) > MOST_PARTITIONS:
            raise BadInput(
                f"The rows lie in more than {MOST_PARTITIONS:,} partitions by "
                f"{_spec_text(spec, schema)}, each of which gets a file.",
                field=_PARTITION_BY,
                hint="Use a coarser transform, such as month(ts) or bucket(id, 16).",
            )


def sources(spec: PartitionSpec, schema: Schema) -> tuple[str, ...]:
    """The columns that decide about a row's partition."""
    found = (schema.find_column_name(field.source_id) for field in spec.fields)
    return tuple(dict.fromkeys(name for name in found if name is not None))


def sort(rows: pa.Table, wanted: SortOrder, schema: Schema) -> pa.Table:
    """The rows in that order; without one, as they are."""
    keys: list[Any] = []
    ways: list[tuple[str, str]] = []
    for field in wanted.fields:
        name = schema.find_column_name(field.source_id)
        if name not in rows.column_names or not isinstance(field.transform, IdentityTransform):
            break  # what another engine's order says further on is beyond us
        column = rows.column(name)
        last = field.null_order == NullOrder.NULLS_LAST
        down = field.direction == SortDirection.DESC
        ways.append((str(len(keys)), "ascending" if last else "descending"))
        keys.append(pc.is_null(column))
        ways.append((str(len(keys)), "descending" if down else "ascending"))
        keys.append(column)
    if not keys:
        return rows
    named = pa.table(keys, names=[str(index) for index in range(len(keys))])
    return rows.take(pc.sort_indices(named, sort_keys=ways))


def _partition(text: object, schema: Schema, number: int) -> PartitionField:
    called = _CALL.fullmatch(text.strip()) if isinstance(text, str) else None
    if called is None:
        if not isinstance(text, str) or re.fullmatch(_NAME, text.strip()) is None:
            raise _no_partition(text)
        column = _column(text.strip(), schema, _PARTITION_BY)
        transform: Transform[Any, Any] = IdentityTransform()
        name = column.name
    else:
        word, first, second = called.group(1).lower(), called.group(2), called.group(3)
        if word in _TIMES and second is None:
            column = _column(first, schema, _PARTITION_BY)
            transform = _TIMES[word]()
            name = f"{column.name}_{word}"
        elif word in _SIZED and second is not None:
            source, size = (second, first) if first.isdigit() else (first, second)
            if not size.isdigit() or not 0 < int(size) <= _MAX_NUMBER:
                raise _no_partition(text)
            make, ending = _SIZED[word]
            column = _column(source, schema, _PARTITION_BY)
            transform = make(int(size))
            name = f"{column.name}_{ending}"
        else:
            raise _no_partition(text)
    if not column.field_type.is_primitive or not transform.can_transform(column.field_type):
        raise BadInput(
            f"{_shown(text)} does not fit: {column.name!r} is a column of type "
            f"{column.field_type}.",
            field=_PARTITION_BY,
        )
    if name != column.name and name in schema.column_names:
        raise BadInput(
            f"The partition of {_shown(text)} would be named {name!r}, as a column is.",
            field=_PARTITION_BY,
            hint="Rename that column.",
        )
    return PartitionField(
        source_id=column.field_id, field_id=number, transform=transform, name=name
    )


def _no_partition(text: object) -> BadInput:
    return BadInput(
        f"{_shown(text)} is not a partition.",
        field=_PARTITION_BY,
        hint="Write a column, or year(ts), month(ts), day(ts), hour(ts), bucket(id, 16) or "
        "truncate(name, 4).",
    )


def _column(text: str, schema: Schema, field: str) -> NestedField:
    name = text[1:-1].replace('""', '"') if text.startswith('"') else text
    for column in schema.fields:
        if column.name == name:
            return column
    raise BadInput(
        f"{field} names {name!r}, which is not a column.",
        field=field,
        hint=f"The columns are {listed(column.name for column in schema.fields)}.",
    )


def _kinds(spec: PartitionSpec) -> set[tuple[int, str]]:
    return {
        (field.source_id, str(field.transform))
        for field in spec.fields
        if not isinstance(field.transform, VoidTransform)
    }


def _spec_text(spec: PartitionSpec, schema: Schema) -> str:
    texts = []
    for field in spec.fields:
        name = schema.find_column_name(field.source_id) or "?"
        transform = field.transform
        if isinstance(transform, BucketTransform):
            texts.append(f"bucket({name}, {transform.num_buckets})")
        elif isinstance(transform, TruncateTransform):
            texts.append(f"truncate({name}, {transform.width})")
        elif isinstance(transform, IdentityTransform):
            texts.append(name)
        elif not isinstance(transform, VoidTransform):
            texts.append(f"{transform}({name})")
    return ", ".join(texts) or "nothing"


def _order_text(wanted: SortOrder, schema: Schema) -> str:
    texts = []
    for field in wanted.fields:
        down = field.direction == SortDirection.DESC
        nulls = "LAST" if field.null_order == NullOrder.NULLS_LAST else "FIRST"
        way = f"{'DESC' if down else 'ASC'} NULLS {nulls}"
        texts.append(f"{schema.find_column_name(field.source_id)} {way}")
    return ", ".join(texts)


def _quoted(name: str) -> str:
    return '"' + name.replace('"', '""') + '"'


def _shown(text: object) -> str:
    shown = repr(text)
    return shown if len(shown) <= 100 else shown[:97] + "…'"  # noqa: PLR2004

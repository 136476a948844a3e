"""Rows of a query as Arrow tables, with the types that the query has."""

from collections.abc import Iterator, Sequence
from typing import Any

import pyarrow as pa

from jupyter_orch.domain.errors import BadInput
from jupyter_orch.warehouse import frames

_BATCH_ROWS = 50_000
_PLAIN = {
    "boolean": pa.bool_(),
    "tinyint": pa.int32(),
    "smallint": pa.int32(),
    "integer": pa.int32(),
    "bigint": pa.int64(),
    "real": pa.float32(),
    "double": pa.float64(),
    "varchar": pa.string(),
    "char": pa.string(),
    "json": pa.string(),
    "uuid": pa.string(),
    "ipaddress": pa.string(),
    "varbinary": pa.binary(),
    "date": pa.date32(),
    "time": pa.time64("us"),
    "timestamp": pa.timestamp("us"),
    "timestamp with time zone": pa.timestamp("us", tz="UTC"),
    "unknown": pa.null(),
}


def tables(
    connection: Any, statement: str, parameters: Sequence[Any] | None = None
) -> Iterator[pa.Table]:
    """Runs the query; the first table may be empty and tells the columns.

    Raises:
        BadInput: A column's type has no place in a table, or the statement gives no rows.
    """
    cursor = connection.cursor()
    try:
        cursor.execute(statement, list(parameters) if parameters is not None else None)
        rows = cursor.fetchmany(_BATCH_ROWS)
        described = cursor.description or []
        names = [column[0] for column in described]
        frames.check_names(names)
        kinds = [arrow_type(str(column[1]), column[0]) for column in described]
        schema = pa.schema(list(zip(names, kinds, strict=True)))
        yield schema.empty_table()
        while rows:
            columns = list(zip(*rows, strict=True))
            yield pa.table(
                [
                    pa.array([_value(cell, kind) for cell in column], kind)
                    for column, kind in zip(columns, kinds, strict=True)
                ],
                schema=schema,
            )
            rows = cursor.fetchmany(_BATCH_ROWS)
    finally:
        cursor.close()


def arrow_type(text: str, name: str) -> pa.DataType:
    """The Arrow type of a Trino type such as `array(decimal(12,2))`.

    Raises:
        BadInput: Tables have no such type (the column is named).
    """
    head, inner, tail = _parts(text)
    plain = f"{head} {tail}".strip()
    if plain in _PLAIN:
        return _PLAIN[plain]
    if head == "decimal":
        precision, scale = (int(part) for part in inner)
        return pa.decimal128(precision, scale)
    if head == "array":
        return pa.list_(arrow_type(inner[0], name))
    if head == "map":
        return pa.map_(arrow_type(inner[0], name), arrow_type(inner[1], name))
    if head == "row":
        return pa.struct([_field(part, index, name) for index, part in enumerate(inner)])
    raise BadInput(
        f"The column {name!r} has the type {text}, which tables do not have.",
        field="frame",
        hint=f'Cast it in the query: CAST("{name}" AS varchar).',
    )


def _field(text: str, index: int, name: str) -> pa.Field:
    try:
        return pa.field(f"field{index}", arrow_type(text, name))  # a field without a name
    except BadInput:
        quoted, _, kind = text[1:].partition('" ') if text[0] == '"' else text.partition(" ")
        return pa.field(quoted, arrow_type(kind, f"{name}.{quoted}"))


def _parts(text: str) -> tuple[str, list[str], str]:
    """`head(a, b) tail`, split at the commas of the outermost brackets."""
    text = text.strip()
    start = text.find("(")
    if start < 0:
        return text, [], ""
    depth = 0
    inner = [""]
    for position in range(start, len(text)):
        letter = text[position]
        depth += (letter == "(") - (letter == ")")
        if depth == 0:
            return (
                text[:start].strip(),
                [part.strip() for part in inner],
                text[position + 1 :].strip(),
            )
        if depth == 1 and letter == ",":
            inner.append("")
        elif position > start:
            inner[-1] += letter
    return text, [], ""


def _value(cell: Any, kind: pa.DataType) -> Any:
    if cell is None:
        return None
    if pa.types.is_struct(kind):
        return {
            field.name: _value(item, field.type) for field, item in zip(kind, cell, strict=True)
        }
    if pa.types.is_map(kind):
        return [
            (_value(key, kind.key_type), _value(item, kind.item_type)) for key, item in cell.items()
        ]
    if pa.types.is_list(kind):
        return [_value(item, kind.value_type) for item in cell]
    return str(cell) if pa.types.is_string(kind) else cell

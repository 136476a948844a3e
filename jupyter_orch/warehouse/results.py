"""Values and types of a query's columns as Arrow has them."""

from collections.abc import Sequence
from typing import Any

import pyarrow as pa

from jupyter_orch.domain.errors import BadInput

#: Whose values the client gives as objects of their own.
_AS_TEXT = ("uuid", "ipaddress")
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


def known_type(text: str) -> pa.DataType | None:
    """The Arrow type of a Trino type, None where there is none."""
    try:
        return arrow_type(text, "")
    except BadInput:
        return None


def column(cells: Sequence[Any], text: str, kind: pa.DataType | None) -> pa.Array | list[Any]:
    """The client's values of one column of that type; a list where Arrow has none."""
    if kind is None:
        return list(cells)
    if pa.types.is_nested(kind) or text in _AS_TEXT:
        return pa.array([_value(cell, kind) for cell in cells], kind)
    return pa.array(cells, kind)


def arrow_type(text: str, name: str) -> pa.DataType:
    """The Arrow type of a Trino type such as `array(decimal(12,2))`.

    Raises:
        BadInput: Tables have no such type (the column is named).
    """
    head, inner, tail = parts(text)
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


def parts(text: str) -> tuple[str, list[str], str]:
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

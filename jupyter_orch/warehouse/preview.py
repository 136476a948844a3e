"""Rows as JSON values, and types as Trino names them."""

import base64
import math
from collections.abc import Mapping
from datetime import date, datetime, time
from decimal import Decimal
from typing import Any
from uuid import UUID

from pyiceberg.table import Table
from pyiceberg.types import (
    DecimalType,
    FixedType,
    IcebergType,
    ListType,
    MapType,
    StructType,
)

_NAMES = {
    "long": "bigint",
    "int": "integer",
    "float": "real",
    "string": "varchar",
    "binary": "varbinary",
    "time": "time(6)",
    "timestamp": "timestamp(6)",
    "timestamptz": "timestamp(6) with time zone",
}


def rows(table: Table, *, version: int | None, limit: int) -> Mapping[str, Any]:
    """`{"columns": [{"name", "type"}], "rows": [[…]]}` of a version's first rows."""
    scan = table.scan(snapshot_id=version, limit=limit)
    columns = [
        {"name": field.name, "type": type_name(field.field_type)}
        for field in scan.projection().fields
    ]
    if not limit:
        return {"columns": columns, "rows": []}
    found = scan.to_arrow().to_pylist(maps_as_pydicts=None)
    return {
        "columns": columns,
        "rows": [[json_value(row[c["name"]]) for c in columns] for row in found],
    }


def type_name(kind: IcebergType) -> str:
    """The type as Trino shows it."""
    if isinstance(kind, DecimalType):
        return f"decimal({kind.precision},{kind.scale})"
    if isinstance(kind, FixedType):
        return "varbinary"
    if isinstance(kind, ListType):
        return f"array({type_name(kind.element_type)})"
    if isinstance(kind, MapType):
        return f"map({type_name(kind.key_type)}, {type_name(kind.value_type)})"
    if isinstance(kind, StructType):
        fields = ", ".join(f"{field.name} {type_name(field.field_type)}" for field in kind.fields)
        return f"row({fields})"
    return _NAMES.get(str(kind), str(kind))


def json_value(value: Any) -> Any:  # noqa: PLR0911
    """A value as JSON has it: exact numbers and times as text, bytes in base 64."""
    if isinstance(value, float) and not math.isfinite(value):
        return str(value)
    if isinstance(value, Decimal | UUID):
        return str(value)
    if isinstance(value, datetime):
        return value.isoformat().replace("+00:00", "Z")
    if isinstance(value, date | time):
        return value.isoformat()
    if isinstance(value, bytes):
        return base64.b64encode(value).decode()
    if isinstance(value, list | tuple):
        return [json_value(item) for item in value]
    if isinstance(value, dict):
        return {str(key): json_value(item) for key, item in value.items()}
    return value

"""Types on the wire: what DuckDB answers with, told as Trino's type signatures and JSON values."""

import base64
from collections.abc import Callable
from datetime import UTC, timedelta
from typing import Any

Signature = dict[str, Any]
Encode = Callable[[Any], Any]

_MAX_VARCHAR = 2147483647
_PLAIN = {
    "boolean": "boolean",
    "tinyint": "tinyint",
    "smallint": "smallint",
    "integer": "integer",
    "bigint": "bigint",
    "float": "real",
    "double": "double",
    "date": "date",
    "blob": "varbinary",
    "uuid": "uuid",
    "interval": "interval day to second",
    "null": "unknown",
    # DuckDB's unsigned integers come only from its own functions; the next wider type holds them.
    "utinyint": "smallint",
    "usmallint": "integer",
    "uinteger": "bigint",
}
_MICROSECONDS = {
    "time": "time",
    "timestamp": "timestamp",
    "timestamp_s": "timestamp",
    "timestamp_ms": "timestamp",
    "timestamp_ns": "timestamp",
    "timestamp with time zone": "timestamp with time zone",
}


def signature(duck: Any) -> Signature:
    """The type signature of a DuckDB type."""
    kind = duck.id
    if str(duck).upper() == "JSON":
        return {"rawType": "json", "arguments": []}
    if kind in _PLAIN:
        return {"rawType": _PLAIN[kind], "arguments": []}
    if kind in _MICROSECONDS:
        return {"rawType": _MICROSECONDS[kind], "arguments": [_long(6)]}
    if kind in ("hugeint", "ubigint", "uhugeint", "bignum"):
        return {"rawType": "decimal", "arguments": [_long(38), _long(0)]}
    if kind in ("decimal", "list", "array", "map", "struct", "tuple"):
        return _composed(kind, list(duck.children))
    return {"rawType": "varchar", "arguments": [_long(_MAX_VARCHAR)]}


def _composed(kind: str, children: list[tuple[str, Any]]) -> Signature:
    if kind == "decimal":
        return {"rawType": "decimal", "arguments": [_long(value) for _, value in children]}
    if kind in ("list", "array"):
        return {"rawType": "array", "arguments": [_type(dict(children)["child"])]}
    if kind == "map":
        both = dict(children)
        return {"rawType": "map", "arguments": [_type(both["key"]), _type(both["value"])]}
    named = kind == "struct"
    fields = [_field(name if named else None, child) for name, child in children]
    return {"rawType": "row", "arguments": fields}


def _long(value: int) -> dict[str, Any]:
    return {"kind": "LONG", "value": value}


def _type(duck: Any) -> dict[str, Any]:
    return {"kind": "TYPE", "value": signature(duck)}


def _field(name: str | None, duck: Any) -> dict[str, Any]:
    value: dict[str, Any] = {"typeSignature": signature(duck)}
    if name:
        value["fieldName"] = {"name": name}
    return {"kind": "NAMED_TYPE", "value": value}


def display(of: Signature) -> str:
    """The type as Trino writes it, such as `array(decimal(10, 2))`."""
    raw, arguments = of["rawType"], of["arguments"]
    if str(raw).startswith("interval"):
        return str(raw).upper()  # as Trino writes it, though its signature is in lower case
    if raw == "varchar" or not arguments:
        return str(raw)
    if raw == "row":
        return "row(" + ", ".join(_display_field(item["value"]) for item in arguments) + ")"
    inner = ", ".join(
        str(item["value"]) if item["kind"] == "LONG" else display(item["value"])
        for item in arguments
    )
    head, middle, tail = str(raw).partition(" with")
    return f"{head}({inner}){middle}{tail}"


def _display_field(field: dict[str, Any]) -> str:
    kind = display(field["typeSignature"])
    return f'"{field["fieldName"]["name"]}" {kind}' if _quoted(field) else _bare(field, kind)


def _quoted(field: dict[str, Any]) -> bool:
    name = field.get("fieldName", {}).get("name")
    return name is not None and not name.replace("_", "a").isalnum()


def _bare(field: dict[str, Any], kind: str) -> str:
    return f"{field['fieldName']['name']} {kind}" if "fieldName" in field else kind


def encoder(of: Signature) -> Encode | None:
    """Makes JSON of a value that DuckDB answered; None where the value is JSON already."""
    raw, arguments = of["rawType"], of["arguments"]
    if raw == "array":
        return _array(encoder(arguments[0]["value"]))
    if raw == "map":
        return _map(encoder(arguments[0]["value"]), encoder(arguments[1]["value"]))
    if raw == "row":
        return _row([encoder(item["value"]["typeSignature"]) for item in arguments])
    return _SCALARS.get(raw)


def _array(item: Encode | None) -> Encode:
    return lambda values: [_apply(item, value) for value in values]


def _map(key: Encode | None, value: Encode | None) -> Encode:
    def encode(entries: Any) -> dict[str, Any]:
        return {_key(_apply(key, k)): _apply(value, v) for k, v in entries.items()}

    return encode


def _key(value: Any) -> str:
    return str(value).lower() if isinstance(value, bool) else str(value)


def _row(fields: list[Encode | None]) -> Encode:
    def encode(values: Any) -> list[Any]:
        items = values.values() if isinstance(values, dict) else values
        return [_apply(field, item) for field, item in zip(fields, items, strict=True)]

    return encode


def _apply(encode: Encode | None, value: Any) -> Any:
    return value if encode is None or value is None else encode(value)


def _double(value: float) -> float | str:
    if value != value:  # noqa: PLR0124 - only NaN is unlike itself
        return "NaN"
    if value in (float("inf"), float("-inf")):
        return "Infinity" if value > 0 else "-Infinity"
    return value


def _real(value: float) -> float | str:
    import numpy as np

    shortest = _double(value)
    return float(str(np.float32(value))) if isinstance(shortest, float) else shortest


def _interval(value: timedelta) -> str:
    millis = round(value.total_seconds() * 1000)
    sign, millis = ("-", -millis) if millis < 0 else ("", millis)
    seconds, millis = divmod(millis, 1000)
    minutes, seconds = divmod(seconds, 60)
    hours, minutes = divmod(minutes, 60)
    days, hours = divmod(hours, 24)
    return f"{sign}{days} {hours:02d}:{minutes:02d}:{seconds:02d}.{millis:03d}"


def _timestamp(value: Any) -> str:
    return f"{value.date().isoformat()} {value.time().isoformat('microseconds')}"


_SCALARS: dict[str, Encode] = {
    "decimal": lambda value: format(value, "f") if not isinstance(value, int) else str(value),
    "double": _double,
    "real": _real,
    "varbinary": lambda value: base64.b64encode(value).decode(),
    "date": lambda value: value.isoformat(),
    "time": lambda value: value.isoformat("microseconds"),
    "timestamp": _timestamp,
    "timestamp with time zone": lambda value: f"{_timestamp(value.astimezone(UTC))} UTC",
    "interval day to second": _interval,
    "uuid": str,
    "varchar": str,
    "json": str,
}

"""Trino's casts: rounding, strict numbers in text, doubles and timestamps as text."""

from collections.abc import Callable

from sqlglot import exp

from jupyter_orch.warehouse.translate.build import Node, call, cast, copied, done, number, text
from jupyter_orch.warehouse.translate.errors import SqlError, unsupported
from jupyter_orch.warehouse.translate.kinds import (
    decimal,
    is_decimal,
    is_float,
    is_number,
    trino_name,
)

_INTEGERS = (exp.DType.TINYINT, exp.DType.SMALLINT, exp.DType.INT, exp.DType.BIGINT)
_TEXTS = (exp.DType.VARCHAR, exp.DType.TEXT, exp.DType.CHAR)
_FORMATS = {
    "TIMESTAMP": "%Y-%m-%d %H:%M:%S.%f",
    "TIMESTAMP WITH TIME ZONE": "%Y-%m-%d %H:%M:%S.%f UTC",
}
_SPELLED: dict[str, Callable[[Node], Node]] = {
    "DOUBLE": lambda value: call("trino_double_text", value),
    "JSON": lambda value: call("trino_json_scalar", value, text("$")),
}
_INSTANTS = (exp.DType.DATE, exp.DType.TIMESTAMP, exp.DType.TIMESTAMPTZ, exp.DType.TIME)


def rewrite(node: exp.Cast, types: list[str | None]) -> Node | None:
    """The cast as Trino does it; None where DuckDB does the same.

    Raises:
        SqlError: TYPE_MISMATCH, or NOT_SUPPORTED.
    """
    source, target = types[0] or "", node.to
    made: Node | None = None
    if target.this in _INTEGERS:
        made = _to_integer(node, source)
    elif target.this in _TEXTS:
        made = _to_text(node, source)
    elif target.this in _INSTANTS and is_number(source):
        raise SqlError(
            "TYPE_MISMATCH", f"Cannot cast {trino_name(source)} to {target.sql().lower()}"
        )
    elif target.this == exp.DType.JSON and source == "VARCHAR":
        made = call("to_json", node.this)
    elif target.this == exp.DType.DATE and source == "TIMESTAMP WITH TIME ZONE":
        return None
    if made is not None and isinstance(node, exp.TryCast):
        return exp.Try(this=made)
    return made


def _to_integer(node: exp.Cast, source: str) -> Node | None:
    if is_float(source):
        return _recast(node, call("trino_round_int", node.this))
    if source == "VARCHAR":
        return _recast(node, call("trino_text_int", node.this))
    if source in ("DATE", "TIMESTAMP", "TIMESTAMP WITH TIME ZONE"):
        raise SqlError(
            "TYPE_MISMATCH", f"Cannot cast {trino_name(source)} to {node.to.sql().lower()}"
        )
    return None


def _to_text(node: exp.Cast, source: str) -> Node | None:
    if node.to.this == exp.DType.CHAR:
        raise unsupported("The type char")
    length = node.to.expressions[0].name if node.to.expressions else None
    value = _text_of(node.this, source)
    if value is None and length is not None:
        value = cast(node.this, "VARCHAR")
    if value is None or length is None:
        return value
    return call("left", value, number(int(length)))


def _text_of(value: Node, source: str) -> Node | None:
    if source in _FORMATS:
        if isinstance(value, exp.Cast):
            literal = value.this
            if isinstance(literal, exp.Literal) and (source == "TIMESTAMP" or _in_utc(literal)):
                return literal.copy()  # columns have six digits of a second, a literal its own
        return call("strftime", value, text(_FORMATS[source]))
    if source == "TIME":
        midnight = exp.Add(this=cast(text("1970-01-01"), "DATE"), expression=copied(value))
        return call("strftime", done(midnight), text("%H:%M:%S.%f"))
    if source in _SPELLED:
        return _SPELLED[source](value)
    if source == "FLOAT":
        raise unsupported("A cast of real to varchar")
    if is_decimal(source):
        precision, scale = decimal(source)  # DuckDB writes .1 when no digit stands before the point
        wide = f"DECIMAL({max(precision, min(scale + 1, 38))},{scale})"
        return cast(cast(value, wide), "VARCHAR")
    if source == "BLOB" or source.endswith(("]", ")")):
        raise SqlError("TYPE_MISMATCH", f"Cannot cast {trino_name(source)} to varchar")
    return None


def _in_utc(literal: exp.Literal) -> bool:
    return bool(literal.name.endswith(" UTC"))


def _recast(node: exp.Cast, value: Node) -> Node:
    return done(exp.Cast(this=value, to=node.to.copy()))

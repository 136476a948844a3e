"""Python types as JSON Schema: from an annotation, or from a value."""

import ast
import datetime as dt
from collections.abc import Mapping
from typing import Any

Schema = dict[str, Any]

#: The type of what could be anything: a form shows a text field, a check takes any scalar.
SCALAR_TYPES = ("string", "number", "boolean", "null")
SCALAR: Schema = {"type": [*SCALAR_TYPES]}

_NAMED: dict[str, Schema] = {
    "int": {"type": "integer"},
    "float": {"type": "number"},
    "bool": {"type": "boolean"},
    "str": {"type": "string"},
    "date": {"type": "string", "format": "date"},
    "datetime": {"type": "string", "format": "date-time"},
    "Timestamp": {"type": "string", "format": "date-time"},
    "Decimal": {"type": "number"},
    "Path": {"type": "string"},
    "None": {"type": "null"},
}
_LISTS = frozenset({"list", "List", "Sequence", "Iterable", "tuple", "Tuple", "set", "Set"})
_DICTS = frozenset({"dict", "Dict", "Mapping", "MutableMapping"})
_SHELLS = frozenset({"Annotated", "Final", "Required", "NotRequired"})


def of_annotation(node: ast.expr) -> Schema | None:
    """The schema of an annotation, or None when it says nothing that we know."""
    match node:
        case ast.Constant(value=None):
            return {"type": "null"}
        case ast.Constant(value=str(text)):
            return _of_text(text)
        case ast.Name(id=name) | ast.Attribute(attr=name):
            return _of_name(name)
        case ast.BinOp(left=left, op=ast.BitOr(), right=right):
            return _union([left, right])
        case ast.Subscript(value=ast.Name(id=name) | ast.Attribute(attr=name), slice=inner):
            return _of_generic(name, inner)
    return None


def _of_text(text: str) -> Schema | None:
    try:
        return of_annotation(ast.parse(text, mode="eval").body)
    except (SyntaxError, ValueError, RecursionError, MemoryError):
        return None


def _of_name(name: str) -> Schema | None:
    if name in _LISTS:
        return {"type": "array", "items": dict(SCALAR)}
    if name in _DICTS:
        return {"type": "object"}
    return dict(_NAMED[name]) if name in _NAMED else None


def _of_generic(name: str, inner: ast.expr) -> Schema | None:
    parts = inner.elts if isinstance(inner, ast.Tuple) else [inner]
    found: Schema | None = None
    if name in _SHELLS:
        found = of_annotation(parts[0])
    elif name == "Optional":
        found = _union([inner, ast.Constant(None)])
    elif name == "Union":
        found = _union(parts)
    elif name == "Literal":
        found = _of_choices(parts)
    elif name in _LISTS:
        found = {"type": "array", "items": of_annotation(parts[0]) or dict(SCALAR)}
    elif name in _DICTS:
        values = of_annotation(parts[-1]) if len(parts) > 1 else None
        found = {"type": "object"} | ({"additionalProperties": values} if values else {})
    return found


def _of_choices(parts: list[ast.expr]) -> Schema | None:
    choices: list[Any] = []
    for part in parts:
        try:
            value = ast.literal_eval(part)
        except (ValueError, TypeError, SyntaxError):
            return None
        if not (value is None or isinstance(value, str | int | float)):
            return None
        choices.append(value)
    kinds = list(
        dict.fromkeys(of_value(choice)["type"] for choice in choices if choice is not None)
    )
    if not kinds:
        return None
    if None in choices:
        kinds.append("null")
    return {"type": kinds[0] if len(kinds) == 1 else kinds, "enum": choices}


def _union(parts: list[ast.expr]) -> Schema | None:
    found = [of_annotation(part) for part in parts]
    kinds = [one for one in found if one is not None and one != {"type": "null"}]
    if len(kinds) + sum(one == {"type": "null"} for one in found) < len(parts) or not kinds:
        return None
    if len(kinds) == 1:
        merged: Schema = kinds[0]
    elif all(set(one) == {"type"} for one in kinds):
        merged = {"type": list(dict.fromkeys(kind for one in kinds for kind in types_of(one)))}
    else:
        return None
    return nullable(merged) if len(kinds) < len(parts) else merged


def types_of(schema: Mapping[str, Any]) -> list[str]:
    """The JSON types that a schema takes; every one when it names none."""
    kind = schema.get("type", [*SCALAR_TYPES, "array", "object"])
    return list(kind) if isinstance(kind, list) else [str(kind)]


def nullable(schema: Schema) -> Schema:
    """The same, or nothing."""
    kinds = types_of(schema)
    if "null" in kinds:
        return schema
    widened = {**schema, "type": [*kinds, "null"]}
    if "enum" in schema:
        widened["enum"] = [*schema["enum"], None]
    return widened


def of_value(value: Any) -> Schema:
    """The schema that a default without annotation asks for."""
    if value is None:
        return dict(SCALAR)
    if isinstance(value, bool):
        return {"type": "boolean"}
    for kind, schema in (
        (int, {"type": "integer"}),
        (float, {"type": "number"}),
        (str, {"type": "string"}),
        (dt.datetime, {"type": "string", "format": "date-time"}),
        (dt.date, {"type": "string", "format": "date"}),
        (dict, {"type": "object"}),
    ):
        if isinstance(value, kind):
            return dict(schema)
    return {"type": "array", "items": _of_items(list(value))}


def _of_items(values: list[Any]) -> Schema:
    schemas: list[Schema] = []
    for value in values:
        schema = of_value(value)
        if schema not in schemas:
            schemas.append(schema)
    if len(schemas) == 1:
        return schemas[0]
    if schemas and all(schema in ({"type": "integer"}, {"type": "number"}) for schema in schemas):
        return {"type": "number"}
    return dict(SCALAR)

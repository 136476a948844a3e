"""One value against one JSON Schema: strict, and canonical afterwards."""

import datetime as dt
import json
import math
from collections.abc import Mapping
from typing import Any

from jupyter_orch.domain.parameters_types import types_of

DEEPEST = 20
_LARGEST_INT = 2**63


class Unfit(Exception):
    """The value does not fit; the message continues «The parameter x …»."""


def canonical(schema: Mapping[str, Any], value: Any, *, depth: int = 0) -> Any:
    """The value as JSON of the schema's type.

    Raises:
        Unfit: It does not.
    """
    if depth > DEEPEST:
        raise Unfit("is nested too deeply")
    kinds = types_of(schema)
    complaint = ""
    for kind in sorted(kinds, key=lambda kind: kind == "string"):
        try:
            result = _CANONICAL[kind](schema, value, depth)
        except Unfit as error:
            complaint = complaint if complaint and kind == "null" else str(error)
            continue
        _check_choice(schema, result)
        return result
    if "enum" in schema:
        _check_choice(schema, value)
    if len(kinds) > 1 and {"string", "number"} <= set(kinds):
        complaint = "is not a value that JSON has"
    raise Unfit(complaint)


def _check_choice(schema: Mapping[str, Any], value: Any) -> None:
    choices = schema.get("enum")
    if choices is None:
        return
    if not any(type(choice) is type(value) and choice == value for choice in choices):
        listed = ", ".join(json.dumps(choice, ensure_ascii=False) for choice in choices)
        raise Unfit(f"is {_shown(value)}, and must be one of {listed}")


def _shown(value: Any) -> str:
    text = repr(value)
    return text if len(text) <= 60 else text[:57] + "…"  # noqa: PLR2004 - fits in one line


def _string(schema: Mapping[str, Any], value: Any, _depth: int) -> str:
    if schema.get("format") == "date":
        return _date(value)
    if schema.get("format") == "date-time":
        return _date_time(value)
    if not isinstance(value, str):
        raise Unfit(f"is {_shown(value)}, and must be text")
    try:
        value.encode("utf-8")
    except UnicodeEncodeError:
        raise Unfit("holds a character that is no Unicode text") from None
    return value


def _date(value: Any) -> str:
    if isinstance(value, dt.date) and not isinstance(value, dt.datetime):
        return value.isoformat()
    try:
        found = dt.date.fromisoformat(value).isoformat()
        if found == value:
            return found
    except (TypeError, ValueError):
        pass
    raise Unfit(f"is {_shown(value)}, and must be a date such as 2013-01-31")


def _date_time(value: Any) -> str:
    try:
        moment = value if isinstance(value, dt.datetime) else dt.datetime.fromisoformat(value)
        return moment.isoformat()
    except (TypeError, ValueError):
        raise Unfit(f"is {_shown(value)}, and must be a time such as 2013-01-31T06:00:00") from None


def _integer(_schema: Mapping[str, Any], value: Any, _depth: int) -> int:
    if isinstance(value, float) and value.is_integer():
        value = int(value)
    if isinstance(value, bool) or not isinstance(value, int):
        raise Unfit(f"is {_shown(value)}, and must be a whole number")
    if not -_LARGEST_INT <= value < _LARGEST_INT:
        raise Unfit("is a whole number of more than 64 bits")
    return value


def _number(schema: Mapping[str, Any], value: Any, depth: int) -> float | int:
    if isinstance(value, bool) or not isinstance(value, int | float):
        raise Unfit(f"is {_shown(value)}, and must be a number")
    if isinstance(value, int):
        whole = _integer(schema, value, depth)
        return float(whole) if schema.get("type") == "number" else whole
    if not math.isfinite(value):
        raise Unfit(f"is {value}, which JSON cannot carry")
    return value


def _boolean(_schema: Mapping[str, Any], value: Any, _depth: int) -> bool:
    if not isinstance(value, bool):
        raise Unfit(f"is {_shown(value)}, and must be true or false")
    return value


def _null(_schema: Mapping[str, Any], value: Any, _depth: int) -> None:
    if value is not None:
        raise Unfit(f"is {_shown(value)}, and must be empty")


def _array(schema: Mapping[str, Any], value: Any, depth: int) -> list[Any]:
    if not isinstance(value, list | tuple):
        raise Unfit(f"is {_shown(value)}, and must be a list")
    items = schema.get("items", {})
    result = []
    for position, item in enumerate(value):
        try:
            result.append(canonical(items, item, depth=depth + 1))
        except Unfit as error:
            raise Unfit(f"has at position {position} an item that {error}") from None
    return result


def _object(schema: Mapping[str, Any], value: Any, depth: int) -> dict[str, Any]:
    if not isinstance(value, Mapping):
        raise Unfit(f"is {_shown(value)}, and must be an object of names with values")
    inner = schema.get("additionalProperties", {})
    result: dict[str, Any] = {}
    for name, item in value.items():
        if not isinstance(name, str):
            raise Unfit("has a name that is no text")
        try:
            result[_string({}, name, depth)] = canonical(inner, item, depth=depth + 1)
        except Unfit as error:
            raise Unfit(f"has under {_shown(name)} a value that {error}") from None
    return result


_CANONICAL = {
    "string": _string,
    "integer": _integer,
    "number": _number,
    "boolean": _boolean,
    "null": _null,
    "array": _array,
    "object": _object,
}

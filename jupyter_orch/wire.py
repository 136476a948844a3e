"""Domain values as JSON, and JSON as domain values: what stands at every border.

pydantic is imported on first use, so that importing this costs nothing.
"""

import dataclasses
from collections.abc import Mapping
from functools import lru_cache
from types import UnionType
from typing import Any, Union, get_args, get_origin, get_type_hints

from jupyter_orch.domain.errors import BadFields, BadInput


def dump(value: Any) -> Any:
    """The JSON value of a domain value; instants become `2026-11-01T06:00:00Z`."""
    from pydantic_core import to_jsonable_python

    return to_jsonable_python(value)


def dump_bytes(value: Any) -> bytes:
    """`dump` as JSON text in UTF-8; what JSON cannot say (NaN, infinity) becomes null."""
    from pydantic_core import to_json

    return to_json(value, inf_nan_mode="null")


def lean(value: Any) -> dict[str, Any]:
    """The fields of a domain value that differ from their defaults, and so of those inside it.

    Older code at the other end refuses fields that it does not know: it gets only those in use.
    """
    return {
        item.name: _lean(getattr(value, item.name))
        for item in dataclasses.fields(value)
        if getattr(value, item.name) != _default(item)
    }


def _lean(value: Any) -> Any:
    if isinstance(value, tuple | list):
        return [_lean(item) for item in value]
    return lean(value) if dataclasses.is_dataclass(value) else value


def _default(item: dataclasses.Field[Any]) -> Any:
    if item.default_factory is not dataclasses.MISSING:
        return item.default_factory()
    return item.default


def load(kind: Any, value: Any, *, field: str = "") -> Any:
    """The domain value of type `kind` that a JSON value describes; nothing is coerced.

    Raises:
        BadFields: Every field that is missing, unknown or of the wrong type, each by its name;
            `field` is put before the names.
    """
    from pydantic import ValidationError
    from pydantic_core import to_json

    problems = [
        BadInput(f"There is no field {name}.", field=name) for name in _unknown(kind, value, field)
    ]
    try:
        loaded = _adapter(kind).validate_json(to_json(value), strict=True)
    except ValidationError as error:
        for item in error.errors(include_url=False, include_context=False, include_input=False):
            name = ".".join([*([field] if field else []), *map(str, item["loc"])])
            problems.append(_problem(name, item["type"], item["msg"]))
    if problems:
        raise BadFields(problems)
    return loaded


@lru_cache(maxsize=256)
def _adapter(kind: Any) -> Any:
    from pydantic import TypeAdapter

    return TypeAdapter(kind)


def json_schema(kind: Any, *, ref_template: str) -> dict[str, Any]:
    """The JSON Schema of values of this type, as `dump` writes them."""
    schema: dict[str, Any] = _adapter(kind).json_schema(
        mode="serialization", ref_template=ref_template
    )
    return schema


def _problem(name: str, kind: str, message: str) -> BadInput:
    if kind == "missing":
        return BadInput(f"{name} is missing.", field=name)
    said = message[:1].lower() + message[1:].rstrip(".")
    return BadInput(f"{name or 'The body'}: {said}.", field=name or None)


def _unknown(kind: Any, value: Any, path: str) -> list[str]:
    """Names of fields that the type does not have; a misspelt field must not pass silently."""
    if get_origin(kind) in (Union, UnionType):
        kind = next((arg for arg in get_args(kind) if dataclasses.is_dataclass(arg)), kind)
    if get_origin(kind) is tuple and isinstance(value, list):
        return [
            name
            for index, item in enumerate(value)
            for name in _unknown(get_args(kind)[0], item, _join(path, index))
        ]
    if not (dataclasses.is_dataclass(kind) and isinstance(value, Mapping)):
        return []
    hints = get_type_hints(kind)
    return [
        name
        for key, item in value.items()
        for name in (
            _unknown(hints[key], item, _join(path, key)) if key in hints else [_join(path, key)]
        )
    ]


def _join(path: str, part: object) -> str:
    return f"{path}.{part}" if path else str(part)

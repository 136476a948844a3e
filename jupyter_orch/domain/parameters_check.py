"""Whether given values fit a notebook's parameters, and their canonical JSON form.

Values are hostile until checked: afterwards they are plain JSON of the declared types, that any
road (database, command line, papermill's translator) carries unchanged.
"""

import json
from collections.abc import Iterable, Mapping
from difflib import get_close_matches
from keyword import iskeyword
from typing import Any

from jupyter_orch.domain.errors import BadFields, BadInput
from jupyter_orch.domain.expressions_render import has_expression
from jupyter_orch.domain.parameters_types import types_of
from jupyter_orch.domain.parameters_values import Unfit, canonical

_LARGEST_VALUES = 1_000_000  # bytes of JSON in all
_TRUE = frozenset({"true", "yes", "on", "1"})
_FALSE = frozenset({"false", "no", "off", "0"})
_NOTHING = frozenset({"", "none", "null"})


def check(
    schema: Mapping[str, Any],
    values: Mapping[str, Any],
    *,
    field: str = "parameters",
    partial: bool = False,
) -> dict[str, Any]:
    """The values as canonical JSON, in the order of the schema; defaults are not filled in.

    Args:
        schema: The parameters' JSON Schema.
        values: What was given.
        field: Name of the input that errors are about.
        partial: Whether required names may be missing: these values lie over others.

    Raises:
        BadFields: Each value that does not fit; its field is `<field>.<name>`.
    """
    found = problems(schema, values, field=field, partial=partial)
    if found:
        raise BadFields(found)
    properties = schema["properties"]
    ordered = [name for name in properties if name in values]
    ordered += [name for name in values if name not in properties]
    return {name: canonical(properties.get(name, {}), values[name]) for name in ordered}


def problems(
    schema: Mapping[str, Any],
    values: object,
    *,
    field: str = "parameters",
    partial: bool = False,
) -> tuple[BadInput, ...]:
    """Everything that is wrong with the values, a `BadInput` for each field."""
    if not isinstance(values, Mapping):
        return (BadInput("Parameters are given as names with values.", field=field),)
    properties: Mapping[str, Any] = schema["properties"]
    found: list[BadInput] = []
    for name, value in values.items():
        if name not in properties:
            problem = _unknown(schema, name, field)
            if problem:
                found.append(problem)
                continue
        try:
            canonical(properties.get(name, {}), value)
        except Unfit as error:
            found.append(BadInput(f"The parameter {name} {error}.", field=f"{field}.{name}"))
    if not partial:
        found += [
            BadInput(
                f"The parameter {name} has no default and needs a value.", field=f"{field}.{name}"
            )
            for name in schema.get("required", ())
            if name not in values
        ]
    if not found:
        try:
            check_size(values, field=field)
        except BadInput as error:
            found.append(error)
    return tuple(found)


def check_size(values: Mapping[str, Any], *, field: str) -> None:
    """Refuses values that are too large to travel with a run.

    Raises:
        BadInput: They are.
    """
    if len(json.dumps(values, default=str)) > _LARGEST_VALUES:
        raise BadInput(
            "The parameters are larger than 1 MB of JSON in all.",
            field=field,
            hint="Put large values into a file or a table and pass its name.",
        )


def _unknown(schema: Mapping[str, Any], name: object, field: str) -> BadInput | None:
    shown = name if isinstance(name, str) and name.isprintable() else repr(name)
    named = f"{field}.{shown}"
    properties = schema["properties"]
    if schema.get("additionalProperties"):
        if isinstance(name, str) and name.isidentifier() and not iskeyword(name):
            return None
        return BadInput(f"The parameter name {shown} is not an identifier.", field=named)
    if not properties:
        return BadInput(
            f"The notebook takes no parameters, and {shown} was given.",
            field=named,
            hint='Tag one of its code cells with "parameters", and assign the name there.',
        )
    near = get_close_matches(str(name), list(properties), n=3, cutoff=0.6)
    return BadInput(
        f"The notebook has no parameter {shown}.",
        field=named,
        hint=f"Did you mean {' or '.join(near)}?" if near else f"It has {', '.join(properties)}.",
    )


def parse(
    assignments: Iterable[str], schema: Mapping[str, Any], *, field: str = "parameters"
) -> dict[str, Any]:
    """Values from `name=value` texts, typed by the schema; required names may be missing.

    Lists are JSON or separated by commas; `none` and the empty text are null where null is taken.
    What holds an expression stays as it is written: only a run knows what it becomes.

    Raises:
        BadInput: A text without `=`, an unknown name, or a value that does not fit.
    """
    values: dict[str, Any] = {}
    for assignment in assignments:
        name, equals, text = assignment.partition("=")
        name = name.strip()
        if not equals or not name:
            raise BadInput(
                f"{assignment!r} is not of the form name=value.",
                field=field,
                hint="For example: day=2013-02-01",
            )
        values[name] = _from_text(schema["properties"].get(name, {}), text)
    dynamic = {name: value for name, value in values.items() if has_expression(value)}
    fixed = {name: value for name, value in values.items() if name not in dynamic}
    return check(schema, fixed, field=field, partial=True) | dynamic


def _from_text(schema: Mapping[str, Any], text: str) -> Any:
    kinds = types_of(schema)
    word = text.strip().lower()
    if "null" in kinds and word in _NOTHING:
        return None
    if "boolean" in kinds and word in _TRUE | _FALSE and not {"integer", "number"} & set(kinds):
        return word in _TRUE
    if kinds == ["string"] or (set(kinds) == {"string", "null"}):
        return text
    try:
        value = json.loads(text, parse_constant=lambda _: text)
    except (ValueError, RecursionError):
        value = text
    if isinstance(value, str | int | float) and "array" in kinds and "string" not in kinds:
        inner = schema.get("items", {})
        return [_from_text(inner, part.strip()) for part in text.split(",") if part.strip()]
    return value

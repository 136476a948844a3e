"""One value with its expressions replaced."""

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import UTC, date, datetime, tzinfo
from typing import Any

from jupyter_orch.domain.errors import BadInput
from jupyter_orch.domain.expressions_parse import OPEN, Expression, Wrong, parse
from jupyter_orch.domain.expressions_time import cut, move, start_of_day, written
from jupyter_orch.domain.parameters_types import types_of
from jupyter_orch.domain.parameters_values import DEEPEST, Unfit, canonical
from jupyter_orch.domain.schedule_clock import zone_of

Json = Any
Schema = Mapping[str, Any]
#: Not a union of types: to build one for each look takes longer than the look.
_NESTED = (dict, list, tuple)
_SHOWN = 60  # characters of an expression in a message
_NUMBER = re.compile(r"-?[0-9]{1,19}(\.[0-9]{1,19})?")


@dataclass(frozen=True, kw_only=True)
class Context:
    """What the names of expressions stand for; None where the run has no such thing."""

    #: IANA name of the zone that days and hours are read in.
    time_zone: str
    logical_time: datetime | None
    interval_start: datetime | None
    interval_end: datetime | None
    run_id: str | None
    job: str | None


def has_expression(value: Json) -> bool:
    """Whether the value, or one inside of it, has to be rendered."""
    if isinstance(value, str):
        return OPEN in value
    return isinstance(value, _NESTED) and any(OPEN in text for text in texts(value))


def render(value: Json, schema: Schema, context: Context, *, field: str) -> Json:
    """The value of one parameter with every expression replaced, as canonical JSON.

    Args:
        value: Text, or lists and objects that hold text.
        schema: The parameter's own JSON Schema.
        context: What the names stand for.
        field: Name of the input that errors belong to.

    Raises:
        BadInput: An expression cannot be read, the run lacks what it asks for, or the result does
            not fit the parameter.
    """
    try:
        return canonical(schema, _rendered(value, schema, context))
    except Wrong as error:
        raise BadInput(
            f"The expression {_shown(error.source)} {error.message} (position {error.at + 1}).",
            field=field,
            hint=error.hint,
        ) from None
    except Unfit as error:
        raise BadInput(
            f"The parameter {field.rpartition('.')[2]}, once rendered, {error}.",
            field=field,
            hint="It gives a date, a time or a number where one is wanted, and text elsewhere.",
        ) from None


def texts(value: Json, depth: int = 0) -> Iterator[str]:
    """Every text in the value, except where it is nested deeper than any value may be."""
    if isinstance(value, str):
        yield value
    elif depth <= DEEPEST + 1 and isinstance(value, _NESTED):
        for item in value.values() if isinstance(value, dict) else value:
            yield from texts(item, depth + 1)


def _rendered(value: Json, schema: Schema, context: Context, depth: int = 0) -> Json:
    """The same shape with every text rendered; what is nested too deeply is refused later."""
    if isinstance(value, str):
        return _of_text(value, schema, context)
    if depth > DEEPEST:
        return value
    if isinstance(value, dict):
        inner = schema.get("additionalProperties", {})
        return {name: _rendered(item, inner, context, depth + 1) for name, item in value.items()}
    if isinstance(value, list | tuple):
        inner = schema.get("items", {})
        return [_rendered(item, inner, context, depth + 1) for item in value]
    return value


def _of_text(text: str, schema: Schema, context: Context) -> str | int | float:
    if OPEN not in text:
        return text
    parts = parse(text)
    wanted = schema.get("format") or "" if len(parts) == 1 else ""
    result = "".join(
        part if isinstance(part, str) else _evaluated(part, context, wanted) for part in parts
    )
    if "string" in types_of(schema) or not (found := _NUMBER.fullmatch(result)):
        return result
    return float(result) if found[1] else int(result)


def _evaluated(expression: Expression, context: Context, wanted: str) -> str:
    """The expression's value as text; `wanted` is the format of a parameter that is all of it."""
    found = getattr(context, expression.name)
    if found is None:
        raise Wrong(
            f"needs {expression.name}, which this run does not have",
            at=0,
            hint="Give the run a data interval, or name a trigger that was due before.",
            source=expression.source,
        )
    if not isinstance(found, datetime):
        return str(found)
    try:
        first = found.astimezone(UTC if expression.utc else _zone(context.time_zone))
        value: date = first
        for member in expression.members:
            value = cut(value, member)
        for shift in expression.shifts:
            value = move(value, shift.number, shift.unit)
        if expression.format is not None:
            return written(value, expression.format)
        return _typed(value, first, wanted)
    except (OverflowError, ValueError):
        raise Wrong(
            "leads out of the years 1 to 9999",
            at=0,
            hint="Move by less.",
            source=expression.source,
        ) from None


def _typed(value: date, first: datetime, wanted: str) -> str:
    if wanted == "date" and isinstance(value, datetime):
        return value.date().isoformat()
    if wanted == "date-time" and not isinstance(value, datetime):
        return start_of_day(value, first).isoformat()
    return value.isoformat()


def _zone(name: str) -> tzinfo:
    try:
        return zone_of(name)
    except (KeyError, ValueError, OSError):
        raise BadInput(f"There is no time zone {name!r}.", field="time_zone") from None


def _shown(source: str) -> str:
    return source if len(source) <= _SHOWN else f"{source[:_SHOWN]}…"

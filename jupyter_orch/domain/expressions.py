"""Expressions in the values of parameters: `{{ interval_start | %Y-%m-%d }}`.

The one door of the area. What is stored in a job is the text as a person wrote it; a run gets the
values that `resolve` or `rendered` makes of it.
"""

from collections.abc import Collection, Mapping
from dataclasses import replace
from datetime import UTC, datetime
from typing import Any

from jupyter_orch.domain import parameters_check
from jupyter_orch.domain.errors import BadFields, BadInput
from jupyter_orch.domain.expressions_parse import OPEN
from jupyter_orch.domain.expressions_render import Context, has_expression, render, texts

__all__ = ["Context", "check", "has_expression", "preview", "render", "rendered", "resolve"]

Json = Any
Schema = Mapping[str, Any]
_MOST = 1000  # expressions in the values of one run

#: Stands for any run when values are checked before there is one.
_SAMPLE = Context(
    time_zone="UTC",
    logical_time=datetime(2026, 11, 2, 6, tzinfo=UTC),
    interval_start=datetime(2026, 11, 1, 6, tzinfo=UTC),
    interval_end=datetime(2026, 11, 2, 6, tzinfo=UTC),
    run_id="01KABCDEFGHJKMNPQRSTVWXYZ0",
    job=None,
)


def rendered(
    schema: Schema, values: Mapping[str, Json], context: Context, *, field: str = "parameters"
) -> dict[str, Json]:
    """The values with their expressions replaced; one that holds none is not even checked.

    A value that equals the notebook's own default is that default, whatever it looks like.

    Args:
        schema: JSON Schema of the notebook's parameters.
        values: As they are written, by name.
        context: What the names stand for.
        field: Name of the input that errors are about.

    Raises:
        BadFields: Every value that cannot be rendered or does not fit; its field is
            `<field>.<name>`.
    """
    result, found = _render_all(schema, values, context, field=field)
    if found:
        raise BadFields(found)
    return result


def resolve(
    schema: Schema,
    values: Mapping[str, Json],
    context: Context,
    *,
    field: str = "parameters",
    partial: bool = False,
    literal: Collection[str] = (),
) -> dict[str, Json]:
    """The values of a run: expressions replaced, everything checked and canonical.

    Args:
        schema: JSON Schema of the notebook's parameters.
        values: As they are written, by name.
        context: What the names stand for.
        field: Name of the input that errors are about.
        partial: Whether required names may be missing.
        literal: Names whose values are no expressions, whatever they look like.

    Raises:
        BadFields: Every value that cannot be rendered or does not fit; its field is
            `<field>.<name>`.
    """
    result, found = _render_all(schema, values, context, field=field, literal=literal)
    failed = {error.field for error in found}
    found += [
        problem
        for problem in parameters_check.problems(schema, result, field=field, partial=partial)
        if problem.field not in failed
    ]
    if found:
        raise BadFields(found)
    return parameters_check.check(schema, result, field=field, partial=partial)


def check(
    schema: Schema,
    values: Mapping[str, Json],
    *,
    job: str,
    field: str = "parameters",
    partial: bool = False,
    has_interval: bool = True,
) -> dict[str, Json]:
    """The values as a job stores them: canonical, and those with expressions as written.

    Args:
        schema: JSON Schema of the notebook's parameters.
        values: As they are written, by name; expressions are tried on a sample interval.
        job: The job's name.
        field: Name of the input that errors are about.
        partial: Whether required names may be missing.
        has_interval: Whether the runs have a data interval, which those of a date have not.

    Raises:
        BadFields: Every value that cannot be used, by its field.
        BadInput: All of them together are too large.
    """
    context = replace(_SAMPLE, job=job)
    if not has_interval:
        context = replace(context, interval_start=None, interval_end=None)
    checked = resolve(schema, values, context, field=field, partial=partial)
    parameters_check.check_size(values, field=field)
    dynamic = set(_dynamic(schema, values))
    return {name: values[name] if name in dynamic else checked[name] for name in checked}


def preview(schema: Schema, values: Mapping[str, Json], context: Context) -> dict[str, Json]:
    """The values as a run would get them; what it cannot get stays as it is written."""
    return _render_all(schema, values, context, field="parameters")[0]


def _render_all(
    schema: Schema,
    values: Mapping[str, Json],
    context: Context,
    *,
    field: str,
    literal: Collection[str] = (),
) -> tuple[dict[str, Json], list[BadInput]]:
    """The values, and what is wrong with those that stay as they are written."""
    result, found = dict(values), list[BadInput]()
    dynamic = [name for name in _dynamic(schema, values) if name not in literal]
    if sum(text.count(OPEN) for name in dynamic for text in texts(values[name])) > _MOST:
        return result, [BadInput(f"The values hold more than {_MOST} expressions.", field=field)]
    for name in dynamic:
        own = schema["properties"].get(name, {})
        try:
            result[name] = render(values[name], own, context, field=f"{field}.{name}")
        except BadInput as error:
            found.append(error)
    return result, found


def _dynamic(schema: Schema, values: Mapping[str, Json]) -> list[str]:
    """Names of parameters that the notebook takes and whose values have to be rendered."""
    properties = schema["properties"]
    is_open = schema.get("additionalProperties")
    return [
        name
        for name, value in values.items()
        if (name in properties or is_open)
        and has_expression(value)
        and value != properties.get(name, {}).get("default")
    ]

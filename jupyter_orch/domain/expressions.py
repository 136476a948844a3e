"""Expressions in the values of parameters: `{{ interval_start | %Y-%m-%d }}`.

The one door of the area. What is stored in a job is the text as a person wrote it; a run gets the
values that `resolve` makes of it.
"""

from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any

from jupyter_orch.domain import parameters_check
from jupyter_orch.domain.errors import BadFields, BadInput
from jupyter_orch.domain.expressions_parse import OPEN
from jupyter_orch.domain.expressions_render import Context, escape, has_expression, render, texts

__all__ = ["Context", "check", "escape", "has_expression", "preview", "render", "resolve"]

Json = Any
_MOST = 1000  # expressions in the values of one run

#: Stands for any run when values are checked before there is one.
_SAMPLE = Context(
    time_zone="UTC",
    logical_time=datetime(2026, 11, 2, 6, tzinfo=UTC),
    interval_start=datetime(2026, 11, 1, 6, tzinfo=UTC),
    interval_end=datetime(2026, 11, 2, 6, tzinfo=UTC),
    run_id="01KABCDEFGHJKMNPQRSTVWXYZ0",
    job="job",
)


def resolve(
    schema: Mapping[str, Any],
    values: Mapping[str, Json],
    context: Context,
    *,
    field: str = "parameters",
    partial: bool = False,
) -> dict[str, Json]:
    """The values of a run: expressions replaced, everything checked and canonical.

    A value that equals the notebook's own default is that default, whatever it looks like.

    Args:
        schema: JSON Schema of the notebook's parameters.
        values: As they are written, by name.
        context: What the names stand for.
        field: Name of the input that errors are about.
        partial: Whether required names may be missing.

    Raises:
        BadFields: Every value that cannot be rendered or does not fit; its field is
            `<field>.<name>`.
    """
    found: list[BadInput] = []
    rendered = dict(values)
    dynamic = _dynamic(schema, values)
    if sum(text.count(OPEN) for name in dynamic for text in texts(values[name])) > _MOST:
        raise BadFields([BadInput(f"The values hold more than {_MOST} expressions.", field=field)])
    for name in dynamic:
        try:
            own = schema["properties"].get(name, {})
            rendered[name] = render(values[name], own, context, field=f"{field}.{name}")
        except BadInput as error:
            found.append(error)
    failed = {error.field for error in found}
    found += [
        problem
        for problem in parameters_check.problems(schema, rendered, field=field, partial=partial)
        if problem.field not in failed
    ]
    if found:
        raise BadFields(found)
    return parameters_check.check(schema, rendered, field=field, partial=partial)


def check(
    schema: Mapping[str, Any], values: Mapping[str, Json], *, field: str = "parameters"
) -> dict[str, Json]:
    """The values as a job stores them: canonical, and those with expressions as written.

    Expressions are tried on a sample interval. Required names may be missing.

    Raises:
        BadFields: Every value that cannot be used, by its field.
        BadInput: All of them together are too large.
    """
    checked = resolve(schema, values, _SAMPLE, field=field, partial=True)
    parameters_check.check_size(values, field=field)
    dynamic = set(_dynamic(schema, values))
    return {name: values[name] if name in dynamic else checked[name] for name in checked}


def preview(
    schema: Mapping[str, Any], values: Mapping[str, Json], context: Context
) -> dict[str, Json]:
    """The values as a run would get them; what it cannot get stays as it is written."""
    shown = dict(values)
    for name in _dynamic(schema, values):
        try:
            own = schema["properties"].get(name, {})
            shown[name] = render(values[name], own, context, field=name)
        except BadInput:
            continue
    return shown


def _dynamic(schema: Mapping[str, Any], values: Mapping[str, Json]) -> list[str]:
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

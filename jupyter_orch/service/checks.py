"""Everything that can be wrong with a job, found at once and before anything is stored."""

from collections.abc import Collection, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, replace
from datetime import datetime
from pathlib import Path
from typing import Any

from jupyter_orch.domain import expressions, schedule
from jupyter_orch.domain.errors import BadFields, BadInput
from jupyter_orch.domain.model import JobSpec, Json, Trigger
from jupyter_orch.domain.parameters import NotebookFacts
from jupyter_orch.ports import Courier
from jupyter_orch.service import policies
from jupyter_orch.service.kernels import check_kernel
from jupyter_orch.service.notebooks import Notebooks, facts_of
from jupyter_orch.service.notifications import check_notifications

LONGEST_NAME = 200  # characters
LONGEST_DESCRIPTION = 10_000  # characters
MOST_TRIGGERS = 100
#: Parameters that are the run's own data interval, unless somebody says otherwise.
OWN_PARAMETERS = {
    "orch_interval_start": "{{ interval_start }}",
    "orch_interval_end": "{{ interval_end }}",
}


@dataclass(frozen=True, kw_only=True)
class CheckedSpec:
    """A spec that can be stored, and the bytes of its notebook as they were checked."""

    spec: JobSpec
    content: bytes


class _Problems:
    def __init__(self) -> None:
        self.found: list[BadInput] = []

    @contextmanager
    def collecting(self) -> Iterator[None]:
        try:
            yield
        except BadFields as error:
            self.found.extend(error.errors)
        except BadInput as error:
            self.found.append(error)

    def refuse(self, field: str, message: str, hint: str | None = None) -> None:
        self.found.append(BadInput(message, field=field, hint=hint))


def check_spec(
    spec: JobSpec,
    notebooks: Notebooks,
    courier: Courier,
    *,
    root: Path | None,
    now: datetime,
    earlier: JobSpec | None = None,
    pools: Collection[str] = ("default",),
) -> CheckedSpec:
    """The spec as it is stored: absolute path, trigger ids, canonical parameters.

    A trigger that is new, or that is due at other times than in the `earlier` spec, must be due
    some time after `now`; one whose times have passed may be saved again as it was.

    Raises:
        BadFields: Every field that cannot be used, by its name.
    """
    problems = _Problems()
    _check_texts(spec, problems)
    problems.found.extend(policies.problems(spec.policies))
    _check_pool(spec.policies.pool, pools, problems)
    with problems.collecting():
        check_notifications(spec.notifications, courier)
    known = {trigger.id: trigger for trigger in earlier.triggers} if earlier else {}
    spec = replace(spec, name=spec.name.strip(), triggers=_named(spec.triggers, known, now))
    _check_times(spec.triggers, known, now, problems)
    content = b""
    with problems.collecting():
        path = notebooks.resolve(spec.notebook, root=root)
        content = notebooks.read(path)
        facts = facts_of(content)
        with problems.collecting():
            check_kernel(spec.kernel, facts.kernel)
        spec = replace(_check_parameters(spec, facts, problems), notebook=str(path))
    if problems.found:
        raise BadFields(problems.found)
    return CheckedSpec(spec=spec, content=content)


def with_defaults(schema: Mapping[str, Any], values: Mapping[str, Json]) -> dict[str, Any]:
    """The schema with these values as its defaults: what a form shows first."""
    properties = {
        name: {**each, "default": values[name]} if name in values else each
        for name, each in schema.get("properties", {}).items()
    }
    required = [name for name in schema.get("required", ()) if name not in values]
    return {**schema, "properties": properties, "required": required}


def _check_texts(spec: JobSpec, problems: _Problems) -> None:
    if not spec.name.strip():
        problems.refuse("name", "A job needs a name.")
    elif len(spec.name) > LONGEST_NAME or not spec.name.isprintable():
        problems.refuse(
            "name", f"A name has at most {LONGEST_NAME} characters and none that cannot be printed."
        )
    if len(spec.description) > LONGEST_DESCRIPTION:
        problems.refuse(
            "description", f"A description has at most {LONGEST_DESCRIPTION} characters."
        )


def _check_pool(name: str, pools: Collection[str], problems: _Problems) -> None:
    if name not in pools:
        known = ", ".join(sorted(pools))
        problems.refuse(
            "policies.pool",
            f"There is no pool {name!r}.",
            f"Pools are {known}. `jupyter orch pools set` makes another one.",
        )


def _named(
    triggers: tuple[Trigger, ...], earlier: Mapping[str, Trigger], now: datetime
) -> tuple[Trigger, ...]:
    """Triggers with an id each, and an anchor where they need one."""
    taken = {trigger.id for trigger in triggers}
    free = (f"t{number}" for number in range(1, len(triggers) * 2 + 1))
    unused = (name for name in free if name not in taken)
    named = (replace(trigger, id=trigger.id or next(unused)) for trigger in triggers)
    return tuple(_tied(trigger, earlier.get(trigger.id), now) for trigger in named)


def _tied(trigger: Trigger, earlier: Trigger | None, now: datetime) -> Trigger:
    """With the anchor that it had, if nothing else has changed, so that a save moves nothing."""
    if earlier is not None and trigger.anchor is None:
        as_before = replace(trigger, anchor=earlier.anchor)
        if schedule.due_fields(as_before) == schedule.due_fields(earlier):
            return as_before
    return schedule.anchored(trigger, now)


def _check_times(
    triggers: tuple[Trigger, ...],
    earlier: Mapping[str, Trigger],
    now: datetime,
    problems: _Problems,
) -> None:
    if len(triggers) > MOST_TRIGGERS:
        problems.refuse("triggers", f"A job has at most {MOST_TRIGGERS} triggers.")
        return
    seen: set[str] = set()
    for index, trigger in enumerate(triggers):
        field = f"triggers.{index}"
        if trigger.id in seen:
            problems.refuse(f"{field}.id", f"The job has two triggers {trigger.id}.")
        seen.add(trigger.id)
        with problems.collecting():
            schedule.validate(trigger, field=field)
            before = earlier.get(trigger.id)
            if before is None or schedule.due_fields(before) != schedule.due_fields(trigger):
                schedule.check_ahead(trigger, now, field=field)


def _check_parameters(spec: JobSpec, facts: NotebookFacts, problems: _Problems) -> JobSpec:
    """Values of job and triggers, canonical. A trigger may give what the job leaves open."""
    values = _fitting(spec, facts, spec.parameters, "parameters", problems)
    triggers = tuple(
        replace(trigger, parameters=_of_trigger(spec, facts, index, values, problems))
        for index, trigger in enumerate(spec.triggers)
    )
    for name in facts.schema.get("required", ()):
        if name not in values and any(name not in trigger.parameters for trigger in triggers):
            problems.refuse(
                f"parameters.{name}", f"The parameter {name} has no default and needs a value."
            )
    return replace(spec, parameters=values, triggers=triggers)


def _of_trigger(
    spec: JobSpec,
    facts: NotebookFacts,
    index: int,
    of_job: Mapping[str, Json],
    problems: _Problems,
) -> dict[str, Json]:
    trigger, field = spec.triggers[index], f"triggers.{index}.parameters"
    own = {
        name: text
        for name, text in OWN_PARAMETERS.items()
        if name in facts.schema["properties"] and name not in of_job and trigger.kind != "once"
    }
    values = _fitting(spec, facts, {**own, **trigger.parameters}, field, problems)
    if trigger.kind == "once" and not problems.found:  # its run has no data interval
        both = {**of_job, **values}
        _fitting(spec, facts, both, field, problems, has_interval=False)
    return values


def _fitting(
    spec: JobSpec,
    facts: NotebookFacts,
    values: dict[str, Json],
    field: str,
    problems: _Problems,
    *,
    has_interval: bool = True,
) -> dict[str, Json]:
    with problems.collecting():
        return expressions.check(
            facts.schema,
            values,
            job=spec.name,
            field=field,
            partial=True,
            has_interval=has_interval,
        )
    return values

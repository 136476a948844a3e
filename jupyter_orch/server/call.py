"""One request, parsed as far as HTTP goes."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any, cast, get_args

from jupyter_orch.domain.errors import BadInput
from jupyter_orch.domain.model import Actor, JobListState, JobSpec, RunKind
from jupyter_orch.domain.states import RunState
from jupyter_orch.server.arguments import LONGEST_WAIT
from jupyter_orch.wire import load

KINDS: tuple[RunKind, ...] = get_args(RunKind)


@dataclass(frozen=True, kw_only=True)
class Call:
    """Who asks, and for what."""

    actor: Actor
    #: Where relative notebook paths start.
    root: Path | None = None
    #: The value in the path, unquoted.
    key: str = ""
    query: Mapping[str, list[str]]
    #: JSON of the request, or None when it brings none.
    body: Any = None
    if_match: str | None = None
    idempotency_key: str | None = None
    #: Whether nobody waits for the answer any more.
    gone: Callable[[], bool] = lambda: False

    def one(self, name: str) -> str | None:
        """A query argument that is a text, None when absent or empty."""
        return self._last(name) or None

    def _last(self, name: str) -> str | None:
        values = self.query.get(name)
        return values[-1] if values else None

    def number(self, name: str) -> int | None:
        """A query argument that is a whole number.

        Raises:
            BadInput: It is something else.
        """
        value = self._last(name)
        if value is None:
            return None
        try:
            return int(value)
        except ValueError:
            raise BadInput(
                f"{name} is {value!r}, and must be a whole number.", field=name
            ) from None

    def moment(self, name: str) -> datetime | None:
        """A query argument that is an instant.

        Raises:
            BadInput: It is something else.
        """
        value = self._last(name)
        if value is None:
            return None
        try:
            return datetime.fromisoformat(value)
        except ValueError:
            raise BadInput(
                f"{name} is {value!r}, and must be a time.",
                field=name,
                hint="For example 2026-01-31T06:00:00Z.",
            ) from None

    def wait(self) -> int:
        """How many seconds the answer may be held back.

        Raises:
            BadInput: Out of range.
        """
        seconds = self.number("wait") or 0
        if not 0 <= seconds <= LONGEST_WAIT:
            raise BadInput(f"wait is from 0 to {LONGEST_WAIT} seconds.", field="wait")
        return seconds

    def states(self) -> tuple[RunState, ...]:
        """The states that a listing of runs is limited to.

        Raises:
            BadInput: There is no such state.
        """
        try:
            return tuple(RunState(value) for value in self.query.get("state", ()))
        except ValueError as error:
            raise BadInput(
                f"There is no state {str(error).split()[0]}.",
                field="state",
                hint=f"States are {', '.join(RunState)}.",
            ) from None

    def job_state(self) -> JobListState | None:
        """What a listing of jobs is limited to.

        Raises:
            BadInput: There is no such limit.
        """
        value = self._last("state")
        if value is None or value in get_args(JobListState):
            return cast("JobListState | None", value)
        raise BadInput(
            f"There is no state {value!r} of jobs.",
            field="state",
            hint=f"States are {', '.join(get_args(JobListState))}.",
        )

    def kind(self) -> RunKind | None:
        """The kind that a listing of runs is limited to.

        Raises:
            BadInput: There is no such kind.
        """
        value = self._last("kind")
        for kind in KINDS:
            if value == kind:
                return kind
        if value is None:
            return None
        raise BadInput(
            f"There is no kind {value!r}.", field="kind", hint=f"Kinds are {', '.join(KINDS)}."
        )

    def load(self, kind: Any) -> Any:
        """The body as a value of this type; no body is an empty one.

        Raises:
            BadFields: Every field that does not fit.
        """
        return load(kind, {} if self.body is None else self.body)

    def spec(self) -> JobSpec:
        """The body as a job's spec; triggers may leave their ids to us."""
        spec: JobSpec = load(JobSpec, _with_ids(self.body, "triggers"))
        return spec

    def trigger_body(self) -> Any:
        """The body with a trigger that may have no id yet."""
        return _with_ids(self.body, "trigger")

    def tag(self) -> str | None:
        """The entity tag that `If-Match` names; None when any will do."""
        if self.if_match is None or self.if_match == "*":
            return None
        return self.if_match.removeprefix("W/").strip('"')

    def expected_version(self) -> int | None:
        """The version that `If-Match` names.

        Raises:
            BadInput: It is no entity tag of ours.
        """
        tag = self.tag()
        if tag is None:
            return None
        if not tag.isdecimal():
            raise BadInput(
                f"If-Match is {self.if_match}, and must be an ETag of what is changed.",
                field="If-Match",
            )
        return int(tag)


def _with_ids(body: Any, name: str) -> Any:
    if not isinstance(body, dict):
        return {} if body is None else body
    value = body.get(name)
    if isinstance(value, list):
        return {**body, name: [_with_id(each) for each in value]}
    return {**body, name: _with_id(value)} if name in body else body


def _with_id(trigger: Any) -> Any:
    if isinstance(trigger, dict) and trigger.get("id") is None:
        return {**trigger, "id": ""}
    return trigger

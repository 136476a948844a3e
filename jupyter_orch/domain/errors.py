"""What can go wrong, in words for people.

Every error carries one sentence that says what was wrong; `field` names the input it belongs to
(dotted: `triggers.0.cron`) and `hint` says what to do next. The server maps `status` to HTTP, the
command line maps `exit_code` to the shell, so that both say the same.
"""

from collections.abc import Iterable, Mapping, Sequence
from typing import Any, ClassVar

from jupyter_orch.domain.outputs import CheckResult

_MANY = 20  # names in a message
_LONG = 100  # characters of one of them


class OrchError(Exception):
    """Something went wrong that a person can be told about."""

    status: ClassVar[int] = 500
    code: ClassVar[str] = "internal"
    exit_code: ClassVar[int] = 1

    def __init__(self, message: str, *, field: str | None = None, hint: str | None = None) -> None:
        super().__init__(message)
        self.message = message
        self.field = field
        self.hint = hint


class BadInput(OrchError):
    """A value that was given cannot be used; nothing was stored."""

    status = 422
    code = "bad_input"
    exit_code = 2


class BadFields(BadInput):
    """Several values cannot be used; it speaks with the words of the first one."""

    def __init__(self, errors: Sequence[BadInput]) -> None:
        super().__init__(errors[0].message, field=errors[0].field, hint=errors[0].hint)
        self.errors = tuple(errors)


class NotFound(OrchError):
    """There is no such job, run, table or version."""

    status = 404
    code = "not_found"
    exit_code = 3


class Refused(OrchError):
    """The request is understood and not allowed now."""

    status = 409
    code = "refused"
    exit_code = 4


class Forbidden(Refused):
    """The caller has no right to do this."""

    status = 403
    code = "forbidden"


class StaleWrite(Refused):
    """Somebody else changed this meanwhile; reload and try again."""

    status = 412
    code = "stale_write"


class Unavailable(OrchError):
    """The service or the warehouse cannot be reached."""

    status = 503
    code = "unavailable"
    exit_code = 5


class CheckFailed(OrchError):
    """A check of an output did not hold; nothing was published."""

    status = 422
    code = "check_failed"
    #: What was seen by each check; it does not travel in JSON.
    results: tuple[CheckResult, ...] = ()


def listed(items: Iterable[str], *, mark: str = ", ") -> str:
    """Names in a message, which stays short however many and however long they are."""
    texts = [item if len(item) <= _LONG else item[: _LONG - 1] + "…" for item in items]
    more = len(texts) - _MANY
    return mark.join(texts if more <= 0 else [*texts[:_MANY], f"and {more:,} more"])


def to_problem(error: OrchError) -> dict[str, Any]:
    """The words of an error as they travel in JSON."""
    problem: dict[str, Any] = {
        "code": error.code,
        "title": error.message,
        "field": error.field,
        "hint": error.hint,
    }
    if isinstance(error, BadFields):
        problem["errors"] = [
            {"field": each.field, "title": each.message, "hint": each.hint} for each in error.errors
        ]
    return problem


def from_problem(problem: Mapping[str, Any]) -> OrchError:
    """The error that travelled as JSON; an unknown code is an `OrchError`."""
    if problem.get("errors"):
        return BadFields(
            [
                BadInput(str(each.get("title")), field=each.get("field"), hint=each.get("hint"))
                for each in problem["errors"]
            ]
        )
    kind = _BY_CODE.get(problem.get("code"), OrchError)
    return kind(
        str(problem.get("title") or "Something went wrong."),
        field=problem.get("field"),
        hint=problem.get("hint"),
    )


_BY_CODE: dict[object, type[OrchError]] = {
    kind.code: kind
    for kind in (BadInput, NotFound, Refused, Forbidden, StaleWrite, Unavailable, CheckFailed)
}

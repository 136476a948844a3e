"""What can go wrong, in words for people.

Every error carries one sentence that says what was wrong; `field` names the input it belongs to
(dotted: `triggers.0.cron`) and `hint` says what to do next. The server maps `status` to HTTP, the
command line maps `exit_code` to the shell, so that both say the same.
"""

from typing import ClassVar


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

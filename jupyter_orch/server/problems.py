"""Errors as `application/problem+json`, in the service and in JupyterLab."""

from http import HTTPStatus
from typing import Any

from jupyter_server.base.handlers import APIHandler
from tornado import web

from jupyter_orch.domain.errors import Forbidden, NotFound, OrchError, Refused, to_problem
from jupyter_orch.wire import dump_bytes


class ProblemHandler(APIHandler):
    """Answers every error as `application/problem+json`."""

    auth_resource = "jupyter_orch"

    def problem(self, error: OrchError) -> None:
        """Ends the request with this error."""
        self.set_status(error.status)
        body = {"status": error.status, **to_problem(error)}
        self.finish(dump_bytes(body), set_content_type="application/problem+json")

    def write_error(self, status_code: int, **kwargs: Any) -> None:
        """Ends the request with an error that tornado or a defect raised."""
        raised = (kwargs.get("exc_info") or (None, None, None))[1]
        if isinstance(raised, OrchError):
            self.problem(raised)
            return
        said = raised.log_message if isinstance(raised, web.HTTPError) else None
        body = {
            "status": status_code,
            "code": _CODES.get(status_code, "internal"),
            "title": said or _said(status_code),
            "field": None,
            "hint": None,
        }
        self.finish(dump_bytes(body), set_content_type="application/problem+json")


def _said(status: int) -> str:
    if status >= HTTPStatus.INTERNAL_SERVER_ERROR:
        return "Something went wrong inside; the log of the service says more."
    return f"{HTTPStatus(status).phrase}."


_CODES: dict[int, str] = {
    HTTPStatus.FORBIDDEN: Forbidden.code,
    HTTPStatus.UNAUTHORIZED: Forbidden.code,
    HTTPStatus.NOT_FOUND: NotFound.code,
    HTTPStatus.METHOD_NOT_ALLOWED: Refused.code,
}

"""Calls of the REST API: one connection, what its answers hold, and errors by their class."""

from collections.abc import Mapping
from types import TracebackType
from typing import TYPE_CHECKING, Any, Self, cast
from urllib.parse import quote

from jupyter_orch.client.transport import SOCKET, endpoint, listens, not_running
from jupyter_orch.domain.errors import OrchError, Unavailable, from_problem
from jupyter_orch.settings import Settings, load

if TYPE_CHECKING:
    import httpx

BASE = "/jupyter-orch/api/v1"
TIMEOUT = 120.0  # seconds for one answer; a cold warehouse may take its time


class Calls:
    """A connection to the service.

    Raises:
        Unavailable: From every call, when no service answers.
        OrchError: From every call, the subclass that fits the service's refusal.
    """

    def __init__(
        self, url: str | None = None, token: str | None = None, *, settings: Settings | None = None
    ) -> None:
        import httpx

        self._settings = settings or load()
        is_local = not (url or self._settings.service_url)
        self._socket = self._settings.state_dir / SOCKET if is_local else None
        self._reached = False
        self._http = httpx.Client(
            **endpoint(self._settings, url, token),
            timeout=httpx.Timeout(TIMEOUT, connect=5.0),
        )

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.close()

    def close(self) -> None:
        """Closes the connection."""
        self._http.close()

    def _get(self, path: str, query: Mapping[str, Any] | None = None) -> dict[str, Any]:
        given = {name: value for name, value in (query or {}).items() if value not in (None, "")}
        return cast("dict[str, Any]", self._request("GET", path, params=given))

    def _send(
        self,
        method: str,
        path: str,
        body: Any = None,
        *,
        idempotency_key: str | None = None,
        if_match: int | str | None = None,
    ) -> dict[str, Any]:
        headers = {}
        if idempotency_key:
            headers["Idempotency-Key"] = idempotency_key
        if if_match is not None:
            headers["If-Match"] = f'"{if_match}"'
        answer = self._request(method, path, json=body, headers=headers)
        return cast("dict[str, Any]", answer)

    def _request(self, method: str, path: str, **more: Any) -> Any:
        import httpx

        if self._socket and not self._reached and not listens(self._socket):
            raise not_running(self._settings)
        try:
            response = self._http.request(method, BASE + path, **more)
            self._reached = True
        except httpx.ConnectError:
            self._reached = False
            raise not_running(self._settings) from None
        except httpx.HTTPError as error:
            raise Unavailable(
                f"The service stopped answering: {type(error).__name__}.", field="service"
            ) from None
        if response.is_error:
            raise _error(response)
        return response.json() if response.content else None


def part(value: str) -> str:
    """A name as a part of a path."""
    return quote(value, safe="")


def _error(response: "httpx.Response") -> OrchError:
    try:
        problem = response.json()
    except ValueError:
        problem = None
    if isinstance(problem, dict) and "title" in problem:
        return from_problem(problem)
    return Unavailable(
        f"Something that is not the service answered with status {response.status_code}.",
        field="service",
        hint="Check service.url and the token.",
    )

"""What a route of the REST API is."""

import re
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from jupyter_orch.server.call import Call
from jupyter_orch.service import Service

BASE = "/jupyter-orch/api/v1"


@dataclass(frozen=True, kw_only=True)
class Route:
    """One verb on one path."""

    method: str
    #: With at most one `{name}`, which takes everything up to `/` or `:`.
    path: str
    does: Callable[[Service, Call], Any]
    summary: str
    #: Type of the answer; absent: no content.
    answer: Any = None
    body: Any = None
    #: Names of query arguments.
    query: tuple[str, ...] = ()
    status: int = 200
    #: Whether `wait=<seconds>` may hold the answer back until something changed.
    waits: bool = False

    @property
    def pattern(self) -> str:
        """The path as a regular expression."""
        return re.sub(r"\\\{\w+\\\}", "([^/:]+)", re.escape(self.path))

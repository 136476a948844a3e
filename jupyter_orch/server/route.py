"""What a route of the REST API is."""

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
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
    #: Query arguments and their types.
    query: Mapping[str, Any] = field(default_factory=dict)
    #: Whether it takes an `Idempotency-Key`: the same one answers with what was made first.
    keyed: bool = False
    #: Whether it takes `If-Match`: another tag than the current one is refused.
    guarded: bool = False
    #: Whether the answer has an `ETag`.
    tagged: bool = False
    status: int = 200
    #: Whether `wait=<seconds>` may hold the answer back until something changed.
    waits: bool = False

    @property
    def pattern(self) -> str:
        """The path as a regular expression."""
        return re.sub(r"\\\{\w+\\\}", "([^/:]+)", re.escape(self.path))

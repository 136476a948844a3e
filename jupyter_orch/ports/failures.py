"""Where equal failures are found."""

from datetime import datetime
from typing import Protocol

from jupyter_orch.domain.failures import FailureGroup, FailureHistory
from jupyter_orch.domain.ids import RunId, TeamId
from jupyter_orch.domain.model import Page


class FailureStore(Protocol):
    """Failures of runs, by fingerprint."""

    def failure_history(self, team: TeamId, run_id: RunId) -> FailureHistory | None:
        """How often the job of this failed run failed in the same way; None when nobody knows."""
        ...

    def failures(
        self, team: TeamId, *, since: datetime, cursor: str | None = None, limit: int = 50
    ) -> Page[FailureGroup]:
        """Equal failures that ended since then, the latest first."""
        ...

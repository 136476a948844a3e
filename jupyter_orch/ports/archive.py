"""What is old, and what lost attempts left behind."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Protocol

from jupyter_orch.domain.ids import RunId


@dataclass(frozen=True)
class Expired:
    """A run that may go."""

    run_id: RunId
    ended_at: datetime


class Archive(Protocol):
    """What retention asks of the database; each call is one short transaction."""

    def expired_runs(
        self, *, ended_before: datetime, limit: int, ended_from: datetime | None = None
    ) -> tuple[Expired, ...]:
        """Ended runs that may go, oldest first: not pinned, not their job's last success or end.

        With `ended_from` only those that ended then or later are looked at.
        """
        ...

    def delete_runs(self, run_ids: Sequence[RunId]) -> int:
        """Removes runs that may go, with all that belongs to them; answers how many."""
        ...

    def delete_backfills(self, *, ended_before: datetime, limit: int) -> int:
        """Removes backfills that ended and whose runs are gone; answers how many."""
        ...

    def delete_versions(self, *, superseded_before: datetime, limit: int) -> int:
        """Removes old job versions that no run and no backfill names; answers how many."""
        ...

    def unused_notebooks(self, hashes: Sequence[str]) -> frozenset[str]:
        """Those of the hashes that no run, job version or backfill names."""
        ...


@dataclass(frozen=True, kw_only=True)
class LostAttempt:
    """An attempt whose worker went away without clearing up after it."""

    run_id: RunId
    number: int
    #: Queries that it started, the latest ones first.
    queries: tuple[str, ...]


class Remains(Protocol):
    """What attempts of lost workers left behind."""

    def lost_attempts(self, *, limit: int) -> tuple[LostAttempt, ...]:
        """Those that nobody has cleared up after, the one that was lost first at the front."""
        ...

    def attempt_swept(self, run_id: RunId, number: int) -> None:
        """Says that nothing is left of it; saying it twice is harmless."""
        ...

    def active_runs(self, run_ids: Sequence[RunId]) -> frozenset[RunId]:
        """Those of them that have not ended."""
        ...

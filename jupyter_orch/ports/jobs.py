"""Where jobs are kept."""

from collections.abc import Mapping
from datetime import datetime
from typing import Protocol

from jupyter_orch.domain.ids import JobId, TeamId
from jupyter_orch.domain.model import Job, JobListState, JobSpec, JobSummary, Page


class JobStore(Protocol):
    """Jobs and their immutable versions."""

    def add_job(self, job: Job, *, next_due: Mapping[str, datetime | None]) -> Job:
        """Stores a new job at version 1 with the first due instant of each trigger.

        Raises:
            Refused: The team has a job of that name (field `name`).
        """
        ...

    def update_job(
        self,
        job_id: JobId,
        *,
        expected_version: int,
        spec: JobSpec,
        notebook_sha256: str | None,
        next_due: Mapping[str, datetime | None],
        user: str,
    ) -> Job:
        """Saves the next version and clears `error`.

        A trigger that keeps its id, kind and times keeps its due instant; the others take theirs
        from `next_due`.

        Raises:
            NotFound: No such job.
            StaleWrite: Another version is current.
            Refused: The name is taken.
        """
        ...

    def set_paused(
        self, job_id: JobId, *, paused: bool, next_due: Mapping[str, datetime | None], user: str
    ) -> Job:
        """Pauses, or resumes with new due instants. Saying it twice is harmless."""
        ...

    def delete_job(self, job_id: JobId, *, user: str, expected_version: int | None = None) -> None:
        """Removes the job and its triggers; history stays.

        Its queued runs and its backfills are cancelled. With `expected_version` only as long as
        that one is current.
        """
        ...

    def get_job(self, team: TeamId, key: str) -> Job:
        """The job with this id or, failing that, this name."""
        ...

    def get_summary(self, job_id: JobId) -> JobSummary:
        """One line of the list of jobs."""
        ...

    def list_jobs(
        self,
        team: TeamId,
        *,
        search: str = "",
        notebook: str | None = None,
        state: JobListState | None = None,
        cursor: str | None = None,
        limit: int = 50,
    ) -> Page[JobSummary]:
        """Jobs by name; `search` matches a part of the name, without case."""
        ...

    def failing(self, team: TeamId) -> int:
        """How many jobs are failing."""
        ...

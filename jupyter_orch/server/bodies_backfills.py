"""What requests about backfills bring."""

from dataclasses import dataclass

from jupyter_orch.domain.backfill import BackfillRequest


@dataclass(frozen=True, kw_only=True)
class AskBackfill(BackfillRequest):
    """Body of `POST /backfills` and of `POST /backfills:plan`."""

    #: Id or name of the job.
    job: str

"""Use cases of failures: what helps with one, and which there are."""

from datetime import UTC, datetime, timedelta

from jupyter_orch.domain.errors import BadInput
from jupyter_orch.domain.failures import Failure, FailureGroup
from jupyter_orch.domain.frames import error_line, read_frames
from jupyter_orch.domain.model import Actor, Page, Run
from jupyter_orch.domain.states import RunState
from jupyter_orch.domain.text import plain
from jupyter_orch.ports import Clock, Store
from jupyter_orch.service.pages import page_size
from jupyter_orch.service.rights import require

#: How far back a listing looks unless it is told.
SINCE = timedelta(days=7)


class Failures:
    """What a person asks about runs that failed."""

    def __init__(self, store: Store, clock: Clock) -> None:
        self._store = store
        self._clock = clock

    def list(
        self,
        actor: Actor,
        *,
        since: datetime | None = None,
        cursor: str | None = None,
        limit: int | None = None,
    ) -> Page[FailureGroup]:
        """Equal failures as one, the latest first; those of the last seven days unless told.

        Raises:
            BadInput: That is no instant (field `since`).
        """
        require(actor, "read")
        return self._store.failures(
            actor.team,
            since=_utc(since) if since else self._clock.now() - SINCE,
            cursor=cursor,
            limit=page_size(limit),
        )


def _utc(since: datetime) -> datetime:
    if since.tzinfo is None:
        hint = "For example 2026-01-31T06:00:00Z."
        raise BadInput("since needs a time zone.", field="since", hint=hint)
    try:
        return since.astimezone(UTC)
    except OverflowError:
        raise BadInput("since is out of all calendars.", field="since") from None


def failure_of(store: Store, run: Run) -> Failure | None:
    """What helps with a run beside its error; None for one that has not failed."""
    if run.state is not RunState.FAILED:
        return None
    frames = read_frames(plain(run.error.traceback)) if run.error else ()
    return Failure(
        frames=frames,
        error_line=error_line(frames),
        history=store.failure_history(run.team, run.id),
    )

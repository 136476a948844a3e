"""Use cases about the installation itself: how it stands, what changed, what is there."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import Any

from jupyter_orch._version import __version__
from jupyter_orch.domain import schedule
from jupyter_orch.domain.errors import OrchError
from jupyter_orch.domain.model import Actor, Change, Trigger
from jupyter_orch.domain.states import RunState
from jupyter_orch.ports import Clock, Store, Warehouse
from jupyter_orch.service.kernels import kernels
from jupyter_orch.service.notebooks import Notebooks
from jupyter_orch.service.rights import require
from jupyter_orch.service.threads import Timer, Worker

SILENCE = timedelta(seconds=60)  # of the scheduler, after which it counts as stuck
MOST_FIRES = 50


@dataclass(frozen=True, kw_only=True)
class Health:
    """Whether the parts work, and in one sentence each why not."""

    database: str | None
    scheduler: str | None
    worker: str | None

    @property
    def well(self) -> bool:
        """Whether everything works."""
        return not (self.database or self.scheduler or self.worker)


class System:
    """The installation as people and monitors see it."""

    def __init__(
        self,
        store: Store,
        warehouse: Warehouse,
        notebooks: Notebooks,
        clock: Clock,
        *,
        timer: Timer,
        worker: Worker,
    ) -> None:
        self._store = store
        self._warehouse = warehouse
        self._timer = timer
        self._worker = worker
        self._notebooks = notebooks
        self._clock = clock

    def status(self, actor: Actor) -> Mapping[str, Any]:
        """What the status bar and `jupyter orch status` show."""
        require(actor, "read")
        counts = self._store.counts(actor.team)
        return {
            "version": __version__,
            "state": "running" if self.health().well else "unwell",
            "user": actor.user,
            "time": self._clock.now(),
            "workers": self._store.workers(),
            "counts": {
                state.value: counts.get(state, 0)
                for state in (RunState.QUEUED, RunState.RUNNING, RunState.PUBLISHING)
            }
            | {"failing": self._store.failing(actor.team)},
            "warehouse": self._warehouse.describe(),
            "roots": [str(root) for root in self._notebooks.roots],
        }

    def kernels(self, actor: Actor) -> Sequence[Mapping[str, str]]:
        """The kernels that jobs may name."""
        require(actor, "read")
        return kernels()

    def preview(self, actor: Actor, trigger: Trigger, *, count: int = 5) -> Mapping[str, Any]:
        """When a trigger that is being typed would fire.

        Raises:
            BadInput: The trigger cannot be used (field `trigger.…`).
        """
        require(actor, "read")
        trigger = replace(trigger, id=trigger.id or "preview")
        schedule.validate(trigger, field="trigger")
        now = self._clock.now()
        fires = schedule.preview(trigger, now, max(1, min(count, MOST_FIRES)))
        return {"fires": fires, "description": schedule.describe(trigger)}

    def changes(self, actor: Actor, *, after: int) -> Mapping[str, Any]:
        """What changed after the cursor; `after=-1` asks only where the feed stands."""
        require(actor, "read")
        if after < 0:
            return {"cursor": self._store.last_change(), "changes": ()}
        found: tuple[Change, ...] = self._store.changes(after=after)
        return {"cursor": found[-1].cursor if found else after, "changes": found}

    def counts(self, actor: Actor) -> Mapping[RunState, int]:
        """Runs that have not ended, by state."""
        require(actor, "read")
        return self._store.counts(actor.team)

    @property
    def last_tick(self) -> datetime | None:
        """When the scheduler last looked for due jobs."""
        return self._timer.last_tick

    def health(self) -> Health:
        """Whether database, scheduler and worker do their work now."""
        return Health(
            database=self._database_problem(),
            scheduler=self._scheduler_problem(),
            worker=None if self._worker.alive else "The worker has stopped.",
        )

    def _database_problem(self) -> str | None:
        try:
            self._store.now()
        except OrchError as error:
            return error.message
        return None

    def _scheduler_problem(self) -> str | None:
        if not self._timer.alive:
            return "The scheduler has stopped."
        last = self._timer.last_tick
        if last is not None and self._clock.now() - last > SILENCE:
            return f"The scheduler has not looked for due jobs since {last:%H:%M:%S} UTC."
        return None

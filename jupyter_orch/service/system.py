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
APART = timedelta(seconds=5)  # of two clocks, after which people should know
MOST_FIRES = 50


@dataclass(frozen=True, kw_only=True)
class Health:
    """Whether the parts work, and in one sentence each why not."""

    database: str | None
    scheduler: str | None
    worker: str | None
    #: What is strange about this host's clock. Nothing hangs on it but what is shown and logged.
    clock: str | None = None

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
        health = self.health()
        counts = self._store.counts(actor.team)
        return {
            "version": __version__,
            "state": "running" if health.well else "unwell",
            "user": actor.user,
            "time": self._store.now(),
            "clock": health.clock,
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
        now = self._store.now()
        trigger = schedule.anchored(replace(trigger, id=trigger.id or "preview"), now)
        schedule.validate(trigger, field="trigger")
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
        database, clock = self._database_problems()
        return Health(
            database=database,
            scheduler=self._scheduler_problem(),
            worker=None if self._worker.alive else "The worker has stopped.",
            clock=clock,
        )

    def _database_problems(self) -> tuple[str | None, str | None]:
        """What is wrong with the database, and with this host's clock beside its."""
        asked = self._clock.now()
        try:
            theirs = self._store.now()
        except OrchError as error:
            return error.message, None
        answered = self._clock.now()
        # It was read somewhere between the question and the answer.
        if asked - APART <= theirs <= answered + APART:
            return None, None
        apart = (asked - theirs).total_seconds()
        way = "ahead of" if apart > 0 else "behind"
        return None, f"This host's clock is {abs(apart):.0f} s {way} the database's."

    def _scheduler_problem(self) -> str | None:
        if not self._timer.alive:
            return "The scheduler has stopped."
        last = self._timer.last_tick
        if last is not None and self._clock.now() - last > SILENCE:
            return f"The scheduler has not looked for due jobs since {last:%H:%M:%S} UTC."
        return None

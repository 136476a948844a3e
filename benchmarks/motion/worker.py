"""A worker whose attempts do nothing and take simulated time; the ledger it speaks to is real."""

from collections import Counter
from dataclasses import dataclass, field

from jupyter_orch.domain.ids import RunId
from jupyter_orch.domain.model import Run, RunError
from jupyter_orch.domain.states import Reason, RunState
from jupyter_orch.execution.outputs import Ending
from jupyter_orch.ports import WorkerInfo
from jupyter_orch.runner.holding import retry_delay
from jupyter_orch.store.ends import End
from jupyter_orch.store.sql import SqlStore
from motion.fate import Fate, fate_of
from motion.world import SECOND, World

LEASE_SECONDS = 60.0
TURN_SECONDS = 2  # what ends meanwhile is told in one transaction, as that of threads is
IDLE_SECONDS = 30  # without any sign of work it looks all the same
STOP_SECONDS = 2.0  # that an attempt takes to stop when it is asked to
_FAILED = RunError(name="ValueError", message="The simulated notebook failed.", cell_index=3)


@dataclass
class Tally:
    """What the workers know of what they did."""

    begun: int = 0
    ended: Counter[str] = field(default_factory=Counter)
    #: Attempts that died with their worker.
    lost: int = 0
    #: Ends that the ledger refused.
    refused: int = 0


class NoOpWorker:
    """Claims, keeps leases and ends attempts, as the product's worker does, in one thread."""

    def __init__(
        self, world: World, ledger: SqlStore, name: str, *, seed: int, slots: int, tally: Tally
    ) -> None:
        self.name = name
        self._world = world
        self._ledger = ledger
        self._seed = seed
        self._slots = slots
        self._tally = tally
        self._held: dict[RunId, Run] = {}
        self._over: list[tuple[Run, Ending]] = []
        self._stopping: set[RunId] = set()
        self._looks: set[int] = set()
        self._dead = False
        world.at(world.micros, self._beat)

    def wake(self, at: int | None = None) -> None:
        """Looks for work within a second; with `at` when that instant has come."""
        wanted = self._world.micros if at is None else max(at, self._world.micros)
        turn = TURN_SECONDS * SECOND
        wanted = -(-wanted // turn) * turn
        if wanted not in self._looks:
            self._looks.add(wanted)
            self._world.at(wanted, self._look)

    def kill(self) -> None:
        """Dies at once, with all that it holds."""
        self._dead = True
        self._tally.lost += len(self._held)
        self._held.clear()
        self._over.clear()

    def _look(self) -> None:
        self._looks.discard(self._world.micros)
        if self._dead:
            return
        self._tell()
        room = self._slots - len(self._held)
        news = self._ledger.news(self.name, list(self._held), room=room > 0)
        for run_id in news.cancelled:
            self._stop(run_id)
        if not news.claimable:
            return
        if news.publications:
            self._ledger.claim_publications(self.name, limit=room, lease_seconds=LEASE_SECONDS)
        for run in self._ledger.claim_runs(self.name, limit=room, lease_seconds=LEASE_SECONDS):
            self._begin(run)

    def _begin(self, run: Run) -> None:
        self._tally.begun += 1
        self._held[run.id] = run
        fate = fate_of(self._seed, run, run.attempt)
        at = self._world.micros + int(fate.seconds * SECOND)
        self._world.at(at, lambda: self._end(run, _ending(fate)))

    def _stop(self, run_id: RunId) -> None:
        run = self._held.get(run_id)
        if run is None or run_id in self._stopping:
            return
        self._stopping.add(run_id)
        ending = Ending(state=RunState.CANCELLED, reason=Reason.CANCELLED_BY_USER)
        at = self._world.micros + int(STOP_SECONDS * SECOND)
        self._world.at(at, lambda: self._end(run, ending))

    def _end(self, run: Run, ending: Ending) -> None:
        held = self._held.get(run.id)
        if held is None or held.attempt != run.attempt or self._is_over(run):
            return
        self._over.append((run, ending))
        self.wake()

    def _is_over(self, run: Run) -> bool:
        return any(run.id == each.id for each, _ in self._over)

    def _tell(self) -> None:
        """Says how attempts ended, as far as somebody has not taken them away."""
        over, self._over = self._over, []
        ends = []
        for run, ending in over:
            if self._held.pop(run.id, None) is None:
                continue
            self._stopping.discard(run.id)
            wait = retry_delay(run, ending)
            ends.append(
                End(
                    worker=self.name,
                    run_id=run.id,
                    attempt=run.attempt,
                    state=ending.state,
                    reason=ending.reason,
                    error=ending.error,
                    retry_in_seconds=wait,
                )
            )
            if wait is not None:
                self.wake(self._world.micros + int(wait * SECOND))
        if ends:
            answers = self._ledger.finish_all(ends)
            self._tally.refused += answers.count(False)
            self._tally.ended.update(end.state for end in ends)

    def _beat(self) -> None:
        if self._dead:
            return
        info = WorkerInfo(
            name=self.name,
            host="simulated",
            pid=1,
            slots=self._slots,
            busy=len(self._held),
            last_seen=self._world.now(),
        )
        self._ledger.beat(info)
        if self._held:
            held = [(run_id, each.attempt) for run_id, each in self._held.items()]
            kept = self._ledger.heartbeat(self.name, held, lease_seconds=LEASE_SECONDS)
            for run_id in self._held.keys() - {each.run_id for each in kept}:
                del self._held[run_id]
        self._world.at(self._world.micros + int(LEASE_SECONDS / 3 * SECOND), self._beat)
        self.wake(self._world.micros + IDLE_SECONDS * SECOND)


def _ending(fate: Fate) -> Ending:
    if not fate.fails:
        return Ending(state=RunState.SUCCEEDED)
    reason = Reason.NOT_RETRYABLE if fate.hopeless else Reason.USER_ERROR
    return Ending(state=RunState.FAILED, reason=reason, error=_FAILED)

"""The worker: claims runs, keeps their leases, supervises each in a thread of its own."""

import logging
import os
import secrets
import socket
import threading
import time
from collections.abc import Callable
from datetime import UTC, datetime
from typing import Protocol

from jupyter_orch.domain.errors import Unavailable
from jupyter_orch.domain.model import Run
from jupyter_orch.domain.outputs import StagedOutput
from jupyter_orch.execution.log import FILE_NAME, RunLog
from jupyter_orch.execution.outputs import publish
from jupyter_orch.ports import Artifacts, Warehouse, WorkerInfo, WorkerStore
from jupyter_orch.runner.environment import allowed
from jupyter_orch.runner.executor import Executor
from jupyter_orch.runner.holding import Holding
from jupyter_orch.runner.launcher import Launcher
from jupyter_orch.runner.listener import Listener
from jupyter_orch.runner.process import clear_leftovers
from jupyter_orch.runner.supervisor import Supervisor
from jupyter_orch.settings import Settings

_log = logging.getLogger(__name__)
#: Seconds between two looks for runs and for requests to cancel of which nobody told.
_POLL = 0.5
_LONGEST_POLL = 1.0  # seconds, when looks take long or lead to nothing
_SHARE = 5  # times as long as it took waits a look for the next one
_STALE = 30.0  # seconds without a turn of the loop: something hangs
_AFTER_HAND_BACK = 10.0  # seconds until a stopped attempt has said so


class _Task(Protocol):
    """What the worker does with a run that it holds."""

    holding: Holding

    def execute(self) -> None: ...
    def cancel(self) -> None: ...
    def hand_back(self) -> None: ...
    def abandon(self) -> None: ...


class Worker:
    """Executes runs until stopped; start and stop it from one thread."""

    def __init__(
        self,
        ledger: WorkerStore,
        artifacts: Artifacts,
        warehouse: Warehouse,
        settings: Settings,
        *,
        name: str | None = None,
        launcher: Launcher | None = None,
    ) -> None:
        #: Unique among all workers, also after a restart on the same host.
        self.name = name or f"{socket.gethostname()}-{os.getpid()}-{secrets.token_hex(3)}"
        self._ledger = ledger
        self._artifacts = artifacts
        self._warehouse = warehouse
        self._settings = settings
        self._executor = Executor(warm_seconds=settings.warm_seconds)
        self._launcher = launcher or self._executor.launch
        self._environ = allowed(os.environ)
        self._lock = threading.Lock()
        self._tasks: dict[threading.Thread, _Task] = {}
        self._stopping = threading.Event()
        self._claiming = threading.Lock()
        self._in_vain = 0
        self._ended = threading.Event()
        self._queue_woken = threading.Event()
        self._heart_woken = threading.Event()
        self._last_turn = time.monotonic()
        self._renewed = time.monotonic()
        self._listener = Listener(ledger, self.wake)
        self._loops = (
            threading.Thread(target=self._claim_loop, name="worker-claim", daemon=True),
            threading.Thread(target=self._heart_loop, name="worker-heart", daemon=True),
        )

    def start(self) -> None:
        """Ends what a killed worker left behind, and begins to claim."""
        clear_leftovers()
        for loop in self._loops:
            loop.start()
        self._listener.start()

    def wake(self) -> None:
        """Looks for new runs and for requests to cancel now instead of soon."""
        self._queue_woken.set()

    @property
    def alive(self) -> bool:
        """Whether it claims and keeps leases."""
        recent = time.monotonic() - self._last_turn < _STALE
        return recent and all(loop.is_alive() for loop in self._loops)

    def stop(self, timeout: float = 0.0) -> None:
        """Claims no more, waits for running attempts, and hands the rest back to the queue.

        Args:
            timeout: Seconds that running attempts get to end by themselves.
        """
        self._stopping.set()
        with self._claiming:  # what a claim under way has taken is among the tasks then
            pass
        self._join_tasks(timeout)
        for task in self._held():
            task.hand_back()
        self._join_tasks(_AFTER_HAND_BACK)
        self._ended.set()
        self._queue_woken.set()
        self._heart_woken.set()
        for loop in self._loops:
            if loop.is_alive():
                loop.join()
        self._listener.stop()
        self._executor.close()

    def _join_tasks(self, timeout: float) -> None:
        deadline = time.monotonic() + timeout
        with self._lock:
            threads = list(self._tasks)
        for thread in threads:
            thread.join(max(0.0, deadline - time.monotonic()))

    def _held(self) -> list[_Task]:
        with self._lock:
            return list(self._tasks.values())

    # ------------------------------------------------------------------------- claiming

    def _claim_loop(self) -> None:
        while not self._ended.is_set():
            self._queue_woken.clear()
            began = time.monotonic()
            self._guarded("claim", self._look)
            self._last_turn = time.monotonic()
            pause = max(_POLL * 2**self._in_vain, _SHARE * (self._last_turn - began))
            self._queue_woken.wait(min(pause, _LONGEST_POLL))

    def _look(self) -> None:
        """Reads what there is to do; writes only when there is something."""
        tasks = {task.holding.run.id: task for task in self._held()}
        room = len(tasks) < self._settings.worker_slots and not self._stopping.is_set()
        news = self._ledger.news(self.name, list(tasks), room=room)
        for run_id in news.cancelled:
            if run_id in tasks:
                tasks[run_id].cancel()
        begun = 0
        with self._claiming:
            if news.claimable and not self._stopping.is_set():
                begun = self._claim_publications() if news.publications else 0
                begun += self._claim_runs()
        # Others were faster, or there is a run that this code cannot read.
        self._in_vain = min(self._in_vain + 1, 10) if news.claimable and not begun else 0

    def _claim_publications(self) -> int:
        """Takes over what others were publishing; answers how many."""
        publications = self._ledger.claim_publications(
            self.name, limit=self._free(), lease_seconds=self._settings.lease_seconds
        )
        for run, staged in publications:
            self._begin(_Publication(self, run, staged))
        return len(publications)

    def _claim_runs(self) -> int:
        """Takes what there is room for from the queue; answers how many."""
        room = self._free()
        if room <= 0:
            return 0
        lease = self._settings.lease_seconds
        runs = self._ledger.claim_runs(self.name, limit=room, lease_seconds=lease)
        for run in runs:
            _log.info("run.claimed", extra={"run_id": run.id, "attempt": run.attempt})
            self._begin(
                Supervisor(
                    run,
                    worker=self.name,
                    ledger=self._ledger,
                    artifacts=self._artifacts,
                    warehouse=self._warehouse,
                    settings=self._settings,
                    launcher=self._launcher,
                    environ=self._environ,
                )
            )
        return len(runs)

    def _free(self) -> int:
        return self._settings.worker_slots - len(self._held())

    def _begin(self, task: _Task) -> None:
        def execute() -> None:
            try:
                task.execute()
            finally:
                with self._lock:
                    self._tasks.pop(threading.current_thread(), None)
                self._queue_woken.set()

        thread = threading.Thread(target=execute, name=f"run-{task.holding.run.id}", daemon=True)
        with self._lock:
            self._tasks[thread] = task
        thread.start()

    def publish(self, holding: Holding, staged: tuple[StagedOutput, ...]) -> None:
        """Rolls a publish intent forward whose worker was lost."""
        run = holding.run
        log = RunLog(self._artifacts.attempt_folder(run.id, run.attempt) / FILE_NAME)
        try:
            log.write("publish.taken_over", worker=self.name)
            ending = publish(run, staged, warehouse=self._warehouse, log=log)
            if ending is not None:
                holding.finish(ending)
        finally:
            log.close()

    # ------------------------------------------------------------------------- leases

    def _heart_loop(self) -> None:
        while not self._ended.is_set():
            self._heart_woken.clear()
            self._guarded("heartbeat", self._beat)
            self._give_up_old_leases()
            self._guarded("rest", self._executor.rest)
            self._heart_woken.wait(self._settings.lease_seconds / 3)

    def _beat(self) -> None:
        lease = self._settings.lease_seconds
        asked = time.monotonic()
        tasks = {(task.holding.run.id, task.holding.run.attempt): task for task in self._held()}
        self._ledger.beat(self._info(len(tasks)))
        kept = set()
        if tasks:
            held = self._ledger.heartbeat(self.name, list(tasks), lease_seconds=lease)
            kept = {each.run_id for each in held}
        self._renewed = asked
        for (run_id, _), task in tasks.items():
            if run_id not in kept and not task.holding.ending:
                task.abandon()
        self._ledger.reap()

    def _give_up_old_leases(self) -> None:
        """Without the database, a lease that we could not renew is somebody else's."""
        if time.monotonic() - self._renewed > self._settings.lease_seconds:
            for task in self._held():
                task.abandon()

    def _info(self, busy: int) -> WorkerInfo:
        return WorkerInfo(
            name=self.name,
            host=socket.gethostname(),
            pid=os.getpid(),
            slots=self._settings.worker_slots,
            busy=busy,
            last_seen=datetime.now(UTC),
        )

    def _guarded(self, what: str, action: Callable[[], None]) -> None:
        """A turn that fails is logged; the next one may succeed."""
        try:
            action()
        except Unavailable as error:
            _log.warning("worker.database_away", extra={"what": what, "error": str(error)})
        except Exception:  # noqa: BLE001 - the loop outlives every single failure
            _log.exception("worker.turn_failed", extra={"what": what})


class _Publication:
    """A run whose worker was lost while publishing: it is only rolled forward."""

    def __init__(self, worker: Worker, run: Run, staged: tuple[StagedOutput, ...]) -> None:
        self.holding = Holding(run, worker=worker.name, ledger=worker._ledger)  # noqa: SLF001
        self._worker = worker
        self._staged = staged

    def execute(self) -> None:
        try:
            self._worker.publish(self.holding, self._staged)
        except Exception:  # noqa: BLE001 - the intent stays, and is taken over again
            _log.exception("publish.failed", extra={"run_id": self.holding.run.id})

    def cancel(self) -> None:
        """Too late: the intent is recorded."""

    def hand_back(self) -> None:
        """Whatever happens, the intent stays; the next worker takes it."""

    def abandon(self) -> None:
        self.holding.lose()

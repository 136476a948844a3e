"""One attempt from claim to end: child process, channel, outputs, timeouts, ledger."""

import logging
import threading
import time
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from queue import Empty
from typing import Any

from jupyter_orch import wire
from jupyter_orch.domain.errors import NotFound, OrchError
from jupyter_orch.domain.model import Run, RunError
from jupyter_orch.domain.states import Reason, RunState
from jupyter_orch.domain.text import plain
from jupyter_orch.execution.channel_server import ChannelServer
from jupyter_orch.execution.live_queries import LiveQueries, clear_live
from jupyter_orch.execution.log import FILE_NAME, RunLog
from jupyter_orch.execution.mask import Masker
from jupyter_orch.execution.notebook_file import clear_asides
from jupyter_orch.execution.outputs import AttemptOutputs, Ending
from jupyter_orch.execution.private import channel_path, private_folder
from jupyter_orch.execution.requests import KernelRequests
from jupyter_orch.execution.table_requests import TableRequests
from jupyter_orch.ports import Artifacts, Ledger, Warehouse
from jupyter_orch.runner.environment import kernel_environment
from jupyter_orch.runner.holding import Holding, retry_delay
from jupyter_orch.runner.launcher import Launched, Launcher
from jupyter_orch.runner.queries import StartedQueries
from jupyter_orch.settings import Settings

_log = logging.getLogger(__name__)
#: Seconds between the interrupt and the kill. A cancelled run ends within five in any case: one
#: goes to the request, and two to what is left to do after the kill.
_GRACE = 2.0
_LAST_QUERIES = 1.0  # seconds that an attempt waits for the end of its queries
_TICK = 1.0  # seconds; stops and events wake the watch earlier
_PROGRESS_PAUSE = 0.2  # seconds between two reports of progress
_MEGABYTE = 1_000_000
NOTEBOOK = "notebook.ipynb"


_CANCEL = Ending(state=RunState.CANCELLED, reason=Reason.CANCELLED_BY_USER)
_HAND_BACK = Ending(
    state=RunState.CANCELLED,
    reason=Reason.WORKER_LOST,
    error=RunError(name="worker_lost", message="The worker was stopped; the run starts again."),
)


class Supervisor:
    """Executes one attempt in the calling thread; the other methods are for other threads."""

    def __init__(
        self,
        run: Run,
        *,
        worker: str,
        ledger: Ledger,
        artifacts: Artifacts,
        warehouse: Warehouse,
        settings: Settings,
        launcher: Launcher,
        environ: Mapping[str, str] | None = None,
    ) -> None:
        """Prepares the attempt.

        Args:
            run: The run, as it was claimed.
            worker: Who holds it.
            ledger: Is told what becomes of it.
            artifacts: Keep its notebook and log.
            warehouse: Gets its outputs.
            settings: The worker's.
            launcher: Begins the execution.
            environ: What the kernel's variables are taken from; absent: this process.
        """
        self.holding = Holding(run, worker=worker, ledger=ledger)
        self._run = run
        self._artifacts = artifacts
        self._warehouse = warehouse
        self._settings = settings
        self._launcher = launcher
        self._environ = environ
        self._masker = Masker()
        #: How the attempt ends that somebody wants to end; absent: by itself.
        self._stop: Ending | None = None
        self._child: Launched | None = None
        #: Cells done and all of them, as far as nobody has been told; else told with the end.
        self._untold: tuple[int, int] | None = None
        #: The cell that was last known to run, from 0.
        self._reached: int | None = None
        #: What was last heard of an execution that ended without a result.
        self._last_words = ""
        self._queries = StartedQueries(self.holding, warehouse)
        self._lock = threading.Lock()

    def cancel(self) -> None:
        """A person wants it to end: interrupt, then kill; the partial notebook is kept."""
        self._ask(_CANCEL)

    def hand_back(self) -> None:
        """The worker stops: the run goes back into the queue."""
        self._ask(_HAND_BACK)

    def abandon(self) -> None:
        """The lease is lost: end at once, say and publish nothing."""
        self.holding.lose()
        self._wake()

    def _ask(self, stop: Ending) -> None:
        with self._lock:
            if self._stop is None:
                self._stop = stop
        self._wake()

    def _wake(self) -> None:
        if self._child is not None:
            self._child.events.put({"event": "woken"})

    def execute(self) -> None:
        """Runs the attempt to its end; raises nothing."""
        try:
            with private_folder() as folder:
                ending = self._attempt(folder)
        except Exception as error:  # noqa: BLE001 - one run hurts only itself
            _log.exception("attempt.failed", extra={"run_id": self._run.id})
            ending = _platform_error(error)
        if ending is None or self.holding.lost:
            self.holding.lose()  # a refused publish intent has told nobody yet
            return
        # A stop that was asked for after the end changes nothing of it.
        retry = 0.0 if ending is _HAND_BACK else retry_delay(self._run, ending)
        self.holding.finish(ending, retry_in_seconds=retry, cells=self._untold)

    def _attempt(self, folder: Path) -> Ending | None:
        run = self._run
        kept = self._artifacts.attempt_folder(run.id, run.attempt)
        log = RunLog(kept / FILE_NAME, self._masker)
        try:
            log.write("attempt.started", attempt=run.attempt, worker=self.holding.worker)
            ending = self._execute(folder, kept, log)
            if ending is not None:
                _log_end(log, ending)
            return ending
        finally:
            log.close()

    def _execute(self, folder: Path, kept: Path, log: RunLog) -> Ending | None:
        run = self._run
        for earlier in range(1, run.attempt):
            self._warehouse.discard(run.id, earlier)
            left = self._artifacts.attempt_folder(run.id, earlier)
            clear_asides(left)
            clear_live(left)
        try:
            content = self._artifacts.get_notebook(run.notebook_sha256)
        except NotFound as error:
            return _failed(Reason.NOTEBOOK_MISSING, error.message)
        (folder / "input.ipynb").write_bytes(content)
        outputs = AttemptOutputs(
            run,
            worker=self.holding.worker,
            ledger=self.holding.ledger,
            lease_seconds=self._settings.lease_seconds,
            warehouse=self._warehouse,
            log=log,
        )
        queries = LiveQueries(kept)
        requests = KernelRequests(
            run,
            outputs=outputs,
            tables=TableRequests(self._warehouse, folder, user=run.created_by),
            settings=self._settings,
            mask=self._mask,
            record_query=self._queries.record,
            tell_query=queries.tell,
        )
        channel = ChannelServer(channel_path(folder), requests.handlers())
        try:
            result = self._run_child(folder, kept, channel, queries, log)
        finally:
            channel.close()
            queries.close()
        return self._conclude(result, outputs)

    def _run_child(
        self,
        folder: Path,
        kept: Path,
        channel: ChannelServer,
        queries: LiveQueries,
        log: RunLog,
    ) -> dict[str, Any] | None:
        environment = kernel_environment(self._settings, folder, self._environ)
        child = self._launcher(
            self._message(folder, kept, log),
            env=environment | channel.environment,
            folder=folder,
            channel=channel_path(folder),
        )
        self._child = child
        try:
            return self._watch(child, queries, log)
        finally:
            self._last_words = self._last_words or child.close()
            if self._last_words:  # who was to finish its file cannot any more
                clear_asides(kept)

    def _message(self, folder: Path, kept: Path, log: RunLog) -> dict[str, Any]:
        """What the executor is told."""
        settings = self._settings
        return {
            "log": str(kept / FILE_NAME),
            "log_limit": int(settings.log_limit_mb * _MEGABYTE),
            "request": {
                "input": str(folder / "input.ipynb"),
                "output": str(kept / NOTEBOOK),
                "notebook": self._run.notebook,
                "parameters": self._run.parameters,
                "kernel": self._run.kernel,
                "sockets": str(folder / "kernel"),
                "console": str(folder / "console"),
                "fork": settings.fork_kernels,
                "cwd": str(self._working_folder(folder, log)),
                "cell_timeout_seconds": self._run.policies.cell_timeout_seconds,
                "memory_limit": settings.memory_limit_mb * _MEGABYTE or None,
                "process_limit": settings.process_limit or None,
                "output_limit": int(settings.output_limit_mb * _MEGABYTE),
            },
        }

    def _working_folder(self, folder: Path, log: RunLog) -> Path:
        """The notebook's own folder, so that modules beside it import."""
        wanted = Path(self._run.notebook).parent
        if wanted.is_dir():
            return wanted
        log.write("folder.missing", level="warning", folder=str(wanted))
        return folder / "tmp"

    def _watch(self, child: Launched, queries: LiveQueries, log: RunLog) -> dict[str, Any] | None:
        """The child's result, or None when it ended without one."""
        timeout = self._run.policies.timeout_seconds
        deadline = None if timeout is None else time.monotonic() + timeout
        kill_at: float | None = None
        result: dict[str, Any] | None = None
        reported = 0.0
        while True:
            queries.look()
            if self._untold and child.events.empty():
                reported = self._tell_progress(reported)
            now = time.monotonic()
            if deadline is not None and now >= deadline and self._stop is None:
                self._ask(_timed_out(timeout))
            if self.holding.lost or (kill_at is not None and now >= kill_at):
                child.kill()
                kill_at = None
            elif self._stop is not None and kill_at is None:
                log.write("attempt.stopping", reason=self._stop.reason)
                child.stop()
                self._queries.stop()
                kill_at = now + _GRACE
            moments = [moment for moment in (deadline, kill_at) if moment and moment > now]
            try:
                tick = _PROGRESS_PAUSE if self._untold else _TICK
                event = child.events.get(timeout=min([tick, *(m - now for m in moments)]))
            except Empty:
                continue
            if event is None:
                return result
            result = self._hear(event) or result

    def _hear(self, event: Mapping[str, Any]) -> dict[str, Any] | None:
        """Takes in what is told; answers the result, when it is that."""
        if event["event"] == "finished":
            result: dict[str, Any] = event["result"]
            return result
        if event["event"] == "progress":
            done, total = self._untold = event["done"], event["total"]
            # With none done the kernel may not have started yet.
            self._reached = done if 0 < done < total else None
        elif event["event"] == "broken":
            self._last_words = event["traceback"]
        return None

    def _tell_progress(self, before: float) -> float:
        """Tells it now and then, the beginning at once; answers when it was last told."""
        now = time.monotonic()
        if self._untold is None or (self._untold[0] > 0 and now - before < _PROGRESS_PAUSE):
            return before
        self._tell_untold()
        return now

    def _tell_untold(self) -> None:
        if self._untold is not None:
            self.holding.progress(*self._untold)
            self._untold = None

    def _mask(self, value: str) -> None:
        self._masker.add(value)
        if self._child is not None:
            self._child.mask(value)

    def _conclude(self, result: dict[str, Any] | None, outputs: AttemptOutputs) -> Ending | None:
        if self._stop is not None or result is None or result["reason"] is not None:
            # Once more: an interrupted notebook may have begun another one.
            self._queries.stop().join(_LAST_QUERIES)
        if self.holding.lost:
            self._discard(outputs)  # also what came after the take-over discarded the rest
            return None
        with self._lock:
            stop = self._stop
        if stop is not None:
            ending = self._placed(stop, result)
        elif result is None:
            ending = self._placed(
                _failed(
                    Reason.PLATFORM_ERROR,
                    "The process that executed the notebook ended without a result.",
                    self._masker.text(plain(self._last_words)),
                ),
                None,
            )
        elif result["reason"] is None:
            if outputs.staged:  # publishing may take long, and its end may be another worker's
                self._tell_untold()
            return outputs.publish()
        else:
            error: RunError = wire.load(RunError, result["error"])
            reason = Reason(result["reason"])
            if outputs.check_failed and error.name == "CheckFailed":
                reason = Reason.CHECK_FAILED
            ending = Ending(state=RunState.FAILED, reason=reason, error=error)
        self._discard(outputs)
        return ending

    def _placed(self, ending: Ending, result: Mapping[str, Any] | None) -> Ending:
        """An end that another one than the notebook wanted, with the cell that it came to."""
        if ending.error is None or ending.state is not RunState.FAILED:
            return ending
        error = replace(ending.error, cell_index=self._reached)
        if result and result["error"]:
            reached: RunError = wire.load(RunError, result["error"])
            error = replace(
                error,
                cell_index=reached.cell_index,
                cell_source=reached.cell_source,
                traceback=reached.traceback,
            )
        return replace(ending, error=error)

    def _discard(self, outputs: AttemptOutputs) -> None:
        try:
            outputs.discard()
        except OrchError as error:  # a later attempt discards it before it starts
            _log.warning("discard.failed", extra={"run_id": self._run.id, "error": str(error)})


def _timed_out(timeout: float | None) -> Ending:
    message = f"The run took longer than {timeout:g} s."
    return _failed(Reason.RUN_TIMEOUT, message)


def _failed(reason: Reason, message: str, traceback: str = "") -> Ending:
    error = RunError(name=reason.value, message=message, traceback=traceback)
    return Ending(state=RunState.FAILED, reason=reason, error=error)


def _platform_error(error: Exception) -> Ending:
    message = error.message if isinstance(error, OrchError) else _words(error)
    return _failed(Reason.PLATFORM_ERROR, message)


def _words(error: Exception) -> str:
    return f"The worker failed: {error if isinstance(error, OSError) else repr(error)}"


def _log_end(log: RunLog, ending: Ending) -> None:
    failed = ending.state is RunState.FAILED
    log.write(
        "attempt.ended",
        level="error" if failed else "info",
        state=ending.state,
        reason=ending.reason,
        error=ending.error.message if ending.error else None,
        traceback=ending.error.traceback if ending.error else None,
    )

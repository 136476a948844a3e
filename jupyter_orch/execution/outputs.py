"""What an attempt stages and publishes: the only way from a notebook to the tables."""

import contextlib
import json
import logging
import threading
import time
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

from jupyter_orch.domain.errors import BadInput, CheckFailed, OrchError, Refused, Unavailable
from jupyter_orch.domain.model import Run, RunError
from jupyter_orch.domain.outputs import (
    CheckResult,
    OutputRequest,
    Provenance,
    StagedOutput,
    TableVersion,
)
from jupyter_orch.domain.states import Reason, RunState
from jupyter_orch.execution.log import RunLog
from jupyter_orch.ports import Ledger, Warehouse

_log = logging.getLogger(__name__)
_PUBLISH_TRIES = 5
_PUBLISH_PAUSE = 0.2  # seconds, doubled after each try


@dataclass(frozen=True, kw_only=True)
class Ending:
    """How an attempt ended, as the ledger is told."""

    state: RunState
    reason: Reason | None = None
    error: RunError | None = None
    versions: tuple[TableVersion, ...] = ()


class AttemptOutputs:
    """Stages an attempt's outputs one by one, and publishes all of them after its last cell."""

    def __init__(
        self,
        run: Run,
        *,
        worker: str,
        ledger: Ledger,
        lease_seconds: float,
        warehouse: Warehouse,
        log: RunLog,
    ) -> None:
        self._run = run
        self._lease_seconds = lease_seconds
        self._worker = worker
        self._ledger = ledger
        self._warehouse = warehouse
        self._log = log
        self._lock = threading.Lock()
        self._staged: list[StagedOutput] = []
        self._closed = False
        #: Whether a check of an output did not hold.
        self.check_failed = False

    def staging_folder(self) -> Path:
        """Where the attempt's kernel puts data files."""
        return self._warehouse.staging_folder(self._run.id, self._run.attempt)

    def stage(self, request: OutputRequest) -> StagedOutput:
        """Stages and checks one output.

        Raises:
            BadInput: The request does not fit, or names files outside the staging folder.
            CheckFailed: A check does not hold.
            Refused: The attempt is being stopped, or does not hold the run any more.
        """
        folder = self.staging_folder().resolve()
        for name in request.files:
            if not (folder / name).resolve().is_relative_to(folder):
                raise BadInput(f"The file {name} is outside the staging folder.", field="files")
        with self._lock:  # one commit at a time: outputs of one run build on one another
            if self._closed:
                raise Refused("The run is being stopped and stages nothing any more.")
            self._check_lease()
            try:
                staged = self._warehouse.stage(request, provenance(self._run))
            except CheckFailed as error:
                self.check_failed = True
                self._tell(request.table, error.results)
                raise
            try:
                self._check_lease()
            except Refused:  # who took the run over has discarded what was there before
                self._warehouse.discard(self._run.id, self._run.attempt)
                raise
            self._staged.append(staged)
        self._tell(staged.table, staged.checks)
        self._log.write("output.staged", table=staged.table, mode=staged.mode, rows=staged.rows)
        return staged

    def _tell(self, table: str, results: Iterable[CheckResult]) -> None:
        """The run's log has what does not hold."""
        for result in results:
            if not result.passed:
                self._log.write(
                    "check.failed" if result.severity == "error" else "check.warned",
                    level="error" if result.severity == "error" else "warning",
                    table=table,
                    check=result.name,
                    seen=result.seen,
                )

    def _check_lease(self) -> None:
        """Refuses to stage for a run that somebody else holds; a database that is away may be.

        Whether the outputs become visible is decided when the publish intent is recorded.
        """
        held = [(self._run.id, self._run.attempt)]
        with contextlib.suppress(Unavailable):
            if not self._ledger.heartbeat(self._worker, held, lease_seconds=self._lease_seconds):
                raise Refused("The run was taken over by another worker.")

    @property
    def staged(self) -> bool:
        """Whether there is something to publish."""
        return bool(self._staged)

    def discard(self) -> None:
        """Drops everything staged; later requests are refused."""
        with self._lock:
            self._closed = True
            self._warehouse.discard(self._run.id, self._run.attempt)

    def publish(self) -> Ending | None:
        """Makes every staged output visible.

        None when the lease was lost before the intent, or nobody can tell whether it is recorded:
        then the lease decides, and whoever takes the run over either rolls it forward or begins
        again.
        """
        with self._lock:
            self._closed = True
            staged = tuple(self._staged)
        if not staged:
            return Ending(state=RunState.SUCCEEDED)
        if not self._begin(staged):
            return None
        return publish(self._run, staged, warehouse=self._warehouse, log=self._log)

    def _begin(self, staged: tuple[StagedOutput, ...]) -> bool:
        """Records the intent, which is safe to repeat: an answer may be lost after the commit."""
        pause = _PUBLISH_PAUSE
        for _ in range(_PUBLISH_TRIES):
            try:
                return self._ledger.begin_publishing(
                    self._worker, self._run.id, self._run.attempt, staged
                )
            except Unavailable:
                time.sleep(pause)
                pause *= 2
        return False


def publish(
    run: Run, staged: tuple[StagedOutput, ...], *, warehouse: Warehouse, log: RunLog
) -> Ending | None:
    """Publishes a recorded intent; safe to repeat by any worker.

    Returns:
        How the run ends; None when the warehouse did not answer: the intent stays, and whoever
        takes the run over rolls it forward.
    """
    versions: list[TableVersion] = []
    for output in staged:
        try:
            version = _persistently(run, output, warehouse)
        except OrchError as error:
            if error.status == 503:  # noqa: PLR2004 - Unavailable: nothing is decided yet
                log.write(
                    "publish.postponed", level="warning", table=output.table, error=str(error)
                )
                return None
            return _conflict(output, error.message, tuple(versions), log, Reason.PUBLISH_CONFLICT)
        except Exception as error:  # noqa: BLE001 - a bug must not roll forward for ever
            _log.exception("publish.failed", extra={"run_id": run.id, "table": output.table})
            return _conflict(output, repr(error), tuple(versions), log, Reason.PLATFORM_ERROR)
        versions.append(version)
        log.write("output.published", table=version.table, snapshot_id=version.snapshot_id)
    return Ending(state=RunState.SUCCEEDED, versions=tuple(versions))


def _persistently(run: Run, output: StagedOutput, warehouse: Warehouse) -> TableVersion:
    pause = _PUBLISH_PAUSE
    for _ in range(_PUBLISH_TRIES - 1):
        try:
            return warehouse.publish(output, provenance(run))
        except Exception:  # noqa: BLE001 - publishing is safe to repeat; the last try raises
            time.sleep(pause)
            pause *= 2
    return warehouse.publish(output, provenance(run))


def _conflict(
    output: StagedOutput,
    message: str,
    versions: tuple[TableVersion, ...],
    log: RunLog,
    reason: Reason,
) -> Ending:
    log.write("publish.failed", level="error", table=output.table, error=message)
    error = RunError(name=reason.value, message=f"{output.table} was not published: {message}")
    return Ending(state=RunState.FAILED, reason=reason, error=error, versions=versions)


def provenance(run: Run) -> Provenance:
    """Who makes the versions of this attempt."""
    return Provenance(
        run_id=run.id,
        attempt=run.attempt,
        job_name=run.job_name,
        notebook=run.notebook,
        notebook_sha256=run.notebook_sha256,
        parameters=json.dumps(run.parameters, ensure_ascii=False),
        user=run.created_by,
        logical_time=run.logical_time,
        interval_end=run.interval_end,
    )

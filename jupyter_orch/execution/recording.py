"""The record of an execution in place: an ad-hoc run with lease, channel, outputs and artifacts."""

import contextlib
import getpass
import os
import secrets
import socket
import threading
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from datetime import UTC, datetime
from importlib import import_module
from pathlib import Path
from typing import Any

from jupyter_orch.domain.errors import OrchError, Refused, Unavailable
from jupyter_orch.domain.ids import DEFAULT_TEAM, RunId, new_id
from jupyter_orch.domain.model import Policies, Run
from jupyter_orch.domain.states import Reason, RunState
from jupyter_orch.execution.cells import CellClient
from jupyter_orch.execution.channel_server import ChannelServer
from jupyter_orch.execution.live import LiveCell
from jupyter_orch.execution.live_queries import LiveQueries
from jupyter_orch.execution.log import FILE_NAME, RunLog
from jupyter_orch.execution.mask import Masker
from jupyter_orch.execution.notebook_file import save_notebook
from jupyter_orch.execution.outputs import AttemptOutputs, Ending
from jupyter_orch.execution.pipeline import NotebookResult
from jupyter_orch.execution.private import channel_path, private_folder
from jupyter_orch.execution.requests import KernelRequests
from jupyter_orch.execution.table_requests import TableRequests
from jupyter_orch.kernel.secrets import resolve
from jupyter_orch.settings import Settings, load

_MEGABYTE = 1_000_000


class Recording:
    """One recorded execution; `conclude` ends it."""

    def __init__(self, run: Run, *, worker: str, settings: Settings, recorder: Any) -> None:
        self._run = run
        self._worker = worker
        self._settings = settings
        self._ledger = recorder.ledger
        self._warehouse = recorder.warehouse
        self._folder: Path = recorder.artifacts.attempt_folder(run.id, run.attempt)
        self.masker = Masker()
        with contextlib.suppress(OrchError):  # the environment is the user's, with the password
            self.masker.add(resolve(settings.warehouse.trino.password))
        limit = int(settings.log_limit_mb * _MEGABYTE)
        self.log = RunLog(self._folder / FILE_NAME, self.masker, limit=limit)
        #: What tells people who watch; papermill itself saves its notebook now and then.
        self.live = LiveCell(self._folder, self.masker)
        self._queries = LiveQueries(self._folder)
        #: Bytes of output kept in the notebook, per cell.
        self.output_limit = int(settings.output_limit_mb * _MEGABYTE)
        self.environment: dict[str, str] = {}
        self._outputs = AttemptOutputs(
            run,
            worker=worker,
            ledger=recorder.ledger,
            lease_seconds=settings.lease_seconds,
            warehouse=recorder.warehouse,
            log=self.log,
        )
        self._client: CellClient | None = None
        self._manager: Any = None
        self._cancelled = False
        self._lost = False
        self._concluded = False
        self._ended = threading.Event()

    @contextmanager
    def serving(self) -> Iterator[None]:
        """Keeps lease and channel while the block runs."""
        heart = threading.Thread(target=self._beat, name="recording-heart", daemon=True)
        with private_folder() as folder:
            requests = KernelRequests(
                self._run,
                outputs=self._outputs,
                tables=TableRequests(self._warehouse, folder, user=self._run.created_by),
                settings=self._settings,
                mask=self.masker.add,
                record_query=lambda query: self._ledger.record_query(
                    self._worker, self._run.id, self._run.attempt, query
                ),
                tell_query=self._queries.tell,
            )
            channel = ChannelServer(channel_path(folder), requests.handlers())
            self.environment = channel.environment
            heart.start()
            try:
                yield
            finally:
                self._ended.set()
                heart.join()
                channel.close()
                self._queries.close()
                self.log.close()

    def watch(self, client: CellClient, manager: Any) -> None:
        """What to stop when somebody cancels, and whose progress to tell."""
        self._client = client
        self._manager = manager

    def _beat(self) -> None:
        lease = self._settings.lease_seconds
        while not self._ended.wait(min(lease / 3, 2.0)):
            self._queries.look()
            with contextlib.suppress(Unavailable):
                held = self._ledger.heartbeat(
                    self._worker, [(self._run.id, self._run.attempt)], lease_seconds=lease
                )
                self._lost = not held
                self._tell_progress()
                if held and held[0].cancel_requested and not self._cancelled:
                    self._cancelled = True
                    if self._client is not None:
                        self._client.stop()

    def _tell_progress(self) -> None:
        if self._manager is not None:
            cells = list(self._manager.nb.cells)
            done = sum(cell.metadata.papermill.get("end_time") is not None for cell in cells)
            self._ledger.progress(
                self._worker, self._run.id, self._run.attempt, done=done, total=len(cells)
            )

    def conclude(self, result: NotebookResult, nb: Any) -> None:
        """Keeps the executed notebook, publishes when it succeeded, and tells the end.

        Raises:
            Refused: The notebook succeeded and its outputs could not be published.
        """
        self._concluded = True
        with contextlib.suppress(Unavailable):
            self._tell_progress()
        save_notebook(nb, self._folder / "notebook.ipynb", durable=True)
        if self._cancelled:
            ending = Ending(state=RunState.CANCELLED, reason=Reason.CANCELLED_BY_USER)
        elif result.reason is None:
            self._publish()
            return
        else:
            reason = result.reason
            failed = result.error
            if self._outputs.check_failed and failed and failed.name == "CheckFailed":
                reason = Reason.CHECK_FAILED
            state = RunState.FAILED
            if reason is Reason.CANCELLED_BY_USER:
                state = RunState.CANCELLED
            ending = Ending(state=state, reason=reason, error=failed)
        if not self._lost:
            self._outputs.discard()
        self._finish(ending)

    def _publish(self) -> None:
        ending = self._outputs.publish()
        if ending is None:
            raise Refused(
                f"The outputs of run {self._run.id} were not published: the run was taken over.",
                hint="Look at the run's page for how it went on.",
            )
        self._finish(ending)
        if ending.error is not None:
            raise Refused(ending.error.message)

    def _finish(self, ending: Ending) -> None:
        self.log.write("attempt.ended", state=ending.state, reason=ending.reason)
        self._ledger.finish(
            self._worker,
            self._run.id,
            self._run.attempt,
            state=ending.state,
            reason=ending.reason,
            error=ending.error,
            versions=ending.versions,
        )


@contextmanager
def open_recording(nb: Any, kernel: str, input_path: Any) -> Iterator[Recording]:
    """Stores an ad-hoc run, or one of the job that knows this notebook, and serves its channel."""
    settings = load()
    with ExitStack() as stack:
        # by name: execution is below the wiring, and papermill's process has no other
        wiring = import_module("jupyter_orch.wiring")
        recorder = stack.enter_context(wiring.open_recorder(settings))
        worker = f"papermill-{socket.gethostname()}-{os.getpid()}-{secrets.token_hex(3)}"
        new = _new_run(nb, kernel, input_path, recorder)
        run = recorder.ledger.open_adhoc(new, worker=worker, lease_seconds=settings.lease_seconds)
        recording = Recording(run, worker=worker, settings=settings, recorder=recorder)
        stack.enter_context(recording.serving())
        yield recording


def _new_run(nb: Any, kernel: str, input_path: Any, recorder: Any) -> Run:
    import nbformat

    path = Path(str(input_path)).absolute() if isinstance(input_path, str) else None
    if path is not None and path.is_file():
        content = path.read_bytes()
    else:  # from standard input or elsewhere: the bytes are as papermill prepared them
        path = None
        content = nbformat.writes(nb).encode()  # type: ignore[no-untyped-call]
    notebook = str(path) if path else str(input_path or "-")
    job = recorder.find_job(notebook) if path else None
    now = datetime.now(UTC)
    run_id = RunId(new_id())
    return Run(
        id=run_id,
        team=DEFAULT_TEAM,
        job_id=job.id if job else None,
        job_name=job.spec.name if job else Path(notebook).stem,
        job_version=job.version if job else None,
        run_key=f"adhoc:{run_id}",
        kind="adhoc",
        state=RunState.RUNNING,
        logical_time=now,
        not_before=now,
        parameters=_json(nb.metadata.papermill.get("parameters", {})),
        notebook=notebook,
        notebook_sha256=recorder.artifacts.put_notebook(content),
        kernel=kernel,
        policies=Policies(),
        attempt=1,
        cells_total=len(nb.cells),
        created_by=getpass.getuser(),
        created_at=now,
        started_at=now,
    )


def _json(parameters: Any) -> dict[str, Any]:
    """Papermill takes any YAML; what JSON has no word for is kept as text."""
    import json

    found: dict[str, Any] = json.loads(json.dumps(parameters, default=str))
    return found

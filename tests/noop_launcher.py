"""Attempts that execute no notebook: all of the product but the process and its kernel."""

import queue
import threading
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq

from jupyter_orch.domain.errors import OrchError
from jupyter_orch.domain.states import Reason
from jupyter_orch.kernel.channel import Channel

#: The run's parameter that says how many seconds an attempt takes; absent: none.
SECONDS = "seconds"
#: The run's parameter that names the table which each run appends one row to; absent: none.
TABLE = "table"


class NoopAttempt:
    """Succeeds. What it takes and writes say the parameters of its run.

    It is a `Launcher`, and runs in the worker's own process: in the attempt's thread when it takes
    no time, else in one of its own.
    """

    def __init__(
        self, message: Mapping[str, Any], *, env: Mapping[str, str], folder: Path, channel: Path
    ) -> None:
        self.events: queue.SimpleQueue[dict[str, Any] | None] = queue.SimpleQueue()
        self._ended = threading.Event()
        self._env = env
        parameters = message["request"]["parameters"]
        self._seconds = float(parameters.get(SECONDS, 0))
        self._table = parameters.get(TABLE)
        self._thread: threading.Thread | None = None
        if self._seconds or self._table:
            self._thread = threading.Thread(target=self._execute, name="noop", daemon=True)
            self._thread.start()
        else:
            self._execute()

    def stop(self) -> None:
        """Ends, as an interrupted notebook does."""
        self._ended.set()

    def mask(self, value: str) -> None:
        """It prints nothing."""

    def kill(self) -> None:
        """Ends."""
        self._ended.set()

    def close(self) -> str:
        """Waits for its end."""
        self._ended.set()
        if self._thread is not None:
            self._thread.join()
        return ""

    def _execute(self) -> None:
        self.events.put({"event": "progress", "done": 0, "total": 1})
        stopped = self._ended.wait(self._seconds) if self._seconds else False
        if not stopped:
            self.events.put({"event": "finished", "result": self._result()})
        self.events.put(None)

    def _result(self) -> dict[str, Any]:
        try:
            if self._table:
                self._write(self._table)
        except OrchError as error:  # as a notebook fails that is refused
            said = {"name": type(error).__name__, "message": error.message}
            return {"reason": Reason.USER_ERROR, "error": said}
        return {"reason": None, "error": None}

    def _write(self, table: str) -> None:
        """One row, as a kernel would write it: the run, its instant and the attempt."""
        line = Channel.from_environment(self._env)
        assert line is not None
        try:
            context = line.request({"do": "context"})
            row = {name: [context[name]] for name in ("run_id", "logical_time", "attempt")}
            file = Path(context["staging_folder"]) / "rows.parquet"
            file.parent.mkdir(parents=True, exist_ok=True)
            pq.write_table(pa.table(row), file)
            request = {"table": table, "mode": "append", "files": [file.name]}
            line.request({"do": "stage", "request": request})
        finally:
            line.close()

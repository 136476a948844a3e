"""The child process that executes one attempt: `python -m jupyter_orch.runner.attempt`.

First line on standard input: the request. Further lines: `{"do": "stop"}` and
`{"do": "mask", "value": …}`. Standard output: events, one JSON object per line. It dies with its
worker, and its kernel dies with it.
"""

import json
import os
import sys
import threading
from pathlib import Path
from typing import IO, Any

from jupyter_orch import wire
from jupyter_orch.execution.log import RunLog
from jupyter_orch.execution.mask import Masker
from jupyter_orch.runner.process import die_with_parent


def main() -> None:
    """Executes the attempt that standard input describes."""
    die_with_parent()
    events = _Events()
    line = json.loads(sys.stdin.readline())
    if os.getppid() != line["worker_pid"]:  # it died before we asked to die with it
        return
    from jupyter_orch.execution.pipeline import NotebookRequest, NotebookRun

    masker = Masker()
    run_log = RunLog(Path(line["log"]), masker)
    run = NotebookRun(
        wire.load(NotebookRequest, line["request"]),
        run_log=run_log,
        masker=masker,
        progress=lambda done, total: events.tell("progress", done=done, total=total),
    )
    threading.Thread(target=_listen, args=(run, masker, events), daemon=True).start()
    result = run.execute(os.environ, preexec_fn=die_with_parent)
    run_log.close()
    events.tell("finished", result=wire.dump(result))


def _listen(run: Any, masker: Masker, events: "_Events") -> None:
    for line in sys.stdin:
        message = json.loads(line)
        if message["do"] == "stop":
            run.stop()
        elif message["do"] == "mask":
            masker.add(message["value"])
            events.tell("masked")


class _Events:
    """Standard output for events alone: what libraries print goes to standard error."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._file: IO[str] = os.fdopen(os.dup(1), "w", encoding="utf-8")
        os.dup2(2, 1)

    def tell(self, event: str, **fields: Any) -> None:
        with self._lock:
            self._file.write(json.dumps({"event": event, **fields}) + "\n")
            self._file.flush()


if __name__ == "__main__":
    main()

"""The process that executes notebooks: `python -m jupyter_orch.runner.executor_main FD PARENT`.

The file descriptor is a socket to the worker, with one JSON object per line in both directions.
`{"do": "run", "key": …, "request": …, "env": …, "log": …}` begins an attempt, which `stop`, `mask`
and `kill` then name by its key. Events carry the key, too; `ended` is an attempt's last one. The
process dies with its worker, and its kernels die with it.
"""

import asyncio
import json
import os
import socket
import sys
import traceback
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from jupyter_orch import wire
from jupyter_orch.runner.environment import FOLDERS
from jupyter_orch.runner.guard import leave_guard
from jupyter_orch.runner.process import die_with_parent

_LONGEST_LINE = 1 << 28  # bytes


def main() -> None:
    """Serves the worker until it is gone."""
    die_with_parent()
    line, worker = int(sys.argv[1]), int(sys.argv[2])
    if os.getppid() != worker:  # it ended before we asked to die with it
        return
    leave_guard(worker, line)
    asyncio.run(_serve(socket.socket(fileno=line)))


async def _serve(end: socket.socket) -> None:
    reader, writer = await asyncio.open_unix_connection(sock=end, limit=_LONGEST_LINE)
    executor = _Executor(writer)
    while line := await reader.readline():
        executor.handle(json.loads(line))
    executor.close()
    os._exit(0)  # whoever waits for a notebook is gone


class _Executor:
    def __init__(self, writer: asyncio.StreamWriter) -> None:
        from jupyter_orch.execution.kernels.pool import KernelPool

        self._writer = writer
        self._kernels = KernelPool(preexec_fn=die_with_parent)
        self._attempts: dict[int, _Attempt] = {}

    def handle(self, message: Mapping[str, Any]) -> None:
        key = message["key"]
        if message["do"] == "run":
            self._attempts[key] = _Attempt(self, key, message)
        elif (attempt := self._attempts.get(key)) is not None:
            attempt.handle(message)

    def tell(self, key: int, event: str, **fields: Any) -> None:
        data = json.dumps({"key": key, "event": event, **fields}).encode() + b"\n"
        self._writer.write(data)

    def close(self) -> None:
        self._kernels.close()

    async def execute(self, attempt: "_Attempt", env: Mapping[str, str]) -> None:
        """Executes the notebook and tells how it ended; an attempt hurts only itself."""
        from jupyter_orch.execution.pipeline import not_executed

        try:
            for name in FOLDERS:
                Path(env[name]).mkdir(mode=0o700, exist_ok=True)  # noqa: ASYNC240 - a moment
            result = await attempt.run.execute(env, self._kernels)
            self.tell(attempt.key, "finished", result=wire.dump(result))
        except asyncio.CancelledError:
            return
        except OSError as error:  # its private folder cannot be written, or the like
            self.tell(attempt.key, "finished", result=wire.dump(not_executed(error)))
        except Exception:  # noqa: BLE001 - the supervisor makes a platform error of it
            traceback.print_exc()
            self.tell(attempt.key, "broken", traceback=traceback.format_exc())
        finally:
            kernel = attempt.run.kernel
            attempt.log.close()
            self._attempts.pop(attempt.key, None)
            self.tell(attempt.key, "ended", orphans=kernel is not None and kernel.orphans)


class _Attempt:
    def __init__(self, executor: _Executor, key: int, message: Mapping[str, Any]) -> None:
        from jupyter_orch.execution.log import RunLog
        from jupyter_orch.execution.mask import Masker
        from jupyter_orch.execution.pipeline import NotebookRequest, NotebookRun

        self.key = key
        self._executor = executor
        self._masker = Masker()
        self.log = RunLog(Path(message["log"]), self._masker, limit=message["log_limit"])
        self.run = NotebookRun(
            wire.load(NotebookRequest, message["request"]),
            run_log=self.log,
            masker=self._masker,
            progress=lambda done, total: executor.tell(key, "progress", done=done, total=total),
            started=lambda pid: executor.tell(key, "kernel", pid=pid),
        )
        self._task = asyncio.ensure_future(executor.execute(self, message["env"]))

    def handle(self, message: Mapping[str, Any]) -> None:
        if message["do"] == "stop":
            self.run.stop()
        elif message["do"] == "mask":
            self._masker.add(message["value"])
            self._executor.tell(self.key, "masked")
        elif message["do"] == "kill":
            self.run.kill()
            self._task.cancel()


if __name__ == "__main__":
    main()

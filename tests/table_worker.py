"""Workers whose attempts write sets of tables: `table_worker.py KIND`.

KIND is `sets`, whose attempts execute no notebook but write what `outputs_of` says in the worker's
own process, or `notebooks`, whose attempts execute theirs. The settings come by the environment.
The program loads all that they need; each line of its input forks a worker, and is answered with
the worker's process id. They end with it.

The line is empty or a point that befalls the worker: `stop before SqlCatalog.commit_table 2` stops
it (SIGSTOP) before its second call, `kill after …` kills it; with `since SqlStore.begin_publishing`
behind it, calls before that one do not count. What they log goes to the standard error.
"""

import ctypes
import inspect
import logging
import os
import signal
import sys
import threading
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
from noop_launcher import TABLE, NoopAttempt
from pyiceberg.catalog.sql import SqlCatalog

from jupyter_orch import wire
from jupyter_orch.artifacts.folder import FolderArtifacts
from jupyter_orch.domain.outputs import Checks, OutputRequest
from jupyter_orch.kernel.channel import Channel
from jupyter_orch.runner.worker import Worker
from jupyter_orch.settings import Settings, load
from jupyter_orch.store.sql import SqlStore
from jupyter_orch.warehouse import lake, locks, snapshots, storage
from jupyter_orch.warehouse.iceberg import IcebergWarehouse

#: The run's parameter that says which of the sets it writes.
NUMBER = "number"
#: Seconds that a writer waits for the lock of one that is frozen; a minute by default.
LOCK_WAIT = "TABLE_WORKER_LOCK_WAIT"
ADDED, SLICED, KEYED = "sets.added", "sets.sliced", "sets.keyed"
SLICES, KEYS = 3, 5
#: Every so many runs make a table of their own.
EVERY_NEW = 3

_PR_SET_PDEATHSIG = 1
_OWNERS = {
    "IcebergWarehouse": IcebergWarehouse,
    "SqlCatalog": SqlCatalog,
    "SqlStore": SqlStore,
    "snapshots": snapshots,
}


def made_by(number: int) -> str:
    """The table that this run makes."""
    return f"sets.made_{number}"


def outputs_of(number: int) -> dict[str, dict[str, Any]]:
    """By table how this run writes it: an append, a slice, an upsert, at times a first version."""
    wanted: dict[str, dict[str, Any]] = {
        ADDED: {"mode": "append"},
        SLICED: {"mode": "replace", "slice": {"part": number % SLICES}},
        KEYED: {"mode": "upsert", "keys": ("key",)},
    }
    if number % EVERY_NEW == 0:
        wanted[made_by(number)] = {"mode": "replace"}
    return wanted


def rows_of(number: int, run_id: str, attempt: int) -> list[dict[str, Any]]:
    """The rows that this run brings to each of its tables."""
    own = {"run_id": run_id, "attempt": attempt, "part": number % SLICES}
    return [own | {"key": (number + step) % KEYS} for step in range(2)]


class SetAttempt(NoopAttempt):
    """Writes a set of tables, as a notebook with as many outputs would."""

    def __init__(self, message: Mapping[str, Any], **given: Any) -> None:
        self._number = message["request"]["parameters"].get(NUMBER, 0)
        parameters = message["request"]["parameters"] | {TABLE: "sets"}
        super().__init__(
            {**message, "request": {**message["request"], "parameters": parameters}}, **given
        )

    def _write(self, table: str) -> None:
        del table
        line = Channel.from_environment(self._env)
        assert line is not None
        try:
            context = line.request({"do": "context"})
            rows = rows_of(self._number, context["run_id"], context["attempt"])
            for name, how in outputs_of(self._number).items():
                file = Path(context["staging_folder"]) / f"{name}.parquet"
                file.parent.mkdir(parents=True, exist_ok=True)
                pq.write_table(pa.Table.from_pylist(rows), file)
                checks = Checks(rows_min=2, not_null=("run_id",), unique=("key",))
                request = OutputRequest(table=name, files=(file.name,), checks=checks, **how)
                line.request({"do": "stage", "request": wire.lean(request)})
        finally:
            line.close()


def befall(point: str) -> None:
    """Makes one call of a function the process's last, or the last for a while."""
    what, when, where, count, *since = point.split()
    number = {"stop": signal.SIGSTOP, "kill": signal.SIGKILL}[what]
    left = [int(count)]
    counting = threading.Event()
    if since:
        _around(since[1], after=counting.set)
    else:
        counting.set()

    def strike() -> None:
        if counting.is_set():
            left[0] -= 1
            if left[0] == 0:
                os.kill(os.getpid(), number)

    _around(where, **{when: strike})


def _nothing() -> None:
    pass


def _around(
    where: str, *, before: Callable[[], None] = _nothing, after: Callable[[], None] = _nothing
) -> None:
    owner, name = _OWNERS[where.partition(".")[0]], where.partition(".")[2]
    real: Callable[..., Any] = getattr(owner, name)

    def call(*values: Any, **more: Any) -> Any:
        before()
        answer = real(*values, **more)
        after()
        return answer

    static = isinstance(inspect.getattr_static(owner, name), staticmethod)
    setattr(owner, name, staticmethod(call) if static else call)


def worker(settings: Settings, kind: str) -> Worker:
    """The worker, not yet started."""
    return Worker(
        SqlStore(settings.state_url),
        FolderArtifacts(settings.artifacts_dir),
        IcebergWarehouse(settings),
        settings,
        name=f"worker-{os.getpid()}",
        launcher=SetAttempt if kind == "sets" else None,
    )


def work(kind: str, point: str) -> None:
    """Works until it is killed."""
    signal.signal(signal.SIGCHLD, signal.SIG_DFL)
    die_with_parent()
    if point:
        befall(point)
    worker(load(None, Path("none.toml")), kind).start()
    threading.Event().wait()


def die_with_parent() -> None:
    """Ends this process when the one that forked it ends, however that does."""
    ctypes.CDLL(None).prctl(_PR_SET_PDEATHSIG, signal.SIGKILL)


def main() -> None:
    """Forks workers until its input ends."""
    logging.basicConfig(level=logging.INFO, format="%(process)d %(message)s %(levelname)s")
    signal.signal(signal.SIGCHLD, signal.SIG_IGN)  # who was killed is not waited for
    assert lake
    assert storage
    if LOCK_WAIT in os.environ:
        locks.STILL_SECONDS = float(os.environ[LOCK_WAIT])
    for line in sys.stdin:
        pid = os.fork()
        if pid == 0:
            work(sys.argv[1], line.strip())
        sys.stdout.write(f"{pid}\n")
        sys.stdout.flush()


if __name__ == "__main__":
    main()

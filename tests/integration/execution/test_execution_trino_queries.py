"""No query of a run outlives it in Trino: a cancel, a dead kernel, a dead worker."""

import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import psutil
import pytest
from table_kit import LEASE, Sets, sets_in, until
from trino_fixture import TrinoServer

from jupyter_orch.domain.ids import new_id
from jupyter_orch.domain.states import Reason, RunState
from jupyter_orch.warehouse.connect import open_connection

from .conftest import notebook

pytestmark = [pytest.mark.trino, pytest.mark.slow, pytest.mark.timeout(600)]

#: Seconds in which the query has to be gone.
GONE = 5.0
ENDLESS = "SELECT count(*) FROM tpch.sf1000.lineitem a, tpch.sf1000.orders b WHERE '{mark}' <> ''"


@pytest.fixture
def sets(trino_server: TrinoServer, tmp_path: Path) -> Iterator[Sets]:
    """Workers whose notebooks query a real Trino; the state is their own."""
    state = {"JUPYTER_ORCH__STATE__DIR": str(tmp_path / "state")}
    with sets_in(tmp_path, {**trino_server.environ, **state}) as made:
        yield made


class Endless:
    """A run whose notebook waits for a query that never ends by itself."""

    def __init__(self, sets: Sets, trino: TrinoServer) -> None:
        self._trino = trino
        self.mark = new_id()
        self.pid_file = sets.folder / "kernel"
        sql = ENDLESS.format(mark=self.mark)
        source = (
            "import os, jupyter_orch as orch\n"
            "open(pid_file, 'w').write(str(os.getpid()))\n"
            f"orch.connect().cursor().execute({sql!r}).fetchall()"
        )
        self.worker = sets.worker("notebooks")
        self.run = sets.add(
            notebook(source, parameters="pid_file = ''"), retries=0, pid_file=str(self.pid_file)
        )
        until(lambda: "RUNNING" in self.states())
        until(lambda: sets.store.queries(self.run.id))

    def states(self) -> list[str]:
        """What Trino says of the run's queries that have not ended."""
        connection = open_connection(self._trino.settings, source="looking")
        try:
            rows = connection.cursor().execute(
                "SELECT state FROM system.runtime.queries WHERE source <> 'looking'"
                f" AND query LIKE '%{self.mark}%' AND state NOT IN ('FINISHED', 'FAILED')"
            )
            return [row[0] for row in rows.fetchall()]
        finally:
            connection.close()


@contextmanager
def scheduler(sets: Sets) -> Iterator[None]:
    """The service's process that clears up after lost workers."""
    command = [sys.executable, "-m", "jupyter_orch.cli", "up", "--role", "scheduler"]
    log = sets.folder / "scheduler.log"
    with log.open("wb") as sink:
        process = subprocess.Popen(
            [*command, "--root", str(sets.folder)],
            env={**os.environ, **sets.environ},
            cwd=sets.folder,
            stdin=subprocess.DEVNULL,
            stdout=sink,
            stderr=sink,
        )
    try:
        until(lambda: "service.ready" in log.read_text())
        yield
    finally:
        process.terminate()
        process.wait(60)


def seconds_to_go(query: Endless) -> float:
    """Seconds until Trino runs nothing of it any more."""
    began = time.monotonic()
    while query.states():
        assert time.monotonic() - began < 60, "the query goes on"
        time.sleep(0.1)
    return time.monotonic() - began


def test_inv7_a_cancelled_run_leaves_no_query_in_trino(
    sets: Sets, trino_server: TrinoServer
) -> None:
    """It is gone before the run's end is long past."""
    query = Endless(sets, trino_server)
    sets.store.request_cancel(query.run.id, user="ada")
    assert seconds_to_go(query) < GONE
    assert sets.wait(query.run).state is RunState.CANCELLED


def test_inv7_a_killed_kernel_leaves_no_query_in_trino(
    sets: Sets, trino_server: TrinoServer
) -> None:
    """Its worker notices, and ends what the kernel waited for."""
    query = Endless(sets, trino_server)
    os.kill(int(query.pid_file.read_text()), signal.SIGKILL)
    assert seconds_to_go(query) < GONE
    assert sets.wait(query.run).reason is Reason.KERNEL_DIED


def test_inv7_a_killed_worker_leaves_no_query_in_trino(
    sets: Sets, trino_server: TrinoServer
) -> None:
    """Its lease ends first; then the service's chore ends what it left."""
    query = Endless(sets, trino_server)
    kernel = psutil.Process(int(query.pid_file.read_text()))
    with scheduler(sets):
        query.worker.kill()
        assert seconds_to_go(query) < LEASE + GONE
    until(lambda: not kernel.is_running())

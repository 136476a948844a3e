"""Who was frozen while it held a run, and comes back when somebody else holds it."""

import json
import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest
from chaos_kit import fence, rows_of
from fleet_kit import SCHEDULER, WORKER, Fleet, add_schedule, ask, until, wait_done
from noop_launcher import SECONDS, TABLE
from store_kit import run_of

from jupyter_orch.domain.states import RunState
from jupyter_orch.store.sql import SqlStore

PROGRAM = Path(__file__).with_name("late_writer.py")
TESTS = PROGRAM.parents[2]
BOTH = f"{SCHEDULER},{WORKER}"
#: Everything that tells of a run.
TABLES = ("run", "attempt", "query", "publish_intent", "published_version", "change")


@pytest.fixture
def frozen(postgresql_url: str) -> Iterator[subprocess.Popen[str]]:
    """A process that claims the only run; the test freezes it."""
    process = subprocess.Popen(
        [sys.executable, str(PROGRAM), postgresql_url],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
        env={"PYTHONPATH": os.pathsep.join([str(TESTS), str(TESTS.parent)]), "PATH": ""},
    )
    with process:
        yield process
        process.kill()


def heard(process: subprocess.Popen[str]) -> dict[str, Any]:
    """What it says next."""
    assert process.stdout is not None
    return json.loads(process.stdout.readline())


def state_of(url: str) -> dict[str, list[Any]]:
    """Every row about runs."""
    return {name: [tuple(row) for row in ask(url, f"SELECT * FROM {name}")] for name in TABLES}


@pytest.mark.parametrize("then", [RunState.RUNNING, RunState.SUCCEEDED, RunState.FAILED])
def test_inv3_a_frozen_worker_that_comes_late_changes_nothing(
    postgresql_url: str, request: pytest.FixtureRequest, then: RunState
) -> None:
    """Heartbeat, progress, queries, publish intent and every end are refused, whatever came."""
    with closing(SqlStore(postgresql_url)) as store:
        run = store.add_run(run_of())
        process = request.getfixturevalue("frozen")
        assert heard(process) == {"run_id": run.id, "attempt": 1}
        process.send_signal(signal.SIGSTOP)
        until(store.reap, "its lease ran out")
        (taken,) = store.claim_runs("other", limit=1, lease_seconds=600)
        assert (taken.id, taken.attempt) == (run.id, 2)
        if then is not RunState.RUNNING:
            assert store.finish("other", run.id, 2, state=then)
        before = state_of(postgresql_url)
        process.send_signal(signal.SIGCONT)
        process.stdin.write("now\n")
        process.stdin.flush()
        answers = heard(process)
        assert len(answers) == 7
        assert not any(answers.values()), answers
        assert process.wait(60) == 0
        assert state_of(postgresql_url) == before


@pytest.mark.slow
@pytest.mark.timeout(600)
def test_inv3_inv5_a_frozen_worker_publishes_nothing_when_it_thaws(
    tmp_path: Path, postgresql_url: str
) -> None:
    """Its notebook goes on where it was, writes its row late, and readers never see that row."""
    with (
        closing(SqlStore(postgresql_url)) as store,
        Fleet(tmp_path, postgresql_url, lease_seconds=2) as fleet,
    ):
        first = fleet.start(BOTH)
        fleet.wait_ready()
        parameters = {SECONDS: 1.0, TABLE: "default.late"}
        schedule = add_schedule(
            fleet, store, jobs=1, every_seconds=60, seconds=0, parameters=[parameters]
        )
        until(lambda: ask(postgresql_url, "SELECT 1 FROM run WHERE state = 'running'"), "it runs")
        first.freeze()
        fleet.start(BOTH)
        done = wait_done(postgresql_url, [schedule])
        assert (done.taken_over, done.executed_again, done.lost, done.open) == (1, 1, 0, 0)
        first.thaw()
        until(lambda: ".lost" in first.journal.read_text(), "it has noticed")
        assert first.drain() == 0
        assert fence(fleet).believed == 0
        (run,) = ask(postgresql_url, "SELECT id FROM run")
        assert rows_of(fleet, "default.late") == [run.id]

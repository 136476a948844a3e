"""Processes that stand still at the worst moment: nobody else waits longer than five seconds."""

import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path

import pytest
from frozen_kit import FROZEN, POOL, Others, on_store

from jupyter_orch.domain.ids import DEFAULT_TEAM
from jupyter_orch.store.sql import SqlStore

PROGRAM = Path(__file__).with_name("frozen_writer.py")
TESTS = PROGRAM.parents[2]

pytestmark = [pytest.mark.slow, pytest.mark.timeout(600)]  # seconds; a busy machine takes its time


@contextmanager
def frozen_writer(url: str) -> Iterator[subprocess.Popen[bytes]]:
    """A process that stands still with a transaction open."""
    process = subprocess.Popen(
        [sys.executable, str(PROGRAM), url, POOL],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        env={"PYTHONPATH": f"{TESTS}:{TESTS.parent}", "PATH": ""},
    )
    assert process.stdin is not None
    assert process.stdout is not None
    with process.stdin, process.stdout:
        assert process.stdout.readline() == b"holding\n"
        process.send_signal(signal.SIGSTOP)
        yield process
        process.kill()
        process.wait(60)


def test_inv4_a_client_frozen_in_a_transaction_keeps_nobody_waiting(url: str) -> None:
    """Its transaction is ended for it, or it is made to end it; everybody goes on."""
    with closing(SqlStore(url)) as store:
        store.set_pool(DEFAULT_TEAM, POOL, slots=5)
        with Others(on_store(store)) as others, frozen_writer(url) as writer:
            if store._database.sqlite:
                # What it was stopped in is over before it can go on: it waits for its input.
                assert writer.stdin is not None
                writer.stdin.close()
            time.sleep(FROZEN)
    others.check()

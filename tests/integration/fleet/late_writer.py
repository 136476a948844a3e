"""A worker that is frozen while it holds a run: `late_writer.py URL`.

It claims one run and says which; on the first line of its input it tries everything that it may do
as the run's holder, and says what it was answered.
"""

import json
import sys
from typing import Any

from store_kit import staged_of

from jupyter_orch.domain.model import Run
from jupyter_orch.domain.states import RunState
from jupyter_orch.store.sql import SqlStore

NAME = "late"
LEASE = 1.0  # seconds


def main() -> None:
    """Claims, waits, tries."""
    store = SqlStore(sys.argv[1])
    (run,) = store.claim_runs(NAME, limit=1, lease_seconds=LEASE)
    say({"run_id": run.id, "attempt": run.attempt})
    sys.stdin.readline()
    say(attempts_to_write(store, run))
    store.close()


def attempts_to_write(store: SqlStore, run: Run) -> dict[str, Any]:
    """Every way in which a holder writes, and what became of it."""
    mine = (NAME, run.id, run.attempt)
    return {
        "heartbeat": bool(store.heartbeat(NAME, [(run.id, run.attempt)], lease_seconds=LEASE)),
        "progress": store.progress(*mine, done=7, total=9),
        "record_query": store.record_query(*mine, "late_query"),
        "begin_publishing": store.begin_publishing(*mine, [staged_of("default.late")]),
        "queue_again": store.finish(*mine, state=RunState.CANCELLED, retry_in_seconds=0),
        "fail": store.finish(*mine, state=RunState.FAILED),
        "finish": store.finish(*mine, state=RunState.SUCCEEDED),
    }


def say(what: dict[str, Any]) -> None:
    """One line."""
    sys.stdout.write(json.dumps(what) + "\n")
    sys.stdout.flush()


if __name__ == "__main__":
    main()

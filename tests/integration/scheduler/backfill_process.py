"""A process that feeds backfills and ends their runs: `backfill_process.py URL NAME`.

It ends when its input does.
"""

import sys
import threading

from jupyter_orch.domain.states import RunState
from jupyter_orch.scheduler.backfill import Feeder
from jupyter_orch.store.sql import SqlStore

LEASE = 0.5  # seconds


def main() -> None:
    """Works until it is told to stop, or killed."""
    store = SqlStore(sys.argv[1])
    feeder = Feeder(store, lambda _job: "00" * 32)
    stopping = threading.Event()
    threading.Thread(target=lambda: (sys.stdin.read(), stopping.set()), daemon=True).start()
    sys.stdout.write("started\n")
    sys.stdout.flush()
    while not stopping.is_set():
        feeder.feed()
        for run in store.claim_runs(sys.argv[2], limit=3, lease_seconds=LEASE):
            store.finish(sys.argv[2], run.id, run.attempt, state=RunState.SUCCEEDED)
        store.reap()
    store.close()


if __name__ == "__main__":
    main()

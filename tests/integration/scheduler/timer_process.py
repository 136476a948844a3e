"""A process with a timer of its own: `timer_process.py URL`; ends when its input does."""

import sys

from store_kit import SystemClock

from jupyter_orch.scheduler.timer import Timer
from jupyter_orch.store.sql import SqlStore


def main() -> None:
    """Fires until it is told to stop, or killed."""
    store = SqlStore(sys.argv[1])
    timer = Timer(store, lambda _job: "00" * 32, SystemClock())
    timer.start()
    sys.stdout.write("started\n")
    sys.stdout.flush()
    sys.stdin.read()
    timer.stop()
    store.close()


if __name__ == "__main__":
    main()

"""A process that outlives its executor for a moment, and ends what the executor's kernels left.

The system ends kernels with their executor, and the executor with its worker; what a notebook has
started in a session of its own belongs to nobody then.
"""

import os
import time

from jupyter_orch.execution.kernels.cgroup import cgroups
from jupyter_orch.execution.private import gone
from jupyter_orch.runner.process import clear_leftovers

_LOOK = 0.005  # seconds between two looks whether a process has ended
_WORKER_SECONDS = 2.0  # a worker that lives longer than its executor clears up by itself


def leave_guard(worker: int, *foreign: int) -> None:
    """Forks it; called by an executor that has no threads yet.

    Args:
        worker: The process that the executor dies with.
        foreign: File descriptors that the guard must not hold.
    """
    executor = os.getpid()
    read, alive = os.pipe()  # whose other end is open as long as the executor lives
    try:
        if os.fork() != 0:
            os.close(read)
            return
    except OSError:  # no more processes: the next worker clears up
        os.close(read)
        return
    os.setsid()
    for descriptor in (alive, *foreign):
        os.close(descriptor)
    try:
        os.read(read, 1)
        _clear_up(executor, worker)
    finally:
        os._exit(0)


def _clear_up(executor: int, worker: int) -> None:
    while os.getppid() == executor:
        time.sleep(_LOOK)
    cgroups().sweep()
    end = time.monotonic() + _WORKER_SECONDS
    while not gone(worker) and time.monotonic() < end:
        time.sleep(_LOOK)
    clear_leftovers()

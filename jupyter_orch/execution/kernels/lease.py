"""A kernel that executes one notebook, as the pipeline sees it."""

import asyncio
import contextlib
import os
import signal
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Protocol

from jupyter_orch.execution.kernels.cgroup import Limits

#: Seconds that a kernel gets to end by itself after its last cell, as jupyter_client's.
SHUTDOWN_SECONDS = 5.0


class KernelFailed(Exception):
    """The kernel did not start; the text says why."""


@dataclass(frozen=True, kw_only=True)
class KernelStart:
    """What a kernel is to be."""

    #: Kernelspec.
    name: str
    env: Mapping[str, str]
    #: The folder in which it starts.
    cwd: str
    #: Where its unix sockets go: a short path in a private folder; absent: TCP ports.
    sockets: str | None
    #: The file that takes what a kernel writes to its console.
    console: Path
    #: Seconds until it must answer.
    timeout: float
    #: What it may take, where the system can hold it to that.
    limits: Limits = field(default_factory=Limits)


class KernelLease(Protocol):
    """One kernel, used once."""

    #: What nbclient calls: `execute`, `kernel_info`, `shell_channel`, `iopub_channel`, `is_alive`.
    client: Any
    pid: int
    #: Its end: the wait status as `os.waitpid` gives it.
    exited: "asyncio.Future[int]"

    @property
    def orphans(self) -> bool:
        """Whether it may have left processes behind; known once it has ended."""
        ...

    def out_of_memory(self) -> bool:
        """Whether the system has killed a process of it for want of memory."""
        ...

    @property
    def abandoned(self) -> bool:
        """Whether it ended by no fault of its own or of the notebook."""
        ...

    def interrupt(self) -> None:
        """Asks it to end the cell that runs; from the thread of its loop."""
        ...

    async def shutdown(self) -> None:
        """Ends it as after a last cell: exit handlers run, then it is killed if need be."""
        ...


async def ended_by_itself(kernel: KernelLease) -> bool:
    """Waits for a kernel that was asked to end; reminds it by SIGTERM, as jupyter_client does."""
    await asyncio.wait({kernel.exited}, timeout=SHUTDOWN_SECONDS / 2)
    if not kernel.exited.done():
        signal_group(kernel.pid, signal.SIGTERM)
        await asyncio.wait({kernel.exited}, timeout=SHUTDOWN_SECONDS / 2)
    return kernel.exited.done()


def signal_group(pid: int, signum: signal.Signals) -> None:
    """Signals a session leader and its process group; one that has ended is fine."""
    with contextlib.suppress(ProcessLookupError, PermissionError):
        os.killpg(pid, signum)

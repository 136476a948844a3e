"""Kernels forked from a process that has imported everything already."""

import asyncio
import contextlib
import json
import os
import signal
import socket

from jupyter_orch.execution.kernels.cgroup import Cgroup, Limits, cgroups
from jupyter_orch.execution.kernels.lease import KernelStart, ended_by_itself, signal_group
from jupyter_orch.execution.kernels.line import RecordClient
from jupyter_orch.execution.kernels.parent import Forked, ForkParent
from jupyter_orch.kernel.forked.frames import BEGIN, BYE, SHUTDOWN


class WaitingFork:
    """A fork that has not been told yet what to be, in its control group."""

    def __init__(
        self,
        parent: ForkParent,
        forked: Forked,
        line: socket.socket,
        limits: Limits,
        group: Cgroup | None,
    ) -> None:
        self.parent = parent
        self.forked = forked
        self.line = line
        self.limits = limits
        self.group = group

    @classmethod
    async def make(cls, parent: ForkParent, limits: Limits) -> "WaitingFork":
        """Forks.

        Raises:
            KernelFailed: The parent is gone, or cannot fork.
        """
        group = cgroups().make(limits)
        ours, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        try:
            with theirs:
                forked = await parent.fork(theirs.fileno(), group.paths if group else ())
        except BaseException:
            ours.close()
            if group is not None:
                group.end()
            raise
        return cls(parent, forked, ours, limits, group)

    def drop(self) -> None:
        """Ends it, as nobody wants it."""
        self.line.close()
        if self.group is not None:
            self.group.end()


class ForkedKernel:
    """A fork that becomes the kernel of one notebook."""

    def __init__(self, fork: WaitingFork) -> None:
        self.client = RecordClient(fork.line, self._told)
        self.pid, self.exited = fork.forked
        self.exited.add_done_callback(lambda _: self._ended())
        self.parent = fork.parent
        self._group = fork.group
        #: Modules of `ForkParent.watched` that the notebook imported; known after its end.
        self.imported: list[str] = []

    @property
    def orphans(self) -> bool:
        """Whether it may have left processes behind; known once it has ended."""
        return self.parent.orphans_of(self.pid) and self._group is None

    def out_of_memory(self) -> bool:
        """Whether the system has killed a process of it for want of memory."""
        return self._group is not None and self._group.out_of_memory()

    @property
    def abandoned(self) -> bool:
        """Whether the process that it was forked from ended, and took it along."""
        return self.pid in self.parent.killed

    @classmethod
    def begin(cls, fork: WaitingFork, wanted: KernelStart) -> "ForkedKernel":
        """Makes the fork what is wanted.

        Raises:
            OSError: The file for its console cannot be made.
        """
        try:
            wanted.console.touch()
        except BaseException:
            fork.drop()
            raise
        kernel = cls(fork)
        become = {
            "env": {**wanted.env, "JPY_PARENT_PID": str(os.getpid())},  # as jupyter_client
            "cwd": wanted.cwd,
            "console": str(wanted.console.absolute()),
            "watched": fork.parent.watched,
        }
        kernel.client.line.put([BEGIN, json.dumps(become).encode()])
        return kernel

    def _told(self, message: list[bytes]) -> None:
        if message[0] == BYE:
            self.imported = json.loads(message[1])

    def _ended(self) -> None:
        self.client.line.drain()

    def interrupt(self) -> None:
        """By signal, as ipykernel wants it."""
        signal_group(self.pid, signal.SIGINT)

    async def shutdown(self) -> None:
        """Lets its exit handlers run; kills it when they take too long."""
        self.client.line.put([SHUTDOWN])
        if not await ended_by_itself(self):
            signal_group(self.pid, signal.SIGKILL)
            with contextlib.suppress(TimeoutError):
                await asyncio.wait_for(asyncio.shield(self.exited), 1.0)
        self.client.line.close()
        if self._group is not None:
            self._group.end()

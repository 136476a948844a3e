"""Stock kernels: any kernelspec, through unix sockets where it can, without fixed waits."""

import asyncio
import contextlib
import os
import signal
import subprocess
from collections.abc import Callable
from queue import Empty
from typing import Any

from jupyter_client.manager import AsyncKernelManager

from jupyter_orch.execution.kernels.cgroup import Cgroup, cgroups
from jupyter_orch.execution.kernels.lease import (
    SHUTDOWN_SECONDS,
    KernelFailed,
    KernelStart,
    ended_by_itself,
    signal_group,
)

#: Seconds until a kernel that says nothing is asked again.
_ASK_AGAIN = 1.0
#: Seconds in which a kernel that answers must also publish, else nobody listens yet: asked again.
_PUBLISHED = 0.2


class ColdKernel:
    """A kernel in a process of its own, as jupyter_client starts it."""

    abandoned = False

    def __init__(self, manager: AsyncKernelManager, client: Any, group: Cgroup | None) -> None:
        self._manager = manager
        self._group = group
        #: Without a group nobody has looked.
        self.orphans = group is None
        self.client = client
        self._process: subprocess.Popen[bytes] = manager.provisioner.process  # type: ignore[union-attr]
        self.pid = self._process.pid
        self.exited = _exit_of(self._process)
        client.is_alive = self._is_alive

    @classmethod
    async def start(
        cls, wanted: KernelStart, *, preexec_fn: Callable[[], None] | None
    ) -> "ColdKernel":
        """Starts the process and waits until the kernel answers and publishes.

        Raises:
            KernelFailed: It ended, or did not answer in time.
        """
        manager = AsyncKernelManager(kernel_name=wanted.name)
        if wanted.sockets is not None:
            manager.transport = "ipc"
            manager.ip = wanted.sockets
        extra = ["--HistoryManager.hist_file=:memory:"] if manager.ipykernel else []
        with wanted.console.open("ab") as console:
            await manager.start_kernel(
                extra_arguments=extra,
                env=dict(wanted.env),
                cwd=wanted.cwd,
                preexec_fn=preexec_fn,
                stdout=console,
                stderr=console,
            )
        client = manager.client()
        client.start_channels(stdin=False, hb=False)
        group = cgroups().make(wanted.limits)
        kernel = cls(manager, client, group)
        if group is not None:
            group.add(kernel.pid)
        try:
            async with asyncio.timeout(wanted.timeout):
                await kernel._ready()
        except TimeoutError:
            await kernel.kill()
            raise KernelFailed(
                f"The kernel {wanted.name} did not answer within {wanted.timeout:g} s."
            ) from None
        except BaseException:
            await kernel.kill()
            raise
        return kernel

    async def _ready(self) -> None:
        while True:
            asked = self.client.kernel_info()
            if await self._answer(asked, _ASK_AGAIN) and await self._published(asked):
                return

    async def _answer(self, asked: str, seconds: float) -> bool:
        """Whether the reply to a request came; fails at once when the kernel has ended."""
        reply = asyncio.ensure_future(self._next(self.client.shell_channel, asked, seconds))
        either: set[asyncio.Future[Any]] = {reply, self.exited}
        await asyncio.wait(either, return_when=asyncio.FIRST_COMPLETED)
        if not reply.done():
            reply.cancel()
            raise KernelFailed("The kernel ended before it answered.")
        return reply.result()

    async def _published(self, asked: str) -> bool:
        return await self._next(self.client.iopub_channel, asked, _PUBLISHED)

    async def _next(self, channel: Any, asked: str, seconds: float) -> bool:
        """Whether a message about this request comes in time."""
        deadline = asyncio.get_running_loop().time() + seconds
        while (rest := deadline - asyncio.get_running_loop().time()) > 0:
            try:
                message = await channel.get_msg(timeout=rest)
            except Empty:
                return False
            if message["parent_header"].get("msg_id") == asked:
                return True
        return False

    def out_of_memory(self) -> bool:
        """Whether the system has killed a process of it for want of memory."""
        return self._group is not None and self._group.out_of_memory()

    async def _is_alive(self) -> bool:
        return not self.exited.done()

    def interrupt(self) -> None:
        """As its kernelspec wants it: some kernels end with a signal, and want a message."""
        spec = self._manager.kernel_spec
        if spec is not None and spec.interrupt_mode == "message":
            self.client.control_channel.send(self.client.session.msg("interrupt_request", {}))
        else:
            signal_group(self.pid, signal.SIGINT)

    async def shutdown(self) -> None:
        """Ends it as jupyter_client does, without looking every tenth of a second."""
        with contextlib.suppress(Exception):  # it has ended
            await self._manager.request_shutdown()
        await ended_by_itself(self)
        await self.kill()

    async def kill(self) -> None:
        """Ends it at once with its process group, and removes its files."""
        signal_group(self.pid, signal.SIGKILL)
        await asyncio.wait({self.exited}, timeout=SHUTDOWN_SECONDS)
        self.client.stop_channels()
        if (stdin := self._process.stdin) is not None:
            stdin.close()
        await self._manager.cleanup_resources()
        if self._group is not None:
            self._group.end()


def _exit_of(process: "subprocess.Popen[bytes]") -> "asyncio.Future[int]":
    """Told by the system at once, where jupyter_client looks now and then."""
    loop = asyncio.get_running_loop()
    exited: asyncio.Future[int] = loop.create_future()

    def told(code: int) -> None:
        if not exited.done():
            exited.set_result(-code if code < 0 else code << 8)

    try:
        handle = os.pidfd_open(process.pid)
    except (AttributeError, OSError):  # not Linux, or it has ended: asked in a thread
        waiter = asyncio.ensure_future(asyncio.to_thread(process.wait))
        waiter.add_done_callback(lambda done: told(done.result()))
        return exited

    def ended() -> None:
        loop.remove_reader(handle)
        os.close(handle)
        told(process.wait())

    loop.add_reader(handle, ended)
    return exited

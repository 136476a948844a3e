"""Starts kernels: forked where that gives the same as a stock one, else stock, with the reason."""

import asyncio
import hashlib
import os
import sys
from collections import Counter
from collections.abc import Callable, Mapping
from contextlib import ExitStack
from dataclasses import replace
from pathlib import Path

from jupyter_client.kernelspec import KernelSpec, KernelSpecManager

from jupyter_orch.execution.kernels.cgroup import Limits
from jupyter_orch.execution.kernels.cold import ColdKernel
from jupyter_orch.execution.kernels.forked import ForkedKernel, WaitingFork
from jupyter_orch.execution.kernels.freshness import Freshness
from jupyter_orch.execution.kernels.lease import KernelFailed, KernelLease, KernelStart
from jupyter_orch.execution.kernels.parent import ForkEnvironment, ForkParent
from jupyter_orch.execution.kernels.preload import ALWAYS, LEARNED
from jupyter_orch.execution.private import private_folder

#: Variables that differ from attempt to attempt, and that no import reads.
_OF_THE_ATTEMPT = frozenset(
    {"TMPDIR", "JUPYTER_RUNTIME_DIR", "JUPYTER_ORCH_CHANNEL", "JUPYTER_ORCH_TOKEN"}
)
_MODULES = ("ipykernel_launcher", "ipykernel")
_MOST_PARENTS = 4
_MOST_FORKS = 2000  # kernels of one parent share a seed for hashes
_OLDEST = 3600.0  # seconds
_AGAIN = 60.0  # seconds until a parent that failed is tried again
_CONVINCING = 2  # runs
_LEARN_PAUSE = 10.0  # seconds between two parents of one environment that learn


class KernelPool:
    """The kernels of one executor; `close` ends what they are forked from."""

    def __init__(self, *, preexec_fn: Callable[[], None] | None = None) -> None:
        """Starts nothing yet.

        Args:
            preexec_fn: Called in every new process before it becomes what it is to be.
        """
        self._preexec_fn = preexec_fn
        self._specs = KernelSpecManager()
        self._nurseries: dict[ForkEnvironment, _Nursery] = {}
        #: Made room for others; each goes with its last kernel.
        self._leaving: list[_Nursery] = []
        self._open = ExitStack()
        self._folder = self._open.enter_context(private_folder())

    async def start(
        self,
        wanted: KernelStart,
        *,
        cold: str | None,
        tell: Callable[[str], None],
    ) -> KernelLease:
        """A kernel that has not executed anything.

        Args:
            wanted: What it is to be.
            cold: Why it must be a stock one; absent: nothing is known against a fork.
            tell: Gets the reason when it is a stock one.

        Raises:
            KernelFailed: It did not start.
            NoSuchKernel: There is no such kernelspec.
        """
        spec = self._specs.get_kernel_spec(wanted.name)
        reason = cold or not_forkable(spec, wanted)
        if reason is None:
            try:
                return await self._nursery(spec, wanted).kernel(wanted)
            except KernelFailed as error:
                reason = str(error)
        tell(reason)
        if spec.language != "python":  # the Java library of ZeroMQ knows no unix sockets
            wanted = replace(wanted, sockets=None)
        return await ColdKernel.start(wanted, preexec_fn=self._preexec_fn)

    def ended(self, kernel: KernelLease) -> None:
        """Learns from a kernel that has ended what is worth importing ahead."""
        if isinstance(kernel, ForkedKernel):
            for nursery in self._nurseries.values():
                nursery.learn(kernel)
        self._leaving = [nursery for nursery in self._leaving if not nursery.left()]

    def close(self) -> None:
        """Ends the parents, and every kernel that still runs with them."""
        for nursery in (*self._nurseries.values(), *self._leaving):
            nursery.close()
        self._open.close()

    def _nursery(self, spec: KernelSpec, wanted: KernelStart) -> "_Nursery":
        environment = fork_environment(spec, wanted.env)
        found = self._nurseries.pop(environment, None)
        if found is None:
            while len(self._nurseries) >= _MOST_PARENTS:
                leaving = self._nurseries.pop(next(iter(self._nurseries)))
                leaving.rest()
                self._leaving.append(leaving)
            found = _Nursery(environment, self._folder, self._preexec_fn)
        self._nurseries[environment] = found  # the one used last is last
        return found


def not_forkable(spec: KernelSpec, wanted: KernelStart) -> str | None:
    """Why a kernel of this kind cannot be forked, or None."""
    starts = spec.argv[1:3]
    found = {
        "Kernels are forked on Linux only.": sys.platform != "linux",
        "The kernelspec starts something else than ipykernel.": (
            spec.language != "python" or starts not in (["-m", module] for module in _MODULES)
        ),
        "The kernelspec wants interrupts by message.": spec.interrupt_mode != "signal",
        "The kernelspec names a provisioner of its own.": "kernel_provisioner" in spec.metadata,
        "A folder of PYTHONPATH is relative to the notebook's.": _relative(wanted.env),
        "There is a matplotlibrc in the notebook's folder, which matplotlib reads at import.": (
            Path(wanted.cwd, "matplotlibrc").exists()
        ),
    }
    return next((reason for reason, holds in found.items() if holds), None)


def _relative(env: Mapping[str, str]) -> bool:
    folders = env.get("PYTHONPATH", "").split(os.pathsep)
    return any(folder and not Path(folder).is_absolute() for folder in folders)


def fork_environment(spec: KernelSpec, env: Mapping[str, str]) -> ForkEnvironment:
    """What a parent for this kernelspec and these variables must be."""
    interpreter = spec.argv[0]
    names = {"python", f"python{sys.version_info[0]}", "python{}.{}".format(*sys.version_info[:2])}
    variables = {name: value for name, value in env.items() if name not in _OF_THE_ATTEMPT}
    variables |= spec.env or {}
    key = hashlib.sha256(repr(sorted(variables.items())).encode()).hexdigest()[:12]
    connection = f"kernel-{key}.json"
    argv = [argument.replace("{connection_file}", connection) for argument in spec.argv[3:]]
    return ForkEnvironment(
        interpreter=sys.executable if interpreter in names else interpreter,
        argv=(*argv, "--HistoryManager.hist_file=:memory:"),
        variables=tuple(sorted(variables.items())),
    )


class _Nursery:
    """The parents of one environment: one that forks, perhaps a better one on its way."""

    def __init__(
        self,
        environment: ForkEnvironment,
        folder: Path,
        preexec_fn: Callable[[], None] | None,
    ) -> None:
        self._environment = environment
        self._folder = folder
        self._preexec_fn = preexec_fn
        self._parent: ForkParent | None = None
        self._retired: list[ForkParent] = []
        self._lock = asyncio.Lock()
        self._fresh: Freshness | None = None
        self._learned_names: tuple[str, ...] = ()
        self._seen: Counter[str] = Counter()
        self._runs = 0
        self._learned = 0.0
        self._replacing: asyncio.Task[None] | None = None
        self._failed: tuple[float, str] | None = None
        #: A fork ahead, which the next notebook does not have to wait for.
        self._waiting: WaitingFork | None = None
        self._forking: asyncio.Task[None] | None = None
        self._resting = False

    async def kernel(self, wanted: KernelStart) -> ForkedKernel:
        async with self._lock:
            parent = await self._ready()
            fork = self._forked_ahead(wanted.limits)
        fork = fork or await WaitingFork.make(parent, wanted.limits)
        kernel = ForkedKernel.begin(fork, wanted)
        if not self._resting and self._waiting is None and _is_over(self._forking):
            self._forking = asyncio.ensure_future(self._fork_ahead(parent, wanted.limits))
            self._forking.add_done_callback(_ignore)
        return kernel

    def _forked_ahead(self, limits: Limits) -> WaitingFork | None:
        fork, self._waiting = self._waiting, None
        if fork is None or (fork.limits == limits and not fork.forked.exited.done()):
            return fork
        fork.drop()
        return None

    async def _fork_ahead(self, parent: ForkParent, limits: Limits) -> None:
        fork = await WaitingFork.make(parent, limits)
        if parent is self._parent and self._waiting is None and not self._resting:
            self._waiting = fork
        else:
            fork.drop()

    def rest(self) -> None:
        """Forks nothing ahead any more."""
        self._resting = True
        self._drop_fork()

    def _drop_fork(self) -> None:
        if self._forking is not None:
            self._forking.cancel()
        if self._waiting is not None:
            self._waiting.drop()
            self._waiting = None

    async def _ready(self) -> ForkParent:
        now = asyncio.get_running_loop().time()
        if self._failed is not None and now - self._failed[0] < _AGAIN:
            raise KernelFailed(self._failed[1])
        parent = self._parent
        if parent is not None and parent.alive and self._fresh is not None and self._fresh.holds():
            if parent.forks >= _MOST_FORKS or parent.age >= _OLDEST:
                self._replace()
            return parent
        try:
            await self._renew()
        except KernelFailed as error:
            self._failed = now, str(error)
            raise
        assert self._parent is not None  # noqa: S101 - `_renew` has just set it
        return self._parent

    async def _renew(self) -> None:
        fresh = Freshness()
        parent = await ForkParent.start(
            self._environment,
            first=ALWAYS,
            then=self._learned_names,
            watched=[name for name in LEARNED if name not in self._learned_names],
            folder=self._folder,
            preexec_fn=self._preexec_fn,
        )
        fresh.watch(parent.paths)
        self._set_aside()
        self._parent, self._fresh, self._failed = parent, fresh, None

    def _replace(self) -> None:
        """Makes a new parent while the old one goes on."""
        if _is_over(self._replacing):
            self._replacing = asyncio.ensure_future(self._renew())
            self._replacing.add_done_callback(_ignore)

    def _set_aside(self) -> None:
        self._drop_fork()
        if self._parent is not None:
            self._retired.append(self._parent)
        self._sweep()

    def _sweep(self) -> None:
        for parent in [each for each in self._retired if each.busy == 0]:
            self._retired.remove(parent)
            parent.close()

    def learn(self, kernel: ForkedKernel) -> None:
        """Counts what the notebook imported; more than half of the runs is worth a new parent."""
        self._sweep()
        if kernel.parent is not self._parent:
            return
        self._runs += 1
        self._seen.update(kernel.imported)
        often = [name for name in LEARNED if self._seen[name] * 2 > self._runs]
        now = asyncio.get_running_loop().time()
        if often and self._runs >= _CONVINCING and now - self._learned > _LEARN_PAUSE:
            self._learned_names = (*self._learned_names, *often)
            self._seen.clear()
            self._runs, self._learned = 0, now
            self._replace()

    def left(self) -> bool:
        """Ends what has no kernel any more; whether nothing is left, and nobody waits for it."""
        if self._lock.locked():
            return False
        if self._replacing is not None:
            self._replacing.cancel()
        self._set_aside()
        self._parent = None
        return not self._retired

    def close(self) -> None:
        if self._replacing is not None:
            self._replacing.cancel()
        self.rest()
        for parent in (self._parent, *self._retired):
            if parent is not None:
                parent.close()
        self._retired.clear()
        self._parent = None


def _is_over(task: "asyncio.Task[None] | None") -> bool:
    return task is None or task.done()


def _ignore(done: "asyncio.Task[None]") -> None:
    """A parent that could not be made leaves the old one in its place."""
    if not done.cancelled():
        done.exception()

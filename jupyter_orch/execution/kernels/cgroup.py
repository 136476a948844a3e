"""Control groups of Linux, of version 2 or 1, whichever there is and may be written.

They limit what a kernel takes, tell whether it was killed for want of memory, and know every
process that it has started, also one that left its session. Without them a kernel is contained by
its process group and by the marks that its processes bear.
"""

import contextlib
import itertools
import os
import signal
import time
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import cache
from pathlib import Path

from jupyter_orch.execution.private import gone

_PREFIX = "jorch-"
_ROUNDS = 50
_PAUSE = 0.01  # seconds between two looks at what is still there
_NUMBERS = itertools.count(1)


@dataclass(frozen=True, kw_only=True)
class Limits:
    """What a kernel and all that it starts may take together; absent: whatever there is."""

    memory_bytes: int | None = None
    #: Processes and threads.
    processes: int | None = None


@dataclass(frozen=True, kw_only=True)
class Cgroups:
    """Where groups can be made; each is None where nothing can be."""

    #: Version 2, which ends all processes of a group at once.
    unified: Path | None = None
    #: For version 2 the same folder as `unified`.
    memory: Path | None = None
    pids: Path | None = None

    @property
    def folders(self) -> list[Path]:
        """All of them, each once."""
        return list(dict.fromkeys(each for each in (self.unified, self.memory, self.pids) if each))

    def make(self, limits: Limits) -> "Cgroup | None":
        """A group with these limits, or None where there are none."""
        if not self.folders:
            return None
        group = Cgroup(self, f"{_PREFIX}{os.getpid()}-{next(_NUMBERS)}")
        try:
            group.create(limits)
        except OSError:  # it was possible a moment ago: others have taken the right away
            group.remove()
            return None
        return group

    def sweep(self) -> None:
        """Ends and removes what processes have left that are no more."""
        for folder in self.folders:
            for path in folder.glob(f"{_PREFIX}*"):
                maker = path.name.removeprefix(_PREFIX).partition("-")[0]
                if maker.isdigit() and gone(int(maker)):
                    _kill_all(path)
                    with contextlib.suppress(OSError):
                        path.rmdir()


@dataclass
class Cgroup:
    """One group, in one folder of each kind."""

    cgroups: Cgroups
    name: str

    def create(self, limits: Limits) -> None:
        """Makes the folders and sets the limits.

        Raises:
            OSError: One of them cannot be made.
        """
        for folder in self.cgroups.folders:
            (folder / self.name).mkdir()
        memory, pids = self._folder(self.cgroups.memory), self._folder(self.cgroups.pids)
        if memory is not None and limits.memory_bytes is not None:
            _limit_memory(memory, limits.memory_bytes)
        if pids is not None and limits.processes is not None:
            (pids / "pids.max").write_text(str(limits.processes))

    @property
    def paths(self) -> list[str]:
        """Its folders."""
        return [str(folder) for folder in self._folders()]

    def add(self, pid: int) -> None:
        """Takes in a process, and with it all that it will start."""
        for folder in self._folders():
            with contextlib.suppress(OSError):  # it has ended
                (folder / "cgroup.procs").write_text(str(pid))

    def out_of_memory(self) -> bool:
        """Whether the system has killed a process of it for want of memory."""
        folder = self._folder(self.cgroups.memory)
        if folder is None:
            return False
        file = "memory.events" if (folder / "memory.events").exists() else "memory.oom_control"
        with contextlib.suppress(OSError, ValueError):
            lines = (folder / file).read_text().splitlines()
            counts = dict(line.split(" ", 1) for line in lines)
            return int(counts.get("oom_kill", 0)) > 0
        return False

    def end(self) -> None:
        """Ends every process that is in it, and removes it."""
        for folder in self._folders():
            _kill_all(folder)
        self.remove()

    def remove(self) -> None:
        """Removes the folders; what is in them must have ended."""
        for folder in self._folders():
            for _ in range(_ROUNDS):
                try:
                    folder.rmdir()
                except FileNotFoundError:
                    break
                except OSError:  # the last process has not quite gone
                    time.sleep(_PAUSE)
                else:
                    break

    def _folders(self) -> Iterator[Path]:
        for folder in self.cgroups.folders:
            yield folder / self.name

    def _folder(self, base: Path | None) -> Path | None:
        return None if base is None else base / self.name


@cache
def cgroups() -> Cgroups:
    """What this process may use; found by trying."""
    places = _places()
    unified = _usable(places.get("unified"))
    memory = pids = None
    if unified is not None:
        offered = _offered(unified)
        memory = unified if "memory" in offered else None
        pids = unified if "pids" in offered else None
    return Cgroups(
        unified=unified,
        memory=memory or _usable(places.get("memory")),
        pids=pids or _usable(places.get("pids")),
    )


def _places() -> Mapping[str, Path]:
    """The folder of this process's own group, by controller."""
    try:
        mounts = Path("/proc/self/mounts").read_text().splitlines()
        groups = Path("/proc/self/cgroup").read_text().splitlines()
    except OSError:
        return {}
    own: dict[str, str] = {}
    for line in groups:
        number, controllers, path = line.split(":", 2)
        names = ["unified"] if number == "0" else controllers.split(",")
        own |= dict.fromkeys(names, path)
    found: dict[str, Path] = {}
    for line in mounts:
        _, place, kind, options, *_ = line.split(" ")
        names = ["unified"] if kind == "cgroup2" else options.split(",")
        if kind in {"cgroup", "cgroup2"}:
            found |= {name: Path(place + own[name]) for name in names if name in own}
    return found


def _usable(folder: Path | None) -> Path | None:
    """The folder, if groups can be made in it and processes put into them."""
    if folder is None or not folder.is_dir():
        return None
    trial = folder / f"{_PREFIX}{os.getpid()}-{next(_NUMBERS)}"  # other threads may try, too
    try:
        trial.mkdir()
    except OSError:
        return None
    try:
        return folder if os.access(trial / "cgroup.procs", os.W_OK) else None
    finally:
        trial.rmdir()


def _offered(folder: Path) -> set[str]:
    """Controllers that groups in this folder of version 2 have; asks for ours."""
    control = folder / "cgroup.subtree_control"
    for name in ("memory", "pids"):
        with contextlib.suppress(OSError):  # a group with processes of its own may not
            control.write_text(f"+{name}")
    try:
        return set(control.read_text().split())
    except OSError:
        return set()


def _limit_memory(folder: Path, size: int) -> None:
    if (folder / "memory.max").exists():
        (folder / "memory.max").write_text(str(size))
        with contextlib.suppress(OSError):  # no swap here
            (folder / "memory.swap.max").write_text("0")
        return
    (folder / "memory.limit_in_bytes").write_text(str(size))
    with contextlib.suppress(OSError):
        (folder / "memory.memsw.limit_in_bytes").write_text(str(size))


def _kill_all(folder: Path) -> None:
    with contextlib.suppress(OSError):
        (folder / "cgroup.kill").write_text("1")
    for _ in range(_ROUNDS):
        try:
            pids = [int(line) for line in (folder / "cgroup.procs").read_text().split()]
        except OSError:
            return
        if not pids:
            return
        for pid in pids:
            with contextlib.suppress(ProcessLookupError, PermissionError):
                os.kill(pid, signal.SIGKILL)
        time.sleep(_PAUSE)

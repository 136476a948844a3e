"""The threads behind the use cases, as the service sees them."""

from datetime import datetime
from typing import Literal, Protocol, get_args

#: What a process may do of the service's work.
Role = Literal["scheduler", "worker", "api"]
ROLES: frozenset[Role] = frozenset(get_args(Role))


class Timer(Protocol):
    """Fires triggers that are due."""

    @property
    def alive(self) -> bool:
        """Whether the thread runs."""
        ...

    @property
    def last_tick(self) -> datetime | None:
        """When it last looked for due triggers; absent before the first time."""
        ...

    def start(self) -> None:
        """Begins to fire."""
        ...

    def stop(self) -> None:
        """Ends after the wake-up that is under way."""
        ...

    def wake(self) -> None:
        """Looks for due triggers now."""
        ...


class Worker(Protocol):
    """Executes queued runs."""

    @property
    def alive(self) -> bool:
        """Whether it takes runs."""
        ...

    def start(self) -> None:
        """Begins to take runs."""
        ...

    def wake(self) -> None:
        """Looks for new runs and for requests to cancel now."""
        ...

    def stop(self, timeout: float) -> None:
        """Takes no more, and gives those under way so many seconds."""
        ...


class Chores(Protocol):
    """Does what has to be done again and again: reaping, retention, telling people."""

    def start(self) -> None:
        """Begins."""
        ...

    def stop(self) -> None:
        """Ends after the chores that are under way."""
        ...


class Elsewhere:
    """A part whose role another process has: it finds what is new in the database by itself."""

    alive = True
    last_tick: datetime | None = None

    def start(self) -> None:
        """Nothing to start here."""

    def stop(self, timeout: float = 0.0) -> None:
        """Nothing to stop here."""

    def wake(self) -> None:
        """It looks by itself soon."""

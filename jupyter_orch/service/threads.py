"""The threads behind the use cases, as the service sees them."""

from datetime import datetime
from typing import Protocol


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

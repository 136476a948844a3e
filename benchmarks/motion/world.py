"""A clock that nobody waits for: it jumps to the next instant at which something happens."""

import heapq
from collections.abc import Callable
from datetime import datetime
from itertools import count

from jupyter_orch.store.rows import instant

SECOND = 1_000_000  # microseconds
Action = Callable[[], object]


class World:
    """The clock of everything simulated, and what is to happen when."""

    def __init__(self, start: int) -> None:
        #: Microseconds since 1970.
        self.micros = start
        self._events: list[tuple[int, int, Action]] = []
        self._order = count()

    def now(self) -> datetime:
        """`ports.Clock`."""
        return instant(self.micros)

    def monotonic(self) -> float:
        """Seconds, for what measures durations."""
        return self.micros / SECOND

    def at(self, micros: int, action: Action) -> None:
        """Does something then; what has passed is done next."""
        heapq.heappush(self._events, (micros, next(self._order), action))

    def every(self, seconds: float, action: Action) -> None:
        """Does something now and again and again."""

        def again() -> None:
            action()
            self.at(self.micros + int(seconds * SECOND), again)

        self.at(self.micros, again)

    def run(self, until: int, *, unless: Callable[[], bool] = lambda: False) -> None:
        """Lets everything up to an instant happen; `unless` ends it earlier."""
        while self._events and self._events[0][0] <= until and not unless():
            micros, _, action = heapq.heappop(self._events)
            self.micros = max(self.micros, micros)
            action()
        if not unless():
            self.micros = max(self.micros, until)

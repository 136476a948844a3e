"""What every kind of trigger comes down to: a row of due instants."""

from collections.abc import Iterator
from datetime import datetime
from typing import Protocol


class Timetable(Protocol):
    """The due instants of one trigger, as far as one looks."""

    def after(self, instant: datetime) -> Iterator[datetime]:
        """Due instants later than `instant`, earliest first."""
        ...

    def before(self, instant: datetime) -> Iterator[datetime]:
        """Due instants earlier than `instant`, latest first."""
        ...

    def count(self, first: datetime, last: datetime) -> int:
        """Number of due instants from `first` to `last`, both included, fast for long spans."""
        ...

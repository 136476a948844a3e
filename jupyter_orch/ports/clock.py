"""The wall clock."""

from datetime import datetime
from typing import Protocol


class Clock(Protocol):
    """The only reader of the wall clock."""

    def now(self) -> datetime:
        """Now, aware, in UTC."""
        ...

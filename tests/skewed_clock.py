"""A wall clock that is wrong, for a whole process: `advance` comes before every other import."""

import datetime as dt
import time
from pathlib import Path
from typing import Any, Self


def advance(seconds: float) -> None:
    """Lets every wall clock of Python say so much more; the monotonic one stays as it is."""
    told, told_ns = time.time, time.time_ns
    true = dt.datetime
    by = dt.timedelta(seconds=seconds)

    class Skewed(true):  # type: ignore[misc, valid-type]
        """Says another "now"."""

        @classmethod
        def now(cls, tz: Any = None) -> Self:
            """The wrong time."""
            wrong = true.now(tz) + by
            return cls.fromtimestamp(wrong.timestamp(), tz)

    time.time = lambda: told() + seconds
    time.time_ns = lambda: told_ns() + int(seconds * 1_000_000_000)
    dt.datetime = Skewed  # type: ignore[misc]


def program(folder: Path, seconds: float) -> Path:
    """A program for `Fleet.start`: a member whose host has such a clock."""
    made = folder / f"member_skewed_by_{seconds:+g}.py"
    made.write_text(
        "from skewed_clock import advance\n"
        f"advance({seconds!r})\n"
        "from fleet_member import main\n"
        "main()\n"
    )
    return made

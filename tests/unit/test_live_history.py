"""What a job's history says about its next run."""

import pytest

from jupyter_orch.domain.live import Usual, usual


@pytest.mark.parametrize(
    ("took", "seconds", "slow"),
    [
        ([7], 7, 7),
        ([10, 20], 15, 20),
        ([3, 1, 2], 2, 3),
        (list(range(1, 21)), 10.5, 18),
    ],
)
def test_half_and_nine_in_ten(took: list[float], seconds: float, slow: float) -> None:
    """The median, and what only the slowest tenth exceeds."""
    assert usual(took) == Usual(runs=len(took), seconds=seconds, slow_seconds=slow)


def test_no_history_says_nothing() -> None:
    """Nobody knows how long the first run takes."""
    assert usual([]) is None

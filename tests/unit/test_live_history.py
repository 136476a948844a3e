"""What a job's history says about its next run."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest

from jupyter_orch.domain.ids import DEFAULT_TEAM, RunId
from jupyter_orch.domain.live import Usual, usual
from jupyter_orch.domain.model import Policies, Run
from jupyter_orch.domain.states import RunState

BEGAN = datetime(2026, 11, 1, 6, tzinfo=UTC)


def run(seconds: float) -> Run:
    """A run that took so long."""
    return Run(
        id=RunId("r"),
        team=DEFAULT_TEAM,
        job_id=None,
        job_name="job",
        job_version=None,
        run_key="manual:r",
        kind="manual",
        state=RunState.SUCCEEDED,
        logical_time=BEGAN,
        not_before=BEGAN,
        parameters={},
        notebook="a.ipynb",
        notebook_sha256="0" * 64,
        policies=Policies(),
        created_by="tester",
        created_at=BEGAN,
        started_at=BEGAN,
        ended_at=BEGAN + timedelta(seconds=seconds),
    )


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
    assert usual([run(each) for each in took]) == Usual(
        runs=len(took), seconds=seconds, slow_seconds=slow
    )


def test_no_history_says_nothing() -> None:
    """Nor do runs that never began."""
    assert usual([]) is None
    assert usual([replace(run(1), started_at=None)]) is None

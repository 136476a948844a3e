"""Whether a failed run is tried again, and when."""

from jupyter_orch.domain.model import Run
from jupyter_orch.domain.states import FailureClass


def retries_left(run: Run, failure: FailureClass | None) -> bool:
    """Whether the attempt that failed so may be followed by another one.

    Args:
        run: As it is while the attempt holds it.
        failure: The class of the failure; absent for what no repetition can mend.
    """
    return failure in run.policies.retry_on and _spent(run) <= run.policies.retries


def retry_wait(run: Run) -> float:
    """Seconds from the end of the attempt to the next one, before chance has its part."""
    policies = run.policies
    try:
        wait = policies.retry_delay_seconds * policies.retry_backoff ** max(0, _spent(run) - 1)
    except OverflowError:
        return policies.retry_max_delay_seconds
    return min(wait, policies.retry_max_delay_seconds)


def _spent(run: Run) -> int:
    """Attempts that count, this one included."""
    return run.attempt - run.free_attempts

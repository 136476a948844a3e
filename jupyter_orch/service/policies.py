"""Which numbers and names a job's policies may have."""

from collections.abc import Iterator
from typing import get_args

from jupyter_orch.domain.errors import BadInput
from jupyter_orch.domain.model import CatchUp, Overlap, Policies
from jupyter_orch.domain.states import FailureClass

MOST_RETRIES = 100
MOST_CATCH_UP = 10_000  # runs
MOST_PARALLEL = 10_000  # runs
MOST_BACKOFF = 100
HIGHEST_PRIORITY = 1000
LONGEST_POOL = 200  # characters
LONGEST = 10 * 366 * 24 * 3600  # seconds; ten years


def problems(policies: Policies) -> Iterator[BadInput]:
    """Everything that cannot be used, each by its field."""
    yield from _retry_problems(policies)
    yield from _limit_problems(policies)
    if not 1 <= policies.max_catch_up <= MOST_CATCH_UP:
        yield _bad("max_catch_up", f"Catching up makes 1 to {MOST_CATCH_UP} runs.")
    if policies.catch_up not in get_args(CatchUp):
        yield _bad("catch_up", f"Catching up is one of {', '.join(get_args(CatchUp))}.")
    yield from _overlap_problems(policies)
    if not -HIGHEST_PRIORITY <= policies.priority <= HIGHEST_PRIORITY:
        yield _bad("priority", f"A priority is from -{HIGHEST_PRIORITY} to {HIGHEST_PRIORITY}.")
    pool = policies.pool
    if not pool.strip() or len(pool) > LONGEST_POOL or not pool.isprintable():
        yield _bad("pool", f"The name of a pool has 1 to {LONGEST_POOL} printable characters.")


def _retry_problems(policies: Policies) -> Iterator[BadInput]:
    if not 0 <= policies.retries <= MOST_RETRIES:
        yield _bad("retries", f"Retries are from 0 to {MOST_RETRIES}.")
    if not 1 <= policies.retry_backoff <= MOST_BACKOFF:
        yield _bad("retry_backoff", f"A wait grows by a factor from 1 to {MOST_BACKOFF}.")
    classes = get_args(FailureClass)
    if not policies.retry_on or not set(policies.retry_on) <= set(classes):
        yield BadInput(
            f"Failures to retry on are at least one of {', '.join(classes)}.",
            field="policies.retry_on",
            hint="To retry on nothing, set retries to 0.",
        )


def _limit_problems(policies: Policies) -> Iterator[BadInput]:
    for name in ("retry_delay_seconds", "retry_max_delay_seconds", "late_after_seconds"):
        seconds = getattr(policies, name)
        if seconds is not None and not 0 <= seconds <= LONGEST:
            yield _bad(name, "A wait is from 0 seconds to 10 years.")
    for name in (
        "timeout_seconds",
        "cell_timeout_seconds",
        "queue_timeout_seconds",
        "max_staleness_seconds",
    ):
        seconds = getattr(policies, name)
        if seconds is not None and not 0 < seconds <= LONGEST:
            yield _bad(name, "A time limit is longer than 0 seconds and at most 10 years.")


def _overlap_problems(policies: Policies) -> Iterator[BadInput]:
    if policies.overlap not in get_args(Overlap):
        yield _bad("overlap", f"The policy for overlap is one of {', '.join(get_args(Overlap))}.")
    most = policies.max_parallel
    if most is None:
        return
    if not 1 <= most <= MOST_PARALLEL:
        yield _bad("max_parallel", f"From 1 to {MOST_PARALLEL} runs go on at a time.")
    elif policies.overlap != "parallel":
        yield BadInput(
            f"A number of parallel runs means nothing with overlap {policies.overlap}.",
            field="policies.max_parallel",
            hint="Set overlap to parallel, or leave the number out.",
        )


def _bad(name: str, message: str) -> BadInput:
    return BadInput(message, field=f"policies.{name}")

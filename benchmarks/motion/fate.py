"""What becomes of an attempt: decided by the seed and its name alone, so that it can be checked."""

import random
from dataclasses import dataclass

from jupyter_orch.domain.model import Run

FAILING = 0.02  # of all attempts
HOPELESS = 0.1  # of those that fail: no repetition can mend it
#: Mean seconds that an attempt takes, by the first word of its job's name.
MEAN = {"busy": 100.0}
USUAL_MEAN = 30.0
LONGEST = 3600.0


@dataclass(frozen=True)
class Fate:
    """How long an attempt takes, and how it ends if nobody interferes."""

    seconds: float
    fails: bool
    hopeless: bool


def fate_of(seed: int, run: Run, attempt: int) -> Fate:
    """The same for the same attempt."""
    return fate(seed, run.job_name, run.run_key, attempt)


def fate(seed: int, job_name: str, run_key: str, attempt: int) -> Fate:
    """The same by names."""
    chance = random.Random(f"{seed}|{job_name}|{_plain(run_key)}|{attempt}")  # noqa: S311
    mean = MEAN.get(job_name.split(" ", 1)[0], USUAL_MEAN)
    fails = chance.random() < FAILING
    return Fate(
        seconds=min(1.0 + chance.expovariate(1 / mean), LONGEST),
        fails=fails,
        hopeless=fails and chance.random() < HOPELESS,
    )


def _plain(run_key: str) -> str:
    """Without the random id of a backfill."""
    parts = run_key.split(":")
    return ":".join(parts[:1] + parts[2:]) if parts[0] == "backfill" else run_key

"""Spreads what is due at the top of the hour."""

import hashlib
from datetime import timedelta

from jupyter_orch.domain.ids import JobId


def jitter(job_id: JobId, trigger_id: str, seconds: int) -> timedelta:
    """How long after it is due a run may begin: from 0 to `seconds`, that excluded.

    The same in every process and version for the same job and trigger, so that the distance of
    its runs stays what the schedule says; a longer `seconds` stretches the delay in proportion.
    """
    if not seconds:
        return timedelta()
    digest = hashlib.sha256(f"{job_id}\0{trigger_id}".encode()).digest()
    micros = int.from_bytes(digest[:8], "big") * seconds * 1_000_000 >> 64
    return timedelta(microseconds=micros)

"""Empties the outbox: one message for each target, at least once, never in a run's way."""

import logging
import random
import time
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from itertools import groupby

from jupyter_orch.domain.errors import OrchError
from jupyter_orch.domain.model import Notice
from jupyter_orch.ports import Clock, Courier, Outbox

log = logging.getLogger(__name__)
EVERY_SECONDS = 2.0  # also the time that several runs have to become one digest
#: Longer than a message takes; whoever died while sending is replaced after it.
LEASE_SECONDS = 30.0
AT_ONCE = 8  # targets that are told side by side, so that a silent one holds nobody up
FIRST_RETRY_SECONDS = 5.0
LONGEST_RETRY_SECONDS = 3600.0
GIVEN_UP_AFTER = timedelta(days=3)


class Notifier:
    """One chore; several processes may do it at once."""

    def __init__(self, outbox: Outbox, courier: Courier, clock: Clock) -> None:
        self._outbox = outbox
        self._courier = courier
        self._clock = clock

    def do(self) -> None:
        """Sends what is due, for about as long as one pace of the chore."""
        deadline = time.monotonic() + EVERY_SECONDS
        while claimed := self._outbox.claim_notices(limit=AT_ONCE, lease_seconds=LEASE_SECONDS):
            groups = [list(group) for _, group in groupby(sorted(claimed, key=_whose), key=_whose)]
            with ThreadPoolExecutor(len(groups), thread_name_prefix="orch-notify") as threads:
                for _ in threads.map(self._tell, groups):
                    pass
            if time.monotonic() >= deadline:
                break

    def _tell(self, notices: Sequence[Notice]) -> None:
        target = notices[0].target
        ids = [each.id for each in notices]
        try:
            self._courier.deliver(target, notices)
        except OrchError as error:
            self._try_later(notices, error.message)
        except Exception as error:
            log.exception("notify.broken", extra={"target": target})
            self._try_later(notices, type(error).__name__)
        else:
            self._outbox.notices_sent(ids)
            log.info("notify.sent", extra={"target": target, "runs": len(ids)})

    def _try_later(self, notices: Sequence[Notice], error: str) -> None:
        target = notices[0].target
        oldest = self._clock.now() - GIVEN_UP_AFTER
        given_up = [each.id for each in notices if each.created_at < oldest]
        if given_up:
            log.error(
                "notify.given_up", extra={"target": target, "runs": len(given_up), "error": error}
            )
            self._outbox.notices_sent(given_up)
        kept = [each for each in notices if each.created_at >= oldest]
        if kept:
            wait = retry_seconds(max(each.tries for each in kept))
            log.warning("notify.failed", extra={"target": target, "error": error, "wait": wait})
            self._outbox.notices_failed(
                [each.id for each in kept], error=error, retry_in_seconds=wait
            )


def retry_seconds(tries: int) -> float:
    """How long to wait after so many tries: twice as long each time, spread a little."""
    longest = FIRST_RETRY_SECONDS * 2.0 ** min(max(tries, 1) - 1, 30)
    return min(longest, LONGEST_RETRY_SECONDS) * random.uniform(0.8, 1.0)  # noqa: S311 - no secret


def _whose(notice: Notice) -> tuple[str, str]:
    return notice.team, notice.target

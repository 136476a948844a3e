"""Clears up after workers that were lost: their queries, staged data and branches.

The run itself may have gone on elsewhere or have ended. What the attempt staged can never be
published any more: its lease is over, and with its branch gone the catalog refuses it as well.
"""

import logging
import time

from jupyter_orch.domain.errors import OrchError, Unavailable
from jupyter_orch.domain.ids import RunId
from jupyter_orch.ports import LostAttempt, Remains, Warehouse

log = logging.getLogger(__name__)
_BATCH = 50
_PAUSE_SECONDS = 60.0  # until one that could not be cleared up after is tried again


class Sweep:
    """One chore; several processes may do it at once."""

    def __init__(self, remains: Remains, warehouse: Warehouse) -> None:
        self._remains = remains
        self._warehouse = warehouse
        #: Attempts that resist, and when to try again: they must not stand before the others.
        self._stuck: dict[tuple[RunId, int], float] = {}

    def do(self) -> int:
        """Clears up after some attempts; answers how many.

        Raises:
            Unavailable: The warehouse or the database is away; nothing is forgotten.
        """
        swept = 0
        for lost in self._remains.lost_attempts(limit=_BATCH + len(self._stuck)):
            key = lost.run_id, lost.number
            if self._stuck.get(key, 0.0) > time.monotonic():
                continue
            try:
                self._clear(lost)
            except Unavailable:
                raise
            except OrchError as error:
                log.warning("sweep.stuck", extra={"run_id": lost.run_id, "error": error.message})
                self._stuck[key] = time.monotonic() + _PAUSE_SECONDS
                continue
            self._remains.attempt_swept(lost.run_id, lost.number)
            self._stuck.pop(key, None)
            swept += 1
        return swept

    def _clear(self, lost: LostAttempt) -> None:
        for query_id in lost.queries:
            self._warehouse.cancel_query(query_id)
        self._warehouse.discard(lost.run_id, lost.number)

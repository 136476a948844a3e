"""Queries in the warehouse that an attempt's notebook started, and may leave running."""

import logging
import threading
from collections import deque

from jupyter_orch.ports import Warehouse
from jupyter_orch.runner.holding import Holding

_log = logging.getLogger(__name__)
_KEPT = 32  # the latest ones; older ones have ended


class StartedQueries:
    """Those of one attempt; safe to call from any thread."""

    def __init__(self, holding: Holding, warehouse: Warehouse) -> None:
        self._holding = holding
        self._warehouse = warehouse
        self._ids: deque[str] = deque(maxlen=_KEPT)

    def record(self, query_id: str) -> None:
        """Remembers one that the notebook started."""
        self._ids.append(query_id)
        self._holding.record_query(query_id)

    def stop(self) -> threading.Thread:
        """Ends those that run; the thread may be waited for, as the warehouse may be slow."""
        ids = list(self._ids)

        def stop() -> None:
            for query_id in ids:
                try:
                    self._warehouse.cancel_query(query_id)
                except Exception as error:  # noqa: BLE001 - the others have to be stopped as well
                    _log.warning(
                        "query.not_stopped", extra={"query": query_id, "error": str(error)}
                    )

        thread = threading.Thread(target=stop, name="stop-queries", daemon=True)
        thread.start()
        return thread

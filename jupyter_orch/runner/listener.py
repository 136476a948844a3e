"""The ear of a worker: hears of work that somebody else made."""

import logging
import threading
from collections.abc import Callable

from jupyter_orch.domain.errors import Unavailable
from jupyter_orch.ports import QueueHintStore

_log = logging.getLogger(__name__)
_TURN = 0.1  # seconds within which a stop is heard
_REST = 0.05  # seconds after a hint, so that many of them become one
_AGAIN = 2.0  # seconds until a lost connection is tried again


class Listener:
    """Calls `heard` when the queue may have changed, from a thread of its own."""

    def __init__(self, store: QueueHintStore, heard: Callable[[], None]) -> None:
        self._store = store
        self._heard = heard
        self._ended = threading.Event()
        self._thread = threading.Thread(target=self._loop, name="worker-listener", daemon=True)

    def start(self) -> None:
        """Begins to listen."""
        self._thread.start()

    def stop(self) -> None:
        """Ends the thread and waits for it."""
        self._ended.set()
        if self._thread.is_alive():
            self._thread.join()

    def _loop(self) -> None:
        while not self._ended.is_set():
            try:
                self._listen()
            except Unavailable as error:
                _log.warning("worker.hears_nothing", extra={"error": str(error)})
            except Exception:  # noqa: BLE001 - the worker looks by itself, too
                _log.exception("worker.listener_failed")
            self._ended.wait(_AGAIN)

    def _listen(self) -> None:
        with self._store.queue_hints() as hints:
            self._heard()  # for what was missed before
            while not self._ended.is_set():
                if hints.wait(_TURN):
                    self._heard()
                    self._ended.wait(_REST)

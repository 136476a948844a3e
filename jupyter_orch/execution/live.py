"""The cell that runs, told to people who watch: a small file beside the notebook."""

import asyncio
import contextlib
import json
import logging
import time
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from jupyter_orch.domain.live import CELL_FILE
from jupyter_orch.execution.live_outputs import LiveOutputs
from jupyter_orch.execution.mask import Masker
from jupyter_orch.execution.notebook_file import replace_file

_log = logging.getLogger(__name__)
#: Seconds after which a cell is worth telling about, and between two looks at it.
_PAUSE = 0.5
#: Seconds between two saves of the notebook while one cell runs, and the largest share of the time
#: that they may take.
_SAVE_EVERY = 10.0
_SAVE_SHARE = 0.05
_LONGEST_SOURCE = 8_000  # characters
_CUT = "\n…"


class LiveCell:
    """Writes the file in the loop of the attempt; a cell that ends soon costs one timer.

    Whatever goes wrong with it: nobody sees the cell run, and the run goes on.
    """

    def __init__(
        self, folder: Path, masker: Masker, *, save: Callable[[], None] = lambda: None
    ) -> None:
        """Writes nothing yet.

        Args:
            folder: The attempt's.
            masker: Knows the secrets.
            save: Saves the notebook as it is now.
        """
        self._path = folder / CELL_FILE
        self._masker = masker
        self._save = save
        self._outputs = LiveOutputs(masker)
        self._cell: Any = None
        self._index = 0
        self._began = datetime.now(UTC)
        self._timer: asyncio.TimerHandle | None = None
        self._changed = self._written = self._unsaved = False
        self._save_at = 0.0

    def begin(self, cell: Any, index: int) -> None:
        """A cell begins."""
        self._cell, self._index = cell, index
        self._began = datetime.now(UTC)
        self._changed, self._unsaved = True, False
        self._save_at = time.monotonic() + _SAVE_EVERY
        self._timer = asyncio.get_running_loop().call_later(_PAUSE, self._look)

    def changed(self) -> None:
        """Its outputs are others now."""
        self._changed = self._unsaved = True

    def end(self) -> None:
        """It has ended: the notebook says the rest."""
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None
        self._cell = None
        if self._written:
            self._written = False
            with contextlib.suppress(OSError):  # whoever reads it knows how far the run is
                self._path.unlink(missing_ok=True)

    def _look(self) -> None:
        try:
            if self._changed:
                self._changed = False
                self._write()
            if self._unsaved and time.monotonic() >= self._save_at:
                self._unsaved = False
                self._save_now()
        except Exception:  # noqa: BLE001 - a full disk, say
            _log.warning("live.failed", exc_info=True, extra={"file": str(self._path)})
        self._timer = asyncio.get_running_loop().call_later(_PAUSE, self._look)

    def _write(self) -> None:
        source = self._masker.text(self._cell.source)
        if len(source) > _LONGEST_SOURCE:
            source = source[:_LONGEST_SOURCE] + _CUT
        told = {
            "index": self._index,
            "started_at": self._began.isoformat(timespec="milliseconds").replace("+00:00", "Z"),
            "source": source,
            "outputs": self._outputs.view(self._cell.outputs),
        }
        self._written = True
        replace_file(self._path, [json.dumps(told, ensure_ascii=False).encode("utf-8", "replace")])

    def _save_now(self) -> None:
        began = time.monotonic()
        self._save()
        ended = time.monotonic()
        self._save_at = ended + max(_SAVE_EVERY, (ended - began) / _SAVE_SHARE)

"""Papermill's manager of an executing notebook, which saves it atomically."""

import asyncio
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

from papermill.engines import NotebookExecutionManager

from jupyter_orch.execution.notebook_writer import NotebookWriter

#: Seconds that a save may take without keeping the next one away, and times what a longer one took
#: that it does, else a notebook of many cells would spend its time on saves.
_CHEAP_SAVE = 0.005
_SAVE_PAUSE = 20
_LONGEST_SAVE_PAUSE = 30.0  # seconds


class SavingManager(NotebookExecutionManager):  # type: ignore[misc]
    """Papermill's manager, which saves atomically, and tells how far it is.

    It saves whenever papermill does, unless the next save follows at once or the last one took so
    long that this one has to wait. A save that fails is made up for by the next one; `close` makes
    the last one.
    """

    def __init__(
        self,
        nb: Any,
        path: Path,
        progress: Callable[[int, int], None],
        not_saved: Callable[[OSError], None] = lambda _error: None,
    ) -> None:
        """Takes over a notebook.

        Args:
            nb: An nbformat notebook.
            path: Where it is saved.
            progress: Gets the cells done and all of them.
            not_saved: Gets why a save failed that is not the last one.
        """
        # what a long cell has brought so far is saved by who watches it
        super().__init__(nb, progress_bar=False, autosave_cell_every=0)
        self._writer = NotebookWriter(path)
        self._tell = progress
        self._not_saved = not_saved
        #: Position of the cell that runs.
        self.current: int | None = None
        self._running: int | None = None
        #: Whether the next save follows at once, and whether one was left out for that.
        self._followed = self._behind = False
        #: When the next save may be, by the monotonic clock, and who makes it then.
        self._next_save = 0.0
        self._later: asyncio.TimerHandle | None = None

    def save(self, *, durable: bool = False, **_options: Any) -> None:
        """Saves atomically; durable, for the last save, it outlives a power cut."""
        if not durable and (self._followed or self._wait()):
            self._behind = True
            return
        began = time.monotonic()
        running = None if self._behind else self._running
        try:
            self._writer.save(self.nb, running=running, durable=durable)
        except OSError as error:
            if durable:
                raise
            self._behind = True
            self._not_saved(error)
            return
        finally:
            ended = time.monotonic()
            took = ended - began
            pause = min(_SAVE_PAUSE * took, _LONGEST_SAVE_PAUSE) if took > _CHEAP_SAVE else 0.0
            self._next_save = ended + pause
        self._behind = False
        self.last_save_time = self.now()

    def _wait(self) -> bool:
        """Whether it is too early to save again; where there is a loop, that does it in time."""
        rest = self._next_save - time.monotonic()
        if rest <= 0:
            return False
        if self._later is None:
            try:
                loop = asyncio.get_running_loop()
            except RuntimeError:
                return False
            self._later = loop.call_later(rest, self._save_later)
        return True

    def _save_later(self) -> None:
        self._later = None
        self.save()

    def close(self) -> OSError | None:
        """Saves for good; answers why that failed."""
        if self._later is not None:
            self._later.cancel()
        try:
            self.save(durable=True)
        except OSError as error:
            return error
        return None

    def cell_start(self, cell: Any, cell_index: int | None = None, **options: Any) -> None:
        """Papermill's, remembering where we are."""
        self.current = self._running = cell_index
        self._followed = cell.cell_type != "code"
        super().cell_start(cell, cell_index=cell_index, **options)

    def cell_complete(self, cell: Any, cell_index: int | None = None, **options: Any) -> None:
        """Papermill's, and tells the progress."""
        total = len(self.nb.cells)
        failed = cell.metadata.papermill["status"] == self.FAILED
        self._followed = cell_index is not None and cell_index + 1 < total and not failed
        super().cell_complete(cell, cell_index=cell_index, **options)
        self._running = None
        if cell_index is not None:
            self._tell(cell_index + 1, total)

    def notebook_complete(self, **options: Any) -> None:
        """Papermill's; the last save follows."""
        self._followed = True
        super().notebook_complete(**options)

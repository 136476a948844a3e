"""Notebooks and logs as files."""

from collections.abc import Callable, Iterator
from datetime import datetime
from pathlib import Path
from typing import Protocol

from jupyter_orch.domain.ids import RunId


class Artifacts(Protocol):
    """Notebooks by content hash, and what attempts leave behind. Writes are atomic."""

    def put_notebook(
        self, content: bytes, *, check: Callable[[bytes], object] = lambda _content: None
    ) -> str:
        """Stores bytes; answers their sha256 in hex. What is there already becomes young again.

        `check` looks at bytes that are not there yet; they are not stored when it raises.
        """
        ...

    def get_notebook(self, sha256: str) -> bytes: ...

    def attempt_folder(self, run_id: RunId, attempt: int) -> Path:
        """The local folder that holds `notebook.ipynb` and `log.jsonl`; made if absent."""
        ...

    def read(
        self, run_id: RunId, attempt: int, name: str, *, last: int | None = None
    ) -> bytes | None:
        """One artifact's bytes, or None when the attempt has not written it.

        With `last` at most that many bytes, from the end.
        """
        ...

    def delete_run(self, run_id: RunId) -> None:
        """Removes all that the attempts of a run left; one that left nothing is fine."""
        ...

    def notebooks_before(self, at: datetime) -> Iterator[str]:
        """Hashes of frozen notebooks that nobody has put since then."""
        ...

    def delete_notebook(self, sha256: str, *, put_before: datetime) -> bool:
        """Removes a frozen notebook unless somebody has put it since then; says whether it did."""
        ...

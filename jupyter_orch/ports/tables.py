"""What the database remembers of tables: every version that was ever seen, however old."""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Protocol

from jupyter_orch.domain.model import Page
from jupyter_orch.domain.outputs import TableHistory, TableInfo, TableVersion


@dataclass(frozen=True)
class Removal:
    """Files that an expiry is about to remove, or was when it was interrupted."""

    id: int
    table: str
    snapshots: tuple[int, ...]
    files: tuple[str, ...]
    made_at: datetime


class TableStore(Protocol):
    """The log of versions; the catalog has the last word on what is still there."""

    def table_heads(self) -> Mapping[str, str]:
        """The place of the metadata that each known table was last noted from."""
        ...

    def note_history(self, history: TableHistory, *, seen: str | None) -> bool:
        """Takes in what the catalog knows; what it no longer knows is expired from now on.

        False, and nothing done, when the table was not last noted from `seen`: then somebody else
        was quicker.
        """
        ...

    def logged_versions(
        self, table: str, *, cursor: str | None = None, limit: int = 50
    ) -> Page[TableVersion]:
        """Versions of a table, newest first."""
        ...

    def table_lines(self, tables: Collection[str]) -> Mapping[str, TableInfo]:
        """How these tables stand."""
        ...

    def forget_tables(self, tables: Collection[str]) -> None:
        """Forgets tables that were dropped."""
        ...

    def crowded_tables(
        self, *, more_than: int, among: Sequence[str] | None = None
    ) -> tuple[str, ...]:
        """Tables with more versions than that which have not expired; of these, or of all."""
        ...

    def note_removal(self, table: str, snapshots: Sequence[int], files: Sequence[str]) -> Removal:
        """Remembers which files go once these snapshots are gone."""
        ...

    def removals(self) -> tuple[Removal, ...]:
        """Those that have not been finished, oldest first."""
        ...

    def forget_removal(self, removal_id: int) -> None:
        """Says that it is finished, or never will be."""
        ...

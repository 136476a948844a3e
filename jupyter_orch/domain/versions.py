"""Words of what people do with versions: compare them, go back to one, take one back."""

from dataclasses import dataclass
from typing import Any, Literal

from jupyter_orch.domain.errors import BadInput
from jupyter_orch.domain.ids import RunId
from jupyter_orch.domain.outputs import OutputMode, TableVersion

LONGEST_REASON = 500  # characters

RowChange = Literal["added", "removed", "changed"]


@dataclass(frozen=True, kw_only=True)
class ColumnChange:
    """A column that is not the same in both versions."""

    name: str
    change: Literal["added", "removed", "type"]
    #: Types as Trino names them; absent where the column is not.
    before: str | None
    after: str | None


@dataclass(frozen=True, kw_only=True)
class ColumnFacts:
    """What a column holds at one version."""

    #: From 0 to 1; absent without rows.
    null_rate: float | None
    #: Different values; absent where counting them would take long.
    distinct: int | None
    least: Any
    most: Any
    #: Of numbers.
    mean: float | None


@dataclass(frozen=True, kw_only=True)
class ColumnComparison:
    """A column that both versions have."""

    name: str
    type: str
    before: ColumnFacts
    after: ColumnFacts


@dataclass(frozen=True, kw_only=True)
class RowSample:
    """A row that is not the same; values in the order of the compared columns."""

    change: RowChange
    before: tuple[Any, ...] | None
    after: tuple[Any, ...] | None
    #: How often, for rows that no key tells apart.
    times: int = 1


@dataclass(frozen=True, kw_only=True)
class TableDiff:
    """What changed from one version of a table to another."""

    table: str
    before: TableVersion
    after: TableVersion
    schema: tuple[ColumnChange, ...]
    rows_before: int
    rows_after: int
    #: What tells rows apart; empty: rows are compared as wholes, as EXCEPT ALL does.
    keys: tuple[str, ...]
    #: Columns of both, which rows are compared by.
    compared: tuple[str, ...]
    added: int
    removed: int
    #: Rows of the same key with other values; without keys there are none.
    changed: int
    columns: tuple[ColumnComparison, ...]
    sample: tuple[RowSample, ...]
    #: Whether the sample leaves rows out.
    truncated: bool


@dataclass(frozen=True, kw_only=True)
class RollbackPlan:
    """What a roll back would do."""

    table: str
    target: TableVersion
    #: What readers see now; the roll back is tied to it.
    current: TableVersion
    #: Versions that readers no longer see, newest first, the first ones of them.
    undoes: tuple[TableVersion, ...]
    #: How many there are in all.
    count: int


@dataclass(frozen=True, kw_only=True)
class UndoPart:
    """What undoing a run would do to one version that it published."""

    table: str
    version: int
    mode: OutputMode | None
    slice: dict[str, Any]
    keys: tuple[str, ...]
    #: What it would do, in one sentence.
    does: str
    #: Rows that go, and rows that come back.
    removed: int
    restored: int
    #: Later versions that wrote what this one wrote; undoing takes their rows as well.
    later: tuple[TableVersion, ...]
    #: Why it cannot be done at all.
    problem: str | None
    #: The version that undid it already.
    done: int | None


@dataclass(frozen=True, kw_only=True)
class UndoPlan:
    """What undoing a run would do to all that it published."""

    run_id: RunId
    parts: tuple[UndoPart, ...]
    #: Names the state of the tables that was looked at.
    tag: str

    @property
    def blocked(self) -> bool:
        """Whether later versions stand in the way of at least one part."""
        return any(part.later and part.done is None for part in self.parts)


def checked_reason(text: str | None) -> str | None:
    """A reason as it is stored, None without one.

    Raises:
        BadInput: It is too long (field `reason`).
    """
    said = (text or "").strip()
    if len(said) > LONGEST_REASON:
        raise BadInput(f"A reason has at most {LONGEST_REASON} characters.", field="reason")
    return said or None

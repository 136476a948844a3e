"""Rows that are not the same in two versions of a table: how many, and some of them.

Rows are compared as multisets: those of one version count plus one, those of the other minus one,
equal rows cancel out. With keys, what is left is told apart into added, removed and changed. Data
files that both versions have cancel out as a whole and are not read, as long as nothing deletes
rows in them.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from pyiceberg.schema import Schema
from pyiceberg.types import (
    BooleanType,
    DateType,
    DecimalType,
    DoubleType,
    FloatType,
    IcebergType,
    IntegerType,
    LongType,
    NestedField,
    StringType,
    TimestampType,
    TimestamptzType,
    TimeType,
    UUIDType,
)

from jupyter_orch.domain.versions import RowChange, RowSample
from jupyter_orch.warehouse.ask import Asking
from jupyter_orch.warehouse.preview import json_value
from jupyter_orch.warehouse.scan import literal, quote

SAMPLE = 100  # rows
_LONGEST = 300  # characters of a value that is shown
NUMBERS = (DecimalType, DoubleType, FloatType, IntegerType, LongType)
#: Types whose values have an order, and so can tell rows apart.
ORDERED = (
    *NUMBERS,
    BooleanType,
    DateType,
    StringType,
    TimestampType,
    TimestamptzType,
    TimeType,
    UUIDType,
)
_CUT = StringType


@dataclass(frozen=True)
class Side:
    """One of two versions."""

    name: str
    snapshot_id: int
    schema: Schema
    rows: int | None
    #: Data files that only this version has; None: all of its rows are read.
    files: tuple[str, ...] | None

    @property
    def source(self) -> str:
        """All of its rows, as what a query reads from."""
        schema, table = self.name.split(".")
        return f"{quote(schema)}.{quote(table)} FOR VERSION AS OF {self.snapshot_id}"

    @property
    def differing(self) -> str:
        """The same, without what both versions have."""
        if self.files is None:
            return self.source
        if not self.files:
            return f"{self.source} WHERE false"
        return f'{self.source} WHERE "$path" IN ({", ".join(map(literal, self.files))})'


class Rows:
    """Rows that are not the same in both versions."""

    def __init__(
        self,
        asking: Asking,
        sides: Sequence[Side],
        columns: Sequence[NestedField],
        keys: tuple[str, ...],
    ) -> None:
        self.keys = keys
        self._asking = asking
        self._sides = sides
        self._columns = columns
        places = {field.name: f"c{place}" for place, field in enumerate(columns)}
        self._names = list(places.values())
        self._by = ", ".join(places[key] for key in keys)
        #: Whether several rows of one version share their key.
        self.repeated = False
        self.added, self.removed, self.changed = self._counts() if columns else (0, 0, 0)

    @property
    def _differing(self) -> str:
        """A query of rows and how often there are more of them afterwards; negative: fewer."""
        parts = []
        for side, sign in zip(self._sides, (-1, 1), strict=True):
            chosen = (
                f"{quote(field.name)} AS c{place}" for place, field in enumerate(self._columns)
            )
            parts.append(f"SELECT {', '.join(chosen)}, {sign} AS s FROM {side.differing}")  # noqa: S608 - all quoted
        names = ", ".join(self._names)
        return (
            f"SELECT {names}, sum(s) AS n FROM ({' UNION ALL '.join(parts)}) u"  # noqa: S608
            f" GROUP BY {names} HAVING sum(s) <> 0"
        )

    def _counts(self) -> tuple[int, int, int]:
        plus = "coalesce(sum(CASE WHEN n > 0 THEN n ELSE 0 END), 0)"
        minus = "coalesce(sum(CASE WHEN n < 0 THEN -n ELSE 0 END), 0)"
        if not self.keys:
            sql = f"SELECT {plus} AS p, {minus} AS m FROM ({self._differing}) d"  # noqa: S608
            ((added, removed),) = self._asking.rows(sql)
            return int(added), int(removed), 0
        grouped = (
            f"SELECT {plus} AS p, {minus} AS m FROM ({self._differing}) d"  # noqa: S608
            f" GROUP BY {self._by}"
        )
        ((added, removed, changed, most),) = self._asking.rows(
            "SELECT count(CASE WHEN m = 0 THEN 1 END) AS a, count(CASE WHEN p = 0 THEN 1 END) AS r,"  # noqa: S608
            " count(CASE WHEN p > 0 AND m > 0 THEN 1 END) AS c,"
            f" coalesce(max(CASE WHEN p > m THEN p ELSE m END), 0) AS t FROM ({grouped}) g"
        )
        self.repeated = int(most) > 1
        return int(added), int(removed), int(changed)

    def sample(self) -> tuple[RowSample, ...]:
        """Some of each kind, in the order of their keys."""
        counts: dict[RowChange, int] = {
            "added": self.added,
            "changed": self.changed,
            "removed": self.removed,
        }
        if not sum(counts.values()):
            return ()
        shares = _shares(counts)
        shown = [
            f"{as_sent(name, field.field_type)} AS {name}"
            for name, field in zip(self._names, self._columns, strict=True)
        ]
        order = self._by or ", ".join(
            name
            for name, field in zip(self._names, self._columns, strict=True)
            if isinstance(field.field_type, ORDERED)
        )
        kind = "CASE WHEN n > 0 THEN 'added' ELSE 'removed' END"
        if self.keys:
            over = f"OVER (PARTITION BY {self._by})"
            kind = (
                f"CASE WHEN min(n) {over} > 0 THEN 'added'"
                f" WHEN max(n) {over} < 0 THEN 'removed' ELSE 'changed' END"
            )
        names = ", ".join(self._names)
        sort = f"ORDER BY {order}, n" if order else "ORDER BY n"
        limits = " OR ".join(
            f"kind = '{each}' AND r <= {share * (2 if each == 'changed' else 1)}"
            for each, share in shares.items()
        )
        rows = self._asking.rows(
            f"SELECT kind, n, {', '.join(shown)} FROM (SELECT {names}, n, kind,"  # noqa: S608
            f" row_number() OVER (PARTITION BY kind {sort}) AS r FROM ("
            f"SELECT {names}, n, {kind} AS kind FROM ({self._differing}) d) k) w"
            f" WHERE {limits} ORDER BY kind, r"
        )
        return tuple(_samples(rows))


def _shares(counts: Mapping[RowChange, int]) -> dict[RowChange, int]:
    """How many rows of each kind are shown: all of the few, and the rest of the many."""
    left, shares = SAMPLE, {}
    for place, (kind, count) in enumerate(sorted(counts.items(), key=lambda item: item[1])):
        shares[kind] = min(count, left // (len(counts) - place))
        left -= shares[kind]
    return shares


def _samples(rows: Sequence[Sequence[Any]]) -> list[RowSample]:
    found = []
    waiting: tuple[Any, ...] | None = None
    for kind, times, *cells in rows:
        values = tuple(_short(json_value(cell)) for cell in cells)
        count = abs(int(times))
        if kind == "added":
            found.append(RowSample(change=kind, before=None, after=values, times=count))
        elif kind == "removed":
            found.append(RowSample(change=kind, before=values, after=None, times=count))
        elif waiting is None:  # of a key the older row comes first
            waiting = values
        else:
            found.append(RowSample(change="changed", before=waiting, after=values))
            waiting = None
    return found


def as_sent(expression: str, kind: IcebergType) -> str:
    """A value as it is sent: a long text or blob only as far as anybody would read."""
    return f"substr({expression}, 1, {_LONGEST})" if isinstance(kind, _CUT) else expression


def _short(value: Any) -> Any:
    """Lists and structures with their first parts only."""
    if isinstance(value, list) and len(value) > _LONGEST:
        return [*value[:_LONGEST], "…"]
    if isinstance(value, str) and len(value) > 2 * _LONGEST:
        return value[: 2 * _LONGEST] + "…"
    return value

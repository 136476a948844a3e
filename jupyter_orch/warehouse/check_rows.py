"""Checks that look at the rows piece by piece, and keep numbers only."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, time, timedelta
from decimal import Decimal, InvalidOperation
from typing import Any, Protocol

import pyarrow as pa
import pyarrow.compute as pc
from pyiceberg.schema import Schema
from pyiceberg.types import (
    DateType,
    DecimalType,
    DoubleType,
    FloatType,
    IcebergType,
    IntegerType,
    LongType,
    TimestampType,
    TimestamptzType,
)

from jupyter_orch.domain.errors import BadInput
from jupyter_orch.warehouse.slices import read_value

_NUMBERS = (IntegerType, LongType, FloatType, DoubleType, DecimalType)
_INSTANTS = (DateType, TimestampType, TimestamptzType)
_SAYS = {"said_by": "A check", "field": "checks"}
_SHOWN = 40  # characters of a value in a message


class RowCheck(Protocol):
    """One check; it sees every piece once and is then asked."""

    @property
    def name(self) -> str:
        """Such as `not_null carrier`."""
        ...

    @property
    def column(self) -> str:
        """What it looks at."""
        ...

    def see(self, column: Any) -> None:
        """The column's values in the next rows."""
        ...

    def outcome(self, rows: int) -> tuple[bool, str]:
        """Whether it holds for all rows, and what was seen."""
        ...


@dataclass
class NotNull:
    """Every row has a value."""

    column: str
    missing: int = 0

    @property
    def name(self) -> str:
        """See `RowCheck`."""
        return f"not_null {self.column}"

    def see(self, column: Any) -> None:
        """See `RowCheck`."""
        self.missing += column.null_count

    def outcome(self, rows: int) -> tuple[bool, str]:
        """See `RowCheck`."""
        if self.missing:
            return False, f"{self.missing:,} of {rows:,} rows have no {self.column}"
        return True, f"all {rows:,} rows have {self.column}"


@dataclass
class _Strangers:
    """Values that are there and do not fit."""

    column: str
    count: int = 0
    example: str = ""

    def add(self, column: Any, fits: Any) -> None:
        """Those for which `fits` is not true; nulls are no values."""
        wrong = pc.and_(pc.is_valid(column), pc.invert(pc.fill_null(fits, False)))
        found = column.filter(wrong)
        if len(found) and not self.count:
            self.example = shown(found[0].as_py())
        self.count += len(found)


@dataclass
class Accepted:
    """Only these values; nulls pass."""

    column: str
    values: pa.Array
    strangers: _Strangers = field(init=False)

    def __post_init__(self) -> None:
        self.strangers = _Strangers(self.column)

    @classmethod
    def of(cls, column: str, values: Sequence[Any], schema: Schema) -> "Accepted":
        """With the values read as the column's type.

        Raises:
            BadInput: They are none (field `checks`).
        """
        kind = _kind(column, schema)
        read = [value_of(column, value, kind) for value in values if value is not None]
        wanted = _arrow(column, schema)
        try:
            return cls(column, pa.array(read, wanted))
        except (pa.ArrowInvalid, OverflowError, TypeError):
            raise _no_fit(column, values, kind) from None

    @property
    def name(self) -> str:
        """See `RowCheck`."""
        return f"accepted {self.column}"

    def see(self, column: Any) -> None:
        """See `RowCheck`."""
        self.strangers.add(column, pc.is_in(column, value_set=self.values))

    def outcome(self, rows: int) -> tuple[bool, str]:
        """See `RowCheck`."""
        if self.strangers.count:
            return False, (
                f"{self.strangers.count:,} of {rows:,} rows have another {self.column}, "
                f"such as {self.strangers.example}"
            )
        return True, f"every {self.column} is one of {len(self.values):,}"


@dataclass
class Between:
    """Values within bounds, which belong to them; nulls pass, NaN does not."""

    column: str
    low: Any
    high: Any
    strangers: _Strangers = field(init=False)

    def __post_init__(self) -> None:
        self.strangers = _Strangers(self.column)

    @classmethod
    def of(cls, column: str, low: Any, high: Any, schema: Schema) -> "Between":
        """With the bounds read as the column's type.

        Raises:
            BadInput: They are none (field `checks`).
        """
        kind = _kind(column, schema)
        return cls(
            column,
            None if low is None else value_of(column, low, kind),
            None if high is None else value_of(column, high, kind),
        )

    @property
    def name(self) -> str:
        """See `RowCheck`."""
        return f"between {self.column}"

    def see(self, column: Any) -> None:
        """See `RowCheck`."""
        fits = pc.is_valid(column)
        try:
            if self.low is not None:
                fits = pc.and_kleene(fits, pc.greater_equal(column, _scalar(self.low, column)))
            if self.high is not None:
                fits = pc.and_kleene(fits, pc.less_equal(column, _scalar(self.high, column)))
        except (pa.ArrowInvalid, pa.ArrowNotImplementedError, OverflowError) as error:
            raise BadInput(
                f"The bounds of {self.column!r} cannot be compared with {column.type}.",
                field="checks",
            ) from error
        if self.low is None and self.high is None:
            return
        self.strangers.add(column, fits)

    def outcome(self, rows: int) -> tuple[bool, str]:
        """See `RowCheck`."""
        if self.high is None:
            wanted = f"{shown(self.low)} or more"
        elif self.low is None:
            wanted = f"{shown(self.high)} or less"
        else:
            wanted = f"between {shown(self.low)} and {shown(self.high)}"
        if self.strangers.count:
            return False, (
                f"{self.strangers.count:,} of {rows:,} rows have a {self.column} that is not "
                f"{wanted}, such as {self.strangers.example}"
            )
        return True, f"every {self.column} is {wanted}"


@dataclass
class Fresh:
    """The newest value is at most so old."""

    column: str
    age: timedelta
    #: What it is measured against.
    reference: datetime
    newest: Any = None

    @classmethod
    def of(cls, column: str, seconds: float, reference: datetime, schema: Schema) -> "Fresh":
        """For a column of dates or timestamps.

        Raises:
            BadInput: It is none (field `checks`).
        """
        kind = _kind(column, schema)
        if not isinstance(kind, _INSTANTS):
            raise BadInput(
                f"fresh looks at dates and timestamps; {column!r} is a column of type {kind}.",
                field="checks",
            )
        return cls(column, timedelta(seconds=seconds), reference)

    @property
    def name(self) -> str:
        """See `RowCheck`."""
        return f"fresh {self.column}"

    def see(self, column: Any) -> None:
        """See `RowCheck`."""
        found = pc.max(column).as_py()
        if found is not None and (self.newest is None or found > self.newest):
            self.newest = found

    def outcome(self, rows: int) -> tuple[bool, str]:
        """See `RowCheck`."""
        del rows
        if self.newest is None:
            return False, f"there is no {self.column}"
        age = self.reference - _instant(self.newest)
        said = (
            f"the newest {self.column} is {shown(self.newest)}, {_span(age)} before "
            f"{self.reference:%Y-%m-%d %H:%M:%S} UTC"
        )
        if age > self.age:
            return False, f"{said}; at most {_span(self.age)} are wanted"
        return True, said


@dataclass
class NullsChange:
    """The share of nulls grows at most so much against the version before."""

    column: str
    growth: float
    #: Rows of the version before, and how many of them have no value; None without a version.
    before: tuple[int, int] | None
    missing: int = 0

    @property
    def name(self) -> str:
        """See `RowCheck`."""
        return f"nulls_change {self.column}"

    def see(self, column: Any) -> None:
        """See `RowCheck`."""
        self.missing += column.null_count

    def outcome(self, rows: int) -> tuple[bool, str]:
        """See `RowCheck`."""
        if not rows or self.before is None or not self.before[0]:
            return True, "there are no two versions to compare"
        share, before = self.missing / rows, self.before[1] / self.before[0]
        said = f"{share:.1%} of the rows have no {self.column}, {before:.1%} in the version before"
        if share - before > self.growth:
            return False, f"{said}; at most {self.growth:.1%} more are wanted"
        return True, said


def value_of(column: str, value: Any, kind: IcebergType) -> Any:
    """A JSON value as one that the column may be compared with.

    Raises:
        BadInput: It is none (field `checks`).
    """
    if not isinstance(kind, _NUMBERS):
        return read_value(column, value, kind, **_SAYS)
    if isinstance(value, bool) or not isinstance(value, int | float | str):
        raise _no_fit(column, value, kind)
    try:
        exact = Decimal(str(value))
    except InvalidOperation:
        raise _no_fit(column, value, kind) from None
    if isinstance(kind, DecimalType) or not exact.is_finite():
        return exact if exact.is_finite() else float(exact)
    return int(exact) if exact == exact.to_integral_value() else float(exact)


def shown(value: Any) -> str:
    """A value in a message."""
    text = str(value)
    return text if len(text) <= _SHOWN else text[: _SHOWN - 1] + "…"


def _scalar(value: Any, column: Any) -> Any:
    if isinstance(value, Decimal | int | float):
        return pa.scalar(value)
    return pa.scalar(value, column.type)


def _kind(column: str, schema: Schema) -> IcebergType:
    return next(field.field_type for field in schema.fields if field.name == column)


def _arrow(column: str, schema: Schema) -> pa.DataType:
    from jupyter_orch.warehouse.staging import arrow_schema

    return arrow_schema(schema).field(column).type


def _no_fit(column: str, value: Any, kind: IcebergType) -> BadInput:
    return BadInput(
        f"A check gives {shown(value)} for {column!r}, which is a column of type {kind}.",
        field="checks",
    )


def _instant(value: date | datetime) -> datetime:
    """In UTC; a date is its midnight, and without a zone a timestamp is in UTC as well."""
    if not isinstance(value, datetime):
        value = datetime.combine(value, time())
    return value.replace(tzinfo=UTC) if value.tzinfo is None else value


def _span(span: timedelta) -> str:
    seconds = span.total_seconds()
    units = ((86400, "days"), (3600, "hours"), (60, "minutes"), (1, "seconds"))
    length, unit = next((item for item in units if abs(seconds) >= item[0]), units[-1])
    number = f"{seconds / length:.1f}".removesuffix(".0")
    return f"{number} {unit[:-1] if number == '1' else unit}"

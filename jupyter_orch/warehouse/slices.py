"""A slice: columns and their values, as a filter for Iceberg and a mask for Arrow."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import date, datetime, time
from decimal import Decimal, InvalidOperation
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc
from pyiceberg.expressions import AlwaysTrue, And, BooleanExpression, EqualTo, IsNull, Reference
from pyiceberg.expressions.literals import literal
from pyiceberg.schema import Schema
from pyiceberg.types import (
    BooleanType,
    DateType,
    DecimalType,
    IcebergType,
    IntegerType,
    LongType,
    StringType,
    TimestampType,
    TimestamptzType,
)

from jupyter_orch.domain.errors import BadInput, listed

#: Types whose values make good partitions: one folder for each.
_PARTITION_TYPES = (BooleanType, DateType, IntegerType, LongType, StringType)
_INT_BITS = {IntegerType: 31, LongType: 63}


@dataclass(frozen=True)
class Slice:
    """The part of a table that an output replaces; without columns it is the whole table."""

    values: Mapping[str, Any]
    types: Mapping[str, IcebergType]

    @classmethod
    def bind(cls, values: Mapping[str, Any], schema: Schema) -> "Slice":
        """The slice with its JSON values read as the columns' types.

        Raises:
            BadInput: A column is missing or a value does not fit (field `slice`).
        """
        bound = {}
        types = {}
        for name, value in values.items():
            field = next((item for item in schema.fields if item.name == name), None)
            if field is None:
                raise BadInput(
                    f"The slice names {name!r}, which is not a column.",
                    field="slice",
                    hint=f"The columns are {listed(item.name for item in schema.fields)}.",
                )
            types[name] = field.field_type
            bound[name] = None if value is None else read_value(name, value, field.field_type)
        return cls(bound, types)

    @property
    def filter(self) -> BooleanExpression:
        """What Iceberg prunes and deletes by."""
        expression: BooleanExpression = AlwaysTrue()
        for name, value in self.values.items():
            term = Reference(name)
            one: BooleanExpression = (
                IsNull(term=term) if value is None else EqualTo(term=term, value=literal(value))
            )
            expression = And(expression, one)
        return expression

    def mask(self, table: pa.Table) -> Any:
        """For each row whether it belongs to the slice; never null."""
        result = pa.chunked_array([pa.repeat(pa.scalar(value=True), table.num_rows)])
        for name, value in self.values.items():
            column = table.column(name)
            if value is None:
                same = pc.is_null(column)
            else:
                same = pc.fill_null(pc.equal(column, pa.scalar(value, type=column.type)), False)
            result = pc.and_(result, same)
        return result

    def partitions(self) -> tuple[str, ...]:
        """Columns that a new table is worth being partitioned by."""
        sensible = all(isinstance(kind, _PARTITION_TYPES) for kind in self.types.values())
        return tuple(self.values) if sensible else ()


def read_value(
    name: str, value: Any, kind: IcebergType, *, said_by: str = "The slice", field: str = "slice"
) -> Any:
    """A JSON value as one of the column's type.

    Raises:
        BadInput: It is none, or the column has a type that is not compared.
    """
    reader = _READERS.get(type(kind))
    if reader is None:
        raise BadInput(
            f"{said_by} cannot use the column {name!r} of type {kind}.",
            field=field,
            hint="Use a column of dates, timestamps, text, whole numbers, decimals or booleans.",
        )
    try:
        return reader(value, kind)
    except (ValueError, TypeError, InvalidOperation, pa.ArrowInvalid):
        raise BadInput(
            f"{said_by} gives {value!r} for {name!r}, which is a column of type {kind}.",
            field=field,
            hint="Write dates and timestamps as ISO text.",
        ) from None


def _exact(wanted: type) -> Callable[[Any, IcebergType], Any]:
    def read(value: Any, _: IcebergType) -> Any:
        if type(value) is not wanted:
            raise ValueError
        return value

    return read


def _whole(value: Any, kind: IcebergType) -> int:
    bits = _INT_BITS[type(kind)]  # type: ignore[index]
    if type(value) is not int or not -(1 << bits) <= value < 1 << bits:
        raise ValueError
    return value


def _decimal(value: Any, kind: IcebergType) -> Decimal:
    if not isinstance(kind, DecimalType) or isinstance(value, bool | float):
        raise TypeError
    exact: Decimal = pa.scalar(Decimal(value), pa.decimal128(kind.precision, kind.scale)).as_py()
    return exact


def _date(value: Any, _: IcebergType) -> date:
    instant = datetime.fromisoformat(value)
    if instant.time() != time() or instant.tzinfo is not None:
        raise ValueError
    return instant.date()


def _timestamp(value: Any, kind: IcebergType) -> datetime:
    instant = datetime.fromisoformat(value)
    if (instant.tzinfo is not None) != isinstance(kind, TimestamptzType):
        raise ValueError
    return instant


_READERS: dict[type, Callable[[Any, IcebergType], Any]] = {
    BooleanType: _exact(bool),
    StringType: _exact(str),
    IntegerType: _whole,
    LongType: _whole,
    DecimalType: _decimal,
    DateType: _date,
    TimestampType: _timestamp,
    TimestamptzType: _timestamp,
}

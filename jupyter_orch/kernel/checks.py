"""What `check` is given, as values that travel to the worker."""

import math
import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import fields, replace
from datetime import date, time, timedelta
from decimal import Decimal
from typing import Any, cast

from jupyter_orch.domain.errors import BadInput
from jupyter_orch.domain.outputs import Checks, Severity

_MOST_VALUES = 10_000  # of one column's accepted values
_PAIR = 2
_UNITS = {"s": 1, "m": 60, "min": 60, "h": 3600, "d": 86400, "w": 604800}  # seconds
_SPAN = re.compile(r"\s*(\d+(?:\.\d+)?)\s*(s|m|min|h|d|w)\s*")
_ADDED = ("not_null", "sql")


def made(
    *,
    rows_min: int | None,
    rows_max: int | None,
    not_null: Sequence[str],
    unique: Sequence[str],
    accepted: Mapping[str, Iterable[Any]] | None,
    between: Mapping[str, Sequence[Any]] | None,
    fresh: Mapping[str, str | timedelta] | None,
    sql: str | Sequence[str],
    rows_change: Sequence[float | None] | None,
    nulls_change: Mapping[str, float] | None,
    severity: Severity,
) -> Checks:
    """The checks of one call.

    Raises:
        BadInput: An argument does not fit (field `checks`).
    """
    if severity not in ("error", "warn"):
        raise _refused(f"{severity!r} is not a severity.", 'Use "error" or "warn".')
    for word, number in (("rows_min", rows_min), ("rows_max", rows_max)):
        if number is not None and (isinstance(number, bool) or not isinstance(number, int)):
            raise _refused(f"{word} is a number of rows, not {number!r}.")
    return Checks(
        rows_min=rows_min,
        rows_max=rows_max,
        not_null=names(not_null),
        unique=names(unique),
        accepted={
            column: _values(column, values) for column, values in _columns("accepted", accepted)
        },
        between={column: _bounds(column, pair) for column, pair in _columns("between", between)},
        fresh={column: _seconds(column, span) for column, span in _columns("fresh", fresh)},
        sql=names(sql),
        rows_change=None if rows_change is None else _ratios(rows_change),
        nulls_change={
            column: _share(column, growth)
            for column, growth in _columns("nulls_change", nulls_change)
        },
        severity=severity,
    )


def joined(groups: tuple[Checks, ...], more: Checks) -> tuple[Checks, ...]:
    """The groups with more: in one of its severity that has nothing of its kinds, else behind."""
    kinds = _kinds(more)
    if not kinds:
        return groups
    for index, group in enumerate(groups):
        if group.severity != more.severity or (_kinds(group) & kinds) - set(_ADDED):
            continue
        values: dict[str, Any] = {
            kind: (*getattr(group, kind), *getattr(more, kind))
            if kind in _ADDED
            else getattr(more, kind)
            for kind in kinds
        }
        return (*groups[:index], replace(group, **values), *groups[index + 1 :])
    # Those of severity `error` first: the worker's code may know no other.
    return (more, *groups) if more.severity == "error" else (*groups, more)


def names(given: Sequence[str]) -> tuple[str, ...]:
    """One name or several."""
    return (given,) if isinstance(given, str) else tuple(given)


def plain(name: str, value: Any, *, said_by: str, field: str) -> Any:
    """A value as JSON; dates and times as ISO text, exact numbers as text.

    Raises:
        BadInput: It is none of those that columns are compared with.
    """
    if hasattr(value, "item") and not isinstance(value, date | time):
        value = cast("Any", value).item()  # NumPy's scalars
    if isinstance(value, date):
        return value.isoformat()
    if isinstance(value, Decimal):
        return str(value)
    if value is None or isinstance(value, str | int | bool):
        return value
    raise BadInput(
        f"{said_by} gives a {type(value).__name__} for {name!r}.",
        field=field,
        hint="Use a date, a timestamp, text, a whole number, a decimal or a boolean.",
    )


def _plain(name: str, value: Any) -> Any:
    if hasattr(value, "item") and not isinstance(value, date | time):
        value = cast("Any", value).item()
    if isinstance(value, float) and math.isfinite(value):
        return value
    return plain(name, value, said_by="A check", field="checks")


def _columns(word: str, given: Mapping[str, Any] | None) -> Iterable[tuple[str, Any]]:
    if given is None:
        return ()
    if not isinstance(given, Mapping):
        raise _refused(f"{word} takes columns and what holds for each.", f'{word}={{"column": …}}')
    return given.items()


def _values(column: str, values: Iterable[Any]) -> tuple[Any, ...]:
    if isinstance(values, str) or not isinstance(values, Iterable):
        raise _refused(f"The accepted values of {column!r} are a list, not {values!r}.")
    found = tuple(_plain(column, value) for value in values)
    if len(found) > _MOST_VALUES:
        raise _refused(
            f"{len(found):,} accepted values of {column!r} are too many.",
            f"Up to {_MOST_VALUES:,} can be given; compare with a table by sql=….",
        )
    return found


def _bounds(column: str, pair: Sequence[Any]) -> tuple[Any, Any]:
    if isinstance(pair, str) or not isinstance(pair, Sequence) or len(pair) != _PAIR:
        raise _refused(
            f"The bounds of {column!r} are a pair, not {pair!r}.",
            "Write (least, greatest); None is no bound.",
        )
    low, high = (_plain(column, value) for value in pair)
    if low is None and high is None:
        raise _refused(f"{column!r} has no bound.")
    if type(low) is type(high) and not isinstance(low, str) and low > high:
        raise _refused(f"The least {column!r}, {low}, is above the greatest, {high}.")
    return low, high


def _seconds(column: str, span: str | timedelta) -> float:
    if isinstance(span, timedelta):
        seconds = span.total_seconds()
    else:
        found = _SPAN.fullmatch(span) if isinstance(span, str) else None
        seconds = float(found[1]) * _UNITS[found[2]] if found else -1
    if seconds < 0:
        raise _refused(
            f"How old the newest {column!r} may be is a time span, not {span!r}.",
            'Write "30min", "36h", "2d", "1w" or a timedelta.',
        )
    return seconds


def _ratios(pair: Sequence[float | None]) -> tuple[float | None, float | None]:
    fits = not isinstance(pair, str) and isinstance(pair, Sequence) and len(pair) == _PAIR
    if not fits or not all(value is None or _is_number(value) for value in pair):
        raise _refused(
            f"rows_change is a pair of ratios, not {pair!r}.",
            "(0.5, 2.0): at least half and at most twice as many rows; None is no bound.",
        )
    low, high = (None if value is None else float(value) for value in pair)
    if low is not None and high is not None and low > high:
        raise _refused(f"The least rows_change, {low}, is above the greatest, {high}.")
    return low, high


def _share(column: str, growth: float) -> float:
    if not _is_number(growth) or not 0 <= growth <= 1:
        raise _refused(
            f"nulls_change of {column!r} is a share from 0 to 1, not {growth!r}.",
            "0.1: at most ten percent more of the rows have no value.",
        )
    return float(growth)


def _is_number(value: Any) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool) and math.isfinite(value)


def _kinds(checks: Checks) -> set[str]:
    nothing = Checks()
    return {
        item.name
        for item in fields(Checks)
        if item.name != "severity" and getattr(checks, item.name) != getattr(nothing, item.name)
    }


def _refused(message: str, hint: str | None = None) -> BadInput:
    return BadInput(message, field="checks", hint=hint)

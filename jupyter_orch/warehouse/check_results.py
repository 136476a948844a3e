"""Results of checks as a property of the snapshot that they let through."""

import json
from collections.abc import Sequence
from dataclasses import asdict

from jupyter_orch.domain.outputs import CheckResult

#: A snapshot's properties are read with every query of the table.
MOST_BYTES = 8192
_MORE = "more"
_UNIQUE = "unique "
_MARK = ", "


def unique(columns: Sequence[str]) -> str:
    """The name of the check that these columns together name a row once."""
    return _UNIQUE + _MARK.join(columns)


def unique_columns(results: Sequence[CheckResult]) -> tuple[str, ...]:
    """The columns that name a row once, as the first check that held says; none without one.

    Columns whose names hold the mark between them come out in pieces, which are no columns.
    """
    for result in results:
        if result.passed and result.name.startswith(_UNIQUE):
            return tuple(result.name.removeprefix(_UNIQUE).split(_MARK))
    return ()


def to_text(results: Sequence[CheckResult]) -> str:
    """The results as a snapshot's property; those beyond its size are only counted."""
    text = _json(results)
    if len(text.encode()) <= MOST_BYTES:
        return text
    items = sorted(results, key=lambda item: item.passed)
    for kept in range(len(items) - 1, 0, -1):
        left = items[kept:]
        failed = sum(not item.passed for item in left)
        more = CheckResult(
            name=_MORE,
            severity="warn",
            passed=not failed,
            seen=f"{len(left):,} more checks, of which {failed:,} do not hold",
        )
        text = _json([*items[:kept], more])
        if len(text.encode()) <= MOST_BYTES:
            break
    return text


def from_text(text: str | None) -> tuple[CheckResult, ...]:
    """The inverse of `to_text`; what another program wrote there is no result."""
    try:
        return tuple(
            CheckResult(
                name=str(item["name"]),
                severity="warn" if item["severity"] == "warn" else "error",
                passed=item["passed"] is True,
                seen=str(item["seen"]),
            )
            for item in (json.loads(text) if text else ())
        )
    except (ValueError, TypeError, KeyError):
        return ()


def _json(results: Sequence[CheckResult]) -> str:
    items = [asdict(item) for item in results]
    return json.dumps(items, ensure_ascii=False, separators=(",", ":"))

"""Results of checks as a property of the snapshot that they let through."""

import json
from collections.abc import Sequence
from dataclasses import asdict

from jupyter_orch.domain.outputs import CheckResult

#: A snapshot's properties are read with every query of the table.
MOST_BYTES = 8192
_MORE = "more"


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

"""The list of runs that `jupyter_orch.runs` shows: a table in a notebook, lines elsewhere."""

from collections.abc import Iterator, Sequence
from typing import Any

from jupyter_orch.client import Client
from jupyter_orch.domain.states import GLYPHS
from jupyter_orch.widgets.html import table


def runs(job: str | None = None, *, limit: int = 20, client: Client | None = None) -> "RunList":
    """The latest runs, newest first.

    Args:
        job: Name or id of a job; absent: of all.
        limit: At most so many.
        client: How to reach the service; absent: as configured.

    Raises:
        NotFound: There is no such job.
        Unavailable: No service runs.
    """
    if client is not None:
        return RunList(client.runs(job, limit=limit)["items"])
    with Client() as own:
        return runs(job, limit=limit, client=own)


class RunList(Sequence[dict[str, Any]]):
    """Runs as the REST API gives them."""

    _HEAD = ("state", "job", "parameters", "started", "ended", "run")

    def __init__(self, items: Sequence[dict[str, Any]]) -> None:
        self._items = tuple(items)

    def __getitem__(self, index: Any) -> Any:
        return self._items[index]

    def __len__(self) -> int:
        return len(self._items)

    def _rows(self) -> Iterator[list[str]]:
        for run in self._items:
            values = ", ".join(f"{name}={value}" for name, value in run["parameters"].items())
            reason = f" ({run['reason']})" if run["reason"] else ""
            yield [
                f"{GLYPHS[run['state']]} {run['state']}{reason}",
                run["job_name"],
                values,
                run["started_at"] or "",
                run["ended_at"] or "",
                run["id"],
            ]

    def __repr__(self) -> str:
        return "\n".join("  ".join(row) for row in self._rows()) or "no runs"

    def _repr_html_(self) -> str:
        return table(list(self._HEAD), list(self._rows())) if self._items else "no runs"

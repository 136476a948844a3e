"""Pieces of HTML for people: the state of a run, what it published, why it failed."""

import json
from collections.abc import Mapping
from datetime import UTC, datetime
from html import escape
from typing import Any

from jupyter_orch.domain.errors import OrchError
from jupyter_orch.domain.live import Usual, outlook
from jupyter_orch.domain.states import GLYPHS

#: The command of the JupyterLab extension that opens a page.
OPEN = "jupyter-orch:open"


def standing(run: Mapping[str, Any] | None, usual: Mapping[str, Any] | None = None) -> str:
    """One line that says where a run stands, and opens it in JupyterLab.

    Args:
        run: As the service answers it; None: there is none.
        usual: What is usual for the job, to say how long it may still take.
    """
    if run is None:
        return "This job has not run yet."
    words = run["state"]
    if run["state"] == "running" and run["cells_total"]:
        words = f"running cell {min(run['cells_done'] + 1, run['cells_total'])}"
        words += f" of {run['cells_total']}"
    if run["state"] == "running" and usual and run["started_at"]:
        elapsed = datetime.now(UTC) - datetime.fromisoformat(run["started_at"])
        words += f" · {outlook(Usual(**usual), elapsed.total_seconds())}"
    return f"{GLYPHS[run['state']]} {words} · {run_link(run)}"


def run_link(run: Mapping[str, Any]) -> str:
    """A link to the run's page."""
    arguments = escape(json.dumps({"page": "run", "key": run["id"]}))
    return (
        f'<a href="#" data-commandlinker-command="{OPEN}"'
        f' data-commandlinker-args="{arguments}">run {escape(run["id"])}</a>'
    )


def result(detail: Mapping[str, Any]) -> str:
    """How a run ended: the tables that it published, or the cell that failed."""
    run = detail["run"]
    parts = [standing(run)]
    if detail["versions"]:
        parts.append(
            table(
                ["table", "version", "rows", "rows in all"],
                [
                    [one["table"], one["snapshot_id"], one["rows"], one["total_rows"]]
                    for one in detail["versions"]
                ],
            )
        )
    if run["error"]:
        parts.append(failure(run["error"]))
    return "".join(f"<div>{part}</div>" for part in parts)


def failure(error: Mapping[str, Any]) -> str:
    """What went wrong in a run, the traceback folded."""
    cell = error["cell_index"]
    where = f"cell {cell + 1}: " if cell is not None else ""
    text = f"<b>{escape(where + error['name'])}</b> {escape(error['message'])}"
    if error["traceback"]:
        text += f"<details><summary>traceback</summary><pre>{escape(error['traceback'])}</pre>"
        text += "</details>"
    return text


def complaint(error: OrchError) -> str:
    """An error that belongs to no field."""
    hint = f" {escape(error.hint)}" if error.hint else ""
    return f'<span style="color:var(--jp-error-color1)">✕ {escape(error.message)}</span>{hint}'


def table(head: list[str], rows: list[list[Any]]) -> str:
    """A plain table; JupyterLab gives it its look."""
    cells = "".join(f"<th>{escape(name)}</th>" for name in head)
    body = "".join(
        "<tr>" + "".join(f"<td>{_cell(value)}</td>" for value in row) + "</tr>" for row in rows
    )
    return f"<table><thead><tr>{cells}</tr></thead><tbody>{body}</tbody></table>"


def _cell(value: Any) -> str:
    if value is None:
        return ""
    return f"{value:,}" if isinstance(value, int) and value < 10**12 else escape(str(value))

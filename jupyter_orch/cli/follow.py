"""Following a run to its end."""

from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any

import click
from rich.console import Console
from rich.progress import BarColumn, Progress, TextColumn, TimeElapsedColumn
from rich.text import Text

from jupyter_orch.cli import render
from jupyter_orch.cli.common import print_json
from jupyter_orch.cli.explain import show_failure, show_rerun, show_versions
from jupyter_orch.cli.live_text import LiveText
from jupyter_orch.client import Client
from jupyter_orch.domain.errors import NotFound
from jupyter_orch.domain.live import Usual, outlook
from jupyter_orch.domain.states import TERMINAL

_WAIT = 5.0  # seconds for one question to the change feed
_LOOK = 1.0  # the same, while somebody watches
_ENDED = frozenset(state.value for state in TERMINAL)


def follow(client: Client, run: dict[str, Any], *, wait: bool, as_json: bool) -> None:
    """Says that the run is queued or, with `wait`, how it ends; a failure exits with 1."""
    if wait:
        run = _to_end(client, run)
    if as_json:
        print_json(run)
    elif wait:
        _tell(client, run)
    else:
        render.console().print(f"{render.state(run['state'])} run {run['id']}")
    if wait and run["state"] != "succeeded":
        raise click.exceptions.Exit(1)


def _to_end(client: Client, run: dict[str, Any]) -> dict[str, Any]:
    screen = Console(stderr=True, highlight=False, soft_wrap=True)
    if not screen.is_terminal:
        return _waited_for(client, run)
    columns = (
        TextColumn("{task.description}"),
        BarColumn(),
        TextColumn("{task.fields[cell]}"),
        TimeElapsedColumn(),
        TextColumn("{task.fields[more]}"),
    )
    with Progress(*columns, console=screen, transient=True) as progress:
        bar = progress.add_task(run["state"], total=None, cell="", more="")
        cursor = client.changes()["cursor"]
        seen = LiveText()
        while True:
            detail = client.run_detail(run["id"])
            run = detail["run"]
            live = client.live(run["id"])
            progress.update(
                bar,
                description=run["state"],
                completed=run["cells_done"],
                total=run["cells_total"] or None,
                cell=_cell_of(run),
                more=_more(detail, live),
            )
            text = _done(client, run, seen) + seen.running(live)
            if text:
                screen.print(Text(text.removesuffix("\n")))
            if run["state"] in _ENDED:
                return run
            cursor = client.changes(cursor, wait=_LOOK)["cursor"]


def _waited_for(client: Client, run: dict[str, Any]) -> dict[str, Any]:
    cursor = client.changes()["cursor"]
    while (run := client.run_detail(run["id"])["run"])["state"] not in _ENDED:
        cursor = client.changes(cursor, wait=_WAIT)["cursor"]
    return run


def _cell_of(run: Mapping[str, Any]) -> str:
    total = run["cells_total"]
    return f"cell {min(run['cells_done'] + 1, total)} of {total}" if total else ""


def _more(detail: Mapping[str, Any], live: Mapping[str, Any]) -> str:
    """How long it may still take, and what it waits for."""
    run, parts = detail["run"], []
    if run["state"] == "running" and run["started_at"] and detail.get("usual"):
        elapsed = datetime.now(UTC) - datetime.fromisoformat(run["started_at"])
        parts.append(outlook(Usual(**detail["usual"]), elapsed.total_seconds()))
    for query in live["queries"]:
        percent = query["percent"]
        how_far = f"{percent:.0f} %" if percent is not None else query["state"].lower()
        parts.append(f"query {render.escape(query['query_id'])} {render.escape(how_far)}")
    return " · ".join(parts)


def _done(client: Client, run: Mapping[str, Any], seen: LiveText) -> str:
    """What has not been shown yet of the cells that are done."""
    if seen.cells >= run["cells_done"]:
        return ""
    try:
        return seen.done(client.notebook(run["id"], attempt=run["attempt"])["cells"])
    except NotFound:
        return ""


def _tell(client: Client, run: dict[str, Any]) -> None:
    out = render.console()
    took = render.duration(run["started_at"], run["ended_at"])
    out.print(f"{render.state(run['state'], run['reason'])} run {run['id']} in {took}")
    detail = client.run_detail(run["id"])
    show_versions(detail)
    if run["error"]:
        show_failure(detail, full=False)
    if run["state"] == "failed":
        show_rerun(run)

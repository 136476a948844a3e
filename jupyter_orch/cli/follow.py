"""Following a run to its end."""

from typing import Any

import click
from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn

from jupyter_orch.cli import render
from jupyter_orch.cli.common import print_json
from jupyter_orch.cli.explain import show_failure, show_rerun, show_versions
from jupyter_orch.client import Client
from jupyter_orch.domain.states import TERMINAL

_WAIT = 5.0  # seconds for one question to the change feed
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
    columns = (
        TextColumn("{task.description}"),
        BarColumn(),
        MofNCompleteColumn(),
        TextColumn("cells"),
        TimeElapsedColumn(),
    )
    screen = Console(stderr=True)
    with Progress(
        *columns, console=screen, transient=True, disable=not screen.is_terminal
    ) as progress:
        bar = progress.add_task(run["state"], total=None)
        cursor = client.changes()["cursor"]
        while True:
            run = client.run_detail(run["id"])["run"]
            progress.update(
                bar,
                description=run["state"],
                completed=run["cells_done"],
                total=run["cells_total"] or None,
            )
            if run["state"] in _ENDED:
                return run
            cursor = client.changes(cursor, wait=_WAIT)["cursor"]


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

"""Commands about backfills."""

from typing import Any, get_args

import click
from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn

from jupyter_orch.cli import render
from jupyter_orch.cli.common import (
    json_option,
    open_client,
    page_options,
    parameter_option,
    print_json,
    typed,
)
from jupyter_orch.client import Client
from jupyter_orch.domain.backfill import instant_of
from jupyter_orch.domain.ids import new_id
from jupyter_orch.domain.model import BackfillOnly

_WAIT = 5.0  # seconds for one question to the change feed
_UNENDED = ("queued", "running", "publishing")


@click.command(
    epilog="Example: jupyter orch backfill flight_delays --from 2026-01-01 --to 2026-01-31"
)
@click.argument("job")
@click.option("--from", "first", required=True, help="First day or time, e.g. 2026-01-01.")
@click.option("--to", "last", required=True, help="Last day or time, included.")
@click.option("--trigger", help="Id of the trigger; needed when the job has several.")
@click.option(
    "--only",
    type=click.Choice(get_args(BackfillOnly)),
    default="missing_or_failed",
    show_default=True,
    help="Which intervals run.",
)
@click.option("--newest-first", is_flag=True, help="Begin with the latest interval.")
@click.option("--concurrency", type=int, default=1, show_default=True, help="Runs at a time.")
@click.option(
    "--priority", type=int, default=-10, show_default=True, help="Higher ones are taken first."
)
@parameter_option
@click.option("--latest-notebook", is_flag=True, help="Each run takes the notebook as it is then.")
@click.option("--dry-run", is_flag=True, help="Say what would run, and stop.")
@click.option("--yes", is_flag=True, help="Do not ask.")
@click.option("--wait", is_flag=True, help="Follow it to its end; exit 1 when a run fails.")
@json_option
def backfill(
    job: str,
    *,
    first: str,
    last: str,
    trigger: str | None,
    only: str,
    newest_first: bool,
    concurrency: int,
    priority: int,
    assignments: tuple[tuple[str, str], ...],
    latest_notebook: bool,
    dry_run: bool,
    yes: bool,
    wait: bool,
    as_json: bool,
) -> None:
    """Run past intervals of JOB: those between two days that have no result yet.

    Days and times without an offset are read in the time zone of the trigger. It says first what
    would run, and asks.
    """
    with open_client() as client:
        zone = _zone(client.job(job)["job"]["spec"]["triggers"], trigger)
        span = (
            instant_of(first, zone, field="from", is_last=False).isoformat(),
            instant_of(last, zone, field="to", is_last=True).isoformat(),
        )
        options: dict[str, Any] = {
            "trigger": trigger,
            "only": only,
            "newest_first": newest_first,
            "concurrency": concurrency,
            "priority": priority,
            "parameters": typed(assignments, lambda: client.schema(job)),
            "latest_notebook": latest_notebook,
        }
        plan = client.plan_backfill(job, *span, **options)
        if dry_run and as_json:
            print_json(plan)
            return
        if not as_json:
            _show(plan, zone)
        if dry_run:
            return
        if plan["runs"] and not yes:
            click.confirm(f"Make {_runs(plan['runs'])}?", abort=True, err=as_json)
        made = client.create_backfill(job, *span, idempotency_key=new_id(), confirm=True, **options)
        if not as_json:
            render.console().print(f"{render.state(made['state'])} backfill {made['id']}")
        if wait:
            made = _to_end(client, made)
        if as_json:
            print_json(made)
        elif wait:
            _tell(made)
    if wait and made["state"] != "succeeded":
        raise click.exceptions.Exit(1)


@click.command(epilog="Example: jupyter orch backfills flight_delays")
@click.argument("job", required=False)
@page_options
@json_option
def backfills(job: str | None, *, limit: int, cursor: str | None, as_json: bool) -> None:
    """List backfills, newest first; of JOB when it is given."""
    with open_client() as client:
        page = client.backfills(job, limit=limit, cursor=cursor)
    if as_json:
        print_json(page)
        return
    render.grid(
        ("BACKFILL", "JOB", "STATE", "FROM", "TO", "DONE", "FAILED", "TOOK"),
        (
            (
                item["id"],
                render.escape(item["job_name"]),
                render.state(item["state"]),
                render.moment(item["first"]),
                render.moment(item["last"]),
                f"{item['counts'].get('succeeded', 0)} of {item['planned']}",
                item["counts"].get("failed", 0),
                render.duration(item["created_at"], item["ended_at"]),
            )
            for item in page["items"]
        ),
        nothing="No backfill yet. `jupyter orch backfill JOB --from DAY --to DAY` makes one.",
    )
    render.more(page)


def _zone(triggers: list[dict[str, Any]], wanted: str | None) -> str:
    """The zone that days are read in; which trigger is meant is the service's to say."""
    zones = [each["time_zone"] for each in triggers if wanted in {None, each["id"]}]
    return zones[0] if zones else "UTC"


def _show(plan: dict[str, Any], zone: str) -> None:
    counts = ", ".join(f"{plan[name]} {name}" for name in ("missing", "failed", "done", "running"))
    render.facts(
        (
            ("trigger", render.escape(plan["trigger"])),
            ("range", f"{render.there(plan['first'], zone)} to {render.there(plan['last'], zone)}"),
            ("intervals", f"{plan['intervals']}: {counts}"),
            ("to run", _runs(plan["runs"])),
        )
    )
    for each in plan["next"]:
        render.console().print(f"  {render.there(each['at'], zone)} [dim]{each['standing']}[/dim]")
    if plan["runs"] > len(plan["next"]):
        render.console().print("  …")
    if plan["future_left_out"]:
        render.console().print("Times that are not past are left out.")


def _runs(count: int) -> str:
    return "1 run" if count == 1 else f"{count} runs"


def _to_end(client: Client, made: dict[str, Any]) -> dict[str, Any]:
    columns = (
        TextColumn("{task.description}"),
        BarColumn(),
        MofNCompleteColumn(),
        TextColumn("runs"),
        TimeElapsedColumn(),
    )
    screen = Console(stderr=True)
    with Progress(
        *columns, console=screen, transient=True, disable=not screen.is_terminal
    ) as progress:
        bar = progress.add_task(made["state"], total=made["planned"] or None)
        cursor = client.changes()["cursor"]
        while True:
            made = client.backfill(made["id"])
            unended = sum(made["counts"].get(state, 0) for state in _UNENDED)
            ended = sum(made["counts"].values()) - unended
            progress.update(bar, description=made["state"], completed=ended)
            if made["state"] != "running" and not unended:
                return made
            cursor = client.changes(cursor, wait=_WAIT)["cursor"]


def _tell(made: dict[str, Any]) -> None:
    counts = ", ".join(f"{count} {state}" for state, count in sorted(made["counts"].items()))
    took = render.duration(made["created_at"], made["ended_at"])
    out = render.console()
    out.print(
        f"{render.state(made['state'])} backfill {made['id']} in {took}: {counts or 'no run'}"
    )
    if made["error"]:
        out.print(f"  {render.escape(made['error'])}")

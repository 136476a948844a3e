"""Commands about runs."""

from typing import Any, cast, get_args

import click

from jupyter_orch.cli import render
from jupyter_orch.cli.common import (
    json_option,
    open_client,
    page_options,
    parameter_option,
    print_json,
    typed,
)
from jupyter_orch.cli.explain import log_line
from jupyter_orch.cli.follow import follow
from jupyter_orch.client import Client
from jupyter_orch.domain.errors import NotFound
from jupyter_orch.domain.ids import new_id
from jupyter_orch.domain.model import RunKind
from jupyter_orch.domain.states import RunState


@click.command(epilog="Example: jupyter orch runs flight_delays --state failed")
@click.argument("job", required=False)
@click.option(
    "--state",
    "states",
    multiple=True,
    type=click.Choice([state.value for state in RunState]),
    help="Only runs in this state; may be given several times.",
)
@click.option("--kind", type=click.Choice(get_args(RunKind)), help="Only runs of this kind.")
@click.option("--backfill", help="Only runs of the backfill with this id.")
@click.option("--fingerprint", help="Only runs that failed in this way; goes with JOB alone.")
@page_options
@json_option
def runs(
    job: str | None,
    *,
    states: tuple[str, ...],
    kind: str | None,
    backfill: str | None,
    fingerprint: str | None,
    limit: int,
    cursor: str | None,
    as_json: bool,
) -> None:
    """List runs, newest first; of JOB when it is given."""
    with open_client() as client:
        page = client.runs(
            job,
            states=states,
            kind=kind,
            backfill=backfill,
            fingerprint=fingerprint,
            limit=limit,
            cursor=cursor,
        )
    if as_json:
        print_json(page)
        return
    render.grid(
        ("RUN", "JOB", "STATE", "KIND", "DUE", "TOOK", "PARAMETERS"),
        (
            (
                item["id"],
                render.escape(item["job_name"]),
                render.state(item["state"], item["reason"]),
                item["kind"],
                render.moment(item["logical_time"]),
                render.duration(item["started_at"], item["ended_at"]),
                render.values(item["parameters"]),
            )
            for item in page["items"]
        ),
        nothing="No run yet.",
    )
    render.more(page)


@click.command(epilog="Example: jupyter orch logs 01j9zq6y3v8m5r2k7t4w1x0abc")
@click.argument("run_id", metavar="RUN")
@click.option("--attempt", type=int, help="Which try; absent: the last one.")
@json_option
def logs(run_id: str, *, attempt: int | None, as_json: bool) -> None:
    """Print the log of RUN."""
    with open_client() as client:
        log = client.log(run_id, attempt=attempt)
    if as_json:
        print_json(log)
        return
    if log["truncated"]:
        click.echo("… earlier lines are left out", err=True)
    for line in log["lines"]:
        click.echo(log_line(line))


@click.command("follow", epilog="Example: jupyter orch follow 01j9zq6y3v8m5r2k7t4w1x0abc")
@click.argument("run_id", metavar="RUN")
@json_option
def follow_run(run_id: str, *, as_json: bool) -> None:
    """Watch RUN to its end: its cells, what they print, its queries; exit 1 when it fails."""
    with open_client() as client:
        follow(client, client.run_detail(run_id)["run"], wait=True, as_json=as_json)


@click.command(epilog="Example: jupyter orch rerun 01j9zq6y3v8m5r2k7t4w1x0abc -p origin JFK --wait")
@click.argument("run_id", metavar="RUN")
@parameter_option
@click.option("--latest-notebook", is_flag=True, help="Take the notebook as it is now.")
@click.option("--wait", is_flag=True, help="Follow the run to its end; exit 1 when it fails.")
@json_option
def rerun(
    run_id: str,
    *,
    assignments: tuple[tuple[str, str], ...],
    latest_notebook: bool,
    wait: bool,
    as_json: bool,
) -> None:
    """Repeat RUN with the same notebook and values, except for those given."""
    with open_client() as client:

        def schema() -> dict[str, Any]:
            detail = client.run_detail(run_id)
            if not latest_notebook:
                return cast("dict[str, Any]", detail["schema"])
            return cast("dict[str, Any]", client.inspect(detail["run"]["notebook"])["schema"])

        values = typed(assignments, schema)
        started = client.rerun(
            run_id, values, latest_notebook=latest_notebook, idempotency_key=new_id()
        )
        follow(client, started, wait=wait, as_json=as_json)


@click.command(epilog="Example: jupyter orch cancel 01j9zq6y3v8m5r2k7t4w1x0abc")
@click.argument("key", metavar="RUN|BACKFILL")
def cancel(key: str) -> None:
    """End a run or a whole backfill, given its id.

    What is queued ends at once, and what is running as soon as its worker stops it.
    """
    with open_client() as client:
        try:
            ended = client.cancel(key)
        except NotFound:
            ended = _cancel_backfill(client, key)
    counts = ended.get("counts", {ended["state"]: 1})
    asked = ": asked to stop" if counts.get("running") or counts.get("publishing") else ""
    render.console().print(f"{render.state(ended['state'])}{asked}")


def _cancel_backfill(client: Client, key: str) -> dict[str, Any]:
    try:
        return client.cancel_backfill(key)
    except NotFound:
        raise NotFound(f"There is no run and no backfill {key}.") from None

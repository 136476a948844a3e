"""Commands about versioned tables."""

import click

from jupyter_orch.cli import render
from jupyter_orch.cli.common import json_option, open_client, page_options, print_json


@click.command(epilog="Example: jupyter orch tables --json")
@page_options
@json_option
def tables(*, limit: int, cursor: str | None, as_json: bool) -> None:
    """List tables."""
    with open_client() as client:
        found = client.tables(limit=limit, cursor=cursor)
    if as_json:
        print_json(found)
        return
    render.grid(
        ("TABLE", "ROWS", "VERSIONS", "LAST", "BY"),
        (
            (
                render.escape(item["name"]),
                item["total_rows"],
                item["versions"],
                render.moment((item["last_version"] or {}).get("committed_at")),
                render.escape((item["last_version"] or {}).get("job_name") or "-"),
            )
            for item in found["items"]
        ),
        nothing="No table yet. A notebook makes one with `with jupyter_orch.output(…)`.",
    )
    render.more(found)


@click.command(epilog="Example: jupyter orch versions analytics.flight_delays")
@click.argument("table")
@page_options
@json_option
def versions(table: str, *, limit: int, cursor: str | None, as_json: bool) -> None:
    """List versions of TABLE, newest first, with the run that made each."""
    with open_client() as client:
        page = client.versions(table, limit=limit, cursor=cursor)
    if as_json:
        print_json(page)
        return
    render.grid(
        ("VERSION", "", "WHEN", "HOW", "ROWS", "TOTAL", "CHECKS", "JOB", "RUN"),
        (
            (
                item["snapshot_id"],
                "current" if item["current"] else "",
                render.moment(item["committed_at"]),
                item["operation"],
                "-" if item["rows"] is None else item["rows"],
                "-" if item["total_rows"] is None else item["total_rows"],
                render.checks(item.get("checks", ())),
                render.escape(item["job_name"] or "-"),
                item["run_id"] or "-",
            )
            for item in page["items"]
        ),
        nothing="This table has no version yet.",
    )
    render.more(page)


@click.command(epilog="Example: jupyter orch rollback analytics.flight_delays 5519342870 --yes")
@click.argument("table")
@click.argument("version", type=int)
@click.option("--yes", is_flag=True, help="Do not ask.")
@json_option
def rollback(table: str, version: int, *, yes: bool, as_json: bool) -> None:
    """Make VERSION of TABLE the one that readers see; later versions stay in the history."""
    with open_client() as client:
        if not yes:
            click.confirm(f"Readers of {table} will see version {version}. Go on?", abort=True)
        current = client.rollback(table, version)
    if as_json:
        print_json(current)
        return
    render.console().print(
        f"{render.escape(table)} is at version {current['snapshot_id']}"
        f" ({current['total_rows']} rows)."
    )

"""Commands about versioned tables."""

from collections.abc import Mapping, Sequence
from typing import Any

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
    _list(page["items"], nothing="This table has no version yet.")
    render.more(page)


@click.command(epilog="Example: jupyter orch rollback analytics.flight_delays 5519342870 --yes")
@click.argument("table")
@click.argument("version", type=int)
@click.option("--yes", is_flag=True, help="Do not ask.")
@click.option("--reason", help="A sentence that stays with the new version.")
@json_option
def rollback(table: str, version: int, *, yes: bool, reason: str | None, as_json: bool) -> None:
    """Make VERSION of TABLE the one that readers see; later versions stay in the history."""
    with open_client() as client:
        current = None
        if not yes:
            plan = client.plan_rollback(table, version)
            current = plan["current"]["snapshot_id"]
            _tell_rollback(plan)
            click.confirm(
                f"Readers of {plan['table']} will see version {version}. Go on?", abort=True
            )
        made = client.rollback(table, version, current=current, reason=reason)
    if as_json:
        print_json(made)
        return
    render.console().print(
        f"{render.escape(made['table'])} is at version {made['snapshot_id']}"
        f" ({_rows(made['total_rows'])})."
    )


@click.command(epilog="Example: jupyter orch undo 01j9zq6y3v8m5r2k7t4w1x0abc")
@click.argument("run_id", metavar="RUN")
@click.option("--yes", is_flag=True, help="Do not ask.")
@click.option("--force", is_flag=True, help="Also what later runs wrote in the same place.")
@click.option("--reason", help="A sentence that stays with the new versions.")
@json_option
def undo(run_id: str, *, yes: bool, force: bool, reason: str | None, as_json: bool) -> None:
    """Take back what RUN published, and leave what other runs did."""
    with open_client() as client:
        tag = None
        if not yes:
            plan = client.plan_undo(run_id)
            tag = plan["tag"]
            _tell_undo(plan)
            click.confirm("Go on?", abort=True)
        made = client.undo(run_id, tag=tag, force=force, reason=reason)
    if as_json:
        print_json(made)
        return
    for version in made["versions"]:
        render.console().print(
            f"{render.escape(version['table'])} is without it at version"
            f" {version['snapshot_id']} ({_rows(version['total_rows'])})."
        )


def _tell_rollback(plan: Mapping[str, Any]) -> None:
    count = plan["count"]
    render.console().print(
        f"Undoes {count} version{'' if count == 1 else 's'} of {render.escape(plan['table'])}:"
    )
    _list(plan["undoes"], nothing="")
    if count > len(plan["undoes"]):
        render.console().print(f"[dim]… and {count - len(plan['undoes'])} earlier ones[/dim]")


def _tell_undo(plan: Mapping[str, Any]) -> None:
    for part in plan["parts"]:
        words = part["problem"] or part["does"]
        render.console().print(f"{render.escape(part['table'])}: {render.escape(words)}")
        if part["later"]:
            render.console().print("[yellow]Written to since, in the same place:[/yellow]")
            _list(part["later"], nothing="")


def _list(items: Sequence[Mapping[str, Any]], *, nothing: str) -> None:
    render.grid(
        ("VERSION", "", "WHEN", "HOW", "ROWS", "TOTAL", "CHECKS", "JOB", "RUN"),
        (
            (
                item["snapshot_id"],
                _marks(item),
                render.moment(item["committed_at"]),
                item["operation"],
                "-" if item["rows"] is None else item["rows"],
                "-" if item["total_rows"] is None else item["total_rows"],
                render.checks(item.get("checks", ())),
                render.escape(item["job_name"] or item["user"] or "-"),
                item["run_id"] or "-",
            )
            for item in items
        ),
        nothing=nothing,
    )


def _marks(item: Mapping[str, Any]) -> str:
    return " ".join(word for word in ("current", "pinned", "expired") if item[word])


def _rows(count: int | None) -> str:
    if count is None:
        return "rows unknown"
    return "1 row" if count == 1 else f"{count} rows"

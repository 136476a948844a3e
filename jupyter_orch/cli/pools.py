"""Commands about pools."""

import click

from jupyter_orch.cli import render
from jupyter_orch.cli.common import json_option, open_client, page_options, print_json
from jupyter_orch.domain.errors import BadInput

_NO_LIMIT = "none"


@click.group(invoke_without_command=True, epilog="Example: jupyter orch pools set trino 4")
@page_options
@json_option
@click.pass_context
def pools(ctx: click.Context, *, cursor: str | None, limit: int, as_json: bool) -> None:
    """List pools: named slots that limit how many runs go on at a time."""
    if ctx.invoked_subcommand is not None:
        return
    with open_client() as client:
        found = client.pools(cursor, limit)
    if as_json:
        print_json(found)
        return
    render.grid(
        ("POOL", "SLOTS", "USED", "WAITING"),
        (
            (render.escape(item["name"]), _slots(item["slots"]), item["used"], item["queued"])
            for item in found["items"]
        ),
        nothing="No pool.",
    )
    render.more(found)


@pools.command("set", epilog="Example: jupyter orch pools set trino 4")
@click.argument("name")
@click.argument("slots")
@json_option
def set_pool(name: str, slots: str, *, as_json: bool) -> None:
    """Make or change the pool NAME; SLOTS is a number, or `none` for no limit."""
    if slots != _NO_LIMIT and not slots.isdecimal():
        raise BadInput(
            f"{slots!r} is no number of slots.",
            field="slots",
            hint=f"Give a whole number, or {_NO_LIMIT} for no limit.",
        )
    with open_client() as client:
        pool = client.set_pool(name, None if slots == _NO_LIMIT else int(slots))
    if as_json:
        print_json(pool)
        return
    render.console().print(
        f"{render.escape(pool['name'])}: {_slots(pool['slots'])} slots, {pool['used']} used."
    )


@pools.command(epilog="Example: jupyter orch pools delete trino")
@click.argument("name")
def delete(name: str) -> None:
    """Remove the limit of the pool NAME; runs that name it go on without one."""
    with open_client() as client:
        client.delete_pool(name)
    render.console().print(f"Removed {render.escape(name)}.")


def _slots(slots: int | None) -> str:
    return "no limit" if slots is None else str(slots)

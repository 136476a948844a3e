"""Commands about the service process."""

import os
from pathlib import Path

import click

from jupyter_orch.cli import render
from jupyter_orch.cli.common import json_option, open_client, own_service, print_json
from jupyter_orch.domain.errors import BadInput
from jupyter_orch.service.threads import ROLES, Role

_AFTER_DRAIN = 20.0  # seconds that a service gets to hand back and close


@click.command(epilog="Example: jupyter orch up --detach --root ~/notebooks")
@click.option(
    "--root",
    "roots",
    multiple=True,
    type=click.Path(path_type=Path, exists=True, file_okay=False),
    help="A folder whose notebooks may be scheduled; absent: this one.",
)
@click.option("--detach", is_flag=True, help="Return once it is healthy; it goes on by itself.")
@click.option(
    "--role",
    "roles",
    default="scheduler,worker,api",
    show_default=True,
    help="What this process does, separated by commas; others on the same database do the rest.",
)
def up(*, roots: tuple[Path, ...], detach: bool, roles: str) -> None:
    """Start the service: scheduler, worker and API.

    It runs in the foreground until Ctrl-C or `jupyter orch down`. Any number of processes with
    any roles may share one database; without `api` one is stopped by its signal SIGTERM.
    """
    settings = own_service()
    chosen = _roles(roles)
    if detach and "api" not in chosen:
        raise BadInput(
            "Only a service with the role api can be detached.",
            field="role",
            hint="Run it in the foreground under your process supervisor.",
        )
    folders = [root.absolute() for root in roots] or [Path.cwd()]
    if detach:
        from jupyter_orch.server.background import start

        started = start(settings, folders, chosen)
        said = f"started (process {started.pid})" if started.fresh else "running already"
        render.console().print(f"The service is {said}. Its log: {started.log}")
        return
    from jupyter_orch.server.lean import leave_out_iris

    leave_out_iris()
    from jupyter_orch.server.app import run

    run(settings, folders, chosen)


@click.command(epilog="Example: jupyter orch down")
@click.option(
    "--timeout",
    type=float,
    help=f"Seconds to wait; absent: {_AFTER_DRAIN:g} more than service.drain_seconds.",
)
def down(*, timeout: float | None) -> None:
    """Stop the service; runs under way get a little time to end."""
    from jupyter_orch.server.instance import stop

    settings = own_service()
    longest = settings.drain_seconds + _AFTER_DRAIN if timeout is None else timeout
    pid = stop(settings.state_dir, timeout=longest)
    said = "No service was running." if pid is None else f"Stopped the service (process {pid})."
    render.console().print(said)


@click.command(epilog="Example: jupyter orch status --json")
@json_option
def status(*, as_json: bool) -> None:
    """Show how the service stands."""
    with open_client() as client:
        found = client.status()
    if as_json:
        print_json(found)
        return
    counts = ", ".join(f"{number} {state}" for state, number in found["counts"].items())
    slots = sum(worker["slots"] for worker in found["workers"])
    engine = found["warehouse"].get("url") or found["warehouse"].get("location") or ""
    render.facts(
        (
            ("service", f"{found['state']}, version {found['version']}, user {found['user']}"),
            ("runs", counts),
            ("workers", f"{len(found['workers'])} with {slots} slots"),
            ("warehouse", render.escape(f"{found['warehouse']['engine']} {engine}")),
            ("notebooks", render.escape(os.pathsep.join(found["roots"]))),
        )
    )


def _roles(text: str) -> frozenset[Role]:
    names = [name.strip() for name in text.split(",") if name.strip()]
    chosen = frozenset(role for role in ROLES if role in names)
    unknown = sorted(set(names) - ROLES)
    if unknown or not chosen:
        raise BadInput(
            f"There is no role {unknown[0]!r}." if unknown else "No role is given.",
            field="role",
            hint="Roles are scheduler, worker and api, separated by commas.",
        )
    return chosen

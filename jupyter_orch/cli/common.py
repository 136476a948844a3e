"""What the commands share: errors, options, and values from `-p name value`."""

import json
import sys
from collections.abc import Callable, Iterable, Mapping
from typing import Any, TypeVar

import click

from jupyter_orch.client import Client
from jupyter_orch.domain import parameters
from jupyter_orch.domain.errors import BadFields, OrchError, Refused
from jupyter_orch.settings import Settings, load

F = TypeVar("F", bound=Callable[..., Any])


class Group(click.Group):
    """Lists commands in the order of the day, and turns errors into a sentence and a code."""

    def list_commands(self, ctx: click.Context) -> list[str]:
        """Commands as they were added."""
        del ctx
        return list(self.commands)

    def invoke(self, ctx: click.Context) -> Any:
        """Runs the command; a refusal ends the process with its exit code."""
        try:
            return super().invoke(ctx)
        except OrchError as error:
            complain(error)
            ctx.exit(error.exit_code)


def complain(error: OrchError) -> None:
    """Says on standard error what was wrong and what to do."""
    each = error.errors if isinstance(error, BadFields) else (error,)
    for one in each:
        click.echo(f"Error: {one.message}", err=True)
        if one.field and one.field != "service":
            click.echo(f"  field: {one.field}", err=True)
        if one.hint:
            click.echo(f"  {one.hint}", err=True)


def json_option(command: F) -> F:
    """Adds `--json`."""
    return click.option("--json", "as_json", is_flag=True, help="Print JSON instead of a table.")(
        command
    )


def page_options(command: F) -> F:
    """Adds `--limit` and `--cursor`."""
    command = click.option("--limit", type=int, default=20, show_default=True, help="Most lines.")(
        command
    )
    return click.option("--cursor", help="Go on where `next_cursor` of a page said.")(command)


def parameter_option(command: F) -> F:
    """Adds `-p name value`."""
    return click.option(
        "-p",
        "--parameter",
        "assignments",
        nargs=2,
        multiple=True,
        metavar="NAME VALUE",
        help="A parameter of the notebook; may be given several times.",
    )(command)


def typed(
    assignments: Iterable[tuple[str, str]], schema: Callable[[], Mapping[str, Any]]
) -> dict[str, Any]:
    """Values of the types that the notebook's schema names; it is asked only when needed."""
    texts = [f"{name}={value}" for name, value in assignments]
    return parameters.parse(texts, schema()) if texts else {}


def open_client() -> Client:
    """The client of the running service."""
    return Client()


def own_service() -> Settings:
    """The settings, on the machine that the service and its database are set for.

    Raises:
        Refused: The service is elsewhere.
    """
    settings = load()
    if settings.service_url:
        raise Refused(
            f"The service is elsewhere: {settings.service_url}.",
            field="service.url",
            hint="Start, stop and upgrade it on its own machine.",
        )
    return settings


def print_json(value: Any) -> None:
    """Prints JSON for programs."""
    json.dump(value, sys.stdout, indent=2, ensure_ascii=False)
    sys.stdout.write("\n")

"""A run in a terminal: its facts and, of one that failed, all that helps."""

from collections.abc import Iterator, Mapping
from typing import Any

import click

from jupyter_orch.cli import render
from jupyter_orch.client import Client
from jupyter_orch.domain.text import plain

_QUERIES = 5  # the last ones
_LOG_LINES = 10  # the last ones
_NUMBERS = 5  # columns of the numbers beside a cell's source


def show_run(client: Client, detail: Mapping[str, Any], *, full: bool) -> None:
    """Prints a run; `full` prints the frames of libraries, too."""
    run = detail["run"]
    out = render.console()
    out.print(f"{render.state(run['state'], run['reason'])} {render.escape(run['job_name'])}")
    queries = detail["queries"]
    render.facts(
        (
            ("run", run["id"]),
            ("due", render.moment(run["logical_time"])),
            ("took", render.duration(run["started_at"], run["ended_at"])),
            ("attempts", str(run["attempt"])),
            ("notebook", render.escape(run["notebook"])),
            ("parameters", render.values(run["parameters"])),
            ("queries", render.escape(", ".join(queries[-_QUERIES:])) or "-"),
        )
    )
    show_versions(detail)
    if run["state"] == "failed":
        show_failure(detail, full=full)
        _show_log(client, run)
        show_rerun(run)


def show_versions(detail: Mapping[str, Any]) -> None:
    """Prints what the run published, and which of its checks do not hold."""
    for version in detail["versions"]:
        render.console().print(
            f"  {render.escape(version['table'])} version {version['snapshot_id']}"
            f" ({version['rows']} rows)"
        )
        for check in version.get("checks", ()):
            if not check["passed"]:
                said = f"{render.escape(check['name'])}: {render.escape(check['seen'])}"
                render.console().print(f"    ⚠ {said}")


def show_failure(detail: Mapping[str, Any], *, full: bool) -> None:
    """Prints the cell, the error, its traceback, and how often the job failed so."""
    error, failure = detail["run"]["error"], detail.get("failure") or {}
    frames = failure.get("frames") or []
    if error:
        _show_cell(error, failure.get("error_line"))
        said = f"{error['name']}: {error['message']}" if error["message"] else error["name"]
        click.echo(plain(said))
        if frames and frames[-1]["text"].strip() == said.strip():  # as every traceback ends
            frames = frames[:-1]
    if any(frame["kind"] != "words" for frame in frames):
        click.echo()
        for line in _traceback(frames, full=full):
            click.echo(plain(line))
    elif error and error["traceback"].strip():
        click.echo(plain(error["traceback"]))
    if failure.get("history"):
        _show_history(failure["history"])


def show_rerun(run: Mapping[str, Any]) -> None:
    """Prints the command that repeats the run."""
    click.echo(f"\nRun it again: jupyter orch rerun {run['id']}")


def log_line(line: Mapping[str, Any]) -> str:
    """An event of a log on one line."""
    fields = {name: line[name] for name in line if name not in {"time", "level", "event"}}
    text = " ".join(f"{name}={value}" for name, value in fields.items())
    return f"{line.get('time', '')} {line.get('event', '')} {text}".rstrip()


def _show_cell(error: Mapping[str, Any], error_line: int | None) -> None:
    if error["cell_index"] is not None:
        click.echo(f"\ncell {error['cell_index'] + 1}")
    lines = plain(error.get("cell_source") or "").splitlines()
    for number, line in enumerate(lines, 1):
        mark = "→" if number == error_line else " "
        click.echo(f"{mark} {number:>{_NUMBERS - 2}} {line}".rstrip())


def _traceback(frames: list[dict[str, Any]], *, full: bool) -> Iterator[str]:
    folded = 0
    for frame in frames:
        if frame["kind"] == "library" and not full:
            folded += 1
            continue
        if folded:
            yield _folded(folded)
            folded = 0
        yield frame["text"]
    if folded:
        yield _folded(folded)


def _folded(count: int) -> str:
    return f"  … {count} frame{'' if count == 1 else 's'} of libraries"


def _show_history(history: Mapping[str, Any]) -> None:
    success = history["last_success"]
    often = f"{history['recent_same']} of the last {history['recent']} runs"
    click.echo()
    render.facts(
        (
            (
                "the same failure",
                f"{often}, {history['count']} since {render.moment(history['first_at'])}",
            ),
            ("others like it", f"jupyter orch runs --fingerprint {history['fingerprint']}"),
            (
                "last success",
                f"{render.moment(success['ended_at'])}, run {success['run_id']}"
                if success
                else "never, as far as runs are kept",
            ),
        )
    )


def _show_log(client: Client, run: Mapping[str, Any]) -> None:
    lines = client.log(run["id"])["lines"][-_LOG_LINES:]
    if not lines:
        return
    click.echo("\nThe end of its log:")
    for line in lines:
        said = {name: value for name, value in line.items() if name != "traceback"}
        click.echo(f"  {plain(log_line(said))}")

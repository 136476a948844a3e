"""Commands about jobs."""

from pathlib import Path
from typing import Any, get_args

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
from jupyter_orch.cli.explain import show_run
from jupyter_orch.cli.follow import follow
from jupyter_orch.cli.notify import notifications_of, notify_option
from jupyter_orch.cli.triggers import trigger_options, triggers_of
from jupyter_orch.client import Client
from jupyter_orch.domain.backfill import instant_of
from jupyter_orch.domain.errors import BadInput, NotFound
from jupyter_orch.domain.ids import new_id
from jupyter_orch.domain.model import JobListState, Overlap


@click.command(
    epilog="Example: jupyter orch schedule report.ipynb --cron '0 6 * * *' --exclude sun"
)
@click.argument("notebook", type=click.Path(path_type=Path))
@click.option("--name", help="Name of the job; absent: the notebook's.")
@trigger_options
@parameter_option
@click.option("--kernel", help="Kernelspec; absent: the one that the notebook names.")
@click.option("--pin", is_flag=True, help="Freeze the notebook as it is now.")
@click.option("--retries", type=int, default=0, show_default=True, help="Further attempts.")
@click.option("--timeout", type=float, help="Longest attempt, in seconds.")
@click.option("--cell-timeout", type=float, help="Longest cell, in seconds.")
@click.option("--queue-timeout", type=float, help="Longest wait for a worker, in seconds.")
@click.option("--overlap", type=click.Choice(get_args(Overlap)), default="queue")
@click.option("--max-parallel", type=int, help="Most runs at a time, for --overlap parallel.")
@click.option("--pool", default="default", help="Pool whose slots limit the runs.")
@click.option("--priority", type=int, default=0, help="Higher ones are taken first.")
@click.option("--catch-up", type=click.Choice(["none", "latest", "all"]), default="latest")
@click.option("--description", default="", help="What the job is for.")
@notify_option
@json_option
def schedule(
    notebook: Path,
    *,
    name: str | None,
    cron: tuple[str, ...],
    every: tuple[str, ...],
    at: tuple[str, ...],
    start: str | None,
    end: str | None,
    exclude: tuple[str, ...],
    jitter: str | None,
    time_zone: str | None,
    assignments: tuple[tuple[str, str], ...],
    kernel: str | None,
    pin: bool,
    retries: int,
    timeout: float | None,
    cell_timeout: float | None,
    queue_timeout: float | None,
    overlap: str,
    max_parallel: int | None,
    pool: str,
    priority: int,
    catch_up: str,
    description: str,
    told: tuple[str, ...],
    as_json: bool,
) -> None:
    """Schedule NOTEBOOK as a job.

    --cron, --every and --at may be given together and several times; without any of them the job
    runs only when it is asked to.
    """
    path = str(notebook.absolute())
    triggers = triggers_of(
        cron=cron,
        every=every,
        at=at,
        start=start,
        end=end,
        exclude=exclude,
        jitter=jitter,
        time_zone=time_zone,
    )
    with open_client() as client:
        spec = {
            "name": name or notebook.stem,
            "notebook": path,
            "source": "pinned" if pin else "tracking",
            "kernel": kernel,
            "parameters": typed(assignments, lambda: client.inspect(path)["schema"]),
            "triggers": triggers,
            "policies": {
                "retries": retries,
                "timeout_seconds": timeout,
                "cell_timeout_seconds": cell_timeout,
                "queue_timeout_seconds": queue_timeout,
                "overlap": overlap,
                "max_parallel": max_parallel,
                "pool": pool,
                "priority": priority,
                "catch_up": catch_up,
            },
            "notifications": notifications_of(told),
            "description": description,
        }
        job = client.create_job(spec, idempotency_key=new_id())
        if as_json:
            print_json(job)
            return
        render.console().print(f"Scheduled [bold]{render.escape(job['spec']['name'])}[/bold].")
        for trigger in job["spec"]["triggers"]:
            _explain(client, trigger)


@click.command(epilog="Example: jupyter orch jobs --search delays")
@click.option("--search", default="", help="A part of the name.")
@click.option("--state", type=click.Choice(get_args(JobListState)), help="Only these.")
@page_options
@json_option
def jobs(*, search: str, state: str | None, limit: int, cursor: str | None, as_json: bool) -> None:
    """List jobs with their last run and next due time."""
    with open_client() as client:
        page = client.jobs(search=search, state=state, limit=limit, cursor=cursor)
    if as_json:
        print_json(page)
        return
    render.grid(
        ("JOB", "LAST RUN", "ENDED", "NEXT"),
        (
            (
                render.escape(item["job"]["spec"]["name"]),
                _last(item),
                render.moment((item["last_run"] or {}).get("ended_at")),
                _next(item),
            )
            for item in page["items"]
        ),
        nothing="No job yet. `jupyter orch schedule NOTEBOOK --cron …` makes one.",
    )
    render.more(page)


@click.command(epilog="Example: jupyter orch show flight_delays")
@click.argument("key", metavar="JOB|RUN")
@click.option("--full", is_flag=True, help="Of a failed run print the frames of libraries, too.")
@json_option
def show(key: str, *, full: bool, as_json: bool) -> None:
    """Show a job or a run.

    Of a job (name or id): its schedule, values and last run. Of a run (id) that failed: the cell,
    the error with its traceback, parameters, queries, the end of the log, how often the job failed
    so, and how to run it again.
    """
    with open_client() as client:
        try:
            summary = client.job(key)
        except NotFound:
            detail = _run_detail(client, key)
            if as_json:
                print_json(detail)
            else:
                show_run(client, detail, full=full)
            return
        if as_json:
            print_json(summary)
            return
        spec = summary["job"]["spec"]
        render.facts(
            (
                ("name", render.escape(spec["name"])),
                ("id", summary["job"]["id"]),
                ("version", str(summary["job"]["version"])),
                ("notebook", render.escape(spec["notebook"])),
                ("source", spec["source"]),
                ("kernel", spec["kernel"] or "as the notebook says"),
                ("parameters", render.values(spec["parameters"])),
                ("last run", _last(summary)),
                ("next", _next(summary)),
            )
        )
        for trigger in spec["triggers"]:
            _explain(client, trigger)


def _run_detail(client: Client, key: str) -> dict[str, Any]:
    try:
        return client.run_detail(key)
    except NotFound:
        raise NotFound(f"There is no job and no run {key}.") from None


@click.command(epilog="Example: jupyter orch pause flight_delays")
@click.argument("job")
def pause(job: str) -> None:
    """Stop the schedule of JOB; runs that exist go on."""
    with open_client() as client:
        paused = client.pause(job)
    render.console().print(f"{render.state('paused')} {render.escape(paused['spec']['name'])}")


@click.command(epilog="Example: jupyter orch resume flight_delays")
@click.argument("job")
def resume(job: str) -> None:
    """Let the schedule of JOB go on from now."""
    with open_client() as client:
        client.resume(job)
        summary = client.job(job)
    render.console().print(
        f"{render.escape(summary['job']['spec']['name'])}: next {_next(summary)}"
    )


@click.command(epilog="Example: jupyter orch delete flight_delays --yes")
@click.argument("job")
@click.option("--yes", is_flag=True, help="Do not ask.")
def delete(job: str, *, yes: bool) -> None:
    """Remove JOB; its runs and tables stay."""
    with open_client() as client:
        found = client.job(job)["job"]
        name = found["spec"]["name"]
        if not yes:
            click.confirm(f"Remove the job {name}?", abort=True)
        client.delete_job(found["id"], version=found["version"])
    render.console().print(f"Removed {render.escape(name)}.")


@click.command(epilog="Example: jupyter orch run flight_delays -p origin LGA --wait")
@click.argument("job")
@parameter_option
@click.option("--trigger", help="Id of the trigger whose interval and values are taken.")
@click.option("--interval-start", "start", help="First day or time of another data interval.")
@click.option("--interval-end", "end", help="Day or time at which it ends, not included.")
@click.option("--wait", is_flag=True, help="Follow the run to its end; exit 1 when it fails.")
@json_option
def run(
    job: str,
    *,
    assignments: tuple[tuple[str, str], ...],
    trigger: str | None,
    start: str | None,
    end: str | None,
    wait: bool,
    as_json: bool,
) -> None:
    """Run JOB now, of the last complete data interval of its first trigger that has any.

    Days and times without an offset are read in the time zone of the trigger.
    """
    with open_client() as client:
        values = typed(assignments, lambda: client.schema(job))
        zone = client.interval(job, trigger=trigger)["time_zone"]
        started = client.run(
            job,
            values,
            trigger=trigger,
            interval_start=_instant(start, zone, field="interval-start"),
            interval_end=_instant(end, zone, field="interval-end"),
            idempotency_key=new_id(),
        )
        if started["interval_start"] and not as_json:
            names = ("interval_start", "interval_end")
            first, last = (render.there(started[name], zone) for name in names)
            render.console().print(f"[dim]of {first} to {last} ({zone})[/dim]")
        follow(client, started, wait=wait, as_json=as_json)


def _instant(text: str | None, zone: str, *, field: str) -> str | None:
    return instant_of(text, zone, field=field, is_last=False).isoformat() if text else None


def _explain(client: Client, trigger: dict[str, Any]) -> None:
    try:
        preview = client.preview(trigger, count=3)
    except BadInput as error:  # as when its time zone is gone: the rest is worth showing
        render.console().print(f"  [red]{render.escape(error.message)}[/red]")
        return
    times = ", ".join(render.local(fire["local"]) for fire in preview["fires"])
    render.console().print(f"  {render.escape(preview['description'])}: [dim]{times}[/dim]")


def _last(summary: dict[str, Any]) -> str:
    last = summary["active_run"] or summary["last_run"]
    return render.state(last["state"], last["reason"]) if last else "-"


def _next(summary: dict[str, Any]) -> str:
    if summary["job"]["error"]:
        return f"[red]stopped[/red] [dim]{render.escape(summary['job']['error'])}[/dim]"
    return render.state("paused") if summary["job"]["paused"] else render.until(summary["next_due"])

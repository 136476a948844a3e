"""The product with real data, on this machine, in a folder of its own.

Loads the flights, starts the service and JupyterLab, prints the address, and stops both on Ctrl-C.
With `--once` no browser is needed: a sample is scheduled through the same calls as from the
sidebar, the scheduler fires it, and what it published is printed.
Nothing outside the clone is touched; a second call finds what the first one made.
"""

import argparse
import os
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager, suppress
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import httpx
from jupyter_server.serverapp import list_running_servers
from rich.console import Console
from rich.table import Table

ROOT = Path(__file__).resolve().parents[1]
BIN = Path(sys.executable).parent
HOME = ROOT / ".demo"
NOTEBOOKS = ROOT / "sample_notebooks"
JOB = "flight_delays"
TABLE = "analytics.flight_delays"
#: Of the caller's settings only these count: the same demo on a real Trino.
TRINO = "JUPYTER_ORCH__WAREHOUSE__TRINO__"
#: What the loader loads.
ROWS = {
    "nyc.flights": 336_776,
    "nyc.weather": 26_115,
    "nyc.planes": 3_322,
    "nyc.airports": 1_458,
    "nyc.airlines": 16,
}
#: Seconds that a process gets to answer, to stop, and a run to end.
START_SECONDS = 60
STOP_SECONDS = 30
RUN_SECONDS = 180
#: From saving the job to its due instant.
SOON_SECONDS = 2

console = Console(highlight=False, width=None if sys.stdout.isatty() else 140)


class Failed(Exception):
    """The demo cannot go on; the message says why."""


def environment() -> dict[str, str]:
    """Jupyter and jupyter_orch with every folder inside `.demo`."""
    private = {
        f"JUPYTER_{kind.upper()}_DIR": str(HOME / kind) for kind in ("config", "data", "runtime")
    }
    kept = {
        name: value
        for name, value in os.environ.items()
        if not name.startswith(("JUPYTER_", "PYTHONPATH")) or name.startswith(TRINO)
    }
    return (
        kept
        | private
        | {
            "PATH": f"{BIN}{os.pathsep}{os.environ.get('PATH', '')}",
            "JUPYTER_ORCH__STATE__DIR": str(HOME / "state"),
        }
    )


@contextmanager
def doing(title: str) -> Iterator[None]:
    """Prints a step, how long it took, and a failure as one sentence."""
    started = time.monotonic()
    with console.status(f"{title} …"):
        yield
    console.print(f"[green]✓[/] {title} ({time.monotonic() - started:.1f} s)")


def wait(
    what: str, ask: Callable[[], Any], *, seconds: float, process: subprocess.Popen[bytes] | None
) -> Any:
    """The first true answer.

    Raises:
        Failed: None came in time, or the process that should give it has ended.
    """
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        if answer := ask():
            return answer
        if process is not None and process.poll() is not None:
            raise Failed(f"{what} ended with code {process.returncode}.")
        time.sleep(0.2)
    raise Failed(f"{what}: no answer within {seconds} s.")


def launch(stack: ExitStack, name: str, *command: str) -> subprocess.Popen[bytes]:
    """Starts a process that ends with the demo; its words go to `.demo/<name>.log`."""
    log = stack.enter_context((HOME / f"{name}.log").open("ab"))
    process = subprocess.Popen(
        command, stdout=log, stderr=log, stdin=subprocess.DEVNULL, cwd=NOTEBOOKS,
        start_new_session=True,
    )  # fmt: skip
    stack.callback(end, process)
    return process


def end(process: subprocess.Popen[bytes]) -> None:
    """Asks a process to stop, and insists."""
    process.terminate()
    try:
        process.wait(STOP_SECONDS)
    except subprocess.TimeoutExpired:
        process.kill()
        process.wait()


def answers(client: Any) -> bool:
    """Whether the service is there."""
    from jupyter_orch.domain.errors import Unavailable

    try:
        client.status()
    except Unavailable:
        return False
    return True


def start_service(stack: ExitStack, client: Any) -> Callable[[], None]:
    """Starts the service, unless one runs on this state already; the answer waits for it."""
    if answers(client):
        return lambda: None
    process = launch(stack, "service", str(BIN / "jupyter-orch"), "up", "--root", str(NOTEBOOKS))

    def ready() -> None:
        wait("The service", lambda: answers(client), seconds=START_SECONDS, process=process)

    return ready


def load_data(client: Any) -> None:
    """Loads the flights, unless they are there; the loader draws its own progress."""
    rows = {table["name"]: table["total_rows"] for table in client.tables()["items"]}
    if all(rows.get(name) == count for name, count in ROWS.items()):
        console.print("[green]✓[/] The flights of 2013 are loaded")
        return
    console.print("… Loading the flights of 2013")
    loader = [sys.executable, str(ROOT / "scripts" / "load_flights.py")]
    if code := subprocess.run(loader, check=False).returncode:
        raise Failed(f"Loading the data ended with code {code}.")


def start_lab(stack: ExitStack) -> Callable[[], str]:
    """Starts JupyterLab; the answer waits for it and gives its address, token included."""
    process = launch(
        stack,
        "lab",
        str(BIN / "jupyter-lab"),
        "--no-browser",
        "--ServerApp.allow_root=True",
        f"--ServerApp.root_dir={NOTEBOOKS}",
        "--LabApp.news_url=",
        "--LabApp.check_for_updates_class=jupyterlab.NeverCheckForUpdate",
    )

    def address() -> str | None:
        for server in list_running_servers(HOME / "runtime"):
            if server["pid"] == process.pid:
                with suppress(httpx.HTTPError):
                    token = {"token": server["token"]}
                    if httpx.get(f"{server['url']}api/status", params=token).is_success:
                        return f"{server['url']}lab?token={server['token']}"
        return None

    return lambda: str(wait("JupyterLab", address, seconds=START_SECONDS, process=process))


def check_extension(url: str) -> None:
    """Asks for the service's status the way the sidebar does: through JupyterLab."""
    base, _, token = url.partition("lab?token=")
    answer = httpx.get(
        f"{base}jupyter-orch/api/v1/status", params={"token": token}, timeout=START_SECONDS
    )
    if not answer.is_success:
        raise Failed(f"JupyterLab's extension does not reach the service: {answer.text[:300]}")


def schedule(client: Any, due: datetime | None) -> dict[str, Any]:
    """Saves the job, due once soon; without an instant it waits for a person."""
    spec = {
        "name": JOB,
        "notebook": str(NOTEBOOKS / f"{JOB}.ipynb"),
        "parameters": {"day": "2013-02-14", "origin": "JFK"},
        "triggers": [],
        "description": "Late departures of one day, from New York.",
    }
    if due is not None:
        soon = {"id": "once", "kind": "interval", "every_seconds": 86_400}
        spec["triggers"] = [soon | {"anchor": due.isoformat().replace("+00:00", "Z")}]
    known = {one["job"]["spec"]["name"]: one["job"] for one in client.jobs(search=JOB)["items"]}
    if JOB not in known:
        return dict(client.create_job(spec))
    return dict(client.update_job(known[JOB]["id"], spec, version=known[JOB]["version"]))


def run_once(client: Any) -> None:
    """One scheduled run from its due instant to its published version.

    Raises:
        Failed: It did not succeed.
    """
    due = (datetime.now(UTC) + timedelta(seconds=SOON_SECONDS)).replace(microsecond=0)
    due += timedelta(seconds=1)
    with doing(f"Scheduling {JOB} for {due:%H:%M:%S} UTC"):
        job = schedule(client, due)
    try:
        with doing("Waiting for the scheduler to fire it"):
            run = wait(
                "The scheduler", lambda: fired(client, job["id"], due), seconds=30, process=None
            )
        with doing(f"Running it (run {run['id']})"):
            detail = wait(
                "The run", lambda: ended(client, run["id"]), seconds=RUN_SECONDS, process=None
            )
    finally:
        schedule(client, None)  # nothing fires behind anybody's back
    show(client, detail)


def fired(client: Any, job_id: str, due: datetime) -> dict[str, Any] | None:
    """The run of that due instant."""
    instant = due.isoformat().replace("+00:00", "Z")
    for run in client.runs(job=job_id, limit=5)["items"]:
        if run["kind"] == "schedule" and run["logical_time"] == instant:
            return dict(run)
    return None


def ended(client: Any, run_id: str) -> dict[str, Any] | None:
    """All about the run once it is over."""
    detail = client.run_detail(run_id)
    over = detail["run"]["state"] in {"succeeded", "failed", "cancelled", "skipped"}
    return dict(detail) if over else None


def show(client: Any, detail: dict[str, Any]) -> None:
    """The run, the table and its versions."""
    run = detail["run"]
    console.print(f"\nrun      {run['id']}  {run['kind']}, due {run['logical_time']}")
    console.print(f"state    {run['state']}, {run['cells_done']} of {run['cells_total']} cells")
    if run["state"] != "succeeded" or not detail["versions"]:
        error = run["error"] or {"name": run["reason"] or "no version published", "message": ""}
        raise Failed(f"The run {run['state']}: {error['name']} {error['message']}")
    console.print(f"table    {', '.join(one['table'] for one in detail['versions'])}\n")
    versions = Table("version", "rows", "in all", "operation", "run", "committed", box=None)
    for one in client.versions(TABLE)["items"]:
        cells = (one[key] for key in ("snapshot_id", "rows", "total_rows", "operation", "run_id"))
        versions.add_row(*(str(cell) for cell in cells), one["committed_at"])
    console.print(versions)


def main(arguments: argparse.Namespace) -> None:
    """Runs the demo.

    Raises:
        Failed: A step did not work.
    """
    HOME.mkdir(exist_ok=True)
    os.environ.clear()
    os.environ |= ENVIRONMENT
    from jupyter_orch.client import Client

    with ExitStack() as stack:
        client = stack.enter_context(Client())
        with doing("Starting the service"):
            service_ready = start_service(stack, client)
            lab_ready = start_lab(stack)
            service_ready()
        load_data(client)
        with doing("Starting JupyterLab"):
            url = lab_ready()
            check_extension(url)
        if arguments.once:
            run_once(client)
            return
        console.print(f"\n  [bold]{url}[/]\n", soft_wrap=True)
        console.print("  Open flight_delays.ipynb and click Schedule. Ctrl-C stops everything.")
        while True:
            time.sleep(3600)


ENVIRONMENT = environment()

if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--once", action="store_true", help="one scheduled run, no browser")
    try:
        main(parser.parse_args())
    except Failed as failed:
        console.print(f"[red]✕[/] {failed} The logs are in {HOME}.", soft_wrap=True)
        sys.exit(1)
    except KeyboardInterrupt:
        console.print("\nStopped.")

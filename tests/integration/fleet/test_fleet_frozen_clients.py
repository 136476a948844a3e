"""Real clients that stand still: an API, a kernel, a Lab; nobody else waits longer than 5 s."""

import contextlib
import itertools
import json
import random
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, closing, contextmanager
from pathlib import Path
from typing import Any

import httpx
import psutil
import pytest
from chaos_kit import SEED, machine
from fleet_kit import ask
from frozen_kit import (
    FROZEN,
    POOL,
    Act,
    Others,
    beside_workers,
    by_client,
    frozen,
    frozen_while,
    stands_still,
)
from service_kit import SOON, RunningService, wait_for

from jupyter_orch.frozen import WRITE_LOCK, holds, shared_memory
from jupyter_orch.server.routes import BASE
from jupyter_orch.settings import load
from jupyter_orch.store.sql import SqlStore
from jupyter_orch.warehouse.connect import open_connection
from jupyter_orch.warehouse.locks import lock_file

API = "frozen_api"
CLOSED = "closed"  # a pool without slots: its runs wait
EVERY = 2  # seconds from one due instant to the next
BUSY_CELL = """
import pathlib, time
pathlib.Path(mark).touch()
while not pathlib.Path(go).exists():
    print(sum(range(10_000)))
    time.sleep(0.01)
"""
WRITING_CELL = """
import pathlib, time
import jupyter_orch as orch
cursor = orch.connect().cursor()
pathlib.Path(mark).touch()
while not pathlib.Path(go).exists():
    cursor.execute("INSERT INTO shared VALUES (1)").fetchall()
    time.sleep(0.05)  # others come to their turn
"""

pytestmark = [pytest.mark.slow, pytest.mark.timeout(600)]  # seconds; a busy machine takes its time


@pytest.fixture
def chance() -> random.Random:
    """Moments."""
    return random.Random(SEED)  # noqa: S311 - no secret


@pytest.fixture
def installed(short_folder: Path) -> Callable[..., RunningService]:
    """Makes a service on a database, not started; all on the same state folder."""
    folder = Path(tempfile.mkdtemp(dir=short_folder))
    (folder / "notebooks").mkdir()

    def made(url: str, **settings: str) -> RunningService:
        given = {"STATE__URL": url, "SERVICE__DRAIN_SECONDS": "1", **settings}
        return RunningService(folder / "state", folder / "notebooks", **given)

    return made


@contextmanager
def ending(process: subprocess.Popen[bytes]) -> Iterator[subprocess.Popen[bytes]]:
    """Asks the process to end afterwards, and waits for it."""
    try:
        yield process
    finally:
        process.terminate()
        try:
            process.wait(SOON)
        finally:
            process.kill()


@contextmanager
def up(service: RunningService, *options: str) -> Iterator[RunningService]:
    """The service, healthy, with an API."""
    try:
        yield service.start(*options)
    finally:
        if service.process is not None:
            with ending(service.process):
                pass


def process_of(started: subprocess.Popen[bytes] | None) -> psutil.Process:
    """For what the standard library cannot do with it."""
    assert started is not None
    return psutil.Process(started.pid)


# --------------------------------------------------------------------------- an API


def test_inv4_a_frozen_api_keeps_nobody_waiting(
    url: str,
    installed: Callable[..., RunningService],
    chance: random.Random,
    say: Callable[[str], None],
) -> None:
    """Stopped anywhere, then in a transaction; others write, fire what is due and execute it."""
    named = f"{url}&application_name={API}" if url.startswith("postgresql") else url
    api, others_of_it = installed(named), installed(url)
    notebook = str(api.write("quick.ipynb", "print(1)"))
    tries, woken = [], []
    with ExitStack() as stack:
        stack.enter_context(up(api, "--role", "api"))
        stack.enter_context(ending(others_of_it.beside("--role", "scheduler,worker")))
        store = stack.enter_context(closing(SqlStore(url)))
        client = stack.enter_context(api.client())
        client.set_pool(CLOSED, 0)
        shut = {"name": "shut", "notebook": notebook, "policies": {"pool": CLOSED}}
        client.create_job(shut)
        client.create_job(
            {
                "name": "due",
                "notebook": notebook,
                "triggers": [{"kind": "interval", "every_seconds": EVERY}],
                "policies": {"catch_up": "all", "max_catch_up": 100, "overlap": "skip"},
            }
        )
        wait_for(lambda: ask(url, "SELECT 1 FROM run"))
        writes = by_client(client, notebook, names="asked") | {"run": lambda: client.run("shut")}
        asking = stack.enter_context(Others(writes, pause=0.01))
        others = stack.enter_context(Others(beside_workers(store)))
        process = process_of(api.process)

        begun = time.time()
        for wanted in (False, True):
            with frozen_while(
                process,
                lambda wanted=wanted: in_the_way(url, process.pid) == wanted,
                chance,
                settle=0.1,
            ) as tried:
                since = time.time()
                woken.append(stands_still(process))
                wait_for(lambda since=since: ended_well(url, since))
                tries.append(tried)
        others.longest["fire what is due"] = latest(url, begun)
        stack.pop_all().close()
    figures = {"longest": others.figures, "asking": asking.figures, "tries": tries, "woken": woken}
    say(json.dumps({"frozen": "api", "database": url.partition(":")[0], **machine(), **figures}))
    assert asking.failed == []  # who asked the frozen one itself has been answered
    others.check()


def in_the_way(url: str, pid: int) -> bool:
    """Whether the API holds what somebody else waits for; on SQLite each writer does."""
    if url.startswith("sqlite"):
        file = shared_memory(Path(url.removeprefix("sqlite:///")))
        return holds(pid, file, "POSIX", WRITE_LOCK)
    query = (
        "SELECT 1 FROM pg_stat_activity AS one JOIN pg_stat_activity AS other"
        " ON one.pid = ANY (pg_blocking_pids(other.pid))"
        f" WHERE one.application_name = '{API}' AND other.application_name <> '{API}'"
    )
    return bool(ask(url, query))


def ended_well(url: str, since: float) -> bool:
    """Whether a run that was made since then has succeeded."""
    query = f"SELECT 1 FROM run WHERE state = 'succeeded' AND created_at > {int(since * 1e6)}"
    return bool(ask(url, query))


def latest(url: str, since: float) -> float:
    """The longest time from an instant that was due since then to its run, in seconds."""
    query = (
        "SELECT max(created_at - logical_time) AS late, max(logical_time) AS last"
        f" FROM run WHERE job_name = 'due' AND logical_time > {int(since * 1e6)}"
    )
    now = time.time() * 1e6
    wait_for(lambda: (ask(url, query)[0].last or 0) > now)
    return float(ask(url, query)[0].late) / 1e6


# --------------------------------------------------------------------------- a kernel


def test_inv4_a_frozen_kernel_keeps_nobody_waiting(
    url: str, installed: Callable[..., RunningService], say: Callable[[str], None]
) -> None:
    """Its run goes on when it does, with the same attempt; all that is asked is answered soon."""
    service = installed(url, WORKER__LEASE_SECONDS="5")
    mark, go = service.root / "mark", service.root / "go"
    parameters = f"mark: str = {str(mark)!r}\ngo: str = {str(go)!r}"
    busy = str(service.write("busy.ipynb", BUSY_CELL, parameters=parameters))
    quick = str(service.write("quick.ipynb", "print(1)"))
    with up(service), service.client() as client, service.client() as others_client:
        for name, notebook in (("busy", busy), ("quick", quick)):
            client.create_job({"name": name, "notebook": notebook})
        held = client.run("busy")["id"]
        wait_for(mark.exists)
        acts = by_client(others_client, quick, names="saved") | {
            "see the run": lambda: others_client.run_detail(held)
        }
        with Others(acts) as others, frozen(kernel_of(service)):
            until_thawed = time.monotonic() + FROZEN
            run = others.once("start a run", lambda: client.run("quick"))["id"]
            assert service.ended(run)["state"] == "succeeded"
            time.sleep(max(0.0, until_thawed - time.monotonic()))
            assert client.run_detail(held)["run"]["state"] == "running"
        go.touch()
        ended = service.ended(held)
    figures = {"longest": others.figures}
    say(json.dumps({"frozen": "kernel", "database": url.partition(":")[0], **machine(), **figures}))
    assert (ended["state"], ended["attempt"]) == ("succeeded", 1)
    others.check()


def test_inv4_a_kernel_frozen_in_a_commit_keeps_nobody_waiting(
    tmp_path: Path,
    installed: Callable[..., RunningService],
    chance: random.Random,
    say: Callable[[str], None],
) -> None:
    """It holds the lock of a table, then the catalog's; others write to that table and another."""
    service = installed(f"sqlite:///{tmp_path / 'state.db'}")
    mark, go = service.root / "mark", service.root / "go"
    parameters = f"mark: str = {str(mark)!r}\ngo: str = {str(go)!r}"
    writing = str(service.write("writing.ipynb", WRITING_CELL, parameters=parameters))
    settings = load(environ=service.environment)
    tries, woken = [], []

    def statement(sql: str) -> Act:
        cursor = open_connection(settings).cursor()
        return lambda: cursor.execute(sql).fetchall()

    with up(service), service.client() as client:
        for made in ('SCHEMA "default"', "TABLE shared (id integer)", "TABLE apart (id integer)"):
            statement(f"CREATE {made}")()
        client.create_job({"name": "writing", "notebook": writing})
        held = client.run("writing")["id"]
        wait_for(mark.exists)
        kernel = kernel_of(service)
        table = lock_file(settings.warehouse, "default.shared")
        catalog = shared_memory(settings.warehouse.folder / "catalog.db")

        def holds_table() -> bool:
            return holds(kernel.pid, table, "FLOCK", 0)

        def holds_catalog() -> bool:
            return holds(kernel.pid, catalog, "POSIX", WRITE_LOCK)

        acts = {
            "write": statement("INSERT INTO shared VALUES (2)"),
            "write elsewhere": statement("INSERT INTO apart VALUES (2)"),
            "read": statement("SELECT count(*) FROM shared"),
        }
        with Others(acts) as others:
            for holding in (holds_table, holds_catalog):
                with frozen_while(kernel, holding, chance, aimed=True) as tried:
                    woken.append(stands_still(kernel))
                    tries.append(tried)
                time.sleep(1.0)  # who has waited has its turn before the next one is made to
        go.touch()
        ended = service.ended(held)
    figures = {"longest": others.figures, "tries": tries, "woken": woken}
    say(json.dumps({"frozen": "kernel in a commit", **machine(), **figures}))
    assert (ended["state"], ended["attempt"]) == ("succeeded", 1)
    others.check()


def kernel_of(service: RunningService) -> psutil.Process:
    """The only kernel among its descendants."""
    family = process_of(service.process).children(recursive=True)
    (kernel,) = [each for each in family if each.name().startswith("orch-")]
    return kernel


# --------------------------------------------------------------------------- a Lab


def test_inv4_a_frozen_lab_keeps_nobody_waiting(
    url: str,
    installed: Callable[..., RunningService],
    chance: random.Random,
    say: Callable[[str], None],
) -> None:
    """Stopped in the middle of what it forwards; other clients of the service do not notice."""
    service = installed(url)
    notebook = str(service.write("quick.ipynb", "print(1)"))
    with ExitStack() as stack:
        stack.enter_context(up(service))
        lab, http = stack.enter_context(running_lab(service))
        client = stack.enter_context(service.client())
        client.create_job({"name": "quick", "notebook": notebook})
        asking = stack.enter_context(Others(through_lab(http, notebook), pause=0.01))
        others = stack.enter_context(Others(by_client(client, notebook, names="saved")))
        for seconds in (chance.random(), chance.random(), FROZEN):
            time.sleep(chance.uniform(0, 0.2))
            with frozen(process_of(lab)):
                end = time.monotonic() + seconds
                if seconds == FROZEN:
                    run = others.once("start a run", lambda: client.run("quick"))["id"]
                    assert service.ended(run)["state"] == "succeeded"
                time.sleep(max(0.0, end - time.monotonic()))
        stack.pop_all().close()
    figures = {"longest": others.figures, "asking": asking.figures}
    say(json.dumps({"frozen": "lab", "database": url.partition(":")[0], **machine(), **figures}))
    assert asking.failed == []  # who asked the frozen one itself has been answered
    others.check()


@contextmanager
def running_lab(
    service: RunningService,
) -> Iterator[tuple[subprocess.Popen[bytes], httpx.Client]]:
    """A JupyterLab whose extension speaks to the service, and a browser's line to it."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    options = {
        "ServerApp.port": port,
        "ServerApp.port_retries": 0,
        "ServerApp.root_dir": service.root,
        "IdentityProvider.token": API,
        "LabApp.check_for_updates_class": "jupyterlab.NeverCheckForUpdate",
    }
    command = [sys.executable, "-m", "jupyterlab", "--no-browser", "--allow-root"]
    with service.log.open("ab") as sink:
        started = subprocess.Popen(
            [*command, *(f"--{name}={value}" for name, value in options.items())],
            env=service.environment,
            cwd=service.root,
            stdin=subprocess.DEVNULL,
            stdout=sink,
            stderr=sink,
            start_new_session=True,
        )
    with (
        ending(started),
        httpx.Client(
            base_url=f"http://127.0.0.1:{port}{BASE}",
            headers={"Authorization": f"token {API}"},
            timeout=SOON,
        ) as http,
    ):

        def answers() -> bool:
            assert started.poll() is None, service.log.read_text()
            with contextlib.suppress(httpx.TransportError):
                return http.get("/status").is_success
            return False

        wait_for(answers)
        yield started, http


def through_lab(http: httpx.Client, notebook: str) -> dict[str, Act]:
    """What a browser asks for, short and long."""
    numbers = itertools.count()

    def save() -> None:
        name = f"lab {next(numbers)}"
        words = "long " * 2000
        spec: dict[str, Any] = {"name": name, "notebook": notebook, "description": words}
        http.post("/jobs", json=spec).raise_for_status()

    return {
        "size the pool": lambda: http.put(f"/pools/{POOL}", json={"slots": 5}).raise_for_status(),
        "save a job": save,
        "list jobs": lambda: http.get("/jobs?limit=200").raise_for_status(),
        "list runs": lambda: http.get("/runs?limit=50").raise_for_status(),
    }

"""Ours beside Airflow (LocalExecutor, PostgreSQL) and jupyter-scheduler: one machine, one run.

Measured in turns, so that other load on the machine is on everybody's side: memory and processor
time of all processes while there is nothing to do; from a trigger by the API, and from a due
instant, until a worker has claimed the task; no-op tasks per second; a notebook of one cell. The
peers are installed into venvs of their own. PostgreSQL itself counts for nobody.
"""

import argparse
import json
import os
import platform
import sys
import tempfile
import time
from collections.abc import Callable, Iterable, Mapping, Sequence
from contextlib import AbstractContextManager, ExitStack
from importlib.metadata import version
from pathlib import Path
from typing import Any, TypeVar

sys.path.insert(0, str(Path(__file__).parents[1] / "tests"))

import peers_airflow
import peers_jupyter_scheduler
from peers_airflow import Airflow, airflow
from peers_jupyter_scheduler import JupyterScheduler, jupyter_scheduler
from peers_kit import Peer, cpu_seconds, installed, memory, spread, versions
from peers_ours import ONE_PROCESS, TWO_PROCESSES, Ours, noop_rate, ours
from postgres_fixture import running_postgres

T = TypeVar("T")
CACHE = Path.home() / ".cache" / "jupyter-orch-peers"
SETTLE_SECONDS = 20  # after the start, until the idle minute begins
OURS_PER_TURN = 3


def main() -> None:
    """Installs, starts, measures, prints JSON and a table."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--cache", type=Path, default=CACHE, help="where the peers' venvs are")
    parser.add_argument("--turns", type=int, default=8, help="triggers of each peer")
    parser.add_argument("--minutes", type=int, default=3, help="of schedules that fire")
    parser.add_argument("--idle", type=int, default=60, help="seconds of doing nothing")
    parser.add_argument("--runs", type=int, default=2000, help="no-op runs of ours")
    parser.add_argument("--keep", type=Path, help="a folder for logs, kept; absent: none is")
    given = parser.parse_args()
    air_python = installed(given.cache, "airflow", peers_airflow.REQUIREMENTS)
    js_python = installed(given.cache, "jupyter-scheduler", peers_jupyter_scheduler.REQUIREMENTS)
    with ExitStack() as stack:
        folder = given.keep or Path(
            stack.enter_context(tempfile.TemporaryDirectory(prefix="orch-peers-"))
        )
        server = stack.enter_context(running_postgres())

        def place(name: str) -> Path:
            (folder / name).mkdir(parents=True)
            return folder / name

        air = stack.enter_context(airflow(air_python, place("airflow"), server.new_database()))
        theirs = stack.enter_context(jupyter_scheduler(js_python, place("js")))
        figures: dict[str, dict[str, Any]] = {}

        def our(
            name: str, url: str, roles: Sequence[str], *, noop: bool
        ) -> AbstractContextManager[Ours]:
            return ours(name, place(f"{name}{noop:d}"), url, roles, notebooks=not noop)

        air.wait_ready()
        # One of ours at a time: pages that two of them share would count half.
        with our("sqlite", "", ONE_PROCESS, noop=False) as peer:
            add(figures, idle([peer, air, theirs], given.idle))
            add(figures, notebooks(peer, air, theirs, max(2, given.turns // 2)))
            add(figures, {"sqlite": {"memory_after_notebooks_mb": memory(peer.processes)}})
        with our("postgresql", server.new_database(), TWO_PROCESSES, noop=False) as peer:
            add(figures, idle([peer], given.idle))
        mine = [
            stack.enter_context(our("sqlite", "", ONE_PROCESS, noop=True)),
            stack.enter_context(our("postgresql", server.new_database(), TWO_PROCESSES, noop=True)),
        ]
        add(figures, triggers(mine, air, theirs, given.turns))
        add(figures, due([*mine, air, theirs], given.minutes))
        rates = {"sqlite": noop_rate("", given.runs), "airflow": tried(air.noop_rate)}
        rates["postgresql"] = noop_rate(server.new_database(), given.runs)
        add(
            figures,
            {name: {"noop_per_s": round(rate, 1)} for name, rate in rates.items() if rate},
        )
    print(json.dumps(report(figures, air_python, js_python)))
    show(figures)


def idle(peers: Iterable[Peer], seconds: int) -> dict[str, dict[str, Any]]:
    """Memory and processor time while nobody asks for anything."""
    peers = list(peers)
    time.sleep(SETTLE_SECONDS)
    before = {peer.name: cpu_seconds(peer.processes) for peer in peers}
    time.sleep(seconds)
    return {
        peer.name: {
            "memory_mb": memory(peer.processes),
            "idle_cpu_percent": round(
                100 * (cpu_seconds(peer.processes) - before[peer.name]) / seconds, 2
            ),
        }
        for peer in peers
    }


def triggers(
    mine: Iterable[Ours], air: Airflow, theirs: JupyterScheduler, turns: int
) -> dict[str, dict[str, Any]]:
    """Asked for by the API, claimed by a worker."""
    peers: list[Peer] = [*(peer for peer in mine for _ in range(OURS_PER_TURN)), air, theirs]
    found: dict[str, list[float]] = {peer.name: [] for peer in peers}
    for turn in range(turns + 1):
        for peer in peers:
            handled = tried(peer.trigger)
            if turn and handled:  # the first one warms everybody up
                found[peer.name].append(handled.claimed)
            time.sleep(0.17)  # so that nobody's poll and ours keep step
    return {name: {"trigger_s": spread(values)} for name, values in found.items()}


def due(peers: Iterable[Peer], minutes: int) -> dict[str, dict[str, Any]]:
    """Due by a schedule, claimed by a worker."""
    peers = list(peers)
    for peer in peers:
        peer.fire(on=True)
    time.sleep(60 * minutes + 60 - time.time() % 60 + 30)
    for peer in peers:
        peer.fire(on=False)
    return {peer.name: {"due_s": spread(peer.fires())} for peer in peers}


def notebooks(
    real: Ours, air: Airflow, theirs: JupyterScheduler, turns: int
) -> dict[str, dict[str, Any]]:
    """A notebook of one cell, asked for by the API."""
    found: dict[str, list[Any]] = {peer.name: [] for peer in (real, air, theirs)}
    for turn in range(turns + 1):
        for peer in (real, air, theirs):
            handled = tried(peer.notebook)
            if turn and handled:
                found[peer.name].append(handled)
    return {
        name: {
            "notebook_first_cell_s": spread([each.first_cell for each in handled]),
            "notebook_end_s": spread([each.ended for each in handled]),
        }
        for name, handled in found.items()
    }


def tried(ask: Callable[[], T]) -> T | None:
    """The answer, or None when it failed: on a busy machine that costs a peer no more."""
    try:
        return ask()
    except (RuntimeError, OSError) as error:
        print(f"failed: {error}", file=sys.stderr)
        return None


def add(figures: dict[str, dict[str, Any]], more: Mapping[str, Mapping[str, Any]]) -> None:
    """Puts new figures beside those that are there, and says how things stand."""
    print(f"load {load()}: {json.dumps(more)}", file=sys.stderr, flush=True)
    for name, values in more.items():
        figures.setdefault(name, {}).update(values)


def load() -> float:
    """Processes that wanted to run in the last minute, on average."""
    return round(os.getloadavg()[0], 1)


def report(figures: Mapping[str, Any], air_python: Path, js_python: Path) -> dict[str, Any]:
    """Everything, with machine, load and versions."""
    return {
        "benchmark": "peers",
        "cores": os.cpu_count(),
        "load": load(),
        "python": platform.python_version(),
        "versions": {
            "jupyter-orch": version("jupyter-orch"),
            **versions(air_python, *peers_airflow.PACKAGES),
            **versions(js_python, *peers_jupyter_scheduler.PACKAGES),
        },
        "figures": figures,
        "over_airflow": {name: ratios(figures, name) for name in ("sqlite", "postgresql")},
    }


def ratios(figures: Mapping[str, Any], name: str) -> dict[str, float]:
    """Our figures over Airflow's."""
    ours_, theirs = figures[name], figures["airflow"]
    pairs = {key: (figure(ours_, key), figure(theirs, key)) for key in ours_ if key in theirs}
    return {
        key: round(one / other, 4)
        for key, (one, other) in pairs.items()
        if one is not None and other
    }


def figure(values: Mapping[str, Any], key: str) -> float | None:
    """The figure, or its median."""
    value = values.get(key)
    return value.get("p50") if isinstance(value, dict) else value


def show(figures: Mapping[str, Any]) -> None:
    """A table for people: figures, and in brackets what ours are of Airflow's."""
    names = list(figures)
    keys = list(dict.fromkeys(key for values in figures.values() for key in values))
    print(" | ".join(["measure", *names]))
    for key in keys:
        cells = []
        for name in names:
            value = figure(figures[name], key)
            ratio = ratios(figures, name).get(key) if name in ("sqlite", "postgresql") else None
            cells.append(f"{value}" + (f" ({ratio:.3g}x)" if ratio is not None else ""))
        print(" | ".join([key, *cells]))


if __name__ == "__main__":
    main()

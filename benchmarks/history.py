"""Every listing over a long history: 1,000,000 runs of 10,000 jobs in 200 teams.

Each route that reads the database is called as its REST handler calls it, with the arguments that
are worst for it: a team without a failed run, a term that nothing has, the deepest page. A route or
a reading method of the store that no case reaches ends the benchmark, so that none is forgotten.
"""

import argparse
import statistics
import time
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, replace
from datetime import timedelta
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any, cast

from history_fill import BUSY, FAILED_LONG_AGO, FAILS_ALWAYS, NEVER_FAILED, RARE, History, fill
from history_lake import BUSIEST, fill_lake, name
from kit import load, new_databases, report

from jupyter_orch.artifacts.folder import FolderArtifacts
from jupyter_orch.domain.ids import RunId
from jupyter_orch.domain.model import Actor
from jupyter_orch.domain.states import RunState
from jupyter_orch.ports import Courier, Store, Warehouse
from jupyter_orch.server.call import Call
from jupyter_orch.server.routes import ROUTES
from jupyter_orch.service import Service
from jupyter_orch.service.live import usual_of
from jupyter_orch.service.notebooks import Notebooks
from jupyter_orch.service.threads import Elsewhere
from jupyter_orch.store.pages import encode
from jupyter_orch.store.sql import SqlStore
from jupyter_orch.wiring import SystemClock

SAMPLE = Path(__file__).parents[1] / "sample_notebooks" / "flight_delays.ipynb"
NOTEBOOKS = 20
ROUNDS = 40  # calls of each case that count
WARM_UP = 5  # calls before those
BAR = 20.0  # milliseconds, 95 of 100
#: Routes that ask nothing of the database.
ELSEWHERE = frozenset(
    {"/kernels", "/channels", "/tables/{table}/diff", "/tables/{table}/preview"}
    # These ask the warehouse, too; what they ask of the database are cases of their own.
    | {"/tables", "/tables/{table}/versions"}
    | {"/runs/{run}/notebook"}  # reads what /runs/{run}/log reads
)
#: Methods of the store that change something, or that a transaction of another one is about.
WRITES = frozenset(
    [
        "add_job",
        "update_job",
        "set_paused",
        "delete_job",
        "add_run",
        "request_cancel",
        "set_pinned",
        "set_pool",
        "delete_pool",
        "add_backfill",
        "cancel_backfill",
        "claim_notices",
        "notices_sent",
        "notices_failed",
        "delete_runs",
        "claim_publications",
        "open_adhoc",
        "progress",
        "record_query",
        "begin_publishing",
        "finish",
        "wake_up",
        "close",
        "sweep_queue",
        "reap",
        "beat",
        "feed_backfill",
        "heartbeat",
        "lost_attempts",
        "attempt_swept",
        "delete_backfills",
        "delete_versions",
        "note_history",
        "forget_tables",
        "note_removal",
        "forget_removal",
        "queue_hints",
    ]
)


@dataclass(frozen=True, kw_only=True)
class Case:
    """One question."""

    name: str
    ask: Callable[[], Any]


class Noting:
    """The store; remembers which of its methods were called."""

    def __init__(self, store: SqlStore) -> None:
        self._store = store
        self.called: set[str] = set()

    def __getattr__(self, name: str) -> Any:
        self.called.add(name)
        return getattr(self._store, name)


class NoWarehouse:
    """Stands where the warehouse would: no listing of the database asks it anything."""

    def describe(self) -> Mapping[str, Any]:
        """Nothing to tell."""
        return {}


class Asker:
    """Calls routes as the REST handlers do."""

    def __init__(self, service: Service, history: History) -> None:
        self._service, self._history = service, history
        self._routes = {(route.method, route.path): route for route in ROUTES}
        self.asked: set[str] = set()

    def case(
        self,
        path: str,
        why: str = "",
        *,
        team: int = BUSY,
        key: str = "",
        body: Any = None,
        **query: str | list[str],
    ) -> Case:
        """A call of a route; the arguments stand for what the URL would say."""
        method = "GET" if body is None else "POST"
        route = self._routes[method, path]
        self.asked.add(path)
        arguments = {
            name: value if isinstance(value, list) else [value] for name, value in query.items()
        }
        call = Call(
            actor=Actor(user="ann", team=self._history.of(team)),
            key=key,
            query=arguments,
            body=body,
        )
        return Case(name=f"{path} {why}".strip(), ask=lambda: route.does(self._service, call))

    def forgotten(self) -> set[str]:
        """Routes that read and that no case asks."""
        reading = {route.path for route in ROUTES if route.method == "GET"}
        return reading - self.asked - ELSEWHERE


def jobs_and_more(ask: Asker, history: History) -> Iterator[Case]:
    """Everything that people and the Lab ask for, runs apart."""
    busiest = history.jobs_of(BUSY)[0]
    last_name = encode([max(job.spec.name for job in history.jobs_of(BUSY)), "z"])
    big = history.backfills[0]
    in_big = history.teams.index(big.team)
    case = ask.case
    yield case("/status")
    yield case("/jobs")
    yield case("/jobs", "100 of them", limit="100")
    yield case("/jobs", "a rare name", search=RARE)
    yield case("/jobs", "a name that nothing has", search="xyzzy")
    yield case("/jobs", "of a notebook", notebook=busiest.spec.notebook)
    yield case("/jobs", "failing", state="failing")
    yield case("/jobs", "failing, none is", team=NEVER_FAILED, state="failing")
    yield case("/jobs", "running", state="running", limit="100")
    yield case("/jobs", "after the last", cursor=last_name)
    yield case("/jobs/{job}", key=busiest.id)
    yield case("/jobs/{job}/interval", key=busiest.id)
    yield case("/jobs/{job}/schema", key=busiest.spec.name)
    yield case("/pools")
    yield case("/pools/{pool}", key="etl")
    yield case("/changes", "none is new", after="100000000")
    yield case("/changes", "the last 500", after="9500")
    yield case("/changes", "where it stands", after="-1")
    yield case("/backfills", team=in_big)
    yield case("/backfills", "of a job", team=in_big, job=big.job_id)
    yield case("/backfills/{backfill}", "a big one", team=in_big, key=big.id)
    for days in (1, 5):
        end = history.began + timedelta(days=days)
        asked = {"first": history.began.isoformat(), "last": end.isoformat()}
        body = {"job": busiest.id, **asked}
        yield case("/backfills:plan", f"{1440 * days} intervals", body=body)


def runs(ask: Asker, history: History) -> Iterator[Case]:
    """Runs, whichever filters are combined."""
    first = encode([history.old[history.jobs_of(BUSY)[0].id]])
    case = ask.case
    yield case("/runs")
    yield case("/runs", "the deepest page", cursor=first)
    yield case("/runs", "a page in the middle", cursor=encode([_middle(history)]))
    for state in RunState:
        yield case("/runs", state.value, state=state.value)
    yield case("/runs", "failed, none has", team=NEVER_FAILED, state="failed")
    yield case("/runs", "failed, long ago only", team=FAILED_LONG_AGO, state="failed")
    yield case("/runs", "failed or cancelled, none has", team=NEVER_FAILED, state=_NOT_WELL)
    yield case("/runs", "succeeded, the deepest page", state="succeeded", cursor=first)
    for kind in ("schedule", "backfill", "manual", "rerun", "adhoc"):
        yield case("/runs", f"kind {kind}", kind=kind)
    yield case("/runs", "manual, none is", team=NEVER_FAILED, kind="manual")
    yield case("/runs", "manual and failed", kind="manual", state="failed")
    yield case("/runs", "every name has it", search=" ")
    yield case("/runs", "a rare name", search=RARE)
    yield case("/runs", "a rare name, failed", search=RARE, state="failed")
    yield case("/runs", "a name that nothing has", search="xyzzy")
    yield case("/runs", "a common name, none failed", team=NEVER_FAILED, search=" ", state="failed")
    yield case("/failures")
    always = {"team": FAILS_ALWAYS, "since": _EVER}
    yield case("/failures", "all fail", **always)
    yield case("/failures", "all fail, 100 of them", **always, limit="100")
    yield case("/failures", "all fail, the last page", **always, cursor=encode(["9", "a"]))
    yield case("/failures", "all fail, the last week", team=FAILS_ALWAYS)
    yield case("/failures", "none has failed", team=NEVER_FAILED, since=_EVER)


def runs_of(ask: Asker, history: History) -> Iterator[Case]:
    """Runs of one job or one backfill, and one run."""
    busiest = history.jobs_of(BUSY)[0]
    rare = next(job for job in history.jobs if RARE in job.spec.name)
    calm = history.jobs_of(NEVER_FAILED)[0]
    oldest = history.old[busiest.id]
    big = history.backfills[0]
    case, of_big = ask.case, {"team": history.teams.index(big.team), "backfill": big.id}
    yield case("/runs", "of the busiest job", job=busiest.id)
    yield case(
        "/runs", "of the busiest job, the last page", job=busiest.id, cursor=encode([oldest])
    )
    yield case("/runs", "of the busiest job, failed, none has", job=busiest.id, state="failed")
    yield case("/runs", "of the busiest job, manual, none is", job=busiest.id, kind="manual")
    yield case("/runs", "of a quiet job, failed", team=NEVER_FAILED, job=calm.id, state="failed")
    yield case("/runs", "of a job that ran long ago", job=rare.id)
    yield case("/runs", "of a big backfill", **of_big)
    yield case("/runs", "of a big backfill, queued", **of_big, state="queued")
    yield case("/runs", "of a big backfill, by hand", **of_big, kind="manual")
    yield case("/runs/{run}", key=oldest)
    failed = history.old[history.jobs_of(FAILS_ALWAYS)[0].id]
    yield case("/runs/{run}", "that failed", team=FAILS_ALWAYS, key=failed)
    yield case("/runs/{run}/log", key=oldest)
    yield case("/runs/{run}/live", key=oldest)


_NOT_WELL = ["failed", "cancelled"]
_EVER = "1980-01-01T00:00:00Z"


def _middle(history: History) -> RunId:
    """An id half way through the history."""
    runs = sorted(history.old.values())
    return runs[len(runs) // 2]


def looks(service: Service, store: Store, history: History) -> Iterator[Case]:
    """What the service itself asks again and again, and monitors ask of it."""
    busiest = history.jobs_of(BUSY)[0]
    old = list(history.old.values())
    held = [(run_id, 1) for run_id in old[:100]]

    def intervals(count: int) -> Callable[[], Any]:
        end = history.began + timedelta(minutes=count)
        return lambda: store.interval_states(busiest.id, "t", history.began, end)

    yield Case(name="grid of 1,440 intervals", ask=intervals(1440))
    yield Case(name="grid of 10,000 intervals", ask=intervals(10_000))
    going_on = replace(store.get_run(busiest.team, history.old[busiest.id]), state=RunState.RUNNING)
    yield Case(name="what is usual for the busiest job", ask=lambda: usual_of(store, going_on))
    yield from _tables(store)
    yield Case(name="which of 100 runs go on", ask=lambda: store.active_runs(old[:100]))
    yield Case(name="health", ask=service.system.health)
    yield Case(name="metrics: counts", ask=lambda: store.counts(history.of(BUSY)))
    yield Case(name="metrics: workers", ask=store.workers)
    yield Case(name="next due", ask=store.next_due)
    yield Case(name="sweep of the queue", ask=store.sweep_queue)
    yield Case(name="reap", ask=store.reap)
    yield Case(name="feed of backfills", ask=lambda: _fed(store))
    yield Case(
        name="expired runs",
        ask=lambda: store.expired_runs(ended_before=history.began + timedelta(hours=1), limit=500),
    )
    yield Case(name="unused notebooks", ask=lambda: store.unused_notebooks(["0" * 64]))
    yield Case(
        name="heartbeat of 100 runs",
        ask=lambda: store.heartbeat("w1", held, lease_seconds=60),
    )
    yield Case(name="poll while runs wait", ask=lambda: store.news("w1", [], room=True))
    yield Case(name="poll without room", ask=lambda: store.news("w1", old[:4], room=False))


def _tables(store: Store) -> Iterator[Case]:
    lines, oldest = [name(number) for number in range(50)], encode(["60"])
    yield Case(name="versions of a table", ask=lambda: store.logged_versions(BUSIEST))
    yield Case(
        name="versions of a table, the last page",
        ask=lambda: store.logged_versions(BUSIEST, cursor=oldest),
    )
    yield Case(name="a page of tables", ask=lambda: store.table_lines(lines))
    yield Case(name="heads of all tables", ask=store.table_heads)
    yield Case(
        name="which of 50 tables are crowded",
        ask=lambda: store.crowded_tables(more_than=500, among=lines),
    )
    yield Case(name="removals", ask=store.removals)


def _fed(store: Store) -> None:
    with store.feed_backfill() as feed:
        if feed is not None:
            raise SystemExit("A backfill goes on: none should.")


def claims(store: Store) -> Iterator[Case]:
    """The queue is emptied by these, so they come last."""

    def claim(limit: int) -> Callable[[], Any]:
        return lambda: store.claim_runs("w1", limit=limit, lease_seconds=3600)

    yield Case(name="claim of one of 10,000 queued runs", ask=claim(1))
    yield Case(name="claim of ten of them", ask=claim(10))


def empty_polls(store: Store) -> Iterator[Case]:
    """Nothing in the queue may begin."""
    yield Case(name="poll of an idle worker", ask=lambda: store.news("w2", [], room=True))
    yield Case(name="claim in vain", ask=lambda: store.claim_runs("w2", limit=4, lease_seconds=60))


def drain(store: Store) -> None:
    """Claims all that may begin."""
    while store.claim_runs("w1", limit=200, lease_seconds=3600):
        pass


def measure(case: Case) -> dict[str, Any]:
    """Milliseconds."""
    for _ in range(WARM_UP):
        case.ask()
    taken, busy = [], []
    for _ in range(ROUNDS):
        began, cpu = time.perf_counter(), time.thread_time()
        case.ask()
        taken.append(1000 * (time.perf_counter() - began))
        busy.append(1000 * (time.thread_time() - cpu))
    p95 = statistics.quantiles(taken, n=20)[-1]
    return {
        "what": case.name,
        "p50_ms": round(statistics.median(taken), 2),
        "p95_ms": round(p95, 2),
        "cpu_ms": round(statistics.median(busy), 2),
        "missed": p95 > BAR,
    }


def run_all(kind: str, store: SqlStore, history: History, folder: Path) -> Iterator[dict[str, Any]]:
    """Every case on one database."""
    noting = Noting(store)
    artifacts = FolderArtifacts(folder / "artifacts")
    seen = cast("Store", noting)
    elsewhere = Elsewhere()
    service = Service(
        seen,
        artifacts,
        cast("Warehouse", NoWarehouse()),
        elsewhere,
        elsewhere,
        chores=elsewhere,
        notebooks=Notebooks(artifacts, [folder]),
        clock=SystemClock(),
        courier=cast("Courier", None),
        drain_seconds=0,
    )
    ask = Asker(service, history)
    for cases in (
        jobs_and_more(ask, history),
        runs(ask, history),
        runs_of(ask, history),
        looks(service, seen, history),
        claims(seen),
    ):
        for case in cases:
            yield {"database": kind, "load": load(), **measure(case)}
    drain(seen)
    for case in empty_polls(seen):
        yield {"database": kind, "load": load(), **measure(case)}
    methods = {name for name in dir(Store) if not name.startswith("_")}
    forgotten = ask.forgotten() | (methods - noting.called - WRITES)
    if forgotten:
        raise SystemExit(f"No case asks for: {', '.join(sorted(forgotten))}")


def main() -> None:
    """Fills, measures, prints."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--runs", type=int, default=1_000_000)
    parser.add_argument("--jobs", type=int, default=10_000)
    parser.add_argument("--teams", type=int, default=200)
    parser.add_argument("--databases", nargs="+", default=["postgresql", "sqlite"], metavar="KIND")
    given = parser.parse_args()
    results = []
    with TemporaryDirectory(prefix="orch-history-") as name, new_databases(given.databases) as urls:
        folder = Path(name)
        content = SAMPLE.read_bytes()
        sha256 = FolderArtifacts(folder / "artifacts").put_notebook(content)
        paths = [folder / f"report_{number}.ipynb" for number in range(NOTEBOOKS)]
        for path in paths:
            path.write_bytes(content)
        for kind, url in urls.items():
            store = SqlStore(url)
            history = fill(
                store,
                runs=given.runs,
                jobs=given.jobs,
                teams=given.teams,
                notebooks=[str(path) for path in paths],
                sha256=sha256,
            )
            fill_lake(store, history.began)
            results += run_all(kind, store, history, folder)
            store.close()
    report("history", results)


if __name__ == "__main__":
    main()

"""However long the history, a question reads a few rows of it, as the databases plan it."""

import re
from collections.abc import Callable, Iterator, Mapping
from contextlib import closing, contextmanager
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
import sqlalchemy as sa
from store_kit import NOW, add_backfill, add_job, every, run_of, spec_of

from jupyter_orch.domain.ids import DEFAULT_TEAM, JobId, RunId
from jupyter_orch.domain.model import Backfill, Job
from jupyter_orch.domain.states import RunState
from jupyter_orch.ports import Store
from jupyter_orch.store.pages import encode
from jupyter_orch.store.rows import run_row
from jupyter_orch.store.sql import SqlStore
from jupyter_orch.store.tables import run

RUNS = 3000
#: Rows of `run` that one statement may read: many pages, and a small part of the history.
MOST = RUNS // 5
#: What counts all runs of the backfills that it shows.
COUNTING = frozenset({"get_backfill", "list_backfills"})
#: Methods that change something, and what belongs to them.
WRITING = frozenset(
    {"add_job", "update_job", "set_paused", "delete_job", "add_run", "request_cancel", "set_pinned"}
    | {"set_pool", "delete_pool", "add_backfill", "cancel_backfill", "claim_notices", "now"}
    | {"notices_sent", "notices_failed", "claim_publications", "open_adhoc", "progress", "close"}
    | {"record_query", "begin_publishing", "finish", "wake_up", "beat"}
    | {"attempt_swept", "feed_backfill", "queue_hints"}
    | {"note_history", "forget_tables", "note_removal", "forget_removal"}
)
#: Small whatever the history: only what goes on, or is to be done, is in them.
SMALL = re.compile(r"ix_run_(queue|claim|turn|active|lease|pool|queue_until|late)\b")


@pytest.fixture(params=["sqlite", "postgresql"])
def store(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[SqlStore]:
    """An empty store that plans."""
    url = f"sqlite:///{tmp_path / 'state.db'}"
    if request.param == "postgresql":
        url = request.getfixturevalue("postgresql_url")
    with closing(SqlStore(url)) as opened:
        yield opened


@pytest.fixture
def history(store: SqlStore) -> tuple[Job, Backfill]:
    """A job, half of whose many runs are of one backfill; all of them succeeded, none by hand."""
    made = add_job(store, spec_of("daily report", every(60)))
    backfill = add_backfill(store, made)
    other = add_job(store, spec_of("other", every(60)))
    store.add_run(run_of(other, kind="schedule"))
    first = run_of(made, kind="schedule", trigger_id="t", state=RunState.SUCCEEDED, ended_at=NOW)
    template = run_row(first)
    rows = []
    for number in range(RUNS):
        at = template["logical_time"] + number * 60_000_000
        given = {"id": f"{number:026}", "run_key": f"schedule:t:{number}", "logical_time": at}
        in_backfill = backfill.id if number % 2 else None
        kind = "backfill" if number % 2 else "schedule"
        rows.append({**template, **given, "kind": kind, "backfill_id": in_backfill})
    with store._database.writing() as connection:
        connection.execute(sa.insert(run), rows)
    with store._database.engine.connect() as connection:
        connection.execution_options(isolation_level="AUTOCOMMIT")
        if not store._database.sqlite:  # as the server does by itself within a minute
            connection.exec_driver_sql("VACUUM ANALYZE run")
    return made, backfill


def questions(store: SqlStore, job: Job, backfill: Backfill) -> dict[str, Callable[[], Any]]:
    """Each method that reads, with the arguments that are worst for it."""
    team, deep = DEFAULT_TEAM, encode([f"{60:026}"])
    some = RunId(f"{RUNS // 2:026}")

    def runs(**filters: Any) -> Callable[[], Any]:
        return lambda: store.list_runs(team, **filters)

    def until(minutes: int) -> datetime:
        return NOW + timedelta(minutes=minutes)

    return {
        "list_runs": runs(),
        "list_runs: the last page": runs(cursor=deep),
        "list_runs: none failed": runs(states=[RunState.FAILED, RunState.CANCELLED]),
        "list_runs: succeeded, the last page": runs(states=[RunState.SUCCEEDED], cursor=deep),
        "list_runs: none by hand": runs(kind="manual"),
        "list_runs: no such name": runs(search="xyzzy"),
        "list_runs: a common name, none failed": runs(search="REP", states=[RunState.FAILED]),
        "list_runs: of a job": runs(job_id=job.id),
        "list_runs: of a job, none failed": runs(job_id=job.id, states=[RunState.FAILED]),
        "list_runs: of a job, none by hand": runs(job_id=job.id, kind="manual"),
        "list_runs: of no job": runs(job_id=JobId("0" * 26)),
        "list_runs: of a backfill": runs(backfill_id=backfill.id),
        "list_runs: of a backfill, none queued": runs(
            backfill_id=backfill.id, states=[RunState.QUEUED]
        ),
        "get_backfill": lambda: store.get_backfill(team, backfill.id),
        "get_run": lambda: store.get_run(team, some),
        "attempts": lambda: store.attempts(some),
        "published": lambda: store.published(some),
        "queries": lambda: store.queries(some),
        "counts": lambda: store.counts(team),
        "sweep_queue": store.sweep_queue,
        "interval_states": lambda: store.interval_states(job.id, "t", until(9), until(99)),
        "get_job": lambda: store.get_job(team, job.spec.name),
        "get_summary": lambda: store.get_summary(job.id),
        "list_jobs": lambda: store.list_jobs(team),
        "list_jobs: failing": lambda: store.list_jobs(team, state="failing"),
        "list_jobs: running": lambda: store.list_jobs(team, state="running"),
        "failing": lambda: store.failing(team),
        "pools": lambda: store.pools(team),
        "list_backfills": lambda: store.list_backfills(team),
        "expired_runs": lambda: store.expired_runs(ended_before=NOW, limit=50),
        "delete_runs": lambda: store.delete_runs([some]),
        "delete_backfills": lambda: store.delete_backfills(ended_before=NOW, limit=5),
        "delete_versions": lambda: store.delete_versions(superseded_before=NOW, limit=5),
        "unused_notebooks": lambda: store.unused_notebooks(["00" * 32, "11" * 32]),
        "lost_attempts": lambda: store.lost_attempts(limit=5),
        "active_runs": lambda: store.active_runs([some]),
        "durations": lambda: store.durations(job.id, limit=20),
        "failures": lambda: store.failures(team, since=NOW),
        "failure_history": lambda: store.failure_history(team, some),
        "table_heads": store.table_heads,
        "table_lines": lambda: store.table_lines(["a.b"]),
        "logged_versions": lambda: store.logged_versions("a.b"),
        "crowded_tables": lambda: store.crowded_tables(more_than=5),
        "removals": store.removals,
        "news": lambda: store.news("w", [some], room=True),
        "claim_runs": lambda: store.claim_runs("w", limit=5, lease_seconds=9),
        "heartbeat": lambda: store.heartbeat("w", [(some, 1)], lease_seconds=9),
        "reap": store.reap,
        "workers": store.workers,
        "next_due": store.next_due,
        "changes": lambda: store.changes(after=0),
        "last_change": store.last_change,
    }


@contextmanager
def noted(store: SqlStore) -> Iterator[list[tuple[str, Any]]]:
    """The statements of the block, with their parameters."""
    found: list[tuple[str, Any]] = []

    def note(_connection, _cursor, statement, parameters, _context, many) -> None:
        if not many and re.match("SELECT|WITH|UPDATE|DELETE", statement):
            found.append((statement, parameters))

    engine = store._database.engine
    sa.event.listen(engine, "before_cursor_execute", note)
    try:
        yield found
    finally:
        sa.event.remove(engine, "before_cursor_execute", note)


def too_much(store: SqlStore, statement: str, parameters: Any) -> str:
    """What of a statement's plan reads too much of the history; nothing when all is well."""
    with store._database.engine.connect() as connection:
        try:
            if store._database.sqlite:
                plan = connection.exec_driver_sql(f"EXPLAIN QUERY PLAN {statement}", parameters)
                return _scans(statement, [row.detail for row in plan])
            # A table as small as this one PostgreSQL would rather read as a whole.
            for way in ("seqscan", "hashjoin", "mergejoin"):
                connection.exec_driver_sql(f"SET LOCAL enable_{way} = off")
            explain = f"EXPLAIN (ANALYZE, TIMING OFF, FORMAT JSON) {statement}"
            plan = connection.exec_driver_sql(explain, parameters).scalar_one()
            read = sum(_read(node) for node in _nodes(plan[0]["Plan"]))
            return f"{read} rows of run by {statement}" if read > MOST else ""
        finally:
            connection.rollback()


def _scans(statement: str, plan: list[str]) -> str:
    names = {"run", *re.findall(r"\brun AS (\w+)", statement)}
    scanned = (re.match(r"SCAN (\w+)", line) for line in plan if not SMALL.search(line))
    return " ".join(found[0] for found in scanned if found and found[1] in names)


def _nodes(node: Mapping[str, Any]) -> Iterator[Mapping[str, Any]]:
    yield node
    for child in node.get("Plans", ()):
        yield from _nodes(child)


def _read(node: Mapping[str, Any]) -> int:
    if node.get("Relation Name") != "run":
        return 0
    return _met(node)


def test_no_question_reads_a_large_part_of_the_history(
    store: SqlStore, history: tuple[Job, Backfill]
) -> None:
    """Neither a page that is full nor one that finds nothing; nor does a claim or a heartbeat."""
    asked = questions(store, *history)
    bad = {}
    for name, ask in asked.items():
        with noted(store) as statements:
            ask()
        found = [too_much(store, *each) for each in statements]
        if any(found) and name not in COUNTING:
            bad[name] = "; ".join(filter(None, found))
    assert not bad, "\n\n".join(f"{name}: {why}" for name, why in bad.items())
    methods = {name for name in dir(Store) if not name.startswith("_")}
    assert methods - {name.split(":")[0] for name in asked} == WRITING


@pytest.mark.usefixtures("history")
def test_a_statement_that_reads_the_history_is_told(store: SqlStore) -> None:
    """The test above can fail."""
    with noted(store) as statements, store._database.reading() as connection:
        connection.execute(sa.select(run.c.id).where(run.c.created_by == "nobody")).all()
        connection.execute(
            sa.select(run.c.id).where(run.c.notebook.like("%x%")).order_by(run.c.id).limit(5)
        ).all()
    assert all(too_much(store, *each) for each in statements)
    assert len(statements) == 2


@pytest.mark.parametrize("store", ["postgresql"], indirect=True)  # the one that counts such rows
def test_a_look_through_a_long_queue_meets_each_run_once(store: SqlStore) -> None:
    """However many jobs have a run under way, for whose end all the others of the job wait."""
    jobs = [add_job(store, spec_of()) for _ in range(60)]
    template = run_row(run_of(jobs[0], kind="schedule", trigger_id="t"))
    rows = [
        {**template, "id": f"{n:026}", "run_key": f"schedule:t:{n}", "job_id": jobs[n % 60].id}
        for n in range(RUNS)
    ]
    with store._database.writing() as connection:
        connection.execute(sa.insert(run), rows)
    held = store.claim_runs("w", limit=1000, lease_seconds=600)
    assert len(held) == len(jobs)
    with noted(store) as statements:
        assert not store.news("w2", [], room=True).claimable
    with store._database.engine.connect() as connection:
        met = 0
        for statement, parameters in statements:
            explain = f"EXPLAIN (ANALYZE, TIMING OFF, FORMAT JSON) {statement}"
            plan = connection.exec_driver_sql(explain, parameters).scalar_one()
            met += sum(_met(node) for node in _nodes(plan[0]["Plan"]))
        connection.rollback()
    assert RUNS / 2 < met < 3 * RUNS


def _met(node: Mapping[str, Any]) -> int:
    dropped = sum(value for name, value in node.items() if name.startswith("Rows Removed"))
    return int((node["Actual Rows"] + dropped) * node["Actual Loops"])

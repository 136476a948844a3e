"""Fills a database with a long history, in bulk."""

import itertools
import json
import random
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any

import sqlalchemy as sa
from kit import add_jobs

from jupyter_orch.domain.ids import ALPHABET, BackfillId, JobId, RunId, TeamId, new_id
from jupyter_orch.domain.model import Backfill, Job, JobSpec, Policies, Run, Trigger
from jupyter_orch.domain.states import RunState
from jupyter_orch.store.backfill_rows import backfill_row
from jupyter_orch.store.failure_counts import count_failures
from jupyter_orch.store.rows import micros, run_row
from jupyter_orch.store.sql import SqlStore
from jupyter_orch.store.tables import (
    attempt,
    backfill,
    change,
    job,
    notice,
    pool,
    query,
    run,
    worker,
)

DAYS = 90  # that the history spans
TRIGGER = Trigger(id="t", kind="interval", every_seconds=60)
WORDS = ("report", "sales", "delays", "churn", "stock", "forecast", "audit", "weather")
#: Teams, by number, with a history of a kind of their own.
BUSY, NEVER_FAILED, FAILED_LONG_AGO, FAILS_ALWAYS = range(4)
#: One run in so many is of the busiest job; is of a backfill; is by hand; failed.
BUSIEST, BACKFILLED, BY_HAND, FAILED = 10, 50, 100, 50
WAYS = 4000  # to fail
RARE = "zebra"  # in the name of one job of the busy team that ran long ago only
QUEUED, HELD, WORKERS, BACKFILLS = 10_000, 100, 100, 2000
CHUNK = 10_000  # rows that are written at a time


@dataclass(frozen=True, kw_only=True)
class History:
    """What there is to ask for."""

    teams: Sequence[TeamId]
    jobs: Sequence[Job]
    backfills: Sequence[Backfill]
    began: datetime
    #: An old run of each job that has one.
    old: Mapping[JobId, RunId]
    #: The notebook of every run.
    sha256: str

    def of(self, team: int) -> TeamId:
        """The team with that number."""
        return self.teams[team]

    def jobs_of(self, team: int) -> list[Job]:
        """Jobs of the team with that number."""
        return [each for each in self.jobs if each.team == self.teams[team]]


def fill(
    store: SqlStore, *, runs: int, jobs: int, teams: int, notebooks: Sequence[str], sha256: str
) -> History:
    """Stores all of it; the same rows each time, ids apart."""
    chance = random.Random(1)  # noqa: S311 - a benchmark
    began = datetime.now(UTC).replace(second=0, microsecond=0) - timedelta(days=DAYS)
    names = [TeamId(f"team{number:03}") for number in range(teams)]
    made = [_job(number, names, notebooks, began) for number in range(jobs)]
    add_jobs(store, made, due=datetime.now(UTC) + timedelta(days=1))
    backfills = [_backfill(made[(number * 7) % jobs], began) for number in range(BACKFILLS)]
    rows = _Rows(
        jobs=made,
        backfills=backfills,
        began=began,
        step=timedelta(days=DAYS) / runs,
        sha256=sha256,
        chance=chance,
    )
    with store._database.writing() as connection:  # noqa: SLF001
        connection.execute(sa.insert(backfill), [backfill_row(each) for each in backfills])
    for numbers in _chunks(range(runs)):
        ended = list(rows.ended(numbers))
        _write(store, ended)
        failed = [each["id"] for each in ended if each["state"] == RunState.FAILED]
        with store._database.writing() as connection:  # noqa: SLF001
            count_failures(connection, failed)
    _write(store, list(rows.going_on(HELD, QUEUED)))
    _finish(store, names, rows)
    return History(
        teams=names, jobs=made, backfills=backfills, began=began, old=rows.old, sha256=sha256
    )


def _job(number: int, teams: Sequence[TeamId], notebooks: Sequence[str], at: datetime) -> Job:
    word = RARE if number == 2 * len(teams) + BUSY else WORDS[number % len(WORDS)]
    return Job(
        id=JobId(new_id()),
        team=teams[number % len(teams)],
        version=1,
        spec=JobSpec(
            name=f"{word} {number}",
            notebook=notebooks[number % len(notebooks)],
            parameters={"origin": "JFK"},
            triggers=(TRIGGER,),
        ),
        created_by="ann",
        created_at=at,
        updated_at=at,
    )


def _backfill(owner: Job, began: datetime) -> Backfill:
    return Backfill(
        id=BackfillId(new_id()),
        team=owner.team,
        job_id=owner.id,
        job_name=owner.spec.name,
        job_version=1,
        trigger=TRIGGER,
        first=began,
        last=began + timedelta(days=1),
        state="succeeded",
        planned=10,
        created_by="ann",
        created_at=began,
        ended_at=began,
    )


class _Rows:
    """Rows of `run` and what belongs to them."""

    def __init__(
        self,
        *,
        jobs: Sequence[Job],
        backfills: Sequence[Backfill],
        began: datetime,
        step: timedelta,
        sha256: str,
        chance: random.Random,
    ) -> None:
        self._jobs, self._backfills = jobs, backfills
        self._by_id = {each.id: each for each in jobs}
        self._began, self._step, self._chance = began, step, chance
        self._teams = len({each.team for each in jobs})
        run_of = _run_of(sha256)
        self._templates = {each.id: _stored(run_row(run_of(each))) for each in jobs}
        self._minutes = itertools.count()
        self.old: dict[JobId, RunId] = {}
        #: The last end of each job: run and state.
        self.last: dict[JobId, tuple[str, str]] = {}

    def ended(self, numbers: Iterable[int]) -> Iterator[dict[str, Any]]:
        """Runs that ended, by when they did."""
        for number in numbers:
            at = self._began + number * self._step
            owner, values = self._owner(number)
            state = self._state(owner, number)
            row = self._row(owner, at, number, state=state, **values)
            stamp = row["logical_time"]
            row |= {"attempt": 1, "started_at": stamp, "ended_at": stamp + 60_000_000}
            if state == RunState.FAILED:
                alike = f"{number * 7 % WAYS:016x}"
                row |= {"reason": "user_error", "error": _ERROR, "fingerprint": alike}
            self.old.setdefault(owner.id, row["id"])
            self.last[owner.id] = (row["id"], state)
            yield row

    def going_on(self, held: int, queued: int) -> Iterator[dict[str, Any]]:
        """Runs that are held, and others that wait for a worker."""
        now = datetime.now(UTC)
        for number in range(held + queued):
            owner = self._jobs[(number * 13 + 1) % len(self._jobs)]
            row = self._row(owner, now, number, state=RunState.QUEUED, kind="schedule")
            row["run_key"] = f"schedule:t:new:{number}"
            if number < held:
                until = micros(now + timedelta(hours=1))
                given = {"owner": f"w{number % WORKERS}", "lease_until": until, "attempt": 1}
                row |= {"state": RunState.RUNNING.value, "started_at": micros(now), **given}
            yield row

    def _owner(self, number: int) -> tuple[Job, dict[str, Any]]:
        jobs = self._jobs
        if number % BUSIEST == 0:
            minute = self._began + timedelta(minutes=next(self._minutes))
            return jobs[BUSY], {"kind": "schedule", "logical_time": micros(minute)}
        if number % BACKFILLED == 1:
            which = self._chance.choice((0, number // BACKFILLED % len(self._backfills)))
            belongs = self._backfills[which]
            return self._by_id[belongs.job_id], {"kind": "backfill", "backfill_id": belongs.id}
        owner = jobs[(number * 7919) % len(jobs)]
        if RARE in owner.spec.name and self.old.get(owner.id) and number > len(jobs):
            owner = jobs[BUSY]
        by_hand = number % BY_HAND == BY_HAND - 1 and self._team(owner) != NEVER_FAILED
        return owner, {"kind": "manual", "trigger_id": None} if by_hand else {"kind": "schedule"}

    def _state(self, owner: Job, number: int) -> str:
        team = self._team(owner)
        if team == FAILS_ALWAYS:
            return RunState.FAILED.value
        may_fail = team not in {NEVER_FAILED, FAILED_LONG_AGO} or (
            team == FAILED_LONG_AGO and number < len(self._jobs)
        )
        if may_fail and owner is not self._jobs[BUSY] and self._chance.randrange(FAILED) == 0:
            return RunState.FAILED.value
        return RunState.SUCCEEDED.value

    def _team(self, owner: Job) -> int:
        return int(owner.team.removeprefix("team"))

    def _row(self, owner: Job, at: datetime, number: int, **values: Any) -> dict[str, Any]:
        stamp = micros(at)
        return {
            **self._templates[owner.id],
            "id": _id_at(at, number),
            "run_key": f"schedule:t:{number}",
            "logical_time": stamp,
            "not_before": stamp,
            "created_at": stamp,
            **values,
        }


_ERROR = json.dumps({"name": "ValueError", "message": "no rows " * 20, "traceback": "x" * 500})


def _run_of(sha256: str) -> Any:
    def run_of(owner: Job) -> Run:
        return Run(
            id=RunId(""),
            team=owner.team,
            job_id=owner.id,
            job_name=owner.spec.name,
            job_version=1,
            run_key="",
            kind="schedule",
            trigger_id=TRIGGER.id,
            state=RunState.QUEUED,
            logical_time=owner.created_at,
            not_before=owner.created_at,
            parameters=owner.spec.parameters,
            notebook=owner.spec.notebook,
            notebook_sha256=sha256,
            policies=Policies(),
            created_by="ann",
            created_at=owner.created_at,
        )

    return run_of


def _stored(row: dict[str, Any]) -> dict[str, Any]:
    """The row as a driver takes it, with every column."""
    texts = {name: json.dumps(row[name]) for name in ("parameters", "policies")}
    rest = {"owner": None, "lease_until": None, "queue_until": None, "late_at": None}
    return {**rest, **row, **texts}


def _id_at(at: datetime, number: int) -> RunId:
    """An id that sorts as its time does."""
    milliseconds = micros(at) // 1000
    time = "".join(ALPHABET[milliseconds >> shift & 31] for shift in range(45, -1, -5))
    return RunId(f"{time}{number:016}")


def _write(store: SqlStore, rows: Sequence[dict[str, Any]]) -> None:
    """Runs, an attempt of each that was begun, and a query of one in four."""
    begun = [row for row in rows if row["attempt"]]
    _copy(store, run, rows)
    _copy(
        store,
        attempt,
        [
            {
                "run_id": row["id"],
                "number": 1,
                "worker": "w1",
                "started_at": row["started_at"],
                "ended_at": row.get("ended_at"),
                "state": row["state"] if row.get("ended_at") else None,
            }
            for row in begun
        ],
    )
    _copy(
        store,
        query,
        [
            {"run_id": row["id"], "attempt": 1, "query_id": row["id"], "recorded_at": 0}
            for row in begun[::4]
        ],
    )


def _copy(store: SqlStore, table: sa.Table, rows: Sequence[Mapping[str, Any]]) -> None:
    names = list(rows[0])
    values = ([row[name] for name in names] for row in rows)
    connection = store._database.engine.raw_connection()  # noqa: SLF001
    try:
        cursor = connection.cursor()
        listed = ", ".join(names)
        if store._database.sqlite:  # noqa: SLF001
            marks = ", ".join("?" * len(names))
            cursor.execute("BEGIN IMMEDIATE")
            cursor.executemany(f"INSERT INTO {table.name} ({listed}) VALUES ({marks})", values)  # noqa: S608
        else:
            with cursor.copy(f"COPY {table.name} ({listed}) FROM STDIN") as copy:
                for each in values:
                    copy.write_row(each)
        connection.commit()
    finally:
        connection.close()


def _finish(store: SqlStore, teams: Sequence[TeamId], rows: _Rows) -> None:
    """Where each job stands, pools, workers, changes, notices."""
    now = micros(datetime.now(UTC))
    last = [{"of": job_id, "r": found[0], "s": found[1]} for job_id, found in rows.last.items()]
    ended = (
        sa.update(job)
        .where(job.c.id == sa.bindparam("of"))
        .values(last_run_id=sa.bindparam("r"), last_state=sa.bindparam("s"))
    )
    pools = [
        {"team_id": team, "name": name, "slots": 100} for team in teams for name in ("etl", "gpu")
    ]
    workers = [
        {"name": f"w{n}", "host": "h", "pid": n, "slots": 4, "busy": 1, "last_seen": now}
        for n in range(WORKERS)
    ]
    notices = [
        {
            "team_id": team,
            "kind": "failed",
            "job_name": "report",
            "run_id": new_id(),
            "target": "email:ann@example.com",
            "facts": {},
            "created_at": now,
            "not_before": now,
            "tries": 0,
        }
        for team in teams
        for _ in range(10)
    ]
    with store._database.writing() as connection:  # noqa: SLF001
        connection.execute(ended, last)
        connection.execute(sa.insert(pool), pools)
        connection.execute(sa.insert(worker), workers)
        connection.execute(sa.insert(notice), notices)
        connection.execute(sa.insert(change), [{"kind": "run", "key": new_id()}] * 10_000)
    if not store._database.sqlite:  # noqa: SLF001
        # As the server does by itself within minutes.
        with store._database.engine.connect() as connection:  # noqa: SLF001
            connection.execution_options(isolation_level="AUTOCOMMIT")
            connection.exec_driver_sql("SET statement_timeout = 0")
            connection.exec_driver_sql("VACUUM ANALYZE")


def _chunks(numbers: range) -> Iterator[range]:
    for start in range(0, len(numbers), CHUNK):
        yield numbers[start : start + CHUNK]

"""The product's own parts put together as a service does it, under the simulated clock."""

import random
from collections.abc import Iterator, Sequence
from dataclasses import replace
from datetime import UTC, datetime
from itertools import islice
from pathlib import Path
from typing import Any

import sqlalchemy as sa
from apscheduler.schedulers.base import BaseScheduler

from jupyter_orch.artifacts.folder import FolderArtifacts
from jupyter_orch.domain.ids import DEFAULT_TEAM, BackfillId, JobId, new_id
from jupyter_orch.domain.model import Backfill, Job
from jupyter_orch.domain.schedule import next_fire, timetable
from jupyter_orch.domain.states import RunState
from jupyter_orch.notify.notifier import Notifier
from jupyter_orch.scheduler.backfill import Feeder
from jupyter_orch.scheduler.chores import Chore
from jupyter_orch.scheduler.claiming import ClaimingJobStore, EnqueueExecutor
from jupyter_orch.service.notebooks import Notebooks
from jupyter_orch.service.retention import Retention
from jupyter_orch.store.rows import micros, to_json
from jupyter_orch.store.sql import SqlStore
from jupyter_orch.store.tables import in_state, job, job_version, run, trigger
from motion.courier import CountingCourier
from motion.fleet import POOLS, Workflow
from motion.worker import NoOpWorker, Tally
from motion.world import SECOND, World

WORKERS, SLOTS = 2, 120
#: Simulated seconds from one chore to the next are so many times those of the product: a look that
#: finds nothing costs the same however fast the clock runs.
RARER = 10
BACKFILL_INTERVALS = 12
NOTEBOOK = b'{"cells": [], "metadata": {}, "nbformat": 4, "nbformat_minor": 5}'


class _Timer(BaseScheduler):  # type: ignore[misc]
    """APScheduler's loop, one turn at a time."""

    def wakeup(self) -> None:
        """Nobody sleeps."""

    def shutdown(self, wait: bool = True) -> None:
        """Nothing to end."""

    def turn(self) -> None:
        """What its thread does at each wake-up."""
        self._process_jobs()


class Installation:
    """Store, timer, chores and workers; `stop` and `begin` are a service that dies and returns."""

    def __init__(self, world: World, url: str, folder: Path, *, seed: int, days: float) -> None:
        self.world = world
        self.store = SqlStore(url, clock=lambda: world.micros)
        if not self.store._database.sqlite:  # noqa: SLF001 - its clock is the server's
            self.store._database.now = lambda _: world.micros  # type: ignore[method-assign]  # noqa: SLF001
        self.notebook = folder / "report.ipynb"
        self.notebook.write_bytes(NOTEBOOK)
        artifacts = FolderArtifacts(folder / "artifacts")
        self.sha256 = artifacts.put_notebook(NOTEBOOK)
        notebooks = Notebooks(artifacts, [folder])
        self.courier = CountingCourier(seed)
        self.tally = Tally()
        self.jobs: list[Job] = []
        self.backfills: dict[BackfillId, int] = {}
        self._seed = seed
        self._chance = random.Random(f"{seed}|life")  # noqa: S311 - chance, not secrecy
        self._workers: list[NoOpWorker] = []
        self._names = 0
        self._up = False
        self._firing = True
        self._timer_at: int | None = None
        self._fired = False
        claiming = ClaimingJobStore(self.store, lambda: None, self._note_fired)
        self._timer = _Timer(timezone=UTC)
        self._timer.add_jobstore(claiming, "default")
        self._timer.add_executor(EnqueueExecutor(claiming, notebooks.freeze), "default")
        self._timer.start()
        retention = Retention(
            self.store, artifacts, days=days, batch=500, monotonic=world.monotonic
        )
        notifier = Notifier(self.store, self.courier, world)
        feeder = Feeder(self.store, notebooks.freeze)
        for chore in (
            Chore(name="reap", every_seconds=2, do=self._reap),
            Chore(name="sweep", every_seconds=1, do=self.store.sweep_queue),
            Chore(name="backfill", every_seconds=1, do=lambda: self._feed(feeder)),
            Chore(name="notify", every_seconds=2, do=notifier.do),
            Chore(name="retention", every_seconds=5, do=retention.do),
        ):
            world.every(RARER * chore.every_seconds, lambda chore=chore: self._up and chore.do())

    # ---------------------------------------------------------------- what people do

    def add_fleet(self, workflows: Sequence[Workflow]) -> None:
        """Stores pools and jobs, with the first due instant of each trigger."""
        for name, slots in POOLS.items():
            self.store.set_pool(DEFAULT_TEAM, name, slots=slots)
        now = self.world.now()
        self.jobs = [self._job(each, now) for each in workflows]
        # By the thousand: job by job it would take longer than the first simulated hour.
        with self.store._database.writing() as connection:  # noqa: SLF001
            for table, rows in (
                (job, map(_job_row, self.jobs)),
                (job_version, map(_version_row, self.jobs)),
                (trigger, (row for each in self.jobs for row in _trigger_rows(each, now))),
            ):
                connection.execute(sa.insert(table), list(rows))

    def _job(self, workflow: Workflow, now: datetime) -> Job:
        return Job(
            id=JobId(new_id()),
            team=DEFAULT_TEAM,
            version=1,
            spec=workflow.spec,
            notebook_sha256=self.sha256 if workflow.pinned else None,
            created_by="ada",
            created_at=now,
            updated_at=now,
        )

    def edit_some_job(self) -> None:
        """Somebody saves a job with other parameters and the same schedule."""
        place = self._chance.randrange(len(self.jobs))
        old = self.jobs[place]
        spec = replace(old.spec, parameters={**old.spec.parameters, "edit": old.version})
        self.jobs[place] = self.store.update_job(
            old.id,
            expected_version=old.version,
            spec=spec,
            notebook_sha256=old.notebook_sha256,
            next_due={},
            user="ada",
        )

    def backfill_some_job(self) -> None:
        """Somebody runs past intervals of a job again."""
        owner = self._chance.choice(self.jobs)
        wanted = owner.spec.triggers[0]
        now = self.world.now()
        due = timetable(wanted, anchor=now).before(now)
        past = list(islice(due, BACKFILL_INTERVALS))
        if not past:  # a calendar whose first instant is still to come
            return
        backfill = Backfill(
            id=BackfillId(new_id()),
            team=DEFAULT_TEAM,
            job_id=owner.id,
            job_name=owner.spec.name,
            job_version=owner.version,
            trigger=wanted,
            first=past[-1],
            last=past[0],
            only="all",
            concurrency=3,
            planned=len(past),
            created_by="ada",
            created_at=now,
        )
        self.store.add_backfill(backfill)
        self.backfills[backfill.id] = len(past)

    # ---------------------------------------------------------------- the service's life

    def begin(self) -> None:
        """The service starts."""
        self._up = True
        for _ in range(WORKERS):
            self._hire()
        self._wake_timer(self.world.micros)

    def stop(self) -> None:
        """The service dies, and its workers with it."""
        self._up = False
        self._timer_at = None
        for worker in self._workers:
            worker.kill()
        self._workers.clear()

    def fire_no_more(self) -> None:
        """What is due from now on stays due."""
        self._firing = False

    def lose_worker(self) -> None:
        """One of them dies, and another one takes its place."""
        if self._up:
            self._workers.pop(0).kill()
            self._hire()

    def _hire(self) -> None:
        self._names += 1
        name = f"worker-{self._names}"
        worker = NoOpWorker(
            self.world, self.store, name, seed=self._seed, slots=SLOTS, tally=self.tally
        )
        self._workers.append(worker)
        worker.wake()

    def _wake_timer(self, at: int) -> None:
        self._timer_at = max(at, self.world.micros)
        self.world.at(self._timer_at, self._tick)

    def _tick(self) -> None:
        if not self._up or not self._firing or self._timer_at != self.world.micros:
            return
        self._fired = False
        self._timer.turn()
        if self._fired:
            self._wake_workers()
        following = self.store.next_due()
        if following is not None:
            self._wake_timer(int(following.timestamp() * SECOND))

    def _note_fired(self) -> None:
        self._fired = True

    def _wake_workers(self) -> None:
        for worker in self._workers:
            worker.wake()
        for later in self._waiting():
            self._workers[0].wake(later)

    def _waiting(self) -> list[int]:
        """When those of the queued runs that may not begin yet may."""
        waiting = sa.select(run.c.not_before).where(
            in_state(run, RunState.QUEUED), run.c.not_before > self.world.micros
        )
        with self.store._database.reading() as connection:  # noqa: SLF001 - no port asks this
            return list(connection.execute(waiting.distinct()).scalars())

    def _reap(self) -> None:
        if self.store.reap():
            self._wake_workers()

    def _feed(self, feeder: Feeder) -> None:
        before = self.store.last_change()
        feeder.feed()
        if self.store.last_change() != before:
            self._wake_workers()


def _job_row(each: Job) -> dict[str, Any]:
    return {
        "id": each.id,
        "team_id": each.team,
        "name": each.spec.name,
        "name_key": each.spec.name.casefold(),
        "notebook": each.spec.notebook,
        "version": each.version,
        "paused": False,
        "created_by": each.created_by,
        "created_at": micros(each.created_at),
        "updated_at": micros(each.updated_at),
    }


def _version_row(each: Job) -> dict[str, Any]:
    return {
        "job_id": each.id,
        "version": each.version,
        "team_id": each.team,
        "spec": to_json(each.spec),
        "notebook_sha256": each.notebook_sha256,
        "created_by": each.created_by,
        "created_at": micros(each.created_at),
    }


def _trigger_rows(each: Job, now: datetime) -> Iterator[dict[str, Any]]:
    for spec in each.spec.triggers:
        due = next_fire(spec, now)
        yield {
            "job_id": each.id,
            "id": spec.id,
            "team_id": each.team,
            "next_due": due and micros(due),
        }

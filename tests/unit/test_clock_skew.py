"""A host whose clock is not the database's: the database's counts, and people are told."""

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta

import pytest
from store_kit import add_job, every, spec_of

from jupyter_orch import wiring
from jupyter_orch.domain.model import JobSpec, Trigger
from jupyter_orch.scheduler.claiming import ClaimingJobStore
from jupyter_orch.service import Service
from jupyter_orch.settings import load
from jupyter_orch.store.engine import wall_clock
from jupyter_orch.store.memory import MemoryStore

SOON = timedelta(seconds=0.5)


@pytest.fixture(params=[-120, 120])
def store(request: pytest.FixtureRequest) -> Iterator[MemoryStore]:
    """A database whose clock is two minutes before or after this host's."""
    made = MemoryStore(clock=lambda: wall_clock() + request.param * 1_000_000)
    yield made
    made.close()


@pytest.fixture
def service(store: MemoryStore, root, monkeypatch: pytest.MonkeyPatch) -> Iterator[Service]:
    """Real parts over that database; scheduler and worker stand still."""
    monkeypatch.setattr(wiring, "_open_store", lambda _settings: store)
    opened = wiring.open_service(load(), [root])
    yield opened
    opened.close()


def test_inv4_the_timer_looks_again_when_something_is_due_there(store: MemoryStore) -> None:
    """Not too late, and not again and again until then."""
    claiming = ClaimingJobStore(store, lambda: None)
    add_job(store, spec_of("", every(60)), due=store.now() + SOON)
    began = datetime.now(UTC)
    assert claiming.get_due_jobs(began) == []
    again = claiming.get_next_run_time()
    assert again is not None
    assert began + SOON / 2 < again <= datetime.now(UTC) + SOON


def test_inv4_a_run_by_hand_may_begin_at_once(service, store, notebook, ann) -> None:
    """It is due by the clock that workers look at; so is what a save begins."""
    notebook()
    ticks = Trigger(id="", kind="interval", every_seconds=60)
    job = service.jobs.create(ann, JobSpec(name="a", notebook="report.ipynb", triggers=(ticks,)))
    before = store.now()
    run = service.jobs.run(ann, job.id, {})
    assert before <= run.not_before <= store.now()
    due = store.get_summary(job.id).next_due
    assert due is not None
    assert before < due <= before + timedelta(seconds=61)


def test_the_difference_is_told_and_stops_nothing(service, caplog) -> None:
    """Health names it, without being any worse for it; so does the log as the service starts."""
    health = service.system.health()
    assert "120 s" in health.clock
    assert ("ahead of" in health.clock) == (service.ledger.now() < datetime.now(UTC))
    assert health.database is None
    service.start()
    assert "clock.differs" in caplog.text
    assert service.system.health().well

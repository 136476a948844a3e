"""The parts of a worker: environment, folders, retries."""

import os
import subprocess
import tempfile
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from jupyter_orch.domain.ids import DEFAULT_TEAM, RunId
from jupyter_orch.domain.model import Policies, Run
from jupyter_orch.domain.states import Reason, RunState
from jupyter_orch.execution.outputs import Ending
from jupyter_orch.execution.private import channel_path, private_folder
from jupyter_orch.runner.environment import kernel_environment
from jupyter_orch.runner.holding import Holding, retry_delay
from jupyter_orch.runner.process import clear_leftovers, kill_marked
from jupyter_orch.settings import Settings, load
from jupyter_orch.store.memory import MemoryStore


@pytest.fixture
def settings(tmp_path: Path) -> Settings:
    """Settings with a Trino and its password by reference."""
    return load(
        {
            "JUPYTER_ORCH__STATE__DIR": str(tmp_path),
            "JUPYTER_ORCH__WAREHOUSE__TRINO__URL": "http://127.0.0.1:1",
            "JUPYTER_ORCH__WAREHOUSE__TRINO__PASSWORD": "env:TRINO_PASSWORD",
        },
        tmp_path / "none.toml",
    )


def test_a_kernel_gets_allowed_variables_only(settings: Settings, tmp_path: Path) -> None:
    """And the warehouse as this worker has it, with its password as a reference alone."""
    environ = {
        "PATH": "/bin",
        "LC_TIME": "C",
        "TRINO_PASSWORD": "p",
        "JUPYTER_ORCH__STATE__URL": "postgresql://u:p@h/d",
        "JUPYTER_ORCH_SECRET_A_B": "s",
        "JUPYTER_TOKEN": "t",
        "LD_PRELOAD": "/x.so",
        "http_proxy": "http://u:p@h",
    }
    found = kernel_environment(settings, tmp_path, environ)
    assert {"PATH", "LC_TIME"} <= set(found)
    assert found["JUPYTER_ORCH__WAREHOUSE__TRINO__URL"] == "http://127.0.0.1:1"
    assert found["JUPYTER_ORCH__WAREHOUSE__TRINO__PASSWORD"] == "env:TRINO_PASSWORD"
    assert not {
        "TRINO_PASSWORD",
        "JUPYTER_ORCH__STATE__URL",
        "JUPYTER_ORCH_SECRET_A_B",
        "JUPYTER_TOKEN",
        "LD_PRELOAD",
        "http_proxy",
    } & set(found)


def test_a_kernels_settings_are_the_workers(settings: Settings, tmp_path: Path) -> None:
    """What the kernel loads from its variables is the same warehouse."""
    found = kernel_environment(settings, tmp_path, {})
    assert load(found, tmp_path / "none.toml").warehouse == settings.warehouse


def test_a_private_folder_is_private_and_goes() -> None:
    """Mode 0700, a path short enough for a socket, and nothing left."""
    with private_folder() as folder:
        assert folder.stat().st_mode & 0o777 == 0o700
        assert len(str(channel_path(folder))) < 100
        clear_leftovers()
        assert folder.is_dir()
    assert not folder.exists()


def test_leftovers_of_dead_workers_are_cleared() -> None:
    """Folder and processes of an attempt whose worker is gone."""
    gone = subprocess.Popen(["true"])
    gone.wait()
    folder = Path(tempfile.mkdtemp(prefix=f"jorch-{gone.pid}-1-"))
    environment = {**os.environ, "JUPYTER_ORCH_CHANNEL": str(channel_path(folder))}
    orphan = subprocess.Popen(["sleep", "600"], env=environment, start_new_session=True)
    clear_leftovers()
    assert orphan.wait(10) == -9
    assert not folder.exists()


def test_only_marked_processes_are_killed(tmp_path: Path) -> None:
    """A process of another attempt lives on."""
    other = subprocess.Popen(
        ["sleep", "600"], env={**os.environ, "JUPYTER_ORCH_CHANNEL": f"{tmp_path}/channel2"}
    )
    try:
        kill_marked(tmp_path / "channel")
        assert other.poll() is None
    finally:
        other.kill()
        other.wait()


def a_run(attempt: int, *, free: int = 0, **policies: Any) -> Run:
    """In this attempt; `free` earlier ones cost no retry."""
    now = datetime.now(UTC)
    return Run(
        id=RunId("r"),
        team=DEFAULT_TEAM,
        job_id=None,
        job_name="j",
        job_version=None,
        run_key="k",
        kind="manual",
        state=RunState.RUNNING,
        logical_time=now,
        not_before=now,
        parameters={},
        notebook="/n.ipynb",
        notebook_sha256="0",
        policies=Policies(**policies),
        attempt=attempt,
        free_attempts=free,
        created_by="u",
        created_at=now,
    )


def failed(attempt: int, reason: Reason, *, free: int = 0, **policies: Any) -> float | None:
    """The wait after this attempt failed."""
    ending = Ending(state=RunState.FAILED, reason=reason)
    return retry_delay(a_run(attempt, free=free, **policies), ending)


def test_a_lost_lease_is_told_once(caplog: pytest.LogCaptureFixture) -> None:
    """Whoever finds it out: nothing else is heard of the attempt on this worker."""
    holding = Holding(a_run(attempt=2), worker="w", ledger=MemoryStore())
    assert not holding.lost
    holding.lose()
    holding.lose()
    assert holding.lost
    (told,) = [record for record in caplog.records if record.message == "lease.lost"]
    assert (told.run_id, told.attempt) == ("r", 2)  # type: ignore[attr-defined]


def test_retries_wait_longer_each_time() -> None:
    """Twice as long, give or take a tenth, and never more than an hour."""
    waits = [
        failed(n, Reason.USER_ERROR, retries=20, retry_delay_seconds=10.0) for n in (1, 2, 3, 20)
    ]
    for wait, about in zip(waits, (10, 20, 40, 3600), strict=True):
        assert wait is not None
        assert 0.9 * about <= wait <= 1.1 * about


def test_waits_grow_as_the_policy_says() -> None:
    """By its factor, up to its longest wait, also where numbers end."""
    policies = {"retries": 100, "retry_delay_seconds": 2.0, "retry_max_delay_seconds": 50.0}
    for factor, attempt, about in ((1.0, 7, 2), (3.0, 3, 18), (3.0, 9, 50), (1e300, 99, 50)):
        wait = failed(attempt, Reason.USER_ERROR, retry_backoff=factor, **policies)
        assert wait is not None
        assert 0.9 * about <= wait <= 1.1 * about


@pytest.mark.parametrize(
    ("name", "reasons"),
    [
        ("user_error", [Reason.USER_ERROR, Reason.CHECK_FAILED]),
        ("timeout", [Reason.CELL_TIMEOUT, Reason.RUN_TIMEOUT]),
        ("lost_worker", [Reason.KERNEL_DIED]),
        ("platform", [Reason.PLATFORM_ERROR]),
    ],
)
def test_only_failures_of_the_chosen_classes_are_retried(name, reasons) -> None:
    """Each class stands for its reasons and for no other."""
    every = (*Reason,)
    retried = [r for r in every if failed(1, r, retries=1, retry_on=(name,)) is not None]
    assert set(reasons) <= set(retried)
    assert set(retried) - set(reasons) <= {Reason.WORKER_LOST}
    assert failed(1, reasons[0], retries=1, retry_on=()) is None


def test_free_attempts_leave_all_retries() -> None:
    """What a stopping worker handed back does not count, and does not make the wait longer."""
    wait = failed(4, Reason.USER_ERROR, free=3, retries=1, retry_delay_seconds=10.0)
    assert wait is not None
    assert wait <= 11.0
    assert failed(5, Reason.USER_ERROR, free=3, retries=1) is None


def test_what_a_retry_cannot_help_is_not_retried() -> None:
    """A missing kernel stays missing; the last attempt is the last."""
    assert failed(1, Reason.NOT_RETRYABLE, retries=5) is None
    assert failed(1, Reason.KERNEL_MISSING, retries=5) is None
    assert failed(1, Reason.NOTEBOOK_MISSING, retries=5) is None
    assert failed(1, Reason.USER_ERROR, retries=0) is None
    assert failed(3, Reason.USER_ERROR, retries=2) is None

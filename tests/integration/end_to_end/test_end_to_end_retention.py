"""Retention in a real service."""

import pytest
from service_kit import RunningService, wait_for

from jupyter_orch.domain.errors import NotFound

pytestmark = pytest.mark.timeout(400)  # seconds; a busy machine takes its time


def test_old_runs_go_and_pinned_ones_stay(unserved: RunningService) -> None:
    """By themselves, with their files; the job and its last success are as they were."""
    unserved.write("a.ipynb", "if fail: raise ValueError", parameters="fail: bool = True")
    unserved.environment["JUPYTER_ORCH__RETENTION__DAYS"] = "0.0003"  # 26 seconds
    unserved.start()
    assert unserved.shell("schedule", "a.ipynb").returncode == 0
    with unserved.client() as client:
        gone, pinned = (client.run("a")["id"] for _ in range(2))
        success = client.run("a", {"fail": False})["id"]
        client.pin(pinned)
        for run in (gone, pinned, success):
            unserved.ended(run)

        def is_gone() -> bool:
            try:
                client.run_detail(gone)
            except NotFound:
                return True
            return False

        wait_for(is_gone)
        assert {run["id"] for run in client.runs("a")["items"]} == {pinned, success}
        assert client.job("a")["last_run"]["id"] == success
    runs = unserved.state_dir / "artifacts" / "runs"
    assert {path.name for path in runs.iterdir()} == {pinned, success}


def test_a_pinned_run_is_shown_so(unserved: RunningService) -> None:
    """Pin and let go, from the shell."""
    unserved.write("a.ipynb", "1")
    unserved.start()
    unserved.shell("schedule", "a.ipynb")
    run = unserved.json("run", "a")["id"]
    with unserved.client() as client:
        for command, pinned in (("pin", True), ("pin", True), ("unpin", False)):
            assert unserved.shell(command, run).returncode == 0
            assert client.run_detail(run)["run"]["pinned"] is pinned
        client.pin(run)
        assert not client.rerun(run)["pinned"]
    assert unserved.shell("pin", "nope").returncode == 3

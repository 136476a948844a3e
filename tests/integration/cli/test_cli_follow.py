"""`jupyter orch follow` on a real terminal and without one."""

import os
import pty
import re
import subprocess
import sys
from collections.abc import Iterator

import pytest
from service_kit import SOON, RunningService, wait_for

STEPS = """\
import time
for step in range(12):
    print("step", step, flush=True)
    time.sleep(0.3)"""


@pytest.fixture(scope="module")
def service(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RunningService]:
    """A service with a job that takes a few seconds."""
    base = tmp_path_factory.mktemp("f")
    (base / "n").mkdir()
    running = RunningService(base / "s", base / "n")
    path = running.write("steps.ipynb", "print('before')", STEPS, "print('after', end='')")
    running.start()
    try:
        with running.client() as client:
            client.create_job({"name": "steps", "notebook": str(path)})
        yield running
    finally:
        running.stop()


def on_a_terminal(service: RunningService, *arguments: str) -> tuple[int, str]:
    """Exit code of a command on a terminal of its own, and all that it wrote there."""
    ours, theirs = pty.openpty()
    with subprocess.Popen(
        [sys.executable, "-m", "jupyter_orch.cli", *arguments],
        env=service.environment | {"TERM": "xterm", "COLUMNS": "120", "LINES": "40"},
        cwd=service.root,
        stdin=theirs,
        stdout=theirs,
        stderr=theirs,
        start_new_session=True,
    ) as process:
        os.close(theirs)
        said = b""
        try:
            while part := os.read(ours, 65536):
                said += part
        except OSError:  # the terminal's other end has closed
            pass
        finally:
            os.close(ours)
        plain = re.sub(r"\x1b\[[0-9;?]*[a-zA-Z]", "", said.decode("utf-8", "replace"))
        return process.wait(SOON), plain


def test_a_run_is_followed_on_a_terminal(service: RunningService) -> None:
    """What its cells print comes once and in order; the second time its end is in sight."""
    for time in (1, 2):
        run = service.json("run", "steps")
        code, said = on_a_terminal(service, "follow", run["id"])
        assert code == 0, said
        lines = [line.strip() for line in said.replace("\r", "\n").splitlines()]
        wanted = ["before", *(f"step {step}" for step in range(12)), "after"]
        assert [line for line in lines if line in wanted] == wanted
        assert "cell 2 of 3" in said
        assert ("left" in said) == (time == 2)
        assert "succeeded" in said


def test_without_a_terminal_only_the_end_is_said(service: RunningService) -> None:
    """As scripts want it."""
    run = service.json("run", "steps")
    done = service.shell("follow", run["id"])
    assert done.returncode == 0
    assert "step" not in done.stdout + done.stderr
    assert "succeeded" in done.stdout


def test_a_failed_run_fails_the_command(service: RunningService) -> None:
    """And its error is said once."""
    path = service.write("fails.ipynb", "print('try')", "1 / 0")
    with service.client() as client:
        client.create_job({"name": "fails", "notebook": str(path)})
        run = client.run("fails")
        wait_for(lambda: client.run_detail(run["id"])["run"]["ended_at"])
    code, said = on_a_terminal(service, "follow", run["id"])
    assert code == 1
    assert "try" in said
    assert said.count("division by zero") == 1

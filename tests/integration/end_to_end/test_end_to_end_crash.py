"""kill -9 of the service at any time: nothing is lost, nothing stays "running" for ever."""

import time

import psutil
import pytest
from service_kit import SOON, wait_for

SLOW = "import pathlib, time\npathlib.Path(mark).touch()\ntime.sleep(seconds)"

pytestmark = pytest.mark.timeout(600)  # seconds; a busy machine takes its time


def _descendants(pid: int) -> list[psutil.Process]:
    return psutil.Process(pid).children(recursive=True)


@pytest.mark.slow
def test_inv7_run_goes_on_after_the_service_was_killed(unserved) -> None:
    """The run is taken again with the next attempt, and its kernel did not outlive the service."""
    mark = unserved.root / "mark"
    unserved.write("slow.ipynb", SLOW, parameters=f"seconds: int = 600\nmark: str = {str(mark)!r}")
    unserved.start()
    assert unserved.shell("schedule", "slow.ipynb").returncode == 0
    run = unserved.json("run", "slow")
    wait_for(mark.exists)
    family = _descendants(unserved.process.pid)
    assert family
    unserved.kill()
    gone, staying = psutil.wait_procs(family, timeout=SOON)
    assert not staying, staying
    assert gone
    unserved.start()
    with unserved.client() as client:
        again = wait_for(
            lambda: (
                found
                if (found := client.run_detail(run["id"]))["run"]["attempt"] == 2
                and found["run"]["state"] == "running"
                else None
            )
        )
        first = next(each for each in again["attempts"] if each["number"] == 1)
        assert (first["state"], first["reason"]) == ("failed", "worker_lost")
        client.cancel(run["id"])
    assert unserved.ended(run["id"])["state"] == "cancelled"


@pytest.mark.slow
def test_inv7_run_that_is_lost_again_fails_with_a_reason(unserved) -> None:
    """A lost worker costs no retry once; the second time the run fails, and says why."""
    mark = unserved.root / "mark"
    unserved.write("slow.ipynb", SLOW, parameters=f"seconds: int = 600\nmark: str = {str(mark)!r}")
    unserved.start()
    assert unserved.shell("schedule", "slow.ipynb").returncode == 0
    run = unserved.json("run", "slow")
    for _ in range(2):
        wait_for(mark.exists)
        unserved.kill()
        mark.unlink()
        unserved.start()
    ended = unserved.ended(run["id"])
    assert (ended["state"], ended["reason"]) == ("failed", "worker_lost")


@pytest.mark.slow
def test_inv1_due_times_that_passed_while_it_was_down_are_kept(unserved) -> None:
    """By default the latest is run, and one row stands for all the others."""
    unserved.write("quick.ipynb", "print(1)")
    unserved.start()
    assert unserved.shell("schedule", "quick.ipynb", "--every", "1s").returncode == 0
    unserved.shell("pause", "quick")  # so that the queue is short when it dies
    with unserved.client() as client:
        wait_for(lambda: not client.runs("quick", states=["queued", "running"])["items"])
        client.resume("quick")
    unserved.kill()
    time.sleep(6)  # due instants pass that nobody sees
    unserved.start()
    with unserved.client() as client:
        # The pause left a skipped span of its own, which may be the longer one.
        span = wait_for(
            lambda: next(
                (
                    run
                    for run in client.runs("quick", states=["skipped"])["items"]
                    if run["reason"] == "catch_up" and run["skipped_count"] >= 3
                ),
                None,
            )
        )
        unserved.shell("pause", "quick")
        runs = client.runs("quick", limit=500)["items"]
    assert span["skipped_first"] < span["skipped_last"]
    due = [run for run in runs if run["kind"] == "schedule" and run["state"] != "skipped"]
    times = [run["logical_time"] for run in due]
    assert len(set(times)) == len(times)
    assert not [t for t in times if span["skipped_first"] <= t <= span["skipped_last"]]
    assert [t for t in times if t > span["skipped_last"]]


@pytest.mark.slow
def test_inv7_publishing_survives_a_kill(unserved) -> None:
    """However often it dies, a run publishes its rows once."""
    unserved.write(
        "publish.ipynb",
        "import pandas as pd, jupyter_orch as orch",
        "with orch.output('crash.rows', mode='append') as out:\n"
        "    out.write(pd.DataFrame({'n': [n]}))",
        parameters="n: int = 0",
    )
    unserved.start()
    assert unserved.shell("schedule", "publish.ipynb").returncode == 0
    made = [unserved.json("run", "publish", "-p", "n", str(n))["id"] for n in range(3)]
    for _ in range(2):
        with unserved.client() as client:
            wait_for(lambda c=client: c.status()["counts"]["queued"] < 3)
        time.sleep(3)
        unserved.kill()
        unserved.start()
    ended = [unserved.ended(run_id) for run_id in made]
    good = [run for run in ended if run["state"] == "succeeded"]
    assert {run["reason"] for run in ended if run["state"] != "succeeded"} <= {"worker_lost"}
    if good:
        with unserved.client() as client:
            rows = client.preview_table("crash.rows")["rows"]
        assert sorted(row[0] for row in rows) == sorted(run["parameters"]["n"] for run in good)

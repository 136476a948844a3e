"""The main job: a notebook is scheduled, fires by itself, and becomes a versioned table."""

import json
import subprocess
import sys
from pathlib import Path

import pytest
from service_kit import wait_for

PUBLISH = (
    "import pandas as pd, jupyter_orch as orch",
    """with orch.output('main.job', mode='replace', slice={'day': day}) as out:
    out.write(pd.DataFrame({'day': [pd.Timestamp(day).date()], 'n': [n]}))
    out.check(rows_min=1, not_null=['n'])""",
    "print(orch.context())",
)

pytestmark = pytest.mark.timeout(600)  # seconds; a busy machine takes its time


@pytest.fixture(scope="module")
def notebook(served) -> Path:
    """A notebook that replaces one day of a table."""
    return served.write(
        "main_job.ipynb",
        *PUBLISH,
        parameters="from datetime import date\nday: date = date(2013, 2, 1)\nn: int = 1",
    )


def test_scheduled_notebook_becomes_a_versioned_table(served, notebook) -> None:
    """The scheduler fires it; the version names run, job, bytes and parameters."""
    every = ("--every", "2s", "--overlap", "skip")
    said = served.shell("schedule", "main_job.ipynb", *every, "-p", "n", "7")
    assert said.returncode == 0, said.stderr
    with served.client() as client:
        wait_for(lambda: client.runs("main_job", states=["succeeded"])["items"])
        client.pause("main_job")
        wait_for(lambda: not client.runs("main_job", states=["queued", "running"])["items"])
        run = client.runs("main_job", states=["succeeded"])["items"][-1]
        assert run["kind"] == "schedule"
        assert run["run_key"].startswith("schedule:")
        detail = client.run_detail(run["id"])
        (version,) = detail["versions"]
        assert (version["table"], version["run_id"]) == ("main.job", run["id"])
        assert version["job_name"] == "main_job"
        assert version["notebook_sha256"] == run["notebook_sha256"]
        assert version["parameters"] == run["parameters"] == {"n": 7}
        assert client.preview_table("main.job")["rows"] == [["2013-02-01", 7]]
        executed = client.notebook(run["id"])
        assert run["id"] in json.dumps(executed["cells"][-1]["outputs"])


def test_another_slice_leaves_the_first_one_alone(served, notebook) -> None:
    """A rerun with another day adds that day; the old version can be read and comes back."""
    with served.client() as client:
        first = client.runs("main_job", states=["succeeded"])["items"][0]
        values = ("-p", "day", "2013-02-02", "-p", "n", "8")
        done = served.json("rerun", first["id"], *values, "--wait")
        assert done["state"] == "succeeded"
        assert sorted(client.preview_table("main.job")["rows"]) == [
            ["2013-02-01", 7],
            ["2013-02-02", 8],
        ]
        before = client.versions("main.job")["items"][1]
        assert client.preview_table("main.job", version=before["snapshot_id"])["rows"] == [
            ["2013-02-01", 7]
        ]
        client.rollback("main.job", before["snapshot_id"])
        assert client.preview_table("main.job")["rows"] == [["2013-02-01", 7]]


def test_failed_check_publishes_nothing(served) -> None:
    """Readers never see rows that did not hold."""
    served.write(
        "checked.ipynb",
        "import pandas as pd, jupyter_orch as orch",
        "with orch.output('main.checked') as out:\n"
        "    out.write(pd.DataFrame({'n': [1]}))\n"
        "    out.check(rows_min=5)",
    )
    assert served.shell("schedule", "checked.ipynb").returncode == 0
    run = served.ended(served.json("run", "checked")["id"])
    assert (run["state"], run["reason"]) == ("failed", "check_failed")
    assert served.shell("versions", "main.checked").returncode == 3


def test_papermill_beside_the_service_appears_in_its_history(served, notebook, tmp_path) -> None:
    """`papermill --engine jupyter_orch` is recorded like any run, and publishes."""
    done = subprocess.run(
        [
            *(sys.executable, "-m", "papermill", str(notebook), str(tmp_path / "out.ipynb")),
            *("-p", "day", "2013-02-03", "-p", "n", "9", "--engine", "jupyter_orch"),
        ],
        env=served.environment,
        cwd=served.root,
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    with served.client() as client:
        (run,) = [run for run in client.runs(limit=50)["items"] if run["kind"] == "adhoc"]
        assert (run["state"], run["parameters"]["n"]) == ("succeeded", 9)
        assert Path(run["notebook"]) == notebook
        (version,) = client.run_detail(run["id"])["versions"]
        assert version["table"] == "main.job"
        assert ["2013-02-03", 9] in client.preview_table("main.job")["rows"]


def test_cancelled_run_ends_and_publishes_nothing(served) -> None:
    """A person stops a run that goes on; its kernel is gone and no table is there."""
    served.write(
        "endless.ipynb",
        "import pandas as pd, jupyter_orch as orch",
        "with orch.output('main.endless') as out:\n    out.write(pd.DataFrame({'n': [1]}))",
        "import time\ntime.sleep(600)",
    )
    assert served.shell("schedule", "endless.ipynb").returncode == 0
    run = served.json("run", "endless")
    with served.client() as client:
        wait_for(lambda: client.run_detail(run["id"])["run"]["cells_done"] >= 2)
    assert served.shell("cancel", run["id"]).returncode == 0
    ended = served.ended(run["id"])
    assert (ended["state"], ended["reason"]) == ("cancelled", "cancelled_by_user")
    assert served.shell("versions", "main.endless").returncode == 3

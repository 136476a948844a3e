"""The command line as people and scripts use it: real processes, a real service."""

import pytest

from jupyter_orch.cli.main import main


@pytest.fixture(scope="module")
def report(served):
    """A notebook that prints and publishes."""
    return served.write(
        "report.ipynb",
        "import pandas as pd, jupyter_orch as orch",
        "with orch.output('analytics.x') as out:\n    out.write(pd.DataFrame({'x': [x]}))",
        "print('hello', x)",
        parameters="x: int = 1",
    )


def test_job_runs_and_its_table_has_versions(served, report) -> None:
    """From the notebook to the version and back, by commands alone."""
    said = served.shell("schedule", "report.ipynb", "-p", "x", "2", "--cron", "0 6 * * *")
    assert said.returncode == 0, said.stderr
    assert "Scheduled report" in said.stdout
    job = served.json("show", "report")
    assert job["job"]["spec"]["parameters"] == {"x": 2}
    run = served.json("run", "report", "-p", "x", "3", "--wait")
    assert (run["state"], run["parameters"]) == ("succeeded", {"x": 3})
    (version,) = served.json("versions", "analytics.x")["items"]
    assert version["run_id"] == run["id"]
    again = served.json("rerun", run["id"], "-p", "x", "4", "--wait")
    assert again["rerun_of"] == run["id"]
    assert [item["id"] for item in served.json("runs", "report")["items"]] == [
        again["id"],
        run["id"],
    ]
    assert [item["name"] for item in served.json("tables")["items"]] == ["analytics.x"]
    events = [line["event"] for line in served.json("logs", run["id"])["lines"]]
    assert (events[0], events[-1]) == ("attempt.started", "attempt.ended")
    assert "attempt.ended" in served.shell("logs", run["id"]).stdout
    back = served.json("rollback", "analytics.x", str(version["snapshot_id"]), "--yes")
    assert back["operation"] == "rollback"
    assert [item["name"] for item in (served.json("tables")["items"])] == ["analytics.x"]


def test_pools_limit_jobs_that_name_them(served, report) -> None:
    """Made, listed, named by a job and removed; a wrong number is bad input."""
    assert served.json("pools", "set", "trino/x:1", "3")["slots"] == 3
    assert "trino/x:1" in served.shell("pools").stdout
    said = served.shell(
        "schedule", "report.ipynb", "--name", "pooled", "--pool", "trino/x:1", "--priority", "7"
    )
    assert said.returncode == 0, said.stderr
    policies = served.json("show", "pooled")["job"]["spec"]["policies"]
    assert (policies["pool"], policies["priority"]) == ("trino/x:1", 7)
    assert served.json("pools", "set", "trino/x:1", "none")["slots"] is None
    assert served.shell("pools", "set", "trino/x:1", "many").returncode == 2
    assert served.shell("pools", "set", "trino/x:1", "100001").returncode == 2
    unknown = served.shell("schedule", "report.ipynb", "--name", "q", "--pool", "nowhere")
    assert unknown.returncode == 2
    assert "policies.pool" in unknown.stderr
    assert served.shell("pools", "delete", "trino/x:1").returncode == 0
    assert [item["name"] for item in served.json("pools")["items"]] == ["default"]
    assert served.shell("delete", "pooled", "--yes").returncode == 0


def test_rolling_back_asks_first(served) -> None:
    """Without a yes nothing changes."""
    before = served.json("versions", "analytics.x")["items"]
    oldest = str(before[-1]["snapshot_id"])
    assert served.shell("rollback", "analytics.x", oldest, answer="n\n").returncode == 1
    assert served.json("versions", "analytics.x")["items"] == before
    assert served.shell("rollback", "analytics.x", oldest, answer="y\n").returncode == 0


def test_tables_for_people(served) -> None:
    """Lists are tables with a line for each thing."""
    for command, word in (
        (("jobs",), "report"),
        (("runs",), "✓ succeeded"),
        (("tables",), "analytics.x"),
        (("versions", "analytics.x"), "current"),
        (("show", "report"), "0 6 * * *"),
        (("status",), "running"),
    ):
        said = served.shell(*command)
        assert said.returncode == 0, said.stderr
        assert word in said.stdout or command[0] == "show", said.stdout


def test_pause_resume_delete(served) -> None:
    """The life of a job by commands."""
    served.write("short.ipynb", "print(1)")
    assert served.shell("schedule", "short.ipynb", "--every", "1h").returncode == 0
    assert "paused" in served.shell("pause", "short").stdout
    assert served.json("show", "short")["job"]["paused"]
    assert "next" in served.shell("resume", "short").stdout
    assert served.shell("delete", "short", answer="n\n").returncode == 1
    assert served.shell("delete", "short", "--yes").returncode == 0
    assert served.shell("show", "short").returncode == 3


def test_failed_run_exits_with_1_and_names_the_cell(served) -> None:
    """A script that waits learns of the failure by the exit code."""
    served.write("broken.ipynb", "1", "raise ValueError('no such day')")
    assert served.shell("schedule", "broken.ipynb").returncode == 0
    said = served.shell("run", "broken", "--wait")
    assert said.returncode == 1
    assert "ValueError: no such day" in said.stdout


@pytest.mark.parametrize(
    ("arguments", "code", "words"),
    [
        (("schedule", "nope.ipynb"), 2, "There is no notebook"),
        (("schedule", "report.ipynb", "--cron", "0 0 31 2 *"), 2, "never fires"),
        (("schedule", "report.ipynb", "--every", "soon"), 2, "10m"),
        (("schedule", "report.ipynb", "-p", "x", "many"), 2, "whole number"),
        (("schedule", "report.ipynb", "-p", "y", "1"), 2, "no parameter y"),
        (("schedule", "report.ipynb"), 4, "report"),
        (("schedule", "/etc/hostname"), 2, "outside"),
        (
            ("schedule", "report.ipynb", "--cron", "0 6 * * *", "--time-zone", "Mars/Base"),
            2,
            "Mars/Base",
        ),
        (("run", "nope"), 3, "nope"),
        (("runs", "nope"), 3, "nope"),
        (("rerun", "nope"), 3, "nope"),
        (("logs", "nope"), 3, "nope"),
        (("versions", "no.such"), 3, "no.such"),
        (("runs", "--state", "dancing"), 2, "dancing"),
        (("dance",), 2, "No such command"),
    ],
)
def test_refusal_is_one_sentence_and_a_code(served, report, arguments, code, words) -> None:
    """Words on standard error, nothing on standard output, never a traceback."""
    said = served.shell(*arguments)
    assert said.returncode == code, said.stderr
    assert words in said.stderr
    assert "Traceback" not in said.stderr
    assert not said.stdout


def test_doctor_shows_settings_and_hides_secrets(served) -> None:
    """Every setting with its origin; a password in a URL is not shown."""
    found = served.json("doctor")
    origins = {each["key"]: each["origin"] for each in found["settings"]}
    assert origins["state.dir"] == "JUPYTER_ORCH__STATE__DIR"
    assert origins["worker.slots"] == "default"
    assert {check["name"] for check in found["checks"]} >= {"service", "warehouse", "kernels"}
    assert all(check["well"] for check in found["checks"])


def test_every_command_explains_itself_with_an_example() -> None:
    """`--help` has a sentence and an example that begins with the command."""
    for name, command in main.commands.items():
        assert command.help, name
        assert command.epilog.startswith(f"Example: jupyter orch {name}"), name

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
    after = served.json("versions", "analytics.x")["items"]
    assert (after[0]["operation"], after[0]["current"]) == ("rollback", True)
    assert after[0]["total_rows"] == before[-1]["total_rows"]


def test_a_rollback_names_what_it_undoes_and_keeps_the_reason(served) -> None:
    """The runs of the versions that readers will not see any more."""
    items = served.json("versions", "analytics.x")["items"]
    target = next(item for item in items if item["parameters"] == {"x": 4})
    said = served.shell("rollback", "analytics.x", str(target["snapshot_id"]), answer="n\n")
    assert "Undoes 2 versions of analytics.x" in said.stdout
    assert "rollback" in said.stdout
    back = served.json(
        "rollback", "analytics.x", str(target["snapshot_id"]), "--yes", "--reason", "x was right"
    )
    assert (back["reason"], back["rollback_to"]) == ("x was right", target["snapshot_id"])


def test_versions_are_compared_in_a_terminal(served) -> None:
    """Counts, facts of columns, and some rows."""
    items = served.json("versions", "analytics.x")["items"]
    old, new = (
        next(item for item in items if item["parameters"] == {"x": value}) for value in (3, 4)
    )
    versions = str(old["snapshot_id"]), str(new["snapshot_id"])
    said = served.shell("diff", "analytics.x", *versions)
    assert said.returncode == 0, said.stderr
    assert "Rows 1 → 1: 1 added, 1 removed, 0 changed." in said.stdout
    assert served.json("diff", "analytics.x", *versions)["sample"][0]["after"] == [4]
    assert served.shell("diff", "analytics.x", versions[0], "5").returncode == 3
    wrong = served.shell("diff", "analytics.x", *versions, "--key", "nothing")
    assert wrong.returncode == 2
    assert "keys" in wrong.stderr


def test_a_run_is_undone_once_it_was_asked_for(served) -> None:
    """What it would do is said first; a version that stands in the way is named."""
    first = served.json("run", "report", "-p", "x", "5", "--wait")
    wrong = served.json("run", "report", "-p", "x", "6", "--wait")
    blocked = served.shell("undo", first["id"], answer="y\n")
    assert blocked.returncode == 4
    assert wrong["id"] in blocked.stdout + blocked.stderr
    refused = served.shell("undo", wrong["id"], answer="n\n")
    assert refused.returncode == 1
    assert "Puts the 1 row of the whole table back" in refused.stdout
    done = served.json("undo", wrong["id"], "--yes", "--reason", "wrong x")["versions"]
    assert [(each["operation"], each["undo_of"]) for each in done] == [("undo", wrong["id"])]
    assert served.json("undo", wrong["id"], "--yes")["versions"] == done
    (newest,) = served.json("versions", "analytics.x", "--limit", "1")["items"]
    assert newest["reason"] == "wrong x"


def test_pins_keep_versions_and_runs(served) -> None:
    """One word for both."""
    item = served.json("versions", "analytics.x")["items"][-1]
    assert served.shell("pin", "analytics.x", str(item["snapshot_id"])).returncode == 0
    assert "pinned" in served.shell("versions", "analytics.x").stdout
    assert served.shell("unpin", "analytics.x", str(item["snapshot_id"])).returncode == 0
    assert not any(each["pinned"] for each in served.json("versions", "analytics.x")["items"])
    assert served.shell("pin", item["run_id"]).returncode == 0
    assert served.shell("pin", "analytics.x", "5").returncode == 3


def test_tables_for_people(served) -> None:
    """Lists are tables with a line for each thing."""
    for command, word in (
        (("jobs",), "report"),
        (("runs",), "✓ succeeded"),
        (("tables",), "analytics.x"),
        (("versions", "analytics.x"), "current"),
        (("show", "report"), "Every day at 06:00"),
        (("status",), "running"),
    ):
        said = served.shell(*command)
        assert said.returncode == 0, said.stderr
        assert word in said.stdout, said.stdout


def test_tables_come_in_pages(served, report) -> None:
    """A page is as long as it was asked to be, and says where the next one begins."""
    served.write(
        "two.ipynb",
        "import pandas as pd, jupyter_orch as orch",
        "for name in ('pages.b', 'pages.a'):\n"
        "    with orch.output(name) as out:\n        out.write(pd.DataFrame({'x': [1]}))",
    )
    assert served.shell("schedule", "two.ipynb").returncode == 0
    assert served.json("run", "two", "--wait")["state"] == "succeeded"
    names, cursor = [], []
    while True:
        page = served.json("tables", "--limit", "1", *cursor)
        names += [item["name"] for item in page["items"]]
        if page["next_cursor"] is None:
            break
        cursor = ["--cursor", page["next_cursor"]]
    assert names == ["analytics.x", "pages.a", "pages.b"]
    assert "more: --cursor" in served.shell("tables", "--limit", "1").stdout


def test_rerun_of_the_latest_notebook_takes_its_parameters(served) -> None:
    """Names and types are those of the notebook that will run."""
    served.write("grows.ipynb", "print(old)", parameters="old: int = 1")
    assert served.shell("schedule", "grows.ipynb").returncode == 0
    run = served.json("run", "grows", "--wait")
    served.write("grows.ipynb", "print(new)", parameters="new: int = 1")
    given = ("rerun", run["id"], "-p", "new", "9")
    assert served.shell(*given).returncode == 2
    again = served.json(*given, "--latest-notebook", "--wait")
    assert (again["state"], again["parameters"]) == ("succeeded", {"new": 9})
    assert served.shell("logs", run["id"], "--attempt", "1").returncode == 0
    missing = served.shell("logs", run["id"], "--attempt", "99")
    assert missing.returncode == 3
    assert "no attempt 99" in missing.stderr


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
        (("schedule", "report.ipynb", "-p", "x", "{{ x }}"), 2, "the name x, which does not exist"),
        (("run", "report", "--trigger", "moon"), 2, "no trigger 'moon'"),
        (("run", "report", "--interval-start", "soon"), 2, "'soon' is no day"),
        (("run", "report", "--interval-start", "2026-01-01"), 2, "interval_end is missing"),
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
    """Every setting with its origin; neither a password nor one in a URL is shown."""
    found = served.json("doctor")
    origins = {each["key"]: each["origin"] for each in found["settings"]}
    assert origins["state.dir"] == "JUPYTER_ORCH__STATE__DIR"
    assert origins["worker.slots"] == "default"
    assert {check["name"] for check in found["checks"]} >= {"service", "warehouse", "kernels"}
    assert all(check["well"] for check in found["checks"])
    hidden = {
        "JUPYTER_ORCH__WAREHOUSE__TRINO__PASSWORD": "hunter2",
        "JUPYTER_ORCH__WAREHOUSE__TRINO__URL": "http://ann:hunter2@127.0.0.1:9",
    }
    with served.having(**hidden):
        said = served.shell("doctor")
    assert said.returncode == 2, said.stdout
    assert "hunter2" not in said.stdout + said.stderr
    assert "***" in said.stdout


def test_doctor_finds_that_a_service_elsewhere_is_away(served) -> None:
    """A service that was configured and does not answer is an illness."""
    with served.having(JUPYTER_ORCH__SERVICE__URL="http://127.0.0.1:9"):
        said = served.shell("doctor")
    assert said.returncode == 5
    assert "✕ service: The service at http://127.0.0.1:9 cannot be reached." in said.stdout


def test_every_command_explains_itself_with_an_example() -> None:
    """`--help` has a sentence and an example that begins with the command."""
    for name, command in main.commands.items():
        assert command.help, name
        assert command.epilog.startswith(f"Example: jupyter orch {name}"), name

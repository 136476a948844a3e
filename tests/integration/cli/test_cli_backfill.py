"""Backfills by commands alone."""

import json

import pytest

DAYS = ("--from", "2026-01-01", "--to", "2026-01-03")


@pytest.fixture(scope="module")
def report(served):
    """A job that is due at six in the evening in Tokyo, and whose runs may fail."""
    served.write(
        "report.ipynb", "assert x, 'no value'\nprint(x)", parameters="x: int = 1\nnote: str = ''"
    )
    when = ("--cron", "0 18 * * *", "--time-zone", "Asia/Tokyo")
    said = served.shell("schedule", "report.ipynb", *when)
    assert said.returncode == 0, said.stderr
    return "report"


def test_a_dry_run_says_what_would_run(served, report) -> None:
    """Days are read in the zone of the trigger, the last one included; nothing is made."""
    said = served.shell("backfill", report, *DAYS, "--dry-run")
    assert said.returncode == 0, said.stderr
    assert "3: 3 missing, 0 failed, 0 done, 0 running" in said.stdout
    assert "Thu 2026-01-01 18:00 +0900" in said.stdout
    assert "3 runs" in said.stdout
    plan = served.json("backfill", report, *DAYS, "--dry-run", "--newest-first")
    assert (plan["runs"], plan["next"][0]["at"]) == (3, "2026-01-03T09:00:00Z")
    assert served.json("backfills")["items"] == []


def test_it_asks_first(served, report) -> None:
    """After it has said what would run; without a yes nothing is made."""
    said = served.shell("backfill", report, *DAYS, answer="n\n")
    assert said.returncode == 1
    assert "3 runs" in said.stdout
    assert served.json("backfills", report)["items"] == []


def test_a_failed_backfill_exits_with_1_and_the_next_one_mends_it(served, report) -> None:
    """Only what has no result runs again."""
    said = served.shell("backfill", report, *DAYS, "-p", "x", "0", "--wait", answer="y\n")
    assert said.returncode == 1, said.stderr
    assert "✕ failed" in said.stdout
    assert "3 failed" in said.stdout
    assert served.json("backfill", report, *DAYS, "--only", "missing", "--dry-run")["runs"] == 0
    options = ("-p", "note", "again", "--concurrency", "2", "--priority", "-3", "--newest-first")
    done = served.json("backfill", report, *DAYS, *options, "--yes", "--wait")
    assert (done["state"], done["counts"]) == ("succeeded", {"succeeded": 3})
    assert (done["concurrency"], done["priority"], done["newest_first"]) == (2, -3, True)
    runs = served.json("runs", "--backfill", done["id"])["items"]
    assert [run["logical_time"] for run in runs] == [
        f"2026-01-0{day}T09:00:00Z" for day in (1, 2, 3)
    ]
    assert {run["parameters"]["note"] for run in runs} == {"again"}
    assert len(served.json("runs", report, "--kind", "backfill")["items"]) == 6
    listed = served.shell("backfills", report).stdout
    assert "3 of 3" in listed
    assert "0 of 3" in listed


def test_with_nothing_to_run_it_succeeds_without_a_question(served, report) -> None:
    """A script may say it as often as it likes."""
    said = served.shell("backfill", report, *DAYS, "--wait")
    assert said.returncode == 0, said.stderr
    assert "✓ succeeded" in said.stdout


def test_it_is_cancelled_like_a_run(served) -> None:
    """By its id; the runs under way are stopped."""
    served.write("endless.ipynb", "import time; time.sleep(600)")
    assert served.shell("schedule", "endless.ipynb", "--cron", "0 6 * * *").returncode == 0
    made = served.json("backfill", "endless", *DAYS, "--yes")
    said = served.shell("cancel", made["id"])
    assert said.returncode == 0, said.stderr
    assert "cancelled" in said.stdout
    for run in served.json("runs", "--backfill", made["id"])["items"]:
        assert served.ended(run["id"])["state"] == "cancelled"
    said = served.shell("cancel", "nope")
    assert (said.returncode, said.stdout) == (3, "")
    assert "no run and no backfill nope" in said.stderr


@pytest.mark.parametrize(
    ("arguments", "code", "words"),
    [
        (("backfill", "nope", *DAYS), 3, "nope"),
        (("backfill", "report"), 2, "--from"),
        (("backfill", "report", "--from", "soon", "--to", "2026-01-03"), 2, "field: from"),
        (("backfill", "report", "--from", "2026-01-03", "--to", "2026-01-01"), 2, "before"),
        (("backfill", "report", *DAYS, "--trigger", "day"), 2, "day"),
        (("backfill", "report", *DAYS, "--concurrency", "0"), 2, "from 1 to 100"),
        (("backfill", "report", *DAYS, "--only", "some"), 2, "some"),
        (("backfill", "report", *DAYS, "-p", "z", "1"), 2, "no parameter z"),
        (("backfills", "nope"), 3, "nope"),
        (("runs", "--kind", "dancing"), 2, "dancing"),
    ],
)
def test_refusal_is_one_sentence_and_a_code(served, report, arguments, code, words) -> None:
    """Words on standard error, nothing on standard output."""
    said = served.shell(*arguments)
    assert said.returncode == code, said.stderr
    assert words in said.stderr
    assert "Traceback" not in said.stderr
    assert not said.stdout


def test_json_is_alone_on_standard_output(served, report) -> None:
    """The question goes to standard error, so that a program can read the answer."""
    said = served.shell("backfill", report, *DAYS, "--only", "all", "--json", answer="y\n")
    assert said.returncode == 0, said.stderr
    assert json.loads(said.stdout)["planned"] == 3
    assert "Make 3 runs?" in said.stderr

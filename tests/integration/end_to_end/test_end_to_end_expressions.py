"""A date of the run in a value: by schedule, by hand and by a backfill, into the real notebook."""

import json
from datetime import datetime, timedelta

import pytest
from service_kit import wait_for

CELL = 'from datetime import date\nday: date = date(2013, 2, 14)\nuntil: int = 0\nword: str = "a"'
DAY, UNTIL = "{{ interval_start }}", "{{ interval_end | %s }}"
VALUES = ("-p", "day", DAY, "-p", "until", UNTIL, "-p", "word", "{{{{ {{ job }} }}")

pytestmark = pytest.mark.timeout(600)  # seconds; a busy machine takes its time


def landed(client, run_id: str) -> dict[str, object]:
    """What the cells of the executed notebook saw."""
    (cell,) = [
        each for each in client.notebook(run_id)["cells"] if "json.dumps" in "".join(each["source"])
    ]
    return json.loads("".join(cell["outputs"][0]["text"]))


def expected(run) -> dict[str, object]:
    """What the run's interval means on the clock of Tokyo."""
    start, end = (datetime.fromisoformat(run[name]) for name in ("interval_start", "interval_end"))
    day = (start + timedelta(hours=9)).date().isoformat()
    return {"day": day, "until": int(end.timestamp()), "word": "{{ expr }}"}


def test_values_of_every_kind_of_run_land_in_the_notebook(served) -> None:
    """Each run has those of its own interval; a rerun has those of the run that it repeats."""
    show = "import json\nprint(json.dumps({'day': str(day), 'until': until, 'word': word}))"
    served.write("expr.ipynb", show, parameters=CELL)
    when = ("--every", "2s", "--time-zone", "Asia/Tokyo", "--overlap", "skip")
    made = served.shell("schedule", "expr.ipynb", *when, *VALUES)
    assert made.returncode == 0, made.stderr
    with served.client() as client:
        wait_for(lambda: client.runs("expr", states=["succeeded"])["items"])
        client.pause("expr")
        run = client.runs("expr", states=["succeeded"])["items"][0]
        assert run["kind"] == "schedule"
        assert landed(client, run["id"]) == run["parameters"] == expected(run)
        job = client.job("expr")["job"]
        assert job["spec"]["parameters"]["day"] == DAY

        span = ("--interval-start", "2026-11-01T06:00", "--interval-end", "2026-11-02T06:00")
        by_hand = served.json("run", "expr", *span, "--wait")
        assert (by_hand["state"], by_hand["interval_start"]) == (
            "succeeded",
            "2026-10-31T21:00:00Z",
        )
        assert landed(client, by_hand["id"]) == by_hand["parameters"] == expected(by_hand)
        assert by_hand["parameters"]["day"] == "2026-11-01"
        again = served.json("rerun", by_hand["id"], "-p", "until", "{{ interval_start | %H }}")
        assert again["parameters"] == {**by_hand["parameters"], "until": 6}

        last = served.json("run", "expr", "--wait")
        assert landed(client, last["id"]) == last["parameters"] == expected(last)
        over = datetime.fromisoformat(last["interval_end"])
        assert over <= datetime.fromisoformat(last["logical_time"])

        at = run["logical_time"]
        again = ("--from", at, "--to", at, "--only", "all", "-p", "word", "{{ interval_end.date }}")
        filled = served.json("backfill", "expr", *again, "--yes", "--wait")
        assert filled["state"] == "succeeded"
        assert filled["parameters"] == {"word": "{{ interval_end.date }}"}
        (one,) = client.runs(backfill=filled["id"])["items"]
        end = datetime.fromisoformat(one["interval_end"]) + timedelta(hours=9)
        values = {**expected(run), "word": end.date().isoformat()}
        assert landed(client, one["id"]) == one["parameters"] == values

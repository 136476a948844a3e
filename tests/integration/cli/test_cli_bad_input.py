"""The same bad input through the REST API and the shell: one sentence, and nothing stored."""

import io
import re
import sqlite3
from contextlib import closing
from typing import Any, NamedTuple

import httpx
import pytest
from service_kit import wait_for

from jupyter_orch.cli.main import main
from jupyter_orch.server.routes import BASE

HOURLY = {"kind": "cron", "cron": "0 * * * *", "time_zone": "UTC"}


class Bad(NamedTuple):
    """What is wrong with a job, and how it is typed."""

    body: dict[str, Any]
    typed: tuple[str, ...]
    #: Which field each of the two ways names.
    field: str
    words: str


def policy(name: str, value: Any, *typed: str, words: str) -> Bad:
    """A policy that cannot be."""
    return Bad({"policies": {name: value}}, typed, f"policies.{name}", words)


def trigger(change: dict[str, Any], *typed: str, field: str, words: str) -> Bad:
    """A trigger that cannot be."""
    return Bad({"triggers": [HOURLY | change]}, typed, f"triggers.0.{field}", words)


BAD = {
    "unknown policy": policy("overlap", "sometimes", "--overlap", "sometimes", words="latest_only"),
    "unknown pool": policy("pool", "nobody's", "--pool", "nobody's", words="nobody's"),
    "negative retries": policy("retries", -1, "--retries", "-1", words="from 0 to 100"),
    "absurd retries": policy("retries", 10**9, "--retries", "1000000000", words="from 0 to 100"),
    "negative limit": policy(
        "timeout_seconds", -5, "--timeout", "-5", words="longer than 0 seconds"
    ),
    "absurd limit": policy("timeout_seconds", 1e15, "--timeout", "1e15", words="at most 10 years"),
    "absurd priority": policy("priority", 10**6, "--priority", "1000000", words="1000"),
    "nothing in parallel": Bad(
        {"policies": {"overlap": "parallel", "max_parallel": 0}},
        ("--overlap", "parallel", "--max-parallel", "0"),
        "policies.max_parallel",
        "From 1",
    ),
    "interval of zero": trigger(
        {"kind": "interval", "cron": None, "every_seconds": 0},
        "--every",
        "0s",
        field="every_seconds",
        words="",
    ),
    "end before start": trigger(
        {"start": "2030-01-02T00:00:00Z", "end": "2030-01-01T00:00:00Z"},
        *("--cron", "0 * * * *", "--time-zone", "UTC", "--start", "2030-01-02"),
        *("--end", "2030-01-01"),
        field="end",
        words="",
    ),
}


@pytest.fixture
def http(served):
    """A plain HTTP client on the service's socket."""
    transport = httpx.HTTPTransport(uds=str(served.socket))
    with httpx.Client(transport=transport, base_url=f"http://localhost{BASE}", timeout=60) as made:
        yield made


@pytest.fixture
def shell(served, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]):
    """`jupyter orch …` in this process: its exit code and its words."""
    for name, value in served.environment.items():
        monkeypatch.setenv(name, value)
    monkeypatch.chdir(served.root)
    monkeypatch.setattr("sys.stdin", io.StringIO())  # nobody is there to answer

    def run(*arguments: str) -> tuple[Any, str, str]:
        with pytest.raises(SystemExit) as ended:
            main(arguments)
        return ended.value.code, *capsys.readouterr()

    return run


@pytest.fixture(scope="module")
def notebook(served) -> str:
    """One that may be scheduled."""
    served.write("report.ipynb", "print('report')")
    return str(served.root / "report.ipynb")


@pytest.mark.parametrize("case", BAD)
def test_inv9_it_is_refused_with_the_field_and_a_sentence(http, shell, notebook, case) -> None:
    """422 and exit code 2; both name what is wrong, and no job is there afterwards."""
    bad = BAD[case]
    answer = http.post("/jobs", json={"name": case, "notebook": notebook, **bad.body})
    problem = answer.json()
    assert answer.status_code == 422, answer.text
    assert problem["field"] == bad.field
    assert problem["title"].endswith(".")
    assert bad.words in answer.text
    code, out, err = shell("schedule", "report.ipynb", "--name", case, *bad.typed)
    assert (code, out) == (2, "")
    assert bad.words in err
    assert "Traceback" not in err
    assert http.get(f"/jobs/{case}").status_code == 404


def test_inv9_a_backfill_of_a_million_intervals_has_to_be_meant(http, shell, notebook) -> None:
    """Programs say so in a field; a person hears the number and is asked before it is made."""
    minutes = {"kind": "interval", "every_seconds": 60, "anchor": "2024-01-01T00:00:00Z"}
    name = "every minute"
    body = {"name": name, "notebook": notebook, "triggers": [minutes]}
    job = http.post("/jobs", json=body).raise_for_status().json()
    http.post(f"/jobs/{job['id']}:pause").raise_for_status()
    span = {"first": "2024-01-01T00:00:00Z", "last": "2025-12-01T00:00:00Z"}
    answer = http.post("/backfills", json={"job": name, **span})
    assert answer.status_code in {409, 422}, answer.text
    assert answer.json()["field"] == "confirm"
    days = ("--from", "2024-01-01", "--to", "2025-12-01")
    code, out, _ = shell("backfill", name, *days)
    assert code == 1
    assert re.search(r"1,?00\d,?\d{3} runs", out), out
    assert http.get("/backfills").json()["items"] == []
    assert http.get(f"/runs?job={job['id']}").json()["items"] == []


def test_inv8_a_job_whose_trigger_raises_stops_alone_and_says_why(
    served, http, shell, notebook
) -> None:
    """The error is shown by both; the job beside it goes on."""
    ids = {}
    for name in ("poisoned", "healthy"):
        triggers = [HOURLY | {"time_zone": "Europe/Paris"}]
        body = {"name": name, "notebook": notebook, "triggers": triggers}
        ids[name] = http.post("/jobs", json=body).raise_for_status().json()["id"]
    with closing(sqlite3.connect(served.state_dir / "state.db", timeout=30)) as database, database:
        database.execute(
            "UPDATE job_version SET spec = replace(spec, 'Europe/Paris', 'Mars/Base')"
            " WHERE job_id = ?",
            (ids["poisoned"],),
        )
        database.execute("UPDATE trigger SET next_due = next_due - 3600000000")
    error = wait_for(lambda: http.get(f"/jobs/{ids['poisoned']}").json()["job"]["error"])
    assert "Mars/Base" in error
    code, out, _ = shell("show", "poisoned")
    assert code == 0
    assert "Mars/Base" in out
    assert wait_for(lambda: http.get(f"/runs?job={ids['healthy']}").json()["items"])
    assert http.get(f"/jobs/{ids['healthy']}").json()["job"]["error"] is None

"""Runs by hand of a data interval over the REST API, on the real socket."""

import httpx
import pytest

from jupyter_orch.server.routes import BASE

#: The day that ends at six in the morning of 2 November in Tokyo.
DAY = {"interval_start": "2026-10-31T21:00:00Z", "interval_end": "2026-11-01T21:00:00Z"}


@pytest.fixture
def http(served):
    """A plain HTTP client on the service's socket."""
    transport = httpx.HTTPTransport(uds=str(served.socket))
    with httpx.Client(
        transport=transport, base_url=f"http://localhost{BASE}", timeout=30
    ) as client:
        yield client


@pytest.fixture
def job(served, http, request):
    """A job of two triggers whose day is that of the run."""
    name = request.node.originalname
    served.write(f"{name}.ipynb", "print(day)", parameters="day: date = None\nhour: int = 0")
    daily = {"kind": "cron", "cron": "0 6 * * *", "time_zone": "Asia/Tokyo"}
    hourly = {"kind": "interval", "every_seconds": 3600}
    spec = {
        "name": name,
        "notebook": str(served.root / f"{name}.ipynb"),
        "parameters": {"day": "{{ interval_start }}"},
        "triggers": [
            {"id": "daily", **daily},
            {"id": "hourly", **hourly, "parameters": {"hour": "{{ interval_end | %H }}"}},
        ],
    }
    made = http.post("/jobs", json=spec, headers={"Idempotency-Key": name})
    yield made.raise_for_status().json()
    http.delete(f"/jobs/{made.json()['id']}")


def test_the_interval_is_shown_and_then_run(http, job) -> None:
    """What is answered before is what the run gets."""
    path = f"/jobs/{job['id']}"
    assert http.get(f"{path}/interval", params=DAY).json() == {
        "trigger": "daily",
        "time_zone": "Asia/Tokyo",
        **DAY,
        "parameters": {"day": "2026-11-01"},
    }
    run = http.post(f"{path}:run", json=DAY).raise_for_status().json()
    assert {name: run[name] for name in DAY} == DAY
    assert (run["trigger_id"], run["parameters"]) == ("daily", {"day": "2026-11-01"})
    shown = http.get(f"{path}/interval", params={"trigger": "hourly"}).json()
    body = {"trigger": "hourly", "parameters": {"day": "{{ interval_end.utc }}"}}
    run = http.post(f"{path}:run", json=body).raise_for_status().json()
    assert run["interval_end"] >= shown["interval_end"]
    assert run["parameters"]["day"] == run["interval_end"][:10]
    assert run["parameters"]["hour"] == int(run["interval_end"][11:13])
    again = http.post(f"/runs/{run['id']}:rerun", json={}).raise_for_status().json()
    same = ("interval_start", "interval_end", "trigger_id", "parameters")
    assert [again[name] for name in same] == [run[name] for name in same]


@pytest.mark.parametrize(
    ("body", "field"),
    [
        ({"trigger": "moon"}, "trigger"),
        ({"interval_start": DAY["interval_start"]}, "interval_end"),
        ({**DAY, "interval_start": "2026-11-02T00:00:00Z"}, "interval_end"),
        ({**DAY, "interval_end": "2026-11-01T21:00:00"}, "interval_end"),
        ({**DAY, "interval_end": "soon"}, "interval_end"),
    ],
)
def test_inv9_an_interval_that_is_none_is_one_error(http, job, body, field) -> None:
    """It names its field, the same for both requests."""
    path = f"/jobs/{job['id']}"
    for answer in (
        http.post(f"{path}:run", json=body),
        http.get(f"{path}/interval", params=body),
    ):
        assert answer.status_code == 422
        assert answer.json()["field"] == field
    assert http.get("/runs", params={"job": job["id"]}).json()["items"] == []


def test_a_value_that_needs_an_interval_is_refused_without_one(served, http) -> None:
    """A job without triggers has none to give."""
    served.write("bare.ipynb", "print(day)", parameters="day: date = None")
    notebook = str(served.root / "bare.ipynb")
    values = {"day": "{{ interval_start }}"}
    job = http.post("/jobs", json={"name": "bare", "notebook": notebook, "parameters": values})
    assert job.status_code == 201
    shown = http.get("/jobs/bare/interval").json()
    assert (shown["trigger"], shown["interval_end"], shown["parameters"]) == (None, None, values)
    answer = http.post("/jobs/bare:run", json={})
    assert (answer.status_code, answer.json()["field"]) == (422, "parameters.day")
    assert "needs interval_start" in answer.json()["title"]
    assert http.post("/jobs/bare:run", json=DAY).json()["parameters"] == {"day": "2026-10-31"}

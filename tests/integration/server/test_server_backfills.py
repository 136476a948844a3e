"""Backfills over the REST API, on the real socket."""

import httpx
import pytest
from service_kit import wait_for

from jupyter_orch.server.routes import BASE

DAYS = {"first": "2026-01-01T00:00:00Z", "last": "2026-01-03T23:00:00Z"}


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
    """A daily job that nobody else has."""
    name = request.node.name
    served.write(f"{name}.ipynb", "print(x)", parameters="x: int = 1")
    trigger = {"id": "night", "kind": "cron", "cron": "0 6 * * *"}
    spec = {"name": name, "notebook": str(served.root / f"{name}.ipynb"), "triggers": [trigger]}
    return http.post("/jobs", json=spec).raise_for_status().json()


def test_a_backfill_is_planned_made_shown_and_comes_to_its_end(http, job) -> None:
    """The life of a backfill in requests; its runs are found by it and by their kind."""
    body = {"job": job["id"], **DAYS, "concurrency": 3, "parameters": {"x": 5}}
    plan = http.post("/backfills:plan", json=body).raise_for_status().json()
    assert (plan["intervals"], plan["missing"], plan["runs"]) == (3, 3, 3)
    assert plan["next"][0] == {
        "at": "2026-01-01T06:00:00Z",
        "interval_start": "2025-12-31T06:00:00Z",
        "standing": "missing",
    }
    made = http.post("/backfills", json=body, headers={"Idempotency-Key": "b1"})
    again = http.post("/backfills", json=body, headers={"Idempotency-Key": "b1"})
    assert made.status_code == again.status_code == 201
    one = made.json()
    assert again.json()["id"] == one["id"]
    path = f"/backfills/{one['id']}"
    ended = wait_for(
        lambda: each if (each := http.get(path).json())["state"] != "running" else None
    )
    assert (ended["state"], ended["counts"]) == ("succeeded", {"succeeded": 3})
    listed = http.get("/backfills", params={"job": job["id"]}).json()
    assert listed == {"items": [ended], "next_cursor": None}
    runs = http.get("/runs", params={"backfill": one["id"]}).json()["items"]
    assert {run["logical_time"] for run in runs} == {
        f"2026-01-0{day}T06:00:00Z" for day in (1, 2, 3)
    }
    assert {run["parameters"]["x"] for run in runs} == {5}
    by_kind = {"job": job["id"], "kind": "backfill"}
    assert http.get("/runs", params=by_kind).json()["items"] == runs
    assert http.get("/runs", params={**by_kind, "kind": "manual"}).json()["items"] == []
    done = http.post("/backfills:plan", json=body).json()
    assert (done["done"], done["runs"], done["next"]) == (3, 0, [])
    refused = http.post(f"{path}:cancel")
    assert (refused.status_code, refused.json()["code"]) == (409, "refused")
    changed = http.get("/changes", params={"after": 0}).json()["changes"]
    assert {"backfill"} == {each["kind"] for each in changed if each["key"] == one["id"]}


def test_a_backfill_is_cancelled(http, served, job) -> None:
    """Its runs go with it; once more is harmless."""
    slow = str(served.root / "slow.ipynb")
    served.write("slow.ipynb", "import time; time.sleep(600)")
    http.put(f"/jobs/{job['id']}", json={**job["spec"], "notebook": slow}).raise_for_status()
    one = http.post("/backfills", json={"job": job["id"], **DAYS}).raise_for_status().json()
    path = f"/backfills/{one['id']}"
    wait_for(lambda: http.get(path).json()["counts"].get("running"))
    assert http.post(f"{path}:cancel").raise_for_status().json()["state"] == "cancelled"
    ended = wait_for(
        lambda: each if (each := http.get(path).json())["counts"] == {"cancelled": 1} else None
    )
    assert ended["state"] == "cancelled"
    assert http.post(f"{path}:cancel").status_code == 200


@pytest.mark.parametrize(
    ("body", "field"),
    [
        ({}, "first"),
        ({"job": "x", **DAYS, "speed": 9}, "speed"),
        ({"job": "x", **DAYS, "only": "some"}, "only"),
        ({"job": "x", **DAYS, "concurrency": "3"}, "concurrency"),
        ({"job": "x", **DAYS, "first": "soon"}, "first"),
    ],
)
def test_inv9_a_bad_body_is_a_problem_with_its_field(http, body, field) -> None:
    """By both doors."""
    for path in ("/backfills", "/backfills:plan"):
        answer = http.post(path, json=body)
        assert (answer.status_code, answer.json()["field"]) == (422, field), answer.text


def test_inv9_times_need_a_zone(http, job) -> None:
    """A bare day could be anybody's."""
    for first in ("2026-01-01", "2026-01-01T00:00:00"):
        body = {"job": job["id"], **DAYS, "first": first}
        answer = http.post("/backfills:plan", json=body)
        assert (answer.status_code, answer.json()["field"]) == (422, "first"), answer.text


@pytest.mark.parametrize(
    ("method", "path", "status"),
    [
        ("GET", "/backfills/nope", 404),
        ("POST", "/backfills/nope:cancel", 404),
        ("GET", "/backfills?job=nope", 404),
        ("GET", "/backfills?limit=0", 422),
        ("GET", "/backfills?cursor=%00", 422),
        ("GET", "/runs?kind=dancing", 422),
        ("PUT", "/backfills", 405),
    ],
)
def test_errors_are_problems(http, method: str, path: str, status: int) -> None:
    """Whatever is wrong, the answer has the same shape."""
    answer = http.request(method, path)
    assert answer.status_code == status, answer.text
    assert answer.headers["Content-Type"] == "application/problem+json"

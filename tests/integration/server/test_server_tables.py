"""Versions of a table through the REST API: plans, guards, and callers who leave."""

import httpx
import pytest

from jupyter_orch.domain.errors import NotFound, StaleWrite
from jupyter_orch.server.routes import BASE

TABLE = f"{BASE}/tables/analytics.made"


@pytest.fixture
def http(served):
    """A plain HTTP client on the service's socket."""
    transport = httpx.HTTPTransport(uds=str(served.socket))
    with httpx.Client(transport=transport, base_url="http://localhost", timeout=60) as client:
        yield client


@pytest.fixture(scope="module")
def runs(served) -> list[str]:
    """Ids of three runs that each made a version."""
    served.write(
        "made.ipynb",
        "import pandas as pd, jupyter_orch as orch",
        "with orch.output('analytics.made') as out:\n"
        "    out.write(pd.DataFrame({'k': range(rows), 'v': ['x' * 50] * rows}))",
        parameters="rows: int = 1",
    )
    assert served.shell("schedule", "made.ipynb").returncode == 0
    return [served.json("run", "made", "-p", "rows", str(n), "--wait")["id"] for n in (1, 2, 3)]


def versions(http) -> list[dict]:
    """All versions, newest first."""
    return http.get(f"{TABLE}/versions").json()["items"]


def test_a_roll_back_is_planned_and_tied_to_the_plan(served, http, runs) -> None:
    """Who answers after somebody else published is told, and nothing happens."""
    oldest = versions(http)[-1]["snapshot_id"]
    plan = http.post(f"{TABLE}:plan-rollback", json={"version": oldest})
    assert plan.is_success
    assert plan.json()["count"] == 2
    assert [each["run_id"] for each in plan.json()["undoes"]] == [runs[2], runs[1]]
    seen = plan.headers["ETag"]
    assert seen == f'"{versions(http)[0]["snapshot_id"]}"'
    served.json("run", "made", "-p", "rows", "4", "--wait")
    body = {"version": oldest, "reason": "late source"}
    stale = http.post(f"{TABLE}:rollback", json=body, headers={"If-Match": seen})
    assert (stale.status_code, stale.json()["code"]) == (412, "stale_write")
    assert versions(http)[0]["total_rows"] == 4
    again = http.post(f"{TABLE}:plan-rollback", json={"version": oldest}).headers["ETag"]
    done = http.post(f"{TABLE}:rollback", json=body, headers={"If-Match": again})
    assert (done.status_code, done.json()["reason"]) == (200, "late source")
    assert done.json()["rollback_to"] == oldest


def test_an_undo_is_planned_and_safe_to_repeat(served, http, runs) -> None:
    """The tag of the plan guards it; the second time it answers the same."""
    run = served.json("run", "made", "-p", "rows", "9", "--wait")["id"]
    plan = http.post(f"{BASE}/runs/{run}:plan-undo")
    (part,) = plan.json()["parts"]
    assert (part["table"], part["removed"], part["restored"]) == ("analytics.made", 9, 1)
    guard = {"If-Match": plan.headers["ETag"]}
    done = http.post(f"{BASE}/runs/{run}:undo", json={}, headers=guard)
    assert done.is_success
    assert http.post(f"{BASE}/runs/{run}:undo", json={}, headers=guard).json() == done.json()
    with served.client() as client:
        with pytest.raises(StaleWrite):
            client.undo(runs[2], tag="another")
        with pytest.raises(NotFound):
            client.plan_undo("0" * 26)


@pytest.mark.parametrize(
    ("path", "body", "field"),
    [
        (":rollback", {"version": "x"}, "version"),
        (":rollback", {"version": 1, "reason": "y" * 501}, "reason"),
        (":pin", {}, "version"),
        (":plan-rollback", {"version": 1, "more": 2}, "more"),
    ],
)
@pytest.mark.usefixtures("runs")
def test_inv9_bad_bodies_name_their_field(http, path, body, field) -> None:
    """And change nothing."""
    before = versions(http)
    said = http.post(f"{TABLE}{path}", json=body)
    assert (said.status_code, said.json()["field"]) == (422, field)
    assert versions(http) == before


@pytest.mark.usefixtures("runs")
def test_a_comparison_names_what_is_missing(http) -> None:
    """Both versions have to be given, and to exist."""
    one = versions(http)[0]["snapshot_id"]
    said = http.get(f"{TABLE}/diff", params={"before": one})
    assert (said.status_code, said.json()["field"]) == (422, "after")
    assert http.get(f"{TABLE}/diff", params={"before": one, "after": 5}).status_code == 404
    same = http.get(f"{TABLE}/diff", params={"before": one, "after": one})
    assert (same.status_code, same.json()["added"]) == (200, 0)


@pytest.mark.usefixtures("runs")
def test_a_comparison_ends_with_its_caller(served, http) -> None:
    """Others do not wait for those that nobody waits for."""
    for rows in ("2000000", "1999999"):
        served.json("run", "made", "-p", "rows", rows, "--wait")
    new, old = (each["snapshot_id"] for each in versions(http)[:2])
    question = {"before": old, "after": new, "key": "k"}
    for _ in range(4):  # one more than go on at once
        with pytest.raises(httpx.ReadTimeout):
            http.get(f"{TABLE}/diff", params=question, timeout=0.05)
    assert http.get(f"{TABLE}/diff", params=question, timeout=120).json()["removed"] == 1

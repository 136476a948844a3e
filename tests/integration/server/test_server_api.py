"""The REST API as a program meets it, on the real socket."""

import json
import os
import socket
import stat
import subprocess
import sys

import httpx
import pytest

from jupyter_orch.domain.errors import StaleWrite
from jupyter_orch.server.routes import BASE, ROUTES


@pytest.fixture
def http(served):
    """A plain HTTP client on the service's socket."""
    transport = httpx.HTTPTransport(uds=str(served.socket))
    with httpx.Client(transport=transport, base_url="http://localhost", timeout=30) as client:
        yield client


@pytest.fixture
def spec(served, request):
    """A job that nobody else has."""
    name = request.node.name
    served.write(f"{name}.ipynb", "print(x)", parameters="x: int = 1")
    return {"name": name, "notebook": str(served.root / f"{name}.ipynb")}


def test_job_is_saved_shown_edited_and_removed(http, spec) -> None:
    """The life of a job in five requests, with its entity tag."""
    made = http.post(f"{BASE}/jobs", json=spec)
    assert (made.status_code, made.headers["ETag"]) == (201, '"1"')
    job = made.json()
    shown = http.get(f"{BASE}/jobs/{job['id']}")
    assert shown.json()["job"] == job
    assert shown.headers["ETag"] == '"1"'
    edit = {**spec, "description": "mine"}
    saved = http.put(f"{BASE}/jobs/{job['id']}", json=edit, headers={"If-Match": '"1"'})
    assert (saved.status_code, saved.headers["ETag"]) == (200, '"2"')
    stale = http.put(f"{BASE}/jobs/{job['id']}", json=spec, headers={"If-Match": '"1"'})
    assert (stale.status_code, stale.json()["code"]) == (412, "stale_write")
    late = http.delete(f"{BASE}/jobs/{job['id']}", headers={"If-Match": '"1"'})
    assert (late.status_code, late.json()["code"]) == (412, "stale_write")
    gone = http.delete(f"{BASE}/jobs/{job['id']}", headers={"If-Match": '"2"'})
    assert (gone.status_code, gone.content) == (204, b"")
    assert http.get(f"{BASE}/jobs/{job['id']}").status_code == 404


def test_pool_is_changed_by_who_saw_it_last(http, served) -> None:
    """Its tag guards it, for a program and for the client."""
    made = http.put(f"{BASE}/pools/tagged", json={"slots": 2})
    assert (made.status_code, made.headers["ETag"]) == (200, '"2"')
    assert http.get(f"{BASE}/pools/tagged").headers["ETag"] == '"2"'
    assert "tagged" in [pool["name"] for pool in http.get(f"{BASE}/pools").json()["items"]]
    guarded = {"If-Match": '"2"'}
    assert http.put(f"{BASE}/pools/tagged", json={"slots": 3}, headers=guarded).is_success
    late = http.put(f"{BASE}/pools/tagged", json={"slots": 4}, headers=guarded)
    assert (late.status_code, late.json()["code"]) == (412, "stale_write")
    with served.client() as client:
        with pytest.raises(StaleWrite):
            client.delete_pool("tagged", tag=2)
        assert client.pool("tagged")["slots"] == 3
        client.delete_pool("tagged", tag=3)
    assert http.get(f"{BASE}/pools/tagged").status_code == 404


def test_job_is_found_by_an_odd_name(http, spec) -> None:
    """Names may hold slashes, colons and spaces; quoted they are one part of a path."""
    name = "a/b: run ünïcode?"
    http.post(f"{BASE}/jobs", json={**spec, "name": name}).raise_for_status()
    quoted = "a%2Fb%3A%20run%20%C3%BCn%C3%AFcode%3F"
    assert http.get(f"{BASE}/jobs/{quoted}").json()["job"]["spec"]["name"] == name
    assert http.post(f"{BASE}/jobs/{quoted}:pause").json()["paused"]
    assert http.delete(f"{BASE}/jobs/{quoted}").status_code == 204


def test_keys_make_requests_repeatable(http, spec) -> None:
    """The same key answers with the same job and the same run."""
    key = {"Idempotency-Key": "k1"}
    job = http.post(f"{BASE}/jobs", json=spec, headers=key).json()
    assert http.post(f"{BASE}/jobs", json=spec, headers=key).json()["id"] == job["id"]
    http.post(f"{BASE}/jobs/{job['id']}:pause")
    first = http.post(f"{BASE}/jobs/{job['id']}:run", headers=key)
    again = http.post(f"{BASE}/jobs/{job['id']}:run", headers=key)
    assert first.status_code == again.status_code == 201
    assert first.json()["id"] == again.json()["id"]
    assert http.post(f"{BASE}/jobs", json=spec).status_code == 409


BAD_BODIES = {
    "not JSON": (b"{", None),
    "an array": (b"[]", None),
    "no name": (b'{"notebook": "x.ipynb"}', "name"),
    "number for a name": (b'{"name": 1, "notebook": "x.ipynb"}', "name"),
    "unknown field": (b'{"name": "a", "notebook": "x.ipynb", "nam": 1}', "nam"),
    "unknown field inside": (
        b'{"name": "a", "notebook": "x.ipynb", "policies": {"retrys": 1}}',
        "policies.retrys",
    ),
    "text for a number": (
        b'{"name": "a", "notebook": "x.ipynb", "policies": {"retries": "3"}}',
        "policies.retries",
    ),
    "unknown kind of trigger": (
        b'{"name": "a", "notebook": "x.ipynb", "triggers": [{"kind": "moon"}]}',
        "triggers.0.kind",
    ),
    "deep nesting": (b"[" * 100_000, None),
}


@pytest.mark.parametrize("case", BAD_BODIES)
def test_bad_body_is_a_problem_with_its_field(http, case: str) -> None:
    """422 with words for people; never a stack trace."""
    body, field = BAD_BODIES[case]
    answer = http.post(f"{BASE}/jobs", content=body)
    problem = answer.json()
    assert answer.status_code == 422
    assert answer.headers["Content-Type"] == "application/problem+json"
    assert (problem["status"], problem["code"], problem["field"]) == (422, "bad_input", field)
    assert "Traceback" not in answer.text


def test_every_bad_field_is_named(http) -> None:
    """`errors` beside the first one."""
    problem = http.post(
        f"{BASE}/jobs", json={"name": "", "notebook": "nope.ipynb", "triggers": []}
    ).json()
    assert [error["field"] for error in problem["errors"]] == ["name", "notebook"]
    assert problem["title"] == problem["errors"][0]["title"]


@pytest.mark.parametrize(
    ("method", "path", "status"),
    [
        ("GET", "/nothing", 404),
        ("GET", "/jobs/nope", 404),
        ("GET", "/runs/nope", 404),
        ("GET", "/runs/nope/notebook", 404),
        ("GET", "/runs?job=nope", 404),
        ("GET", "/runs?state=dancing", 422),
        ("GET", "/runs?limit=many", 422),
        ("GET", "/runs?limit=100000", 422),
        ("GET", "/runs?cursor=%00", 422),
        ("GET", "/tables/no.such/versions", 404),
        ("GET", "/tables/a'b/versions", 422),
        ("PUT", "/jobs", 405),
        ("POST", "/ledger:close", 404),
        ("POST", "/ledger:__init__", 404),
    ],
)
def test_errors_are_problems(http, method: str, path: str, status: int) -> None:
    """Whatever is wrong with the path, the answer has the same shape."""
    answer = http.request(method, BASE + path)
    assert answer.status_code == status, answer.text
    assert answer.headers["Content-Type"] == "application/problem+json"
    assert answer.json()["title"]


def test_stale_tag_has_to_be_a_tag(http, spec) -> None:
    """A made-up `If-Match` is named as the field."""
    job = http.post(f"{BASE}/jobs", json=spec).json()
    answer = http.put(f"{BASE}/jobs/{job['id']}", json=spec, headers={"If-Match": '"x"'})
    assert (answer.status_code, answer.json()["field"]) == (422, "If-Match")


def test_changes_are_waited_for(http, spec) -> None:
    """A reader hears of a change while it waits, and of nothing when nothing happens."""
    cursor = http.get(f"{BASE}/changes", params={"after": -1}).json()["cursor"]
    http.post(f"{BASE}/jobs", json=spec)
    page = http.get(f"{BASE}/changes", params={"after": cursor, "wait": 30}).json()
    assert page["changes"][0]["kind"] == "job"
    ahead = page["cursor"] + 1_000_000
    quiet = http.get(f"{BASE}/changes", params={"after": ahead, "wait": 1}).json()
    assert quiet["changes"] == []


def test_ledger_is_served_by_name(http) -> None:
    """Workers elsewhere call the ledger; a wrong argument is named."""
    assert http.post(f"{BASE}/ledger:reap", json={}).json() == 0
    bad = http.post(f"{BASE}/ledger:claim_runs", json={"worker": 1, "limit": 1})
    assert bad.status_code == 422
    typed = http.post(
        f"{BASE}/ledger:claim_runs", json={"worker": "w", "limit": "1", "lease_seconds": 5}
    )
    assert (typed.status_code, typed.json()["field"]) == (422, "limit")


def test_description_names_every_route(http) -> None:
    """The OpenAPI document is made of the table that the server is made of."""
    document = http.get(f"{BASE}/openapi.json").json()
    described = {
        (method.upper(), path) for path, verbs in document["paths"].items() for method in verbs
    }
    assert described == {(route.method, route.path) for route in ROUTES}
    assert document["openapi"].startswith("3.1")
    references = set(json.dumps(document).split('"#/components/schemas/')[1:])
    names = {reference.split('"')[0] for reference in references}
    assert names <= set(document["components"]["schemas"])
    operations = [
        verb["operationId"] for verbs in document["paths"].values() for verb in verbs.values()
    ]
    assert len(set(operations)) == len(operations)


def test_description_tells_the_listings_apart(http) -> None:
    """A page of jobs holds jobs, a page of runs holds runs."""
    document = http.get(f"{BASE}/openapi.json").json()
    for path, item in {"/jobs": "JobSummary", "/runs": "Run", "/tables": "TableInfo"}.items():
        answer = document["paths"][path]["get"]["responses"]["200"]["content"]["application/json"]
        page = document["components"]["schemas"][answer["schema"]["$ref"].rpartition("/")[2]]
        assert page["properties"]["items"]["items"]["$ref"].endswith(f"/{item}")


def test_a_verb_that_there_is_not_names_those_that_there_are(http) -> None:
    """As HTTP asks for, with a problem in the body."""
    refused = http.request("TRACE", f"{BASE}/jobs")
    assert (refused.status_code, refused.headers["Allow"]) == (405, "GET, POST")
    assert http.put(f"{BASE}/jobs", json={}).headers["Allow"] == "GET, POST"
    assert refused.headers["Content-Type"] == "application/problem+json"


def test_inv9_an_empty_argument_and_a_body_that_is_null_are_refused(http, spec) -> None:
    """Neither is the same as leaving it out."""
    http.post(f"{BASE}/jobs", json=spec).raise_for_status()
    job = f"{BASE}/jobs/{spec['name']}"
    empty = http.get(f"{job}/interval?interval_start=")
    assert (empty.status_code, empty.json()["field"]) == (422, "interval_start")
    for path, name in (("runs", "kind"), ("runs", "state"), ("runs", "limit"), ("jobs", "state")):
        refused = http.get(f"{BASE}/{path}?{name}=")
        assert (refused.status_code, refused.json()["field"]) == (422, name)
    null = http.post(f"{job}:run", content=b"null")
    assert (null.status_code, null.json()["code"]) == (422, "bad_input")
    assert http.post(f"{job}:run").status_code == 201


@pytest.mark.parametrize("wait", ["-1", "61", "soon"])
def test_inv9_a_wait_out_of_range_is_refused(http, wait) -> None:
    """With the name of the argument."""
    refused = http.get(f"{BASE}/changes?wait={wait}")
    assert (refused.status_code, refused.json()["field"]) == (422, "wait")


def test_monitors_are_answered(http) -> None:
    """Health without login, figures in Prometheus' format."""
    assert http.get("/healthz").json()["status"] == "ok"
    text = http.get("/metrics").text
    assert 'jupyter_orch_part_up{part="scheduler"} 1.0' in text
    assert 'jupyter_orch_runs{state="queued"}' in text


@pytest.mark.parametrize(
    "path",
    [
        "/api/contents",
        "/api/kernels",
        "/api/sessions",
        "/api/terminals",
        "/api/kernelspecs",
        "/api/config/x",
        "/api/shutdown",
        "/api/nbconvert",
        "/files/x",
        "/nbconvert/html/x",
        "/view/x",
        "/lsp/status",
        "/login",
        "/lab",
        "/tree",
        "/static/favicons/favicon.ico",
    ],
)
def test_there_is_no_remote_shell(http, path: str) -> None:
    """No contents, kernels, sessions, terminals or pages."""
    for method in ("GET", "POST"):
        assert http.request(method, path).status_code in {403, 404, 405}, path


def test_socket_is_private(served) -> None:
    """Only our own user may open socket, lock and state."""
    assert stat.S_IMODE(served.socket.stat().st_mode) == 0o600
    assert stat.S_IMODE(served.state_dir.stat().st_mode) == 0o700


@pytest.mark.skipif(os.getuid() != 0, reason="only root may become another user")
def test_process_of_another_user_is_refused(served) -> None:
    """The kernel says who is at the other end, whatever the file mode is."""
    script = """
import os, socket, sys
peer = socket.socket(socket.AF_UNIX)
peer.connect(sys.argv[1])
os.setuid(65534)
other = socket.socket(socket.AF_UNIX)
try:
    other.connect(sys.argv[1])
except PermissionError:
    print("refused by the file mode")
"""
    done = subprocess.run(
        [sys.executable, "-c", script, str(served.socket)],
        capture_output=True,
        text=True,
        check=True,
        timeout=30,
    )
    assert done.stdout.strip() == "refused by the file mode"


def test_peer_uid_is_asked_of_the_kernel() -> None:
    """SO_PEERCRED tells the user at the other end of a socket."""
    from jupyter_orch.server.identity import peer_uid

    ours, theirs = socket.socketpair()
    with ours, theirs:
        assert peer_uid(ours) == os.getuid()

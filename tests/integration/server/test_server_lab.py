"""JupyterLab's server beside a running service: forwarding, and telling of changes."""

import asyncio
import json
from pathlib import Path

import pytest
from tornado.httpclient import HTTPClientError

from jupyter_orch.server.events import CHANGED
from jupyter_orch.server.routes import BASE

pytest_plugins = ["pytest_jupyter.jupyter_server"]


@pytest.fixture(autouse=True)
def beside(served, monkeypatch):
    """The Jupyter server reads the settings of the running service."""
    monkeypatch.setenv("JUPYTER_ORCH__STATE__DIR", str(served.state_dir))
    return served


async def test_requests_are_forwarded_with_the_labs_root(beside, jp_serverapp, fetch) -> None:
    """A relative path means the file that the file browser shows; tags and codes pass through."""
    beside.write("lab/report.ipynb", "print(x)", parameters="x: int = 1")
    info = await fetch("POST", "/notebooks:inspect", {"path": "lab/report.ipynb"})
    assert json.loads(info.body)["path"] == str(beside.root / "lab" / "report.ipynb")
    spec = {"name": "from the lab", "notebook": "lab/report.ipynb"}
    made = await fetch("POST", "/jobs", spec, **{"Idempotency-Key": "lab"})
    assert (made.code, made.headers["ETag"]) == (201, '"1"')
    job = json.loads(made.body)
    stale = await fetch("PUT", f"/jobs/{job['id']}", spec, **{"If-Match": '"7"'})
    assert stale.code == 412
    assert stale.headers["Content-Type"] == "application/problem+json"
    page = await fetch("GET", "/jobs?search=lab&limit=1")
    assert [item["job"]["id"] for item in json.loads(page.body)["items"]] == [job["id"]]
    assert (await fetch("DELETE", f"/jobs/{job['id']}")).code == 204


async def test_what_is_asked_again_and_again_is_sent_once(beside, jp_serverapp, fetch) -> None:
    """A run that has not changed is told by its tag, through the Lab as well."""
    beside.write("lab/short.ipynb", "print('once')")
    spec = {"name": "short", "notebook": "lab/short.ipynb"}
    job = json.loads((await fetch("POST", "/jobs", spec)).body)
    run = json.loads((await fetch("POST", f"/jobs/{job['id']}:run")).body)
    await asyncio.to_thread(beside.ended, run["id"])
    for path in ("live", "notebook"):
        first = await fetch("GET", f"/runs/{run['id']}/{path}")
        assert (first.code, bool(first.body)) == (200, True)
        again = await fetch(
            "GET", f"/runs/{run['id']}/{path}", **{"If-None-Match": first.headers["ETag"]}
        )
        assert (again.code, again.body) == (304, b"")
        other = await fetch("GET", f"/runs/{run['id']}/{path}", **{"If-None-Match": '"other"'})
        assert (other.code, other.body) == (200, first.body)
    live = json.loads((await fetch("GET", f"/runs/{run['id']}/live")).body)
    assert (live["state"], live["cell"], live["queries"]) == ("succeeded", None, [])
    assert (await fetch("GET", "/runs/01j9zq6y3v8m5r2k7t4w1x0abc/live")).code == 404


async def test_lab_tells_where_it_is(beside, jp_serverapp, fetch) -> None:
    """Root, time zone, and that the service runs."""
    found = json.loads((await fetch("GET", "/lab")).body)
    assert Path(found["root"]) == Path(jp_serverapp.root_dir)
    assert found["service"] == {"running": True, "message": None, "hint": None}
    assert found["time_zone"]


async def test_stranger_is_refused(beside, jp_serverapp, http_server_client, jp_base_url) -> None:
    """Without the Jupyter server's token nothing is forwarded."""
    for path in ("/jobs", "/lab"):
        with pytest.raises(HTTPClientError) as caught:
            await http_server_client.fetch(jp_base_url.rstrip("/") + BASE + path)
        assert caught.value.code == 403


async def test_forged_request_is_refused(
    beside, jp_serverapp, http_server_client, jp_base_url
) -> None:
    """A page that another site shows cannot start runs with the user's cookie."""
    with pytest.raises(HTTPClientError) as caught:
        await http_server_client.fetch(
            jp_base_url.rstrip("/") + BASE + "/lab:start-service",
            method="POST",
            body="{}",
            headers={"Origin": "https://evil.example"},
        )
    assert caught.value.code in {403, 404}


async def test_changes_become_events(beside, jp_serverapp, fetch) -> None:
    """What changes in the service is told on the Jupyter server's own bus, as kind and key."""
    told = asyncio.Queue()

    async def listen(logger, schema_id: str, data: dict) -> None:
        await told.put({name: data[name] for name in ("cursor", "kind", "key")})

    extension = jp_serverapp.extension_manager.extension_points["jupyter_orch"].app
    jp_serverapp.event_logger.add_listener(schema_id=CHANGED, listener=listen)
    await extension._start_jupyter_server_extension(jp_serverapp)
    first = await asyncio.wait_for(told.get(), 30)
    assert (first["kind"], first["key"]) == ("service", "up")
    beside.write("event.ipynb", "print(1)")
    job = json.loads((await fetch("POST", "/jobs", {"name": "e", "notebook": "event.ipynb"})).body)
    change = await asyncio.wait_for(told.get(), 30)
    assert (change["kind"], change["key"]) == ("job", job["id"])
    assert change["cursor"] > 0

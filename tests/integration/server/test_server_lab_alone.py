"""JupyterLab's server where no service runs: it says so, and starts one."""

import asyncio
import json
import os
import tempfile
from pathlib import Path

import psutil
import pytest

from jupyter_orch.server import lab
from jupyter_orch.server.events import CHANGED
from jupyter_orch.server.instance import running, stop

pytest_plugins = ["pytest_jupyter.jupyter_server"]


@pytest.fixture(autouse=True)
def alone(short_folder, monkeypatch) -> Path:
    """A state folder that no service has."""
    folder = Path(tempfile.mkdtemp(dir=short_folder))
    monkeypatch.setenv("JUPYTER_ORCH__STATE__DIR", str(folder))
    return folder


async def test_service_that_is_away_is_named(jp_serverapp, fetch) -> None:
    """The sidebar learns from the field that it may offer to start the service."""
    answer = await fetch("GET", "/jobs")
    problem = json.loads(answer.body)
    assert (answer.code, problem["code"], problem["field"]) == (503, "unavailable", "service")
    found = json.loads((await fetch("GET", "/lab")).body)
    assert not found["service"]["running"]
    assert "jupyter orch up" in found["service"]["hint"]


async def test_service_is_started_and_outlives_the_lab(served, alone, jp_serverapp, fetch) -> None:
    """One click starts it, with the Lab's root, in a session that is not the Lab's."""
    try:
        assert (await fetch("POST", "/lab:start-service")).code == 200
        assert (await fetch("POST", "/lab:start-service")).code == 200
        status = json.loads((await fetch("GET", "/status")).body)
        assert status["roots"] == [str(served.root)]
        process = psutil.Process(int(running(alone)["pid"]))
        assert os.getsid(process.pid) != os.getsid(0)
        assert os.getpid() not in {parent.pid for parent in process.parents()}
    finally:
        assert stop(alone, timeout=60)


async def test_start_by_a_click_is_told_at_once(
    served, alone, jp_serverapp, fetch, monkeypatch
) -> None:
    """Who starts the service does not wait for the next look at it, and hears when it goes."""
    monkeypatch.setattr(lab, "AGAIN", 3600.0)
    told = asyncio.Queue()

    async def listen(logger, schema_id: str, data: dict) -> None:
        await told.put((data["kind"], data["key"]))

    extension = jp_serverapp.extension_manager.extension_points["jupyter_orch"].app
    jp_serverapp.event_logger.add_listener(schema_id=CHANGED, listener=listen)
    await extension._start_jupyter_server_extension(jp_serverapp)
    try:
        assert (await fetch("POST", "/lab:start-service")).code == 200
        assert await asyncio.wait_for(told.get(), 10) == ("service", "up")
    finally:
        assert await asyncio.to_thread(stop, alone, timeout=60)
    assert await asyncio.wait_for(told.get(), 10) == ("service", "down")

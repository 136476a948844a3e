"""Starting, stopping and finding the service."""

import os
import socket
import stat

import httpx
import pytest

from jupyter_orch.client import Client
from jupyter_orch.domain.errors import Forbidden
from jupyter_orch.server.instance import running


def test_no_service_says_how_to_start_it(unserved) -> None:
    """Exit code 5, and the command to type."""
    for command in (("jobs",), ("status",), ("run", "x"), ("versions", "a.b")):
        said = unserved.shell(*command)
        assert said.returncode == 5
        assert "jupyter orch up" in said.stderr


def test_second_start_says_that_it_runs_already(unserved) -> None:
    """In the foreground it is refused, in the background it is fine."""
    unserved.start()
    said = unserved.shell("up")
    assert said.returncode == 4
    assert f"process {unserved.process.pid}" in said.stderr
    again = unserved.shell("up", "--detach")
    assert again.returncode == 0
    assert "running already" in again.stdout
    assert unserved.healthy()


def test_stale_socket_is_replaced(unserved) -> None:
    """What a killed service left behind stops nobody."""
    unserved.start()
    unserved.kill()
    assert unserved.socket.exists()
    assert unserved.shell("status").returncode == 5
    unserved.start()
    assert unserved.shell("status").returncode == 0


def test_detached_service_is_stopped_by_down(unserved) -> None:
    """It returns once healthy, goes on by itself, and `down` waits for its end."""
    said = unserved.shell("up", "--detach")
    assert said.returncode == 0, said.stderr
    assert running(unserved.state_dir)
    assert unserved.shell("status").returncode == 0
    log = unserved.state_dir / "service.log"
    assert stat.S_IMODE(log.stat().st_mode) == 0o600
    assert "service.ready" in log.read_text()
    assert "Stopped the service" in unserved.shell("down").stdout
    assert running(unserved.state_dir) is None
    assert not unserved.socket.exists()
    assert "No service was running" in unserved.shell("down").stdout


def test_service_that_cannot_start_says_why(unserved) -> None:
    """The last words of the log reach the person."""
    unserved.environment["JUPYTER_ORCH__STATE__URL"] = "nonsense://x"
    said = unserved.shell("up", "--detach")
    assert said.returncode == 5
    assert "service did not start" in said.stderr
    assert "Traceback" not in said.stderr
    foreground = unserved.shell("up")
    assert foreground.returncode in {2, 5}
    assert "Traceback" not in foreground.stderr


def test_bad_setting_is_named(unserved) -> None:
    """With the variable that it comes from."""
    unserved.environment["JUPYTER_ORCH__WORKER__SLOTS"] = "none"
    said = unserved.shell("up")
    assert said.returncode == 2
    assert "JUPYTER_ORCH__WORKER__SLOTS" in said.stderr


def test_port_needs_the_token(unserved) -> None:
    """The loopback port answers only who holds the token; a page of another host cannot ask."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    unserved.environment["JUPYTER_ORCH__SERVICE__PORT"] = str(port)
    unserved.start()
    token_file = unserved.state_dir / "service.token"
    assert stat.S_IMODE(token_file.stat().st_mode) == 0o600
    url = f"http://127.0.0.1:{port}"
    path = f"{url}/jupyter-orch/api/v1/jobs"
    token = token_file.read_text()
    with httpx.Client() as http:
        assert http.get(path).status_code == 403
        assert http.get(path, headers={"Authorization": "token wrong"}).status_code == 403
        assert http.get(path, params={"token": token}).status_code == 403
        good = {"Authorization": f"token {token}"}
        assert http.get(path, headers=good).status_code == 200
        rebound = http.get(path, headers={**good, "Host": "evil.example"})
        assert rebound.status_code == 403
        assert http.get(f"{url}/healthz").status_code == 200
        assert http.get(f"{url}/metrics").status_code == 403
    with Client(url, token) as client:
        assert client.jobs()["items"] == []
    with Client(url, "wrong") as client, pytest.raises(Forbidden):
        client.jobs()


def test_start_leaves_no_child_of_ours(unserved) -> None:
    """A detached service is nobody's child, and in a session of its own."""
    unserved.shell("up", "--detach")
    pid = int(running(unserved.state_dir)["pid"])
    assert os.getsid(pid) == pid
    assert unserved.shell("down").returncode == 0


def test_roles_are_shared_by_processes(unserved) -> None:
    """One process answers, another executes; an unknown role is named, and neither is lost."""
    assert unserved.shell("up", "--role", "api,cook").returncode == 2
    assert unserved.shell("up", "--role", "worker", "--detach").returncode == 2
    unserved.start("--role", "api,scheduler")
    assert unserved.json("status")["workers"] == []
    unserved.write("hello.ipynb", "print('hello')")
    unserved.json("schedule", "hello.ipynb")
    run = unserved.json("run", "hello")
    worker = unserved.beside("--role", "worker")
    try:
        assert unserved.ended(run["id"])["state"] == "succeeded"
        assert len(unserved.json("status")["workers"]) == 1
    finally:
        worker.terminate()
        assert worker.wait(60) == 0

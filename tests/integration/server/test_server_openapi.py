"""The API against its own description: schemathesis asks, and judges every answer."""

import os
import socket
import subprocess
import sys
import tempfile
from pathlib import Path

import pytest
from service_kit import RunningService

from jupyter_orch.client.transport import TOKEN
from jupyter_orch.server.openapi import describe
from jupyter_orch.server.routes import BASE, ROUTES

CHECKS = (
    "not_a_server_error",
    "status_code_conformance",
    "content_type_conformance",
    "response_schema_conformance",
    "response_headers_conformance",
    "negative_data_rejection",
    "unsupported_method",
)
EXAMPLES = 6  # of each operation, beside those at the edges of its schema
BUDGET = 120  # seconds
#: What its requests are about, so that most of them find something.
CONFIG = """
[parameters]
"path.job" = "a"
"path.run" = "{run}"
"path.backfill" = "{backfill}"
"path.table" = "main.flights"
"path.method" = "get_run"

[[operations]]
include-name = "DELETE /jobs/{{job}}"
parameters = {{ "path.job" = "another" }}
"""


@pytest.fixture
def reachable(short_folder: Path):
    """A service on a port of the loopback, with a job, a run and a backfill."""
    folder = Path(tempfile.mkdtemp(dir=short_folder))
    (folder / "notebooks").mkdir()
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    running = RunningService(folder / "state", folder / "notebooks", SERVICE__PORT=str(port))
    running.start()
    running.write("a.ipynb", "print(x)", parameters="x: int = 1")
    yield running, f"http://127.0.0.1:{port}{BASE}"
    assert running.stop() == 0


def test_what_may_be_sent_is_described_as_it_is_taken() -> None:
    """Unknown fields are refused at any depth, and a trigger may leave its id to us."""
    schemas = describe(ROUTES)["components"]["schemas"]
    closed = {name for name, each in schemas.items() if each.get("additionalProperties") is False}
    assert {"JobSpec", "Trigger", "Policies", "Notification", "RunJob", "AskBackfill"} <= closed
    assert not closed & {"Job", "Run", "RunDetail", "Page_Run"}
    assert schemas["Trigger"]["required"] == ["kind"]


@pytest.mark.slow
@pytest.mark.timeout(600)
def test_every_answer_is_as_the_description_says(reachable) -> None:
    """None is a defect of ours; statuses, types and fields are those described; bad ones fail."""
    running, url = reachable
    trigger = {"id": "t", "kind": "cron", "cron": "0 6 * * *", "time_zone": "UTC"}
    with running.client() as client:
        notebook = str(running.root / "a.ipynb")
        client.create_job({"name": "a", "notebook": notebook, "triggers": [trigger]})
        run = running.ended(client.run("a")["id"])
        days = {"first": "2026-01-01T00:00:00Z", "last": "2026-01-03T00:00:00Z"}
        backfill = client.create_backfill("a", **days)
    config = running.state_dir / "schemathesis.toml"
    config.write_text(CONFIG.format(run=run["id"], backfill=backfill["id"]))
    token = (running.state_dir / TOKEN).read_text("utf-8").strip()
    done = subprocess.run(
        [
            *(sys.executable, "-m", "schemathesis.cli", "--config-file", str(config)),
            *("run", f"{url}/openapi.json", "--header", f"Authorization: Bearer {token}"),
            *("--checks", ",".join(CHECKS), "--phases", "examples,coverage,fuzzing"),
            *("--max-examples", str(EXAMPLES), "--max-time", str(BUDGET), "--seed", "1"),
            *("--suppress-health-check", "all", "--warnings", "off", "--continue-on-failure"),
            *("--no-color", "--request-timeout", "90"),
        ],
        cwd=running.state_dir,
        env={**os.environ, "COLUMNS": "200"},
        capture_output=True,
        text=True,
        timeout=BUDGET * 4,
        check=False,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    assert f"Selected: {len(ROUTES)}/{len(ROUTES)}" in done.stdout
    assert "Traceback" not in running.log.read_text()

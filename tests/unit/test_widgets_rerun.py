"""The rerun form against a real service: prefilled, checked, watched to the end."""

import threading
from collections.abc import Iterator
from datetime import date
from pathlib import Path

import pytest
from nbclient import NotebookClient
from nbformat.v4 import new_code_cell, new_notebook
from service_kit import STATE, RunningService

import jupyter_orch
from jupyter_orch.client import Client
from jupyter_orch.domain.errors import NotFound, Unavailable

WAIT_SECONDS = 90
PARAMETERS = """
from datetime import date
from typing import Literal

day: date = date(2013, 2, 14)  # the day to look at
origin: Literal["EWR", "JFK"] = "JFK"
least: int = 1
"""


@pytest.fixture(scope="module")
def service(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RunningService]:
    """A service with one job that fails when it is told to."""
    base = tmp_path_factory.mktemp("w")
    (base / "books").mkdir()
    running = RunningService(base / "s", base / "books")
    path = running.write(
        "look.ipynb", "assert least > 0, 'nothing to look at'", "print(day)", parameters=PARAMETERS
    )
    running.start()
    try:
        with running.client() as client:
            client.create_job({"name": "look", "notebook": str(path), "parameters": {"least": 2}})
        yield running
    finally:
        running.stop()


@pytest.fixture
def client(service: RunningService) -> Iterator[Client]:
    """A client of it."""
    with service.client() as client:
        yield client


def test_a_form_runs_a_job_and_then_starts_from_that_run(client: Client) -> None:
    """Values of the job first, then those of the last run; the result appears in place."""
    form = jupyter_orch.rerun("look", client=client)
    assert form.last_run is None
    assert form.fields["least"].value() == 2
    form.fields["day"].control.widget.value = date(2013, 7, 4)
    form.button.click()
    assert form.button.disabled
    run = form.wait(WAIT_SECONDS)
    assert run is not None
    assert run["state"] == "succeeded", run["error"]
    assert run["parameters"]["day"] == "2013-07-04"
    assert "succeeded" in form.status.value
    assert form.progress.value == form.progress.max == run["cells_total"]
    assert not form.button.disabled

    again = jupyter_orch.rerun("look", client=client)
    assert again.fields["day"].value() == "2013-07-04"
    again.fields["origin"].control.widget.value = "EWR"
    again.start()
    second = again.wait(WAIT_SECONDS)
    assert second is not None
    assert second["rerun_of"] == run["id"]
    assert second["parameters"] == run["parameters"] | {"origin": "EWR"}
    listed = jupyter_orch.runs("look", client=client)
    assert [one["id"] for one in listed][:2] == [second["id"], run["id"]]


def test_a_failure_is_shown_with_its_cell(client: Client) -> None:
    """The error and its cell stand in the form."""
    form = jupyter_orch.rerun("look", client=client)
    form.fields["least"].control.widget.value = 0
    form.start()
    run = form.wait(WAIT_SECONDS)
    assert run is not None
    assert run["state"] == "failed"
    assert "AssertionError" in form.status.value
    assert "nothing to look at" in form.status.value


def test_a_value_that_does_not_fit_is_marked_at_its_field(client: Client) -> None:
    """Nothing is started, and the other fields stay clean."""
    form = jupyter_orch.rerun("look", client=client)
    form.fields["day"].control.widget.value = None
    form.start()
    assert form.run is None
    assert "day" in form.fields["day"].error.value
    assert form.fields["least"].error.value == ""
    assert form.wait(0) is None


def test_two_clicks_are_one_run(client: Client) -> None:
    """While a run of the form goes on, another click starts none."""
    before = len(client.runs("look", limit=100)["items"])
    form = jupyter_orch.rerun("look", client=client)
    clicks = [threading.Thread(target=form.button.click) for _ in range(3)]
    for click in clicks:
        click.start()
    for click in clicks:
        click.join()
    form.start()
    assert form.wait(WAIT_SECONDS) is not None
    assert len(client.runs("look", limit=100)["items"]) == before + 1


def test_a_saved_notebook_shows_the_last_state(
    service: RunningService, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The output that the form was shown in says how its run ended, without a kernel."""
    monkeypatch.setenv(STATE, str(service.state_dir))
    nb = new_notebook(
        cells=[
            new_code_cell("import jupyter_orch\nform = jupyter_orch.rerun('look')\nform"),
            new_code_cell(
                "form.fields['least'].control.widget.value = 1\n"
                f"form.start()\nform.wait({WAIT_SECONDS})['state']"
            ),
        ]
    )
    NotebookClient(nb, timeout=WAIT_SECONDS * 2, kernel_name="python3").execute()
    (shown,) = nb.cells[0].outputs
    assert "succeeded" in shown.data["text/html"]
    assert "look: succeeded" in shown.data["text/plain"]
    assert "application/vnd.jupyter.widget-view+json" in shown.data


def test_an_unknown_job_is_named(client: Client) -> None:
    """The form does not open for nothing."""
    with pytest.raises(NotFound):
        jupyter_orch.rerun("nobody", client=client)


def test_without_a_service_one_sentence_says_so(tmp_path: Path) -> None:
    """The form says how to start one."""
    with pytest.raises(Unavailable), Client() as nobody:
        jupyter_orch.rerun("look", client=nobody)

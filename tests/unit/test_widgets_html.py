"""What people read in a notebook about a run."""

from typing import Any

from jupyter_orch.domain.errors import NotFound
from jupyter_orch.domain.states import GLYPHS, RunState
from jupyter_orch.widgets.html import complaint, failure, result, standing
from jupyter_orch.widgets.runs import RunList


def _run(**changes: Any) -> dict[str, Any]:
    return {
        "id": "01run",
        "job_name": "daily",
        "state": "succeeded",
        "reason": None,
        "error": None,
        "parameters": {"day": "2013-02-14"},
        "cells_done": 3,
        "cells_total": 8,
        "started_at": "2026-11-01T06:00:00Z",
        "ended_at": None,
    } | changes


def test_every_state_has_a_glyph() -> None:
    """A state is never shown by colour alone."""
    assert set(GLYPHS) == {*map(str, RunState), "paused"}


def test_a_running_run_says_at_which_cell_it_is() -> None:
    """Cell k of n, counted as people count."""
    assert "running cell 4 of 8" in standing(_run(state="running"))
    assert "running cell 8 of 8" in standing(_run(state="running", cells_done=8))
    assert standing(None) == "This job has not run yet."


def test_a_success_lists_what_was_published() -> None:
    """Table, version and rows, with a link to the run."""
    version = {"table": "analytics.daily", "snapshot_id": 42, "rows": 10, "total_rows": 1234}
    html = result({"run": _run(), "versions": [version]})
    assert "analytics.daily" in html
    assert "1,234" in html
    assert "jupyter-orch:open" in html


def test_a_failure_names_cell_and_error_and_folds_the_traceback() -> None:
    """What went wrong stands first, and nothing of it is markup."""
    html = failure(
        {"name": "KeyError", "message": "<fx>", "cell_index": 6, "traceback": "File <x>"}
    )
    assert "cell 7: KeyError" in html
    assert "&lt;fx&gt;" in html
    assert "<details>" in html
    assert "File &lt;x&gt;" in html


def test_an_error_of_no_field_says_what_to_do() -> None:
    """The hint stands beside the sentence."""
    html = complaint(NotFound("There is no job x.", hint="Look at <jobs>."))
    assert "There is no job x." in html
    assert "&lt;jobs&gt;" in html


def test_a_list_of_runs_reads_as_text_and_as_table() -> None:
    """The same rows in a terminal and in a notebook."""
    runs = RunList([_run(), _run(state="failed", reason="user_error", parameters={"x": "<b>"})])
    assert repr(runs).splitlines()[0].startswith("✓ succeeded  daily  day=2013-02-14")
    assert "✕ failed (user_error)" in repr(runs)
    assert "&lt;b&gt;" in runs._repr_html_()
    assert len(runs) == 2
    assert runs[1]["state"] == "failed"
    assert repr(RunList([])) == "no runs"

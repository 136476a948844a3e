"""The comparison hides ids and times, and nothing else."""

import copy
from typing import Any

from .normal import differences, normalised

ONE, TWO, BOX = ("1" * 32, "2" * 32, "b" * 32)
WIDGETS = "application/vnd.jupyter.widget-state+json"


def executed(*texts: str, cell_id: str = "cell-0", time: str = "now", pid: int = 1) -> Any:
    """A notebook of one cell that printed these texts."""
    outputs = [{"output_type": "stream", "name": "stdout", "text": [text]} for text in texts]
    return {
        "metadata": {"papermill": {"start_time": time, "exception": None}},
        "cells": [
            {
                "cell_type": "code",
                "id": cell_id,
                "metadata": {"papermill": {"duration": time}, "execution": {"busy": time}},
                "source": f"in ipykernel_{pid}",
                "outputs": outputs,
            }
        ],
    }


def with_widgets(first: str, second: str, box: str, *, shown: str) -> Any:
    """A notebook that shows a box of two sliders, by their ids."""
    notebook = executed()
    state = {
        first: {"state": {"value": 1}},
        second: {"state": {"value": 2}},
        box: {"state": {"children": [f"IPY_MODEL_{first}", f"IPY_MODEL_{second}"]}},
    }
    notebook["metadata"]["widgets"] = {WIDGETS: {"state": dict(sorted(state.items()))}}
    notebook["cells"][0]["outputs"] = [
        {"output_type": "display_data", "data": {"view": {"model_id": shown}}}
    ]
    return notebook


def found(one: Any, other: Any) -> list[str]:
    """The paths of what differs once both are normalised."""
    known = frozenset({"cell-0"})
    return [*differences(normalised(one, known), normalised(other, known))]


def test_times_process_ids_and_cuts_of_a_stream_do_not_count() -> None:
    """They change from run to run."""
    assert found(executed("a", "b"), executed("ab", time="later", pid=2)) == []


def test_only_a_new_cell_may_have_another_id() -> None:
    """Ids that the source has are kept."""
    assert found(executed(cell_id="new"), executed(cell_id="newer")) == []
    assert found(executed(), executed(cell_id="newer")) == ["/cells/0/id"]


def test_everything_else_counts() -> None:
    """A text, a time that is missing, a number in place of a truth value."""
    other = copy.deepcopy(executed("a"))
    other["cells"][0]["metadata"]["papermill"]["duration"] = None
    other["cells"][0]["outputs"][0]["text"] = ["b"]
    assert found(executed("a"), other) == [
        "/cells/0/metadata/papermill/duration",
        "/cells/0/outputs/0/text",
    ]
    assert [*differences({"x": True}, {"x": 1})] == ["/x"]
    assert [*differences([1, float("nan")], [1, float("nan")])] == []


def test_widgets_are_compared_by_what_they_are() -> None:
    """Their ids do not count; which of them holds or shows which does."""
    expected = with_widgets(ONE, TWO, BOX, shown=BOX)
    assert found(expected, with_widgets(TWO, BOX, ONE, shown=ONE)) == []
    assert found(expected, with_widgets(ONE, TWO, BOX, shown=ONE)) == [
        "/cells/0/outputs/0/data/view/model_id"
    ]
    swapped = with_widgets(ONE, TWO, BOX, shown=BOX)
    swapped["metadata"]["widgets"][WIDGETS]["state"][BOX]["state"]["children"].reverse()
    assert found(expected, swapped) != []

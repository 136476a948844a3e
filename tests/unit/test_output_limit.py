"""The cap counts everything that a kernel can leave in a notebook, and bounds the log as well."""

import json
from pathlib import Path
from typing import Any

import pytest

from jupyter_orch.execution import output_limit
from jupyter_orch.execution.log import RunLog
from jupyter_orch.execution.output_limit import OutputLimit, WidgetLimit


@pytest.fixture
def log(tmp_path: Path) -> RunLog:
    """An empty log."""
    return RunLog(tmp_path / "log.jsonl")


def lines(tmp_path: Path) -> list[dict[str, Any]]:
    """What it holds."""
    return [json.loads(line) for line in (tmp_path / "log.jsonl").read_text().splitlines()]


def display(text: str, name: str | None = None, kind: str = "display_data") -> dict[str, Any]:
    """A message that shows a text, or changes what is shown under a name."""
    content: dict[str, Any] = {"data": {"text/html": text}, "metadata": {}}
    if name is not None:
        content["transient"] = {"display_id": name}
    return {"msg_type": kind, "content": content}


def update(text: str, name: str) -> dict[str, Any]:
    """A message that changes what is shown under a name."""
    return display(text, name, "update_display_data")


def shown(message: dict[str, Any]) -> str:
    """What the notebook would hold of it."""
    (text,) = message["content"]["data"].values()
    return str(text)


def error(name: str, value: str, *traceback: str) -> dict[str, Any]:
    """A message of an exception."""
    content = {"ename": name, "evalue": value, "traceback": list(traceback)}
    return {"msg_type": "error", "content": content}


def test_the_message_of_an_error_is_cut(log: RunLog) -> None:
    """Its name and its value as well as its traceback; a usual one is whole."""
    limit = OutputLimit(10_000_000, log)
    usual = error("ValueError", "x" * 50_000, "line")
    assert limit.admit(usual, [], 0)
    assert usual["content"]["evalue"] == "x" * 50_000
    huge = error("N" * 10_000_000, "v" * 10_000_000, "t" * 10_000_000)
    assert limit.admit(huge, [], 0)
    assert sum(map(len, map(str, huge["content"].values()))) < 400_000


def test_errors_without_end_are_not_all_kept(log: RunLog, tmp_path: Path) -> None:
    """A notebook may show as many as it likes; one is kept in any case, and the log has all."""
    limit = OutputLimit(1000, log)
    kept = [limit.admit(error("E", "v" * 400, "t"), [], 0) for _ in range(10)]
    assert kept == [True, True, *[False] * 8]
    assert len(lines(tmp_path)) == 10
    assert limit.admit(error("E", "v" * 4000, "t"), [], 1)


def test_a_display_counts_as_what_it_has_become(log: RunLog) -> None:
    """A bar that is redrawn a thousand times takes as much room as its last state."""
    limit = OutputLimit(1000, log)
    assert limit.admit(display("small", "bar"), [], 0)
    for number in range(1000):
        drawn = update(f"{number:0500}", "bar")
        assert limit.admit(drawn, [], 0)
        assert shown(drawn) == f"{number:0500}"
    assert limit.admit(display("x" * 400), [], 0)
    limit.admit(beyond := display("x" * 400), [], 0)
    assert "longer than" in shown(beyond)


def test_an_update_may_not_grow_beyond_the_cap(log: RunLog, tmp_path: Path) -> None:
    """Neither that of one display, nor of the many that bear one name, nor of an earlier cell."""
    limit = OutputLimit(1000, log)
    for _ in range(10):
        assert limit.admit(display("small", "many"), [], 0)
    limit.start_cell(1)
    limit.admit(fits := update("x" * 90, "many"), [], 1)
    assert shown(fits) == "x" * 90
    limit.admit(beyond := update("x" * 200, "many"), [], 1)
    assert "longer than" in shown(beyond)
    assert lines(tmp_path)[-1]["data"] == {"text/html": "x" * 200}
    limit.admit(again := update("y" * 50, "many"), [], 1)
    assert shown(again) == "y" * 50


def test_showing_more_under_a_name_counts_wherever_it_stands(log: RunLog) -> None:
    """What is shown again changes all that was shown under the name."""
    limit = OutputLimit(1000, log)
    for _ in range(10):
        limit.admit(display("small", "many"), [], 0)
    limit.start_cell(1)
    limit.admit(beyond := display("x" * 200, "many"), [], 1)
    assert "longer than" in shown(beyond)


def test_what_is_cleared_counts_no_more(log: RunLog) -> None:
    """At once, or with the next output when the cell waits for it."""
    limit = OutputLimit(100, log)
    full = {"msg_type": "stream", "content": {"name": "stdout", "text": "x" * 90}}
    assert limit.admit(dict(full), [], 0)
    limit.clear(0, wait=True)
    limit.admit(late := update("y" * 90, "name"), [], 0)
    assert shown(late) == "y" * 90  # nobody shows it
    assert limit.admit(display("x" * 90), [], 0)
    limit.clear(0)
    assert limit.admit(display("x" * 90), [], 0)


def test_output_widgets_count_for_themselves(log: RunLog) -> None:
    """Clearing one does not give its cell room."""
    limit = OutputLimit(100, log)
    assert limit.admit(display("x" * 90), [], 0)
    assert limit.admit(display("x" * 90), [], "widget")
    limit.clear("widget")
    limit.admit(beyond := display("x" * 90), [], 0)
    assert "longer than" in shown(beyond)


def test_the_number_of_outputs_is_capped(log: RunLog, monkeypatch: pytest.MonkeyPatch) -> None:
    """An empty line costs more in the file than it says."""
    monkeypatch.setattr(output_limit, "_MOST_OUTPUTS", 3)
    limit = OutputLimit(1000, log)
    said = [{"msg_type": "stream", "content": {"name": "stdout", "text": "\n"}} for _ in range(9)]
    assert [limit.admit(each, [], 0) for each in said] == [True] * 4 + [False] * 5
    assert "more than 3 parts" in said[3]["content"]["text"]


def comm(widget: str, buffers: tuple[bytes, ...] = (), **state: Any) -> dict[str, Any]:
    """A message about a widget's state; buffers belong to the value `raw`."""
    data = {"method": "update", "state": state, "buffer_paths": [["raw"] for _ in buffers]}
    return {
        "msg_type": "comm_msg",
        "content": {"comm_id": widget, "data": data},
        "buffers": list(buffers),
    }


def test_the_state_of_widgets_is_capped(log: RunLog, tmp_path: Path) -> None:
    """Values that are replaced count once; what has no room is left out, and the log says so."""
    limit = WidgetLimit(1000, log)
    for number in range(100):
        message = comm("a", value="x" * 500, step=number)
        limit.cut(message)
        assert message["content"]["data"]["state"] == {"value": "x" * 500, "step": number}
    limit.cut(large := comm("b", value="y" * 600, msg_id="wired"))
    assert large["content"]["data"]["state"] == {"msg_id": "wired"}
    limit.cut(binary := comm("b", (b"z" * 600,), raw=None, short="s"))
    assert binary["content"]["data"] == {
        "method": "update",
        "state": {"short": "s"},
        "buffer_paths": [],
    }
    assert binary["buffers"] == []
    assert [line["event"] for line in lines(tmp_path)] == ["widgets.too_large"]
    limit.cut(smaller := comm("a", value="x"))
    assert smaller["content"]["data"]["state"] == {"value": "x"}
    limit.cut(fits := comm("b", value="y" * 600))
    assert fits["content"]["data"]["state"] == {"value": "y" * 600}


def test_a_message_of_a_widget_without_state_passes() -> None:
    """Whatever it is that the kernel sends."""
    for data in ({"method": "custom", "content": 1}, {"state": 5}, [], None):
        message = {"msg_type": "comm_msg", "content": {"comm_id": "a", "data": data}}
        WidgetLimit(0, None).cut(message)  # type: ignore[arg-type]
        assert message["content"]["data"] == data


def test_the_log_ends_at_its_limit(tmp_path: Path) -> None:
    """With one line that says so; how the attempt ended is written all the same."""
    log = RunLog(tmp_path / "log.jsonl", limit=2000)
    for _ in range(100):
        log.write("output", text="x" * 500)
    log.write("attempt.ended", state="succeeded")
    log.close()
    assert [line["event"] for line in lines(tmp_path)] == [
        *["output"] * 3,
        "log.full",
        "attempt.ended",
    ]


def test_a_large_text_is_logged_in_pieces_as_far_as_there_is_room(tmp_path: Path) -> None:
    """And something displayed, which cannot be cut, is named with its size."""
    log = RunLog(tmp_path / "log.jsonl", limit=2_500_000)
    limit = OutputLimit(1000, log)
    limit.admit(display("y" * 3_000_000), [], 0)
    text = {"msg_type": "stream", "content": {"name": "stdout", "text": "x" * 9_000_000}}
    limit.admit(text, [], 1)
    assert [line["event"] for line in lines(tmp_path)] == [
        "output.left_out",
        "output",
        "output",
        "log.full",
    ]
    assert (tmp_path / "log.jsonl").stat().st_size < 2_500_000

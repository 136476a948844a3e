"""What people see of a cell that runs: the end of its texts, small tables and plots, notes."""

import json
from typing import Any

from nbformat.v4 import new_output

from jupyter_orch.domain.live import LARGEST
from jupyter_orch.execution.live_outputs import LiveOutputs
from jupyter_orch.execution.mask import Masker


def printed(text: str, name: str = "stdout") -> Any:
    """A piece of text as nbclient keeps it."""
    return {"output_type": "stream", "name": name, "text": text}


def shown(data: dict[str, Any]) -> Any:
    """A table or plot."""
    return new_output("display_data", data=data, metadata={})


def view(*outputs: Any, secret: str = "") -> list[dict[str, Any]]:
    """What is shown of these outputs."""
    masker = Masker()
    masker.add(secret)
    return LiveOutputs(masker).view(outputs)


def test_pieces_of_one_stream_are_one_text() -> None:
    """A kernel sends a piece for each flush."""
    outputs = [printed("a\n"), printed("b\n"), printed("oh\n", "stderr"), printed("c\n")]
    assert [(each["name"], each["text"]) for each in view(*outputs)] == [
        ("stdout", "a\nb\n"),
        ("stderr", "oh\n"),
        ("stdout", "c\n"),
    ]


def test_a_long_text_keeps_its_end() -> None:
    """From the beginning of a line on, with a note on top."""
    (one,) = view(*(printed(f"line {number}\n") for number in range(100_000)))
    lines = one["text"].splitlines()
    assert lines[0] == "[earlier output is shown once the cell has ended]"
    assert lines[-1] == "line 99999"
    assert [int(line.split()[1]) for line in lines[1:]] == list(
        range(100_000 - len(lines) + 1, 100_000)
    )
    assert len(one["text"]) < 40_000


def test_a_text_without_lines_is_cut_as_well() -> None:
    """One line of a megabyte."""
    (one,) = view(printed("x" * 1_000_000))
    assert 30_000 < len(one["text"]) < 40_000


def test_a_carriage_return_begins_the_line_anew() -> None:
    """A progress bar is one line, also when it ends with the return."""
    bar = [printed(f"\r{step}%", "stderr") for step in range(101)]
    (one,) = view(*bar)
    assert one["text"] == "100%"
    (one,) = view(printed("a\r\nb\n 1%\r 2%\r"))
    assert one["text"] == "a\nb\n 2%"


def test_a_line_that_is_drawn_anew_is_shown_where_it_was_drawn_last() -> None:
    """A progress bar goes on below what was printed meanwhile, as it does on a terminal."""
    outputs = [printed("begin\n")]
    for step in range(60):
        outputs += [printed(f"\r{step} of 60", "stderr"), printed(f"step {step}\n")]
    outputs.append(printed("\r60 of 60", "stderr"))
    text, bar = view(*outputs)
    assert text["text"] == "begin\n" + "".join(f"step {step}\n" for step in range(60))
    assert (bar["name"], bar["text"]) == ("stderr", "60 of 60")
    kept, _ = view(printed("warned\n\r1%", "stderr"), printed("x\n"), printed("\r2%", "stderr"))[:2]
    assert kept["text"] == "warned\n"


def test_a_secret_that_came_in_two_pieces_is_masked() -> None:
    """Each piece alone is no secret."""
    (one,) = view(printed("it is hun"), printed("ter2!"), secret="hunter2")
    assert one["text"] == "it is ••••••!"
    (one,) = view(shown({"text/plain": "hunter2"}), secret="hunter2")
    assert "hunter2" not in json.dumps(one)


def test_small_tables_stay_and_large_ones_become_notes() -> None:
    """The note names type and size."""
    small, large = view(
        shown({"text/plain": "frame", "text/html": "<b>1</b>"}),
        shown({"text/plain": "<Figure>", "image/png": "x" * 1_200_000}),
    )
    assert small["data"]["text/html"] == "<b>1</b>"
    assert large["data"] == {"text/plain": "[image/png, 1.2 MB: shown once the cell has ended]"}


def test_all_of_it_is_bounded() -> None:
    """However much there is, and of whatever kind."""
    outputs = []
    for number in range(1000):
        outputs += [shown({"image/png": "x" * 60_000}), printed("\x1b" * 60_000), printed("y")]
        outputs.append(shown({"application/json": {"deep": ["\x00" * 9_000]}}))
        outputs.append(
            new_output("error", ename="E" * number, evalue="v", traceback=["t" * 70_000])
        )
    assert len(json.dumps(view(*outputs))) < LARGEST


def test_what_is_no_json_becomes_a_note() -> None:
    """Nobody could read it."""
    (one,) = view(shown({"application/json": {"value": float("nan")}}))
    assert "an unusual value" in one["data"]["text/plain"]


def test_a_display_that_is_updated_is_looked_at_again() -> None:
    """And one that is not is looked at once."""
    masker = Masker()
    outputs = [shown({"text/plain": "first"}), shown({"text/plain": "same"})]
    live = LiveOutputs(masker)
    before = live.view(outputs)
    outputs[0]["data"] = {"text/plain": "second"}
    after = live.view(outputs)
    assert after[0]["data"] == {"text/plain": "second"}
    assert after[1] is before[1]


def test_a_widget_is_shown_by_its_text() -> None:
    """Nobody could draw it without its kernel."""
    widget = "application/vnd.jupyter.widget-view+json"
    (one,) = view(shown({"text/plain": "0%", widget: {"model_id": "1"}}))
    assert one["data"] == {"text/plain": "0%"}

"""What a terminal shows of the cells of a run: each line once."""

from typing import Any

from jupyter_orch.cli.live_text import LiveText


def stream(text: str | list[str], name: str = "stdout") -> dict[str, Any]:
    """A printed text, in one piece or as a file keeps it."""
    return {"output_type": "stream", "name": name, "text": text}


def running(*outputs: Any, index: int = 0) -> dict[str, Any]:
    """The live answer."""
    return {"cell": {"index": index, "outputs": list(outputs)}}


def done(*outputs: Any, status: str = "completed") -> dict[str, Any]:
    """A cell of the executed notebook."""
    return {"metadata": {"papermill": {"status": status}}, "outputs": list(outputs)}


def test_lines_come_once_and_the_rest_with_the_end_of_the_cell() -> None:
    """A line that is not whole may change."""
    seen = LiveText()
    assert seen.running({"cell": None}) == ""
    assert seen.running(running(stream("a\nb"))) == "a\n"
    assert seen.running(running(stream("a\nbc\nd"))) == "bc\n"
    assert seen.running(running(stream("a\nbc\nd"))) == ""
    cells = [done(stream(["a\n", "bc\n", "de"])), done(status="running")]
    assert seen.done(cells) == "de\n"
    assert seen.done(cells) == ""
    assert seen.cells == 1
    assert seen.running(running(stream("late\n"), index=0)) == ""
    assert seen.running(running(stream("next\n"), index=1)) == "next\n"


def test_short_cells_are_told_as_a_whole() -> None:
    """They were never seen running."""
    table = {"output_type": "execute_result", "data": {"text/plain": ["2 rows\n", "x"]}}
    failed = {"output_type": "error", "ename": "E", "evalue": "v", "traceback": []}
    cells = [done(stream("one\n")), done(table), done(failed, status="failed"), done(status="")]
    assert LiveText().done(cells) == "one\n2 rows\nx\n"


def test_a_text_that_lost_its_beginning_goes_on() -> None:
    """Only the end of a long one is shown while the cell runs."""
    seen = LiveText()
    lines = [f"line {number}\n" for number in range(2000)]
    seen.running(running(stream("".join(lines[:1500]))))
    note = "[earlier output is shown once the cell has ended]\n"
    assert seen.running(running(stream(note + "".join(lines[1000:])))) == "".join(lines[1500:])
    assert seen.running(running(stream("cleared\n"))) == "cleared\n"


def test_progress_bars_and_streams_do_not_mix() -> None:
    """A bar is shown when it is done; errors and results keep their order of lines."""
    seen = LiveText()
    bar = stream("\r10%\r20%", "stderr")
    assert seen.running(running(stream("a\n"), bar)) == "a\n"
    assert seen.running(running(stream("a\nb\n"), stream("\r30%", "stderr"))) == "b\n"
    assert seen.done([done(stream("a\nb\n"), stream("\r30%\r100%\n", "stderr"))]) == "100%\n"


def test_nothing_gets_through_that_a_terminal_obeys() -> None:
    """Titles, colours, cleared screens, bells."""
    hostile = "\x1b]0;title\x07\x1b[2J\x1b[31mred\x1b[0m\x07\x9b1mx\x1bc\x1b]8;;http://x\x1b\\y\n"
    assert LiveText().running(running(stream(hostile))) == "red1mxy\n"

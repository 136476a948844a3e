"""The parts of an execution: mask, log, cap, file."""

import json
import threading
from pathlib import Path
from typing import Any

import nbformat
import pytest

from jupyter_orch.execution.log import RunLog
from jupyter_orch.execution.mask import Masker
from jupyter_orch.execution.notebook_file import clear_asides, save_notebook
from jupyter_orch.execution.output_limit import OutputLimit
from jupyter_orch.execution.run_error import (
    LONGEST_MESSAGE,
    LONGEST_SOURCE,
    LONGEST_TRACEBACK,
    run_error,
)


def stream(text: str) -> dict[str, Any]:
    """A message of printed text."""
    return {"msg_type": "stream", "content": {"name": "stdout", "text": text}}


@pytest.fixture
def log_path(tmp_path: Path) -> Path:
    """Where this test's log is."""
    return tmp_path / "log.jsonl"


def test_an_error_is_kept_as_plain_text_of_bounded_length() -> None:
    """Without terminal codes, secrets and what no database takes; long ones say what is missing."""
    masker = Masker()
    masker.add("secret")
    error = run_error(
        "\x1b[31mKeyError\x1b[0m",
        "no secret\x00\ud800 here\r\n" + "m" * LONGEST_MESSAGE,
        masker=masker,
        cell=1,
        source="\x1b]0;title\x07x = 'secret'\n" + "s" * LONGEST_SOURCE,
        traceback="first\n" + "t" * LONGEST_TRACEBACK + "\nlast",
    )
    assert error.name == "KeyError"
    assert error.message.startswith("no •••••• here\nm")
    assert error.message.endswith("more characters")
    assert error.cell_source.startswith("x = '••••••'\ns")
    assert len(error.cell_source) < LONGEST_SOURCE + 50
    assert error.traceback.startswith("first\n")
    assert error.traceback.endswith("\nlast")
    assert "characters left out" in error.traceback


def test_known_values_are_masked_wherever_they_stand() -> None:
    """In texts, lists, values and names; the longest first."""
    masker = Masker()
    masker.add("secret")
    masker.add("secret-and-more")
    assert "more" not in masker.text("my secret-and-more")
    masked = masker.value({"a secret": ["x secret", 1, None, {"b": "secret"}]})
    assert "secret" not in json.dumps(masked)


def test_each_line_of_a_secret_is_known() -> None:
    """A private key printed line by line stays private."""
    masker = Masker()
    masker.add("first line\nsecond line")
    assert "second" not in masker.text("it is: second line")


def test_very_short_values_are_left() -> None:
    """Masking every `a` would protect nothing."""
    masker = Masker()
    masker.add("a")
    assert masker.text("banana") == "banana"


def test_log_lines_of_many_writers_never_mix(log_path: Path) -> None:
    """Each line is whole JSON."""
    logs = [RunLog(log_path) for _ in range(4)]

    def write(log: RunLog) -> None:
        for number in range(50):
            log.write("event", number=number, text="x" * 5000)
        log.close()

    threads = [threading.Thread(target=write, args=(log,)) for log in logs]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    lines = [json.loads(line) for line in log_path.read_text().splitlines()]
    assert len(lines) == 200
    assert {"time", "level", "event", "number", "text"} == set(lines[0])
    assert lines[0]["time"].endswith("Z")


def test_the_log_masks(log_path: Path) -> None:
    """A secret that somebody logs by mistake is not in the file."""
    masker = Masker()
    masker.add("hunter2")
    log = RunLog(log_path, masker)
    log.write("event", error="it was hunter2")
    log.close()
    assert "hunter2" not in log_path.read_text()


def test_outputs_below_the_cap_are_untouched(log_path: Path) -> None:
    """And the log holds nothing of them."""
    log = RunLog(log_path)
    limit = OutputLimit(100, log)
    message = stream("x" * 100)
    assert limit.admit(message, [], 0)
    assert message["content"]["text"] == "x" * 100
    log.close()
    assert log_path.read_text() == ""


def test_the_cap_cuts_once_and_logs_everything(log_path: Path) -> None:
    """The notebook keeps the beginning and a note; each cell begins anew."""
    log = RunLog(log_path)
    limit = OutputLimit(100, log)
    kept = nbformat.v4.new_output("stream", name="stdout", text="a" * 60)
    assert limit.admit(stream("a" * 60), [], 0)
    crossing = stream("b" * 60)
    assert limit.admit(crossing, [kept], 0)
    assert crossing["content"]["text"].startswith("b" * 40 + "\n[jupyter_orch:")
    assert not limit.admit(stream("c" * 10), [kept], 0)
    limit.start_cell(1)
    assert limit.admit(stream("d" * 10), [], 1)
    log.close()
    lines = [json.loads(line) for line in log_path.read_text().splitlines()]
    assert "".join(line["text"] for line in lines) == "a" * 60 + "b" * 60 + "c" * 10


def test_a_character_is_never_cut_in_half(log_path: Path) -> None:
    """The cap counts bytes, the notebook holds characters."""
    log = RunLog(log_path)
    message = stream("é" * 60)
    assert OutputLimit(101, log).admit(message, [], 0)
    assert message["content"]["text"].startswith("é" * 50 + "\n[")
    log.close()


def test_an_error_is_kept_beyond_the_cap(log_path: Path) -> None:
    """What went wrong matters most."""
    log = RunLog(log_path)
    limit = OutputLimit(10, log)
    limit.admit(stream("x" * 50), [], 0)
    error = {"ename": "E", "evalue": "v", "traceback": ["t" * 150_000, "u" * 150_000, "w"]}
    assert limit.admit({"msg_type": "error", "content": error}, [], 0)
    assert sum(map(len, error["traceback"])) == 200_000
    log.close()


def test_a_notebook_is_replaced_whole(tmp_path: Path) -> None:
    """The bytes are nbformat's, and nothing else is left in the folder."""
    path = tmp_path / "notebook.ipynb"
    nb = nbformat.v4.new_notebook(cells=[nbformat.v4.new_code_cell("x = 'ü'")])
    save_notebook(nb, path)
    save_notebook(nb, path, durable=True)
    assert path.read_text("utf-8") == nbformat.writes(nb)
    assert [entry.name for entry in tmp_path.iterdir()] == ["notebook.ipynb"]


def test_texts_that_are_no_unicode_can_be_saved(tmp_path: Path) -> None:
    """A kernel may send anything."""
    nb = nbformat.v4.new_notebook(cells=[nbformat.v4.new_code_cell("'\udc80 \ud800'")])
    save_notebook(nb, tmp_path / "notebook.ipynb")
    saved = nbformat.read(tmp_path / "notebook.ipynb", as_version=4)
    source = saved.cells[0].source
    assert (source[0], source[-1], len(source)) == ("'", "'", 5)


def test_what_a_killed_writer_left_is_cleared(tmp_path: Path) -> None:
    """Only what was written aside goes."""
    save_notebook(nbformat.v4.new_notebook(), tmp_path / "notebook.ipynb")
    (tmp_path / ".writing-notebook.ipynb.1").write_text("half")
    clear_asides(tmp_path)
    assert [entry.name for entry in tmp_path.iterdir()] == ["notebook.ipynb"]

"""The notebook writer: the bytes of nbformat after every save, whatever has changed."""

import json
import random
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import nbformat
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from nbformat import NotebookNode
from nbformat.v4 import new_code_cell, new_markdown_cell, new_notebook, new_output

from jupyter_orch.execution.notebook_writer import NotebookWriter
from jupyter_orch.execution.saving import SavingManager

PIECES = (
    "",
    "a",
    "\n",
    "\r\n",
    "\u2028",
    "é",
    "日本",
    "🎉",
    "\ud800",
    "\udc80",
    '"',
    "\\",
    "\0",
    "  ",
)
MIMES = (
    "text/plain",
    "text/html",
    "image/svg+xml",
    "image/png",
    "application/javascript",
    "application/json",
    "application/vnd.plotly.v1+json",
)


class Maker:
    """Notebooks and changes to them, by chance."""

    def __init__(self, chance: random.Random) -> None:
        self._chance = chance
        self._ids = 0

    def text(self) -> str:
        """With all that is special to JSON, to lines and to UTF-8."""
        return "".join(self._chance.choices(PIECES, k=self._chance.randrange(8)))

    def value(self, depth: int = 0) -> Any:
        """Anything that JSON knows; often equal to another of another type."""
        kinds: list[Callable[[], Any]] = [
            self.text,
            lambda: self._chance.choice([None, True, False, 0, 1, 0.0, -0.0, 1.0]),
            lambda: self._chance.choice([0.5, 10**20, 1e300, float("nan"), float("inf")]),
        ]
        if depth < 3:
            kinds += [
                lambda: [self.value(depth + 1) for _ in range(self._chance.randrange(4))],
                lambda: self.mapping(depth + 1),
                lambda: [self._chance.choice([0, 0.0, False, 1, True]) for _ in range(3)],
            ]
        return self._chance.choice(kinds)()

    def mapping(self, depth: int = 0) -> dict[str, Any]:
        """Metadata."""
        keys = [self.text(), "outputs", "cells", "trusted", "signature", "tags"]
        return {
            key: self.value(depth) for key in self._chance.sample(keys, self._chance.randrange(4))
        }

    def bundle(self) -> dict[str, Any]:
        """Data of an output or an attachment; of texts in one piece and in lines."""
        mimes = self._chance.sample(MIMES, self._chance.randrange(4))
        return {
            mime: self.value()
            if "json" in mime
            else self._chance.choice([self.text(), ["a\n", ""]])
            for mime in mimes
        }

    def output(self) -> NotebookNode:
        """One of each kind."""
        kind = self._chance.choice(["stream", "display_data", "execute_result", "error"])
        if kind == "stream":
            text = self._chance.choice([self.text(), ["a\n", "b"]])
            return nbformat.from_dict({"output_type": kind, "name": "stdout", "text": text})
        if kind == "error":
            traceback = [self.text() for _ in range(3)]
            named = {"ename": "E", "evalue": self.text(), "traceback": traceback}
            return nbformat.from_dict({"output_type": kind, **named})
        output = {"output_type": kind, "data": self.bundle(), "metadata": self.mapping()}
        if kind == "execute_result":
            output["execution_count"] = self._chance.choice([None, 1, 2])
        return nbformat.from_dict(output)

    def cell(self, *, with_id: bool) -> NotebookNode:
        """One of each kind."""
        self._ids += 1
        kind = self._chance.choice(["code", "code", "markdown", "raw"])
        cell = {"cell_type": kind, "metadata": self.mapping(), "source": self.text()}
        if with_id:
            cell["id"] = f"id-{self._ids}"
        if kind == "code":
            cell["outputs"] = [self.output() for _ in range(self._chance.randrange(4))]
            cell["execution_count"] = self._chance.choice([None, 1, 7])
        elif self._chance.random() < 0.5:
            cell["attachments"] = {self.text(): self.bundle()}
        return nbformat.from_dict(cell)

    def notebook(self, minor: int) -> NotebookNode:
        """Of none to some cells."""
        cells = [self.cell(with_id=minor >= 5) for _ in range(self._chance.randrange(6))]
        metadata = {"orig_nbformat": 3, **self.mapping()}
        nb = {"nbformat": 4, "nbformat_minor": minor, "metadata": metadata, "cells": cells}
        return nbformat.from_dict(nb)

    def change(self, nb: NotebookNode) -> None:
        """One change as papermill, nbclient or anybody may make it, most of them in place."""
        codes = [cell for cell in nb.cells if cell.cell_type == "code"]
        changes: list[Callable[[], Any]] = [
            lambda: nb.metadata.update(self.mapping()),
            lambda: nb.cells.insert(
                self._chance.randint(0, len(nb.cells)), self.cell(with_id=nb.nbformat_minor >= 5)
            ),
        ]
        if nb.cells:
            cell = self._chance.choice(nb.cells)
            changes += [
                lambda: cell.metadata.update(self.mapping()),
                lambda: self.change_inside(cell.metadata),
                lambda: cell.update(source=self.text()),
                lambda: nb.cells.remove(cell),
                lambda: self._chance.shuffle(nb.cells),
            ]
        if codes:
            code = self._chance.choice(codes)
            changes += [
                lambda: code.outputs.append(self.output()),
                lambda: code.update(outputs=[self.output()]),
                code.outputs.clear,
                code.outputs.reverse,
                lambda: code.update(execution_count=self._chance.choice([None, 1, True, 1.0])),
            ]
            changes += [lambda output=output: self.change_inside(output) for output in code.outputs]
        self._chance.choice(changes)()

    def change_inside(self, node: Any) -> None:
        """Grows a text, or changes something deep inside."""
        if isinstance(node, dict) and isinstance(node.get("text"), str):
            node["text"] += self.text()
            return
        values = node.values() if isinstance(node, dict) else node
        inner = [each for each in values if isinstance(each, dict | list) and each]
        if inner:
            self.change_inside(self._chance.choice(inner))
        elif isinstance(node, list) and node:
            node[self._chance.randrange(len(node))] = self._chance.choice([0, False, 1, True, 1.0])
        elif isinstance(node, dict):
            node["x"] = self._chance.choice([0, False, 0.0, 1, True, 1.0])


def expected(nb: NotebookNode) -> bytes:
    """What nbformat makes of it."""
    return nbformat.writes(nb).encode("utf-8", "replace")


@pytest.fixture
def path(tmp_path: Path) -> Path:
    """Where this test's notebook is."""
    return tmp_path / "notebook.ipynb"


@given(chance=st.randoms(use_true_random=True), minor=st.integers(0, 5))
@settings(
    max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
def test_every_save_is_what_nbformat_writes(chance: random.Random, minor: int, path: Path) -> None:
    """Of any notebook, after any changes."""
    maker = Maker(chance)
    nb = maker.notebook(minor)
    writer = NotebookWriter(path)
    for _ in range(20):
        writer.save(nb)
        assert path.read_bytes() == expected(nb)
        maker.change(nb)
    writer.save(nb, durable=True)
    assert path.read_bytes() == expected(nb)


def test_a_notebook_is_not_changed_by_its_saves(path: Path) -> None:
    """What is not saved stays in memory."""
    nb = new_notebook(cells=[new_code_cell("a\nb", metadata={"trusted": True})])
    nb.metadata.signature = "x"
    before = json.dumps(nb)
    NotebookWriter(path).save(nb)
    assert json.dumps(nb) == before


def test_an_equal_number_of_another_type_is_a_change(path: Path) -> None:
    """1, 1.0 and True are the same to Python, and so are 0.0 and -0.0."""
    nb = new_notebook(cells=[new_code_cell(), new_code_cell()])
    writer = NotebookWriter(path)
    for value in (1, True, 1.0, 0.0, -0.0, 0, False):
        nb.cells[0].metadata.x = value
        nb.cells[1].metadata.x = [value, value]
        nb.metadata.x = {"y": value}
        writer.save(nb)
        assert path.read_bytes() == expected(nb)


def test_only_what_has_changed_is_encoded(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Neither the other cells nor the other outputs of the cell, wherever they have moved."""
    encoded: list[str] = []
    module = sys.modules[NotebookWriter.__module__]
    original = module._output_text  # type: ignore[attr-defined]

    def counted(output: Any) -> str:
        encoded.append(output.text)
        return original(output)

    monkeypatch.setattr(module, "_output_text", counted)
    nb = new_notebook(cells=[new_code_cell() for _ in range(3)])
    writer = NotebookWriter(path)
    for number, cell in enumerate(nb.cells):
        cell.outputs = [new_output("stream", text=f"{number}")]
    writer.save(nb)
    assert encoded == ["0", "1", "2"]
    nb.cells[1].outputs.append(new_output("stream", text="new"))
    writer.save(nb)
    nb.cells[1].metadata.x = 1
    writer.save(nb)
    nb.cells.insert(0, new_markdown_cell("An error."))
    writer.save(nb)
    nb.cells[2].outputs.insert(0, new_output("stream", text="first"))
    writer.save(nb, durable=True)
    assert encoded == ["0", "1", "2", "new", "first"]
    assert path.read_bytes() == expected(nb)


def test_one_cell_in_two_places_may_become_two(path: Path) -> None:
    """Each place has its own fragments."""
    cell = new_markdown_cell("a")
    del cell["id"]
    nb = new_notebook(nbformat_minor=4, cells=[cell])
    writer = NotebookWriter(path)
    for cells in ([cell], [cell, cell], [cell, new_raw()], [cell, cell, new_raw()]):
        nb.cells = cells
        writer.save(nb)
        assert path.read_bytes() == expected(nb)


def new_raw() -> NotebookNode:
    """A cell without an id."""
    return nbformat.from_dict({"cell_type": "raw", "metadata": {}, "source": "b"})


def test_a_display_of_an_earlier_cell_is_updated_while_another_runs(path: Path) -> None:
    """As nbclient does it: data and metadata are replaced in place."""
    nb = new_notebook(cells=[new_code_cell() for _ in range(3)])
    nb.cells[0].outputs = [new_output("display_data", data={"text/plain": "0 %"})]
    writer = NotebookWriter(path)
    writer.save(nb)
    for percent in range(1, 4):
        nb.cells[0].outputs[0]["data"] = NotebookNode({"text/plain": f"{percent} %"})
        nb.cells[0].outputs[0]["metadata"] = NotebookNode(percent=percent)
        nb.cells[2].outputs = [new_output("stream", text="." * percent)]
        writer.save(nb, running=2)
        assert path.read_bytes() == expected(nb)


def test_a_durable_save_looks_at_every_cell(path: Path) -> None:
    """Even when somebody has changed one that did not run."""
    nb = new_notebook(cells=[new_code_cell("a"), new_code_cell("b")])
    writer = NotebookWriter(path)
    writer.save(nb)
    nb.cells[0].source = "c"
    writer.save(nb, running=1, durable=True)
    assert path.read_bytes() == expected(nb)


def test_cells_get_the_ids_that_they_lack(path: Path) -> None:
    """In the notebook as well, as nbformat does it."""
    cell = new_code_cell("a")
    nb = new_notebook(cells=[cell])
    writer = NotebookWriter(path)
    writer.save(nb)
    nb.cells.append(NotebookNode(new_code_cell("b"), id=cell.id))
    with pytest.warns(nbformat.warnings.DuplicateCellId):
        writer.save(nb)
    assert nb.cells[0].id != nb.cells[1].id
    del nb.cells[0]["id"]
    with pytest.warns(nbformat.warnings.MissingIDFieldWarning):
        writer.save(nb, durable=True)
    assert path.read_bytes() == expected(nb)


def test_an_invalid_notebook_is_saved_and_told_once(
    path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    """What a notebook did is worth keeping, whatever its format."""
    nb = new_notebook(cells=[new_code_cell()])
    nb.cells[0].surprise = 1
    writer = NotebookWriter(path)
    writer.save(nb)
    writer.save(nb)
    assert not caplog.records
    writer.save(nb, durable=True)
    assert "surprise" in caplog.text
    assert path.read_bytes() == expected(nb)


def test_what_is_no_json_is_refused_and_the_file_stays(path: Path) -> None:
    """And the next save is right again."""
    nb = new_notebook(cells=[new_code_cell(outputs=[new_output("stream", text="a")])])
    writer = NotebookWriter(path)
    writer.save(nb)
    before = path.read_bytes()
    for value in (object(), {1, 2}, {("a",): 1}):
        nb.cells[0].outputs[0].text = "b"
        nb.cells[0].metadata.x = value
        with pytest.raises(TypeError):
            writer.save(nb)
        assert path.read_bytes() == before
        nb.cells[0].outputs[0].text = "a"
        del nb.cells[0].metadata["x"]
        writer.save(nb)
        assert path.read_bytes() == before


def test_a_cell_that_could_not_be_encoded_is_not_forgotten(path: Path) -> None:
    """Nor are those behind it, though another cell runs by then."""
    nb = new_notebook(cells=[new_code_cell("a"), new_markdown_cell("b"), new_code_cell("c")])
    nb.cells[0].metadata.x = object()
    writer = NotebookWriter(path)
    for value in (1, 2):
        with pytest.raises(TypeError):
            writer.save(nb, running=0)
        nb.cells[0].metadata.x = value
        writer.save(nb, running=2)
        assert path.read_bytes() == expected(nb)
        nb.cells[0].metadata.x = object()


def test_keys_and_values_from_python_are_as_in_nbformat(path: Path) -> None:
    """Numbers as names, tuples, bytes."""
    nb = new_notebook(cells=[new_code_cell()])
    writer = NotebookWriter(path)
    for value in ({1: 2}, {True: 2}, {1.5: None}, {None: 1}, (1, [2]), b"YWJj", {}, [], ((),)):
        nb.cells[0].metadata.x = value
        nb.metadata.x = value
        writer.save(nb)
        assert path.read_bytes() == expected(nb)


def test_a_run_of_many_cells_is_saved_step_by_step(path: Path) -> None:
    """Through papermill's manager, with large and small outputs; each save is right."""
    nb = new_notebook(cells=[new_code_cell(f"print({number})") for number in range(30)])
    nb.metadata.papermill = {}
    manager = SavingManager(nb, path, lambda _done, _total: None)
    manager.notebook_start()
    for number, cell in enumerate(nb.cells):
        manager.cell_start(cell, number)
        assert path.read_bytes() == expected(nb)
        for size in (1, 20_000):
            cell.outputs.append(new_output("stream", text="é\n" * (size if number == 3 else 1)))
            manager.save()
            assert path.read_bytes() == expected(nb)
        cell.outputs[-1].text += "more"
        if number == 20:
            manager.cell_exception(cell, number)
        manager.cell_complete(cell, number)
        if number in (20, 29):  # after the others the start of the next one saves
            assert path.read_bytes() == expected(nb)
    manager.notebook_complete()  # the last save follows
    nb.cells.insert(20, new_markdown_cell("Here."))
    nb.cells.insert(0, new_markdown_cell("An error."))
    manager.save(durable=True)
    assert path.read_bytes() == expected(nb)


def test_what_was_left_out_is_in_the_next_save(path: Path) -> None:
    """A cell's end that no save of its own told, also when cells that are not executed follow."""
    nb = new_notebook(cells=[new_code_cell("1"), new_markdown_cell("a"), new_markdown_cell("b")])
    nb.metadata.papermill = {}
    manager = SavingManager(nb, path, lambda _done, _total: None)
    manager.notebook_start()
    for number, cell in enumerate(nb.cells):
        manager.cell_start(cell, number)
        manager.cell_complete(cell, number)
    assert path.read_bytes() == expected(nb)


def test_a_reader_never_sees_a_part(path: Path) -> None:
    """While the file grows and shrinks under its eyes."""
    nb = new_notebook(cells=[new_code_cell() for _ in range(20)])
    writer = NotebookWriter(path)
    writer.save(nb)
    done = threading.Event()
    read: list[int] = []

    def poll() -> None:
        while not done.is_set():
            read.append(len(json.loads(path.read_bytes())["cells"]))

    reader = threading.Thread(target=poll)
    reader.start()
    for number in range(100):
        lines = "x" * 20 + "\n"
        nb.cells[number % 20].outputs = [new_output("stream", text=lines * (number % 7) * 1000)]
        writer.save(nb)
    done.set()
    reader.join()
    assert set(read) == {20}
    assert [each.name for each in path.parent.iterdir()] == [path.name]


SAVES_FOR_EVER = """
import itertools, sys
from pathlib import Path
from nbformat.v4 import new_code_cell, new_notebook, new_output
from jupyter_orch.execution.notebook_writer import NotebookWriter

nb = new_notebook(cells=[new_code_cell(id=f"id{number}") for number in range(5)])
writer = NotebookWriter(Path(sys.argv[1]))
for number in itertools.count():
    for cell in nb.cells:
        cell.outputs = [new_output("stream", text=f"{number} " * 200_000)]
    writer.save(nb)
"""


def test_a_killed_writer_leaves_the_old_file_or_the_new_one(path: Path) -> None:
    """A process is killed in the middle of it, at different moments."""
    for round_ in range(3):
        path.unlink(missing_ok=True)
        process = subprocess.Popen([sys.executable, "-c", SAVES_FOR_EVER, str(path)])
        try:
            while not path.exists():
                assert process.poll() is None
                time.sleep(0.01)
            time.sleep(0.037 * (round_ + 1))
        finally:
            process.kill()
        assert process.wait() == -signal.SIGKILL
        outputs = [cell["outputs"][0]["text"] for cell in json.loads(path.read_bytes())["cells"]]
        texts = {"".join(lines) for lines in outputs}
        assert len(texts) == 1
        text = texts.pop()
        assert text == f"{text.split(' ', 1)[0]} " * 200_000

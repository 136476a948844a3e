"""What the cells of a run print, for a terminal: each line once, as they come."""

import re
from collections.abc import Iterable, Mapping
from typing import Any

#: Escape sequences, which might do anything to a terminal, and control characters but line ends
#: and tabs.
_ESCAPES = re.compile(r"\x1b(\[[0-9;?]*[ -/]*[@-~]|\][^\x07\x1b]*(\x07|\x1b\\)?|[ -/]*[0-~])?")
_CONTROLS = re.compile(r"[\x00-\x08\x0b-\x1f\x7f-\x9f]")
_NOTE = re.compile(r"^\[earlier output is shown once the cell has ended\]\n")
_OVERLAP = 500  # characters by which a text that lost its beginning is found again
_DONE = {"completed", "failed"}
#: What papermill puts before a cell that failed, and on top of the notebook.
_MARKER = "papermill-error-cell-tag"


class LiveText:
    """Remembers what it has told."""

    def __init__(self) -> None:
        #: Cells whose whole text was told: the first ones.
        self.cells = 0
        #: By the kind of output, what was told of the cell that follows these.
        self._told: dict[str, str] = {}

    def running(self, live: Mapping[str, Any]) -> str:
        """New whole lines of the cell that runs; a progress bar is none until it is done."""
        cell = live["cell"]
        if cell is None or cell["index"] != self.cells:
            return ""
        return self._new(cell["outputs"], whole_lines=True)

    def done(self, cells: Iterable[Mapping[str, Any]]) -> str:
        """What has not been told of the cells that are done, of an executed notebook."""
        text = ""
        facts = [(cell, cell.get("metadata", {})) for cell in cells]
        ours = [(cell, fact) for cell, fact in facts if _MARKER not in fact.get("tags", [])]
        for cell, fact in ours[self.cells :]:
            if fact.get("papermill", {}).get("status") not in _DONE:
                break
            text += self._new(cell.get("outputs", []), whole_lines=False)
            self.cells += 1
            self._told = {}
        return text

    def _new(self, outputs: Iterable[Mapping[str, Any]], *, whole_lines: bool) -> str:
        new = ""
        for kind, text in _texts(outputs).items():
            if whole_lines:
                text = text[: text.rfind("\n") + 1]  # noqa: PLW2901
            elif text and not text.endswith("\n"):
                text += "\n"  # noqa: PLW2901
            new += _after(text, self._told.get(kind, ""))
            self._told[kind] = text or self._told.get(kind, "")
        return new


def _texts(outputs: Iterable[Mapping[str, Any]]) -> dict[str, str]:
    """Texts by the stream, and those of tables and plots; how a run failed is told elsewhere."""
    found: dict[str, str] = {}
    for output in outputs:
        if output["output_type"] == "stream":
            kind, text = output["name"], _joined(output["text"])
        elif "data" in output:
            kind, text = "shown", _joined(output["data"].get("text/plain", "")) + "\n"
        else:
            continue
        found[kind] = found.get(kind, "") + _NOTE.sub("", text)
    return {kind: _plain(text) for kind, text in found.items()}


def _joined(text: Any) -> str:
    """Files keep a text as a list of lines."""
    return "".join(map(str, text)) if isinstance(text, list) else str(text)


def _plain(text: str) -> str:
    text = _ESCAPES.sub("", text.replace("\r\n", "\n"))
    lines = text.split("\n")
    text = "\n".join(
        next((part for part in reversed(line.split("\r")) if part), "") for line in lines
    )
    return _CONTROLS.sub("", text)


def _after(text: str, told: str) -> str:
    """What of the text comes after what was told; all of it when that is not in it."""
    if text.startswith(told):
        return text[len(told) :]
    end = told[-_OVERLAP:]
    place = text.rfind(end)
    return text[place + len(end) :] if place >= 0 else text

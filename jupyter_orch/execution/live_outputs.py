"""A bounded view of a cell's outputs, for people who watch it run."""

import json
from collections.abc import Mapping, Sequence
from typing import Any

from jupyter_orch.execution.mask import Masker

#: Characters of printed text that are shown: the last ones.
_TEXT = 32_000
#: Characters that are looked at for those, as a progress bar draws its line again and again.
_WINDOW = 8 * _TEXT
#: Characters of the largest table or plot that is shown, and of all of them.
_LARGE = 64_000
_ALL = 96_000
_MOST = 100  # outputs
_EARLIER = "[earlier output is shown once the cell has ended]\n"
_LONGEST_NAME = 1000  # characters of an error's name and message
#: Needs its kernel to be drawn; what stands beside it does not.
_WIDGET = "application/vnd.jupyter.widget-view+json"


class LiveOutputs:
    """Looks at a cell's outputs from the last one backwards, until there is enough.

    What that costs does not grow with them, and each table or plot is looked at once.
    """

    def __init__(self, masker: Masker) -> None:
        self._masker = masker
        #: What is shown for the content of an output, and its size. By the content's id, which is
        #: its own as long as it is kept here.
        self._known: dict[int, tuple[Any, dict[str, Any], int]] = {}

    def view(self, outputs: Sequence[Any]) -> list[dict[str, Any]]:
        """The last outputs as nbformat has them; never two texts of the same stream in a row."""
        shown: list[dict[str, Any]] = []
        known: dict[int, tuple[Any, dict[str, Any], int]] = {}
        text_room, room = _TEXT, _ALL
        left, whole = len(outputs), True
        while left and whole and len(shown) < _MOST:
            output = outputs[left - 1]
            if output["output_type"] == "stream":
                left, text, whole = self._text(outputs, left, text_room)
                text_room -= len(text)
                shown.append({"output_type": "stream", "name": output["name"], "text": text})
                continue
            left -= 1
            content = output.get("data", output)
            found = self._known.get(id(content)) or (content, *self._rich(output))
            known[id(content)] = found
            _, one, size = found
            if size > room:
                one = _note(output, "an output like those below")
            room -= min(size, room)
            shown.append(one)
        self._known = known
        shown.reverse()
        return shown if whole and not left else _with_note(shown)

    def _text(self, outputs: Sequence[Any], end: int, room: int) -> tuple[int, str, bool]:
        """Where the texts begin that belong together, what they say, and whether that is all."""
        name = outputs[end - 1]["name"]
        parts: list[str] = []
        window = _WINDOW
        while end and window > 0:
            output = outputs[end - 1]
            if output["output_type"] != "stream" or output["name"] != name:
                break
            parts.append(output["text"][-window:])
            window -= len(output["text"])
            end -= 1
        said = self._masker.text(_as_on_terminal("".join(reversed(parts))))
        if window <= 0 or len(said) > room:
            said = said[-room:] if room > 0 else ""
            return end, said[said.find("\n") + 1 :], False
        return end, said, True

    def _rich(self, output: Any) -> tuple[dict[str, Any], int]:
        size = _size(output)
        if size is None or size > _LARGE:
            one = _note(output, _weight(size))
        else:
            one = self._masker.value(json.loads(json.dumps(output)))
            if len(one.get("data", {})) > 1:
                one["data"].pop(_WIDGET, None)
        return one, len(json.dumps(one))


def _as_on_terminal(text: str) -> str:
    """A carriage return begins its line anew; progress bars end with one, too."""
    if "\r" not in text:
        return text
    lines = text.replace("\r\n", "\n").split("\n")
    return "\n".join(
        next((part for part in reversed(line.split("\r")) if part), "") for line in lines
    )


def _size(output: Mapping[str, Any]) -> int | None:
    """Characters of an output as JSON, about; None when JSON cannot say it."""
    if output["output_type"] == "error":
        return len(output["ename"]) + len(output["evalue"]) + sum(map(len, output["traceback"]))
    try:
        return sum(
            len(value) if isinstance(value, str) else len(json.dumps(value, allow_nan=False))
            for value in (*output["data"].values(), output["metadata"])
        )
    except (ValueError, TypeError, RecursionError):
        return None


def _weight(size: int | None) -> str:
    if size is None:
        return "an unusual value"
    return f"{size / 1e6:.1f} MB" if size >= 1e6 else f"{size / 1e3:.0f} kB"  # noqa: PLR2004


def _note(output: Mapping[str, Any], what: str) -> dict[str, Any]:
    if output["output_type"] == "error":
        short = {name: output[name][:_LONGEST_NAME] for name in ("ename", "evalue")}
        return {"output_type": "error", **short, "traceback": []}
    kinds = [kind[:100] for kind in output["data"] if kind != "text/plain"] or ["text/plain"]
    said = f"[{', '.join(kinds[:3])}, {what}: shown once the cell has ended]"
    return {"output_type": "display_data", "data": {"text/plain": said}, "metadata": {}}


def _with_note(shown: list[dict[str, Any]]) -> list[dict[str, Any]]:
    if shown and shown[0]["output_type"] == "stream":
        return [{**shown[0], "text": _EARLIER + shown[0]["text"]}, *shown[1:]]
    return [{"output_type": "stream", "name": "stdout", "text": _EARLIER}, *shown]

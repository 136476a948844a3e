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
_MOST = 40  # outputs; JupyterLab hides those beyond the fiftieth
_LOOKED_AT = 5_000  # outputs
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
        end, texts, room = len(outputs), _Texts(outputs, self._masker), _ALL
        while end and texts.room > 0 and len(shown) < _MOST and len(outputs) - end < _LOOKED_AT:
            output = outputs[end - 1]
            if output["output_type"] == "stream":
                end, text = texts.before(end)
                if text and shown and shown[-1].get("name") == output["name"]:
                    shown[-1]["text"] = text + shown[-1]["text"]
                elif text:
                    shown.append({"output_type": "stream", "name": output["name"], "text": text})
                continue
            end -= 1
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
        return _with_note(shown) if end or texts.cut else shown

    def _rich(self, output: Any) -> tuple[dict[str, Any], int]:
        size = _size(output)
        if size is None or size > _LARGE:
            one = _note(output, _weight(size))
        else:
            one = self._masker.value(json.loads(json.dumps(output)))
            if len(one.get("data", {})) > 1:
                one["data"].pop(_WIDGET, None)
        return one, len(json.dumps(one))


class _Texts:
    """Printed texts, from the last one backwards."""

    def __init__(self, outputs: Sequence[Any], masker: Masker) -> None:
        self._outputs = outputs
        self._masker = masker
        self._window = _WINDOW
        #: Streams whose line is drawn anew further below.
        self._redrawn: set[str] = set()
        #: Characters that may still be shown.
        self.room = _TEXT
        #: Whether some were not.
        self.cut = False

    def before(self, end: int) -> tuple[int, str]:
        """The text of the stream that ends there, and where it begins."""
        outputs, parts = self._outputs, []
        name = outputs[end - 1]["name"]
        while end and self._window > 0:
            output = outputs[end - 1]
            if output["output_type"] != "stream" or output["name"] != name:
                break
            parts.append(output["text"][-self._window :])
            self._window -= len(output["text"])
            end -= 1
        text = "".join(reversed(parts))
        again = text.startswith("\r") and not text.startswith("\r\n")
        if name in self._redrawn:
            text = text[: text.rfind("\n") + 1]
        self._redrawn = self._redrawn | {name} if again else self._redrawn - {name}
        text = self._masker.text(_as_on_terminal(text))
        if self._window <= 0 or len(text) > self.room:
            text = text[-self.room :]
            text = text[text.find("\n") + 1 :]
            self.room, self.cut = 0, True
        self.room -= len(text)
        return end, text


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

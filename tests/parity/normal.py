"""What of an executed notebook is compared: all but ids, times and where a stream is cut.

Replaced, and nothing else:

* ids of cells that the source does not have, as the injected one (`<new>`);
* the times and durations of papermill and of the cells' `execution` metadata (`<time>`);
* model ids of widgets, by a digest of the model's own state; the order of the models is by id,
  so they are compared in the order of those digests;
* the process id in ipykernel's file names, and memory addresses in reprs;
* a stream's text is joined with that of the output before it when both are of the same stream:
  whether one message or two bring it depends on a timer.
"""

import hashlib
import json
import re
from typing import Any

_TIMES = ("start_time", "end_time", "duration")
_WIDGETS = "application/vnd.jupyter.widget-state+json"
_TEXTS = (
    (re.compile(r"ipykernel_\d+"), "ipykernel_<pid>"),
    (re.compile(r"\bat 0x[0-9a-f]{6,16}\b|(?<=object )at [0-9a-f]{8,16}\b"), "at <address>"),
)


def normalised(notebook: dict[str, Any], source_ids: frozenset[str]) -> dict[str, Any]:
    """The notebook without what may differ from run to run."""
    kept: dict[str, Any] = _without_model_ids(replaced(notebook))
    _mask_times(kept["metadata"].get("papermill", {}), _TIMES)
    for cell in kept["cells"]:
        if cell.get("id", "<new>") not in source_ids and "id" in cell:
            cell["id"] = "<new>"
        _mask_times(cell["metadata"].get("papermill", {}), _TIMES)
        execution = cell["metadata"].get("execution", {})
        _mask_times(execution, tuple(execution))
        if "outputs" in cell:
            cell["outputs"] = _joined(cell["outputs"])
    return kept


def replaced(value: Any) -> Any:
    """The JSON value without process ids and addresses in its texts."""
    if isinstance(value, str):
        for pattern, text in _TEXTS:
            value = pattern.sub(text, value)
        return value
    if isinstance(value, dict):
        return {key: replaced(item) for key, item in value.items()}
    if isinstance(value, list):
        return [replaced(item) for item in value]
    return value


def differences(expected: Any, actual: Any, path: str = "") -> dict[str, str]:
    """What differs, by its path in the notebook, as `/cells/0/outputs`."""
    if isinstance(expected, dict) and isinstance(actual, dict):
        found: dict[str, str] = {}
        for key in sorted(expected.keys() | actual.keys()):
            found |= differences(
                expected.get(key, "<absent>"), actual.get(key, "<absent>"), f"{path}/{key}"
            )
        return found
    if isinstance(expected, list) and isinstance(actual, list) and len(expected) == len(actual):
        found = {}
        for number, (one, other) in enumerate(zip(expected, actual, strict=True)):
            found |= differences(one, other, f"{path}/{number}")
        return found
    # as text: NaN equals nothing, and 1 equals True
    if json.dumps(expected, sort_keys=True) == json.dumps(actual, sort_keys=True):
        return {}
    return {path: f"{expected!r:.2000} became {actual!r:.2000}"}


def _mask_times(fields: dict[str, Any], names: tuple[str, ...]) -> None:
    fields |= {name: "<time>" for name in names if fields.get(name) is not None}


def _joined(outputs: list[dict[str, Any]]) -> list[dict[str, Any]]:
    joined: list[dict[str, Any]] = []
    for output in outputs:
        if output["output_type"] == "stream":
            output["text"] = "".join(output["text"])
            if joined and joined[-1].get("name") == output["name"]:
                joined[-1]["text"] += output["text"]
                continue
        joined.append(output)
    return joined


def _without_model_ids(notebook: dict[str, Any]) -> dict[str, Any]:
    widgets = notebook["metadata"].get("widgets", {}).get(_WIDGETS)
    if widgets is None:
        return notebook
    states = widgets["state"]
    names = dict.fromkeys(states, "<model>")
    for _ in states:  # each round tells models apart that refer to models told apart before
        digests = {model: _digest(_renamed(state, names)) for model, state in states.items()}
        if len(set(digests.values())) == len(set(names.values())):
            break
        names = digests
    widgets["state"] = [states[model] for model in sorted(states, key=names.__getitem__)]
    renamed: dict[str, Any] = _renamed(notebook, names)
    return renamed


def _renamed(value: Any, names: dict[str, str]) -> Any:
    text = json.dumps(value, sort_keys=True)
    return json.loads(re.sub(r"\b[0-9a-f]{32}\b|(?<=IPY_MODEL_)[0-9a-f]{32}", _by(names), text))


def _by(names: dict[str, str]) -> Any:
    return lambda found: names.get(found[0], found[0])


def _digest(value: Any) -> str:
    return f"<model {hashlib.sha256(json.dumps(value, sort_keys=True).encode()).hexdigest()[:12]}>"

"""Notebooks from the compact text in `corpus/`.

A file holds the notebooks of one theme. Each begins with `===== name`, followed by fields and
then by cells:

    ===== division
    shows: error-simple, error-marker
    parameters: {"x": 0}
    # %% {"tags": ["parameters"]}
    x = 1
    # %% [markdown]
    Some text
    # %%
    1 / x

Fields: `shows` names the behaviours; `parameters` are papermill's; `metadata` replaces the
notebook's; `files` lie beside it; `source` names a file in `corpus/files/` that is taken as it is,
instead of cells; `differs` maps each path that is meant to differ from papermill to the reason.
All but `shows` and `source` are JSON. After `# %%` come the type of the cell, if it is not code,
and its metadata. The files in `corpus/files/` do not end in `.ipynb`, as formatters and linters
would read them.
"""

import json
import re
import tomllib
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

HERE = Path(__file__).parent
_CORPUS = HERE / "corpus"
_NOTEBOOK = re.compile(r"^===== (\S+)\n", re.MULTILINE)
_CELL = re.compile(r"^# %%(?: \[(markdown|raw)\])?(?: (\{.*\}))?\n", re.MULTILINE)
_METADATA = {
    "kernelspec": {"name": "python3", "display_name": "Python 3", "language": "python"},
    "language_info": {"name": "python"},
}


@dataclass(frozen=True, kw_only=True)
class Sample:
    """One notebook of the corpus."""

    name: str
    #: The behaviours that it exercises.
    shows: tuple[str, ...]
    #: Its bytes, as an .ipynb file holds them.
    content: bytes
    parameters: dict[str, Any] = field(default_factory=dict)
    #: Text of the files beside it, by name.
    files: dict[str, str] = field(default_factory=dict)
    #: Why a part of the result is meant to differ from papermill's, by its path.
    differs: dict[str, str] = field(default_factory=dict)


def behaviours() -> dict[str, str]:
    """The matrix: what each behaviour means, by its name."""
    return tomllib.loads((HERE / "behaviours.toml").read_text("utf-8"))


def corpus() -> list[Sample]:
    """Every notebook, theme by theme."""
    return [sample for path in sorted(_CORPUS.glob("*.txt")) for sample in _samples(path)]


def _samples(path: Path) -> Iterator[Sample]:
    _, *parts = _NOTEBOOK.split(path.read_text("utf-8"))
    for name, text in zip(parts[::2], parts[1::2], strict=True):
        head, *cells = _CELL.split(text)
        fields = dict(line.split(": ", 1) for line in head.splitlines() if line)
        yield Sample(
            name=name,
            shows=tuple(fields.pop("shows").split(", ")),
            content=_content(fields.pop("source", None), fields.pop("metadata", None), cells),
            **{key: json.loads(value) for key, value in fields.items()},
        )


def _content(source: str | None, metadata: str | None, cells: list[str]) -> bytes:
    if source is not None:
        return (_CORPUS / "files" / source).read_bytes()
    notebook = {
        "nbformat": 4,
        "nbformat_minor": 5,
        "metadata": json.loads(metadata) if metadata else _METADATA,
        "cells": [
            _cell(number, *cell)
            for number, cell in enumerate(zip(cells[::3], cells[1::3], cells[2::3], strict=True))
        ],
    }
    return json.dumps(notebook).encode()


def _cell(number: int, kind: str | None, metadata: str | None, source: str) -> dict[str, Any]:
    cell = {
        "cell_type": kind or "code",
        "id": f"cell-{number}",
        "metadata": json.loads(metadata) if metadata else {},
        "source": source.strip("\n"),
    }
    return cell if kind else cell | {"outputs": [], "execution_count": None}

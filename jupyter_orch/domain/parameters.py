"""Parameters of a notebook: inferred from its `parameters` cell, described by JSON Schema.

The one door of the area: `read_notebook` says what a notebook takes, `check` and `parse` say
whether given values fit.
"""

import ast
import json
import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from jupyter_orch.domain.errors import BadInput
from jupyter_orch.domain.parameters_check import check, parse, problems
from jupyter_orch.domain.parameters_infer import Parameter, infer, python_tree
from jupyter_orch.domain.parameters_java import infer_java

__all__ = [
    "NotebookFacts",
    "Parameter",
    "check",
    "parse",
    "problems",
    "read_notebook",
    "require_notebook",
    "schema",
]

_TAG_A_CELL = (
    'Tag one code cell with "parameters" (property inspector, Cell tags): its assignments become'
    " the parameters."
)
#: Who reads the cell, by language in lower case; Python's is for those that name none, too.
_READERS = {"java": infer_java}
_TABLE = re.compile(r"\w+(\.\w+){0,2}")


@dataclass(frozen=True, kw_only=True)
class NotebookFacts:
    """What can be known about a notebook without executing it."""

    #: Kernelspec name, absent when the notebook names none.
    kernel: str | None
    #: Programming language in lower case.
    language: str | None
    #: Whether a cell is tagged `parameters`.
    parameters_cell: bool
    parameters: tuple[Parameter, ...]
    #: JSON Schema of the parameters.
    schema: dict[str, Any]
    #: What a person could do to get (better) parameters.
    hint: str | None
    #: Tables named in `output("…")` calls.
    outputs: tuple[str, ...]


def schema(parameters: Sequence[Parameter], *, closed: bool = True) -> dict[str, Any]:
    """The JSON Schema of these parameters, in their order.

    Args:
        parameters: What the notebook takes.
        closed: Whether other names are refused; False where they cannot be inferred.
    """
    return {
        "type": "object",
        "properties": {parameter.name: parameter.to_schema() for parameter in parameters},
        "required": [parameter.name for parameter in parameters if parameter.required],
        "additionalProperties": not closed,
    }


def read_notebook(content: bytes) -> NotebookFacts:
    """Reads a notebook's kernel, parameters and outputs; executes nothing.

    Raises:
        BadInput: The bytes are not JSON, or not a notebook.
    """
    cells, metadata = _load(content)
    spec = _mapping(metadata.get("kernelspec"))
    language = _text(_mapping(metadata.get("language_info")).get("name")) or _text(
        spec.get("language")
    )
    sources = [_source(cell) for cell in cells if cell.get("cell_type") == "code"]
    tagged = next((_source(cell) for cell in cells if "parameters" in _tags(cell)), None)
    is_python = language is None or language.lower() in {"python", "ipython"}
    read = infer if is_python else _READERS.get((language or "").lower())

    parameters: tuple[Parameter, ...] = ()
    hint: str | None = None
    if tagged is None:
        hint = _TAG_A_CELL
    elif read is None:
        hint = "Parameters can be read from Python and Java only; any name is taken for this one."
    else:
        parameters, hint = read(tagged)
    return NotebookFacts(
        kernel=_text(spec.get("name")),
        language=language.lower() if language else None,
        parameters_cell=tagged is not None,
        parameters=parameters,
        schema=schema(parameters, closed=read is not None or tagged is None),
        hint=hint,
        outputs=_outputs(sources) if is_python else (),
    )


def require_notebook(content: bytes) -> None:
    """Refuses what is no notebook, without a look at its code.

    Raises:
        BadInput: The bytes are not JSON, or not a notebook (field `notebook`).
    """
    _load(content)


def _load(content: bytes) -> tuple[list[Mapping[str, Any]], Mapping[str, Any]]:
    try:
        document = json.loads(content.decode("utf-8-sig"))
    except (UnicodeDecodeError, ValueError, RecursionError):
        raise BadInput(
            "The file is not a notebook: it is not JSON.",
            field="notebook",
            hint="Choose a file that JupyterLab opens as a notebook (.ipynb).",
        ) from None
    if isinstance(document, dict) and isinstance(document.get("nbformat"), int):
        cells = document.get("cells")
        if cells is None:  # version 3 keeps its cells in worksheets
            sheets = document.get("worksheets")
            first = _mapping(sheets[0]) if isinstance(sheets, list) and sheets else {}
            cells = first.get("cells")
        if isinstance(cells, list) and all(isinstance(cell, dict) for cell in cells):
            return cells, _mapping(document.get("metadata"))
    raise BadInput(
        "The file is JSON, and not a notebook: it has no list of cells.",
        field="notebook",
        hint="Choose a file that JupyterLab opens as a notebook (.ipynb).",
    )


def _mapping(value: object) -> Mapping[str, Any]:
    return value if isinstance(value, dict) else {}


def _text(value: object) -> str | None:
    return value if isinstance(value, str) and value else None


def _tags(cell: Mapping[str, Any]) -> Sequence[object]:
    tags = _mapping(cell.get("metadata")).get("tags")
    return tags if isinstance(tags, list) else []


def _source(cell: Mapping[str, Any]) -> str:
    source = cell.get("source", cell.get("input", ""))
    if isinstance(source, list):
        return "".join(line for line in source if isinstance(line, str))
    return source if isinstance(source, str) else ""


def _outputs(sources: Sequence[str]) -> tuple[str, ...]:
    """Tables in `output("…")` calls on whatever name the notebook imports ours by."""
    trees = [tree for tree in map(python_tree, sources) if tree is not None]
    modules, functions = {"jupyter_orch"}, set[str]()
    for node in (node for tree in trees for node in ast.walk(tree)):
        if isinstance(node, ast.Import):
            modules |= {a.asname or a.name for a in node.names if a.name == "jupyter_orch"}
        elif isinstance(node, ast.ImportFrom) and node.module == "jupyter_orch":
            functions |= {a.asname or a.name for a in node.names if a.name == "output"}
    found: dict[str, None] = {}
    for tree in trees:
        found |= dict.fromkeys(_output_tables(tree, modules, functions))
    return tuple(found)


def _output_tables(tree: ast.Module, modules: set[str], functions: set[str]) -> Iterator[str]:
    calls = [node for node in ast.walk(tree) if isinstance(node, ast.Call)]
    for node in sorted(calls, key=lambda call: (call.lineno, call.col_offset)):
        match node.func:
            case ast.Name(id=name) if name in functions:
                pass
            case ast.Attribute(value=ast.Name(id=name), attr="output") if name in modules:
                pass
            case _:
                continue
        named = [keyword.value for keyword in node.keywords if keyword.arg == "table"]
        for value in (node.args or named)[:1]:
            if (
                isinstance(value, ast.Constant)
                and isinstance(value.value, str)
                and _TABLE.fullmatch(value.value)
            ):
                yield value.value

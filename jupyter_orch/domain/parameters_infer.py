"""What a `parameters` cell says: names, types, defaults and explanations, read from its AST.

Nothing is executed. What cannot be read from the text is left out rather than guessed.
"""

import ast
import datetime as dt
import io
import re
import tokenize
import warnings
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any

from jupyter_orch.domain.parameters_types import SCALAR, nullable, of_annotation, of_value
from jupyter_orch.domain.parameters_values import Unfit, canonical

_LONGEST_CELL = 200_000  # characters
_MAGIC = re.compile(r"^\s*[%!?]|.*\?\s*$")
_HEADINGS = frozenset({"parameter", "parameters", "params"})
_NOT_PROSE = re.compile(r"(noqa|type:|pylint:|fmt:|mypy:|ruff:)", re.IGNORECASE)
_MISSING = object()


@dataclass(frozen=True, kw_only=True)
class Parameter:
    """One parameter of a notebook."""

    name: str
    #: JSON Schema of its value, without title and default.
    type: dict[str, Any]
    #: Whether a value must be given: the cell only annotates the name.
    required: bool = False
    #: JSON value of the default; meaningless unless `has_default`.
    default: Any = None
    has_default: bool = False
    #: Source of a default that is not a literal, such as `date.today()`.
    expression: str | None = None
    #: From the comment after the line, or above it.
    description: str = ""

    def to_schema(self) -> dict[str, Any]:
        """The property of the parameters' JSON Schema."""
        found: dict[str, Any] = {**self.type, "title": self.name}
        if self.description:
            found["description"] = self.description
        if self.has_default:
            found["default"] = self.default
        if self.expression is not None:
            found["x-default-expression"] = self.expression
        return found


def infer(source: str) -> tuple[tuple[Parameter, ...], str | None]:
    """Parameters in the order of the cell, and a hint when the cell cannot be read."""
    tree = python_tree(source)
    if tree is None:
        return (), "The parameters cell is not valid Python, so that it gives no parameters."
    comments = _Comments(source)
    found: dict[str, Parameter] = {}
    for statement in tree.body:
        for name, annotation, value in _assignments(statement):
            if name.startswith("_"):
                continue
            found[name] = _parameter(name, annotation, value, comments.of(statement))
    if not found:
        return (), "The parameters cell assigns nothing yet: write `name = default` in it."
    return tuple(found.values()), None


def python_tree(source: str) -> ast.Module | None:
    """The AST of a cell with its magics blanked, or None when it is not Python."""
    if len(source) > _LONGEST_CELL:
        return None
    lines = ["pass" if _MAGIC.match(line) else line for line in source.split("\n")]
    for text in (source, "\n".join(lines)):
        try:
            with warnings.catch_warnings():
                warnings.simplefilter("ignore")  # the notebook's invalid escapes are its own
                return ast.parse(text)
        except (SyntaxError, ValueError, RecursionError, MemoryError):
            continue
    return None


def _assignments(
    statement: ast.stmt,
) -> Iterator[tuple[str, ast.expr | None, ast.expr | None]]:
    match statement:
        case ast.AnnAssign(target=ast.Name(id=name), annotation=annotation, value=value):
            yield name, annotation, value
        case ast.Assign(targets=targets, value=value):
            for target in targets:
                yield from _unpack(target, value)


def _unpack(target: ast.expr, value: ast.expr) -> Iterator[tuple[str, None, ast.expr]]:
    match target, value:
        case ast.Name(id=name), _:
            yield name, None, value
        case ast.Tuple(elts=names) | ast.List(elts=names), ast.Tuple(elts=values) | ast.List(
            elts=values
        ) if len(names) == len(values):
            for one, its in zip(names, values, strict=True):
                yield from _unpack(one, its)


def _parameter(
    name: str, annotation: ast.expr | None, value: ast.expr | None, description: str
) -> Parameter:
    declared = of_annotation(annotation) if annotation is not None else None
    description = description or _annotated_text(annotation)
    if value is None:
        return Parameter(
            name=name, type=declared or dict(SCALAR), required=True, description=description
        )
    literal = _literal(value)
    expression = ast.unparse(value)
    if literal is _MISSING:
        return Parameter(
            name=name,
            type=declared or _of_call(value) or dict(SCALAR),
            expression=expression,
            description=description,
        )
    if declared is not None and literal is None:
        declared = nullable(declared)
    kind = declared or of_value(literal)
    try:
        default = canonical(kind, literal)
    except Unfit:  # the default breaks its own annotation, or is no JSON value
        return Parameter(name=name, type=kind, expression=expression, description=description)
    return Parameter(
        name=name, type=kind, default=default, has_default=True, description=description
    )


def _annotated_text(annotation: ast.expr | None) -> str:
    match annotation:
        case ast.Subscript(
            value=ast.Name(id="Annotated") | ast.Attribute(attr="Annotated"),
            slice=ast.Tuple(elts=[_, *rest]),
        ):
            texts = [n.value for n in rest if isinstance(n, ast.Constant)]
            return next((text for text in texts if isinstance(text, str)), "")
    return ""


# ------------------------------------------------------------------------------ defaults


def _literal(node: ast.expr) -> Any:
    """The value of a literal, of a list or dict of them, or of a date; else `_MISSING`."""
    match node:
        case ast.List(elts=elements) | ast.Tuple(elts=elements):
            values = [_literal(element) for element in elements]
            return _MISSING if _MISSING in values else values
        case ast.Dict(keys=keys, values=elements):
            names = [key.value for key in keys if isinstance(key, ast.Constant)]
            values = [_literal(element) for element in elements]
            if len(names) < len(keys) or _MISSING in values:
                return _MISSING
            return dict(zip(names, values, strict=True))
        case ast.Call():
            return _moment(node)
    return _scalar(node)


def _scalar(node: ast.expr) -> Any:
    try:
        value = ast.literal_eval(node)
    except (ValueError, TypeError, SyntaxError, RecursionError, MemoryError):
        return _MISSING
    return value if value is None or isinstance(value, str | int | float) else _MISSING


_MOMENTS = {"date": dt.date, "datetime": dt.datetime}


def _moment(call: ast.Call) -> Any:
    """`date(2013, 1, 1)`, `datetime.date(…)`, `date.fromisoformat("…")` and their like."""
    match call.func:
        case ast.Name(id=name) | ast.Attribute(attr=name) if name in _MOMENTS:
            kind, make = _MOMENTS[name], None
        case ast.Attribute(
            attr="fromisoformat", value=ast.Name(id=name) | ast.Attribute(attr=name)
        ) if name in _MOMENTS:
            kind, make = _MOMENTS[name], "fromisoformat"
        case _:
            return _MISSING
    try:
        given = [ast.literal_eval(argument) for argument in call.args]
        named = {k.arg: _argument(k) for k in call.keywords if k.arg is not None}
        return (getattr(kind, make) if make else kind)(*given, **named)
    except (ValueError, TypeError, SyntaxError, OverflowError, RecursionError, MemoryError):
        return _MISSING


def _argument(keyword: ast.keyword) -> Any:
    if keyword.arg == "tzinfo" and ast.unparse(keyword.value).rpartition(".")[2].lower() == "utc":
        return dt.UTC
    return ast.literal_eval(keyword.value)


def _of_call(node: ast.expr) -> dict[str, Any] | None:
    """The type of `date.today()`, `datetime.now(…)` or `int(…)`."""
    match node:
        case ast.Call(func=ast.Attribute(attr="today" | "fromisoformat", value=owner)) if (
            ast.unparse(owner).rpartition(".")[2] == "date"
        ):
            return {"type": "string", "format": "date"}
        case ast.Call(func=ast.Attribute(attr="now" | "utcnow" | "today" | "fromisoformat")):
            return {"type": "string", "format": "date-time"}
        case ast.Call(func=ast.Name(id="int" | "float" | "bool" | "str") as name):
            return of_annotation(name)
    return None


# ------------------------------------------------------------------------------ comments


@dataclass
class _Comments:
    """Comments by line: those after code, and those that stand alone."""

    source: str
    after: dict[int, str] = field(default_factory=dict)
    alone: dict[int, str] = field(default_factory=dict)

    def __post_init__(self) -> None:
        try:
            for token in tokenize.generate_tokens(io.StringIO(self.source).readline):
                if token.type == tokenize.COMMENT:
                    before = token.line[: token.start[1]].strip()
                    text = token.string.lstrip("#:").strip()
                    if not _NOT_PROSE.match(text):
                        (self.after if before else self.alone)[token.start[0]] = text
        except (tokenize.TokenError, SyntaxError):
            return

    def of(self, statement: ast.stmt) -> str:
        after = self.after.get(statement.end_lineno or statement.lineno, "")
        above: list[str] = []
        line = statement.lineno - 1
        while line in self.alone:
            above.insert(0, self.alone[line])
            line -= 1
        heading = " ".join(above).strip()
        if heading.strip(" :.-=").lower() in _HEADINGS:
            heading = ""
        return f"{heading} ({after})" if heading and after else heading or after

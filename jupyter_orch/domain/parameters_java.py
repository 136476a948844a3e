"""What a `parameters` cell in Java says: names, types, defaults and explanations.

What cannot be read from its declarations is left out rather than guessed.
"""

import ast
import datetime as dt
import re
from collections.abc import Sequence
from typing import Any

from jupyter_orch.domain.java_declarations import Declared, declarations
from jupyter_orch.domain.parameters_infer import Parameter
from jupyter_orch.domain.parameters_types import SCALAR, Schema, nullable, of_value
from jupyter_orch.domain.parameters_values import Unfit, canonical

_UNREAD = "The parameters cell is not valid Java, so that it gives no parameters."
_EMPTY = "The parameters cell declares nothing yet: write `int name = 5;` in it."
_LONGEST_NUMBER = 100  # characters
_MISSING = object()

_PRIMITIVE: dict[str, Schema] = {
    "byte": {"type": "integer"},
    "short": {"type": "integer"},
    "int": {"type": "integer"},
    "long": {"type": "integer"},
    "float": {"type": "number"},
    "double": {"type": "number"},
    "boolean": {"type": "boolean"},
}
_REFERENCE: dict[str, Schema] = {
    "Integer": {"type": "integer"},
    "Long": {"type": "integer"},
    "Float": {"type": "number"},
    "Double": {"type": "number"},
    "Boolean": {"type": "boolean"},
    "String": {"type": "string"},
    "LocalDate": {"type": "string", "format": "date"},
    "LocalDateTime": {"type": "string", "format": "date-time"},
}


def infer_java(source: str) -> tuple[tuple[Parameter, ...], str | None]:
    """Parameters in the order of the cell, and a hint when the cell cannot be read."""
    found = declarations(source)
    if found is None:
        return (), _UNREAD
    parameters = {each.name: _parameter(each) for each in found if not each.name.startswith("_")}
    return tuple(parameters.values()), None if parameters else _EMPTY


def item_type(kind: str) -> str | None:
    """What a list or an array of this type holds; None for another type."""
    if kind.endswith("[]"):
        return kind[:-2]
    outer, _, inner = kind.partition("<")
    is_list = outer.rpartition(".")[2] in {"List", "Collection", "Iterable"}
    return (inner.removesuffix(">") or "Object") if is_list else None


def _parameter(declared: Declared) -> Parameter:
    name, text = declared.name, declared.description
    kind = _schema(declared.type)
    if declared.value is None:
        return Parameter(name=name, type=kind or dict(SCALAR), required=True, description=text)
    literal = _literal(declared.value)
    if literal is _MISSING:
        expression = _joined(declared.value)
        return Parameter(
            name=name, type=kind or dict(SCALAR), expression=expression, description=text
        )
    if kind is None:
        kind = of_value(literal) if declared.type == "var" else dict(SCALAR)
    elif literal is None and declared.type not in _PRIMITIVE:
        kind = nullable(kind)
    try:
        default = canonical(kind, literal)
    except Unfit:  # the default breaks its own type
        expression = _joined(declared.value)
        return Parameter(name=name, type=kind, expression=expression, description=text)
    return Parameter(name=name, type=kind, default=default, has_default=True, description=text)


def _schema(kind: str) -> Schema | None:
    """The schema of a type, or None when it says nothing that we know."""
    if (inner := item_type(kind)) is not None:
        return {"type": "array", "items": _schema(inner) or dict(SCALAR)}
    plain = kind.partition("<")[0].rpartition(".")[2]
    if plain == "Map":
        return {"type": "object"}
    found = _PRIMITIVE.get(kind) or _REFERENCE.get(plain)
    return dict(found) if found else None


def _literal(value: Sequence[str]) -> Any:
    """The value of a literal, of a list of them, or of a date; else `_MISSING`."""
    if len(value) == 1:
        return _constant(value[0])
    if len(value) == 2 and value[0] == "-":  # noqa: PLR2004 - a sign and a number
        found = _number(value[1])
        return found if found is _MISSING else -found
    if value[:1] == ("{",) and value[-1:] == ("}",):
        return _items(value[1:-1])
    start = value.index("(") if "(" in value else 0
    if start > 2 and value[-1] == ")":  # noqa: PLR2004 - a class, a dot and a function
        return _called("".join(value[start - 3 : start]), _items(value[start + 1 : -1]))
    return _MISSING


def _called(function: str, given: Any) -> Any:
    if given is _MISSING or function in {"List.of", "Arrays.asList"}:
        return given
    if function == "LocalDate.of":
        return _date(given)
    if function in {"LocalDate.parse", "LocalDateTime.parse"} and len(given) == 1:
        return given[0]
    return _MISSING


def _items(tokens: Sequence[str]) -> Any:
    if not {"(", "{"}.isdisjoint(tokens):
        return _MISSING
    groups: list[tuple[str, ...]] = [()]
    for text in tokens:
        if text == ",":
            groups.append(())
        else:
            groups[-1] += (text,)
    values = [_literal(group) for group in groups if group]
    return _MISSING if _MISSING in values else values


def _date(parts: Any) -> Any:
    try:
        return dt.date(*parts).isoformat()
    except (TypeError, ValueError, OverflowError):
        return _MISSING


def _constant(token: str) -> Any:
    words = {"true": True, "false": False, "null": None}
    if token in words:
        return words[token]
    if token[:1] == '"':
        return _MISSING if token[:3] == '"""' else _text(token)
    return _number(token)


def _number(token: str) -> Any:
    plain = token.replace("_", "")
    if len(plain) > _LONGEST_NUMBER:
        return _MISSING
    if re.fullmatch(r"0|[1-9]\d*[lL]?|0[lL]", plain):
        return int(plain.rstrip("lL"))
    if re.fullmatch(r"0[xX][\da-fA-F]+[lL]?|0[bB][01]+[lL]?", plain):
        return int(plain.rstrip("lL"), 0)
    if re.fullmatch(r"(\d+\.?\d*|\.\d+)([eE][+-]?\d+)?[fFdD]?", plain):
        return float(plain.rstrip("fFdD"))
    return _MISSING


def _text(token: str) -> Any:
    r"""Java's escapes are Python's, but for `\s` and the ones that Python has alone."""
    if not re.fullmatch(r"""([^\\]|\\[btnfr"'\\0-7u])*""", token):
        return _MISSING
    try:
        return ast.literal_eval(token)
    except (ValueError, SyntaxError):
        return _MISSING


def _joined(tokens: Sequence[str]) -> str:
    """An expression as people write it."""
    text = " ".join(tokens)
    return re.sub(r" ?([.(\[<>]) ?", r"\1", re.sub(r" ([,)\];])", r"\1", text))

"""Papermill's words for parameters in Java.

Papermill hands its translators names and values only. What the notebook's own cell declares a
variable as is kept beside them: `double` must not become `int` because somebody gave a 2.
"""

import math
from collections.abc import Collection, Mapping
from contextvars import ContextVar
from types import MappingProxyType
from typing import Any

from papermill.models import Parameter as PapermillParameter
from papermill.translators import Translator

from jupyter_orch.domain.java_declarations import declarations, is_variable
from jupyter_orch.domain.parameters_java import item_type

_LARGEST_INT = 2**31
#: By the type of a value, alone and in a list.
_TYPES: Mapping[type, tuple[str, str]] = {
    bool: ("boolean", "Boolean"),
    float: ("double", "Double"),
    str: ("String", "String"),
}
_declared: ContextVar[Mapping[str, str]] = ContextVar("declared", default=MappingProxyType({}))


class ParametersRefused(ValueError):
    """The values cannot be written into the notebook; the text says why."""


def learn(nb: Any) -> None:
    """Takes note, for this thread or task, of what the notebook declares its parameters as."""
    tagged = (cell.source for cell in nb.cells if "parameters" in cell.metadata.get("tags", []))
    _declared.set(_types(next(tagged, "")))


def _types(source: str) -> Mapping[str, str]:
    return {each.name: each.type for each in declarations(source) or ()}


class JavaTranslator(Translator):  # type: ignore[misc]
    """Declarations in Java, of the types that the notebook has declared."""

    @classmethod
    def comment(cls, cmt_str: str) -> str:
        """A remark of one line."""
        return f"// {cmt_str}".strip()

    @classmethod
    def inspect(cls, parameters_cell: Any) -> list[PapermillParameter]:
        """What the cell declares; papermill asks this before it writes."""
        _declared.set(_types(parameters_cell.source))
        return [
            PapermillParameter(each.name, each.type, " ".join(each.value or ()), each.description)
            for each in declarations(parameters_cell.source) or ()
        ]

    @classmethod
    def codify(cls, parameters: Mapping[str, Any], comment: str = "Parameters") -> str:
        """The injected cell's text.

        Raises:
            ParametersRefused: A name is none in Java, or a value cannot be written.
        """
        types = _declared.get()
        lines = [cls.comment(comment)]
        for name, value in parameters.items():
            if not is_variable(name):
                raise ParametersRefused(f"The parameter {name} has a name that Java does not take.")
            kind = types.get(name, "var")
            if kind == "var":  # the kernel passes over what it finds no name for
                kind = _type_of(value)
            lines.append(f"{kind} {name} = {_written(name, value, kind)};")
        return "\n".join(lines) + "\n"


def _type_of(value: Any, *, boxed: bool = False) -> str:
    if isinstance(value, int) and not isinstance(value, bool):
        is_int = -_LARGEST_INT <= value < _LARGEST_INT
        plain, box = ("int", "Integer") if is_int else ("long", "Long")
        return box if boxed else plain
    if isinstance(value, list | tuple):
        return f"java.util.List<{_type_of_all(value)}>"
    if isinstance(value, Mapping):
        return f"java.util.Map<String,{_type_of_all(value.values())}>"
    plain, box = _TYPES.get(type(value), ("Object", "Object"))
    return box if boxed else plain


def _type_of_all(values: Collection[Any]) -> str:
    kinds = {_type_of(value, boxed=True) for value in values}
    return kinds.pop() if len(kinds) == 1 else "Object"


def _written(name: str, value: Any, kind: str) -> str:
    """An expression of this type, as far as the value can be one; else the compiler says so."""
    if value is None:
        return "null"
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, int | float):
        return _number(value, kind.rpartition(".")[2])
    if isinstance(value, list | tuple):
        return _list(name, value, kind)
    if isinstance(value, Mapping):
        return _map(name, value, kind)
    return _text(str(value), kind.rpartition(".")[2])


def _number(value: float, kind: str) -> str:
    if kind in {"float", "Float"} and math.isfinite(value):
        return f"{float(value)!r}f"
    if kind in {"double", "Double"}:
        value = float(value)
    if isinstance(value, float):
        if math.isnan(value):
            return "Double.NaN"
        if math.isinf(value):
            return f"Double.{'POSITIVE' if value > 0 else 'NEGATIVE'}_INFINITY"
        return repr(value)
    is_long = kind in {"long", "Long"} or not -_LARGEST_INT <= value < _LARGEST_INT
    return f"{value}L" if is_long else str(value)


def _list(name: str, values: Any, kind: str) -> str:
    inner = item_type(kind) or ""
    items = ", ".join(_written(name, value, inner) for value in values)
    if kind.endswith("[]"):
        return f"{{{items}}}"
    if items == "null":  # alone it would be no list at all
        return "java.util.Collections.singletonList(null)"
    return f"java.util.Arrays.asList({items})"


def _map(name: str, values: Mapping[str, Any], kind: str) -> str:
    if None in values.values():
        raise ParametersRefused(
            f"The parameter {name} has a null in it, which no map of Java takes."
        )
    inner = kind.partition(",")[2].removesuffix(">")
    entries = (
        f"java.util.Map.entry({_quoted(key)}, {_written(name, value, inner)})"
        for key, value in values.items()
    )
    return f"java.util.Map.ofEntries({', '.join(entries)})"


def _text(value: str, kind: str) -> str:
    quoted = _quoted(value)
    if kind in {"LocalDate", "LocalDateTime"}:
        return f"java.time.{kind}.parse({quoted})"
    if kind in {"char", "Character"} and len(value) == 1:
        return f"{quoted}.charAt(0)"
    return quoted


_ESCAPES = {'"': '\\"', "\\": "\\\\", "\n": "\\n", "\r": "\\r", "\t": "\\t"}


def _quoted(value: str) -> str:
    """A literal. What cannot be printed is octal in it: Java reads `u000a` as the end of a line."""
    return '"' + "".join(_ESCAPES.get(each) or _plain(each) for each in value) + '"'


def _plain(character: str) -> str:
    code = ord(character)
    return f"\\{code:03o}" if code < 0x20 or code == 0x7F else character  # noqa: PLR2004 - ASCII

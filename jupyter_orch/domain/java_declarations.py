"""The variables that a cell in Java declares, read from its text.

Nothing is compiled. What is no declaration is passed over.
"""

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import pairwise

_LONGEST_CELL = 200_000  # characters
_LONGEST_TYPE = 200  # characters
_TOKEN = re.compile(
    r"""
    (?P<space>\s+)
  | //(?P<line>[^\n]*)
  | /\*(?P<block>.*?)\*/
  | (?P<text>\"{3}(?:[^\\]|\\.)*?\"{3}|"(?:[^"\\\n]|\\.)*")
  | (?P<char>'(?:[^'\\\n]|\\.)+')
  | (?P<word>[^\W\d][\w$]*)
  | (?P<number>(?:\d|\.\d)(?:[\w.]|(?<=[eE])[+-])*)
  | (?P<mark>(?!/\*)[^\w\s"'])
    """,
    re.VERBOSE | re.DOTALL,
)
_MAGIC = re.compile(r"^\s*[%!].*$", re.MULTILINE)
_MODIFIERS = frozenset({"final", "public", "private", "protected", "static"})
_OPENING, _CLOSING = frozenset("([{"), frozenset(")]}")
_TYPE = re.compile(r"[^\W\d][\w.$]*(<[\w.$<>,?\[\] ]*>)?(\[\])*")
_HEADINGS = frozenset({"parameter", "parameters", "params"})
_PRIMITIVES = frozenset({"byte", "short", "int", "long", "float", "double", "boolean", "char"})
#: Words that name neither a variable nor a type.
_RESERVED = frozenset(
    word
    for line in (
        "abstract assert break case catch class const continue default do else enum extends false",
        "final finally for goto if implements import instanceof interface native new null package",
        "private protected public return static strictfp super switch synchronized this throw",
        "throws transient true try void volatile while _",
    )
    for word in line.split()
)


@dataclass(frozen=True, kw_only=True)
class Declared:
    """A variable of the cell."""

    name: str
    #: As it is written, without spaces: `int`, `List<String>`, `var`.
    type: str
    #: The tokens of what it is set to; absent: nothing.
    value: tuple[str, ...] | None
    #: From the comment after the line, or above it.
    description: str = ""


def declarations(source: str) -> tuple[Declared, ...] | None:
    """The variables that the cell declares, or None when it is not Java."""
    if len(source) > _LONGEST_CELL:
        return None
    try:
        return tuple(_declared(source))
    except ValueError:
        return None


def is_variable(name: str) -> bool:
    """Whether Java takes this as the name of a variable."""
    return name.isidentifier() and name not in _RESERVED and name not in _PRIMITIVES


# --------------------------------------------------------------------------- statements


@dataclass(frozen=True)
class _Token:
    kind: str
    text: str
    line: int


def _declared(source: str) -> Iterator[Declared]:
    tokens = list(_tokens(_MAGIC.sub("", source)))
    code = [token for token in tokens if token.kind not in {"line", "block"}]
    comments = _Comments(tokens, {token.line for token in code})
    for statement in _statements(code):
        yield from _declaration(statement, comments)


def _tokens(source: str) -> Iterator[_Token]:
    at, line = 0, 1
    while at < len(source):
        match = _TOKEN.match(source, at)
        if match is None or match.lastgroup is None:
            raise ValueError("A text or a comment does not end.")
        if match.lastgroup != "space":
            yield _Token(match.lastgroup, match[match.lastgroup], line)
        line += match[0].count("\n")
        at = match.end()


def _statements(code: Sequence[_Token]) -> Iterator[list[_Token]]:
    """What ends with a semicolon, or as the body of a class or a loop does."""
    depth, assigns, statement = 0, False, list[_Token]()
    for token in code:
        depth += (token.text in _OPENING) - (token.text in _CLOSING)
        if depth < 0:
            raise ValueError("A bracket closes nothing.")
        assigns = assigns or (token.text == "=" and depth == 0)
        is_end = token.text == ";" or (token.text == "}" and not assigns)
        if token.text != ";" or depth:
            statement.append(token)
        if is_end and depth == 0:
            yield statement
            assigns, statement = False, []
    if depth:
        raise ValueError("A bracket does not close.")
    yield statement  # the last semicolon may be left out


def _declaration(statement: list[_Token], comments: "_Comments") -> Iterator[Declared]:
    """`TYPE NAME = VALUE, NAME = VALUE`; anything else gives nothing."""
    while statement and statement[0].text in _MODIFIERS:
        statement = statement[1:]
    if not statement or statement[0].text in _RESERVED:
        return
    parts = list(_split(statement))
    left, value = parts[0]
    if len(left) < 2 or left[-1].kind != "word":  # noqa: PLR2004 - a type and a name
        return
    kind = "".join(token.text for token in left[:-1])
    if len(kind) > _LONGEST_TYPE or not _TYPE.fullmatch(kind):
        return
    if any(one.kind == two.kind == "word" for one, two in pairwise(left[:-1])):
        return
    description = comments.of(statement[0].line, statement[-1].line)
    yield _one(left[-1], kind, value, description)
    for names, more in parts[1:]:
        if len(names) == 1 and names[0].kind == "word":
            yield _one(names[0], kind, more, description)


def _one(name: _Token, kind: str, value: list[_Token] | None, description: str) -> Declared:
    texts = None if value is None else tuple(token.text for token in value)
    return Declared(name=name.text, type=kind, value=texts, description=description)


def _split(statement: list[_Token]) -> Iterator[tuple[list[_Token], list[_Token] | None]]:
    """The declarators: what stands before and after the `=` of each."""
    depth, angles, before = 0, 0, ""
    left = list[_Token]()
    value: list[_Token] | None = None
    for token in statement:
        depth += (token.text in _OPENING) - (token.text in _CLOSING)
        if token.text == "<" and before[:1].isupper():  # the arguments of a type, by convention
            angles += 1
        elif token.text == ">" and angles:
            angles -= 1
        before = token.text
        if depth == angles == 0 and token.text == ",":
            yield left, value
            left, value = [], None
        elif depth == angles == 0 and token.text == "=" and value is None:
            value = []
        else:
            (left if value is None else value).append(token)
    yield left, value


class _Comments:
    """Comments by line: those after code, and those that stand alone."""

    def __init__(self, tokens: Sequence[_Token], code: set[int]) -> None:
        self._after: dict[int, str] = {}
        self._alone: dict[int, str] = {}
        for token in tokens:
            if token.kind in {"line", "block"}:
                lines = (line.strip(" \t*/") for line in token.text.split("\n"))
                text = " ".join(filter(None, lines))
                (self._after if token.line in code else self._alone)[token.line] = text

    def of(self, first: int, last: int) -> str:
        above: list[str] = []
        line = first - 1
        while line in self._alone:
            above.insert(0, self._alone[line])
            line -= 1
        heading = " ".join(above).strip()
        if heading.strip(" :.-=").lower() in _HEADINGS:
            heading = ""
        after = self._after.get(last, "")
        return f"{heading} ({after})" if heading and after else heading or after

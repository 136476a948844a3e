"""Expressions in text: what is written becomes what is meant. Nothing is evaluated here.

    text       = (other text | "{{{{" | "{{" expression "}}")*
    expression = name member* shift* ["|" format]
    member     = "." ("utc" | "hour_start" | "day_start" | … | "date")
    shift      = ("+" | "-") number unit

Names, members, units and format codes are the few in the tables below; there is nothing to call,
to look up or to import, and no loop, so that reading and evaluating end at once for any text.
"""

import re
from collections.abc import Iterator
from dataclasses import dataclass
from functools import lru_cache
from typing import NoReturn

from jupyter_orch.domain.expressions_time import ALL_CODES, DATE_CODES, UNITS, WALL_UNITS

#: Names whose value is an instant, and names whose value is text.
INSTANTS = ("interval_start", "interval_end", "logical_time")
TEXTS = ("run_id", "job")
MEMBERS = ("utc", "hour_start", "day_start", "week_start", "month_start", "year_start", "date")
ESCAPE_HINT = "Write {{{{ for two braces that are meant as text."
OPEN = "{{"
_CLOSE = "}}"
_LONGEST = 200  # characters of one expression
_LONGEST_NUMBER = 5  # digits
_BRACES = re.compile(r"\{{2,}")
_TOKEN = re.compile(r"(?P<word>[A-Za-z_][A-Za-z0-9_]*)|(?P<number>[0-9]+)|(?P<sign>[.+|-])")
_SPACE = " \t\r\n"


class Wrong(Exception):
    """Not an expression; the message continues «The expression x …»."""

    def __init__(self, message: str, *, at: int, hint: str, source: str = "") -> None:
        super().__init__(message)
        self.message = message
        #: Offset from the start of the expression, later of the text; from 0.
        self.at = at
        self.hint = hint
        #: The expression as it is written, braces included.
        self.source = source


@dataclass(frozen=True, kw_only=True)
class Shift:
    """A move in time."""

    number: int
    unit: str


@dataclass(frozen=True, kw_only=True)
class Expression:
    """What one `{{ … }}` means."""

    #: As it is written, braces included.
    source: str
    name: str
    #: Whether the zone is UTC instead of the trigger's.
    utc: bool = False
    #: Members other than `utc`, in order.
    members: tuple[str, ...] = ()
    shifts: tuple[Shift, ...] = ()
    format: str | None = None


def parse(text: str) -> tuple[str | Expression, ...]:
    """The text's parts in order; what is no expression stands as plain text, unescaped.

    Raises:
        Wrong: Something between `{{` and `}}` is no expression.
    """
    parts: list[str | Expression] = []
    plain, end = "", 0
    while found := _BRACES.search(text, end):
        pairs, rest = divmod(len(found[0]), 2 * len(OPEN))
        plain += text[end : found.start()] + OPEN * pairs + "{" * (rest % 2)
        end = found.end()
        if rest < len(OPEN):
            continue
        close = text.find(_CLOSE, end)
        try:
            expression = _delimited(text, end, close)
        except Wrong as error:
            error.at += end
            error.source = text[end - len(OPEN) : close + len(_CLOSE) if close >= 0 else None]
            raise
        parts += [plain, expression] if plain else [expression]
        plain, end = "", close + len(_CLOSE)
    plain += text[end:]
    return (*parts, plain) if plain else tuple(parts)


def _delimited(text: str, start: int, close: int) -> Expression:
    if close < 0:
        raise Wrong("is not closed by }}", at=0, hint=ESCAPE_HINT)
    if close - start > _LONGEST:
        raise Wrong(f"is longer than {_LONGEST} characters", at=0, hint=ESCAPE_HINT)
    return _expression(text[start:close])


@lru_cache(maxsize=1024)
def _expression(source: str) -> Expression:
    return _Parser(source).expression()


# --------------------------------------------------------------------------- words


@dataclass(frozen=True)
class _Token:
    #: `word`, `number`, `format`, `end`, or the sign itself.
    kind: str
    text: str
    at: int


def _tokens(source: str) -> Iterator[_Token]:
    at = 0
    while at < len(source):
        if source[at] in _SPACE:
            at += 1
            continue
        found = _TOKEN.match(source, at)
        if found is None:
            raise Wrong(f"has {source[at]!r}, which has no meaning there", at=at, hint=ESCAPE_HINT)
        if found[0] == "|":
            yield _Token("format", source[at + 1 :].strip(_SPACE), at)
            break
        yield _Token(found[0] if found["sign"] else str(found.lastgroup), found[0], at)
        at = found.end()
    yield _Token("end", "", len(source))


# --------------------------------------------------------------------------- grammar


class _Parser:
    """Recursive descent; every method takes what it is named for."""

    def __init__(self, source: str) -> None:
        self._source = f"{OPEN}{source}{_CLOSE}"
        self._tokens = list(_tokens(source))

    def expression(self) -> Expression:
        name = self._name()
        if name in TEXTS:
            if self._next.kind != "end":
                self._fail(f"goes on after {name}, which is text and stands alone", "")
            return Expression(source=self._source, name=name)
        utc, members = self._members()
        shifts = self._shifts(is_date="date" in members)
        return Expression(
            source=self._source,
            name=name,
            utc=utc,
            members=members,
            shifts=shifts,
            format=self._format(is_date="date" in members),
        )

    def _name(self) -> str:
        allowed = f"Names are {', '.join((*INSTANTS, *TEXTS))}. {ESCAPE_HINT}"
        if self._next.kind == "end":
            self._fail("is empty", allowed)
        if self._next.kind != "word":
            self._fail(f"begins with {self._next.text!r} instead of a name", allowed)
        if self._next.text not in (*INSTANTS, *TEXTS):
            self._fail(f"has the name {self._next.text}, which does not exist", allowed)
        return self._take().text

    def _members(self) -> tuple[bool, tuple[str, ...]]:
        found: list[str] = []
        allowed = f"Members are {', '.join(f'.{each}' for each in MEMBERS)}."
        while self._next.kind == ".":
            self._take()
            member = self._next.text
            if member not in MEMBERS:
                self._fail(f"has the member .{member}, which does not exist", allowed)
            if member == "utc" and found:
                self._fail("has .utc too late", ".utc stands directly after the name.")
            if member == "hour_start" and "date" in found:
                self._fail("asks for the hour of a date", "Put .hour_start before .date.")
            found.append(self._take().text)
        utc = found[:1] == ["utc"]
        return utc, tuple(found[utc:])

    def _shifts(self, *, is_date: bool) -> tuple[Shift, ...]:
        found: list[Shift] = []
        units = WALL_UNITS if is_date else UNITS
        allowed = f"For example + 1d; units are {', '.join(units)}{' for a date' * is_date}."
        while self._next.kind in ("+", "-"):
            sign = -1 if self._take().kind == "-" else 1
            if self._next.kind != "number" or len(self._next.text) > _LONGEST_NUMBER:
                self._fail(f"needs a number of at most {_LONGEST_NUMBER} digits", allowed)
            number = int(self._take().text)
            if self._next.text not in units:
                self._fail(f"has no known unit after {number}", allowed)
            found.append(Shift(number=sign * number, unit=self._take().text))
        return tuple(found)

    def _format(self, *, is_date: bool) -> str | None:
        token = self._take()
        if token.kind == "end":
            return None
        if token.kind != "format":
            hint = "A name is followed by members, moves such as + 1d, and | with a format."
            self._fail(f"has {token.text!r}, which has no meaning there", hint, token)
        codes = DATE_CODES if is_date else ALL_CODES
        allowed = f"Codes are {', '.join(f'%{code}' for code in codes)}{' for a date' * is_date}."
        if not token.text or not token.text.isprintable() or "{" in token.text:
            self._fail("has an empty or unprintable format", allowed, token)
        for code in re.findall("%(.?)", token.text):
            if code not in codes:
                self._fail(f"has the format code %{code}, which does not exist", allowed, token)
        return token.text

    @property
    def _next(self) -> _Token:
        return self._tokens[0]

    def _take(self) -> _Token:
        return self._tokens.pop(0)

    def _fail(self, message: str, hint: str, token: _Token | None = None) -> NoReturn:
        raise Wrong(message, at=(token or self._next).at, hint=hint or ESCAPE_HINT)

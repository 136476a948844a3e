"""Statements as syntax trees: sqlglot's parser, its errors in Trino's words, parameters bound."""

import logging
import re
from itertools import zip_longest

import sqlglot
from sqlglot import exp
from sqlglot.dialects.trino import Trino
from sqlglot.errors import ParseError, TokenError
from sqlglot.tokenizer_core import TokenType

from jupyter_orch.warehouse.translate.build import Node
from jupyter_orch.warehouse.translate.errors import SqlError, unsupported


class _Trino(Trino):
    """Trino's SQL with indices as they are written.

    sqlglot shifts those of arrays and leaves those of maps and rows alone, by types that it only
    knows of some expressions.
    """

    INDEX_OFFSET = 0


_PLACE = "orch_place_"
_MAX_LENGTH = 1_000_000  # characters, as Trino's query.max-length

_INLINE_FUNCTION = re.compile(r"\s*with\s+function\b", re.IGNORECASE)

logging.getLogger("sqlglot").setLevel(logging.ERROR)


def parse(sql: str) -> Node:
    """One statement.

    Raises:
        SqlError: SYNTAX_ERROR with its place, or NOT_SUPPORTED.
    """
    if len(sql) > _MAX_LENGTH:
        raise SqlError("SYNTAX_ERROR", "The statement is longer than a million characters")
    if _INLINE_FUNCTION.match(sql):
        raise unsupported("A function defined in the statement")
    try:
        trees = [tree for tree in sqlglot.parse(_prepared(sql), read=_Trino) if tree is not None]
    except ParseError as error:
        first = error.errors[0] if error.errors else {}
        near = str(first.get("highlight") or "").strip()
        raise SqlError(
            "SYNTAX_ERROR",
            f"mismatched input '{near}'" if near else "The statement cannot be read",
            line=first.get("line") or 1,
            column=first.get("col") or 1,
        ) from None
    except (TokenError, RecursionError):
        raise SqlError("SYNTAX_ERROR", "The statement cannot be read", line=1, column=1) from None
    if len(trees) != 1:
        raise SqlError("SYNTAX_ERROR", "Expected exactly one statement", line=1, column=1)
    tree = trees[0]
    if isinstance(tree, exp.Command | exp.Alias | exp.Column | exp.Identifier):
        word = re.split(r"\W", sql.strip(), maxsplit=1)[0].upper()
        if isinstance(tree, exp.Command):
            raise unsupported(f"This form of {word}")
        raise SqlError("SYNTAX_ERROR", f"mismatched input '{word.lower()}'", line=1, column=1)
    return tree


def bind(tree: Node, arguments: list[Node]) -> None:
    """Puts values in the place of `?`, in the order of writing.

    Raises:
        SqlError: INVALID_PARAMETER_USAGE when their numbers differ.
    """
    places = sorted(tree.find_all(exp.Placeholder), key=_number)
    if len(places) != len(arguments):
        raise SqlError(
            "INVALID_PARAMETER_USAGE",
            f"Incorrect number of parameters: expected {len(places)} but found {len(arguments)}",
        )
    for place, value in zip(places, arguments, strict=True):
        place.replace(exp.Paren(this=value) if isinstance(value, exp.Neg) else value)


def _prepared(sql: str) -> str:
    """The text with what the parser would lose written out.

    Each `?` becomes `:orch_place_<n>`: a tree walk does not follow the text, a WITH comes last.
    `DECIMAL '1.50'` becomes a cast to the type that its digits make.
    """
    pieces: list[str] = []
    end = places = 0
    tokens = sqlglot.tokenize(sql, read="trino")
    for token, after in zip_longest(tokens, tokens[1:]):
        if token.token_type is TokenType.PLACEHOLDER:
            pieces += [sql[end : token.start], f":{_PLACE}{places}"]
            places += 1
            end = token.end + 1
        elif (
            token.token_type is TokenType.DECIMAL
            and after is not None
            and after.token_type is TokenType.STRING
        ):
            pieces += [sql[end : token.start], _decimal(after.text)]
            end = after.end + 1
    return "".join([*pieces, sql[end:]])


def _decimal(digits: str) -> str:
    found = re.fullmatch(r"\s*[+-]?0*(\d*)\.?(\d*)\s*", digits)
    if found is None or not re.search(r"\d", digits):
        raise SqlError("INVALID_LITERAL", f"'{digits}' is not a valid DECIMAL literal")
    precision = max(len(found[1]) + len(found[2]), 1)
    return f"CAST('{digits.strip()}' AS DECIMAL({precision},{len(found[2])}))"


def _number(place: Node) -> int:
    if not place.name.startswith(_PLACE):
        raise SqlError("SYNTAX_ERROR", f"mismatched input ':{place.name}'", line=1, column=1)
    return int(place.name.removeprefix(_PLACE))


def values(text: str) -> list[Node]:
    """The expressions of a USING clause."""
    if not text.strip():
        return []
    tree = parse(f"SELECT {text}")
    if not isinstance(tree, exp.Select) or any(
        tree.args.get(clause) for clause in ("from_", "where", "group", "order", "limit", "joins")
    ):
        raise SqlError("SYNTAX_ERROR", "Expected a list of values after USING", line=1, column=1)
    return [item.unalias() for item in tree.expressions]

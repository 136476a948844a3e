"""Small builders of syntax nodes, so that the rewrites read like the SQL they make."""

from collections.abc import Mapping
from typing import Any

from sqlglot import exp

Node = exp.Expr

#: Set on nodes that a typed rewrite made or has seen.
DONE = "typed"


def call(name: str, *arguments: Any) -> exp.Anonymous:
    """A call of a DuckDB function or of one of our macros."""
    return exp.Anonymous(this=name, expressions=[copied(argument) for argument in arguments])


def copied(value: Any) -> Any:
    """A copy of a node, free of its parent; other values as they are."""
    return value.copy() if isinstance(value, exp.Expr) else value


def cast(value: Node, duck: str) -> exp.Cast:
    """A cast that no later rewrite touches."""
    made = exp.Cast(this=_grouped(copied(value)), to=exp.DataType.build(duck, dialect="duckdb"))
    made.meta[DONE] = True
    return made


def paren(value: Node) -> exp.Paren:
    """The value in parentheses."""
    return exp.Paren(this=copied(value))


def text(value: str) -> exp.Literal:
    """A text literal."""
    return exp.Literal.string(value)


def number(value: int | str) -> Node:
    """A number literal."""
    return exp.Literal.number(value)


def done(node: Node) -> Node:
    """Marks a node as typed."""
    node.meta[DONE] = True
    return node


def substituted(body: Node, values: Mapping[str, Node]) -> Node:
    """A copy of a lambda's body, or of a part, with variables replaced by expressions."""

    def swap(node: Node) -> Node:
        lone = isinstance(node, exp.Column) and not node.table
        loose = isinstance(node, exp.Identifier) and not isinstance(node.parent, exp.Column)
        if (lone or loose) and node.name in values:
            return values[node.name].copy()
        return node

    return body.copy().transform(swap)


def _grouped(value: Node) -> Node:
    return exp.Paren(this=value) if isinstance(value, exp.Binary | exp.Unary) else value

"""Rewrites that depend on types: arithmetic, aggregates, casts, comparisons, subscripts.

Each query block is rewritten after the ones it reads from, and each expression after its parts,
so that a type is only asked for once everything below means what Trino means.
"""

from collections.abc import Callable, Iterator
from typing import Any

from sqlglot import exp

from jupyter_orch.warehouse.translate import arithmetic, casts
from jupyter_orch.warehouse.translate.build import DONE, Node, call, cast, done, number
from jupyter_orch.warehouse.translate.errors import SqlError, unsupported
from jupyter_orch.warehouse.translate.kinds import (
    INTEGERS,
    comparable,
    is_decimal,
    is_integer,
    trino_name,
)
from jupyter_orch.warehouse.translate.typing import Scope, Typist

_NESTED = exp.Query
_COMPARISONS = (exp.EQ, exp.NEQ, exp.LT, exp.LTE, exp.GT, exp.GTE, exp.NullSafeEQ, exp.NullSafeNEQ)

_REGRESSIONS = (exp.Corr, exp.CovarPop, exp.CovarSamp, exp.RegrSlope, exp.RegrIntercept)
#: Which arguments a rule wants the types of, where it is not just the first or both sides.
_ARGUMENTS: dict[type[Node], tuple[str, ...]] = {
    exp.Between: ("this", "low", "high"),
    exp.In: ("this", "expressions"),
    exp.Bracket: ("this", "expressions"),
    exp.GenerateSeries: ("start", "end"),
    exp.Grouping: (),
    **dict.fromkeys(_REGRESSIONS, ("this", "expression")),
}


def rewrite(tree: Node, typist: Typist) -> None:
    """Rewrites all query blocks in place.

    Raises:
        SqlError: Operands do not fit (TYPE_MISMATCH), or their types cannot be told.
    """
    for scope in _scopes(tree):
        _rewrite_scope(scope, typist)


def _scopes(node: Any) -> Iterator[Scope]:
    """Blocks in the order of reading: common tables, sources, the rest, then the block itself."""
    first = ("with_", "from_", "joins", "laterals", "using", "this")
    names = [name for name in first if name in node.args]
    names += [name for name in node.args if name not in first]
    for name in names:
        value = node.args[name]
        for child in value if isinstance(value, list) else [value]:
            if isinstance(child, exp.Expr):
                yield from _scopes(child)
    if isinstance(node, Scope) and not isinstance(node.parent, exp.When):
        yield node


def _rewrite_scope(scope: Scope, typist: Typist) -> None:
    while True:
        ready = _ready(scope)
        if not ready:
            return
        operands = {id(operand): operand for node in ready for operand in _operands(node)}
        types = typist.types(scope, list(operands.values()))
        for node in ready:
            done(node)
            made = _RULES[type(node)](node, [types.get(id(item)) for item in _operands(node)])
            if made is not None:
                made.meta[DONE] = True
                node.replace(made)


def _ready(scope: Scope) -> list[Node]:
    """Nodes that wait for a rewrite and hold no other such node."""
    waiting = [node for node in _own(scope) if type(node) in _RULES and DONE not in node.meta]
    blocked: set[int] = set()
    for node in waiting:
        parent = node.parent
        while parent is not None and parent is not scope:
            blocked.add(id(parent))
            parent = parent.parent
    return [node for node in waiting if id(node) not in blocked]


def _own(scope: Scope) -> Iterator[Node]:
    def inner(node: Node) -> bool:
        return node is not scope and isinstance(node, _NESTED) and not isinstance(node, exp.Values)

    for node in scope.walk(prune=inner):
        if not inner(node):
            yield node


def _operands(node: Node) -> list[Node]:
    arguments = _ARGUMENTS.get(type(node))
    if arguments is not None:
        values = [node.args.get(name) for name in arguments]
        flat = [
            item for value in values for item in (value if isinstance(value, list) else [value])
        ]
        return [item for item in flat if isinstance(item, exp.Expr)]
    return [node.left, node.right] if isinstance(node, exp.Binary) else [node.this]


def _known(node: Node, types: list[str | None]) -> list[str]:
    if any(kind is None for kind in types):
        raise unsupported(f"An expression whose types cannot be told, {node.sql('trino')[:80]},")
    return [kind for kind in types if kind is not None]


# ------------------------------------------------------------------ operators


def _arithmetic(node: exp.Binary, types: list[str | None]) -> Node | None:
    left, right = _known(node, types)
    return arithmetic.binary(node, left, right)


def _comparison(node: exp.Binary, types: list[str | None]) -> Node | None:
    if isinstance(node.right, exp.Query | exp.Any | exp.All | exp.Subquery):
        return None
    left, right = types
    if left and right and not comparable(left, right):
        raise _mismatch(node, left, right)
    return None


def _mismatch(node: Node, left: str, right: str) -> SqlError:
    sign = {"EQ": "=", "NEQ": "<>", "LT": "<", "LTE": "<=", "GT": ">", "GTE": ">="}
    operator = sign.get(type(node).__name__, "=")
    return SqlError(
        "TYPE_MISMATCH",
        f"Cannot apply operator: {trino_name(left)} {operator} {trino_name(right)}",
    )


def _membership(node: Node, types: list[str | None]) -> None:
    for kind in types[1:]:
        if types[0] and kind and not comparable(types[0], kind):
            raise _mismatch(node, types[0], kind)


def _concatenation(node: exp.DPipe, types: list[str | None]) -> Node | None:
    """An array takes an element at either end."""
    left, right = ((kind or "").endswith("]") for kind in types)
    if left and not right and types[1]:
        return call("list_append", node.left, node.right)
    if right and not left and types[0]:
        return call("list_prepend", node.left, node.right)
    return None


def _subscript(node: exp.Bracket, types: list[str | None]) -> Node:
    kind, index, safe = types[0] or "", node.expressions[0], bool(node.args.get("safe"))
    if kind.endswith("]"):  # also an array of maps or rows
        return call("list_extract" if safe else "trino_at", node.this, index)
    if kind.startswith("MAP("):
        return call("map_extract_value" if safe else "trino_map_at", node.this, index)
    if kind.startswith(("STRUCT(", "TUPLE(")):
        return call("struct_extract_at", node.this, index)
    raise unsupported("A subscript of something else than an array, a map or a row")


# ------------------------------------------------------------------ functions


def _sum(node: exp.Sum, types: list[str | None]) -> None:
    kind = types[0] or ""
    if is_integer(kind) or kind == "HUGEINT":
        _around(node, "BIGINT")
    elif kind == "FLOAT":
        _around(node, "FLOAT")


def _count_if(node: exp.CountIf, _: list[str | None]) -> None:
    _around(node, "BIGINT")


def _grouping(node: exp.Grouping, _: list[str | None]) -> None:
    _around(node, "INTEGER")


def _regression(node: exp.Binary, types: list[str | None]) -> None:
    """Without a double among its arguments it is real."""
    if "DOUBLE" not in types:
        _around(node, "FLOAT")


def _round(node: exp.Round, types: list[str | None]) -> Node | None:
    (kind,) = _known(node, types)
    return arithmetic.rounded(node, kind)


def _average(node: exp.Avg, types: list[str | None]) -> None:
    (kind,) = _known(node, types)
    if is_decimal(kind):
        arithmetic.average(node, kind)
    elif kind == "FLOAT":
        _around(node, "FLOAT")


def _around(node: Node, kind: str) -> None:
    """Casts an aggregate together with its FILTER and OVER."""
    outer: Node = node
    while isinstance(outer.parent, exp.Filter | exp.Window | exp.IgnoreNulls | exp.WithinGroup):
        if outer.parent.this is not outer:
            break
        outer = outer.parent
    outer.replace(cast(outer, kind))


def _date_keeper(node: Node, types: list[str | None]) -> Node | None:
    """A date stays a date; DuckDB makes timestamps of it."""
    if types[0] == "DATE":
        return cast(done(node.copy()), "DATE")
    return None


def _date_add(node: exp.DateAdd, types: list[str | None]) -> Node | None:
    if types[0] == "DATE" and node.text("unit").upper() in (
        "HOUR",
        "MINUTE",
        "SECOND",
        "MILLISECOND",
    ):
        unit = node.text("unit").lower()
        raise SqlError("INVALID_FUNCTION_ARGUMENT", f"'{unit}' is not a valid DATE field")
    return _date_keeper(node, types)


def _sequence(node: exp.GenerateSeries, types: list[str | None]) -> Node | None:
    start, end = _known(node, types)
    if start == "DATE":
        made = done(node.copy())
        if node.args.get("step") is None:
            made.set("step", exp.Interval(this=exp.Literal.string("1"), unit=exp.var("DAY")))
        return cast(made, "DATE[]")
    if start in INTEGERS and end in INTEGERS:
        made = done(node.copy())
        if node.args.get("step") is None:
            falling = exp.GT(this=node.args["start"].copy(), expression=node.args["end"].copy())
            made.set("step", exp.If(this=done(falling), true=number(-1), false=number(1)))
        return cast(made, "BIGINT[]")
    return None


def _size(node: exp.ArraySize, types: list[str | None]) -> Node | None:
    (kind,) = _known(node, types)
    if kind.startswith("MAP("):
        return cast(call("cardinality", node.this), "BIGINT")
    return call("len", node.this)


def _whole(node: Node, types: list[str | None]) -> Node | None:
    """ceil, floor and sign keep the type of integers."""
    kind = types[0] or ""
    return cast(done(node.copy()), kind) if is_integer(kind) else None


def _sign(node: exp.Sign, types: list[str | None]) -> Node | None:
    kind = types[0] or ""
    return cast(done(node.copy()), "DECIMAL(1,0)" if is_decimal(kind) else kind) if kind else None


def _reverse(node: exp.Reverse, types: list[str | None]) -> Node | None:
    return call("list_reverse", node.this) if (types[0] or "").endswith("]") else None


def _typeof(node: exp.Typeof, types: list[str | None]) -> Node | None:
    (kind,) = _known(node, types)
    if "(" in kind and not is_decimal(kind):
        raise unsupported("typeof of a row or a map")
    return exp.Literal.string(trino_name(kind))


_Rule = Callable[[Any, list[Any]], Node | None]

_RULES: dict[type[Node], _Rule] = {
    exp.Add: _arithmetic,
    exp.Sub: _arithmetic,
    exp.Mul: _arithmetic,
    exp.Div: _arithmetic,
    exp.Mod: _arithmetic,
    **dict.fromkeys(_COMPARISONS, _comparison),
    exp.Between: _membership,
    exp.In: _membership,
    exp.Bracket: _subscript,
    exp.DPipe: _concatenation,
    exp.Sum: _sum,
    exp.Avg: _average,
    exp.CountIf: _count_if,
    exp.Grouping: _grouping,
    exp.Round: _round,
    **dict.fromkeys(_REGRESSIONS, _regression),
    exp.TimestampTrunc: _date_keeper,
    exp.DateTrunc: _date_keeper,
    exp.DateAdd: _date_add,
    exp.GenerateSeries: _sequence,
    exp.ArraySize: _size,
    exp.Ceil: _whole,
    exp.Floor: _whole,
    exp.Sign: _sign,
    exp.Reverse: _reverse,
    exp.Typeof: _typeof,
    exp.Cast: casts.rewrite,
    exp.TryCast: casts.rewrite,
}

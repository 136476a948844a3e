"""Trino's arithmetic: integers stay integers, decimals keep exact scales and round half up.

Types of decimal results: https://trino.io/docs/current/functions/decimal.html
"""

from sqlglot import exp

from jupyter_orch.warehouse.translate.build import (
    Node,
    call,
    cast,
    copied,
    done,
    number,
    paren,
    text,
)
from jupyter_orch.warehouse.translate.errors import SqlError
from jupyter_orch.warehouse.translate.kinds import (
    INTEGERS,
    decimal,
    is_decimal,
    is_exact,
    is_integer,
    is_null,
    is_number,
    trino_name,
)

_MOST = 38  # digits of a decimal
_OPERATORS = {exp.Add: "+", exp.Sub: "-", exp.Mul: "*", exp.Div: "/", exp.Mod: "%"}
_TIMES = ("TIMESTAMP", "TIMESTAMP WITH TIME ZONE", "TIME")
#: What Trino defines on dates, times and intervals; how DuckDB's result has to be mended.
_OF_INSTANTS: dict[tuple[str, str, str], str] = {
    ("DATE", "+", "INTERVAL"): "date",
    ("INTERVAL", "+", "DATE"): "date",
    ("DATE", "-", "INTERVAL"): "date",
    ("DATE", "-", "DATE"): "days",
    ("INTERVAL", "+", "INTERVAL"): "same",
    ("INTERVAL", "-", "INTERVAL"): "same",
    ("INTERVAL", "*", "number"): "same",
    ("number", "*", "INTERVAL"): "same",
    ("INTERVAL", "/", "number"): "same",
    **{(time, "+", "INTERVAL"): "same" for time in _TIMES},
    **{("INTERVAL", "+", time): "same" for time in _TIMES},
    **{(time, "-", "INTERVAL"): "same" for time in _TIMES},
    **{(time, "-", time): "same" for time in _TIMES},
}


def binary(node: exp.Binary, left: str, right: str) -> Node | None:
    """The operation as Trino does it.

    Raises:
        SqlError: TYPE_MISMATCH.
    """
    if is_null(left) or is_null(right):
        return None
    if is_exact(left) and is_exact(right):
        if is_decimal(left) or is_decimal(right) or "HUGEINT" in (left, right):
            return _decimals(node, left, right)
        return _integers(node, left, right)
    if is_number(left) and is_number(right):
        return None
    return _instants(node, left, right)


def average(node: exp.Avg, kind: str) -> None:
    """avg(decimal) is a decimal of the same scale, rounded half up."""
    precision, scale = decimal(kind)
    outer: Node = node
    while isinstance(outer.parent, exp.Filter | exp.Window) and outer.parent.this is outer:
        outer = outer.parent
    total, count = _same_frame(outer, exp.Sum), _same_frame(outer, exp.Count)
    quotient = call("trino_half_up", _unscaled(total, scale), cast(count, "HUGEINT"))
    empty = done(exp.EQ(this=count.copy(), expression=number(0)))
    outer.replace(
        exp.Case(
            ifs=[exp.If(this=empty, true=exp.Null())],
            default=_scaled(quotient, precision, scale),
        )
    )


def _same_frame(outer: Node, aggregate: type[exp.AggFunc]) -> Node:
    made = outer.copy()
    inner = made if isinstance(made, exp.Avg) else made.find(exp.Avg)
    assert inner is not None  # noqa: S101 - the window or filter was climbed from it
    replacement = done(aggregate(this=inner.this.copy()))
    if inner is made:
        return replacement
    inner.replace(replacement)
    return made


def _integers(node: exp.Binary, left: str, right: str) -> Node | None:
    wider = max(left, right, key=INTEGERS.index)
    if isinstance(node, exp.Div):
        return cast(call("trino_idiv", node.left, node.right), wider)
    if isinstance(node, exp.Mod):
        return cast(call("trino_imod", node.left, node.right), wider)
    return None


def _decimals(node: exp.Binary, left: str, right: str) -> Node:
    (p1, s1), (p2, s2) = decimal(left), decimal(right)
    scale = max(s1, s2)
    if isinstance(node, exp.Add | exp.Sub):
        precision = min(_MOST, max(p1 - s1, p2 - s2) + scale + 1)
        return _plain(node, left, right, precision, scale)
    if isinstance(node, exp.Mul):
        scale = s1 + s2
        if scale > _MOST:
            raise SqlError("INVALID_FUNCTION_ARGUMENT", "DECIMAL scale exceeds 38 digits")
        return _plain(node, left, right, min(_MOST, p1 + p2), scale)
    if isinstance(node, exp.Mod):
        precision = max(min(p2 - s2, p1 - s1) + scale, 1)
        return _remainder(node, left, right, f"DECIMAL({precision},{scale})")
    precision = min(_MOST, p1 + s2 + max(s2 - s1, 0))
    shift = scale + s2 - s1
    upper: Node = _unscaled(_as_decimal(node.left, left), s1)
    if shift:
        upper = exp.Mul(this=upper, expression=cast(number(10**shift), "HUGEINT"))
        done(upper)
    lower = _unscaled(_as_decimal(node.right, right), s2)
    return _scaled(call("trino_ddiv", upper, lower), precision, scale)


def _remainder(node: exp.Binary, left: str, right: str, kind: str) -> Node:
    divisor = _as_decimal(node.right, right)
    zero = done(exp.EQ(this=divisor.copy(), expression=number(0)))
    failing = cast(exp.DPipe(this=text("DIVISION_BY_ZERO "), expression=divisor.copy()), kind)
    made = done(exp.Mod(this=_as_decimal(node.left, left), expression=divisor))
    return exp.Case(ifs=[exp.If(this=zero, true=failing)], default=cast(made, kind))


def rounded(node: exp.Round, kind: str) -> Node | None:
    """round(decimal) keeps its scale with digits given, and has none without."""
    if not is_decimal(kind):
        return None
    precision, scale = decimal(kind)
    if node.args.get("decimals") is None:
        return cast(done(node.copy()), f"DECIMAL({max(precision - scale + min(scale, 1), 1)},0)")
    return cast(done(node.copy()), f"DECIMAL({min(_MOST, precision + 1)},{scale})")


def _plain(node: exp.Binary, left: str, right: str, precision: int, scale: int) -> Node:
    made = done(
        type(node)(this=_as_decimal(node.left, left), expression=_as_decimal(node.right, right))
    )
    return cast(made, f"DECIMAL({precision},{scale})")


def _as_decimal(value: Node, kind: str) -> Node:
    precision, scale = decimal(kind)
    if is_decimal(kind):
        return paren(value)
    return cast(value, f"DECIMAL({precision},{scale})")


def _unscaled(value: Node, scale: int) -> Node:
    """The decimal's digits as a whole number."""
    if not scale:
        return cast(value, "HUGEINT")
    wide = cast(value, f"DECIMAL({_MOST},{scale})")
    power = cast(number(10**scale), f"DECIMAL({scale + 1},0)")
    # A product of decimals has the sum of their digits: split it so that 38 always suffice.
    whole = cast(call("trunc", wide), "HUGEINT")
    fraction = done(exp.Sub(this=wide.copy(), expression=call("trunc", wide)))
    part = done(exp.Mul(this=cast(fraction, f"DECIMAL({scale + 1},{scale})"), expression=power))
    shifted = done(exp.Mul(this=whole, expression=cast(number(10**scale), "HUGEINT")))
    return paren(done(exp.Add(this=shifted, expression=cast(part, "HUGEINT"))))


def _scaled(whole: Node, precision: int, scale: int) -> Node:
    """A whole number of units as a decimal with that many digits after the point."""
    if not scale:
        return cast(whole, f"DECIMAL({precision},0)")
    unit = "0." + "0" * (scale - 1) + "1"
    digits = _MOST - scale
    one = exp.Cast(
        this=exp.Literal.string(unit),
        to=exp.DataType.build(f"DECIMAL({scale},{scale})", dialect="duckdb"),
    )
    product = done(exp.Mul(this=cast(whole, f"DECIMAL({digits},0)"), expression=done(one)))
    return cast(product, f"DECIMAL({precision},{scale})")


def _instants(node: exp.Binary, left: str, right: str) -> Node | None:
    operator = _OPERATORS[type(node)]
    kind = _OF_INSTANTS.get((_instant(left), operator, _instant(right)))
    if kind is None:
        raise SqlError(
            "TYPE_MISMATCH",
            f"Cannot apply operator: {trino_name(left)} {operator} {trino_name(right)}",
        )
    if kind == "date":
        return cast(done(node.copy()), "DATE")
    if kind == "days":
        return call("trino_days", copied(node.left), copied(node.right))
    return None


def _instant(kind: str) -> str:
    return "number" if is_integer(kind) or kind == "DOUBLE" else kind.replace("_NS", "")

"""Rewrites that need no types: the same meaning in another spelling."""

import re
from collections.abc import Callable
from typing import Any

from sqlglot import exp

from jupyter_orch.warehouse.translate.build import (
    Node,
    call,
    cast,
    copied,
    done,
    number,
    substituted,
    text,
)
from jupyter_orch.warehouse.translate.errors import SqlError, unsupported
from jupyter_orch.warehouse.translate.patterns import strftime

_UTC = re.compile(r"(UTC|Z|[+-]00:00|\d)$")
_MICROSECONDS = 6  # digits of a second

Rewrite = Callable[[Any], Node | None]


def rewrite(tree: Node) -> Node:
    """Rewrites the whole tree in place, innermost first; answers its root."""
    for node in reversed(list(tree.walk(bfs=True))):
        made = _rewritten(node)
        if made is not None and made is not node:
            if node is tree:
                tree = made
            node.replace(made)
    return tree


def _rewritten(node: Node) -> Node | None:
    if isinstance(node, exp.Anonymous):
        named = _BY_NAME.get(node.name.lower())
        return named(node.expressions) if named else None
    rule = _BY_CLASS.get(type(node))
    return rule(node) if rule else None


# ------------------------------------------------------------------ literals


def _literal(node: exp.Literal) -> Node | None:
    """A decimal literal has the precision that is written, not one more for the leading zero."""
    if node.is_string or not re.fullmatch(r"\d*\.\d*", node.name):
        return None
    whole, _, fraction = node.name.partition(".")
    digits = len(whole.lstrip("0")) + len(fraction)
    kind = exp.DataType.build(f"DECIMAL({max(digits, 1)},{len(fraction)})", dialect="duckdb")
    return done(exp.Cast(this=text(node.name), to=kind))


# ------------------------------------------------------------------ dates

_TEMPORAL = (exp.DType.TIMESTAMP, exp.DType.TIMESTAMPTZ, exp.DType.TIME)


def _temporal_cast(node: exp.Cast) -> Node | None:
    """Instants have microseconds; a shorter precision only rounds."""
    kind = node.to
    zoned = kind.this == exp.DType.TIMESTAMPTZ and isinstance(node.this, exp.Literal)
    if zoned and not _UTC.search(node.this.name) and _is_read_locally(node):
        raise unsupported("The local time of a timestamp literal with a zone other than UTC")
    if kind.this not in _TEMPORAL or not kind.expressions:
        return None
    precision = int(kind.expressions[0].name)
    node.set("to", exp.DataType(this=kind.this))
    if precision >= _MICROSECONDS or isinstance(node.this, exp.Literal):
        return None
    if kind.this == exp.DType.TIME:
        raise unsupported("A cast to a time of fewer than six digits")
    name = "trino_round_instant" if kind.this == exp.DType.TIMESTAMPTZ else "trino_round_timestamp"
    return call(name, node, number(10 ** (_MICROSECONDS - precision)))


_READ_LOCALLY = (
    exp.Extract,
    exp.Year,
    exp.Quarter,
    exp.Month,
    exp.Day,
    exp.DayOfMonth,
    exp.DayOfYear,
    exp.DayOfWeekIso,
    exp.Hour,
    exp.Minute,
    exp.Second,
    exp.TimeToStr,
)


def _at_time_zone(node: exp.AtTimeZone) -> Node:
    """An instant here has no zone: AT TIME ZONE counts only where local time is read."""
    if not _is_read_locally(node):
        raise unsupported("AT TIME ZONE outside of a cast or a date function")
    return call("timezone", node.args["zone"], cast(node.this, "TIMESTAMPTZ"))


def _is_read_locally(node: Node) -> bool:
    parent = node.parent
    while isinstance(parent, exp.Paren):
        parent = parent.parent
    local = (exp.DType.DATE, exp.DType.TIMESTAMP, exp.DType.TIME)
    to_local = isinstance(parent, exp.Cast) and parent.to.this in local
    return to_local or isinstance(parent, _READ_LOCALLY)


def _date_diff(node: exp.DateDiff) -> Node:
    """Trino counts whole units; DuckDB's date_diff counts borders."""
    unit = node.args.get("unit")
    return call("date_sub", text(unit.name.lower() if unit else "day"), node.expression, node.this)


def _format_datetime(arguments: list[Node]) -> Node:
    pattern = arguments[1]
    if not isinstance(pattern, exp.Literal):
        raise unsupported("A date pattern that is not a literal")
    return call("strftime", arguments[0], text(strftime(pattern.name)))


def _extract(node: exp.Extract) -> Node | None:
    field = node.name.upper()
    renamed = {
        "DOW": "ISODOW",
        "DAY_OF_WEEK": "ISODOW",
        "DAY_OF_YEAR": "DOY",
        "DAY_OF_MONTH": "DAY",
        "YEAR_OF_WEEK": "ISOYEAR",
        "YOW": "ISOYEAR",
    }
    node.set("this", exp.var(renamed.get(field, field)))
    return None


# ------------------------------------------------------------------ text


def _json_scalar(node: exp.JSONExtractScalar) -> Node:
    return call("trino_json_scalar", node.this, _json_path(node))


def _json_extract(node: exp.JSONExtract) -> Node:
    if node.args.get("json_query"):
        raise unsupported("The function json_query")
    return call("json_extract", call("trino_json", node.this), _json_path(node))


def _json_path(node: Node) -> Node:
    path = node.args["expression"]
    return text(path.sql(dialect="trino").strip("'"))


def _regexp_extract(node: exp.RegexpExtract) -> Node:
    group = node.args.get("group") or number(0)
    return call("trino_regexp_extract", node.this, node.expression, group)


def _regexp_replace(node: exp.RegexpReplace) -> Node:
    replacement = node.args.get("replacement") or text("")
    if not isinstance(replacement, exp.Literal):
        raise unsupported("regexp_replace with a replacement that is not a literal")
    back = re.sub(r"\$(\d)", r"\\\1", replacement.name)
    return call("regexp_replace", node.this, node.expression, text(back), text("g"))


def _regexp_count(node: exp.RegexpCount) -> Node:
    return call("len", call("regexp_extract_all", node.this, node.expression))


def _split(node: exp.Split) -> Node:
    if node.args.get("limit"):
        raise unsupported("split with a limit")
    return call("string_split", node.this, node.expression)


def _substring(node: exp.Substring) -> Node:
    start, length = node.args.get("start"), node.args.get("length")
    if length is None:
        return call("trino_substr", node.this, start)
    return call("trino_substr_n", node.this, start, length)


def _trim(node: exp.Trim) -> Node | None:
    if node.expression:
        return None
    side = (node.args.get("position") or "").upper()
    name = {"LEADING": "trino_trim_start", "TRAILING": "trino_trim_end"}.get(side, "trino_trim")
    return call(name, node.this)


def _hash(function: str) -> Callable[[Any], Node]:
    return lambda node: call("unhex", call(function, node.this))


def _sha2(node: exp.SHA2Digest) -> Node:
    length = node.args.get("length")
    if length is not None and length.name != "256":
        raise unsupported(f"The function sha{length.name}")
    return call("unhex", call("sha256", node.this))


# ------------------------------------------------------------------ NULLs and numbers


def _all_or_null(node: exp.Greatest | exp.Least) -> Node:
    """Greatest and least are NULL when one argument is; DuckDB skips NULLs."""
    arguments = [node.this, *node.expressions]
    lacking = exp.or_(*(exp.Is(this=copied(item), expression=exp.Null()) for item in arguments))
    return exp.Case(ifs=[exp.If(this=lacking, true=exp.Null())], default=node.copy())


def _width_bucket(node: exp.WidthBucket) -> Node:
    bounds = (node.args["min_value"], node.args["max_value"], node.args["num_buckets"])
    if any(bound is None for bound in bounds):
        raise unsupported("width_bucket over an array")
    return call("trino_width_bucket", node.this, *bounds)


def _rand(node: exp.Rand) -> Node:
    if node.this is not None or node.args.get("lower") is not None:
        raise unsupported("random with bounds")
    return call("random")


def _extreme(function: str) -> Rewrite:
    """The value beside the extreme one, NULL when that is NULL; DuckDB's own looks for another."""

    def build(node: exp.ArgMax | exp.ArgMin) -> Node:
        if node.args.get("count") is not None:
            raise unsupported("max_by and min_by with a number of values")
        return call(function, node.this, node.expression)

    return build


def _approx_distinct(node: exp.ApproxDistinct) -> Node:
    """Exact: that is within any error, and the same each time."""
    return exp.Count(this=exp.Distinct(expressions=[copied(node.this)]), big_int=True)


def _approx_quantile(node: exp.ApproxQuantile) -> Node:
    if node.args.get("weight") or node.args.get("accuracy"):
        raise unsupported("approx_percentile with a weight or an accuracy")
    return call("quantile_disc", node.this, node.args["quantile"])


# ------------------------------------------------------------------ arrays, maps, lambdas


def _lambda(arguments: list[str], body: Node) -> exp.Lambda:
    return exp.Lambda(this=body, expressions=[exp.to_identifier(name) for name in arguments])


def _parameters(function: Node, count: int) -> list[str]:
    if not isinstance(function, exp.Lambda) or len(function.expressions) != count:
        raise SqlError("TYPE_MISMATCH", f"Expected a lambda of {count} arguments")
    return [name.name for name in function.expressions]


def _member(name: str, field: str) -> Node:
    return exp.Dot(this=exp.to_identifier(name), expression=exp.to_identifier(field))


def _matches(quantifier: str) -> Rewrite:
    def build(arguments: list[Node]) -> Node:
        _parameters(arguments[1], 1)
        aggregate = "trino_all" if quantifier == "all_match" else "trino_any"
        found = call(aggregate, call("list_transform", *arguments))
        return exp.Not(this=found) if quantifier == "none_match" else found

    return build


def _zip_with(arguments: list[Node]) -> Node:
    first, second = _parameters(arguments[2], 2)
    pair: dict[str, Node] = {
        name: call("struct_extract_at", exp.to_identifier("__z"), number(place))
        for name, place in ((first, 1), (second, 2))
    }
    body = substituted(arguments[2].this, pair)
    return call("list_transform", call("list_zip", *arguments[:2]), _lambda(["__z"], body))


def _over_entries(shape: str) -> Rewrite:
    def build(arguments: list[Node]) -> Node:
        key, value = _parameters(arguments[1], 2)
        members = {key: _member("__e", "key"), value: _member("__e", "value")}
        body = substituted(arguments[1].this, members)
        entries = call("map_entries", arguments[0])
        if shape == "filter":
            kept = call("list_filter", entries, _lambda(["__e"], body))
            return call("map_from_entries", kept)
        entry = (
            call("row", body, members[value])
            if shape == "keys"
            else call("row", members[key], body)
        )
        return call("map_from_entries", call("list_transform", entries, _lambda(["__e"], entry)))

    return build


def _reduce(node: exp.Reduce) -> Node:
    made: Node = call("list_reduce", node.this, node.args["merge"], node.args["initial"])
    finish = node.args.get("finish")
    if isinstance(finish, exp.Lambda):
        made = substituted(finish.this, {finish.expressions[0].name: made})
    return made


def _unnest(node: exp.Unnest) -> Node | None:
    """DuckDB unnests one list; several, or a map, become columns of a lateral query."""
    arrays, alias, offset = node.expressions, node.args.get("alias"), node.args.get("offset")
    if len(arrays) == 1 and not isinstance(arrays[0], exp.Map):
        return None
    if len(arrays) == 1:
        arrays = [call("map_keys", arrays[0]), call("map_values", arrays[0])]
    columns = [call("unnest", array) for array in arrays]
    if offset:
        longest = call("greatest", *(call("len", array) for array in arrays))
        columns.append(call("unnest", call("generate_series", number(1), longest)))
    named = copied(alias)
    if isinstance(offset, exp.Identifier) and named is not None:
        named.append("columns", offset.copy())
    return exp.Subquery(this=exp.select(*columns), alias=named)


def _row(node: exp.Struct) -> Node | None:
    """A row of values has no names of fields."""
    if any(isinstance(item, exp.PropertyEQ | exp.Alias) for item in node.expressions):
        return None
    return call("row", *node.expressions)


def _group(node: exp.Group) -> Node | None:
    if [item.sql().lower() for item in node.expressions] == ["auto"]:
        node.set("expressions", [])
        node.set("all", True)
    return None


_BY_CLASS: dict[type[Node], Rewrite] = {
    exp.Literal: _literal,
    exp.Cast: _temporal_cast,
    exp.TryCast: _temporal_cast,
    exp.AtTimeZone: _at_time_zone,
    exp.DateDiff: _date_diff,
    exp.Extract: _extract,
    exp.JSONExtractScalar: _json_scalar,
    exp.JSONExtract: _json_extract,
    exp.RegexpExtract: _regexp_extract,
    exp.RegexpReplace: _regexp_replace,
    exp.RegexpCount: _regexp_count,
    exp.Split: _split,
    exp.SplitPart: lambda n: call(
        "trino_split_part", n.this, n.args["delimiter"], n.args["part_index"]
    ),
    exp.Substring: _substring,
    exp.Trim: _trim,
    exp.StrToMap: lambda n: call(
        "trino_split_map", n.this, n.args["pair_delim"], n.args["key_value_delim"]
    ),
    exp.MD5Digest: _hash("md5"),
    exp.SHA: _hash("sha1"),
    exp.SHA2Digest: _sha2,
    exp.Encode: lambda n: call("encode", n.this),
    exp.Decode: lambda n: call("decode", n.this),
    exp.Greatest: _all_or_null,
    exp.Least: _all_or_null,
    exp.WidthBucket: _width_bucket,
    exp.Rand: _rand,
    exp.Cbrt: lambda n: call("trino_cbrt", cast(n.this, "DOUBLE")),
    exp.ArrayDistinct: lambda n: call("trino_distinct", n.this),
    exp.Struct: _row,
    exp.BitwiseAnd: lambda n: call("bitwise_and", n.left, n.right),
    exp.BitwiseOr: lambda n: call("bitwise_or", n.left, n.right),
    exp.BitwiseXor: lambda n: call("bitwise_xor", n.left, n.right),
    exp.ArraySlice: lambda n: call("trino_slice", n.this, n.args["start"], n.args["end"]),
    exp.ArrayPosition: lambda n: cast(call("trino_array_position", n.this, n.expression), "BIGINT"),
    exp.ArrayContains: lambda n: call("trino_contains", n.this, n.expression),
    exp.ArrayMax: lambda n: call("trino_array_max", n.this),
    exp.ArrayMin: lambda n: call("trino_array_min", n.this),
    exp.ArrayRemove: lambda n: call("trino_array_remove", n.this, n.expression),
    exp.ArgMax: _extreme("arg_max_null"),
    exp.ArgMin: _extreme("arg_min_null"),
    exp.ApproxDistinct: _approx_distinct,
    exp.ApproxQuantile: _approx_quantile,
    exp.Reduce: _reduce,
    exp.Unnest: _unnest,
    exp.Group: _group,
    exp.DayOfWeekIso: lambda n: call("isodow", n.this),
    exp.YearOfWeek: lambda n: call("isoyear", n.this),
    exp.FromISO8601Date: lambda n: cast(n.this, "DATE"),
    exp.FromISO8601Timestamp: lambda n: cast(n.this, "TIMESTAMPTZ"),
    exp.UnixToTime: lambda n: call("to_timestamp", cast(n.this, "DOUBLE")),
    exp.TimeToUnix: lambda n: cast(call("epoch", n.this), "DOUBLE"),
    exp.Trunc: lambda n: call(
        "trunc", n.this, *([n.args["decimals"]] if n.args.get("decimals") else [])
    ),
}

_BY_NAME: dict[str, Rewrite] = {
    "format_datetime": _format_datetime,
    "zip_with": _zip_with,
    "map_filter": _over_entries("filter"),
    "transform_values": _over_entries("values"),
    "transform_keys": _over_entries("keys"),
    "any_match": _matches("any_match"),
    "all_match": _matches("all_match"),
    "none_match": _matches("none_match"),
    "every": lambda a: exp.LogicalAnd(this=copied(a[0])),
    "map_agg": lambda a: call("trino_map_agg", *a),
    "json_array_length": lambda a: cast(
        call("json_array_length", call("trino_json", a[0]), *a[1:]), "BIGINT"
    ),
    "millisecond": lambda a: call("trino_millisecond", *a),
}

"""Types of expressions, asked of DuckDB itself.

DuckDB's own binder is the only complete account of its types: `DESCRIBE SELECT <operands> FROM
<the scope's tables>` answers for many operands at once and runs nothing.
"""

from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING

from sqlglot import exp

from jupyter_orch.warehouse.translate.build import Node, substituted

if TYPE_CHECKING:
    import duckdb

Scope = exp.Select | exp.Update | exp.Delete | exp.Merge


class Typist:
    """Answers types of expressions in the scope of one query block or statement."""

    def __init__(self, connection: "duckdb.DuckDBPyConnection") -> None:
        self._connection = connection
        self._shapes: dict[int, str] = {}

    def types(self, scope: Scope, nodes: Sequence[Node]) -> dict[int, str]:
        """DuckDB's type names by `id(node)`; what cannot be typed is missing."""
        found: dict[int, str] = {}
        for batch in _batches(nodes):
            self._batch(scope, batch, found)
        return found

    def _closed(self, scope: Scope, node: Node) -> Node:
        """A copy in which each lambda variable is a NULL of the variable's type."""
        values: dict[str, Node] = {}
        parent = node.parent
        while parent is not None and parent is not scope:
            if isinstance(parent, exp.Lambda):
                values = self._variables(scope, parent) | values
            parent = parent.parent
        return substituted(node, values) if values else node

    def _variables(self, scope: Scope, function: exp.Lambda) -> dict[str, Node]:
        owner = function.parent
        if isinstance(owner, exp.Anonymous):
            source, rest = owner.expressions[0], owner.expressions[1:]
        elif owner is not None:
            source, rest = owner.this, []
        else:
            return {}
        names = [name.name for name in function.expressions]
        element = (self.types(scope, [source]).get(id(source)) or "").removesuffix("[]")
        kinds = [element]
        if len(names) > 1 and len(rest) > 1:  # list_reduce: the state, then the element
            kinds = [self.types(scope, [rest[1]]).get(id(rest[1])) or "", element]
        return {
            name: exp.Cast(this=exp.Null(), to=exp.DataType(this=exp.DType.USERDEFINED, kind=kind))
            for name, kind in zip(names, kinds, strict=False)
            if kind
        }

    def _batch(self, scope: Scope, nodes: Sequence[Node], found: dict[int, str]) -> None:
        texts = {id(node): self._closed(scope, node).sql(dialect="duckdb") for node in nodes}
        head = self._common_tables(scope)
        for tables in _sources(scope):
            left = [node for node in nodes if id(node) not in found]
            if not left:
                return
            tail = tables.sql(dialect="duckdb", copy=False).removeprefix("SELECT 1")
            rows = self._describe(head, [texts[id(node)] for node in left], tail)
            if rows is not None:
                found |= {id(node): kind for node, kind in zip(left, rows, strict=True)}
                continue
            for node in left if len(left) > 1 else ():
                single = self._describe(head, [texts[id(node)]], tail)
                if single is not None:
                    found[id(node)] = single[0]

    def _describe(self, head: str, items: Sequence[str], tail: str) -> list[str] | None:
        import duckdb

        listed = ", ".join(f"{item} AS c{place}" for place, item in enumerate(items))
        try:
            rows = self._connection.execute(f"DESCRIBE {head}SELECT {listed}{tail}").fetchall()
        except duckdb.Error:
            return None
        return [str(row[1]) for row in rows]

    def _common_tables(self, scope: Scope) -> str:
        """The WITH clause of what the scope may name, each table as typed nothing."""
        shapes: list[str] = []
        for cte in visible_ctes(scope):
            if id(cte) not in self._shapes:
                shape = self._shape(cte, shapes)
                if _holds(cte, scope):
                    shapes.append(shape)  # a recursive query that names itself: not done yet
                    continue
                self._shapes[id(cte)] = shape
            shapes.append(self._shapes[id(cte)])
        return f"WITH {', '.join(shapes)} " if shapes else ""

    def _shape(self, cte: exp.CTE, before: Sequence[str]) -> str:
        import duckdb

        whole = _anchored(cte.copy()).sql(dialect="duckdb", copy=False)
        name = exp.to_identifier(cte.alias, quoted=True).sql(dialect="duckdb")
        head = ", ".join([*before, whole])
        try:
            rows = self._connection.execute(
                f"DESCRIBE WITH {head} SELECT * FROM {name}"  # noqa: S608 - the name is quoted
            ).fetchall()
        except duckdb.Error:
            return whole
        columns = (
            f"CAST(NULL AS {row[1]}) AS {exp.to_identifier(row[0], quoted=True).sql('duckdb')}"
            for row in rows
        )
        return f"{name} AS (SELECT {', '.join(columns)} WHERE false)"


def _sources(scope: Scope) -> Iterator[exp.Select]:
    """Blocks to ask in: the scope's own, grouped, with the outer ones, by its own aliases."""
    plain = _tables(scope)
    yield plain
    yield _without_unnest(plain)
    group = scope.args.get("group")
    if group is not None:
        grouped = plain.copy()
        grouped.set("group", group.copy())
        yield grouped
    outer = plain
    for parent in _outer(scope):
        outer = _beside(outer, _tables(parent))
        yield outer
    if isinstance(scope, exp.Select) and scope.args.get("order"):
        bare = scope.copy()
        for clause in ("order", "limit", "offset", "with_"):
            bare.set(clause, None)
        alias = exp.TableAlias(this=exp.to_identifier("__s"))
        yield exp.select("1").from_(exp.Subquery(this=bare, alias=alias))


def _batches(nodes: Sequence[Node]) -> Iterator[list[Node]]:
    """Aggregates apart from the rest: the two never stand in one ungrouped query."""
    aggregates = [node for node in nodes if node.find(exp.AggFunc)]
    rest = [node for node in nodes if not node.find(exp.AggFunc)]
    for batch in (rest, aggregates):
        if batch:
            yield batch


def _tables(scope: Scope) -> exp.Select:
    query = exp.select("1")
    if isinstance(scope, exp.Select):
        if scope.args.get("from_"):
            query.set("from_", scope.args["from_"].copy())
        joins = [_cheap(join.copy()) for join in scope.args.get("joins") or ()]
        laterals = [lateral.copy() for lateral in scope.args.get("laterals") or ()]
        if joins:
            query.set("joins", joins)
        if laterals:
            query.set("laterals", laterals)
        windows = scope.args.get("windows")
        if windows:
            query.set("windows", [window.copy() for window in windows])
        return query
    query = query.from_(scope.this.copy())
    if isinstance(scope, exp.Merge):
        query = query.join(scope.args["using"].copy(), join_type="cross")
    return query


def _without_unnest(query: exp.Select) -> exp.Select:
    """For what is unnested itself: until it is rewritten, DuckDB may not know its type."""
    made = query.copy()
    source = made.args.get("from_")
    if source is not None and isinstance(source.this, exp.Unnest):
        made.set("from_", None)
    joins = [join for join in made.args.get("joins") or () if not isinstance(join.this, exp.Unnest)]
    made.set("joins", joins if made.args.get("from_") is not None else [])
    return made


def _cheap(join: exp.Join) -> exp.Join:
    """Without its condition, which may hold what is not rewritten yet."""
    if join.args.get("on") is not None:
        join.set("on", exp.true())
    return join


def _beside(inner: exp.Select, outer: exp.Select) -> exp.Select:
    made = inner.copy()
    source = outer.args.get("from_")
    if source is not None:
        if made.args.get("from_") is None:
            made.set("from_", source.copy())
        else:
            made.append("joins", exp.Join(this=source.this.copy(), kind="CROSS"))
        for join in outer.args.get("joins") or ():
            made.append("joins", join.copy())
    return made


def _outer(scope: Node) -> Iterator[Scope]:
    parent = scope.parent
    while parent is not None:
        if isinstance(parent, Scope) and not isinstance(parent.parent, exp.When):
            yield parent
        parent = parent.parent


def _holds(cte: exp.CTE, scope: Node) -> bool:
    node: Node | None = scope
    while node is not None and node is not cte:
        node = node.parent
    return node is cte


def visible_ctes(scope: Node) -> list[exp.CTE]:
    """The common table expressions that the scope may name, in order of definition."""
    inside = set()
    levels: list[list[exp.CTE]] = []
    node: Node | None = scope
    while node is not None:
        inside.add(id(node))
        with_ = node.args.get("with_")
        if with_ is not None:
            level = []
            for cte in with_.expressions:
                if id(cte) in inside:
                    if with_.args.get("recursive"):
                        level.append(cte)
                    break
                level.append(cte)
            levels.insert(0, level)
        node = node.parent
    return [cte for level in levels for cte in level]


def _anchored(cte: exp.CTE) -> exp.CTE:
    """A recursive query by its first branch, which gives it its types."""
    body, name = cte.this, cte.alias
    itself = any(table.name == name and not table.db for table in body.find_all(exp.Table))
    if itself and isinstance(body, exp.SetOperation):
        cte.set("this", body.left.copy())
    return cte

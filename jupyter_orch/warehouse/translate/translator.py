"""The way of a query from Trino's dialect to DuckDB's."""

from typing import TYPE_CHECKING

import sqlglot
from sqlglot import exp
from sqlglot.errors import UnsupportedError

from jupyter_orch.warehouse.translate import functions, plain, typed
from jupyter_orch.warehouse.translate.build import Node
from jupyter_orch.warehouse.translate.errors import SqlError, unsupported
from jupyter_orch.warehouse.translate.typing import Typist

if TYPE_CHECKING:
    import duckdb

#: What an output column without a name is called inside; outside it is `_col<position>`.
ANONYMOUS = "__anonymous_"


def translate(tree: Node, connection: "duckdb.DuckDBPyConnection") -> str:
    """DuckDB's text of a statement whose tables the connection already knows.

    The tree is rewritten in place.

    Raises:
        SqlError: Something in it is not supported, or its types do not fit.
    """
    places = len(list(tree.find_all(exp.Placeholder)))
    if places:
        raise SqlError(
            "INVALID_PARAMETER_USAGE",
            f"Incorrect number of parameters: expected {places} but found 0",
        )
    functions.check(tree)
    _name_columns(tree)
    tree = plain.rewrite(tree)
    typed.rewrite(tree, Typist(connection))
    try:
        return tree.sql(dialect="duckdb", unsupported_level=sqlglot.ErrorLevel.RAISE)
    except UnsupportedError as error:
        raise unsupported(str(error).splitlines()[0].rstrip(".")) from None


def _name_columns(tree: Node) -> None:
    """Gives each output column the name that Trino gives it."""
    for select in tree.find_all(exp.Select):
        if isinstance(select.parent, exp.Exists | exp.In):
            continue
        named = []
        for place, item in enumerate(select.expressions):
            if isinstance(item, exp.Alias | exp.Star | exp.Aliases) or item.is_star:
                named.append(item)
            elif isinstance(item, exp.Column | exp.Dot):
                named.append(exp.alias_(item, item.name, quoted=True))
            else:
                named.append(exp.alias_(item, f"{ANONYMOUS}{place}"))
        select.set("expressions", named)

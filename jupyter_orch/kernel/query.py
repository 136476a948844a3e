"""`query`: the rows of a statement of SQL as a frame."""

import os
import sys
import time
from collections.abc import Sequence
from types import TracebackType
from typing import TYPE_CHECKING, Any, Self

from jupyter_orch.kernel import limits
from jupyter_orch.kernel.channel import SOCKET_VARIABLE
from jupyter_orch.kernel.tables import to_pandas
from jupyter_orch.settings import load

if TYPE_CHECKING:
    from jupyter_orch.warehouse.fetch import Answer

#: Seconds until somebody who waits is told how far it is, and between two times.
_PATIENCE = 1.0


def query(
    statement: str,
    parameters: Sequence[Any] | None = None,
    *,
    limit: int | None = None,
    arrow: bool = False,
) -> Any:
    """The rows of a statement, as a pandas DataFrame; None when it answers none.

    Columns are as those of `read`. A large answer of a real Trino is not decoded row by row: Trino
    writes it to files, and they are read.

    Args:
        statement: One statement of Trino's SQL.
        parameters: Values of its `?`.
        limit: At most so many rows. Without it, more than `warehouse.frame_rows` are refused.
        arrow: Answer an Arrow table instead.

    Raises:
        BadInput: There are too many rows (field `limit`), or for Arrow a column has no name of its
            own or a type that tables do not have (field `frame`).
        trino.exceptions.Error: The engine refuses the statement.
    """
    most = limits.guard(limit, load())
    found = fetched(statement, parameters, limit=limit if most is None else most + 1)
    if found is None:
        return None
    answer, columns = found
    limits.check(len(columns[0]), most, "The query answers")
    return _arrow(answer, columns) if arrow else pandas(answer, columns)


def fetched(
    statement: str, parameters: Sequence[Any] | None, *, limit: int | None
) -> "tuple[Answer, list[Any]] | None":
    """What a statement answers, and its whole columns; None when it answers no rows."""
    import pyarrow as pa

    from jupyter_orch.warehouse.connect import connect
    from jupyter_orch.warehouse.fetch import fetch

    with connect() as connection, _Progress() as progress:
        answer = fetch(load(), connection, statement, parameters, most=limit, tell=progress.tell)
        if answer is None:
            return None
        parts = list(answer.pieces)
    columns: list[Any] = []
    for place, kind in enumerate(answer.kinds):
        cells = [part[place] for part in parts]
        if kind is None:
            columns.append([cell for each in cells for cell in each])
        else:
            chunks = [chunk for each in cells for chunk in getattr(each, "chunks", [each])]
            columns.append(pa.chunked_array(chunks, kind))
    return answer, columns


def pandas(answer: "Answer", columns: Sequence[Any]) -> Any:
    """The columns as a DataFrame, under any names; lists, maps and the like are Python's own."""
    import pandas as pd
    import pyarrow as pa

    objects = {
        place: _objects(column)
        for place, (kind, column) in enumerate(zip(answer.kinds, columns, strict=True))
        if kind is None or pa.types.is_nested(kind)
    }
    plain = {str(place): each for place, each in enumerate(columns) if place not in objects}
    frame = to_pandas(pa.table(plain)) if plain else pd.DataFrame(index=range(len(columns[0])))
    for place, cells in objects.items():
        frame.insert(place, str(place), pd.Series(cells, index=frame.index, dtype=object))
    frame.columns = pd.Index(answer.names)
    return frame


def _objects(column: Any) -> list[Any]:
    """A column's values, as the client gives them."""
    if isinstance(column, list):
        return column
    found: list[Any] = column.to_pylist(maps_as_pydicts="strict")
    return found


def _arrow(answer: "Answer", columns: Sequence[Any]) -> Any:
    import pyarrow as pa

    from jupyter_orch.warehouse import fetch

    return pa.table(list(columns), schema=fetch.schema(answer))


class _Progress:
    """A line below the cell that says how far it is; outside of a run, whose page shows that."""

    def __init__(self) -> None:
        self._told = time.monotonic()
        self._handle: Any = None
        shell = getattr(sys.modules.get("IPython"), "get_ipython", lambda: None)()
        self._shown = hasattr(shell, "kernel") and SOCKET_VARIABLE not in os.environ

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        if self._handle is not None:
            self._handle.update({"text/plain": ""}, raw=True)

    def tell(self, text: str) -> None:
        """Shows it, when somebody has waited long enough for it."""
        now = time.monotonic()
        if not self._shown or now - self._told < _PATIENCE:
            return
        self._told = now
        line = {"text/plain": f"{text} …"}
        if self._handle is None:
            from IPython.display import display

            self._handle = display(line, raw=True, display_id=True)  # type: ignore[no-untyped-call]
        else:
            self._handle.update(line, raw=True)

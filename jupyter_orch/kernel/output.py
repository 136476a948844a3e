"""`output`: what a notebook writes becomes a version of a table, whole or not at all."""

import getpass
import os
from collections.abc import Mapping, Sequence
from dataclasses import asdict
from datetime import date, datetime, time
from decimal import Decimal
from pathlib import Path
from types import TracebackType
from typing import TYPE_CHECKING, Any, Self, cast

from jupyter_orch.domain.errors import BadInput, Refused
from jupyter_orch.domain.ids import RunId, new_id
from jupyter_orch.domain.outputs import (
    Checks,
    OutputMode,
    OutputRequest,
    Provenance,
    TableVersion,
)
from jupyter_orch.kernel.channel import Channel
from jupyter_orch.kernel.spill import Spill
from jupyter_orch.settings import load

if TYPE_CHECKING:
    from jupyter_orch.warehouse.iceberg import IcebergWarehouse

_MODES = ("append", "replace", "upsert")


def output(
    table: str,
    *,
    mode: OutputMode = "replace",
    slice: Mapping[str, Any] | None = None,  # noqa: A002 - the product's word
    keys: Sequence[str] = (),
) -> "Output":
    """A block whose rows become one version of `table`.

    Inside a run, leaving the block stages and checks the rows; the worker publishes them after
    the notebook's last cell. Outside a run, leaving the block publishes at once. An exception in
    the block leaves everything as it was.

    Args:
        table: `schema.table`; without a schema, in the default one. Made when it is missing.
        mode: `replace` swaps the slice, or the whole table without one; `append` adds; `upsert`
            replaces the rows that have the same keys.
        slice: Columns and their values, such as `{"day": day}`. Rows outside are refused; no rows
            clear it.
        keys: Columns that name a row, for `upsert`.

    Raises:
        BadInput: The arguments do not fit together (field `table`, `mode`, `slice`, `keys`).
    """
    return Output(table, mode=mode, part=slice or {}, keys=keys)


class Output:
    """One output; made by `output`."""

    def __init__(
        self, table: str, *, mode: OutputMode, part: Mapping[str, Any], keys: Sequence[str]
    ) -> None:
        from jupyter_orch.warehouse.names import identify

        self._settings = load()
        self.table = ".".join(identify(table, self._settings.warehouse))
        self.mode = mode
        self._slice = {name: _json(name, value) for name, value in part.items()}
        self._keys = _names(keys)
        _check_shape(mode, self._slice, self._keys)
        self._checks = Checks()
        self._spill: Spill | None = None
        self._channel: Channel | None = None
        self._place = Path()
        self._run_id = RunId("")
        self._state = "not yet written"
        #: Rows that were staged or published.
        self.rows = 0
        #: What was published, outside a run.
        self.version: TableVersion | None = None

    def write(self, frame: Any) -> "Output":
        """Adds the rows of a frame; any number of times.

        Takes pandas and Polars frames, Arrow tables, batches and readers. Rows go to disk as they
        come. A pandas index is dropped, unless all of its levels have names.

        Raises:
            BadInput: A column's name or type has no place in a table (field `frame`).
        """
        from jupyter_orch.warehouse.frames import tables

        spill = self._open()
        for part in tables(frame):
            spill.add(part)
        return self

    def sql(self, statement: str, parameters: Sequence[Any] | None = None) -> "Output":
        """Adds the rows of a query, in batches, with the types that the query has."""
        from jupyter_orch.warehouse.connect import connect
        from jupyter_orch.warehouse.results import tables

        spill = self._open()
        connection = connect()
        try:
            for part in tables(connection, statement, parameters):
                spill.add(part)
        finally:
            connection.close()  # type: ignore[no-untyped-call]
        return self

    def check(
        self,
        *,
        rows_min: int | None = None,
        rows_max: int | None = None,
        not_null: Sequence[str] = (),
        unique: Sequence[str] = (),
    ) -> "Output":
        """What must hold for the rows of this output; tested when the block is left.

        Args:
            rows_min: At least so many rows.
            rows_max: At most so many rows.
            not_null: Columns that every row has.
            unique: Columns that together name a row once.
        """
        self._open()
        if unique and self._checks.unique:
            raise BadInput("An output has one check `unique`.", field="checks")
        self._checks = Checks(
            rows_min=self._checks.rows_min if rows_min is None else rows_min,
            rows_max=self._checks.rows_max if rows_max is None else rows_max,
            not_null=(*self._checks.not_null, *_names(not_null)),
            unique=self._checks.unique or _names(unique),
        )
        return self

    def __enter__(self) -> Self:
        if self._state != "not yet written":
            raise Refused("This output was used already; call output() again.")
        self._channel = Channel.from_environment()
        if self._channel is not None:
            self._place = Path(self._channel.request({"do": "context"})["staging_folder"])
        else:
            self._run_id = RunId(f"interactive-{new_id()}")
            self._place = _warehouse(self._settings).staging_folder(self._run_id, 1)
        self._spill = Spill(self._place / new_id())
        self._state = "being written"
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        spill = self._open()
        self._state = "abandoned"
        self._spill = None
        try:
            if error is None:
                self._leave(spill)
        finally:
            if self._state == "abandoned":
                spill.abandon()
            if self._channel is not None:
                self._channel.close()
            elif self._state == "abandoned":
                _discard(self._settings, self._run_id)

    def __repr__(self) -> str:
        rows = self._spill.rows if self._spill is not None else self.rows
        return f"<output {self.table}: {rows:,} rows, {self._state}>"

    def _open(self) -> Spill:
        if self._spill is None:
            raise Refused(
                f"The output of {self.table} is not open.",
                hint=f'Use it in a block: with output("{self.table}") as out: out.write(frame)',
            )
        return self._spill

    def _leave(self, spill: Spill) -> None:
        if spill.empty:
            raise BadInput(
                f"Nothing was written to {self.table}.",
                field="frame",
                hint="To clear the slice or the table, write a frame without rows.",
            )
        request = OutputRequest(
            table=self.table,
            mode=self.mode,
            slice=self._slice,
            keys=self._keys,
            files=tuple(str(file.relative_to(self._place)) for file in spill.close()),
            checks=self._checks,
        )
        if self._channel is not None:
            answer = self._channel.request({"do": "stage", "request": asdict(request)})
            self.rows = answer["rows"]
            self._state = "staged; published when the run succeeds"
        else:
            self._publish(request)

    def _publish(self, request: OutputRequest) -> None:
        provenance = Provenance(
            run_id=self._run_id,
            attempt=1,
            job_name="",
            notebook=os.environ.get("JPY_SESSION_NAME", ""),
            notebook_sha256="",
            parameters="{}",
            user=getpass.getuser(),
        )
        warehouse = _warehouse(self._settings)
        try:
            staged = warehouse.stage(request, provenance)
            self.version = warehouse.publish(staged, provenance)
        finally:
            warehouse.close()
        self.rows = staged.rows
        self._state = f"version {self.version.snapshot_id}"
        print(f"Published {self.rows:,} rows to {self.table} as {self._state}.")  # noqa: T201


def _warehouse(settings: Any) -> "IcebergWarehouse":
    from jupyter_orch.warehouse.iceberg import IcebergWarehouse

    return IcebergWarehouse(settings)


def _discard(settings: Any, run_id: RunId) -> None:
    warehouse = _warehouse(settings)
    try:
        warehouse.discard(run_id, 1)
    finally:
        warehouse.close()


def _check_shape(mode: str, part: Mapping[str, Any], keys: Sequence[str]) -> None:
    if mode not in _MODES:
        raise BadInput(
            f"{mode!r} is not a way to write.", field="mode", hint=f"Use {', '.join(_MODES)}."
        )
    if part and mode != "replace":
        raise BadInput(f"Mode {mode} takes no slice.", field="slice")
    if mode == "upsert" and not keys:
        raise BadInput("Mode upsert needs the key columns.", field="keys", hint='keys=["id"]')
    if keys and mode != "upsert":
        raise BadInput(f"Mode {mode} takes no keys.", field="keys")


def _names(names: Sequence[str]) -> tuple[str, ...]:
    return (names,) if isinstance(names, str) else tuple(names)


def _json(name: str, value: Any) -> Any:
    """A slice's value as JSON; dates and times as ISO text, exact numbers as text."""
    if hasattr(value, "item") and not isinstance(value, date | time):
        value = cast("Any", value).item()  # NumPy's scalars
    if isinstance(value, date | datetime):
        return value.isoformat()
    if isinstance(value, Decimal):
        return str(value)
    if value is None or isinstance(value, str | int | bool):
        return value
    raise BadInput(
        f"The slice gives a {type(value).__name__} for {name!r}.",
        field="slice",
        hint="Use a date, a timestamp, text, a whole number, a decimal or a boolean.",
    )

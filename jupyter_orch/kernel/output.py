"""`output`: what a notebook writes becomes a version of a table, whole or not at all."""

import getpass
import os
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import fields, replace
from datetime import timedelta
from pathlib import Path
from types import TracebackType
from typing import TYPE_CHECKING, Any, Self

from jupyter_orch import wire
from jupyter_orch.domain.errors import BadInput, CheckFailed, Refused
from jupyter_orch.domain.ids import RunId, new_id
from jupyter_orch.domain.outputs import (
    CheckResult,
    Checks,
    Evolution,
    OutputMode,
    OutputRequest,
    Provenance,
    Severity,
    TableVersion,
)
from jupyter_orch.kernel import checks
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
    partition_by: Sequence[str] | None = None,
    sort_by: Sequence[str] = (),
    evolve: Evolution | None = None,
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
        partition_by: How a table that is made is partitioned: columns, `year(ts)`, `month(ts)`,
            `day(ts)`, `hour(ts)`, `bucket(id, 16)`, `truncate(name, 4)`. By the slice's columns
            when it is left away, not at all when it is empty. Another one than the table has is
            refused.
        sort_by: Order of the rows within each data file, such as `["ts DESC", "carrier"]`.
        evolve: `"add"` gives the table the frame's new columns, and wider types (`integer` to
            `bigint`, `real` to `double`, more digits), in the commit that brings the rows. Without
            it such a frame is refused.

    Raises:
        BadInput: The arguments do not fit together (field `table`, `mode`, `slice`, `keys`,
            `partition_by`, `sort_by`, `evolve`).
    """
    if evolve not in (None, "add"):
        raise BadInput(
            f"{evolve!r} is no way to change columns.", field="evolve", hint='Use evolve="add".'
        )
    layout = {"partition_by": partition_by, "sort_by": sort_by}
    for word, texts in layout.items():
        if texts is not None and not (
            isinstance(texts, Sequence) and all(isinstance(text, str) for text in texts)
        ):
            raise BadInput(f"{word} takes texts.", field=word, hint=f'{word}=["day(ts)"]')
    request = OutputRequest(
        table=table,
        mode=mode,
        slice={
            name: checks.plain(name, value, said_by="The slice", field="slice")
            for name, value in (slice or {}).items()
        },
        keys=checks.names(keys),
        files=(),
        partition_by=None if partition_by is None else checks.names(partition_by),
        sort_by=checks.names(sort_by),
        evolve=evolve,
    )
    return Output(request)


class Output:
    """One output; made by `output`."""

    def __init__(self, request: OutputRequest) -> None:
        from jupyter_orch.warehouse.names import identify

        self._settings = load()
        self.table = ".".join(identify(request.table, self._settings.warehouse))
        self.mode = request.mode
        _check_shape(request)
        self._request = replace(request, table=self.table)
        self._wanted: tuple[Checks, ...] = ()
        self._spill: Spill | None = None
        self._channel: Channel | None = None
        self._place = Path()
        self._run_id = RunId("")
        self._state = "not yet written"
        #: Rows that were staged or published.
        self.rows = 0
        #: What was checked, and what was seen.
        self.checks: tuple[CheckResult, ...] = ()
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
        from jupyter_orch.warehouse.fetch import tables

        spill = self._open()
        connection = connect()
        try:
            for part in tables(self._settings, connection, statement, parameters):
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
        accepted: Mapping[str, Iterable[Any]] | None = None,
        between: Mapping[str, Sequence[Any]] | None = None,
        fresh: Mapping[str, str | timedelta] | None = None,
        sql: str | Sequence[str] = (),
        rows_change: Sequence[float | None] | None = None,
        nulls_change: Mapping[str, float] | None = None,
        severity: Severity = "error",
    ) -> "Output":
        """What must hold for the rows of this output; tested when the block is left.

        Several calls add up. Each result is kept with the version.

        Args:
            rows_min: At least so many rows.
            rows_max: At most so many rows.
            not_null: Columns that every row has.
            unique: Columns that together name a row once.
            accepted: By column, the values that it may have: `{"origin": ["JFK", "LGA"]}`.
            between: By column, its least and greatest value: `{"delay": (0, 1000)}`; None is no
                bound.
            fresh: By column, how old its newest value may be when the run's data interval ends,
                outside a run now: `{"ts": "2d"}`.
            sql: Queries that must answer no rows; `{output}` stands for the rows of this output.
            rows_change: Least and greatest ratio to the rows of the version before: `(0.5, 2.0)`.
            nulls_change: By column, how much its share of nulls may grow against the version
                before: `{"delay": 0.1}`.
            severity: `"warn"` tells of what does not hold, and publishes all the same.

        Raises:
            BadInput: An argument does not fit (field `checks`).
        """
        self._open()
        more = checks.made(
            rows_min=rows_min,
            rows_max=rows_max,
            not_null=not_null,
            unique=unique,
            accepted=accepted,
            between=between,
            fresh=fresh,
            sql=sql,
            rows_change=rows_change,
            nulls_change=nulls_change,
            severity=severity,
        )
        self._wanted = checks.joined(self._wanted, more)
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
        first, *others = self._wanted or (Checks(),)
        if first.severity != "error":  # older code refuses another one rather than fail the run
            first, others = Checks(), [first, *others]
        request = replace(
            self._request,
            files=tuple(str(file.relative_to(self._place)) for file in spill.close()),
            checks=first,
            more_checks=tuple(others),
        )
        if self._channel is not None:
            answer = self._channel.request({"do": "stage", "request": wire.lean(request)})
            self.rows = answer["rows"]
            self.checks = tuple(map(_result, answer.get("checks", ())))
            self._state = "staged; published when the run succeeds"
        else:
            self._publish(request)
        _tell(self.checks)

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
            self.checks = staged.checks
            self.version = warehouse.publish(staged, provenance)
        except CheckFailed as error:
            _tell(error.results)
            raise
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


def _check_shape(request: OutputRequest) -> None:
    mode = request.mode
    if mode not in _MODES:
        raise BadInput(
            f"{mode!r} is not a way to write.", field="mode", hint=f"Use {', '.join(_MODES)}."
        )
    if request.slice and mode != "replace":
        raise BadInput(f"Mode {mode} takes no slice.", field="slice")
    if mode == "upsert" and not request.keys:
        raise BadInput("Mode upsert needs the key columns.", field="keys", hint='keys=["id"]')
    if request.keys and mode != "upsert":
        raise BadInput(f"Mode {mode} takes no keys.", field="keys")


def _result(item: Mapping[str, Any]) -> CheckResult:
    """As the worker's code has it, which may be newer or older than the kernel's."""
    return CheckResult(**{each.name: item[each.name] for each in fields(CheckResult)})


def _tell(results: Iterable[CheckResult]) -> None:
    """Warnings, where whoever looks at the notebook sees them."""
    for result in results:
        if result.severity == "warn" and not result.passed:
            print(f"Warning of a check: {result.name}: {result.seen}.")  # noqa: T201

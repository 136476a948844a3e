"""Which rows of which version somebody wants, as a scan; and that scan as a file for a kernel."""

from pathlib import Path

import pyarrow as pa
from pyiceberg.table import DataScan, Table

from jupyter_orch.domain.errors import BadInput, NotFound
from jupyter_orch.domain.outputs import Selection
from jupyter_orch.warehouse.frames import normal
from jupyter_orch.warehouse.versions import snapshot_at, snapshot_of_run, total_rows


def scan(table: Table, wanted: Selection) -> DataScan:
    """The rows that are wanted.

    Raises:
        BadInput: There is no such column (field `columns`).
        NotFound: There is no such version (field `version`, `run`, `as_of`).
    """
    known = table.schema().column_names
    unknown = [name for name in wanted.columns or () if name not in known]
    if unknown:
        raise BadInput(
            f"{wanted.table} has no column {unknown[0]!r}.",
            field="columns",
            hint=f"The columns are {', '.join(known)}.",
        )
    return table.scan(
        selected_fields=wanted.columns if wanted.columns is not None else ("*",),
        snapshot_id=_snapshot(table, wanted),
        limit=wanted.limit,
    )


def rows(found: DataScan) -> int | None:
    """How many rows the version has, as it says itself; None when it does not."""
    snapshot = found.snapshot()
    return None if snapshot is None else total_rows(snapshot)


def export(found: DataScan, file: Path) -> int:
    """Writes the rows as an Arrow file, piece by piece; answers how many there are.

    Their types are those of `to_arrow`; pyiceberg's reader of pieces has wider ones.
    """
    rows = 0
    with found.to_arrow_batch_reader() as reader:
        schema = pa.schema([item.with_type(normal(item.type, item.name)) for item in reader.schema])
        with pa.OSFile(str(file), "wb") as sink, pa.ipc.new_file(sink, schema) as writer:
            for batch in reader:
                writer.write_batch(batch.cast(schema))
                rows += batch.num_rows
    return rows


def _snapshot(table: Table, wanted: Selection) -> int | None:
    if wanted.version is not None:
        return snapshot_at(table, wanted.version, wanted.table).snapshot_id
    if wanted.run is not None:
        made = snapshot_of_run(table, wanted.run)
        if made is None:
            raise NotFound(
                f"The run {wanted.run} published nothing to {wanted.table}.", field="run"
            )
        return made.snapshot_id
    if wanted.as_of is None:
        return None
    current = table.snapshot_as_of_timestamp(int(wanted.as_of.timestamp() * 1000))
    if current is None:
        raise NotFound(
            f"{wanted.table} had no version yet at {wanted.as_of.isoformat()}.", field="as_of"
        )
    return current.snapshot_id

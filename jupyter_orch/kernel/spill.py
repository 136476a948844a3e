"""Rows on their way to a table: small buffers in memory, Parquet files in the staging folder."""

import contextlib
from pathlib import Path
from typing import Any

from jupyter_orch.domain.errors import BadInput, listed

_BUFFER_ROWS = 131_072
_BUFFER_BYTES = 64 << 20


class Spill:
    """Parquet files of one output, written as the rows come."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._files: list[Path] = []
        self._held: list[Any] = []
        self._held_rows = 0
        self._held_bytes = 0
        self._schema: Any = None
        self._writer: Any = None
        self.rows = 0

    @property
    def empty(self) -> bool:
        """Whether nothing at all was written, not even a frame without rows."""
        return self._schema is None

    def add(self, table: Any) -> None:
        """Takes an Arrow table; its columns must be those of the tables before it.

        Raises:
            BadInput: They are not (field `frame`).
        """
        if self._schema is None:
            self._begin(table.schema)
        elif table.schema != self._schema:
            table = self._aligned(table)
        self._held.append(table)
        self._held_rows += table.num_rows
        self._held_bytes += table.nbytes
        self.rows += table.num_rows
        if self._held_rows >= _BUFFER_ROWS or self._held_bytes >= _BUFFER_BYTES:
            self._flush()

    def close(self) -> tuple[Path, ...]:
        """The finished files."""
        if self._writer is not None:
            self._flush()
            self._writer.close()
            self._writer = None
        return tuple(self._files)

    def abandon(self) -> None:
        """Removes everything."""
        self._held.clear()
        if self._writer is not None:
            with contextlib.suppress(OSError):
                self._writer.close()
            self._writer = None
        for file in self._files:
            file.unlink(missing_ok=True)
        with contextlib.suppress(OSError):
            self._folder.rmdir()

    def _aligned(self, table: Any) -> Any:
        names = self._schema.names
        if set(table.schema.names) != set(names):
            raise BadInput(
                f"The frames before had the columns {listed(names)}; "
                f"this one has {listed(table.schema.names)}.",
                field="frame",
                hint="Write frames with the same columns.",
            )
        table = table.select(names)
        if table.schema != self._schema:  # types are compared when the output is staged
            self.close()
            self._begin(table.schema)
        return table

    def _begin(self, schema: Any) -> None:
        import pyarrow.parquet as pq

        self._folder.mkdir(mode=0o700, exist_ok=True)
        file = self._folder / f"part-{len(self._files):05d}.parquet"
        # Read once, from its start to its end: what makes files small or skippable costs more.
        self._writer = pq.ParquetWriter(
            file, schema, compression="lz4", use_dictionary=False, write_statistics=False
        )
        self._schema = schema
        self._files.append(file)

    def _flush(self) -> None:
        import pyarrow as pa

        if self._held:
            self._writer.write_table(pa.concat_tables(self._held), row_group_size=_BUFFER_ROWS)
        self._held.clear()
        self._held_rows = 0
        self._held_bytes = 0

"""Where the files of tables lie: a folder of this host, or a bucket in S3 by pyarrow's own client.

Every table of a catalog is read and written with the settings alone. What a table says about
itself in its properties, such as another endpoint, is not followed: anybody may have written it.
"""

import os
import threading
from collections import OrderedDict
from collections.abc import Iterator
from contextlib import contextmanager
from functools import lru_cache
from typing import TYPE_CHECKING, Any

from pyiceberg.catalog import Catalog
from pyiceberg.catalog.sql import IcebergTables, SqlCatalog
from pyiceberg.exceptions import NamespaceAlreadyExistsError, ValidationError
from pyiceberg.io import FileIO
from pyiceberg.io.pyarrow import PyArrowFile, PyArrowFileIO
from pyiceberg.table import CommitTableResponse, Table
from pyiceberg.table.metadata import TableMetadata
from pyiceberg.table.refs import SnapshotRef
from pyiceberg.table.snapshots import MetadataLogEntry, Snapshot, SnapshotLogEntry
from pyiceberg.table.update import TableRequirement, TableUpdate
from pyiceberg.typedef import EMPTY_DICT, Identifier, Properties
from sqlalchemy.exc import IntegrityError

from jupyter_orch.domain.errors import Refused
from jupyter_orch.settings import WarehouseSettings
from jupyter_orch.warehouse.credentials import value_of

if TYPE_CHECKING:
    from pyarrow.fs import S3FileSystem

_CONNECT_SECONDS = 5.0
_REQUEST_SECONDS = 30.0
#: Parts of a table's metadata that never change. Each commit copies all of them, thousands in a
#: table of many versions, only to be on the safe side.
_FROZEN = (MetadataLogEntry, Snapshot, SnapshotLogEntry, SnapshotRef)
#: Tables whose newest metadata a catalog holds; those of 500 versions take about 2 MB each.
_KNOWN_TABLES = 8


def _itself(part: Any, _memo: object = None) -> Any:
    """The copy of what never changes."""
    return part


for _kind in _FROZEN:
    _kind.__deepcopy__ = _itself  # type: ignore[assignment]


class Files(PyArrowFileIO):
    """One connection pool per process and bucket, where pyiceberg makes one for each table."""

    def __init__(self, properties: Properties = EMPTY_DICT) -> None:
        super().__init__(properties)
        #: What was written through this one, in order.
        self.made: list[str] = []

    def new_output(self, location: str) -> PyArrowFile:
        """A file to write."""
        self.made.append(location)
        return super().new_output(location)

    def _initialize_s3_fs(self, netloc: str | None) -> "S3FileSystem":
        del netloc
        values = self.properties
        return _s3(
            os.getpid(),
            endpoint=values.get("s3.endpoint"),
            region=values["s3.region"],
            access_key=values.get("s3.access-key-id"),
            secret_key=values.get("s3.secret-access-key"),
            virtual=values["s3.force-virtual-addressing"] == "true",
        )


class FileCatalog(SqlCatalog):
    """A catalog whose tables are all reached in the one way that the settings say.

    A file of metadata never changes, and every commit makes a new one. So the catalog's row says
    whether what was read or written last is still true, and nothing is read twice.
    """

    def __init__(self, name: str, **properties: str) -> None:
        self._known: OrderedDict[str, TableMetadata] = OrderedDict()
        self._knowing = threading.Lock()
        super().__init__(name, **properties)

    def commit_table(
        self,
        table: Table,
        requirements: tuple[TableRequirement, ...],
        updates: tuple[TableUpdate, ...],
    ) -> CommitTableResponse:
        """Commits, and remembers what the table is from then on."""
        answer = super().commit_table(table, requirements, updates)
        self._remember(answer.metadata_location, answer.metadata)
        return answer

    def create_namespace(
        self, namespace: str | Identifier, properties: Properties = EMPTY_DICT
    ) -> None:
        """Makes a schema.

        Raises:
            NamespaceAlreadyExistsError: It is there, or somebody else was quicker.
        """
        try:
            super().create_namespace(namespace, properties)
        except IntegrityError as error:
            raise NamespaceAlreadyExistsError(f"{namespace} already exists") from error

    def _convert_orm_to_iceberg(self, orm_table: IcebergTables) -> Table:
        location = orm_table.metadata_location
        with self._knowing:
            known = self._known.get(location or "")
        if known is None or location is None:
            try:
                read = super()._convert_orm_to_iceberg(orm_table)
            except (ValidationError, ValueError) as error:
                raise _broken(orm_table, error) from error
            self._remember(read.metadata_location, read.metadata)
            return read
        schema = Catalog.identifier_to_tuple(orm_table.table_namespace)
        return Table(
            identifier=(*schema, orm_table.table_name),
            metadata=known,
            metadata_location=location,
            io=self._load_file_io(location=location),
            catalog=self,
        )

    def _remember(self, location: str, metadata: TableMetadata) -> None:
        with self._knowing:
            self._known[location] = metadata
            self._known.move_to_end(location)
            for older in [
                each
                for each, known in self._known.items()
                if each != location and known.table_uuid == metadata.table_uuid
            ]:
                del self._known[older]
            while len(self._known) > _KNOWN_TABLES:
                self._known.popitem(last=False)

    def _load_file_io(
        self, properties: Properties = EMPTY_DICT, location: str | None = None
    ) -> FileIO:
        del properties
        return super()._load_file_io(location=location)


def _broken(orm_table: IcebergTables, error: Exception) -> Refused:
    said = (str(error).splitlines() or [type(error).__name__])[0]
    return Refused(
        f"The table {orm_table.table_namespace}.{orm_table.table_name} cannot be read: its newest "
        f"metadata is broken ({said.rstrip('.:')}).",
        field="table",
        hint=f"Put the file back: {orm_table.metadata_location}",
    )


def file_properties(warehouse: WarehouseSettings) -> dict[str, str]:
    """The catalog's properties that say how its tables' files are reached.

    Raises:
        BadInput: A key of S3 cannot be found (field `warehouse.s3.…`).
    """
    values = {"py-io-impl": f"{Files.__module__}.{Files.__name__}", "warehouse": warehouse.location}
    if not warehouse.in_s3:
        return values
    s3 = warehouse.s3
    values |= {
        "s3.region": s3.region,
        "s3.force-virtual-addressing": "false" if s3.path_style else "true",
    }
    if s3.endpoint:
        values["s3.endpoint"] = s3.endpoint
    if s3.access_key:
        access_key = value_of(s3.access_key, "warehouse.s3.access_key", "access key of S3")
        secret_key = value_of(s3.secret_key, "warehouse.s3.secret_key", "secret key of S3")
        values |= {"s3.access-key-id": access_key, "s3.secret-access-key": secret_key}
    return values


@contextmanager
def whole_or_nothing(io: FileIO) -> Iterator[None]:
    """Removes what was written inside when it fails; for files that no commit has named yet."""
    made = io.made if isinstance(io, Files) else []
    before = len(made)
    try:
        yield
    except BaseException:
        for path in made[before:]:
            try:
                io.delete(path)
            except FileNotFoundError:
                continue
            except OSError:  # then the others cannot be removed either
                break
        raise


@lru_cache(maxsize=8)
def _s3(process: int, *, virtual: bool, **chosen: Any) -> "S3FileSystem":
    """The client; a process that was forked has one of its own."""
    del process
    from pyarrow.fs import S3FileSystem

    return S3FileSystem(
        endpoint_override=chosen["endpoint"],
        region=chosen["region"],
        access_key=chosen["access_key"],
        secret_key=chosen["secret_key"],
        force_virtual_addressing=virtual,
        connect_timeout=_CONNECT_SECONDS,
        # a small file is one request, not three
        allow_delayed_open=True,
        request_timeout=_REQUEST_SECONDS,
    )

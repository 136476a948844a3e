"""Files in a table's folder that no commit names: their writer was killed before it made one.

Readers never see them, and nobody else would ever remove them. What cannot be told apart safely
stays, and so does everything in a folder that may not be this table's alone.
"""

import logging
import os
import re
import stat
import unicodedata
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING, cast
from urllib.parse import unquote

from pyiceberg.table import Table
from sqlalchemy.exc import SQLAlchemyError

from jupyter_orch.domain.errors import OrchError, Refused
from jupyter_orch.settings import WarehouseSettings
from jupyter_orch.warehouse import trouble
from jupyter_orch.warehouse.storage import Files

if TYPE_CHECKING:
    from pyarrow.fs import FileSystem

_log = logging.getLogger(__name__)
#: Files that go at a time, at most: a service that is asked to stop waits for them.
MOST = 1000
_METADATA = (".metadata.json", ".metadata.json.gz")
#: What writers of Iceberg call their files; others that somebody put into the folder stay.
_ENDINGS = (".parquet", ".orc", ".avro", ".puffin", ".stats", *_METADATA)
_NUMBER = re.compile(r"(\d+)-")


@dataclass(frozen=True)
class Found:
    """One file of a folder."""

    #: As its file system spells it.
    path: str
    #: When it came to be what it is, in seconds since 1970; absent when nobody knows.
    changed: float | None


def delete(
    name: str,
    load: Callable[[], Table],
    others: Callable[[], Iterable[str]],
    warehouse: WarehouseSettings,
    *,
    older_than: datetime,
) -> int:
    """Deletes what no commit names; answers how many files that were: there may be more.

    Args:
        name: The table's, for people.
        load: The table as it stands when it is called.
        others: Where the metadata of all other tables of the catalog is.
        warehouse: Tables that lie elsewhere are left alone.
        older_than: Files since then stay: the commit that names them may be still to come.

    Raises:
        Refused: Not everything could be looked at; nothing was deleted.
        OSError: The storage does not answer.
    """
    try:
        return _delete(load, others, warehouse, older_than)
    except (OrchError, SQLAlchemyError):
        raise
    except Exception as error:  # whatever it is that broken files are met with
        if trouble.general(error):
            raise
        raise Refused(f"Not all files of {name} can be read: {error}.", field="table") from error


def unnamed(files: Iterable[str], names: Iterable[str]) -> list[str]:
    """The files that no name means; the names are asked for only until none is left."""
    left: dict[str, list[str]] = {}
    for path in files:
        left.setdefault(key(path), []).append(path)
    for path in names:
        left.pop(key(path), None)
        if not left:
            break
    return [path for paths in left.values() for path in paths]


def key(path: str) -> str:
    """What a file is known by, however it is spelt: two files with one key are taken for the same.

    It is the last part alone, which holds an id of its writer's: so schemes, other names of a
    bucket, links and slashes make no difference. Percent signs, capitals and accents make none
    either, and neither does what a reader of addresses would cut off.
    """
    while (plain := unquote(path)) != path:
        path = plain
    last = re.split("[?#]", path, maxsplit=1)[0].rstrip("/").rpartition("/")[2]
    return unicodedata.normalize("NFC", last).casefold()


def _delete(
    load: Callable[[], Table],
    others: Callable[[], Iterable[str]],
    warehouse: WarehouseSettings,
    older_than: datetime,
) -> int:
    table = load()
    place = table.location().rstrip("/")
    if not is_inside(place, warehouse.location):
        return 0
    files = cast("Files", table.io).fs_by_scheme(*_root(place))
    found = _listed(files, place)
    # Loaded after the files were listed: so it names all that was committed until then.
    table = load()
    if table.location().rstrip("/") != place:
        return 0
    _check_own(table, found, others())
    old = [file.path for file in found if _may_go(file, older_than)]
    return _deleted(files, unnamed(old, _named_by(table))[:MOST])


def is_inside(place: str, location: str) -> bool:
    """Whether a table's folder lies in a schema's folder of the warehouse, or deeper."""
    rest = place.removeprefix(f"{location}/")
    parts = rest.split("/")
    return rest != place and len(parts) > 1 and not {"", ".", ".."}.intersection(parts)


def _root(place: str) -> tuple[str, str]:
    """Scheme and bucket."""
    scheme, _, rest = place.partition("://")
    return scheme, rest.partition("/")[0]


def _bare(address: str) -> str:
    """Without the scheme, of which one place may have several."""
    return re.sub("^[a-z0-9]+:/*", "", address).lstrip("/")


def _listed(files: "FileSystem", place: str) -> list[Found]:
    if place.startswith("file://"):
        return list(_listed_here(Path(place.removeprefix("file://"))))
    from pyarrow.fs import FileSelector, FileType

    selector = FileSelector(place.partition("://")[2], recursive=True, allow_not_found=True)
    return [
        Found(info.path, info.mtime_ns / 1e9 if info.mtime_ns else None)
        for info in files.get_file_info(selector)
        if info.type == FileType.File
    ]


def _listed_here(folder: Path) -> Iterator[Found]:
    """Follows no links: they lead to what may be somebody else's."""

    def give_up(error: OSError) -> None:
        raise error

    for parent, _, names in os.walk(folder, onerror=give_up):
        for name in names:
            path = Path(parent, name)
            try:
                status = path.lstat()
            except FileNotFoundError:  # it went just now
                continue
            if stat.S_ISREG(status.st_mode):
                # A copy may keep the time of its original, but not the second one.
                yield Found(str(path), max(status.st_mtime, status.st_ctime))


def _check_own(table: Table, found: Iterable[Found], others: Iterable[str]) -> None:
    """Refuses a folder that holds what the catalog does not know, or another table.

    Raises:
        Refused: That is so.
    """
    name, place = ".".join(table.name()), _bare(table.location().rstrip("/"))
    if any(_bare(other).startswith(f"{place}/") for other in others):
        raise Refused(f"The folder of {name} holds another table, too.", field="table")
    newest = _number(table.metadata_location)
    for file in found:
        if not file.path.endswith(_METADATA):
            continue
        folder, _, _ = _bare(file.path).rpartition("/")
        if folder != f"{place}/metadata":
            raise Refused(f"The folder of {name} holds another table, too.", field="table")
        # Who was killed before its commit leaves the next number, and never one after that.
        if _number(file.path) > newest + 1:
            raise Refused(
                f"The folder of {name} holds later versions than the catalog knows.",
                field="table",
                hint="Was an older copy of the catalog put back?",
            )


def _number(metadata: str) -> int:
    found = _NUMBER.match(metadata.rpartition("/")[2])
    return int(found[1]) if found else 0


def _may_go(file: Found, older_than: datetime) -> bool:
    old = file.changed is not None and file.changed < older_than.timestamp()
    return old and file.path.endswith(_ENDINGS)


def _named_by(table: Table) -> Iterator[str]:
    """All paths that the table's commits name, those of the newest version first."""
    metadata = table.metadata
    yield table.metadata_location
    yield from (entry.metadata_file for entry in metadata.metadata_log)
    yield from (each.statistics_path for each in metadata.statistics)
    yield from (each.statistics_path for each in metadata.partition_statistics)
    yield from (snapshot.manifest_list for snapshot in metadata.snapshots)
    seen: set[str] = set()
    for snapshot in reversed(metadata.snapshots):
        for manifest in snapshot.manifests(table.io):
            if manifest.manifest_path in seen:
                continue
            seen.add(manifest.manifest_path)
            yield manifest.manifest_path
            for entry in manifest.fetch_manifest_entry(table.io, discard_deleted=False):
                yield entry.data_file.file_path


def _deleted(files: "FileSystem", paths: Iterable[str]) -> int:
    """Deletes by the file system's own spelling; one that resists is left."""
    gone = 0
    for path in paths:
        try:
            files.delete_file(path)
        except FileNotFoundError:  # another service was quicker
            continue
        except OSError as error:
            if trouble.general(error):
                raise
            _log.warning("warehouse.file_left", extra={"path": path})
            continue
        gone += 1
    return gone

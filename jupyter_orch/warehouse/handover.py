"""What another host needs to publish or discard what this one has staged: copies in the bucket.

A worker that dies after its last cell leaves an intent that any worker carries out. Where tables
lie in S3 that one may be on another host, and the folder that the attempt staged in is not there.
So what publishing reads is copied into the bucket, with a marker of every output; and once they are
removed there, the attempt publishes no more, wherever its own folder is.
"""

import shutil
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, cast

from pyiceberg.catalog.sql import SqlCatalog

from jupyter_orch.domain.ids import RunId
from jupyter_orch.domain.outputs import StagedOutput
from jupyter_orch.settings import Settings, private_folder
from jupyter_orch.warehouse import attempt_folder
from jupyter_orch.warehouse.names import Identifier, check_run
from jupyter_orch.warehouse.storage import Files

if TYPE_CHECKING:
    from pyarrow.fs import FileInfo, FileSystem

_FOLDER = ".staging"
_RUN_AND_ATTEMPT = 2
_PIECE = 4_000_000  # bytes


class Handover:
    """The copies of all attempts; does nothing where tables lie in a folder of this host."""

    def __init__(self, settings: Settings, catalog: Callable[[], SqlCatalog]) -> None:
        self._settings = settings
        self._catalog = catalog

    @property
    def needed(self) -> bool:
        """Whether other hosts have to find what was staged here."""
        return self._settings.warehouse.in_s3

    def mark(self, run_id: RunId, attempt: int, identifier: Identifier, sequence: int) -> None:
        """Notes that the attempt stages for this table."""
        if self.needed:
            marker = f"{self._place(run_id, attempt)}/{attempt_folder.marker(identifier, sequence)}"
            with self._files.open_output_stream(marker):
                pass

    def close(self, run_id: RunId, attempt: int) -> None:
        """Says that the attempt is being discarded, when it has anything here."""
        if self.needed and self._listed(run_id, attempt):
            name = f"{self._place(run_id, attempt)}/{attempt_folder.CLOSED}"
            with self._files.open_output_stream(name):
                pass

    def is_open(self, run_id: RunId, attempt: int, identifier: Identifier, sequence: int) -> bool:
        """Whether nobody, on whichever host, has discarded the output."""
        if not self.needed:
            return True
        names = {info.base_name for info in self._listed(run_id, attempt)}
        marker = attempt_folder.marker(identifier, sequence)
        return marker in names and attempt_folder.CLOSED not in names

    def keep(self, run_id: RunId, attempt: int, staged: StagedOutput) -> None:
        """Copies the files that publishing needs: of a new table, and of an upsert."""
        if self.needed and _reads_files(staged):
            for name in staged.files:
                self._upload(name, self._copy_of(run_id, attempt, name))

    def fetch(self, run_id: RunId, attempt: int, staged: StagedOutput) -> StagedOutput:
        """The output with its files on this host; those without a copy count no more."""
        if not (self.needed and _reads_files(staged)):
            return staged
        folder = attempt_folder.locate(self._settings, run_id, attempt)
        files = [folder / _inside(name) for name in staged.files]
        for file in files:
            copy = self._copy_of(run_id, attempt, str(file))
            if not self._is_there(copy):
                file.unlink(missing_ok=True)
            elif not file.is_file():
                self._download(copy, file)
        return replace(staged, files=tuple(map(str, files)))

    def forget(self, run_id: RunId, attempt: int, staged: StagedOutput) -> None:
        """Removes what one published output has in the bucket, and the place when that was all."""
        if not self.needed:
            return
        identifier = tuple(staged.table.split(".", 1))
        own = {attempt_folder.marker(cast("Identifier", identifier), staged.sequence)}
        own |= {_flat(name) for name in staged.files}
        there = {info.base_name for info in self._listed(run_id, attempt)}
        if there <= own:
            self.drop(run_id, attempt)
            return
        for name in own & there:
            self._files.delete_file(f"{self._place(run_id, attempt)}/{name}")

    def marked(self, run_id: RunId, attempt: int) -> tuple[tuple[Identifier, int], ...]:
        """Every (table, number) that the attempt began to stage, on whichever host."""
        if not self.needed:
            return ()
        names = (info.base_name for info in self._listed(run_id, attempt))
        return tuple(filter(None, map(attempt_folder.marked_by, names)))

    def drop(self, run_id: RunId, attempt: int) -> None:
        """Removes all that the attempt has in the bucket; safe to repeat."""
        if not self.needed:
            return
        from pyarrow.fs import FileType

        place = self._place(run_id, attempt)
        if self._files.get_file_info(place).type != FileType.NotFound:
            self._files.delete_dir(place)

    @property
    def _files(self) -> "FileSystem":
        bucket = self._settings.warehouse.location.split("/")[2]
        return Files(self._catalog().properties).fs_by_scheme("s3", bucket)

    def _place(self, run_id: RunId, attempt: int) -> str:
        location = self._settings.warehouse.location.removeprefix("s3://")
        return f"{location}/{_FOLDER}/{check_run(run_id)}-{int(attempt)}"

    def _copy_of(self, run_id: RunId, attempt: int, name: str) -> str:
        return f"{self._place(run_id, attempt)}/{_flat(name)}"

    def _listed(self, run_id: RunId, attempt: int) -> "list[FileInfo]":
        from pyarrow.fs import FileSelector

        place = FileSelector(self._place(run_id, attempt), allow_not_found=True)
        found: list[FileInfo] = self._files.get_file_info(place)
        return found

    def _is_there(self, path: str) -> bool:
        from pyarrow.fs import FileType

        return bool(self._files.get_file_info(path).type == FileType.File)

    def _upload(self, name: str, copy: str) -> None:
        with Path(name).open("rb") as source, self._files.open_output_stream(copy) as sink:
            shutil.copyfileobj(source, sink, _PIECE)

    def _download(self, copy: str, file: Path) -> None:
        private_folder(file.parent)
        part = file.with_name(f"{file.name}.part")
        with self._files.open_input_stream(copy) as source, part.open("wb") as sink:
            shutil.copyfileobj(source, sink, _PIECE)
        part.replace(file)


def _inside(name: str) -> Path:
    """The path of a staged file in its attempt's folder, wherever a host has that."""
    return Path(*Path(name.rpartition(f"/{_FOLDER}/")[2]).parts[_RUN_AND_ATTEMPT:])


def _flat(name: str) -> str:
    return "-".join(_inside(name).parts)


def _reads_files(staged: StagedOutput) -> bool:
    return staged.branch is None or bool(staged.keys)

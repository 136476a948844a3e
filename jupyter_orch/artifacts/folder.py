"""Artifacts in a local folder.

`notebooks/<sha256>.ipynb` holds frozen notebooks, `runs/<run>/<attempt>/` what attempts leave.
Everything is private to the user; a file is either absent or whole.
"""

import fcntl
import hashlib
import os
import re
import shutil
import tempfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from datetime import UTC, datetime
from pathlib import Path

from jupyter_orch.domain.errors import BadInput, NotFound, OrchError
from jupyter_orch.domain.ids import RunId
from jupyter_orch.settings import private_folder

_SHA256 = re.compile(r"[0-9a-f]{64}")
_RUN_ID = re.compile(r"[0-9A-Za-z][0-9A-Za-z_-]{0,63}")
_NAME = re.compile(r"[0-9A-Za-z][0-9A-Za-z._-]{0,99}")
_LOCK = ".notebooks.lock"


class FolderArtifacts:
    """`ports.Artifacts` over one folder; safe from many threads and processes."""

    def __init__(self, path: Path) -> None:
        self._path = private_folder(path)
        self._notebooks = private_folder(path / "notebooks")
        self._runs = private_folder(path / "runs")

    def put_notebook(
        self, content: bytes, *, check: Callable[[bytes], object] = lambda _content: None
    ) -> str:
        """Stores bytes; answers their sha256 in hex.

        What is there already becomes young again: whoever puts is about to name it. `check` looks
        at bytes that are not there yet; they are not stored when it raises.
        """
        sha256 = hashlib.sha256(content).hexdigest()
        target = self._notebook_path(sha256)
        with self._locked(fcntl.LOCK_SH):
            try:
                os.utime(target)
            except FileNotFoundError:
                check(content)
                _write_atomically(target, content)
        return sha256

    def get_notebook(self, sha256: str) -> bytes:
        """The frozen bytes.

        Raises:
            NotFound: Nothing is stored under this hash.
            OrchError: The stored bytes are not the ones that were frozen.
        """
        try:
            content = self._notebook_path(sha256).read_bytes()
        except FileNotFoundError:
            raise NotFound(f"The frozen notebook {sha256[:12]} is not in the artifacts.") from None
        if hashlib.sha256(content).hexdigest() != sha256:
            raise OrchError(
                f"The frozen notebook {sha256[:12]} was changed on disk.",
                hint="Restore the artifacts from a backup, or run from the latest notebook.",
            )
        return content

    def attempt_folder(self, run_id: RunId, attempt: int) -> Path:
        """The folder that holds `notebook.ipynb` and `log.jsonl`; made if absent."""
        return private_folder(self._attempt_path(run_id, attempt))

    def read(
        self, run_id: RunId, attempt: int, name: str, *, last: int | None = None
    ) -> bytes | None:
        """One artifact's bytes, or None when the attempt has not written it."""
        if not _NAME.fullmatch(name):
            raise BadInput(f"{name!r} is not the name of an artifact.", field="name")
        try:
            with (self._attempt_path(run_id, attempt) / name).open("rb") as file:
                if last is not None:
                    size = file.seek(0, os.SEEK_END)
                    file.seek(max(0, size - last))
                return file.read()
        except FileNotFoundError:
            return None

    def delete_run(self, run_id: RunId) -> None:
        """Removes all that the attempts of a run left; one that left nothing is fine.

        Raises:
            OrchError: Something of it cannot be removed.
        """
        folder = self._attempt_path(run_id, 0).parent
        try:
            if folder.is_symlink():
                folder.unlink()  # never what it leads to
            else:
                shutil.rmtree(folder)
        except FileNotFoundError:
            if folder.exists():  # somebody else removes it, too, and was faster somewhere inside
                self.delete_run(run_id)
        except OSError as error:
            raise OrchError(
                f"The artifacts of the run {run_id} cannot be removed: {error.strerror}."
            ) from error

    def notebooks_before(self, at: datetime) -> Iterator[str]:
        """Hashes of frozen notebooks that nobody has put since then."""
        with os.scandir(self._notebooks) as entries:
            for entry in entries:
                sha256 = entry.name.removesuffix(".ipynb")
                with suppress(FileNotFoundError):
                    if _SHA256.fullmatch(sha256) and _is_before(entry.stat(), at):
                        yield sha256

    def delete_notebook(self, sha256: str, *, put_before: datetime) -> bool:
        """Removes a frozen notebook unless somebody has put it since then; says whether it did."""
        path = self._notebook_path(sha256)
        with self._locked(fcntl.LOCK_EX):
            try:
                if not _is_before(path.stat(), put_before):
                    return False
                path.unlink()
            except FileNotFoundError:
                return False
        return True

    @contextmanager
    def _locked(self, how: int) -> Iterator[None]:
        """Keeps a notebook from being removed between looking for it and making it young."""
        handle = os.open(self._path / _LOCK, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
        try:
            fcntl.flock(handle, how)
            yield
        finally:
            os.close(handle)

    def _notebook_path(self, sha256: str) -> Path:
        if not _SHA256.fullmatch(sha256):
            raise BadInput(f"{sha256!r} is not a sha256 in hex.", field="sha256")
        return self._notebooks / f"{sha256}.ipynb"

    def _attempt_path(self, run_id: RunId, attempt: int) -> Path:
        if not _RUN_ID.fullmatch(run_id):
            raise BadInput(f"{run_id!r} is not the id of a run.", field="run_id")
        if attempt < 0:
            raise BadInput("Attempts are counted from 1.", field="attempt")
        return self._runs / run_id / str(attempt)


def _is_before(found: os.stat_result, at: datetime) -> bool:
    return datetime.fromtimestamp(found.st_mtime, UTC) < at


def _write_atomically(target: Path, content: bytes) -> None:
    handle, aside = tempfile.mkstemp(dir=target.parent, prefix=".writing-")
    try:
        with os.fdopen(handle, "wb") as file:
            file.write(content)
            file.flush()
            os.fsync(file.fileno())
        Path(aside).replace(target)
    except BaseException:
        Path(aside).unlink(missing_ok=True)
        raise

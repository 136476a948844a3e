"""The executed notebook on disk: a reader sees the file before or after, never a part."""

import os
from collections.abc import Iterable
from pathlib import Path
from typing import Any

_ASIDE = ".writing-"
_BUFFER = 262_144  # bytes; a call for each small fragment would cost more than the writing


def clear_asides(folder: Path) -> None:
    """Removes what a process that was killed while writing has left."""
    with os.scandir(folder) as entries:
        asides = [entry.path for entry in entries if entry.name.startswith(_ASIDE)]
    for aside in asides:
        Path(aside).unlink(missing_ok=True)


def save_notebook(nb: Any, path: Path, *, durable: bool = False) -> None:
    """Writes a notebook once; `NotebookWriter` is for one that is saved again and again.

    Args:
        nb: An nbformat notebook.
        path: The file to replace.
        durable: Whether it must outlive a power cut: for the last save only, as it costs.
    """
    import nbformat

    data = nbformat.writes(nb).encode("utf-8", "replace")  # type: ignore[no-untyped-call]
    replace_file(path, [data], durable=durable)


def replace_file(
    path: Path, fragments: Iterable[bytes | memoryview], *, durable: bool = False
) -> None:
    """Writes aside and renames.

    Args:
        path: The file to replace.
        fragments: Its new content, in order; large ones are written from where they are.
        durable: Whether it must outlive a power cut.

    Raises:
        OSError: The disk does not take it. The file stays as it was, and nothing lies beside it.
    """
    aside = path.with_name(f"{_ASIDE}{path.name}.{os.getpid()}")
    try:
        with aside.open("wb", buffering=_BUFFER) as file:
            file.writelines(fragments)
            if durable:
                file.flush()
                os.fsync(file.fileno())
        aside.replace(path)
    except BaseException:
        aside.unlink(missing_ok=True)
        raise
    if durable:
        folder = os.open(path.parent, os.O_RDONLY)
        try:
            os.fsync(folder)
        finally:
            os.close(folder)

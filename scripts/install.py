"""Makes `.venv` with the project and one of its extras; quick when nothing changed.

Runs on a bare Python and uses nothing but its library.
"""

import hashlib
import os
import shutil
import subprocess
import sys
import time
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
VENV = ROOT / ".venv"
LOG = VENV / "install.log"
#: What an installation is made of: a change in one of these asks for a new one.
SOURCES = (
    "pyproject.toml",
    "jupyter_orch/_version.py",
    "jupyter_orch/server/jupyter_orch.json",
    "labextension/package.json",
    "labextension/yarn.lock",
    "labextension/src",
    "labextension/schema",
    "labextension/style",
)
OLDEST_PYTHON = (3, 11)
#: An extra, and those that hold all of it.
INCLUDED_IN = {"demo": ("demo", "test"), "test": ("test",)}


def main(extra: str) -> None:
    """Installs the project with `extra`, or finds that it is installed."""
    if sys.version_info < OLDEST_PYTHON:
        stop("Python 3.11 or newer is needed; set PYTHON=/path/to/it.")
    wanted = fingerprint()
    for stamp in (VENV / f"installed-{name}" for name in INCLUDED_IN[extra]):
        if stamp.exists() and stamp.read_text() == wanted:
            return
    bundle = ROOT / "jupyter_orch/_labextension"
    if shutil.which("node") is not None:
        shutil.rmtree(bundle, ignore_errors=True)  # else it is taken for new when styles changed
    elif not (bundle / "package.json").exists():  # one that is there already is as good
        stop("Node 20 is needed to build the JupyterLab extension (on Debian: apt install nodejs).")
    if not (VENV / "bin" / "python").exists():
        step("Making a virtual environment in .venv", [sys.executable, "-m", "venv", str(VENV)])
    step(
        f"Installing jupyter_orch [{extra}] and building its JupyterLab extension",
        [str(VENV / "bin" / "python"), "-m", "pip", "install", "--editable", f"{ROOT}[{extra}]"],
    )
    (VENV / f"installed-{extra}").write_text(wanted)


def fingerprint() -> str:
    """The content of everything that an installation depends on, as one hash."""
    digest = hashlib.sha256(str(ROOT).encode())
    for source in SOURCES:
        path = ROOT / source
        for file in sorted(path.rglob("*")) if path.is_dir() else [path]:
            if file.is_file():
                digest.update(str(file.relative_to(ROOT)).encode() + b"\0" + file.read_bytes())
    return digest.hexdigest()


def step(title: str, command: list[str]) -> None:
    """Runs one command, showing that time passes; its own words go to a log."""
    VENV.mkdir(exist_ok=True)
    started = time.monotonic()
    with LOG.open("ab") as log:
        process = subprocess.Popen(command, stdout=log, stderr=log, cwd=ROOT)
        try:
            while process.poll() is None:
                show(f"… {title} ({time.monotonic() - started:.0f} s)", end="")
                time.sleep(0.25 if sys.stdout.isatty() else 1)
        except KeyboardInterrupt:
            process.terminate()
            process.wait()
            stop("Stopped.")
    if process.returncode:
        sys.stdout.write("\n" + LOG.read_text(errors="replace")[-3000:] + "\n")
        stop(f"{title}: failed. All of the output: {LOG}")
    show(f"✓ {title} ({time.monotonic() - started:.0f} s)", end="\n")


def show(line: str, *, end: str) -> None:
    """One line that stays in place on a terminal, and only the final one elsewhere."""
    if sys.stdout.isatty():
        sys.stdout.write(f"\r\033[K{line}{end}")
    elif end:
        sys.stdout.write(f"{line}{end}")
    sys.stdout.flush()


def stop(reason: str) -> None:
    """Ends with a reason."""
    sys.stderr.write(f"✕ {reason}\n")
    raise SystemExit(1)


if __name__ == "__main__":
    os.environ.setdefault("PIP_DISABLE_PIP_VERSION_CHECK", "1")
    main(sys.argv[1] if len(sys.argv) > 1 else "demo")

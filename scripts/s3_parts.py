"""The S3 server of the tests, built once per user by Go: one version, of one content."""

import json
import os
import shutil
import subprocess
import tempfile
from pathlib import Path

from parts import Missing, cache_folder, say

MODULE = "github.com/versity/versitygw"
VERSION = "v1.8.0"
CONTENT = "h1:au+wI+aybno/STsQiSm35Uu6Q6iK5MWReQxgO6SEMFc="
_SECONDS = 1200


def s3_server() -> Path:
    """The program.

    Raises:
        Missing: Neither built nor to be had.
    """
    home = cache_folder() / f"versitygw-{VERSION}"
    program = home / "versitygw"
    if program.is_file():
        return program
    go = shutil.which("go")
    if go is None:
        raise Missing("Go builds the S3 server, and it is not installed. Install Go 1.25 or newer.")
    home.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(dir=home, prefix=".building-") as name:
        work = Path(name)
        # Go itself checks every module that it fetches against the public log of their contents.
        said = json.loads(_run(go, work, "mod", "download", "-json", f"{MODULE}@{VERSION}"))
        if said.get("Sum") != CONTENT:
            raise Missing(f"The module {MODULE} {VERSION} is not what it was when it was chosen.")
        say("Building the S3 server, once …")
        flags = ("-trimpath", "-ldflags=-s -w")
        _run(go, work, "install", *flags, f"{MODULE}/cmd/versitygw@{VERSION}")
        (work / "versitygw").replace(program)
    return program


def _run(go: str, work: Path, *arguments: str) -> str:
    try:
        done = subprocess.run(
            [go, *arguments],
            cwd=work,
            env={**os.environ, "GOBIN": str(work), "GOFLAGS": "-buildvcs=false"},
            capture_output=True,
            text=True,
            timeout=_SECONDS,
            check=False,
        )
    except subprocess.TimeoutExpired:
        raise Missing(f"Go did not build the S3 server within {_SECONDS} s.") from None
    if done.returncode:
        lines = (done.stderr or done.stdout).strip().splitlines() or ["no reason given"]
        raise Missing(f"Go could not build the S3 server: {lines[-1]}")
    return done.stdout

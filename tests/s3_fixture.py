"""A real S3 server over a folder for the whole session; a folder in it is a bucket."""

import contextlib
import os
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

import pytest

SCRIPTS = Path(__file__).parent.parent / "scripts"
PATIENCE = 30  # seconds
ACCESS_KEY, SECRET_KEY = "team-access", "team-secret-0f1e2d"


@dataclass
class S3Server:
    """A server that tests may stop and start again at its address."""

    program: Path
    folder: Path
    port: int
    #: Where the buckets are, when it is not inside `folder`.
    place: Path | None = None
    secret: str = SECRET_KEY
    _process: "subprocess.Popen[bytes] | None" = field(default=None, repr=False)

    @property
    def endpoint(self) -> str:
        """Its address."""
        return f"http://127.0.0.1:{self.port}"

    @property
    def buckets(self) -> Path:
        """The folder of the buckets."""
        return self.place or self.folder / "buckets"

    def start(self) -> None:
        """Starts it, and waits until it answers."""
        for place in (self.buckets, self.folder / "attributes"):
            place.mkdir(parents=True, exist_ok=True)
        command = [
            *(self.program, "--port", f"127.0.0.1:{self.port}", "--quiet"),
            *("posix", "--sidecar", self.folder / "attributes", self.buckets),
        ]
        keys = {"ROOT_ACCESS_KEY": ACCESS_KEY, "ROOT_SECRET_KEY": self.secret}
        with (self.folder / "log").open("ab") as log:
            self._process = subprocess.Popen(
                list(map(str, command)), env=os.environ | keys, stdout=log, stderr=log
            )
        end = time.monotonic() + PATIENCE
        while time.monotonic() < end:
            assert self._process.poll() is None, (self.folder / "log").read_text()
            with contextlib.suppress(OSError), socket.create_connection(("127.0.0.1", self.port)):
                return
            time.sleep(0.02)
        pytest.fail("The S3 server does not answer.")

    def stop(self) -> None:
        """Ends it as a crash would."""
        if self._process is not None:
            self._process.kill()
            self._process.wait(PATIENCE)
            self._process = None

    def make_bucket(self, name: str) -> Path:
        """A new bucket; its folder."""
        bucket = self.buckets / name
        bucket.mkdir()
        return bucket

    def files(self, location: str) -> list[str]:
        """The objects below `s3://bucket/prefix`."""
        place = self.buckets / location.removeprefix("s3://")
        return sorted(str(path.relative_to(place)) for path in place.rglob("*") if path.is_file())


def free_port() -> int:
    """A port that nobody listens on."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        found: int = probe.getsockname()[1]
        return found


@contextlib.contextmanager
def running_s3(folder: Path, place: Path | None = None) -> Iterator[S3Server]:
    """A new server, gone afterwards; skips by name where it cannot be built."""
    sys.path.insert(0, str(SCRIPTS))
    try:
        from s3_parts import s3_server
        from trino_parts import Missing
    finally:
        sys.path.remove(str(SCRIPTS))
    try:
        program = s3_server()
    except Missing as missing:
        pytest.skip(f"s3: {missing}")
    server = S3Server(program, folder, free_port(), place)
    try:
        server.start()
        yield server
    finally:
        server.stop()

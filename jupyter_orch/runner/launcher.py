"""What a supervisor needs of whatever executes its attempt."""

import queue
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Protocol


class Launched(Protocol):
    """What executes one attempt, as its supervisor sees it."""

    #: What it tells: `progress` with `done` and `total`, `finished` with `result`; None at its end.
    events: "queue.SimpleQueue[dict[str, Any] | None]"

    def stop(self) -> None:
        """Asks it to interrupt the notebook and save."""
        ...

    def mask(self, value: str) -> None:
        """Tells it a secret, and waits until it masks it."""
        ...

    def kill(self) -> None:
        """Ends it at once, with everything that it started."""
        ...

    def close(self) -> str:
        """Makes sure that nothing of it is left; answers its last words when it did not finish."""
        ...


class Launcher(Protocol):
    """Begins an attempt; `Executor.launch` is the one that executes notebooks."""

    def __call__(
        self, message: Mapping[str, Any], *, env: Mapping[str, str], folder: Path, channel: Path
    ) -> Launched:
        """Begins what the message requests.

        Args:
            message: `request` says what to execute, `log` where to write what happens.
            env: The environment; it names the attempt's channel.
            folder: Private to the attempt, gone after it.
            channel: The socket that leads to the worker.
        """
        ...

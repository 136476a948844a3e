"""Known secrets, kept out of outputs, logs and errors. A transformed value cannot be known."""

import re
import threading
from typing import Any

_MASK = "••••••"
#: Shorter values would blank half of a notebook without protecting anything.
_SHORTEST = 4  # characters


class Masker:
    """Replaces the values it has been told; safe from many threads."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._values: set[str] = set()
        self._pattern: re.Pattern[str] | None = None

    def add(self, value: str) -> None:
        """Remembers a value, and each line of it."""
        parts = {part for part in (value, *value.splitlines()) if len(part) >= _SHORTEST}
        with self._lock:
            self._values |= parts
            longest_first = sorted(self._values, key=len, reverse=True)
            if longest_first:
                self._pattern = re.compile("|".join(map(re.escape, longest_first)))

    def text(self, text: str) -> str:
        """The text without known values."""
        return self._pattern.sub(_MASK, text) if self._pattern else text

    def value(self, value: Any) -> Any:
        """The JSON value with every text in it masked; names of objects included."""
        if self._pattern is None:
            return value
        if isinstance(value, str):
            return self.text(value)
        if isinstance(value, dict):
            return {self.text(name): self.value(item) for name, item in value.items()}
        if isinstance(value, list):
            return [self.value(item) for item in value]
        return value

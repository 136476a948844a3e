"""The event that says "something changed", on a Jupyter server's own event bus."""

from pathlib import Path
from typing import Any

from jupyter_events import EventLogger

CHANGED = "https://schema.jupyter.org/jupyter_orch/changed/v1"
_SCHEMA = Path(__file__).parent / "schemas" / "changed.v1.yaml"


def register(events: EventLogger) -> None:
    """Makes the event known to this server's bus; twice is fine."""
    if CHANGED not in events.schemas:
        events.register_event_schema(_SCHEMA)


def emit(events: EventLogger, *, cursor: int, kind: str, key: str) -> None:
    """Tells everybody who listens that something changed, never what it is now."""
    data: dict[str, Any] = {"cursor": cursor, "kind": kind, "key": key}
    events.emit(schema_id=CHANGED, data=data)

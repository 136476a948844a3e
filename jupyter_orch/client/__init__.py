"""Speaks to the service from outside: scripts, notebooks, widgets, the command line, workers.

Importing this is cheap; the HTTP library is loaded with the first `Client`.
"""

from typing import TYPE_CHECKING, Any

from jupyter_orch.client.http import Client

if TYPE_CHECKING:
    from jupyter_orch.client.ledger import LedgerClient

__all__ = ["Client", "LedgerClient"]


def __getattr__(name: str) -> Any:
    if name == "LedgerClient":
        from jupyter_orch.client.ledger import LedgerClient

        return LedgerClient
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")

"""Schedule notebooks, publish what they produce as versioned tables.

Everything here is imported on first use: `import jupyter_orch` stays light in every kernel.
"""

from importlib import import_module
from typing import TYPE_CHECKING, Any

from jupyter_orch._version import __version__

if TYPE_CHECKING:
    from jupyter_orch.client import Client as Client
    from jupyter_orch.kernel.context import context as context
    from jupyter_orch.kernel.context import secret as secret
    from jupyter_orch.kernel.output import output as output
    from jupyter_orch.kernel.query import query as query
    from jupyter_orch.kernel.retry import NonRetryableError as NonRetryableError
    from jupyter_orch.kernel.tables import read as read
    from jupyter_orch.kernel.tables import table as table
    from jupyter_orch.warehouse.connect import connect as connect
    from jupyter_orch.widgets.rerun import rerun as rerun
    from jupyter_orch.widgets.runs import runs as runs

_HOMES = {
    "Client": "jupyter_orch.client",
    "NonRetryableError": "jupyter_orch.kernel.retry",
    "connect": "jupyter_orch.warehouse.connect",
    "context": "jupyter_orch.kernel.context",
    "output": "jupyter_orch.kernel.output",
    "query": "jupyter_orch.kernel.query",
    "read": "jupyter_orch.kernel.tables",
    "rerun": "jupyter_orch.widgets.rerun",
    "runs": "jupyter_orch.widgets.runs",
    "secret": "jupyter_orch.kernel.context",
    "table": "jupyter_orch.kernel.tables",
}

__all__ = [
    "Client",
    "NonRetryableError",
    "__version__",
    "connect",
    "context",
    "output",
    "query",
    "read",
    "rerun",
    "runs",
    "secret",
    "table",
]


def __getattr__(name: str) -> Any:
    if name in _HOMES:
        value = getattr(import_module(_HOMES[name]), name)
        globals()[name] = value
        return value
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")


def __dir__() -> list[str]:
    return sorted(__all__)


def _jupyter_labextension_paths() -> list[dict[str, str]]:
    return [{"src": "_labextension", "dest": "jupyter-orch"}]


def _jupyter_server_extension_points() -> list[dict[str, Any]]:
    from jupyter_orch.server.extension import OrchExtension

    return [{"module": "jupyter_orch.server.extension", "app": OrchExtension}]


def load_ipython_extension(shell: Any) -> None:
    """`%load_ext jupyter_orch`: registers the cell magic `%%sql`."""
    from jupyter_orch.widgets.magics import register

    register(shell)

"""The extension of JupyterLab's server: forwards to the service and tells of its changes."""

import asyncio
from pathlib import Path
from typing import Any

from jupyter_server.extension.application import ExtensionApp

from jupyter_orch.server.events import register
from jupyter_orch.server.lab import ChangeTail, ServiceLink
from jupyter_orch.server.lab_handlers import lab_handlers
from jupyter_orch.settings import load


class OrchExtension(ExtensionApp):
    """Holds no database and no warehouse: the service does."""

    name = "jupyter_orch"
    load_other_extensions = True
    _link: ServiceLink | None = None
    _tail: asyncio.Task[None] | None = None

    def initialize_handlers(self) -> None:
        """Adds our routes to the server."""
        server: Any = self.serverapp
        root = Path(server.root_dir).expanduser().absolute()
        self._link = ServiceLink(load(), str(root))
        register(server.event_logger)
        self.handlers.extend(lab_handlers("", self._link))

    async def _start_jupyter_server_extension(self, serverapp: Any) -> None:
        if self._link is not None:
            tail = ChangeTail(self._link, serverapp.event_logger)
            self._tail = asyncio.create_task(tail.run(), name="jupyter_orch changes")

    async def stop_extension(self) -> None:
        """Ends the tail and closes the connections."""
        if self._tail is not None:
            self._tail.cancel()
            await asyncio.gather(self._tail, return_exceptions=True)
        if self._link is not None:
            await self._link.close()

"""The service that runs alone: a Jupyter server with our API and events, and nothing else.

No contents, kernels, sessions or terminals: a lone Jupyter server is a remote shell.
"""

import asyncio
import logging
import os
import secrets
import signal
import threading
from collections.abc import Callable, Collection, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

from jupyter_server.serverapp import ServerApp
from jupyter_server.services.contents.manager import AsyncContentsManager
from jupyter_server.utils import url_path_join
from traitlets.config import Config

from jupyter_orch._version import __version__
from jupyter_orch.client.transport import SOCKET, TOKEN
from jupyter_orch.server.collector import spare
from jupyter_orch.server.events import register
from jupyter_orch.server.handlers import handlers
from jupyter_orch.server.health import HealthHandler, MetricsHandler
from jupyter_orch.server.identity import SocketIdentity
from jupyter_orch.server.instance import only_instance
from jupyter_orch.service import Service
from jupyter_orch.service.threads import ROLES, Role
from jupyter_orch.settings import Settings

LOG = logging.getLogger(__name__)
THREADS = 16  # service calls that may block at a time
LARGEST_BODY = 16 * 1024 * 1024  # bytes of a request


class NoContents(AsyncContentsManager):
    """Serves no file."""

    def get_extra_handlers(self) -> list[Any]:
        """None: not even downloads."""
        return []


class OrchServerApp(ServerApp):
    """A Jupyter server reduced to API, authentication, security and events."""

    name = "jupyter-orch-service"
    description = "The jupyter_orch service."
    version = __version__
    default_services: tuple[str, ...] = ("security", "events")  # type: ignore[assignment]
    service: Service
    settings: Settings

    def init_webapp(self) -> None:
        """Adds our routes before those of the server."""
        super().init_webapp()
        if self.event_logger is not None:
            register(self.event_logger)
        self._executor = ThreadPoolExecutor(THREADS, thread_name_prefix="orch-api")
        shared = {"service": self.service, "executor": self._executor}
        self.web_app.add_handlers(  # type: ignore[no-untyped-call]
            ".*$",
            [
                (url_path_join(self.base_url, "healthz"), HealthHandler, shared),
                (url_path_join(self.base_url, "metrics"), MetricsHandler, shared),
                *handlers(self.base_url, self.service, self._executor),
            ],
        )

    def init_httpserver(self) -> None:
        """Binds the unix socket and, when one is set, the loopback port."""
        super().init_httpserver()
        if self.settings.service_port:
            self.http_server.listen(self.settings.service_port, "127.0.0.1")

    def init_signal(self) -> None:
        """Ends in good order when asked; there is nobody at the keyboard to confirm."""
        signal.signal(signal.SIGTERM, self._signal_stop)
        signal.signal(signal.SIGINT, self._signal_stop)

    def start_app(self) -> None:
        """Starts the threads; writes no files that would offer us as a notebook server."""
        spare()
        self.service.start()
        self.log.info("service.ready socket=%s pid=%s", self.sock, os.getpid())

    async def _cleanup(self) -> None:
        self.log.info("service.stopping")
        loop = asyncio.get_running_loop()
        await loop.run_in_executor(None, self.service.close)
        self._executor.shutdown(wait=False, cancel_futures=True)
        await super()._cleanup()
        self.log.info("service.stopped")


def run(settings: Settings, roots: Sequence[Path], roles: Collection[Role] = ROLES) -> None:
    """Runs the service of this installation, or a part of it, until it is asked to stop.

    Raises:
        Refused: One with an API runs already on this state folder.
        Unavailable: The database or the catalog cannot be opened.
    """
    os.umask(0o077)
    from jupyter_orch.wiring import open_service

    if "api" not in roles:
        attend(lambda: open_service(settings, roots, roles), roles)
        return
    socket = settings.state_dir / SOCKET
    with only_instance(settings.state_dir, {"version": __version__}):
        service = open_service(settings, roots, roles)
        app = OrchServerApp.instance(config=_config(settings, socket))
        app.service, app.settings = service, settings
        try:
            app.initialize(argv=[], find_extensions=False)
            app.start()
        finally:
            socket.unlink(missing_ok=True)


def attend(opened: Callable[[], Service], roles: Collection[Role]) -> None:
    """Schedules or executes beside the API of another process, until asked to stop (SIGTERM).

    Any number of these may run.
    """
    logging.basicConfig(level=logging.INFO, format="%(asctime)s %(levelname)s %(message)s")
    logging.getLogger("alembic").setLevel(logging.WARNING)  # it names each plugin
    stopped = threading.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda *_: stopped.set())
    service = opened()
    spare()
    service.start()
    LOG.info("service.ready roles=%s pid=%s", ",".join(sorted(roles)), os.getpid())
    stopped.wait()
    LOG.info("service.stopping")
    service.close()
    LOG.info("service.stopped")


def _config(settings: Settings, socket: Path) -> Config:
    config = Config()
    config.ServerApp.sock = str(socket)
    config.ServerApp.sock_mode = "0600"
    config.ServerApp.allow_root = True
    config.ServerApp.allow_unauthenticated_access = False
    config.ServerApp.open_browser = False
    config.ServerApp.contents_manager_class = NoContents
    config.ServerApp.identity_provider_class = SocketIdentity
    config.ServerApp.cookie_secret = secrets.token_bytes(32)
    config.ServerApp.tornado_settings = {"static_path": None}  # nothing for browsers
    config.ServerApp.max_body_size = LARGEST_BODY
    config.ServerApp.log_level = "INFO"
    config.SocketIdentity.token = _token(settings) if settings.service_port else ""
    return config


def _token(settings: Settings) -> str:
    """The token of the loopback port, kept over restarts in a file that only we read."""
    file = settings.state_dir / TOKEN
    if not file.exists():
        with os.fdopen(os.open(file, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "w") as new:
            new.write(secrets.token_urlsafe(32))
    return file.read_text("utf-8").strip()

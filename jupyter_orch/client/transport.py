"""How the service is reached: the unix socket of this machine, or `service.url`."""

import socket
from pathlib import Path
from typing import Any
from urllib.parse import quote

from jupyter_orch.domain.errors import Unavailable
from jupyter_orch.settings import Settings

SOCKET = "service.sock"
TOKEN = "service.token"  # noqa: S105 - a file name


def endpoint(
    settings: Settings, url: str | None = None, token: str | None = None, *, is_async: bool = False
) -> dict[str, Any]:
    """Arguments of an httpx client that reaches the service, with this process's folder as root."""
    import httpx

    headers = {"Jupyter-Orch-Root": quote(_folder())}
    url = url or settings.service_url
    if not url:
        transport = httpx.AsyncHTTPTransport if is_async else httpx.HTTPTransport
        return {
            "base_url": "http://localhost",
            "transport": transport(uds=str(settings.state_dir / SOCKET)),
            "headers": headers,
        }
    token = token or _stored_token(settings)
    if token:
        headers["Authorization"] = f"token {token}"
    return {"base_url": url.rstrip("/"), "headers": headers}


def listens(path: Path) -> bool:
    """Whether somebody listens on this unix socket.

    Asked before httpx is, which leaves a socket open when nobody does.
    """
    with socket.socket(socket.AF_UNIX) as probe:
        try:
            probe.connect(str(path))
        except OSError:
            return False
    return True


def not_running(settings: Settings) -> Unavailable:
    """What is said where no service answers."""
    if settings.service_url:
        return Unavailable(
            f"The service at {settings.service_url} cannot be reached.",
            field="service",
            hint="Check service.url in the settings.",
        )
    return Unavailable(
        "The service is not running.", field="service", hint="Start it with `jupyter orch up`."
    )


def _stored_token(settings: Settings) -> str | None:
    try:
        return (settings.state_dir / TOKEN).read_text("utf-8").strip()
    except OSError:
        return None


def _folder() -> str:
    try:
        return str(Path.cwd())
    except FileNotFoundError:  # the folder was removed under us
        return "/"

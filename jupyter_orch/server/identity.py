"""Who speaks to the service: processes of our own user by the socket, or a token by TCP."""

import hmac
import os
import pwd
import socket
import struct
from typing import Any

from jupyter_server.auth import IdentityProvider, User
from tornado import web

_KNOWN = "_orch_known"  # attribute of a request that we authenticated
_PEER = struct.Struct("3i")  # pid, uid, gid of `struct ucred`


class SocketIdentity(IdentityProvider):
    """Trusts the kernel of the operating system instead of cookies.

    There is no login page: a browser talks to JupyterLab, and JupyterLab to us.
    """

    def get_user(self, handler: web.RequestHandler) -> User | None:
        """Our user for a process of ours on the unix socket or a bearer of the token; else None."""
        connection = _socket_of(handler)
        if connection is None:
            return None
        if connection.family == socket.AF_UNIX:
            known = peer_uid(connection) == os.getuid()
        else:
            known = bool(self.token) and hmac.compare_digest(
                (self.get_token(handler) or "").encode(), self.token.encode()
            )
        if not known:
            return None
        setattr(handler, _KNOWN, True)
        name = user_name()
        return User(username=name, name=name, display_name=name)

    def get_token(self, handler: web.RequestHandler) -> str | None:
        """The token of the Authorization header; never of a URL, which ends up in logs."""
        match = self.auth_header_pat.match(handler.request.headers.get("Authorization", ""))
        return match.group(2) if match else None

    def is_token_authenticated(self, handler: web.RequestHandler) -> bool:
        """Whether `get_user` knew the caller: then no cookie is in play, and no forged request."""
        return bool(getattr(handler, _KNOWN, False))

    def get_handlers(self) -> list[tuple[str, object]]:
        """None: no login, no logout."""
        return []

    def validate_security(self, app: Any, ssl_options: dict[str, Any] | None = None) -> None:
        """Nothing to warn of: the socket is private, and the port is loopback with a token."""


def peer_uid(connection: socket.socket) -> int:
    """The user id of the process at the other end of a unix socket."""
    credentials = connection.getsockopt(socket.SOL_SOCKET, socket.SO_PEERCRED, _PEER.size)
    return int(_PEER.unpack(credentials)[1])


def user_name() -> str:
    """The name of the user that this process belongs to."""
    try:
        return pwd.getpwuid(os.getuid()).pw_name
    except KeyError:  # a container's user without an entry
        return str(os.getuid())


def _socket_of(handler: web.RequestHandler) -> socket.socket | None:
    stream = getattr(handler.request.connection, "stream", None)
    found = getattr(stream, "socket", None)
    return found if isinstance(found, socket.socket) else None

"""A Jupyter server with our extension."""

import json

import pytest
from tornado.httpclient import HTTPClientError

from jupyter_orch.server.routes import BASE


@pytest.fixture
def jp_server_config():
    """Our extension is enabled."""
    return {"ServerApp": {"jpserver_extensions": {"jupyter_orch": True}}}


@pytest.fixture
def jp_root_dir(served):
    """The file browser shows the service's notebooks."""
    return served.root


@pytest.fixture
def fetch(jp_fetch):
    """Asks the Jupyter server below our base path; a problem comes back as it is."""

    async def ask(method: str, path: str, body=None, **headers: str):
        name, _, query = path.partition("?")
        try:
            return await jp_fetch(
                *BASE.strip("/").split("/"),
                *name.strip("/").split("/"),
                method=method,
                params=dict(pair.split("=") for pair in query.split("&") if pair),
                headers=headers,
                body=None if method in {"GET", "DELETE"} else json.dumps(body or {}),
            )
        except HTTPClientError as error:
            return error.response

    return ask

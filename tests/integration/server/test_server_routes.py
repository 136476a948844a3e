"""What the lone service answers at all: every route is listed here."""

import pytest
from traitlets.config import Config

from jupyter_orch.server.app import OrchServerApp, _config
from jupyter_orch.server.routes import BASE, ROUTES
from jupyter_orch.settings import load
from jupyter_orch.wiring import open_service

OURS = {BASE + route.pattern for route in ROUTES} | {
    f"{BASE}/openapi.json",
    f"{BASE}/.*",
    "/healthz",
    "/metrics",
}
#: Of Jupyter server itself: events, security reports, its version, and redirects.
JUPYTERS = {
    "/",
    "/api",
    "/api/events",
    "/api/events/subscribe",
    "/api/security/csp-report",
    "/metrics",
    "/(robots\\.txt|favicon\\.ico)",
    "/.*/",
    "(.*)",
}


@pytest.fixture
def app(tmp_path, state_dir):
    """The server app, built and never started."""
    settings = load()
    service = open_service(settings, [tmp_path])
    config: Config = _config(settings, state_dir / "service.sock")
    built = OrchServerApp(config=config)
    built.service, built.settings = service, settings
    built.initialize(argv=[], find_extensions=False, new_httpserver=False)
    yield built
    built.io_loop.run_sync(built._cleanup)
    OrchServerApp.clear_instance()


def _patterns(router) -> set[str]:
    found = set()
    for rule in router.rules:
        regex = getattr(rule.matcher, "regex", None)
        if regex is not None:
            found.add(regex.pattern.removesuffix("$"))
        if hasattr(rule.target, "rules"):
            found |= _patterns(rule.target)
    return found


def test_every_route_is_known(app) -> None:
    """Nothing that a dependency adds is served unseen."""
    assert _patterns(app.web_app.default_router) == OURS | JUPYTERS


def test_every_route_asks_who_is_there(app) -> None:
    """Only health may be asked by anybody."""
    from jupyter_server.base.handlers import JupyterHandler

    open_to_all = set()
    for rule in app.web_app.default_router.rules:
        for inner in getattr(rule.target, "rules", ()):
            handler = inner.target
            if isinstance(handler, type) and issubclass(handler, JupyterHandler):
                for method in ("get", "post", "put", "delete"):
                    if hasattr(getattr(handler, method), "__allow_unauthenticated"):
                        open_to_all.add(handler.__name__)
    # The event socket and the metrics of Jupyter server ask by themselves; ours stand before them.
    asking = {"SubscribeWebsocket", "PrometheusMetricsHandler"}
    assert open_to_all - asking == {"HealthHandler", "APIVersionHandler", "MainHandler"}

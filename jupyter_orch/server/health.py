"""What monitors read: `/healthz` and `/metrics`."""

import asyncio
from collections.abc import Iterator
from concurrent.futures import Executor

from jupyter_server.auth.decorator import allow_unauthenticated, authorized
from prometheus_client import CollectorRegistry, generate_latest
from prometheus_client.core import GaugeMetricFamily
from tornado import web

from jupyter_orch._version import __version__
from jupyter_orch.domain.ids import DEFAULT_TEAM
from jupyter_orch.domain.model import Actor
from jupyter_orch.server.problems import ProblemHandler
from jupyter_orch.service import Service
from jupyter_orch.wire import dump_bytes

_MONITOR = Actor(user="monitor", team=DEFAULT_TEAM)


class HealthHandler(ProblemHandler):
    """Whether the service does its work; the only page that needs no login."""

    def initialize(self, service: Service, executor: Executor) -> None:
        """Takes the service and where its calls may block."""
        self._service = service
        self._executor = executor

    @allow_unauthenticated
    async def get(self) -> None:
        """200 when database, scheduler and worker live, else 503 with the reasons."""
        loop = asyncio.get_running_loop()
        health = await loop.run_in_executor(self._executor, self._service.system.health)
        self.set_status(200 if health.well else 503)
        body = {"status": "ok" if health.well else "unwell", "parts": health}
        await self.finish(dump_bytes(body))


class MetricsHandler(ProblemHandler):
    """Figures in Prometheus' text format."""

    def initialize(self, service: Service, executor: Executor) -> None:
        """Takes the service and where its calls may block."""
        self._registry = CollectorRegistry(auto_describe=False)
        self._registry.register(_Figures(service))
        self._executor = executor

    @web.authenticated
    @authorized
    async def get(self) -> None:
        """The figures now."""
        loop = asyncio.get_running_loop()
        text = await loop.run_in_executor(self._executor, generate_latest, self._registry)
        await self.finish(text, set_content_type="text/plain; version=0.0.4; charset=utf-8")


class _Figures:
    def __init__(self, service: Service) -> None:
        self._service = service

    def describe(self) -> list[GaugeMetricFamily]:
        """Nothing, so that registering asks nothing of the database."""
        return []

    def collect(self) -> Iterator[GaugeMetricFamily]:
        """One gauge for each thing that an operator watches."""
        system = self._service.system
        health = system.health()
        up = GaugeMetricFamily(
            "jupyter_orch_part_up", "1 while the part does its work", labels=["part"]
        )
        for part in ("database", "scheduler", "worker"):
            up.add_metric([part], 0.0 if getattr(health, part) else 1.0)
        yield up
        agrees = 0.0 if health.clock else 1.0
        yield GaugeMetricFamily(
            "jupyter_orch_clock_agrees",
            "1 while this host's clock is within seconds of the database's",
            value=agrees,
        )
        yield _one("jupyter_orch_info", "The version that runs", "version", {__version__: 1.0})
        if health.database:
            return
        counts = {state.value: float(n) for state, n in system.counts(_MONITOR).items()}
        empty = dict.fromkeys(("queued", "running", "publishing"), 0.0)
        yield _one("jupyter_orch_runs", "Runs that have not ended", "state", empty | counts)
        workers = self._service.ledger.workers()
        slots = {worker.name: float(worker.slots) for worker in workers}
        busy = {worker.name: float(worker.busy) for worker in workers}
        yield _one("jupyter_orch_worker_slots", "Runs that fit at a time", "worker", slots)
        yield _one("jupyter_orch_worker_busy", "Runs that are executed now", "worker", busy)
        if system.last_tick is not None:
            yield GaugeMetricFamily(
                "jupyter_orch_scheduler_last_tick_timestamp_seconds",
                "When the scheduler last looked for due jobs",
                value=system.last_tick.timestamp(),
            )


def _one(name: str, text: str, label: str, values: dict[str, float]) -> GaugeMetricFamily:
    family = GaugeMetricFamily(name, text, labels=[label])
    for key, value in values.items():
        family.add_metric([key], value)
    return family

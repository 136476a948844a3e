"""`jupyter orch doctor`: what is in force, where it comes from, and what is wrong with it."""

import re
import stat
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import click

from jupyter_orch.cli import render
from jupyter_orch.cli.common import json_option, open_client, print_json
from jupyter_orch.client.transport import SOCKET, listens, not_running
from jupyter_orch.domain.errors import OrchError
from jupyter_orch.settings import Settings, load, without_password

_PATH = re.compile(r"^(https?://[^/?#]+).+", re.IGNORECASE)
_REFERENCES = ("env:", "file:")


@dataclass(frozen=True, kw_only=True)
class Finding:
    """One thing that was looked at."""

    name: str
    well: bool
    said: str
    #: What the process ends with when this is not well.
    exit_code: int = 1


@click.command(epilog="Example: jupyter orch doctor")
@json_option
def doctor(*, as_json: bool) -> None:
    """Show the settings in force with their origins, and check everything around them."""
    settings = load()
    shown = [
        {"key": key, "value": shown_value(settings, key), "origin": origin}
        for key, origin in settings.origins.items()
    ]
    findings = list(_findings(settings))
    if as_json:
        print_json({"settings": shown, "checks": [vars(finding) for finding in findings]})
    else:
        render.grid(
            ("SETTING", "VALUE", "FROM"),
            ([render.escape(str(each[k])) for k in ("key", "value", "origin")] for each in shown),
            nothing="",
        )
        render.console().print()
        for finding in findings:
            mark = "[green]✓[/green]" if finding.well else "[red]✕[/red]"
            render.console().print(f"{mark} {finding.name}: {render.escape(finding.said)}")
    worst = max((finding.exit_code for finding in findings if not finding.well), default=0)
    if worst:
        raise click.exceptions.Exit(worst)


def shown_value(settings: Settings, key: str) -> str:
    """A setting's value for people: secrets hidden, references to them shown."""
    value = _VALUES[key](settings) if key in _VALUES else _channel_value(settings, key)
    if key == "warehouse.trino.password" and value and not value.startswith(_REFERENCES):
        return "***"
    if isinstance(value, tuple):
        return ", ".join(map(str, value))
    return without_password(str(value))


def _channel_value(settings: Settings, key: str) -> str:
    """Of a channel; whoever has its URL can speak in it, so that only the host is shown."""
    _, _, name, part = key.split(".")
    channel = settings.notify.channels[name]
    return _PATH.sub(r"\1/***", channel.url) if part == "url" else channel.secret


_VALUES: dict[str, Callable[[Settings], Any]] = {
    "state.dir": lambda settings: settings.state_dir,
    "state.url": lambda settings: settings.state_url,
    "service.url": lambda settings: settings.service_url,
    "service.port": lambda settings: settings.service_port,
    "service.drain_seconds": lambda settings: settings.drain_seconds,
    "notebooks.roots": lambda settings: settings.notebook_roots,
    "artifacts.dir": lambda settings: settings.artifacts_dir,
    "worker.slots": lambda settings: settings.worker_slots,
    "worker.lease_seconds": lambda settings: settings.lease_seconds,
    "execution.kernels": lambda settings: "auto" if settings.fork_kernels else "stock",
    "execution.warm_seconds": lambda settings: settings.warm_seconds,
    "execution.memory_limit_mb": lambda settings: settings.memory_limit_mb,
    "execution.process_limit": lambda settings: settings.process_limit,
    "execution.output_limit_mb": lambda settings: settings.output_limit_mb,
    "execution.log_limit_mb": lambda settings: settings.log_limit_mb,
    "warehouse.catalog": lambda settings: settings.warehouse.catalog,
    "warehouse.schema": lambda settings: settings.warehouse.schema,
    "warehouse.location": lambda settings: settings.warehouse.location.removeprefix("file://"),
    "warehouse.catalog_uri": lambda settings: settings.warehouse.catalog_uri,
    "warehouse.catalog_password": lambda settings: settings.warehouse.catalog_password,
    "warehouse.s3.endpoint": lambda settings: settings.warehouse.s3.endpoint,
    "warehouse.s3.region": lambda settings: settings.warehouse.s3.region,
    "warehouse.s3.access_key": lambda settings: settings.warehouse.s3.access_key,
    "warehouse.s3.secret_key": lambda settings: settings.warehouse.s3.secret_key,
    "warehouse.s3.path_style": lambda settings: settings.warehouse.s3.path_style,
    "warehouse.memory_limit": lambda settings: settings.warehouse.memory_limit,
    "warehouse.threads": lambda settings: settings.warehouse.threads,
    "warehouse.statement_timeout_seconds": (
        lambda settings: settings.warehouse.statement_timeout_seconds
    ),
    "warehouse.frame_rows": lambda settings: settings.warehouse.frame_rows,
    "warehouse.shown_rows": lambda settings: settings.warehouse.shown_rows,
    "warehouse.trino.url": lambda settings: settings.warehouse.trino.url,
    "warehouse.trino.user": lambda settings: settings.warehouse.trino.user,
    "warehouse.trino.password": lambda settings: settings.warehouse.trino.password,
    "warehouse.trino.query_seconds": lambda settings: settings.warehouse.trino.query_seconds,
    "notify.link_base": lambda settings: settings.notify.link_base,
    "notify.smtp.host": lambda settings: settings.notify.smtp.host,
    "notify.smtp.port": lambda settings: settings.notify.smtp.port,
    "notify.smtp.user": lambda settings: settings.notify.smtp.user,
    "notify.smtp.password": lambda settings: settings.notify.smtp.password,
    "notify.smtp.from": lambda settings: settings.notify.smtp.sender,
    "notify.smtp.tls": lambda settings: settings.notify.smtp.tls,
    "retention.days": lambda settings: settings.retention_days,
    "retention.batch": lambda settings: settings.retention_batch,
    "retention.versions": lambda settings: settings.retention_versions,
    "retention.orphan_days": lambda settings: settings.retention_orphan_days,
}


def _findings(settings: Settings) -> Iterator[Finding]:
    yield from _service(settings)
    if not settings.service_url:
        yield _database(settings)
    yield _warehouse(settings)
    yield from _catalog(settings)
    yield _kernels()
    yield _containment(settings)
    yield from (_private(path) for path in (settings.state_dir, settings.artifacts_dir))


def _service(settings: Settings) -> Iterator[Finding]:
    if not settings.service_url and not listens(settings.state_dir / SOCKET):
        # A service that was never started is no illness.
        nobody = not_running(settings)
        yield Finding(name="service", well=True, said=f"{nobody.message} {nobody.hint}")
        return
    try:
        with open_client() as client:
            found = client.status()
    except OrchError as error:
        said = f"{error.message} {error.hint or ''}".strip()
        yield Finding(name="service", well=False, said=said, exit_code=error.exit_code)
        return
    yield Finding(
        name="service", well=found["state"] == "running", said=f"{found['state']}", exit_code=5
    )
    wrong = found.get("clock")
    said = f"{wrong} Let both ask the same time server." if wrong else "agrees with the database's"
    yield Finding(name="clock", well=not wrong, said=said)


def _database(settings: Settings) -> Finding:
    from jupyter_orch.wiring import look_at_schema

    try:
        standing = look_at_schema(settings)
    except OrchError as error:
        said = f"{error.message} {error.hint or ''}".strip()
        return Finding(name="database", well=False, said=said, exit_code=error.exit_code)
    if standing.revision is None:
        said = "is made by the first start"
    elif standing.missing:
        said = f"revision {standing.revision}; the next start upgrades it to {standing.head}"
    else:
        said = f"revision {standing.revision}"
    return Finding(name="database", well=True, said=said)


def _warehouse(settings: Settings) -> Finding:
    from jupyter_orch.warehouse.connect import ping

    where = (
        without_password(settings.warehouse.trino.url)
        or f"embedded engine on {settings.warehouse.location.removeprefix('file://')}"
    )
    try:
        ping(settings)
    except OrchError as error:
        return Finding(name="warehouse", well=False, said=error.message, exit_code=error.exit_code)
    return Finding(name="warehouse", well=True, said=f"answers: {where}")


def _catalog(settings: Settings) -> Iterator[Finding]:
    """What the catalog is able to; tried on a table of its own."""
    if settings.warehouse.on_this_host and not settings.warehouse.folder.exists():
        yield Finding(name="catalog", well=True, said="is made by the first start")
        return
    from jupyter_orch.warehouse.catalog import open_catalog
    from jupyter_orch.warehouse.probe import probe

    try:
        catalog = open_catalog(settings)
        try:
            found = probe(catalog, settings.warehouse)
        finally:
            catalog.close()
    except OrchError as error:
        said = f"{error.message} {error.hint or ''}".strip()
        yield Finding(name="catalog", well=False, said=said, exit_code=error.exit_code)
        return
    for each in found:
        said = each.problem or "kept"
        yield Finding(name=f"catalog: {each.name}", well=each.problem is None, said=said)


def _kernels() -> Finding:
    from jupyter_client.kernelspec import find_kernel_specs

    names = sorted(find_kernel_specs())
    said = ", ".join(names) if names else "none is installed; notebooks cannot run"
    return Finding(name="kernels", well=bool(names), said=said)


def _containment(settings: Settings) -> Finding:
    """What holds kernels to their limits, for who runs this: the service may be another user."""
    from jupyter_orch.execution.kernels.cgroup import cgroups

    found = cgroups()
    can = {
        "memory": found.memory is not None,
        "processes": found.pids is not None,
        "what they leave behind": bool(found.folders),
    }
    able = [name for name, there in can.items() if there]
    said = f"control groups hold kernels: {', '.join(able)}"
    if not able:
        said = "no control group may be made here; kernels are known by their marks"
    wanted = settings.memory_limit_mb > 0 and not can["memory"]
    if wanted:
        said += "; execution.memory_limit_mb has no effect"
    return Finding(name="containment", well=not wanted, said=said)


def _private(path: Path) -> Finding:
    name = f"folder {path}"
    if not path.exists():
        return Finding(name=name, well=True, said="is made by the first start")
    mode = stat.S_IMODE(path.stat().st_mode)
    if mode & 0o077:
        return Finding(
            name=name, well=False, said=f"others may enter (mode {mode:o}): chmod 700 it"
        )
    return Finding(name=name, well=True, said="private")

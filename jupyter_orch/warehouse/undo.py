"""Takes back what one run published, and leaves what others published since.

All of it is a new version: nothing is lost, and undoing can be rolled back.
"""

import hashlib
from collections.abc import Callable, Sequence

from pyiceberg.catalog import Catalog

from jupyter_orch.domain.errors import NotFound, Refused, StaleWrite
from jupyter_orch.domain.ids import RunId
from jupyter_orch.domain.outputs import TableVersion
from jupyter_orch.domain.versions import UndoPart, UndoPlan
from jupyter_orch.settings import Settings
from jupyter_orch.warehouse import names, publish
from jupyter_orch.warehouse.names import Identifier
from jupyter_orch.warehouse.standing import Standing, blocked


class Undo:
    """Undoes runs; safe to call from any thread."""

    def __init__(self, settings: Settings, catalog: Callable[[], Catalog]) -> None:
        self._settings = settings
        self._open = catalog

    def plan(self, run_id: RunId, published: Sequence[TableVersion]) -> UndoPlan:
        """What undoing would do to each version that the run published.

        Raises:
            NotFound: The run published nothing.
        """
        if not published:
            raise NotFound(f"The run {run_id} published nothing.", field="run")
        parts = []
        seen = set[str]()
        states = []
        for version in _last_first(published):
            table = publish.load(self._open(), self._identifier(version))
            if table is None:
                parts.append(blocked(version, f"The table {version.table} is not there any more."))
                continue
            standing = Standing(table, version, trusting=version.table in seen)
            seen.add(version.table)
            states.append(f"{version.table}={table.metadata.current_snapshot_id}")
            parts.append(standing.part())
        tag = hashlib.sha256("\n".join(sorted(set(states))).encode()).hexdigest()[:16]
        return UndoPlan(run_id=run_id, parts=tuple(parts), tag=tag)

    def do(
        self,
        run_id: RunId,
        published: Sequence[TableVersion],
        *,
        user: str,
        expected: str | None = None,
        force: bool = False,
        reason: str | None = None,
    ) -> tuple[TableVersion, ...]:
        """Undoes all of it, table by table; safe to repeat: what is undone already stays so.

        Args:
            run_id: The run.
            published: The versions that it made.
            user: Who asks.
            expected: The plan's tag; another state of the tables is refused.
            force: Also where later versions wrote the same rows, which then go as well.
            reason: In the person's words.

        Raises:
            StaleWrite: The tables are not as planned.
            Refused: A part cannot be undone; no table was changed.
        """
        plan = self.plan(run_id, published)
        begun = any(part.done is not None for part in plan.parts)
        if expected is not None and expected != plan.tag and not begun:
            raise StaleWrite(
                "The tables changed since the plan was made.",
                field="If-Match",
                hint="Look at the plan again.",
            )
        for part in plan.parts:
            _refuse(part, force=force)
        return tuple(
            self._undo(version, user=user, force=force, reason=reason)
            for version in _last_first(published)
        )

    def _undo(
        self, version: TableVersion, *, user: str, force: bool, reason: str | None
    ) -> TableVersion:
        identifier = self._identifier(version)

        def attempt() -> TableVersion:
            table = publish.load(self._open(), identifier)
            if table is None:
                raise Refused(f"The table {version.table} is not there any more.", field="table")
            standing = Standing(table, version)
            if standing.done is not None:
                return standing.log.version_of(standing.log.snapshots[standing.done])
            _refuse(standing.part(), force=force)
            noted = {
                "orch.operation": "undo",
                "orch.user": user,
                "orch.undo-of": version.run_id or "",
                "orch.undo-version": str(version.snapshot_id),
            }
            if reason:
                noted["orch.reason"] = reason
            updates, head = standing.build(noted)
            publish.move_main(table, updates, head)
            return attempt()

        return publish.settled(self._settings, identifier, attempt)

    def _identifier(self, version: TableVersion) -> Identifier:
        return names.identify(version.table, self._settings.warehouse)


def _last_first(published: Sequence[TableVersion]) -> Sequence[TableVersion]:
    """Of two outputs to one table the second one is undone first."""
    return tuple(reversed(published))


def _refuse(part: UndoPart, *, force: bool) -> None:
    if part.done is not None:
        return
    if part.problem is not None:
        raise Refused(f"{part.table} cannot be undone. {part.problem}", field="run")
    if part.later and not force:
        newest = part.later[0]
        who = newest.job_name or newest.user or "somebody"
        run = f" in run {newest.run_id}" if newest.run_id else ""
        raise Refused(
            f"{part.table} was written to since, in the same place: by {who}{run}"
            f" (version {newest.snapshot_id}).",
            field="force",
            hint="Undo that first, or undo this with force: then what came later goes as well.",
        )

"""Use cases of pools: named slots that limit how many runs go on at a time."""

from jupyter_orch.domain.errors import BadFields, BadInput
from jupyter_orch.domain.model import Actor, Pool
from jupyter_orch.ports import Store
from jupyter_orch.service.rights import require
from jupyter_orch.service.threads import Worker

LONGEST_NAME = 200  # characters
MOST_SLOTS = 100_000


class Pools:
    """What a person does with pools."""

    def __init__(self, store: Store, *, worker: Worker) -> None:
        self._store = store
        self._worker = worker

    def list(self, actor: Actor) -> tuple[Pool, ...]:
        """Pools by name, `default` among them, with what is used and waits now."""
        require(actor, "read")
        return self._store.pools(actor.team)

    def set(self, actor: Actor, name: str, *, slots: int | None) -> Pool:
        """Makes or changes a pool; fewer slots than are used take effect as runs end.

        Raises:
            BadFields: The name or the number cannot be used (fields `name`, `slots`).
        """
        require(actor, "write")
        problems = []
        if not name.strip() or len(name) > LONGEST_NAME or not name.isprintable():
            problems.append(
                BadInput(
                    f"The name of a pool has 1 to {LONGEST_NAME} characters that can be printed.",
                    field="name",
                )
            )
        if slots is not None and not 0 <= slots <= MOST_SLOTS:
            problems.append(
                BadInput(
                    f"A pool has from 0 to {MOST_SLOTS} slots.",
                    field="slots",
                    hint="Give null for no limit.",
                )
            )
        if problems:
            raise BadFields(problems)
        made = self._store.set_pool(actor.team, name, slots=slots)
        self._worker.wake()
        return made

    def delete(self, actor: Actor, name: str) -> None:
        """Removes the limit; a run that names the pool goes on without one."""
        require(actor, "write")
        self._store.delete_pool(actor.team, name)
        self._worker.wake()

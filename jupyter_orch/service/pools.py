"""Use cases of pools: named slots that limit how many runs go on at a time."""

from jupyter_orch.domain.errors import BadFields, BadInput, NotFound
from jupyter_orch.domain.model import Actor, Page, Pool
from jupyter_orch.ports import Store
from jupyter_orch.service.pages import page_size
from jupyter_orch.service.rights import require
from jupyter_orch.service.threads import Worker

LONGEST_NAME = 200  # characters
MOST_SLOTS = 100_000


class Pools:
    """What a person does with pools."""

    def __init__(self, store: Store, *, worker: Worker) -> None:
        self._store = store
        self._worker = worker

    def list(
        self, actor: Actor, *, cursor: str | None = None, limit: int | None = None
    ) -> Page[Pool]:
        """Pools by name, `default` among them, with what is used and waits now.

        The cursor is the name of the last one that was given.
        """
        require(actor, "read")
        size = page_size(limit)
        found = [
            pool for pool in self._store.pools(actor.team) if cursor is None or pool.name > cursor
        ]
        following = found[size - 1].name if len(found) > size else None
        return Page(items=tuple(found[:size]), next_cursor=following)

    def get(self, actor: Actor, name: str) -> Pool:
        """One pool.

        Raises:
            NotFound: There is none of that name.
        """
        require(actor, "read")
        for pool in self._store.pools(actor.team):
            if pool.name == name:
                return pool
        raise NotFound(f"There is no pool {name!r}.")

    def set(
        self, actor: Actor, name: str, *, slots: int | None, expected: str | None = None
    ) -> Pool:
        """Makes or changes a pool; fewer slots than are used take effect as runs end.

        Raises:
            StaleWrite: `expected` is given and not the tag of the pool any more.
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
        made = self._store.set_pool(actor.team, name, slots=slots, expected=expected)
        self._worker.wake()
        return made

    def delete(self, actor: Actor, name: str, *, expected: str | None = None) -> None:
        """Removes the limit; a run that names the pool goes on without one.

        Raises:
            StaleWrite: `expected` is given and not the tag of the pool any more.
        """
        require(actor, "write")
        self._store.delete_pool(actor.team, name, expected=expected)
        self._worker.wake()

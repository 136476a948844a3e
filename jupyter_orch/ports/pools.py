"""Where pools are kept."""

from typing import Protocol

from jupyter_orch.domain.ids import TeamId
from jupyter_orch.domain.model import Pool


class PoolStore(Protocol):
    """Named slots that limit how many runs go on at a time."""

    def set_pool(
        self, team: TeamId, name: str, *, slots: int | None, expected: str | None = None
    ) -> Pool:
        """Makes or changes a pool; fewer slots than are used take effect as runs end.

        Raises:
            StaleWrite: The tag of the pool is not `expected`, or there is no such pool.
        """
        ...

    def delete_pool(self, team: TeamId, name: str, *, expected: str | None = None) -> None:
        """Removes the limit. A run that names the pool goes on without one.

        Raises:
            StaleWrite: The tag of the pool is not `expected`, or there is no such pool.
        """
        ...

    def pools(self, team: TeamId) -> tuple[Pool, ...]:
        """Pools by name, `default` among them, with what is used and waits now."""
        ...

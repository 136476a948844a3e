"""Who may do what: the one place that decides it.

Today an installation has one team and everybody known in it may do everything. Rows of other
teams are never found, because every question to the store names the actor's team.
"""

from typing import Literal

from jupyter_orch.domain.errors import Forbidden
from jupyter_orch.domain.model import Actor

Right = Literal["read", "write", "operate"]


def require(actor: Actor, right: Right) -> None:
    """Lets the actor pass.

    Raises:
        Forbidden: Nobody knows who asks.
    """
    if not (actor.user and actor.team):
        raise Forbidden(
            f"Nobody is logged in, so nothing can be {_DONE[right]}.", hint="Log in first."
        )


_DONE: dict[Right, str] = {"read": "read", "write": "saved", "operate": "run"}

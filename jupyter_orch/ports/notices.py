"""What people are told, and what tells them."""

from collections.abc import Sequence
from typing import Protocol

from jupyter_orch.domain.model import Notice


class Outbox(Protocol):
    """What people have to be told: written with the change that it tells about."""

    def claim_notices(self, *, limit: int, lease_seconds: float) -> tuple[Notice, ...]:
        """Takes notices that may be sent now; nobody else gets them while the lease lasts.

        All that is due for a target comes together, so that many become one digest.
        """
        ...

    def notices_sent(self, ids: Sequence[int]) -> None:
        """Forgets notices that reached their target."""
        ...

    def notices_failed(self, ids: Sequence[int], *, error: str, retry_in_seconds: float) -> None:
        """Puts notices back; they are tried again later."""
        ...


class Courier(Protocol):
    """Brings messages to people."""

    @property
    def mails(self) -> bool:
        """Whether it has a server for e-mail."""
        ...

    @property
    def channels(self) -> tuple[str, ...]:
        """Names of the channels that it knows."""
        ...

    def deliver(self, target: str, notices: Sequence[Notice]) -> None:
        """Sends one message about all of the notices; about none: a test.

        Raises:
            OrchError: It did not arrive, and why. No secret is in the words.
        """
        ...

"""Brings notices nowhere, counts them, and fails now and then."""

import random
from collections import Counter
from collections.abc import Sequence

from jupyter_orch.domain.errors import OrchError
from jupyter_orch.domain.model import Notice

FAILING = 0.05  # of all deliveries


class CountingCourier:
    """`ports.Courier`."""

    mails = True
    channels: tuple[str, ...] = ()

    def __init__(self, seed: int) -> None:
        self._chance = random.Random(f"{seed}|courier")  # noqa: S311 - chance, not secrecy
        #: Notices that arrived, by kind; and messages.
        self.told: Counter[str] = Counter()
        self.messages = 0

    def deliver(self, target: str, notices: Sequence[Notice]) -> None:  # noqa: ARG002 - a port
        """Counts."""
        if self._chance.random() < FAILING:
            raise OrchError("The simulated server refused the message.")
        self.messages += 1
        self.told.update(notice.kind for notice in notices)

"""Who asks at about the same time is served in one go: one transaction, one wait for the disk."""

import threading
from collections.abc import Callable, Sequence
from concurrent.futures import Future
from typing import Generic, TypeVar

from jupyter_orch.domain.errors import Unavailable

Q = TypeVar("Q")
A = TypeVar("A")


class Together(Generic[Q, A]):
    """Collects what threads ask for while an earlier answer is still being found.

    Args:
        serve: Answers several at once, all or none of them.
    """

    def __init__(self, serve: Callable[[Sequence[Q]], Sequence[A]]) -> None:
        self._serve = serve
        self._waiting: list[tuple[Q, Future[A]]] = []
        self._lock = threading.Lock()
        self._turn = threading.Lock()

    def ask(self, question: Q) -> A:
        """The answer; whoever has its turn serves all who wait."""
        answer: Future[A] = Future()
        with self._lock:
            self._waiting.append((question, answer))
        with self._turn:
            if not answer.done():
                with self._lock:
                    served, self._waiting = self._waiting, []
                self._answer(served)
        return answer.result()

    def _answer(self, served: Sequence[tuple[Q, Future[A]]]) -> None:
        try:
            answers = self._serve([question for question, _ in served])
        except BaseException as error:  # noqa: BLE001 - told to those who asked
            if len(served) == 1 or isinstance(error, Unavailable):
                for _, future in served:
                    future.set_exception(error)
            else:  # one of them is at fault, and it alone shall hear of it
                for each in served:
                    self._answer([each])
        else:
            for (_, future), answer in zip(served, answers, strict=True):
                future.set_result(answer)

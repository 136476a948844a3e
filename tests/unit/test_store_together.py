"""Who asks at about the same time is served in one go."""

import threading
from collections.abc import Sequence

import pytest

from jupyter_orch.domain.errors import Unavailable
from jupyter_orch.store.together import Together


class Slow:
    """Doubles numbers, the first time when it is told to."""

    def __init__(self) -> None:
        self.batches: list[list[int]] = []
        self.begun = threading.Event()
        self.go_on = threading.Event()

    def double(self, numbers: Sequence[int]) -> list[int]:
        """Seven is refused, a hundred is out of reach."""
        self.batches.append(list(numbers))
        self.begun.set()
        assert self.go_on.wait(60)
        if 100 in numbers:
            raise Unavailable("No.")
        if 7 in numbers:
            raise ValueError("seven")
        return [2 * number for number in numbers]


def ask_all(slow: Slow, numbers: Sequence[int]) -> dict[int, object]:
    """What each hears; the first one asks alone, and the others while it waits."""
    together = Together(slow.double)
    heard: dict[int, object] = {}

    def ask(number: int) -> None:
        try:
            heard[number] = together.ask(number)
        except Exception as error:  # noqa: BLE001 - the test looks at it
            heard[number] = error

    threads = [threading.Thread(target=ask, args=(number,)) for number in numbers]
    threads[0].start()
    assert slow.begun.wait(60)
    for thread in threads[1:]:
        thread.start()
    while len(together._waiting) < len(numbers) - 1:
        threading.Event().wait(0.001)
    slow.go_on.set()
    for thread in threads:
        thread.join()
    return heard


def test_those_who_ask_meanwhile_share_an_answer() -> None:
    """One goes first, and the others together; each gets what it asked for."""
    slow = Slow()
    assert ask_all(slow, [1, 2, 3, 4]) == {1: 2, 2: 4, 3: 6, 4: 8}
    assert [sorted(batch) for batch in slow.batches] == [[1], [2, 3, 4]]


def test_one_bad_question_hurts_only_who_asked_it() -> None:
    """The others are served one by one then."""
    heard = ask_all(Slow(), [1, 2, 7, 3])
    assert isinstance(heard.pop(7), ValueError)
    assert heard == {1: 2, 2: 4, 3: 6}


def test_what_cannot_be_reached_is_not_asked_again_for_each() -> None:
    """A database that is away is away for all of them."""
    slow = Slow()
    heard = ask_all(slow, [1, 100, 2])
    assert heard.pop(1) == 2
    assert {type(each) for each in heard.values()} == {Unavailable}
    assert len(slow.batches) == 2


def test_who_asks_alone_is_answered_at_once() -> None:
    """With the error, too."""
    slow = Slow()
    slow.go_on.set()
    together = Together(slow.double)
    assert together.ask(4) == 8
    with pytest.raises(ValueError, match="seven"):
        together.ask(7)

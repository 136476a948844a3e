"""The matrix is whole: every behaviour has a notebook, and every notebook names its behaviours."""

from collections import Counter

from .builder import behaviours, corpus

LEAST_BEHAVIOURS = 80
LEAST_NOTEBOOKS = 200


def test_there_are_enough_behaviours_and_notebooks() -> None:
    """Fewer would prove too little."""
    assert len(behaviours()) >= LEAST_BEHAVIOURS
    assert len(corpus()) >= LEAST_NOTEBOOKS


def test_every_behaviour_has_a_notebook() -> None:
    """A line of the matrix without one is an empty promise."""
    shown = {behaviour for sample in corpus() for behaviour in sample.shows}
    assert sorted(behaviours().keys() - shown) == []


def test_every_notebook_names_known_behaviours() -> None:
    """At least one, each of them in the matrix."""
    known = behaviours().keys()
    assert {s.name: {*s.shows} - known for s in corpus() if not s.shows or {*s.shows} - known} == {}


def test_every_notebook_has_a_name_of_its_own() -> None:
    """A name is what a failing test is found by."""
    names = Counter(sample.name for sample in corpus())
    assert [name for name, count in names.items() if count > 1] == []

"""`%%sql`: values are bound, never pasted."""

import pytest

from jupyter_orch.domain.errors import BadInput
from jupyter_orch.widgets.magics import bind, register


@pytest.mark.parametrize(
    ("text", "statement", "values"),
    [
        ("SELECT 1;", "SELECT 1", []),
        ("SELECT :a, :b, :a", "SELECT ?, ?, ?", [1, "x", 1]),
        ("SELECT ':a' || \":b\" -- :a\n, :a", "SELECT ':a' || \":b\" -- :a\n, ?", [1]),
        ("SELECT 'it''s :a', /* :b\n */ :b", "SELECT 'it''s :a', /* :b\n */ ?", ["x"]),
        ("SELECT x::a, a[1:2]", "SELECT x::a, a[1:2]", []),
    ],
)
def test_only_names_outside_of_text_are_bound(
    text: str, statement: str, values: list[object]
) -> None:
    """Quoted text, quoted names and remarks stay as they are."""
    assert bind(text, {"a": 1, "b": "x"}) == (statement, values)


def test_a_name_without_a_variable_is_refused() -> None:
    """The message says which one."""
    with pytest.raises(BadInput, match="no variable missing"):
        bind("SELECT :missing", {})


class _Shell:
    """The two things of a kernel's shell that the magic uses."""

    def __init__(self) -> None:
        self.user_ns: dict[str, object] = {"least": 2}
        self.magics: dict[str, object] = {}

    def push(self, names: dict[str, object]) -> None:
        self.user_ns |= names

    def register_magic_function(self, function: object, magic_kind: str, magic_name: str) -> None:
        assert magic_kind == "cell"
        self.magics[magic_name] = function


def test_a_cell_answers_or_keeps_its_rows() -> None:
    """`%%sql` shows a frame, `%%sql name <<` keeps it."""
    shell = _Shell()
    register(shell)
    cell = "SELECT x FROM (VALUES 1, 2, 3) AS t(x) WHERE x >= :least ORDER BY x"
    assert shell.magics["sql"]("", cell)["x"].tolist() == [2, 3]
    assert shell.magics["sql"]("kept <<", cell) is None
    assert shell.user_ns["kept"]["x"].tolist() == [2, 3]


def test_a_line_that_is_no_target_is_refused() -> None:
    """Options of other `%%sql` magics are not taken in silence."""
    shell = _Shell()
    register(shell)
    with pytest.raises(BadInput, match="does not understand"):
        shell.magics["sql"]("--limit 3", "SELECT 1")

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


def test_what_is_shown_is_cut_with_a_word_and_what_is_kept_is_whole(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """A display says that there is more; a frame is whole, or refused with what to do."""
    shell = _Shell()
    register(shell)
    cell = "SELECT x FROM (VALUES 1, 2, 3) AS t(x) ORDER BY x"
    monkeypatch.setenv("JUPYTER_ORCH__WAREHOUSE__SHOWN_ROWS", "3")
    assert len(shell.magics["sql"]("", cell)) == 3
    assert capsys.readouterr().out == ""
    monkeypatch.setenv("JUPYTER_ORCH__WAREHOUSE__SHOWN_ROWS", "2")
    assert shell.magics["sql"]("", cell)["x"].tolist() == [1, 2]
    said = capsys.readouterr().out
    assert "first 2 rows, there are more: %%sql name << keeps all" in said
    shell.magics["sql"]("kept <<", cell)
    assert shell.user_ns["kept"]["x"].tolist() == [1, 2, 3]
    monkeypatch.setenv("JUPYTER_ORCH__WAREHOUSE__FRAME_ROWS", "2")
    del shell.user_ns["kept"]
    with pytest.raises(BadInput, match="more than 2 rows") as caught:
        shell.magics["sql"]("kept <<", cell)
    assert "warehouse.frame_rows" in (caught.value.hint or "")
    assert "kept" not in shell.user_ns

"""Parameters of notebooks in Java: read from their text, and written as papermill injects them."""

import json
from typing import Any

import nbformat
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from jupyter_orch.domain.errors import BadFields
from jupyter_orch.domain.parameters import NotebookFacts, check, read_notebook
from jupyter_orch.execution.java_translator import ParametersRefused
from jupyter_orch.execution.parameters import parameterize

DATE = {"type": "string", "format": "date"}
ANY = {"type": ["string", "number", "boolean", "null"]}


def notebook(source: str, language: str = "java") -> Any:
    """A notebook with this parameters cell."""
    nb = nbformat.v4.new_notebook()
    nb.metadata["kernelspec"] = {"name": language, "language": language, "display_name": "K"}
    nb.metadata["papermill"] = {}
    nb.cells.append(nbformat.v4.new_code_cell(source, metadata={"tags": ["parameters"]}))
    return nb


def facts(source: str) -> NotebookFacts:
    """What this parameters cell says."""
    return read_notebook(json.dumps(notebook(source)).encode())


def properties(source: str) -> dict[str, Any]:
    """The JSON Schema of each parameter, without its title."""
    found = facts(source).schema["properties"].items()
    return {
        name: {key: value for key, value in each.items() if key != "title"} for name, each in found
    }


def injected(source: str, **parameters: Any) -> list[str]:
    """The lines of the injected cell."""
    nb = parameterize(notebook(source), parameters, kernel="java", language="java")
    head, *lines = nb.cells[1].source.splitlines()
    assert head == "// Parameters"
    return lines


@pytest.mark.parametrize(
    ("line", "expected"),
    [
        ("int x = 5;", {"type": "integer", "default": 5}),
        ("final long x = -5_000_000_000L;", {"type": "integer", "default": -5000000000}),
        ("double x = 5;", {"type": "number", "default": 5.0}),
        ("float x = 1e-3f;", {"type": "number", "default": 0.001}),
        ("boolean x = true", {"type": "boolean", "default": True}),
        (r'String x = "a\\N\"\u0041";', {"type": "string", "default": 'a\\N"A'}),
        ("var x = 0xFF;", {"type": "integer", "default": 255}),
        ("Integer x = null;", {"type": ["integer", "null"], "default": None}),
        ("LocalDate x = LocalDate.of(2013, 1, 31);", {**DATE, "default": "2013-01-31"}),
        (
            'java.time.LocalDate x = LocalDate.parse("2013-01-31");',
            {**DATE, "default": "2013-01-31"},
        ),
        ("LocalDate x = LocalDate.now();", {**DATE, "x-default-expression": "LocalDate.now()"}),
        (
            'List<String> x = List.of("a", "b");',
            {"type": "array", "items": {"type": "string"}, "default": ["a", "b"]},
        ),
        ("int[] x = {1, 2};", {"type": "array", "items": {"type": "integer"}, "default": [1, 2]}),
        (
            "Map<String, Integer> x = new HashMap<String, Integer>();",
            {"type": "object", "x-default-expression": "new HashMap<String, Integer>()"},
        ),
        ("BigDecimal x = null;", {**ANY, "default": None}),
        ("int x = 5; // how many", {"type": "integer", "default": 5, "description": "how many"}),
        (
            "/* how many */\nint x = 5;",
            {"type": "integer", "default": 5, "description": "how many"},
        ),
    ],
)
def test_a_declaration_gives_a_parameter(line: str, expected: dict[str, Any]) -> None:
    """Type, default and explanation are read, not guessed."""
    assert properties(line) == {"x": expected}


def test_other_statements_are_passed_over() -> None:
    """Imports, calls, loops, classes, magics; names that begin with an underscore."""
    source = (
        "%dependency /add a:b:1\nimport java.time.LocalDate;\nint a = 1, b = 2;\nint _c = 3;\n"
        "class A { int x = 1; }\nfor (int i = 0; i < 3; i++) { a += i; }\nfoo(a);\na = 5;\n"
        'return a;\nString text = """\n int y = 1;\n""";\nString must;'
    )
    assert list(properties(source)) == ["a", "b", "text", "must"]
    assert facts(source).schema["required"] == ["must"]


@pytest.mark.parametrize("source", ['int x = "', "int x = (1;", "int x = 1; }", "/* int x = 1;"])
def test_what_is_no_java_says_so(source: str) -> None:
    """It gives no parameters."""
    assert facts(source).parameters == ()
    assert "not valid Java" in str(facts(source).hint)


@given(st.text(alphabet="int x=5;\"'/*<>[](){},.-\\\n", max_size=60))
def test_whatever_stands_in_the_cell_is_survived(source: str) -> None:
    """No text of a notebook breaks the reader, and each name that it finds is in the form."""
    found = facts(source)
    assert {each.name for each in found.parameters} == set(found.schema["properties"])


@pytest.mark.parametrize(
    "source",
    [
        "int x = " + "{" * 50_000 + "}" * 50_000 + ";",
        "int x = " + "9" * 50_000 + ";",
        "List<" * 30_000 + "A" + ">" * 30_000 + " x;",
        "int" + "[]" * 50_000 + " x;",
        "int x = " + "-" * 50_000 + "1;",
    ],
)
def test_a_hostile_cell_is_survived(source: str) -> None:
    """Neither depth nor length matters: nothing else than its one name is ever found."""
    assert {each.name for each in facts(source).parameters} <= {"x"}


def test_values_are_checked_by_the_declared_types() -> None:
    """A wrong type and an unknown name are refused by their field."""
    schema = facts("int n = 1; double rate = 0.5;").schema
    assert check(schema, {"n": 2, "rate": 1}) == {"n": 2, "rate": 1.0}
    with pytest.raises(BadFields) as error:
        check(schema, {"n": "two", "rat": 1})
    assert [each.field for each in error.value.errors] == ["parameters.n", "parameters.rat"]


@pytest.mark.parametrize(
    ("source", "value", "line"),
    [
        ("double x = 1;", 2, "double x = 2.0;"),
        ("float x = 1;", 2, "float x = 2.0f;"),
        ("long x = 1;", 2, "long x = 2L;"),
        ("Integer x = 1;", None, "Integer x = null;"),
        ("List<Long> x = null;", [1], "List<Long> x = java.util.Arrays.asList(1L);"),
        ("List<String> x;", [None], "List<String> x = java.util.Collections.singletonList(null);"),
        ("int[] x = {};", [1, 2], "int[] x = {1, 2};"),
        ("LocalDate x;", "2013-01-31", 'LocalDate x = java.time.LocalDate.parse("2013-01-31");'),
        ("char x = 0;", "a", 'char x = "a".charAt(0);'),
        ("", 2**31, "long x = 2147483648L;"),
        ("", True, "boolean x = true;"),
        ("", None, "Object x = null;"),
        ("var x = 1;", [1, "a"], 'java.util.List<Object> x = java.util.Arrays.asList(1, "a");'),
        ("", float("inf"), "double x = Double.POSITIVE_INFINITY;"),
    ],
)
def test_a_value_is_written_as_the_type_that_is_declared(
    source: str, value: object, line: str
) -> None:
    """A 2 for a `double` divides as one."""
    assert injected(source, x=value) == [line]


@settings(max_examples=50, deadline=None)
@given(st.text())
def test_a_text_stays_one_literal_on_one_line(text: str) -> None:
    """Whatever it holds: quotes, backslashes, ends of lines."""
    nb = parameterize(notebook("String x;"), {"x": text}, kernel="java", language="java")
    literal = nb.cells[1].source.removeprefix("// Parameters\nString x = ").removesuffix(";\n")
    inner = literal[1:-1].replace("\\\\", "").replace('\\"', "")
    assert '"' not in inner
    assert not {"\n", "\r"} & set(inner)


@pytest.mark.parametrize(
    ("parameters", "words"),
    [({"class": 1}, "class"), ({"a b": 1}, "a b"), ({"x": {"k": None}}, "x has a null")],
)
def test_what_java_cannot_take_is_named(parameters: dict[str, Any], words: str) -> None:
    """Before anything is executed."""
    with pytest.raises(ParametersRefused, match=words):
        injected("int n = 1;", **parameters)


def test_a_language_without_words_is_named() -> None:
    """The message says which values, which language and what to do."""
    nb = notebook("val n = 1", "kotlin")
    with pytest.raises(ParametersRefused, match=r"kotlin: n\. Set them in the notebook"):
        parameterize(nb, {"n": 2}, kernel="kotlin", language="kotlin")

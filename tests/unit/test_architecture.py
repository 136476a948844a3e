"""The shape of the code base, as rules that a machine keeps."""

import json
import re
import statistics
import subprocess
import sys
from pathlib import Path

import pytest

from jupyter_orch import __version__

ROOT = Path(__file__).resolve().parents[2]
HARD_LIMIT = 700  # lines of one module
MEDIAN_LIMIT = 150  # lines
#: What `import jupyter_orch` may bring: nothing that a person would wait for.
HEAVY = frozenset(
    {"alembic", "apscheduler", "duckdb", "httpx", "ipywidgets", "jupyter_server", "numpy"}
    | {"pandas", "papermill", "pyarrow", "pydantic", "pyiceberg", "requests", "sqlalchemy"}
    | {"sqlglot", "tornado", "trino"}
)
LINK = re.compile(r"!?\[[^\]]*\]\(([^)\s]+)\)")
#: Written with a bar inside, so that this file does not hold what it looks for.
FORBIDDEN = [
    word.replace("|", "")
    for word in (
        "py|pi.org",
        "files.python|hosted",
        "registry.npm|js",
        "registry.yarn|pkg",
        "repo.maven.|apache",
        "repo1.|maven",
        "/work/|main",
        "/work/|shared",
        "co-authored|-by",
        "clau|de",
        "anthro|pic",
        "chat|gpt",
        "copi|lot",
    )
]


def _tracked() -> list[Path]:
    try:
        listed = subprocess.run(
            ["git", "-C", str(ROOT), "ls-files", "-z"], capture_output=True, text=True, check=True
        ).stdout
    except (OSError, subprocess.CalledProcessError):
        pytest.fail("The rules are held on a Git checkout.")
    return [path for name in listed.split("\0") if name and (path := ROOT / name).is_file()]


TRACKED = _tracked()


def _text(path: Path) -> str:
    try:
        return path.read_text("utf-8")
    except UnicodeDecodeError:
        return ""


def test_imports_point_one_way() -> None:
    """Domain ← ports ← adapters ← service ← wiring ← server and command line."""
    done = subprocess.run(
        [str(Path(sys.executable).parent / "lint-imports"), "--no-cache"],
        cwd=ROOT,
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )
    assert done.returncode == 0, done.stdout + done.stderr


def test_modules_are_small() -> None:
    """A module has one purpose: half of them fit on three screens, none is a book."""
    lines = {
        str(path.relative_to(ROOT)): _text(path).count("\n")
        for path in TRACKED
        if path.suffix in {".py", ".ts", ".tsx"} and path.name != "rest.ts"
    }
    assert {name: count for name, count in lines.items() if count > HARD_LIMIT} == {}
    package = [count for name, count in lines.items() if name.startswith("jupyter_orch/")]
    assert statistics.median(count for count in package if count > 1) <= MEDIAN_LIMIT


@pytest.mark.parametrize(
    "statement",
    ["import jupyter_orch", "import jupyter_orch.kernel.context", "import jupyter_orch.settings"],
)
def test_import_is_light(statement: str) -> None:
    """Every kernel imports us: nothing heavy comes along."""
    done = subprocess.run(
        [sys.executable, "-c", f"import sys, json; {statement}; print(json.dumps([*sys.modules]))"],
        capture_output=True,
        text=True,
        timeout=60,
        check=True,
    )
    assert sorted(HEAVY.intersection(json.loads(done.stdout))) == []


@pytest.mark.parametrize(
    "page", [path for path in TRACKED if path.suffix == ".md"], ids=lambda path: path.name
)
def test_links_of_the_docs_resolve(page: Path) -> None:
    """A link to a file of the repository finds it."""
    broken = []
    for target in LINK.findall(_text(page)):
        where = target.split("#", 1)[0]
        if where and "://" not in where and not where.startswith("mailto:"):
            base = ROOT if where.startswith("/") else page.parent
            if not (base / where.lstrip("/")).exists():
                broken.append(target)
    assert broken == []


def test_no_file_says_what_it_should_not() -> None:
    """No host of a package registry, no path of one machine, no word about how it was written."""
    found = [
        f"{path.relative_to(ROOT)}:{number}: {line.strip()[:100]}"
        for path in TRACKED
        if path.name != "yarn.lock"
        for number, line in enumerate(_text(path).lower().splitlines(), 1)
        if any(word in line for word in FORBIDDEN)
    ]
    assert found == []


def test_sample_notebooks_hold_no_outputs() -> None:
    """A sample shows what it does, not what it did somewhere."""
    for path in sorted((ROOT / "sample_notebooks").glob("*.ipynb")):
        for cell in json.loads(_text(path))["cells"]:
            assert cell.get("outputs", []) == []
            assert cell.get("execution_count") is None


def test_the_changelog_names_this_version() -> None:
    """Users find what changed."""
    changelog = _text(ROOT / "CHANGELOG.md")
    assert "## [Unreleased]" in changelog or f"## [{__version__}]" in changelog


def test_package_and_extension_have_one_version() -> None:
    """The Python package and the JupyterLab extension are released together."""
    package = json.loads(_text(ROOT / "labextension" / "package.json"))
    assert package["version"] == __version__

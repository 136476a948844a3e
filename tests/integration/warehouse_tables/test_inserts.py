"""Who inserts a frame row by row is told what to write instead."""

import warnings
from pathlib import Path

import pandas as pd
import pytest
from trino_fixture import TrinoServer

import jupyter_orch as orch
from jupyter_orch.warehouse.connect import engine

ROWS = [[number] for number in range(101)]


@pytest.fixture(params=["embedded", pytest.param("trino", marks=pytest.mark.trino)])
def either(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """The notebook's settings, for each engine."""
    environ = {"JUPYTER_ORCH__STATE__DIR": str(tmp_path / "state")}
    if request.param == "trino":
        server: TrinoServer = request.getfixturevalue("trino_on_folder")
        environ = dict(server.environ)
    for name, value in environ.items():
        monkeypatch.setenv(name, value)
    cursor = orch.connect().cursor()
    for statement in (
        'CREATE SCHEMA IF NOT EXISTS "default"',
        "DROP TABLE IF EXISTS inserted",
        "CREATE TABLE inserted (n bigint)",
    ):
        cursor.execute(statement).fetchall()


def test_many_values_warn_once_and_name_the_line_to_write(either: None) -> None:
    """`executemany`, and `to_sql` in both of its ways; the rows come all the same."""
    frame = pd.DataFrame(ROWS, columns=["n"])
    cursor = orch.connect().cursor()
    with warnings.catch_warnings(record=True) as told:
        warnings.simplefilter("always")
        frame.to_sql(
            "inserted", engine(), if_exists="append", index=False, method="multi", chunksize=101
        )
    (warning,) = told
    assert 'jupyter_orch.output("inserted", mode="append")' in str(warning.message)
    assert warning.filename == __file__
    assert cursor.execute("SELECT count(*) FROM inserted").fetchall() == [[101]]


def test_executemany_warns_before_it_begins(either: None, monkeypatch: pytest.MonkeyPatch) -> None:
    """Once per call however many rows; few rows are nobody's business."""
    import trino.dbapi

    ran: list[str] = []

    def execute(self: trino.dbapi.Cursor, operation: str, params: object = None) -> object:
        ran.append(operation)
        return real(self, operation, params)

    real = trino.dbapi.Cursor.execute
    cursor = orch.connect().cursor()
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        cursor.executemany("INSERT INTO inserted VALUES (?)", ROWS[:2])
        monkeypatch.setattr(trino.dbapi.Cursor, "execute", execute)
        with pytest.raises(UserWarning, match="101 rows are inserted into inserted by SQL"):
            cursor.executemany("INSERT INTO inserted VALUES (?)", ROWS)
        assert ran == []
        with pytest.raises(UserWarning, match="101 rows"):
            pd.DataFrame(ROWS, columns=["n"]).to_sql(
                "inserted", engine(), if_exists="append", index=False
            )
    assert cursor.execute("SELECT count(*) FROM inserted").fetchall() == [[2]]
